"""All shard files of a run to one COCO-DensePose file, as a stream: memory does not grow with the run."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from annotator.cluster.manifest import Manifest, ManifestError
from annotator.cluster.run import Progress, ShardedRun, folder_of, manifest_of
from annotator.cluster.shard_files import decode_shard, shard_header, shard_name
from annotator.cluster.storage import Local, locate
from annotator.labels.messages import listed
from annotator.photos.atomic_files import make_folder
from annotator.runs.labels_file import (
    FAILURES,
    FAILURES_SUFFIX,
    LABELS,
    FolderSummary,
    move_labels,
    write_labels,
)

AHEAD = 4
"""Shard files that are read before their turn."""


def open_run(out: str | Path) -> ShardedRun:
    """The unfinished run of a file of labels.

    Raises:
        ManifestError: there is none.
    """
    file = manifest_of(folder_of(locate(out)))
    if not file.exists():
        raise ManifestError(
            f"{file}: no such file: there is no unfinished run of {out}; `annotate` begins one"
        )
    return ShardedRun(out, Manifest.read(file))


def merge(run: ShardedRun, progress: Progress | None = None) -> FolderSummary:
    """Write the file of a run, the same as :func:`annotator.runs.folder.annotate_folder` writes of these photos, and
    the list of its failures; then remove its shard files.

    Raises:
        ManifestError: a shard file is missing, damaged or of another run; nothing is written.
        OSError: the file cannot be written.
    """
    if left := run.left():
        names = listed([shard_name(shard) for shard in left])
        raise ManifestError(
            f"{run.shards}: {len(left)} of {len(run.manifest.blocks)} shards are not there ({names}): repeat the "
            "commands of those parts, then merge"
        )
    if isinstance(run.out, Local):
        # On the same disk, where the labels need no second copy.
        make_folder(run.folder.path)
        summary = write_labels(shard_entries(run, progress), run.manifest.run, run.folder.path)
        move_labels(run.folder.path, run.out.path)
    else:
        with tempfile.TemporaryDirectory(prefix="densepose-") as folder:
            summary = write_labels(shard_entries(run, progress), run.manifest.run, Path(folder))
            failures = run.out + FAILURES_SUFFIX
            if summary.failed:
                failures.put(Path(folder, FAILURES))
            else:
                failures.remove()
            run.out.put(Path(folder, LABELS))
    # First: what a kill leaves is then no unfinished run.
    manifest_of(run.folder).remove()
    run.folder.remove()
    return summary


def shard_entries(run: ShardedRun, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
    """Of all photos, in the order of the manifest.

    Raises:
        ManifestError: a shard file is damaged or of another run.
        OSError: one cannot be read.
    """
    done = 0
    for shard, data in _shards(run):
        yield from decode_shard(data, shard_header(run.manifest, shard), run.shards / shard_name(shard))
        done += run.manifest.size_of(shard)
        if progress:
            progress(done, run.manifest.count)


def _shards(run: ShardedRun) -> Iterator[tuple[int, bytes]]:
    """What is in the shard files, a few of which are read ahead."""
    coming: deque[tuple[int, Future[bytes]]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        try:
            for shard in range(len(run.manifest.blocks)):
                coming.append((shard, pool.submit((run.shards / shard_name(shard)).read)))
                if len(coming) > AHEAD:
                    first, data = coming.popleft()
                    yield first, data.result()
            for shard, data in coming:
                yield shard, data.result()
        finally:
            for _, data in coming:
                data.cancel()
