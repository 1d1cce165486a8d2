"""Annotate the photos of a FiftyOne dataset on a Ray cluster: shards first, then their people are written to the samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cluster.dense_entries import decode_people
from annotator.cluster.manifest import Manifest, ManifestError
from annotator.cluster.merge import shard_entries
from annotator.cluster.ray_driver import Resources, label_on_cluster
from annotator.cluster.run import Progress, ShardedRun, folder_of, manifest_of
from annotator.cluster.run_lock import hold
from annotator.cluster.storage import Photo, locate
from annotator.coco.surface_points import PointSampling
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

    The iteration begins when all photos are labelled. A run that is killed goes on with its shards, which lie beside the
    folder of the maps until all people are written.

    Args:
        cluster: address, as of :func:`~annotator.cluster.ray_driver.label_on_cluster`; empty for its default.
        resources: of the workers.
        progress: is called with (photos done, photos in all) while the cluster labels.
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
        progress: Progress | None = None,
        device: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, device="cpu", **options)  # here it is only looked at
        self.cluster, self.resources, self.progress, self.device = cluster, resources, progress, device

    def _results(self, paths: Iterator[str], finder: Finder | None) -> Iterator[Annotated]:
        wanted = list(paths)
        if not wanted:
            return
        photos = [_photo(path) for path in wanted]
        with hold(folder_of(locate(str(self.folder)))):
            run = self._begin(photos, finder)
            work = replace(run.work(self.network, self.settings, SAMPLING, self.device), dense=True)
            label_on_cluster(run, work, self.cluster or None, self.resources, self.progress)
            names, paths = {photo.name for photo in photos}, iter(wanted)
            for entry in shard_entries(run):
                if entry["file_name"] in names:  # an unfinished run has others, too
                    people = decode_people(entry) if "people" in entry else None
                    yield Annotated(Path(next(paths)), people, entry.get("failure"))
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


def _photo(path: str) -> Photo:
    name = os.fsencode(os.path.relpath(path, ROOT)).decode("utf-8", "surrogateescape")
    try:
        return Photo(name, os.stat(path).st_size)
    except (OSError, ValueError):
        return Photo(name, -1)
