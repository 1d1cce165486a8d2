"""A review whose edits are logged."""

import pytest

from annotator.review.session import Review
from annotator.team import edit_log
from tests.annotator.review.conftest import collection, versions  # noqa: F401
from tests.annotator.team.team_photos import team  # noqa: F401


@pytest.fixture
def review(dataset, sample, tmp_path):
    return Review(dataset, author="Ada", maps_dir=tmp_path / "maps")


@pytest.fixture
def edit(review, sample):
    """Makes an edit of the people of these places."""

    def make(kind: str, *places: int, request_id: str | None = None, **values) -> dict:
        shown = versions(review.open(sample.id))
        keys = [list(shown)[place] for place in places]
        named = {"people": keys} if kind == "merge" else {"person": keys[0]} if keys else {}
        values = {"kind": kind, **named, **values}
        return review.edit(sample.id, values, {key: shown[key] for key in keys}, request_id)

    return make


def logged(dataset) -> list[dict]:
    """The entries of a dataset, oldest first."""
    return list(edit_log.collection().find({"dataset": dataset._doc.id}).sort([("time", 1), ("_id", 1)]))
