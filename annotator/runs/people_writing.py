"""How people are written to samples, a handful with each call of the database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from annotator.dataset.fields import Fields, require_fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.photo_file import PhotoChange, find_change
from annotator.dataset.sample_people import Replaced, has_human_labels, replace_predictions
from annotator.dataset.store import AT_ONCE, StoredSample, StoreError, find_documents, update_documents
from annotator.inference.pipeline import default_workers
from annotator.photos.reading import PhotoError
from annotator.review.undo import history_folder
from annotator.runs.dataset_run import RELABEL, Changed, Summary
from annotator.team.stages import finished_among, restart

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.labels.people import People

MAX_PIXELS = 16_000_000
"""Of the photos of a handful: their people are in memory until all are saved."""
T = TypeVar("T")


def handfuls(
    items: Iterable[T],
    people: Callable[[T], People | None],
    is_followed: Callable[[T], bool] = lambda _: True,
) -> Iterator[list[T]]:
    """Items in lists of at most :data:`~annotator.dataset.store.AT_ONCE`, and of few where photos are large. What came before
    an error is not lost.

    Args:
        people: of an item.
        is_followed: whether the next item is there already. Where it is not, nobody waits for it.
    """
    handful: list[T] = []
    pixels = 0
    try:
        for item in items:
            handful.append(item)
            width, height = getattr(people(item), "size", (0, 0))
            pixels += width * height
            if len(handful) == AT_ONCE or pixels >= MAX_PIXELS or not is_followed(item):
                yield handful
                handful, pixels = [], 0
    except Exception:
        if handful:
            yield handful
        raise
    if handful:
        yield handful


@dataclass(frozen=True)
class _Written:
    """What is to be written to a sample."""

    stored: StoredSample
    values: dict[str, Any]
    replaced: Replaced
    change: PhotoChange | None


def write_people(
    dataset: fo.Dataset,
    people: Mapping[str, People],
    fields: Fields,
    folder: Path,
    summary: Summary,
    changed: Changed = "refuse",
) -> dict[str, str]:
    """Replace the predictions of samples that nobody reviewed, however often one is saved by others meanwhile. If a photo
    has changed, all its labels are replaced. One that a team has sent to review, or that is done, is left alone otherwise.

    Args:
        people: by the ids of samples, a handful.
        folder: of the maps, see :func:`annotator.dataset.info.maps_folder`.
        summary: counts what was written.
        changed: what to do if the photo has changed and a human has worked on the labels.

    Returns:
        Why people could not be written, by the ids of their samples.

    Raises:
        FieldError: the dataset or its fields were deleted meanwhile.
    """
    failures: dict[str, str] = {}
    left = dict(people)
    with ThreadPoolExecutor(default_workers(), "write") as pool:
        while left:
            require_fields(dataset, fields.names)
            preparing = {
                key: pool.submit(_prepare, document, people[key], fields, folder, changed)
                for key, document in find_documents(dataset, left, fields)
            }
            writing: dict[str, _Written] = {}
            for key, future in preparing.items():
                found = future.result()
                if isinstance(found, str):
                    failures[key] = found
                else:
                    writing[key] = found
            for key in finished_among(dataset, fields, writing):
                if writing[key].change is None:
                    del writing[key]
                    summary.skipped += 1
            updates = [(written.stored.document, written.values) for written in writing.values()]
            results = update_documents(dataset, updates, fields.source)
            left = {}
            for (key, written), result in zip(writing.items(), results, strict=True):
                if isinstance(result, StoreError):
                    failures[key] = str(result)
                elif result is None:
                    left[key] = people[key]  # somebody has saved it meanwhile
                else:
                    _count(dataset, fields, folder, key, written, summary)
    return failures


def _prepare(
    document: dict[str, Any] | None,
    people: People,
    fields: Fields,
    folder: Path,
    changed: Changed,
) -> _Written | str:
    """What to write to a sample, or why nothing."""
    if document is None:
        return "the sample was deleted meanwhile"
    try:
        stored = StoredSample.from_document(document, fields)
        sample = stored.sample
        change = find_change(sample.filepath, sample[fields.source])
        if change is not None and changed == "refuse" and has_human_labels(sample, fields):
            return f"{change.reason}; {RELABEL}"
        replaced = replace_predictions(sample, people, fields, folder, anew=change is not None)
        # Also those that were kept: if another tool has edited them, they are marked as edited now.
        written = {person.id for person in sample[fields.people].detections}
        values = stored.changes(fields, written) | _new_size(sample, people.size)
        return _Written(stored, values, replaced, change)
    except (FileNotFoundError, LabelError, PhotoError) as error:
        return str(error)


def _new_size(sample: fo.Sample, size: tuple[int, int]) -> dict[str, Any]:
    """The sample's metadata with the photo's width and height, if they are not there, also in the place of FiftyOne's own,
    which are those of the upright photo for JPEGs only."""
    import fiftyone as fo

    # Another tool may have stored anything there.
    metadata = sample.metadata if isinstance(sample.metadata, fo.ImageMetadata) else None
    if metadata is not None and (metadata.width, metadata.height) == size:
        return {}
    metadata = metadata or fo.ImageMetadata.build_for(sample.filepath)
    metadata.width, metadata.height = size
    return {"metadata": metadata.to_dict()}


def _count(
    dataset: fo.Dataset, fields: Fields, folder: Path, key: str, written: _Written, summary: Summary
) -> None:
    """Count what was written, and let go of what belonged to a photo that is another one now."""
    summary.samples += 1
    summary.people += written.replaced.added
    summary.removed += written.replaced.removed
    summary.kept += written.replaced.kept
    summary.dropped += written.replaced.dropped
    if written.change is not None:
        restart(dataset, fields, key, written.change.reason)
        summary.changed.append(written.stored.sample.filepath)
        # Whoever could be brought back from there is of another photo.
        shutil.rmtree(history_folder(folder) / key, ignore_errors=True)
