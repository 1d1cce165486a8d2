"""Cut and merged people get labels of the network, and keep what humans said of them."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person, Provenance
from annotator.review.edits import Scene
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import assert_whole, edit

LINE = {"person": "a", "points": [[5, 22], [40, 22]]}
CHART = 4
HEADS = {"person": "a", "points": [[15, 12], [25, 45]]}


def label(people: list[Person]) -> list[Person]:
    """A network that sees one chart, with a nose and a left eye in its corner, but nothing in the first row."""
    found = []
    for person in people:
        hand = np.where(person.mask, np.uint8(CHART), np.uint8(0))
        hand[0] = 0
        keypoints = np.zeros((17, 3), np.float32)
        keypoints[:2] = [[*person.box[:2], 0.5], [*person.box[:2], 0.4]]
        found.append(
            replace(
                person,
                parts=CHART_TO_PART[hand],
                charts=hand,
                u=np.float16(0.25) * (hand > 0),
                v=np.float16(0.75) * (hand > 0),
                keypoints=keypoints,
                visibility=(keypoints[:, 2] > 0).astype(np.uint8) * 2,
                quality={"charts": 0.9},
                issues={"mask_border": 0.125},
                provenance=Provenance("new"),
            )
        )
    return found


@pytest.fixture
def asked(scene: Scene) -> Scene:
    return replace(scene, label_masks=label)


@pytest.mark.parametrize(("kind", "how"), [("split_by_line", LINE), ("split_by_heads", HEADS)])
def test_each_piece_is_labelled_anew_inside_of_its_pixels(asked, scene, kind, how):
    plain = sorted(edit(scene, kind, **how).values(), key=lambda person: person.box[1])
    pieces = sorted(edit(asked, kind, **how).values(), key=lambda person: person.box[1])
    for piece, before in zip(pieces, plain, strict=True):
        assert_whole(piece)
        assert piece.box == before.box
        np.testing.assert_array_equal(piece.mask, before.mask)
        # Pixels that the network does not know, too, have a label.
        assert set(piece.charts[piece.mask]) == {CHART}
        assert set(piece.parts[piece.mask]) == {CHART_TO_PART[CHART]}
        assert (piece.u[piece.mask] == 0.25).all()
        assert piece.visibility.nonzero()[0].tolist() == [0, 1]
        assert piece.quality == {"charts": 0.9}
        assert piece.issues["mask_border"] == 0.125
        assert (piece.provenance.model, piece.provenance.state) == ("new", "edited")


def test_what_humans_said_stays_on_the_piece_where_it_lies(asked):
    moved = edit(asked, "set_keypoint", person="a", keypoint=12, visibility=1, x=13, y=40)["a"]
    corrected = edit(
        replace(asked, people={"a": moved}),
        "correct_surface",
        person="a",
        corrections=[[20, 40, 9, 0.5, 0.5]],
    )["a"]
    pieces = edit(replace(asked, people={"a": corrected}), "split_by_line", **LINE).values()
    upper, lower = sorted(pieces, key=lambda person: person.box[1])
    assert upper.keypoints[12].tolist() == [0, 0, 0]
    assert lower.keypoints[12].tolist() == [13, 40, 1]
    assert lower.visibility[12] == 1
    assert not len(upper.corrections)
    np.testing.assert_array_equal(lower.corrections, [[20, 40, 9, 0.5, 0.5]])
    # Refitted: the network's hand is not what the human said of that pixel.
    assert lower.charts[18, 10] == 9


def without_nose(scene: Scene, key: str = "a") -> Scene:
    removed = edit(scene, "set_keypoint", person=key, keypoint=0, visibility=0)
    return replace(scene, people={**scene.people, **removed})


@pytest.mark.parametrize(
    ("kind", "how", "keeps_keypoints"),
    [
        ("paint", {"layer": "part", "part": 2, "points": [[20, 30]], "radius": 2}, False),
        ("fill_area", {"x": 20, "y": 30, "part": 2}, False),
        ("swap_sides", {}, True),
        ("swap_depth", {}, False),
    ],
)
def test_what_was_painted_or_swapped_is_not_labelled_anew(asked, kind, how, keeps_keypoints):
    person = edit(asked, kind, person="a", **how)["a"]
    without = replace(asked, people={"a": person}, label_masks=None)
    pieces = edit(replace(without, label_masks=label), "split_by_line", **LINE).values()
    for piece, before in zip(pieces, edit(without, "split_by_line", **LINE).values(), strict=True):
        np.testing.assert_array_equal(piece.parts, before.parts)
        np.testing.assert_array_equal(piece.charts, before.charts)
        assert (piece.visibility[1] == 0) == keeps_keypoints


def test_labels_of_no_model_stay(asked):
    imported = replace(asked.people["a"], provenance=Provenance())
    for piece in edit(replace(asked, people={"a": imported}), "split_by_line", **LINE).values():
        assert CHART not in piece.charts
        assert piece.provenance.model == ""


def test_a_network_that_sees_nobody_changes_nothing(scene):
    blind = replace(scene, label_masks=lambda people: [None] * len(people))
    for kind, how in (("split_by_line", LINE), ("split_by_heads", HEADS), ("merge", {"people": ["a", "b"]})):
        pairs = zip(edit(scene, kind, **how).values(), edit(blind, kind, **how).values(), strict=True)
        for before, after in pairs:
            np.testing.assert_equal(after and asdict(after), before and asdict(before))


@pytest.mark.parametrize(
    ("ours", "theirs", "wins"),
    [
        ({"quality": {"charts": 0.5}}, {"quality": {"charts": 0.75}}, "theirs"),
        ({"quality": {"charts": 0.75}}, {"quality": {"charts": 0.5}}, "ours"),
        ({"quality": {"charts": 0.75}}, {"quality": {"charts": 0.5}, "hand_made": ("surface",)}, "theirs"),
        ({"hand_made": ("surface",)}, {"quality": {"charts": 0.9}}, "ours"),
    ],
)
def test_where_both_have_labels_the_better_ones_hold(scene, ours, theirs, wins):
    one, other = scene.people["a"], scene.people["a"]
    one, other = (
        replace(one, charts=one.charts * 0 + 2, **ours),
        replace(other, charts=other.charts * 0 + 1, **theirs),
    )
    merged = edit(Scene(SIZE, {"a": one, "b": other}), "merge", people=["a", "b"])["a"]
    assert set(merged.charts.ravel()) == {2 if wins == "ours" else 1}


def test_a_merge_asks_only_where_neither_has_labels(asked):
    bare = Person((35, 10, 5, 10), mask=np.ones((10, 5), bool))
    known = replace(asked.people["a"], keypoints=None, visibility=None)
    merged = edit(replace(asked, people={"a": known, "c": bare}), "merge", people=["a", "c"])["a"]
    assert_whole(merged)
    np.testing.assert_array_equal(merged.charts[:, :20], known.charts)
    assert (merged.charts[:10, 25:] == CHART).all()
    assert merged.visibility.nonzero()[0].tolist() == [0, 1]

    def refuse(people):
        raise AssertionError("not asked")

    edit(replace(asked, label_masks=refuse), "merge", people=["a", "b"])


@pytest.mark.parametrize(("kind", "how"), [("split_by_line", LINE), ("split_by_heads", HEADS)])
def test_a_removed_keypoint_does_not_come_back_on_a_piece(asked, kind, how):
    for piece in edit(without_nose(asked), kind, **how).values():
        assert piece.visibility.nonzero()[0].tolist() == [1]
        assert piece.keypoints[0].tolist() == [0, 0, 0]


def test_the_other_side_of_a_removed_keypoint_stays_away_after_a_swap(asked):
    removed = edit(asked, "set_keypoint", person="a", keypoint=2, visibility=0)["a"]
    swapped = edit(replace(asked, people={"a": removed}), "swap_sides", person="a")["a"]
    assert swapped.removed_keypoints == (1,)
    bare = replace(swapped, keypoints=None, visibility=None)
    for piece in edit(replace(asked, people={"a": bare}), "split_by_line", **LINE).values():
        assert piece.visibility.nonzero()[0].tolist() == [0]


def test_a_merge_does_not_bring_a_removed_keypoint_back(asked):
    merged = edit(without_nose(asked), "merge", people=["a", "b"])["a"]
    assert merged.visibility[0] == 0
    assert merged.removed_keypoints == (0,)
    # Nor does the network, asked because neither has keypoints.
    bare = {
        key: replace(person, keypoints=None, visibility=None, removed_keypoints=(0,))
        for key, person in asked.people.items()
    }
    merged = edit(replace(asked, people=bare), "merge", people=["a", "b"])["a"]
    assert merged.visibility.nonzero()[0].tolist() == [1]


def test_a_keypoint_that_somebody_set_holds_though_it_was_removed_from_the_other(asked):
    scene = without_nose(asked)
    placed = edit(scene, "set_keypoint", person="b", keypoint=0, visibility=2, x=50, y=15)["b"]
    merged = edit(replace(scene, people={**scene.people, "b": placed}), "merge", people=["a", "b"])["a"]
    assert merged.keypoints[0].tolist() == [50, 15, 1]
    assert merged.removed_keypoints == ()


def test_corrections_of_the_surface_hold_where_both_have_labels(scene):
    corrected = edit(scene, "correct_surface", person="a", corrections=[[20, 27, 9, 0.25, 0.75]])["a"]
    sure = replace(scene.people["a"], quality={"charts": 0.99})
    merged = edit(Scene(SIZE, {"a": sure, "b": corrected}), "merge", people=["a", "b"])["a"]
    x, y = merged.box[:2]
    assert merged.charts[27 - y, 20 - x] == 9
