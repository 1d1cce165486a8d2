"""The base class of the runs over a FiftyOne dataset (annotate, export, import), and their summary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from annotator.dataset.fields import Fields
from annotator.dataset.photo_file import file_stamp
from annotator.dataset.photo_index import Summaries
from annotator.dataset.store import object_ids
from annotator.dataset.stored_photos import AT_ONCE, StoredPhoto
from annotator.photos.reading import PhotoError

if TYPE_CHECKING:
    import fiftyone as fo


Overwrite = Literal["skip", "replace"]
"""What to do with samples that have labels: leave them alone, or replace the predicted people that nobody reviewed."""
Changed = Literal["refuse", "relabel"]
"""What to do with photos whose file has changed since a human made, changed or decided labels there: leave them alone, as a
failure, or replace all labels, also these. One that only a model has labelled is labelled anew in either case."""
RELABEL = "look at it in the review panel, or have it labelled anew, which deletes what humans did there"
"""What to do about a photo that has changed."""
SUMMARIZE_EVERY = 1000
"""Samples that a run writes before it has the database summarize them: who opens the review after it waits for the last ones only."""
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
    """Samples left alone: with labels, or reviewed by a team, when annotating or importing; without labels when exporting."""
    kept: int = 0
    """Reviewed people on the labelled samples, which were not overwritten."""
    dropped: int = 0
    """New people who overlap one of those and were not added; when exporting, people who are not written, in other states than the
    chosen ones or on photos that are left out."""
    unfinished: int = 0
    """When exporting: photos left out since somebody on them has not been reviewed as the choice asks, or nobody has said
    that nobody is there."""
    all_left_out: int = 0
    """When exporting: photos left out since all people on them are: they would seem to show nobody."""
    other_classes: dict[str, int] = field(default_factory=dict)
    """Annotations of an imported file that are of no person and were passed over, by the name of their category."""
    lost: dict[str, int] = field(default_factory=dict)
    """Of how many people labels of a kind, in words, were left out, since the format has no place for them; when importing, are
    gone with the people who were replaced, since the file has others that they do not fit."""
    changed: list[str] = field(default_factory=list)
    """Paths of photos that have changed since they were labelled: they were labelled anew; when exporting, they have the
    same size as then and were written all the same."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a photo failed, by its path."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the counts, the numbers of changed photos and failures, and the first ten of each."""
        counts = {name: value for name, value in vars(self).items() if name not in ("changed", "failures")}
        counts |= {"changed": len(self.changed), "changed_photos": self.changed[:10]}
        first = [f"{path}: {reason}" for path, reason in list(self.failures.items())[:10]]
        return counts | {"failed": len(self.failures), "failures": first}


class DatasetRun(ABC):
    """A run over the samples of a dataset.

    The constructor checks its arguments and writes nothing. Iterating does the work, one sample per step, and yields
    the number of samples done; :meth:`run` does all of it. What is counted as done is saved, so that a run that is killed
    loses no more than the handful in hand, and a failure before the first step leaves no trace. If the dataset or its fields are deleted
    meanwhile, the iteration ends with a :class:`~annotator.dataset.fields.FieldError`.
    """

    summary: Summary

    @abstractmethod
    def __iter__(self) -> Iterator[int]: ...

    def describe(self, done: int) -> str:
        """What the last number that was yielded means, in words; empty if it is samples that are done."""
        return ""

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


_Run = TypeVar("_Run", bound=DatasetRun)


def summarizing(
    steps: Callable[Concatenate[_Run, _Arguments], Iterator[int]],
) -> Callable[Concatenate[_Run, _Arguments], Iterator[int]]:
    """The steps of a run with ``dataset`` and ``fields``, so that the summaries of its samples are made along with their
    labels."""

    @wraps(steps)
    def iterate(run: _Run, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Iterator[int]:
        summarized = 0
        with closing(steps(run, *args, **kwargs)) as running:
            for done in running:
                if done - summarized >= SUMMARIZE_EVERY:
                    summarized = done
                    # All photos so far may have failed, so that there are no labels yet.
                    if run.dataset is not None and run.dataset.has_sample_field(run.fields.people):
                        Summaries(run.dataset, run.fields)
                yield done

    return iterate


def check_overwrite(overwrite: str, changed: str = "refuse") -> None:
    """
    Raises:
        ValueError: it is none of :data:`Overwrite`, or ``changed`` none of :data:`Changed`.
    """
    if overwrite not in ("skip", "replace"):
        raise ValueError(f"overwrite: {overwrite!r} is neither 'skip' nor 'replace'")
    if changed not in ("refuse", "relabel"):
        raise ValueError(f"changed: {changed!r} is neither 'refuse' nor 'relabel'")


def touched_samples(dataset: fo.Dataset, fields: Fields, photos: Mapping[str, StoredPhoto]) -> set[str]:
    """Ids of the samples, among these, whose photo may not be the one that was labelled: its file has been touched since, or
    there is nothing but its size to tell."""
    touched, unknown = set(), []
    for key, photo in photos.items():
        if photo.stamp is None:
            unknown.append(key)
            continue
        with suppress(PhotoError):  # there is no such photo
            if file_stamp(photo.path) != photo.stamp:
                touched.add(key)
    sized = {f"{fields.source}.size": {"$exists": True, "$ne": None}}
    for i in range(0, len(unknown), AT_ONCE):
        among = {"_id": {"$in": object_ids(unknown[i : i + AT_ONCE])}}
        touched |= {str(row["_id"]) for row in dataset._sample_collection.find(sized | among, ["_id"])}
    return touched
