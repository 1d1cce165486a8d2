"""The base class of the runs over a FiftyOne dataset (annotate, export, import), their summary, and how people are written
to a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from annotator.dataset.fields import Fields, require_fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.sample_people import replace_predictions
from annotator.dataset.store import StoredSample, StoreError

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.labels.people import People

Overwrite = Literal["skip", "replace"]
"""What to do with samples that have labels: leave them alone, or replace the predicted people that nobody reviewed."""
_Arguments = ParamSpec("_Arguments")


@dataclass
class Summary:
    """Counts of a run."""

    samples: int = 0
    """Samples that were labelled, or written to the file."""
    people: int = 0
    """People that were added, or written to the file."""
    removed: int = 0
    """Predicted people that nobody had reviewed and that were removed: the new ones replace them."""
    skipped: int = 0
    """Samples left alone: with labels when annotating or importing, without labels when exporting."""
    kept: int = 0
    """Reviewed people on the labelled samples, which were not overwritten."""
    dropped: int = 0
    """New people who overlap one of those and were not added; when exporting, rejected people."""
    other_classes: dict[str, int] = field(default_factory=dict)
    """Annotations of an imported file that are of no person and were passed over, by the name of their category."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a photo failed, by its path."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the counts, the number of failures, and the first ten of them."""
        counts = {name: value for name, value in vars(self).items() if name != "failures"}
        first = [f"{path}: {reason}" for path, reason in list(self.failures.items())[:10]]
        return counts | {"failed": len(self.failures), "failures": first}


class DatasetRun(ABC):
    """A run over the samples of a dataset.

    The constructor checks its arguments and writes nothing. Iterating does the work, one sample per step, and yields
    the number of samples done; :meth:`run` does all of it. Every sample is saved by itself, so that a run that is
    killed loses nothing, and a failure before the first step leaves no trace. If the dataset or its fields are deleted
    meanwhile, the iteration ends with a :class:`~annotator.dataset.fields.FieldError`.
    """

    summary: Summary

    @abstractmethod
    def __iter__(self) -> Iterator[int]: ...

    def run(self, progress: Callable[[int], None] | None = None) -> Summary:
        """Do all of it.

        Args:
            progress: called with the number of samples done after each.
        """
        for done in self:
            if progress:
                progress(done)
        return self.summary


def as_function(kind: Callable[_Arguments, DatasetRun]) -> Callable[_Arguments, Summary]:
    """A function that takes the arguments of a run and does all of it."""

    @wraps(kind, assigned=("__doc__",), updated=())
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Summary:
        return kind(*args, **kwargs).run()

    return run


def check_overwrite(overwrite: str) -> None:
    """
    Raises:
        ValueError: it is none of :data:`Overwrite`.
    """
    if overwrite not in ("skip", "replace"):
        raise ValueError(f"overwrite: {overwrite!r} is neither 'skip' nor 'replace'")


def labelled_samples(dataset: fo.Dataset, fields: Fields) -> set[str]:
    """Ids of the samples that have people, none where the fields are not declared yet."""
    return (
        set(dataset.exists(fields.people).values("id")) if dataset.has_sample_field(fields.people) else set()
    )


def write_people(
    dataset: fo.Dataset, sample_id: str, people: People, fields: Fields, folder: Path, summary: Summary
) -> str | None:
    """Replace the predictions of a sample that nobody reviewed, however often it is saved by others meanwhile.

    Args:
        folder: of the maps, see :func:`annotator.dataset.info.maps_folder`.
        summary: counts what was written.

    Returns:
        Why the people could not be written; ``None`` if they were.

    Raises:
        FieldError: the dataset or its fields were deleted meanwhile.
    """
    try:
        require_fields(dataset, fields.names)
        while (stored := StoredSample.load(dataset, sample_id, fields)) is not None:
            replaced = replace_predictions(stored.sample, people, fields, folder)
            # Also those that were kept: if another tool has edited them, they are marked as edited now.
            changed = {person.id for person in stored.sample[fields.people].detections}
            if stored.save(dataset, fields, changed) is not None:
                summary.samples += 1
                summary.people += replaced.added
                summary.removed += replaced.removed
                summary.kept += replaced.kept
                summary.dropped += replaced.dropped
                _save_size(dataset, stored.sample, people.size)
                return None
    except (FileNotFoundError, LabelError, StoreError) as error:
        return str(error)
    return "the sample was deleted meanwhile"


def _save_size(dataset: fo.Dataset, sample: fo.Sample, size: tuple[int, int]) -> None:
    """Save the photo's width and height in the sample's metadata, also in the place of FiftyOne's own, which are
    those of the upright photo for JPEGs only."""
    import fiftyone as fo

    metadata = sample.metadata
    if metadata is None or (metadata.width, metadata.height) != size:
        metadata = metadata or fo.ImageMetadata.build_for(sample.filepath)
        metadata.width, metadata.height = size
        dataset.set_values("metadata", {sample.id: metadata}, key_field="id")
