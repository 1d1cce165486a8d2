"""Approvals of many photos, which go on in the background while the panel asks how far they are."""

import time
from threading import Event

import pytest

from annotator.review import approvals
from fiftyone_plugin import bulk_runs
from fiftyone_plugin.run_records import Records
from tests.annotator.team.team_photos import FIELDS, team  # noqa: F401
from tests.fiftyone_plugin.test_team import call

VALUES = {"author": "Ada", "request_id": "0123456789abcdef", "background": True}


@pytest.fixture
def go_on(monkeypatch) -> Event:
    """Each photo waits for it; requests wait for nothing."""
    event, replace = Event(), approvals._replace_decisions

    def wait(*arguments, **options) -> int:
        assert event.wait(60)
        return replace(*arguments, **options)

    monkeypatch.setattr(approvals, "_replace_decisions", wait)
    monkeypatch.setattr(bulk_runs, "WAIT", 0.05)
    return event


def result(name: str, dataset, **values) -> dict:
    """Of a run, asked for again and again as the panel does."""
    while "running" in (answer := call(name, dataset, **VALUES, **values)):
        time.sleep(0.05)
    return answer


def states(dataset) -> dict[str, int]:
    return dataset.count_values(f"{FIELDS.people}.detections.review")


def test_a_long_approval_goes_on_and_is_asked_for(team, go_on):  # noqa: F811
    first = call("review_approve_below", team, issue_score=1.0, **VALUES)
    assert first["running"]["done"] == 0
    assert "running" in call("review_approve_below", team, issue_score=1.0, **VALUES)
    (record,) = Records(team._doc.id).list()
    assert (record.label, record.is_running) == ("Approve the rest", True)
    go_on.set()
    assert result("review_approve_below", team, issue_score=1.0)["approved"] == 4
    assert states(team) == {"approved": 4}
    assert result("review_take_back", team) == {"predicted": 4}
    assert states(team) == {"predicted": 4}
    labels = {record.label: record.sentence for record in Records(team._doc.id).list()}
    assert labels == {
        "Approve the rest": "4 people approved.",
        "Take back the approval": "4 people to be decided again.",
    }


def test_another_process_goes_on_with_it(team, go_on):  # noqa: F811
    call("review_approve_below", team, issue_score=1.0, **VALUES)
    bulk_runs._RUNS.clear()  # as after a restart
    go_on.set()
    assert result("review_approve_below", team, issue_score=1.0)["approved"] == 4
    assert states(team) == {"approved": 4}


def test_it_is_cancelled_and_taken_back(team, go_on):  # noqa: F811
    call("review_approve_below", team, issue_score=1.0, **VALUES)
    records = Records(team._doc.id)
    records.request_cancel(records.list()[0].key)
    for _ in range(2):  # writes of the record: the first may have begun before
        before = records.list()[0].updated
        while records.list()[0].updated == before:
            time.sleep(0.05)
    go_on.set()
    assert result("review_approve_below", team, issue_score=1.0)["approved"] == 1
    assert records.list()[0].state == "stopped"
    assert states(team) == {"approved": 1, "predicted": 3}
    assert result("review_take_back", team) == {"predicted": 4}
    assert states(team) == {"predicted": 4}


def test_one_that_does_not_start_is_begun_again(monkeypatch):
    def answer() -> dict:
        run = bulk_runs.BulkRun(lambda begun: iter([2, 3]), "approved", lambda people: {"approved": people})
        return bulk_runs.answer_of(None, "Approve", VALUES | {"prefix": "dp"}, lambda: run)

    monkeypatch.setattr(bulk_runs, "start", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        answer()
    monkeypatch.setattr(bulk_runs, "start", lambda ctx, label, job: list(job.run))
    assert answer() == {"approved": 5}
