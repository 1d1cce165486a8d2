"""A shard file: the labels of a shard's photos, gzip of JSON Lines, written whole or not at all.

The first line is the header: which shard of which run it is, and which model made it. Then one line per photo, in the order of
the manifest, as of :func:`annotator.runs.labels_file.photo_entry`.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from annotator.cluster.manifest import Manifest, ManifestError
from annotator.cluster.storage import Location
from annotator.runs.differences import differences

_NAME = re.compile(r"shard-(\d+)\.jsonl\.gz")
LEVEL = 3
"""Of compression: twice as fast as the usual 6, and a twentieth larger."""


def shard_name(shard: int) -> str:
    return f"shard-{shard:06}.jsonl.gz"


def attempt_file(shards: Location, shard: int) -> Location:
    """The notes of :class:`~annotator.cluster.attempts.Attempt`, not where finished shards are listed."""
    return (shards + ".attempts") / f"{shard:06}.json"


def shard_numbers(names: Iterable[str]) -> set[int]:
    """The shards of which there are files, given the names of all files in their folder."""
    return {int(match[1]) for name in names if (match := _NAME.fullmatch(name))}


def shard_header(manifest: Manifest, shard: int) -> dict[str, Any]:
    return {
        "run": manifest.key,
        "model": manifest.run["model"]["model_id"],
        "shard": shard,
        "photos": manifest.size_of(shard),
    }


def encode_shard(header: dict[str, Any], entries: Iterable[dict[str, Any]]) -> bytes:
    """The contents of a shard file."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (header, *entries))
    return gzip.compress(text.encode(), LEVEL, mtime=0)


def decode_shard(data: bytes, header: dict[str, Any], location: Location) -> Iterator[dict[str, Any]]:
    """The entries of a shard file.

    Args:
        data: what is in it.
        header: as it must have.
        location: of the file, for messages.

    Raises:
        ManifestError: it is damaged, or of another run; in the iteration, too.
    """
    repair = "delete it and repeat the run, which labels its photos again"
    try:
        lines = gzip.decompress(data).splitlines()
        if different := differences(json.loads(lines[0]), header):
            raise ManifestError(f"{location}: is not of this run ({different}): {repair}")
        if len(lines) != header["photos"] + 1:
            raise EOFError
        for line in lines[1:]:
            yield json.loads(line)
    except (OSError, EOFError, zlib.error, IndexError, ValueError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"{location}: is damaged: {repair}") from None
