"""Measure how far two annotators of a dataset's photos agree."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields, check_people, require_fields
from annotator.dataset.label_checks import LabelError
from annotator.dataset.possible_people import possible_scores
from annotator.dataset.sample_people import read_people
from annotator.dataset.second_labels import NOBODY, read_agreement, save_agreement, second_fields
from annotator.dataset.store import StoredSample
from annotator.dataset.stored_photos import chosen_photos, stored_photos
from annotator.evaluation.agreement import compare_people
from annotator.labels.messages import table_cell
from annotator.labels.people import DECIDED, TASKS, People
from annotator.photos.atomic_files import whole_file
from annotator.photos.reading import PhotoError
from annotator.runs.dataset_run import DatasetRun, Summary

if TYPE_CHECKING:
    from annotator.dataset.store import Samples
    from annotator.surface.geodesic import Surface


@dataclass(frozen=True)
class PersonRow:
    """What two annotators say of one person. Empty where they are alone with the person, or neither has labelled it."""

    photo: str
    """Path."""
    first: str
    """The annotator."""
    second: str
    found_by: str
    """``both``, ``first`` or ``second``."""
    mask: float | None = None
    """IoU."""
    parts: float | None = None
    """Mean IoU."""
    charts: float | None = None
    """GPS."""
    keypoints: float | None = None
    """OKS."""


@dataclass(frozen=True)
class PairAgreement:
    """How far two annotators agree over all photos that both have reviewed."""

    annotators: tuple[str, str]
    """In alphabetical order."""
    photos: int
    people: int
    """That both have."""
    alone: int
    """That only one of them has."""
    mask: float | None
    """Mean over people, as are the next ones; ``None`` where nobody has such labels."""
    parts: float | None
    charts: float | None
    keypoints: float | None


MEASURES = {
    "mask": "masks, IoU",
    "parts": "parts, IoU",
    "charts": "surface, GPS",
    "keypoints": "keypoints, OKS",
}


class Agreement(DatasetRun):
    """A run that compares the labels of photos that two annotators have reviewed.

    A photo is compared once both have decided about everybody on it, possible people, too, and only once: whoever settles a disagreement has seen both.
    The lowest agreement of its people and tasks is written to the field ``<prefix>_agreement``, 0 where only one of them has
    somebody.

    Args:
        samples: the photos.
        prefix: of the first annotator's label fields.
        surface: for GPS; default: that of the body that comes with the project.

    Raises:
        FieldError: there are no labels of two annotators.
    """

    def __init__(self, samples: Samples, *, prefix: str = "dp", surface: Surface | None = None) -> None:
        from annotator.surface.body_geodesic import load_body_surface

        self.dataset, self.fields = samples._dataset, Fields(prefix)
        self.second = second_fields(self.fields)
        check_people(samples, self.fields)
        check_people(samples, self.second)
        self.surface = surface or load_body_surface()
        stored = stored_photos(self.dataset, self.second)
        chosen = (key for key in chosen_photos(samples, stored) if stored[key].is_labelled)
        self._todo = {key: stored[key].path for key in chosen}
        self.rows: list[PersonRow] = []
        self._photos: Counter[tuple[str, str]] = Counter()
        self.summary = Summary()

    def __len__(self) -> int:
        """Photos with labels of two annotators."""
        return len(self._todo)

    def __iter__(self) -> Iterator[int]:
        require_fields(self.dataset, [*self.fields.names, *self.second.names])
        for done, (key, path) in enumerate(self._todo.items(), 1):
            try:
                record = read_agreement(self.dataset, self.fields, key) or self._compare(key)
                if record is None:
                    self.summary.skipped += 1
                else:
                    self._add(path, record)
            except (LabelError, PhotoError, OSError) as error:
                self.summary.failures[path] = str(error)
            yield done

    def _compare(self, key: str) -> dict[str, Any] | None:
        """Compare the labels of a sample, and store the result; ``None`` if one of the annotators is not done."""
        first, second = (self._reviewed(key, fields) for fields in (self.fields, self.second))
        if first is None or second is None:
            return None
        found = compare_people(first.people, second.people, self.surface)
        people = [
            {"first": first.keys[pair.first], "second": second.keys[pair.second]}
            | {task: getattr(pair, task) for task in TASKS}
            for pair in found.pairs
        ]
        people += [{"first": first.keys[i], "second": None} for i in found.only_first]
        people += [{"first": None, "second": second.keys[i]} for i in found.only_second]
        record = {"annotators": [first.annotator, second.annotator], "people": people}
        save_agreement(self.dataset, self.fields, key, record, found.lowest())
        return record

    def _reviewed(self, key: str, fields: Fields) -> _Reviewed | None:
        """What an annotator says of a sample; ``None`` if it is not finished."""
        stored = StoredSample.load(self.dataset, key, fields)
        people = stored and read_people(stored.sample, fields)
        if people is None:
            return None
        nobody = (stored.sample[fields.source] or {}).get("nobody")
        if possible_scores(stored.sample, fields):
            return None
        if any(p.provenance.state not in DECIDED for p in people.people) or not (people.people or nobody):
            return None
        authors = Counter(person.provenance.author for person in people.people)
        author = authors.most_common(1)[0][0] if authors else nobody.get("author")
        keys = [label.id for label in stored.sample[fields.people].detections]
        return _Reviewed(author or NOBODY, keys, people)

    def _add(self, path: str, record: dict[str, Any]) -> None:
        one, other = record["annotators"]
        for person in record["people"]:
            alone = "first" if person["second"] is None else "second"
            found_by = "both" if person["first"] and person["second"] else alone
            tasks = {task: person.get(task) for task in TASKS}
            self.rows.append(PersonRow(path, one, other, found_by, **tasks))
            self.summary.people += found_by == "both"
        self._photos[tuple(sorted((one, other)))] += 1
        self.summary.samples += 1

    def pairs(self) -> list[PairAgreement]:
        """The agreement of every two annotators who share photos."""
        return [_pair(names, count, self.rows) for names, count in sorted(self._photos.items())]

    def annotators(self) -> dict[str, dict[str, float | None]]:
        """By annotator, the mean of each task over all people whom somebody else has labelled, too."""
        of: dict[str, list[PersonRow]] = defaultdict(list)
        for row in self.rows:
            for name in {row.first, row.second}:
                of[name].append(row)
        return {name: {task: _mean(rows, task) for task in TASKS} for name, rows in sorted(of.items())}

    def describe(self) -> str:
        """The agreement of every two annotators, in Markdown."""
        skipped = self.summary.skipped
        waiting = f"{skipped} {'photo waits' if skipped == 1 else 'photos wait'} for one of the two."
        if not self.rows:
            return f"No photo was reviewed by both annotators yet. {waiting if skipped else ''}".strip()
        lines = [
            f"| annotators | photos | people | of one only | {' | '.join(MEASURES.values())} |",
            "|---" * (4 + len(MEASURES)) + "|",
        ]
        for pair in self.pairs():
            values = [getattr(pair, task) for task in MEASURES]
            numbers = ["–" if value is None else f"{value:.3f}" for value in values]
            cells = [
                table_cell(", ".join(pair.annotators)),
                str(pair.photos),
                str(pair.people),
                str(pair.alone),
                *numbers,
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join([*lines, "", waiting] if skipped else lines)


@dataclass(frozen=True)
class _Reviewed:
    """The finished labels of a sample."""

    annotator: str
    keys: list[str]
    """Ids of the people's labels."""
    people: People


def write_rows(rows: Iterable[PersonRow], path: str | Path) -> None:
    """Write a CSV file with a line for each person."""
    with whole_file(Path(path)) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(PersonRow)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _pair(names: tuple[str, str], photos: int, rows: list[PersonRow]) -> PairAgreement:
    shared = [row for row in rows if tuple(sorted((row.first, row.second))) == names]
    both = [row for row in shared if row.found_by == "both"]
    means = {task: _mean(both, task) for task in TASKS}
    return PairAgreement(names, photos, len(both), len(shared) - len(both), **means)


def _mean(rows: Iterable[PersonRow], task: str) -> float | None:
    values = [value for row in rows if (value := getattr(row, task)) is not None]
    return float(np.mean(values)) if values else None
