"""Two annotators label the same photos without seeing each other's labels, and somebody settles where they disagree."""

import csv

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import FieldError, Fields, declare_fields
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.dataset.second_labels import find_second_fields, read_agreement, second_fields
from annotator.labels.people import People, PossiblePerson
from annotator.review.edits import EditError
from annotator.review.session import Review
from annotator.runs.agreement import Agreement, write_rows
from annotator.runs.second_labels import SecondLabels, give_second_labels
from tests.annotator.people_samples import SIZE, block

FIRST, SECOND = Fields(), Fields("dp_second")


@pytest.fixture
def labelled(dataset, tmp_path):
    """Twenty photos with two predicted people each."""
    import fiftyone as fo

    declare_fields(dataset, FIRST)
    for number in range(20):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), number, np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, [block(0), block(40, score=0.8)]), FIRST, tmp_path / "maps")
        sample.save()
    return dataset


@pytest.fixture
def maps(tmp_path):
    return tmp_path / "all maps"


def labels(dataset, key, fields):
    sample = dataset[key]
    sample.reload(hard=True)
    return read_people(sample, fields)


def review(dataset, key, prefix, author, maps, edits=()):
    """Make edits, then approve everybody."""
    session = Review(dataset, prefix, author, maps_dir=maps)
    for edit in edits:
        session.edit(key, edit, {})
    for person in session.open(key)["people"]:
        session.edit(key, {"kind": "decide", "person": person["key"], "state": "approved"}, {})


def test_the_share_is_drawn_once_and_of_photos_that_nobody_has_touched(labelled, maps):
    ids = labelled.values("id")
    review(labelled, ids[0], "dp", "Ada", maps)
    everything = give_second_labels(labelled, share=1)
    assert (everything.samples, everything.people, everything.skipped, everything.failures) == (19, 38, 1, {})
    assert labels(labelled, ids[0], SECOND) is None
    assert "dp_people" in labelled.app_config.active_fields.paths
    assert not set(SECOND.names) & set(labelled.app_config.active_fields.paths)
    for ours, theirs in zip(
        labels(labelled, ids[1], FIRST).people, labels(labelled, ids[1], SECOND).people, strict=True
    ):
        for name in ("mask", "parts", "charts", "u", "v", "visibility"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert (theirs.provenance.state, theirs.provenance.model) == ("predicted", "lite")
    assert give_second_labels(labelled, share=1).samples == 0
    # The fields are the second annotator's own.
    with pytest.raises(FieldError, match="second annotator's labels already"):
        SecondLabels(labelled, prefix="dp_second")
    with pytest.raises(ValueError, match=r"share: 5 is not in 0\.\.1"):
        SecondLabels(labelled, share=5)


def test_the_draw_is_of_about_that_share_and_the_same_again(labelled):
    drawn = [len(SecondLabels(labelled, share=0.5, seed=seed)) for seed in range(20)]
    assert 8 < np.mean(drawn) < 12
    assert len(set(drawn)) > 1
    assert list(SecondLabels(labelled, share=0.3, seed=3)._todo) == list(
        SecondLabels(labelled, share=0.3, seed=3)._todo
    )


def test_two_annotators_are_compared_and_a_third_settles(labelled, maps, tmp_path):
    ids = labelled.values("id")[:3]
    give_second_labels(labelled.select(ids), share=1)
    first, second = (Review(labelled, prefix, maps_dir=maps) for prefix in ("dp", "dp_second"))
    left = first.open(ids[0])["people"][0]["key"]
    theirs = second.open(ids[0])["people"]
    # On the first photo Ada takes a quarter of the left person away, and Bob moves the nose and deletes the right one.
    review(
        labelled,
        ids[0],
        "dp",
        "Ada",
        maps,
        [
            {
                "kind": "fill",
                "person": left,
                "layer": "mask",
                "erase": True,
                "points": [[0, 0], [20, 0], [20, 20], [0, 20]],
            }
        ],
    )
    review(
        labelled,
        ids[0],
        "dp_second",
        "Bob",
        maps,
        [
            {
                "kind": "set_keypoint",
                "person": theirs[0]["key"],
                "keypoint": 0,
                "visibility": 2,
                "x": 15,
                "y": 14,
            },
            {"kind": "delete", "person": theirs[1]["key"]},
        ],
    )
    review(labelled, ids[1], "dp", "Ada", maps)
    review(labelled, ids[1], "dp_second", "Bob", maps)
    review(labelled, ids[2], "dp", "Ada", maps)  # Bob is not done with the third one
    run = Agreement(labelled)
    summary = run.run()
    assert (summary.samples, summary.skipped, summary.people, summary.failures) == (2, 1, 3, {})
    (pair,) = run.pairs()
    assert (pair.annotators, pair.photos, pair.people, pair.alone) == (("Ada", "Bob"), 2, 3, 1)
    assert pair.mask == pytest.approx((0.75 + 1 + 1) / 3, abs=1e-6)
    assert run.annotators()["Bob"]["mask"] == pytest.approx(pair.mask)
    labelled.reload()
    assert labelled.values("dp_agreement") == [0, pytest.approx(1), *[None] * 18]
    write_rows(run.rows, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["found_by"] for row in rows] == ["both", "first", "both", "both"]
    assert float(rows[0]["mask"]) == pytest.approx(0.75, abs=1e-6)
    assert rows[1]["mask"] == ""

    # The third one sees both, takes Bob's mask of the left person and keeps Ada's nose.
    settle = Review(labelled, "dp", "Eve", maps_dir=maps)
    record = settle.open(ids[0])["agreement"]
    assert record["annotators"] == ["Ada", "Bob"]
    person = record["people"][0]
    assert {p["key"] for p in settle.second(ids[0])["people"]} == {person["second"]}
    nose = labels(labelled, ids[0], FIRST).people[0].keypoints[0]
    edit = {"kind": "take_second", "person": person["first"], "second": person["second"], "layers": ["mask"]}
    done = settle.edit(ids[0], edit, {})
    now = labels(labelled, ids[0], FIRST).people[0]
    np.testing.assert_array_equal(now.mask, labels(labelled, ids[0], SECOND).people[0].mask)
    np.testing.assert_array_equal(now.keypoints[0], nose)
    assert (now.provenance.author, now.provenance.state) == ("Eve", "edited")
    settle.restore(ids[0], done["undo"], {})
    assert np.count_nonzero(labels(labelled, ids[0], FIRST).people[0].mask) == 600
    settle.edit(ids[0], edit | {"layers": ["keypoints"]}, {})
    now = labels(labelled, ids[0], FIRST).people[0]
    assert now.keypoints[0, 0] == pytest.approx(15, abs=0.01)
    assert np.count_nonzero(now.mask) == 600
    # What was measured before they were settled stays.
    again = Agreement(labelled)
    again.run()
    assert again.rows == run.rows


def test_somebody_whom_only_the_second_has_can_be_added(labelled, maps):
    (key, *_) = ids = labelled.values("id")
    give_second_labels(labelled.select(ids[:1]), share=1)
    first = Review(labelled, "dp", "Ada", maps_dir=maps)
    (_left, right) = first.open(key)["people"]
    first.edit(key, {"kind": "delete", "person": right["key"]}, {})
    theirs = first.second(key)["people"][1]["key"]
    first.edit(key, {"kind": "take_second", "second": theirs}, {})
    assert [person.box for person in labels(labelled, key, FIRST).people] == [
        (0, 10, 20, 40),
        (40, 10, 20, 40),
    ]
    assert labels(labelled, key, SECOND).people[1].box == (40, 10, 20, 40)
    with pytest.raises(EditError, match="second: the second annotator has no person 'x'"):
        first.edit(key, {"kind": "take_second", "second": "x"}, {})
    with pytest.raises(FieldError, match="second annotator's labels already"):
        Review(labelled, "dp_second", maps_dir=maps).second(key)


def test_a_photo_with_open_possible_people_is_not_reviewed(labelled, maps, tmp_path):
    key = labelled.first().id
    sample = labelled[key]
    possible = [PossiblePerson((60.0, 5.0, 4.0, 8.0), 0.4)]
    replace_predictions(sample, People(SIZE, [block(0)], possible=possible), FIRST, tmp_path / "maps")
    sample.save()
    give_second_labels(labelled.select([key]), share=1)
    for prefix, author in (("dp", "Ada"), ("dp_second", "Bob | Co")):
        review(labelled, key, prefix, author, maps)
    assert Agreement(labelled).run().skipped == 1
    for prefix in ("dp", "dp_second"):
        session = Review(labelled, prefix, "Ada", maps_dir=maps)
        for one in session.open(key)["possible"]:
            session.edit(key, {"kind": "dismiss_possible", "possible": one["key"]}, {})
    run = Agreement(labelled)
    assert (run.run().samples, run.summary.skipped) == (1, 0)
    assert "| Ada, Bob \\| Co | 1 | 1 | 0 |" in run.describe()


def test_there_must_be_two(labelled):
    with pytest.raises(FieldError, match="has no field 'dp_second_people'"):
        Agreement(labelled)
    assert Review(labelled).open(labelled.first().id)["agreement"] is None


def test_a_prefix_that_is_too_long_for_second_labels_has_none(dataset):
    fields = Fields("a" * 40)
    with pytest.raises(FieldError):
        second_fields(fields)
    assert find_second_fields(dataset, fields) is None
    assert read_agreement(dataset, fields, "0" * 24) is None
