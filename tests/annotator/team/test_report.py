"""The report of a log whose numbers are known, counted by the database."""

from datetime import date, datetime, timedelta

import pytest

from annotator.dataset.fields import Fields
from annotator.review.queue import Filter, queue
from annotator.team import edit_log
from annotator.team.edit_log import EditLog, Work
from annotator.team.forecast import make_forecast
from annotator.team.report import BY_KEYS, NO_ISSUE, Day, Period, count_open, find_authors, make_report

FIELDS = Fields()
MONDAY = datetime(2026, 3, 2, 9)


@pytest.fixture
def log(dataset):
    """Ada moves a wrist of one person and approves, approves another; Bob rejects one a day later, and looks at a photo."""
    number = 0

    def write(author: str, day: int, sample: str, person: str, kind: str, seconds: float, **values) -> None:
        nonlocal number
        number += 1
        entry = {
            "_id": f"{dataset._doc.id}-{number}",
            "dataset": dataset._doc.id,
            "prefix": "dp",
            "time": MONDAY + timedelta(days=day, minutes=number),
            "author": author,
            "sample": sample,
            "filepath": f"/photos/{sample}.jpg",
            "person": person,
            "people": [person],
            "kind": kind,
            "tool": "",
            "targets": [],
            "state": "predicted",
            "issue": "",
            "issue_score": 0.0,
            "issues": {},
            "corrects": 0,
            "done": 0,
            "seconds": seconds,
        }
        edit_log.collection().insert_one(entry | values)

    bad = {"issue": "keypoint_outside", "issue_score": 0.7}
    moved = {"tool": "keypoints", "targets": ["left wrist"], "corrects": 1}
    write("Ada", 0, "a", "1", "set_keypoint", 20, **bad, **moved)
    write("Ada", 0, "a", "1", "set_keypoint", 10, state="edited", **moved)
    write("Ada", 0, "a", "1", "approve", 6, state="edited", done=1)
    write("Ada", 0, "b", "2", "approve", 4, done=1, **bad)
    write("Bob", 1, "b", "3", "reject", 10, done=1, corrects=1, issue="two_people", issue_score=0.1)
    write("Bob", 1, "c", "", "view", 10, state="")
    return write


def test_the_numbers_of_a_report(dataset, log):
    report = make_report(dataset, FIELDS)
    total = report.total
    assert (total.edits, total.people, total.photos, total.corrected, total.seconds) == (5, 3, 3, 2, 60)
    assert total.people_an_hour == 180
    ada, bob = report.authors
    assert (ada.name, ada.edits, ada.people, ada.photos, ada.seconds) == ("Ada", 4, 2, 2, 40)
    assert (bob.name, bob.edits, bob.people, bob.photos, bob.seconds) == ("Bob", 1, 1, 2, 20)
    assert [(row.name, row.edits) for row in report.kinds] == [
        ("approved", 2),
        ("keypoint moved", 2),
        ("rejected", 1),
    ]
    assert [(row.name, row.edits, row.seconds) for row in report.tools] == [
        ("keypoints", 2, 30),
        (BY_KEYS, 3, 30),
    ]
    assert {row.name: (row.people, row.corrected, row.seconds) for row in report.issues} == {
        "keypoint outside its part": (2, 1, 40),
        NO_ISSUE: (1, 1, 10),
    }
    assert [(row.name, row.edits) for row in report.targets] == [("left wrist", 2)]
    assert {row.name: (row.photos, row.seconds) for row in report.photos} == {
        "corrected": (2, 50),
        "nothing to correct": (1, 10),
    }
    assert [(day.day.day, day.author, day.edits, day.people) for day in report.days] == [
        (2, "Ada", 4, 2),
        (3, "Bob", 1, 1),
    ]
    assert find_authors(dataset, FIELDS) == ["Ada", "Bob"]


def test_a_report_of_a_period_or_of_some_annotators(dataset, log):
    assert make_report(dataset, FIELDS, Period(authors=("Bob",))).total.people == 1
    assert make_report(dataset, FIELDS, Period(since=MONDAY + timedelta(days=1))).total.people == 1
    assert make_report(dataset, FIELDS, Period(until=MONDAY + timedelta(days=1))).total.people == 2
    assert make_report(dataset, Fields("other")).total.edits == 0


def test_a_report_without_a_log(dataset):
    report = make_report(dataset, FIELDS)
    assert (report.total.edits, report.authors, report.days) == (0, [], [])
    assert report.total.people_an_hour is None


def test_what_is_taken_back_is_not_counted(dataset, log):
    log("Ada", 2, "a", "1", "undo", 1, state="edited", targets=["left wrist"], corrects=-1)
    log("Ada", 2, "a", "1", "undo", 1, state="edited", targets=["left wrist"], corrects=-1)
    log("Ada", 2, "b", "2", "reopen", 1, state="approved", done=-1)
    report = make_report(dataset, FIELDS)
    assert (report.total.people, report.total.corrected) == (2, 1)


def test_the_people_who_are_open_are_those_of_the_queue(collection):
    found = queue(collection, FIELDS, Filter())
    assert count_open(collection, FIELDS) == sum(item["open"] for item in found["items"]) == 5


TODAY = date(2026, 3, 12)


def days(*people: int, hours: float = 2.0) -> list[Day]:
    """One annotator's, the last of them yesterday."""
    first = TODAY - timedelta(len(people))
    return [Day(first + timedelta(i), "Ada", n, n, hours * 3600 * bool(n)) for i, n in enumerate(people) if n]


def test_a_steady_rate_has_a_narrow_forecast():
    forecast = make_forecast(days(100, 100, 100, 100), 1000, TODAY)
    assert forecast.hours == pytest.approx((20, 20, 20))
    assert forecast.dates == (date(2026, 3, 22),) * 3


def test_an_unsteady_rate_has_a_wide_one_and_days_without_work_count():
    forecast = make_forecast(days(200, 0, 60, 0, 150, 100), 1000, TODAY)
    expected, least, most = forecast.hours
    assert least < expected < most
    expected, earliest, latest = forecast.dates
    assert earliest < expected < latest
    assert expected == TODAY + timedelta(12)


@pytest.mark.parametrize(
    ("done", "open_people"),
    [((), 100), ((50,), 100), ((50, 50), 100), ((50, 50, 50), 0), ((-5, 0, -5, -5), 100)],
)
def test_no_forecast_is_made_of_too_little(done, open_people):
    forecast = make_forecast(days(*done), open_people, TODAY)
    assert (forecast.open, forecast.hours, forecast.dates) == (open_people, None, None)


def test_a_latest_date_may_not_be_in_sight():
    forecast = make_forecast(days(1, 0, 300, 0, 2), 1000, TODAY)
    assert forecast.dates[2] is None
    assert forecast.hours[2] == float("inf")


def test_time_is_logged_by_whoever_looks(dataset, collection):
    EditLog(dataset, "dp").record_view(dataset.first().id, "Ada", "0" * 16, Work("", 30))
    report = make_report(dataset, FIELDS)
    assert (report.total.edits, report.total.photos, report.total.seconds) == (0, 1, 30)
    assert report.kinds == []
