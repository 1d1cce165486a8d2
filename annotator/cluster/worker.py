"""The worker: labels the photos of one shard after another, with the pipeline of a folder run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from annotator.cluster.attempts import REASON, Attempt
from annotator.cluster.dense_entries import encode_people
from annotator.cluster.fetching import Fetcher
from annotator.cluster.shard_files import attempt_file, encode_shard, shard_name
from annotator.cluster.storage import Local, Photo, locate
from annotator.coco.surface_points import PointSampling
from annotator.inference.finder import DEFAULT_FINDER, Finder, finder_beside
from annotator.inference.network import DEFAULT_MODEL, ModelError, Network, run_blank
from annotator.inference.pipeline import Annotated, annotate
from annotator.inference.pose_estimator import DEFAULT_POSE_ESTIMATOR, pose_estimator_beside
from annotator.inference.settings import Settings
from annotator.photos.reading import PhotoError
from annotator.runs.differences import differences
from annotator.runs.labels_file import describe_model, failed_photo, photo_entry, same_photo


@dataclass(frozen=True)
class Work:
    """What every worker of a run is given."""

    folder: str
    """Of the photos, as :func:`~annotator.cluster.storage.locate` takes it."""
    shards: str
    """Folder of the shard files."""
    manifest: str
    """The manifest's file."""
    described: dict[str, Any]
    """Of :func:`~annotator.runs.labels_file.describe_model`: what a worker's model must be."""
    settings: Settings
    sampling: PointSampling
    model: Path
    """Its file; of those of other machines only the name."""
    files: dict[str, bytes] = field(default_factory=dict)
    """The model's, by name, and a finder's and a pose estimator's beside it, for machines that do not have them; none for the
    package's own."""
    device: str | None = None
    """As of :class:`~annotator.inference.network.Network`."""
    threads: int = 0
    """CPU threads of the network; 0 for one per core."""
    dense: bool = False
    """Whether the entries are those of :mod:`annotator.cluster.dense_entries`, for a dataset."""

    def for_others(self, threads: int) -> Work:
        """The same for workers on other machines, whose package is in another place.

        Args:
            threads: as :attr:`threads`.
        """
        files = {}
        if self.model != DEFAULT_MODEL:
            files[self.model.name] = self.model.read_bytes()
            for beside in (finder_beside(self.model), pose_estimator_beside(self.model)):
                if beside not in (DEFAULT_FINDER, DEFAULT_POSE_ESTIMATOR):
                    files[beside.name] = beside.read_bytes()
        settings = replace(self.settings, workers=self.settings.workers or threads or None)
        return replace(self, settings=settings, model=Path(self.model.name), files=files, threads=threads)


@dataclass(frozen=True)
class Receipt:
    """What became of a shard, once its file is written."""

    shard: int
    photos: int
    people: int
    failed: int


class Worker:
    """A model, and what it is to do.

    Raises:
        ModelError: the model cannot be used, or is not that of the run.
    """

    def __init__(self, work: Work) -> None:
        self.work, self.settings = work, work.settings
        self._files = tempfile.TemporaryDirectory(prefix="densepose-model-")
        model = work.model if work.model.is_absolute() else DEFAULT_MODEL
        for name, data in work.files.items():
            Path(self._files.name, name).write_bytes(data)
            model = Path(self._files.name, work.model.name)
        self.network = Network(model, work.device, work.threads)
        self.finder = (
            Finder(finder_beside(model), work.device, work.threads) if work.settings.uses_finder else None
        )
        mine = describe_model(self.network, self.finder, work.settings, work.sampling)
        wanted = {name: work.described[name] for name in mine}
        if different := differences(json.loads(json.dumps(mine)), json.loads(json.dumps(wanted))):
            raise ModelError(
                f"this machine's model is not that of the run ({different}): install the same version of "
                "densepose-annotator on all machines"
            )
        self.shards = locate(work.shards)
        self.fetcher = Fetcher(locate(work.folder), locate(work.manifest))

    def label(
        self, header: dict[str, Any], photos: list[Photo], progress: Callable[[int], object] | None = None
    ) -> Receipt:
        """Label a shard and write its file; one that is there by then stays. Photos at which workers have died are failures.

        Args:
            header: of the file.
            photos: of the shard.
            progress: called with the number of photos that were labelled.

        Raises:
            ModelError: a model fails for good.
            OSError: the shard cannot be written, or the photos are out of reach.
        """
        progress = progress or (lambda done: None)
        attempt = Attempt(attempt_file(self.shards, header["shard"]))
        try:
            if attempt.is_careful:
                found = self._entries_one_by_one(photos, progress, attempt)
            else:
                found = self._entries(photos, progress)
            entries = [found[photo.name] for photo in photos]
            file = self.shards / shard_name(header["shard"])
            if not file.exists():  # a worker whose driver was killed may have finished it meanwhile
                file.write(encode_shard(header, entries))
        except BaseException:
            attempt.stop()
            raise
        return Receipt(
            header["shard"],
            len(entries),
            sum(len(entry.get("annotations", entry.get("people", ()))) for entry in entries),
            sum("failure" in entry for entry in entries),
        )

    def _entries_one_by_one(
        self, photos: list[Photo], progress: Callable[[int], object], attempt: Attempt
    ) -> dict[str, dict[str, Any]]:
        """As :meth:`_entries`, with no more than one photo in hand."""
        for model in filter(None, (self.network, self.finder)):
            run_blank(model)  # if that kills a worker, it is no photo's fault
        entries = {name: failed_photo(name, REASON) for name in attempt.given_up}
        for photo in attempt.order(photos):
            attempt.note(photo.name)
            entries |= self._entries([photo], lambda _: None)
            progress(len(entries))
        attempt.note(None)
        return entries

    def _entries(self, photos: list[Photo], progress: Callable[[int], object]) -> dict[str, dict[str, Any]]:
        """Of each photo, by its name."""
        entries = {photo.name: same_photo(photo.name, photo.same_as) for photo in photos if photo.same_as}
        names: dict[Path, str] = {}

        def paths(folder: str) -> Iterator[Path]:
            for photo, path in self.fetcher.fetch(
                (photo for photo in photos if not photo.same_as), Path(folder)
            ):
                if isinstance(path, PhotoError):
                    entries[photo.name] = failed_photo(photo.name, str(path))
                else:
                    names[path] = photo.name
                    yield path

        def encode(result: Annotated) -> dict[str, Any]:
            name = names[result.path]
            if self.work.dense and result.people is not None:
                return {"file_name": name} | encode_people(result.people)
            return photo_entry(name, result, self.work.sampling)

        is_fetched = not isinstance(self.fetcher.folder, Local)
        with (
            tempfile.TemporaryDirectory(prefix="densepose-photos-") as folder,
            closing(paths(folder)) as files,
            closing(annotate(files, self.network, self.settings, self.finder, encode)) as results,
        ):
            for result in results:
                entries[names[result.path]] = result.encoded
                if is_fetched:
                    result.path.unlink()
                progress(len(entries))
        return entries
