"""Masks, charts, U and V by two networks, of people in boxes and of those found otherwise."""

from pathlib import Path

import numpy as np
import pytest

from annotator.inference.blending import MASK_SHARE, SURFACE_SHARE, blend
from annotator.inference.box_prompt import label_boxes, label_masks
from annotator.inference.network import Network
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.refinement import refine
from annotator.inference.settings import Settings
from annotator.labels.label_space import CHART_TO_PART, CHARTS
from annotator.labels.maps import Maps
from annotator.labels.people import Person
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

from .tiny_pose import ARM, BOX, GUESS, RED, TORSO, dotted, person_in, write_pose_estimator

REFINED = Settings(proposals="votes")


def blended(
    pose: PoseEstimator, square: np.ndarray, turns: int, person: float = 0.4, **options
) -> np.ndarray:
    """The ``person`` map of a view, once the pose estimator had its say."""
    maps = Maps(*(np.full((64, 64), person, np.float32) for _ in Maps.__slots__))
    maps.charts = maps.charts.astype(np.uint8)
    blend([maps], [(square, turns)], pose, **{"flip_augment": False, **options})
    assert maps.person.dtype == np.float32
    return maps.person


@pytest.mark.parametrize("turns", range(4))
def test_the_pose_estimator_has_a_say_in_the_mask(pose: PoseEstimator, turns: int):
    """Whoever stands after the view was turned: what is red is the person's, also where the other network is unsure."""
    square = np.zeros((128, 128, 3), np.uint8)
    square[20:40, 40:80, RED] = 255
    person = blended(pose, np.rot90(square, -turns), turns)
    upright = np.rot90(person, turns)
    share = MASK_SHARE
    assert upright[15, 30] == pytest.approx((1 - share) * 0.4 + share, abs=0.01)
    assert upright[40, 50] == pytest.approx((1 - share) * 0.4 + share * GUESS, abs=0.01)
    assert upright[15, 50] == pytest.approx(upright[40, 50], abs=0.01)
    mirrored = np.rot90(blended(pose, np.rot90(square, -turns), turns, flip_augment=True), turns)
    np.testing.assert_allclose(mirrored, upright, atol=1e-5)


def test_whom_both_networks_see_is_surer(tmp_path: Path, tiny_network: Network, pose: PoseEstimator):
    grey = read_photo(draw_photo(tmp_path / "a.png", [(20, 10, 40, 70, 90)], (128, 96)))
    red = grey.copy()
    red[:, :, RED] = 255
    box = (20, 10, 40, 70)
    (by_one,), (by_both,) = (label_boxes(photo, [box], tiny_network, REFINED, pose) for photo in (grey, red))
    assert by_one.mask.any()
    assert by_both.score > by_one.score


def seen(
    pose: PoseEstimator,
    square: np.ndarray,
    turns: int = 0,
    chart: int = TORSO,
    confidence: float = 0.1,
    **options,
) -> Maps:
    """The maps of a view, once the pose estimator had its say, of a network that sees one chart, with U = V = 0.5."""
    maps = Maps(*(np.full((64, 64), 0.5, np.float32) for _ in Maps.__slots__))
    maps.charts = np.full((64, 64), chart, np.uint8)
    maps.chart_confidence = np.full((64, 64), confidence, np.float32)
    blend([maps], [(square, turns)], pose, **{"flip_augment": False, **options})
    assert maps.charts.dtype == np.uint8
    return maps


GREY = np.full((128, 128, 3), 10, np.uint8)
"""All of it is torso, for the pose estimator with a confidence of :data:`GUESS` and little more."""


def test_the_surer_one_says_which_chart_it_is(pose: PoseEstimator):
    square = GREY.copy()
    square[20:40, 40:80, RED] = 255
    weaker, stronger = seen(pose, square, chart=23), seen(pose, square, chart=23, confidence=1.0)
    assert set(np.unique(stronger.charts)) == {23}
    assert (stronger.u == 0.5).all()
    assert (weaker.charts[11:19, 21:39] == ARM).all()
    assert (weaker.charts[30:] == TORSO).all()
    assert weaker.u[50, 10] == pytest.approx(50.5 / 64, abs=0.02)
    assert weaker.v[50, 10] == pytest.approx(10.5 / 64, abs=0.02)
    # Where they differ nobody is sure.
    for maps, confidence in ((weaker, GUESS), (stronger, 1.0)):
        assert maps.chart_confidence[50, 10] == pytest.approx(confidence / 2, abs=0.02)


def test_where_both_see_a_chart_they_share_it(pose: PoseEstimator):
    both = seen(pose, GREY)
    assert set(np.unique(both.charts)) == {TORSO}
    share = SURFACE_SHARE
    assert both.u[50, 10] == pytest.approx((1 - share) * 0.5 + share * 50.5 / 64, abs=0.02)
    assert both.v[50, 10] == pytest.approx((1 - share) * 0.5 + share * 10.5 / 64, abs=0.02)
    assert both.chart_confidence[50, 10] == pytest.approx((1 - share) * 0.1 + share * GUESS, abs=0.02)
    assert both.part_confidence[50, 10] == pytest.approx((1 - share) * 0.5 + share * GUESS, abs=0.02)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flip_augment", [False, True])
def test_charts_of_who_does_not_stand_are_turned_back(pose: PoseEstimator, turns: int, flip_augment: bool):
    maps = seen(pose, GREY, turns, chart=23, confidence=0.0, flip_augment=flip_augment)
    assert set(np.unique(maps.charts)) == {TORSO}
    # U runs down whoever stands, and V across; a mirror turns V of a torso around, and back.
    down, across = (np.rot90(values, turns) for values in (maps.u, maps.v))
    np.testing.assert_allclose(down[:, 5], (np.arange(64) + 0.5) / 64, atol=0.02)
    np.testing.assert_allclose(across[5], (np.arange(64) + 0.5) / 64, atol=0.02)


def test_known_masks_get_the_charts_of_both(tmp_path: Path, tiny_network: Network, pose: PoseEstimator):
    photo = read_photo(draw_photo(tmp_path / "a.png", [(20, 10, 40, 70, 90)], (128, 96)))
    (plain,) = label_boxes(photo, [(20, 10, 40, 70)], tiny_network, REFINED)
    (by_one,), (by_both,) = (label_masks(photo, [plain], tiny_network, REFINED, p) for p in (None, pose))
    assert by_both.quality["charts"] != by_one.quality["charts"]
    np.testing.assert_array_equal(by_both.mask, plain.mask)
    np.testing.assert_array_equal(by_both.parts, CHART_TO_PART[by_both.charts])


def torso_in(confidence: float, chart: int = 23) -> Person:
    """Somebody who fills a box, all of it one chart; 23 is none of the pose estimator's."""
    person = person_in()
    shape = person.mask.shape
    person.charts = np.full(shape, chart, np.uint8)
    person.parts = CHART_TO_PART[person.charts]
    person.u, person.v = np.full((2, *shape), 0.5, np.float16)
    person.quality["charts"] = confidence
    return person


@pytest.mark.parametrize("scale", [1, 3])
def test_charts_of_people_found_otherwise_are_those_of_the_surer_one(pose: PoseEstimator, scale: int):
    photo = np.full((120 * scale, 160 * scale, 3), 10, np.uint8)
    photo[40 * scale : 60 * scale, 50 * scale : 80 * scale, RED] = 255
    weaker, stronger = torso_in(0.01), torso_in(1.0)
    for person in (weaker, stronger):
        person.mask, person.charts, person.parts, person.u, person.v = (
            np.kron(values, np.ones((scale, scale), values.dtype))
            for values in (person.mask, person.charts, person.parts, person.u, person.v)
        )
        person.box = tuple(scale * length for length in person.box)
    refine(photo, [weaker, stronger], pose, flip_augment=False)
    x, y = 50 * scale - weaker.box[0], 40 * scale - weaker.box[1]
    rim = 3 * scale
    inside = np.s_[y + rim : y + 20 * scale - rim, x + rim : x + 30 * scale - rim]
    assert (weaker.charts[inside] == ARM).all()
    assert (weaker.charts[-5:] == TORSO).all()
    np.testing.assert_array_equal(weaker.parts, CHART_TO_PART[weaker.charts])
    assert weaker.charts.dtype == weaker.parts.dtype == np.uint8
    assert weaker.u.dtype == weaker.v.dtype == np.float16
    assert set(np.unique(stronger.charts)) == {23}
    assert (stronger.u == 0.5).all()
    # Where they differ nobody is sure, and which part it is is doubtful.
    assert stronger.quality["charts"] == pytest.approx(0.5)
    assert weaker.issues["chart_against_part"] > 0.9
    assert stronger.issues["chart_against_part"] == 0


def test_masks_of_people_found_otherwise_become_those_of_both(pose: PoseEstimator):
    """What is red is the person's, as far as nobody else has it; what neither is nor has to be is not any more."""
    photo = np.full((120, 160, 3), 10, np.uint8)
    photo[20:50, 36:90, RED] = 255
    person, other = torso_in(1.0), torso_in(1.0)
    person.mask[:, 40:] = False
    other.box, other.mask = (85, 20, 30, 30), np.ones((30, 30), bool)
    for name in ("charts", "parts", "u", "v"):
        setattr(other, name, getattr(other, name)[:30, :30])
    other.issues = {"mask_border": 0.9}
    refine(photo, [person, other], pose, flip_augment=False, threshold=0.5)
    assert 0 < person.issues["mask_border"] < 1
    assert 0.5 < person.quality["mask"] < 1
    assert other.issues["mask_border"] not in (0, 0.9)
    x, y, w, h = person.box
    assert person.mask.shape == person.charts.shape == person.u.shape == (h, w)
    mask = np.zeros(photo.shape[:2], bool)
    mask[y : y + h, x : x + w] = person.mask
    assert mask[22:48, 38:84].all()
    assert not mask[:, 85:].any()
    assert not mask[54:].any()
    assert (person.charts > 0)[person.mask].all()
    assert not person.charts[~person.mask].any()
    # New pixels have the pose estimator's chart, the others their own.
    charts = np.zeros(photo.shape[:2], np.uint8)
    charts[y : y + h, x : x + w] = person.charts
    assert set(np.unique(charts[24:46, 42:78])) == {23}
    assert (charts[24:46, 81:84] == ARM).all()


def test_known_masks_stay(pose: PoseEstimator):
    photo = dotted((70, 40, RED, 255))
    person, gone = torso_in(0.01), torso_in(0.01)
    refine(photo, [person], pose, flip_augment=False)
    assert person.mask.all()
    assert "mask_border" not in person.issues
    assert "mask" not in person.quality
    # Nor does one of which nothing would be left.
    gone.mask[:] = False
    gone.mask[-2:] = True
    before = gone.mask.copy()
    refine(np.zeros_like(photo), [gone], pose, flip_augment=False, threshold=0.5)
    assert gone.box == BOX
    np.testing.assert_array_equal(gone.mask, before)


def test_what_has_no_chart_keeps_none(pose: PoseEstimator):
    person = torso_in(0.01)
    for values in (person.charts, person.parts, person.u, person.v):
        values[:, 30:] = 0
    refine(dotted((55, 40, RED, 250)), [person], pose, flip_augment=False)
    assert not person.charts[:, 30:].any()
    assert (person.charts[:, :30] > 0).all()
    bare = torso_in(0.01)
    bare.quality.clear()
    refine(dotted((55, 40, RED, 250)), [bare], pose, flip_augment=False)
    assert set(np.unique(bare.charts)) == {23}


BACK, FRONT, HAND = CHARTS.index("torso back"), CHARTS.index("torso front"), CHARTS.index("left hand")


@pytest.mark.parametrize(
    ("by_cascade", "by_pose_estimator", "expected"),
    [(FRONT, BACK, BACK), (BACK, FRONT, BACK), (HAND, BACK, BACK), (BACK, HAND, BACK)],
)
def test_who_sees_a_back_is_right(tmp_path: Path, by_cascade: int, by_pose_estimator: int, expected: int):
    """However sure the other one is of a front."""
    pose = PoseEstimator(write_pose_estimator(tmp_path / "pose.onnx", red=by_pose_estimator))
    square = np.zeros((128, 128, 3), np.uint8)
    square[20:80, 20:100, RED] = 255
    sure = 0.99 if expected == by_pose_estimator else 0.05
    maps = seen(pose, square, chart=by_cascade, confidence=sure)
    assert (maps.charts[12:38, 12:48] == expected).all()
    # The same of somebody whom votes alone have found.
    photo = np.full((120, 160, 3), 10, np.uint8)
    photo[..., RED] = 255
    person = torso_in(sure, by_cascade)
    refine(photo, [person], pose, flip_augment=False)
    assert (person.charts[:40] == expected).all()
