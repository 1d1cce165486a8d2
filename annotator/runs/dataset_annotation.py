"""Annotate the photos of a FiftyOne dataset: a model's people are written to its samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields, check_fields, declare_fields, require_fields
from annotator.dataset.info import maps_folder, remember_model, remember_run, remember_settings
from annotator.dataset.label_checks import LabelError, check_document
from annotator.dataset.photo_file import file_stamp, find_change, photo_or_known
from annotator.dataset.second_labels import check_new_prefix
from annotator.dataset.store import find_without_masks, write_values
from annotator.dataset.stored_photos import chosen_photos, stored_photos
from annotator.inference.network import DEFAULT_MODEL
from annotator.photos.reading import PhotoError
from annotator.runs.dataset_run import (
    Changed,
    DatasetRun,
    Overwrite,
    Summary,
    as_function,
    check_overwrite,
    summarizing,
    touched_samples,
)
from annotator.runs.people_writing import handfuls, write_people
from annotator.team.stages import finished_samples

if TYPE_CHECKING:
    from annotator.dataset.store import Samples
    from annotator.inference.finder import Finder
    from annotator.inference.network import Network
    from annotator.inference.pipeline import Annotated
    from annotator.inference.pose_estimator import PoseEstimator
    from annotator.inference.settings import Settings
    from annotator.labels.people import People


class Annotation(DatasetRun):
    """A run of a model over the photos of a dataset or view.

    Photos that cannot be read are listed in the summary's failures, and their reason in the field
    ``<prefix>_failure``.

    Args:
        samples: images; a view restricts the run, labels go to the samples of its dataset.
        model: path of an ONNX file.
        prefix: of the names of the label fields.
        settings: of inference.
        overwrite: see :data:`~annotator.runs.dataset_run.Overwrite`. In either case a person that somebody edited,
            added, approved, rejected or tagged stays as it is, and one that somebody deleted does not come back.
        changed: what to do with photos whose file has changed since they were labelled, also of those with labels, see
            :data:`~annotator.runs.dataset_run.Changed`.
        maps_dir: folder for the charts', U and V maps; default: ``densepose/<dataset id>/<prefix>`` in
            FiftyOne's default dataset folder.
        device: where the network runs, see :class:`~annotator.inference.network.Network`.

    Raises:
        FieldError: a prefix or collection that cannot be annotated.
        DeviceError: there is no such device here.
        ImportError: ONNX Runtime is not installed.
        annotator.inference.network.ModelError: the model cannot be used.
    """

    def __init__(
        self,
        samples: Samples,
        model: str | Path = DEFAULT_MODEL,
        *,
        prefix: str = "dp",
        settings: Settings | None = None,
        overwrite: Overwrite = "skip",
        changed: Changed = "refuse",
        maps_dir: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        from annotator.inference.network import Network
        from annotator.inference.settings import Settings

        check_overwrite(overwrite, changed)
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_fields(samples, self.fields)
        check_new_prefix(self.dataset, self.fields)
        self.network, self.settings = Network(model, device), settings or Settings()
        self.folder, self._maps_dir = maps_folder(self.dataset, prefix, maps_dir), maps_dir
        self.changed = changed
        is_skipping = overwrite == "skip"
        stored = stored_photos(self.dataset, self.fields)
        photos = {key: stored[key] for key in chosen_photos(samples, stored)}
        finished = set() if is_skipping else finished_samples(self.dataset, self.fields)
        left_alone = {
            key: photo
            for key, photo in photos.items()
            if (photo.is_labelled if is_skipping else key in finished)
        }
        self._touched = touched_samples(self.dataset, self.fields, left_alone)
        self._todo = [
            (key, photo.path)
            for key, photo in photos.items()
            if key not in left_alone or key in self._touched
        ]
        self._taken: deque[_Taken] = deque()
        self.summary = Summary(skipped=len(photos) - len(self._todo))

    def __len__(self) -> int:
        """Samples to annotate, and those with labels whose photo may have changed."""
        return len(self._todo)

    def __iter__(self) -> Iterator[int]:
        from annotator.inference.finder import open_finder
        from annotator.inference.pipeline import annotate

        finder = open_finder(self.network, self.settings)
        yield from self._save_all(annotate(self._photos(), self.network, self.settings, finder), finder)

    @summarizing
    def _save_all(self, results: Iterator[Annotated], finder: Finder | None) -> Iterator[int]:
        """Write what has become of the photos of :meth:`_photos`, in their order; the number of samples done."""
        if not self._todo:
            # A dataset in which nothing is left to annotate may be the clone of a view, which has no other fields.
            declare_fields(self.dataset, self.fields)
        done = 0
        with closing(results):
            labelled = ((self._taken.popleft(), result) for result in results)
            for handful in handfuls(labelled, _people, lambda photo: photo[1].is_followed):
                if not done:
                    self._declare(finder)  # only now that the model has run
                failures = self._save(handful)
                if failures:
                    write_values(self.dataset, failures, self.fields.failure)
                for photo, _ in handful:
                    if photo.key in failures:
                        self.summary.failures[photo.path] = failures[photo.key]
                for photo, _ in handful:
                    done = photo.number
                    yield done
        if done < len(self):
            yield len(self)  # the last ones have not changed

    def _declare(self, finder: Finder | None) -> None:
        """Declare the fields, and remember what the labels are made with."""
        from annotator.inference.pose_estimator import open_pose_estimator

        pose = open_pose_estimator(self.network, self.settings)
        require_fields(self.dataset)
        declare_fields(self.dataset, self.fields)
        prefix, settings = self.fields.prefix, asdict(self.settings)
        remember_model(self.dataset, prefix, self.network.path)
        remember_settings(self.dataset, prefix, settings, self._maps_dir)
        run = _described(self.network) | {
            "finder": finder and _described(finder),
            "pose_estimator": pose and _described(pose),
            "settings": settings,
        }
        remember_run(self.dataset, prefix, run)

    def _photos(self) -> Iterator[str]:
        """The paths of the photos to annotate, each of which is taken; of those with labels, the changed ones."""
        self._taken.clear()
        for number, (key, path) in enumerate(self._todo, 1):
            if key in self._touched and not self._is_changed(key, path):
                self.summary.skipped += 1
            else:
                self._taken.append(_Taken(number, key, path, _stamp(path)))
                yield path

    def _is_changed(self, key: str, path: str) -> bool:
        """Whether a photo with labels is not the one that was labelled. If it only was touched, that is remembered."""
        document = find_without_masks(self.dataset, key, self.fields)
        try:
            check_document(document or {}, self.fields)
            source = (document or {}).get(self.fields.source)
            if find_change(path, source) is not None:
                return True
            if source and source.get("photo"):
                photo = {key: photo_or_known(path, source["photo"])}
                write_values(self.dataset, photo, f"{self.fields.source}.photo")
        except (LabelError, PhotoError):
            pass  # a photo with labels, which is left alone
        return False

    def _save(self, handful: list[tuple[_Taken, Annotated]]) -> dict[str, str]:
        """Write the people of samples; why there are none, by the ids of the samples."""
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        people: dict[str, People] = {}
        reasons: dict[str, str] = {}
        for photo, result in handful:
            if result.people is None:
                reasons[photo.key] = result.failure
            elif _stamp(photo.path) != photo.stamp:
                reasons[photo.key] = "the photo was changed while it was labelled: annotate it again"
            else:
                people[photo.key] = result.people
                for person in result.people.people:
                    person.provenance.time = time
        return reasons | write_people(
            self.dataset, people, self.fields, self.folder, self.summary, self.changed
        )


@dataclass(frozen=True)
class _Taken:
    """A photo on its way through the model."""

    number: int
    """Among the run's photos, from 1."""
    key: str
    path: str
    stamp: tuple[int, int] | None
    """Of its file, before it was read."""


def _people(photo: tuple[_Taken, Annotated]) -> People | None:
    return photo[1].people


def _described(model: Network | Finder | PoseEstimator) -> dict[str, str]:
    return {"id": model.info.model_id, "license": model.info.license}


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        return file_stamp(path)
    except PhotoError:
        return None


annotate_samples = as_function(Annotation)
"""``annotate_samples(dataset, settings=Settings(flip_augment=True), overwrite="replace")``, say."""
