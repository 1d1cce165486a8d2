"""A run in shards: begun or continued, worked off by as many workers as there are, and merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from annotator.cluster.manifest import SHARD_SIZE, Manifest
from annotator.cluster.shard_files import shard_header, shard_numbers
from annotator.cluster.storage import Location, locate
from annotator.cluster.worker import Work, Worker
from annotator.coco.surface_points import PointSampling
from annotator.inference.finder import open_finder
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.photos.formats import FORMATS
from annotator.photos.reading import PhotoError
from annotator.runs.labels_file import check_made_by, describe_model

Progress = Callable[[int, int], None]
"""Called with (photos done, photos in all)."""


@dataclass(frozen=True)
class Part:
    """One of several equal parts of a run's shards, without a word between the jobs that do them.

    Raises:
        ValueError: there is no such part.
    """

    number: int
    """From 1."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"--shard must be K/N with 1 ≤ K ≤ N, not {self.number}/{self.count}")

    def has(self, shard: int) -> bool:
        return shard % self.count == self.number - 1


WHOLE = Part(1, 1)


class ShardedRun:
    """A run whose manifest is written; its shard files lie in ``<out>.shards`` until they are merged.

    A shard whose file is there is done. Whatever else a kill ends is done again, and no file is ever half there.
    """

    def __init__(self, out: str | Path, manifest: Manifest) -> None:
        self.out = locate(out)
        self.manifest = manifest
        self.folder = folder_of(self.out)
        self.shards = self.folder / manifest.key

    def done(self) -> set[int]:
        """Shards whose files are there."""
        return shard_numbers(self.shards.names()) & set(range(len(self.manifest.blocks)))

    def left(self, part: Part = WHOLE) -> list[int]:
        """Shards of a part that are to be done."""
        done = self.done()
        return [i for i in range(len(self.manifest.blocks)) if part.has(i) and i not in done]

    def photos_in(self, shards: list[int]) -> int:
        return sum(map(self.manifest.size_of, shards))

    def work(
        self, network: Network, settings: Settings, sampling: PointSampling, device: str | None = None
    ) -> Work:
        """For the workers of this run; ``device`` is as of :class:`~annotator.inference.network.Network`, on each machine."""
        return Work(
            folder=self.manifest.folder,
            shards=str(self.shards),
            manifest=str(manifest_of(self.folder)),
            described={name: value for name, value in self.manifest.run.items() if name != "photos"},
            settings=settings,
            sampling=sampling,
            model=Path(network.path).absolute(),
            device=device,
        )

    def label(self, work: Work, part: Part = WHOLE, progress: Progress | None = None) -> int:
        """Do what is left of a part here, in this process; the number of photos that were labelled.

        Raises:
            ModelError, OSError: as of :class:`~annotator.cluster.worker.Worker`; what is done stays done.
        """
        left = self.left(part)
        mine = [i for i in range(len(self.manifest.blocks)) if part.has(i)]
        total = self.photos_in(mine)
        count = before = total - self.photos_in(left)
        if not left:
            return 0
        worker = Worker(work)
        if progress:
            progress(count, total)
        for shard in left:
            start = count
            header, photos = shard_header(self.manifest, shard), self.manifest.photos(shard)
            worker.label(header, photos, lambda done, start=start: progress and progress(start + done, total))
            count += len(photos)
            if progress:
                progress(count, total)
        return count - before


def begin(
    photos: str | Path,
    out: str | Path,
    network: Network,
    settings: Settings,
    sampling: PointSampling,
    *,
    overwrite: bool = False,
    shard_size: int = SHARD_SIZE,
) -> ShardedRun | None:
    """Begin a run, or continue the one that is unfinished: that labels the photos that were there when it began.

    Args:
        photos: their folder, a path or URI.
        out: the file to write, a path or URI.
        network, settings, sampling, overwrite: as of :func:`annotator.runs.folder.annotate_folder`.
        shard_size: photos in a shard; an unfinished run keeps its own.

    Returns:
        ``None`` if ``out`` is there and was made of the same photos by the same model and settings.

    Raises:
        FileExistsError: ``out`` is there and was not; says what differs.
        annotator.cluster.manifest.ManifestError: the unfinished run of ``out`` had another model, folder or other settings.
        annotator.photos.reading.PhotoError: no such folder, or no photos in it.
        annotator.inference.network.ModelError: the finder cannot be used.
        ImportError: PyArrow is not installed, which URIs need.
        OSError: the storage is out of reach.
    """
    source, target = locate(photos), locate(out)
    if target.is_folder():
        raise IsADirectoryError(f"{target}: is a folder; name a file to write the labels to")
    model = describe_model(network, open_finder(network, settings), settings, sampling)
    file = manifest_of(folder_of(target))
    is_begun = file.exists()
    if is_begun:
        manifest = Manifest.read(file)
        manifest.check(str(source), model, folder_of(target))
    else:
        manifest = Manifest.of(str(source), source.photos(), model, shard_size)
    if not manifest.count:
        raise PhotoError(f"{source}: no photos in it ({', '.join(FORMATS)})")
    if target.exists() and not overwrite:
        with target.open() as labels:
            check_made_by(manifest.run, labels, str(target))
        if not is_begun:
            folder_of(target).remove()  # what a kill after the merge has left
            return None
    if not is_begun:
        file.write(manifest.to_bytes())
        # Of several jobs that begin at once, all go by the manifest that was written last.
        manifest = Manifest.read(file)
    return ShardedRun(out, manifest)


def folder_of(out: Location) -> Location:
    """Where the manifest and the shard files of a run lie until it is finished."""
    return out + ".shards"


def manifest_of(folder: Location) -> Location:
    return folder / "manifest.jsonl.gz"
