"""Possible people on a real database: queue, decisions, undo, and what two reviewers do at once."""

import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.examples import EXAMPLES
from annotator.labels.people import People, PossiblePerson
from annotator.labels.quality import MISSING_PEOPLE
from annotator.photos.finding import find_photos
from annotator.photos.reading import photo_size
from annotator.review.approvals import approve_below
from annotator.review.edits import EditError
from annotator.review.loaded_image import IMAGES
from annotator.review.queue import Filter, queue
from annotator.review.session import Review
from annotator.runs.dataset_annotation import annotate_samples
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import (
    FIELDS,
    NAME,
    OTHER_NAME,
    assert_kept_is_saved,
    names,
    saved,
    versions,
)

LIKELY = PossiblePerson((60, 5, 18, 50), 0.75)
UNLIKELY = PossiblePerson((0, 40, 9, 18), 0.25)


def predict(sample, tmp_path, *possible: PossiblePerson, people=()) -> None:
    replace_predictions(
        sample, People(SIZE, list(people), possible=list(possible)), FIELDS, tmp_path / "maps"
    )
    sample.save()


@pytest.fixture
def opened(sample, review, tmp_path) -> dict:
    """Two people, and two possible ones."""
    IMAGES.images.clear()
    predict(sample, tmp_path, UNLIKELY, LIKELY, people=[block(10), block(40, score=0.5)])
    return review.open(sample.id)


def dismiss(key: str) -> dict:
    return {"kind": "dismiss_possible", "possible": key}


def scores(answer: dict) -> list[float]:
    return [person["score"] for person in answer["possible"]]


def test_the_panel_gets_them_most_probable_first(opened):
    assert scores(opened) == [0.75, 0.25]
    assert opened["possible"][0]["box"] == [60, 5, 18, 50]


def test_who_is_dismissed_stays_so_and_comes_back_by_undo(review, sample, opened, tmp_path):
    likely, unlikely = (person["key"] for person in opened["possible"])
    before = sample.dataset[sample.id][FIELDS.issue_score]
    result = review.edit(sample.id, dismiss(likely), {likely: "open"}, NAME)
    assert (result["people"], result["removed"], scores(result)) == ([], [], [0.25])
    assert result["decided"] == {likely: "dismissed"}
    assert_kept_is_saved(sample)
    sample.reload(hard=True)
    assert sample[FIELDS.issue_score] < before
    again = review.edit(sample.id, dismiss(likely), {likely: "open"}, NAME)
    assert (again["undo"], again["decided"]) == (result["undo"], result["decided"])
    assert versions(review.open(sample.id)) == versions(opened)

    undone = review.restore(sample.id, result["undo"], result["decided"], OTHER_NAME)
    assert (scores(undone), undone["decided"]) == ([0.75, 0.25], {likely: "open"})
    assert review.open(sample.id)["possible"] == opened["possible"]
    redone = review.restore(sample.id, undone["undo"], undone["decided"])
    assert scores(redone) == [0.25]

    sample.reload(hard=True)
    predict(sample, tmp_path, LIKELY)
    assert scores(review.open(sample.id)) == []
    with pytest.raises(EditError, match="decided already, or the photo was labelled anew"):
        review.edit(sample.id, dismiss(unlikely), {})


def test_all_that_is_decided_at_once_is_undone_at_once(review, sample, opened):
    edits = [{"kind": "decide", "person": key, "state": "approved"} for key in versions(opened)]
    edits += [dismiss(person["key"]) for person in opened["possible"]]
    everything = versions(opened) | {person["key"]: "open" for person in opened["possible"]}
    result = review.edit(sample.id, {"kind": "together", "edits": edits}, everything)
    assert scores(result) == []
    assert {person.provenance.state for person in saved(sample)} == {"approved"}
    after = versions(result) | result["decided"]
    undone = review.restore(sample.id, result["undo"], after)
    assert undone["possible"] == opened["possible"]
    assert {person.provenance.state for person in saved(sample)} == {"predicted"}


def test_of_two_reviewers_the_second_is_told(review, sample, opened, dataset, tmp_path):
    likely = opened["possible"][0]["key"]
    other = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    first = other.edit(sample.id, dismiss(likely), {likely: "open"})
    for kind in ("accept_possible", "dismiss_possible"):
        refused = review.edit(sample.id, {"kind": kind, "possible": likely}, {likely: "open"})
        assert refused["conflict"] == [likely]
        assert refused["decided"] == {likely: "dismissed"}
        assert scores(refused) == [0.25]
    assert len(saved(sample)) == 2
    # Nor is a decision undone that another has taken back.
    other.restore(sample.id, first["undo"], first["decided"])
    assert review.restore(sample.id, first["undo"], first["decided"])["conflict"] == [likely]


def test_whoever_says_that_nobody_is_there_dismisses_them(review, sample, opened, dataset, tmp_path):
    predict(sample, tmp_path, LIKELY, UNLIKELY)

    def progress() -> tuple[int, int, int]:
        found = queue(dataset, FIELDS, Filter())
        return found["items"][0]["possible"], found["items"][0]["open"], found["done"]

    assert progress() == (2, 2, 0)
    assert scores(review.edit(sample.id, {"kind": "nobody", "nobody": True}, {})) == []
    assert progress() == (0, 0, 1)
    assert_kept_is_saved(sample)
    sample.reload(hard=True)
    assert sample[FIELDS.issue_score] == 0
    predict(sample, tmp_path, LIKELY)
    assert progress() == (0, 0, 1)
    taken_back = review.edit(sample.id, {"kind": "nobody", "nobody": False}, {})
    assert scores(taken_back) == [0.75, 0.25]
    assert set(taken_back["decided"].values()) == {"open"}
    assert progress() == (2, 2, 0)


def test_photos_with_much_evidence_of_missing_people_come_first(collection, tmp_path):
    sample = collection.last()  # without people
    predict(sample, tmp_path, LIKELY, UNLIKELY)
    assert sample[FIELDS.issue_score] == pytest.approx(1 - 0.25 * 0.75)
    found = queue(collection, FIELDS, Filter())
    assert names(found) == ["4", "2", "0", "3", "1"]
    item = found["items"][0]
    assert (item["people"], item["possible"], item["open"]) == (0, 2, 2)
    assert item["issue_score"] == pytest.approx(1 - 0.25 * 0.75)
    assert found["reasons"] == {"two people in one": 2, MISSING_PEOPLE: 2}
    assert names(queue(collection, FIELDS, Filter(reasons=(MISSING_PEOPLE,)))) == ["4"]
    assert names(queue(collection, FIELDS, Filter(reasons=("two people in one",)))) == ["2", "0"]
    assert names(queue(collection, FIELDS, Filter(states=("approved",)))) == []


def test_an_image_is_done_once_they_are_decided(collection, tmp_path):
    sample = collection.first()
    predict(sample, tmp_path, LIKELY, people=[block(10, issues={"two_people": 0.5})])
    assert sum(approve_below(collection, FIELDS, 0.5, "Ada", tmp_path / "maps", NAME)) == 3
    sample.reload(hard=True)
    assert sample[FIELDS.issue_score] == pytest.approx(0.75)
    found = queue(collection, FIELDS, Filter())
    assert names(found)[:2] == ["2", "0"]
    assert (found["items"][1]["open"], found["done"]) == (1, 2)
    review = Review(collection, maps_dir=tmp_path / "maps")
    (possible,) = review.open(sample.id)["possible"]
    review.edit(sample.id, dismiss(possible["key"]), {})
    assert queue(collection, FIELDS, Filter())["done"] == 3


def test_a_dataset_of_before_has_none(collection):
    collection.delete_sample_field(FIELDS.possible)
    assert len(queue(collection, FIELDS, Filter())["items"]) == 5
    sample = collection.first()
    assert Review(collection).open(sample.id)["possible"] == []


def test_who_is_accepted_is_labelled_by_the_network(dataset, tmp_path):
    import fiftyone as fo

    photo = find_photos(EXAMPLES)[0]
    dataset.add_sample(fo.Sample(filepath=str(photo)))
    annotate_samples(dataset, maps_dir=tmp_path / "maps")
    sample = dataset.first()
    declare_fields(dataset, Fields("other"))
    review = Review(dataset, "other", author="Ada", maps_dir=tmp_path / "maps")
    found = max(
        Review(dataset, maps_dir=tmp_path / "maps").open(sample.id)["people"], key=lambda p: p["box"][3]
    )
    possible = [PossiblePerson(tuple(found["box"]), 0.5)]
    people = People(photo_size(photo), possible=possible)
    replace_predictions(sample, people, Fields("other"), tmp_path / "maps")
    sample.save()
    opened = review.open(sample.id)
    (key,) = (person["key"] for person in opened["possible"])
    result = review.edit(sample.id, {"kind": "accept_possible", "possible": key}, {key: "open"})
    (added,) = result["people"]
    assert (added["state"], added["author"], added["edited"]) == ("edited", "Ada", True)
    assert (result["possible"], result["decided"]) == ([], {key: "accepted"})
    sample.reload(hard=True)
    (record,) = sample["other_source"]["people"].values()
    assert record["added"]  # as one whose box was drawn
    undone = review.restore(sample.id, result["undo"], versions(result) | result["decided"])
    assert (undone["removed"], undone["possible"]) == ([added["key"]], opened["possible"])
    redone = review.restore(sample.id, undone["undo"], undone["decided"])
    assert [person["key"] for person in redone["people"]] == [added["key"]]
    assert redone["possible"] == []
    # A new prediction brings neither a double nor the possible person back.
    sample.reload(hard=True)
    replace_predictions(sample, people, Fields("other"), tmp_path / "maps")
    sample.save()
    assert review.open(sample.id)["possible"] == []
