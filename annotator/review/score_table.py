"""The table of scores: people to be decided, worst first, and a histogram of each score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.store import people_values
from annotator.labels.messages import short
from annotator.labels.people import DECIDED, TASKS
from annotator.labels.quality import ISSUES
from annotator.review.queue import BINS

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

MAX_ROWS = 200
"""People listed at once."""
SCORES = {
    "issue_score": "all issues",
    **{f"issue_{name}": words for name, words in ISSUES.items()},
    **{f"quality_{task}": f"{task.removesuffix('s')} confidence" for task in TASKS},
}
"""Attributes of a person's label and their words: issues, 0 (none) .. 1, and confidences, 0 .. 1 (certain)."""


def score_table(samples: Samples, fields: Fields, order: str = "issue_score") -> dict[str, Any]:
    """The scores of the people who are not approved or rejected yet.

    Args:
        order: of :data:`SCORES`. Large issues and small confidences come first, people without the score last.

    Returns:
        ``columns``: per score ``name``, ``words``, ``is_issue`` and ``histogram``, numbers of people in
        :data:`annotator.review.queue.BINS` bins of 0..1; ``people``: number of all rows; ``rows``: at most
        :data:`MAX_ROWS` of ``sample``, ``filepath``, ``key``, ``number`` (of the person on its image, from 1)
        and ``scores``, a number or None per column.

    Raises:
        ValueError: an unknown score.
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    if order not in SCORES:
        raise ValueError(f"order: {short(order)} is none of {', '.join(SCORES)}")
    rows = _rows(samples, fields)
    table = np.array([row["scores"] for row in rows], float).reshape(-1, len(SCORES))
    wanted = table[:, list(SCORES).index(order)]
    worst_first = np.argsort(-wanted if _is_issue(order) else wanted, kind="stable")
    columns = [
        {
            "name": name,
            "words": words,
            "is_issue": _is_issue(name),
            "histogram": np.histogram(values[np.isfinite(values)], BINS, (0, 1))[0].tolist(),
        }
        for (name, words), values in zip(SCORES.items(), table.T, strict=True)
    ]
    return {"columns": columns, "people": len(rows), "rows": [rows[i] for i in worst_first[:MAX_ROWS]]}


def _is_issue(name: str) -> bool:
    return name.startswith("issue_")


def _rows(samples: Samples, fields: Fields) -> list[dict[str, Any]]:
    rows = []
    for sample, filepath, people in people_values(samples, fields, ("id", "review", *SCORES)):
        for number, (key, state, *scores) in enumerate(people, 1):
            if state not in DECIDED:
                row = {"sample": sample, "filepath": filepath, "key": key, "number": number}
                rows.append(row | {"scores": [None if s is None else round(s, 4) for s in scores]})
    return rows
