"""How far the review of photos has come, which photos an export writes by it, and their counts, made by the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from annotator.dataset.fields import Fields, check_people
from annotator.dataset.views import list_at, photos_of, with_all_fields
from annotator.labels.people import DECIDED, EXPORT_CHOICES, STATES

if TYPE_CHECKING:
    from annotator.dataset.store import Samples

Choice = Literal["approved", "reviewed", "all"]
UNFINISHED, ALL_LEFT_OUT = "unfinished", "all left out"
"""Why an export leaves out a photo: somebody on it has not been reviewed yet; all its people are left out, so that it would
seem to show nobody."""


@dataclass(frozen=True)
class PhotoReview:
    """The review of one photo."""

    states: frozenset[str]
    """Of its people, among :data:`annotator.labels.people.STATES`; none if there is nobody."""
    possible: bool = False
    """Whether there are possible people whom nobody has decided about."""
    nobody: bool = False
    """Whether a reviewer has seen that nobody is there."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be decided, as the review queue has it."""
        if self.possible:
            return False
        return self.states <= set(DECIDED) if self.states else self.nobody

    def left_out(self, choice: Choice, rejected: bool = False) -> str | None:
        """Why an export does not write the photo, :data:`UNFINISHED` or :data:`ALL_LEFT_OUT`; ``None`` if it does.

        Whoever trains on a file takes everything without a label for background. So a photo is written whole or not at
        all: only if all its people are in the chosen states, or rejected; and as one without people only if a reviewer
        has seen that nobody is there, or with the choice ``"all"``, where a model's word is enough.
        """
        if not self.states:
            return None if self.nobody or choice == "all" else UNFINISHED
        written = self.states & set(chosen_states(choice, rejected))
        if self.states - written - {"rejected"} or (self.possible and choice != "all"):
            return UNFINISHED
        return None if written else ALL_LEFT_OUT


def chosen_states(choice: Choice, rejected: bool = False) -> tuple[str, ...]:
    """The states of the people whom an export writes.

    Raises:
        ValueError: it is none of :data:`~annotator.labels.people.EXPORT_CHOICES`.
    """
    if choice not in EXPORT_CHOICES:
        raise ValueError(f"state: {choice!r} is none of {', '.join(EXPORT_CHOICES)}")
    return (*EXPORT_CHOICES[choice], "rejected") if rejected else EXPORT_CHOICES[choice]


@dataclass
class Counts:
    """People and photos by the state of their review, as it is stored: an edit of another tool counts as soon as this
    package has saved the photo."""

    photos: int = 0
    """With labels or without."""
    reviews: Counter[PhotoReview] = field(default_factory=Counter)
    """Photos with labels, by their review."""
    people_on: dict[PhotoReview, dict[str, int]] = field(default_factory=dict)
    """People by their states, by the reviews of their photos."""

    @property
    def people(self) -> dict[str, int]:
        """By :data:`annotator.labels.people.STATES`."""
        return {state: sum(of[state] for of in self.people_on.values()) for state in STATES}

    @property
    def labelled(self) -> int:
        """Photos with labels, also if these say that nobody is there."""
        return self.reviews.total()

    @property
    def empty(self) -> int:
        """Photos on which a reviewer has seen that nobody is there."""
        return sum(count for review, count in self.reviews.items() if review.nobody and not review.states)

    def photos_with(self, state: str) -> int:
        """Photos with a person of this state."""
        return sum(count for review, count in self.reviews.items() if state in review.states)

    def written(self, choice: Choice, rejected: bool = False) -> tuple[int, int]:
        """Photos that an export writes, and people on them."""
        states = chosen_states(choice, rejected)
        kept = [review for review in self.reviews if review.left_out(choice, rejected) is None]
        people = sum(self.people_on[review][state] for review in kept for state in states)
        return sum(self.reviews[review] for review in kept), people


def count_reviews(samples: Samples, fields: Fields) -> Counts:
    """The counts of a dataset or view, in one pass of the database; of a view that filters labels, those of the people whom
    it shows.

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    check_people(samples, fields)
    photos, counts = with_all_fields(photos_of(samples)), Counts()
    state = {"$cond": [{"$in": ["$$this.review", list(STATES)]}, "$$this.review", "predicted"]}
    review = {
        "labelled": {"$gt": [f"${fields.people}", None]},
        "states": {"$map": {"input": list_at(f"{fields.people}.detections"), "in": state}},
        "possible": {"$gt": [{"$size": list_at(f"{fields.possible}.detections")}, 0]},
        "nobody": {"$gt": [f"${fields.source}.nobody", None]},
    }
    people = {
        state: {"$size": {"$filter": {"input": "$states", "cond": {"$eq": ["$$this", state]}}}}
        for state in STATES
    }
    pipeline = [
        {"$project": review},
        {"$project": {"labelled": True, "possible": True, "nobody": True} | people},
        # A view may have a photo twice.
        {"$group": {"_id": "$_id", "photo": {"$first": "$$ROOT"}}},
        {"$replaceWith": "$photo"},
        {
            "$group": {
                "_id": {name: f"${name}" for name in ("labelled", "possible", "nobody")}
                | {state: {"$gt": [f"${state}", 0]} for state in STATES},
                "photos": {"$sum": 1},
            }
            | {state: {"$sum": f"${state}"} for state in STATES}
        },
    ]
    for row in photos._aggregate(post_pipeline=pipeline):
        of = row["_id"]
        counts.photos += row["photos"]
        if of["labelled"]:
            states = frozenset(state for state in STATES if of[state])
            review = PhotoReview(states, of["possible"], of["nobody"])
            counts.reviews[review] = row["photos"]
            counts.people_on[review] = {state: row[state] for state in STATES}
    return counts
