"""Annotate the photos of a FiftyOne dataset on a Ray cluster: shards first, then their people are written to the samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cluster.dense_entries import decode_people
from annotator.cluster.manifest import Manifest, ManifestError
from annotator.cluster.merge import shard_entries
from annotator.cluster.ray_driver import Resources, label_on_cluster
from annotator.cluster.run import ShardedRun, folder_of, manifest_of
from annotator.cluster.run_lock import hold
from annotator.cluster.storage import Photo, locate
from annotator.coco.surface_points import PointSampling
from annotator.inference.finder import open_finder
from annotator.inference.pipeline import Annotated
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.labels_file import describe_model

if TYPE_CHECKING:
    from annotator.inference.finder import Finder

ROOT = "/"
"""The folder of all photos of a dataset: their paths are absolute."""
SAMPLING = PointSampling()
"""Of no surface point: the maps are kept."""


class ClusterAnnotation(Annotation):
    """As :class:`~annotator.runs.dataset_annotation.Annotation`, on a cluster whose machines all have the photos, and the folder
    of the maps, under the same paths as this one.

    The iteration counts the photos twice: while the cluster labels them, shard by shard, and then while their people are
    written. A run that is killed goes on with its shards, which lie beside the folder of the maps until all people are written.

    Args:
        cluster: address, as of :func:`~annotator.cluster.ray_driver.label_on_cluster`; empty for its default.
        resources: of the workers.
        device: of the workers; this machine needs none.

    Raises:
        ClusterError, ImportError: in the iteration, as of that function.
        ManifestError: in the iteration, another run is at work on the folder.
    """

    def __init__(
        self,
        *arguments: Any,
        cluster: str = "",
        resources: Resources | None = None,
        device: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, device="cpu", **options)  # here it is only looked at
        self.cluster, self.resources, self.device = cluster, resources, device
        self._is_writing = False

    def describe(self, done: int) -> str:
        return f"{done} of {len(self)} photos {'written' if self._is_writing else 'labelled on the cluster'}"

    def __iter__(self) -> Iterator[int]:
        self._is_writing = False
        paths = list(self._photos())
        finder = open_finder(self.network, self.settings)
        if not paths:
            yield from self._save_all((result for result in ()), finder)
            return
        photos = [_photo(path) for path in paths]
        with hold(folder_of(locate(str(self.folder)))):
            run = self._begin(photos, finder)
            work = replace(run.work(self.network, self.settings, SAMPLING, self.device), dense=True)
            others = run.manifest.count - len(photos)  # of an unfinished run, which has written them
            with closing(label_on_cluster(run, work, self.cluster or None, self.resources)) as labelled:
                for done in labelled:
                    yield max(done - others, 0)
            self._is_writing = True
            yield from self._save_all(_results(run, photos, paths), finder)
            run.folder.remove()

    def _begin(self, wanted: list[Photo], finder: Finder | None) -> ShardedRun:
        """The unfinished run if it has all these photos in this order, or else a new one."""
        out = str(self.folder)
        folder = folder_of(locate(out))
        model = describe_model(self.network, finder, self.settings, SAMPLING) | {"dense": True}
        names = {photo.name for photo in wanted}
        try:
            manifest = Manifest.read(manifest_of(folder))
            manifest.check(ROOT, model, folder)
            shards = range(len(manifest.blocks))
            known = [photo for i in shards for photo in manifest.photos(i) if photo.name in names]
            if known == wanted:
                return ShardedRun(out, manifest)
        except (FileNotFoundError, ManifestError):
            pass
        folder.remove()
        manifest = Manifest.of(ROOT, wanted, model)
        manifest_of(folder).write(manifest.to_bytes())
        return ShardedRun(out, manifest)


def _results(run: ShardedRun, photos: list[Photo], paths: list[str]) -> Iterator[Annotated]:
    """What has become of these photos of a run, which has them in this order."""
    names, left = {photo.name for photo in photos}, iter(paths)
    for entry in shard_entries(run):
        if entry["file_name"] in names:
            people = decode_people(entry) if "people" in entry else None
            yield Annotated(Path(next(left)), people, entry.get("failure"), is_followed=True)


def _photo(path: str) -> Photo:
    name = os.fsencode(os.path.relpath(path, ROOT)).decode("utf-8", "surrogateescape")
    try:
        return Photo(name, os.stat(path).st_size)
    except (OSError, ValueError):
        return Photo(name, -1)
