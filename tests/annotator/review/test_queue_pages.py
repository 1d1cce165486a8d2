"""Pages of the queue and of the scores, and what has changed since an answer."""

import fiftyone as fo
import pytest

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review import queue as module
from annotator.review import score_table as scores
from annotator.review.queue import Filter, queue
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import FIELDS

SCORES = (0.5, 0.1, 0.9, 0.9, 0.3, 0.0, 0.7)


@pytest.fixture
def many(dataset, tmp_path) -> dict[str, str]:
    """Photos of one person each, of these issue scores, two of them the same; ids by their names."""
    declare_fields(dataset, FIELDS)
    samples = [fo.Sample(filepath=f"/photos/{number}.jpg") for number in range(len(SCORES))]
    dataset.add_samples(samples)
    for sample, score in zip(samples, SCORES, strict=True):
        replace_predictions(sample, People(SIZE, [block(10, issues={"two_people": score})]), FIELDS, tmp_path)
        sample.save()
    return {sample.filepath[-5]: sample.id for sample in samples}


def paged(samples, wanted: Filter, limit: int) -> list[str]:
    """The names of all images, page by page."""
    found, after = [], None
    while True:
        page = queue(samples, FIELDS, wanted, limit, after)
        found += [item["filepath"][-5] for item in page["items"]]
        after = page["next"]
        assert page["found"] == len(SCORES)
        if after is None:
            return found
        assert len(page["items"]) == limit


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_put_together_are_the_queue(dataset, many, limit):
    view = dataset.match({"filepath": {"$ne": None}})
    for samples in (dataset, view):
        assert paged(samples, Filter(), limit) == ["2", "3", "6", "0", "4", "1", "5"]
        assert paged(samples, Filter(order="file"), limit) == list("0123456")
        assert paged(samples, Filter(states=("predicted",)), limit) == ["2", "3", "6", "0", "4", "1", "5"]


def approve(dataset, key: str) -> None:
    sample = dataset[key]
    sample[FIELDS.people].detections[0]["review"] = "approved"
    sample.save()


def test_only_what_changed_is_listed(dataset, many, monkeypatch):
    monkeypatch.setattr(module, "OVERLAP", module.timedelta())
    queue(dataset, FIELDS, Filter())
    time = queue(dataset, FIELDS, Filter())["time"]
    approve(dataset, many["4"])
    answer = queue(dataset, FIELDS, Filter(), since=time)
    assert [item["id"] for item in answer["items"]] == [many["4"]]
    assert (answer["items"][0]["open"], answer["gone"], answer["done"]) == (0, [], 1)
    approve(dataset, many["6"])
    answer = queue(dataset, FIELDS, Filter(states=("predicted",)), since=answer["time"])
    # What was saved while the answer before was made comes again.
    assert (answer["items"], set(answer["gone"]) | {many["4"]}) == ([], {many["4"], many["6"]})
    assert (answer["states"]["approved"], answer["found"]) == (2, 5)
    # Too many: the first page again, as of a view.
    monkeypatch.setattr(module, "MAX_CHANGED", 1)
    assert queue(dataset, FIELDS, Filter(), since=time)["gone"] is None
    view = dataset.match({"filepath": {"$ne": None}})
    answer = queue(view, FIELDS, Filter(), since=time)
    assert (answer["gone"], answer["time"], len(answer["items"])) == (None, None, len(SCORES))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"after": [1, 2]}, "is not “next” of a page in this order"),
        ({"after": [False, 0.5, "no id"]}, "is not “next” of a page in this order"),
        ({"after": [{"$gt": 0}, 0.5, "0" * 24]}, "is not “next” of a page in this order"),
        ({"since": "yesterday"}, "is not “time” of an earlier answer"),
    ],
)
def test_what_is_no_page_is_refused(dataset, many, more, reason):
    with pytest.raises(ValueError, match=reason):
        queue(dataset, FIELDS, Filter(), **more)


def test_the_scores_come_in_pages(dataset, many, monkeypatch):
    monkeypatch.setattr(scores, "PAGE", 3)
    pages = [scores.score_table(dataset, FIELDS, skip=skip) for skip in (0, 3, 6)]
    assert [page["is_more"] for page in pages] == [True, True, False]
    found = [row["scores"][0] for page in pages for row in page["rows"]]
    assert found == sorted(SCORES, reverse=True)
    assert {page["people"] for page in pages} == {len(SCORES)}


def test_histograms_of_many_are_estimated(dataset, many, monkeypatch):
    exact = scores.score_table(dataset, FIELDS)["columns"][0]["histogram"]
    assert sum(exact) == len(SCORES)
    monkeypatch.setattr(scores, "COUNTED", 6)
    estimated = scores.score_table(dataset, FIELDS)["columns"][0]["histogram"]
    assert len(estimated) == len(exact)
