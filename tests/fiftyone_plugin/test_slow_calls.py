"""Calls of the panel that take long: it asks again and again, and can say how far they are."""

import time
from threading import Event

import pytest

from annotator.dataset import photo_index
from annotator.dataset.photo_index import PhotoIndex
from fiftyone_plugin import slow_calls
from tests.annotator.team.team_photos import team  # noqa: F401
from tests.fiftyone_plugin.test_team import call

ID = "0123456789abcdef"


@pytest.fixture
def go_on(monkeypatch) -> Event:
    """The summaries of all photos but the first wait for it; requests wait for nothing."""
    event, compare = Event(), PhotoIndex._compare_chunk
    waited = []

    def wait(self: PhotoIndex, rows: list) -> None:
        waited.append(rows)
        if len(waited) > 1:
            assert event.wait(60)
        compare(self, rows)

    monkeypatch.setattr(PhotoIndex, "_compare_chunk", wait)
    monkeypatch.setattr(photo_index, "CHUNK", 1)
    monkeypatch.setattr(photo_index, "WORKERS", 1)
    monkeypatch.setattr(slow_calls, "WAIT", 0.05)
    return event


def answer(name: str, dataset, **values) -> dict:
    """Asked for again and again as the panel does."""
    while "running" in (found := call(name, dataset, request_id=ID, **values)):
        time.sleep(0.05)
    return found


def test_the_queue_says_how_many_photos_are_summarized(team, go_on):  # noqa: F811
    said = [call("review_queue", team, request_id=ID)["running"]]
    while said[-1]["done"] == 0:
        said.append(call("review_queue", team, request_id=ID)["running"])
    assert said[-1] == {"done": 1, "total": len(team)}
    go_on.set()
    found = answer("review_queue", team)
    assert found | {"time": ""} == call("review_queue", team) | {"time": ""}
    assert found["images"] == len(found["items"]) == len(team)
    assert not slow_calls._ANSWERS


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("review_scores", {"order": "issue_score"}),
        ("review_spot_check", {"issue_score": 1.0, "share": 0.5, "seed": 0}),
        ("review_error_rate", {}),
    ],
)
def test_other_calls_answer_by_their_id_as_without(team, go_on, name, values):  # noqa: F811
    go_on.set()
    assert answer(name, team, **values) == call(name, team, **values)


def test_errors_come_as_answers_and_what_nobody_asks_for_goes(team, monkeypatch):  # noqa: F811
    assert "is none of" in answer("review_queue", team, states=["good"])["error"]
    assert answer("review_scores", team)["error"] == "order: is missing"
    monkeypatch.setattr(slow_calls, "WAIT", 0)
    monkeypatch.setattr(slow_calls, "KEPT", 3)
    for number in range(9):
        call("review_error_rate", team, request_id=f"{number:016x}")
    assert len(slow_calls._ANSWERS) <= 3
