"""What the operators do, on a FiftyOne dataset or view: annotate photos, export people, import people.

Each of the three classes is a run: iterating it does the work, one sample per step, and yields how many are
done; ``summary`` then tells what came of it. :data:`annotate_samples`, :data:`export_samples` and
:data:`import_labels` take the same arguments and do all of it at once. Results are saved sample by sample, so a run
that is killed loses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from annotator.coco.file_names import file_names
from annotator.dataset.fields import FieldError, Fields, check_fields, declare_fields
from annotator.dataset.ids import give_ids
from annotator.dataset.info import imported_sections, maps_folder, remember_model, remember_sections
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.dataset.store import StoredSample, StoreError
from annotator.inference.network import DEFAULT_MODEL
from annotator.labels.people import People
from annotator.labels.quality import find_issues
from annotator.photos.reading import PhotoError, photo_size

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.coco.surface_points import PointSampling
    from annotator.inference.settings import Settings

    Samples = fo.core.collections.SampleCollection

Overwrite = Literal["skip", "replace"]
"""What to do with samples that have labels: leave them alone, or put new people in the place of those that no
human has touched."""
_Arguments = ParamSpec("_Arguments")


@dataclass
class Summary:
    """What came of a run."""

    samples: int = 0
    """Samples that were labelled, or written to the file."""
    people: int = 0
    """People that were added, or written to the file."""
    skipped: int = 0
    """Samples left alone: with labels when annotating or importing, without when exporting."""
    kept: int = 0
    """People of a human, which were not overwritten, on the labelled samples."""
    dropped: int = 0
    """New people who are one of those, and so were not added; rejected ones when exporting."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why, by the path of the photo."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; of the failures the number and the first ten."""
        numbers = {name: value for name, value in vars(self).items() if name != "failures"}
        first = [f"{path}: {reason}" for path, reason in list(self.failures.items())[:10]]
        return numbers | {"failed": len(self.failures), "failures": first}


class Annotation:
    """A run of a model over the photos of a dataset or view.

    Args:
        samples: images; a view restricts the run, labels go to the samples of its dataset.
        model: path of an ONNX file.
        prefix: of the names of the label fields.
        settings: of the decoding.
        overwrite: see :data:`Overwrite`. In either case a person that a human has edited, added, deleted,
            approved, rejected or tagged stays as it is.
        maps_dir: folder for the charts', U and V maps; default: ``densepose/<dataset id>/<prefix>`` in
            FiftyOne's default dataset folder.

    Raises:
        FieldError: a prefix or collection that cannot be annotated.
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
        maps_dir: str | Path | None = None,
    ) -> None:
        from annotator.inference.network import Network
        from annotator.inference.settings import Settings

        _check_overwrite(overwrite)
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_fields(samples, self.fields)
        self.network, self.settings = Network(model), settings or Settings()
        declare_fields(self.dataset, self.fields)
        self.folder = maps_folder(self.dataset, prefix, maps_dir)
        labelled = set(self.dataset.exists(self.fields.people).values("id")) if overwrite == "skip" else set()
        samples = list(zip(*samples.values(["id", "filepath"]), strict=True))
        self._todo = [(key, path) for key, path in samples if key not in labelled]
        self.summary = Summary(skipped=len(samples) - len(self._todo))

    def __len__(self) -> int:
        """Samples to annotate."""
        return len(self._todo)

    def __iter__(self) -> Iterator[int]:
        from annotator.inference.pipeline import annotate

        if self._todo:
            remember_model(self.dataset, self.fields.prefix, self.network.path)
        results = annotate([Path(path) for _, path in self._todo], self.network, self.settings)
        for done, ((key, path), result) in enumerate(zip(self._todo, results, strict=True), 1):
            failure = result.failure
            if result.people is not None:
                time = datetime.now(timezone.utc).isoformat(timespec="seconds")
                for person in result.people.people:
                    person.provenance.time = time
                failure = _write(self, key, result.people)
            if failure is not None:
                self.summary.failures[path] = failure
                self.dataset.set_values(self.fields.failure, {key: failure}, key_field="id")
            yield done


class Export:
    """A run that writes the people of a dataset or view to a COCO-DensePose file.

    The file appears, whole, at the end of the iteration. Images and people without an id get one, which is
    saved with them, so that every later file has the same.

    Args:
        samples: the samples; those without labels are left out. People whom a view filters out are not
            written; of the others everything is, whatever the view shows of them.
        path: of the file to write; one that is there is replaced.
        prefix: of the names of the label fields.
        images_dir: folder that ``file_name`` of each image is relative to; default: as of
            :func:`annotator.file_names.file_names`.
        rejected: whether to write rejected people, too.
        sampling: of the surface points of densely labelled people.
        polygons: as of :class:`annotator.coco.writer.CocoWriter`.

    Raises:
        FieldError: there are no labels of that prefix, or two samples have the same photo.
        FileNotFoundError: in the iteration, before anything is written: files of the maps are missing.
    """

    def __init__(
        self,
        samples: Samples,
        path: str | Path,
        *,
        prefix: str = "dp",
        images_dir: str | Path | None = None,
        rejected: bool = False,
        sampling: PointSampling | None = None,
        polygons: bool = False,
    ) -> None:
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_fields(samples, self.fields)
        if not self.dataset.has_sample_field(self.fields.people):
            raise FieldError(
                f"{self.dataset.name!r} has no field {self.fields.people!r}: annotate or import people "
                "first, or choose another prefix"
            )
        self.path, self.rejected = Path(path), rejected
        self.sampling, self.polygons = sampling, polygons
        columns = ["id", "filepath", f"{self.fields.source}.file_name"]
        rows = zip(*self.dataset.exists(self.fields.people).values(columns), strict=True)
        labelled = {key: (path, imported) for key, path, imported in rows}
        photos = {key: labelled[key] for key in samples.values("id") if key in labelled}
        self._names = file_names(photos, images_dir)
        self._hidden = _hidden_people(samples, self.fields)
        self.summary = Summary(skipped=len(samples) - len(photos))

    def __len__(self) -> int:
        """Samples to write."""
        return len(self._names)

    def __iter__(self) -> Iterator[int]:
        from annotator.coco.writer import CocoWriter

        _check_maps(self.dataset, self._names, self.fields)
        give_ids(self.dataset, self.fields)
        sections = imported_sections(self.dataset, self.fields.prefix)
        with CocoWriter(
            self.path, sections=sections, sampling=self.sampling, polygons=self.polygons
        ) as writer:
            for done, (key, name) in enumerate(self._names.items(), 1):
                people = self._read(key)
                if people is None:
                    self.summary.skipped += 1
                else:
                    people.file_name = name
                    writer.add(people)
                    self.summary.samples += 1
                    self.summary.people += len(people.people)
                yield done

    def _read(self, key: str) -> People | None:
        """Of a sample the people to be written; ``None`` if it was deleted since, or its labels were."""
        # Not the view's sample: it may lack parts or fields, and people would seem to be edited.
        stored = StoredSample.load(self.dataset, key, self.fields)
        people = stored and read_people(stored.sample, self.fields)
        if people is None:
            return None
        labels = stored.sample[self.fields.people].detections
        shown = [
            person
            for label, person in zip(labels, people.people, strict=True)
            if label.id not in self._hidden
        ]
        people.people = [p for p in shown if self.rejected or p.provenance.state != "rejected"]
        self.summary.dropped += len(shown) - len(people.people)
        return people


class Import:
    """A run that reads a COCO-DensePose file into a dataset.

    Images that the dataset does not have yet are added. A photo that is missing or has another size than the
    file says is left out and listed among the failures.

    Args:
        dataset: to read into, or the name of a new one, which is made persistent; if the run fails before
            anything is in it, it is deleted.
        path: of the file.
        images_dir: the folder that ``file_name`` of each image is relative to.
        prefix, overwrite, maps_dir: as of :class:`Annotation`.

    Raises:
        FieldError: a prefix or dataset that cannot hold people, or a new name that is taken.
        annotator.coco.reader.CocoError: the file is not valid COCO-DensePose.
        FileNotFoundError: no such file or folder.
    """

    def __init__(
        self,
        dataset: fo.Dataset | str,
        path: str | Path,
        images_dir: str | Path,
        *,
        prefix: str = "dp",
        overwrite: Overwrite = "replace",
        maps_dir: str | Path | None = None,
    ) -> None:
        from annotator.coco.reader import read_sections

        _check_overwrite(overwrite)
        self.path, self.images_dir = Path(path), Path(images_dir).absolute()
        for needed, kind in ((self.path, "file"), (self.images_dir, "folder")):
            if not (needed.is_file() if kind == "file" else needed.is_dir()):
                raise FileNotFoundError(f"{needed}: no such {kind}")
        self.fields, self.overwrite = Fields(prefix), overwrite
        self.sections = read_sections(self.path)
        self._is_new = isinstance(dataset, str)
        self.dataset = _new_dataset(dataset) if self._is_new else dataset
        declare_fields(self.dataset, self.fields)
        self.folder = maps_folder(self.dataset, prefix, maps_dir)
        self.summary = Summary()

    def __iter__(self) -> Iterator[int]:
        try:
            yield from self._import()
        except BaseException:
            # Or its name would be taken when the file is put right and read again.
            if self._is_new and not len(self.dataset):
                self.dataset.delete()
            raise

    def _import(self) -> Iterator[int]:
        import fiftyone as fo

        from annotator.coco.reader import read_coco

        known = {
            _resolved(path): key for path, key in zip(*self.dataset.values(["filepath", "id"]), strict=True)
        }
        labelled = set(self.dataset.exists(self.fields.people).values("id"))
        for done, people in enumerate(read_coco(self.path), 1):
            path = os.path.normpath(self.images_dir / people.file_name)
            place = _resolved(path)
            failure = _mismatch(path, people)
            if failure is None and self.overwrite == "skip" and known.get(place) in labelled:
                self.summary.skipped += 1
            elif failure is None:
                # Those of a file are as good as the labels fit each other.
                for person in people.people:
                    person.issues = find_issues(person)
                if place not in known:
                    known[place] = self.dataset.add_sample(fo.Sample(filepath=path))
                failure = _write(self, known[place], people)
            if failure is not None:
                self.summary.failures[path] = failure
            yield done
        remember_sections(self.dataset, self.fields.prefix, self.sections)


def _at_once(run_of: Callable[_Arguments, Annotation | Export | Import]) -> Callable[_Arguments, Summary]:
    """A function with the arguments of a run that does all of it."""

    @wraps(run_of, assigned=("__doc__",), updated=())
    def do(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Summary:
        run = run_of(*args, **kwargs)
        for _ in run:
            pass
        return run.summary

    return do


annotate_samples = _at_once(Annotation)
"""``annotate_samples(dataset, settings=Settings(flip_augment=True), overwrite="replace")``, say."""
export_samples = _at_once(Export)
"""``export_samples(dataset, "labels.json")``, say."""
import_labels = _at_once(Import)
"""``import_labels("a new dataset", "labels.json", "photos")``, say."""


def _write(run: Annotation | Import, key: str, people: People) -> str | None:
    """Put people in the place of a sample's predictions, however often somebody else saves it meanwhile.

    Returns:
        Why they could not be written; ``None`` if they were.
    """
    try:
        while (stored := StoredSample.load(run.dataset, key, run.fields)) is not None:
            replaced = replace_predictions(stored.sample, people, run.fields, run.folder)
            # People who are kept, too: that they were edited is now written on them.
            changed = {person.id for person in stored.sample[run.fields.people].detections}
            if stored.save(run.dataset, run.fields, changed) is not None:
                run.summary.samples += 1
                run.summary.people += replaced.added
                run.summary.kept += replaced.kept
                run.summary.dropped += replaced.dropped
                _measure(run.dataset, stored.sample)
                return None
    except (FileNotFoundError, StoreError) as error:
        return str(error)
    return "the sample was deleted meanwhile"


def _measure(dataset: fo.Dataset, sample: fo.Sample) -> None:
    """Save the size of a photo where it is not known."""
    import fiftyone as fo

    if sample.metadata is None or not sample.metadata.width:
        metadata = fo.ImageMetadata.build_for(sample.filepath)
        dataset.set_values("metadata", {sample.id: metadata}, key_field="id")


def _new_dataset(name: str) -> fo.Dataset:
    import fiftyone as fo

    if fo.dataset_exists(name):
        raise FieldError(f"there is a dataset {name!r} already: choose another name")
    return fo.Dataset(name, persistent=True)


def _check_overwrite(overwrite: str) -> None:
    if overwrite not in ("skip", "replace"):
        raise ValueError(f"overwrite: {overwrite!r} is neither 'skip' nor 'replace'")


def _mismatch(path: str, people: People) -> str | None:
    """Why labels cannot be those of this photo."""
    if not os.path.exists(path):
        return "no such photo"
    try:
        size = photo_size(path)
    except PhotoError as error:
        return str(error)
    if size != people.size:
        return "the photo has {} × {} pixels, the labels are for {} × {}".format(*size, *people.size)
    return None


def _resolved(path: str) -> str:
    """The path without links among its folders; a photo that is a link itself stays apart from its target."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _hidden_people(samples: Samples, fields: Fields) -> set[str]:
    """Ids of people's labels that a view does not show, those of other samples among them."""
    path = f"{fields.people}.detections.id"
    if not samples.has_sample_field(fields.people):
        return set()
    return set(samples._dataset.values(path, unwind=True)) - set(samples.values(path, unwind=True))


def _check_maps(dataset: fo.Dataset, keys: Collection[str], fields: Fields) -> None:
    """
    Raises:
        FileNotFoundError: files of the maps of samples with these ids are missing; names the photos.
    """
    columns = ["id", "filepath", f"{fields.charts}.mask_path", f"{fields.u}.map_path", f"{fields.v}.map_path"]
    missing = {
        photo: file
        for key, photo, *files in zip(*dataset.exists(fields.charts).values(columns), strict=True)
        for file in files
        if key in keys and file and not os.path.exists(file)
    }
    if missing:
        first = ", ".join(f"{photo} ({file})" for photo, file in list(missing.items())[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise FileNotFoundError(
            f"files of charts, U or V are missing, of {first}{more}: bring them back, or export a view without "
            "these photos"
        )
