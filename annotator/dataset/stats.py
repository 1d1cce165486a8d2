"""Numbers of people and photos of a dataset, all counted by the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.dataset.info import past_runs
from annotator.dataset.review_state import count_reviews
from annotator.dataset.views import photos_of, with_all_fields, with_lists
from annotator.labels.people import EXPORT_CHOICES, STATES
from annotator.labels.quality import MISSING_PEOPLE

if TYPE_CHECKING:
    from annotator.dataset.store import Samples

NO_MODEL = "no model"
"""In place of the model of people who were imported without one, or added by hand."""


def dataset_stats(samples: Samples, prefix: str = "dp") -> dict[str, Any]:
    """Numbers of people and photos; of a view that filters labels, of the people whom it shows.

    Returns:
        For JSON, ``photos`` (``all``, ``labelled``, ``not_labelled``; of the labelled ones ``done`` in review, ``seen_empty``,
        where a reviewer has seen that nobody is there, and ``nobody_found``, where nobody is labelled and no reviewer has said
        so; of all ``failed``), ``people`` and ``photos_with`` by review state, ``exported_photos`` by what an export
        may be asked for, ``issues``, the numbers of people by reason, and of possible people, ``models``, those of people
        by the id of the model, and ``runs``, as of :func:`annotator.dataset.info.past_runs`.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    fields, dataset = Fields(prefix), samples._dataset
    counts = count_reviews(samples, fields)
    people, possible = (f"{name}.detections" for name in (fields.people, fields.possible))
    photos = with_lists(with_all_fields(photos_of(samples)), people, possible)
    possible = photos.count(possible) if dataset.has_field(fields.possible) else 0
    failed = len(photos.exists(fields.failure)) if dataset.has_field(fields.failure) else 0
    reasons = photos.count_values(f"{people}.reasons") if dataset.has_field(f"{people}.reasons") else {}
    models = photos.count_values(f"{people}.model") if dataset.has_field(f"{people}.model") else {}
    nobody_found = sum(n for review, n in counts.reviews.items() if not (review.states or review.nobody))
    return {
        "photos": {
            "all": counts.photos,
            "labelled": counts.labelled,
            "not_labelled": counts.photos - counts.labelled,
            "done": sum(n for review, n in counts.reviews.items() if review.is_done),
            "seen_empty": counts.empty,
            "nobody_found": nobody_found,
            "failed": failed,
        },
        "people": {"all": sum(counts.people.values())} | counts.people,
        "photos_with": {state: counts.photos_with(state) for state in STATES},
        "exported_photos": {choice: counts.written(choice)[0] for choice in EXPORT_CHOICES},
        "issues": _most_first(reasons) | ({MISSING_PEOPLE: possible} if possible else {}),
        "models": _most_first({model or NO_MODEL: count for model, count in models.items()}),
        "runs": past_runs(dataset, prefix),
    }


def _most_first(counts: Mapping[str | None, int]) -> dict[str, int]:
    order = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {str(name): count for name, count in order if name is not None}
