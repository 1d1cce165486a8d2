"""What the pose estimator says of people, whichever way they lie: masks in boxes, keypoints where it sees them, charts with U and V."""

from pathlib import Path

import numpy as np
import pytest

from annotator.inference.batching import BatchingQueue
from annotator.inference.blending import MASK_SHARE, SURFACE_SHARE, blend
from annotator.inference.box_prompt import label_boxes, label_masks
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.refinement import quarter_turns, refine
from annotator.inference.settings import Settings
from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_MIRROR, KEYPOINT_PARTS
from annotator.labels.maps import Maps
from annotator.labels.people import Person
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

from .tiny_pose import ARM, GUESS, TORSO

RED, GREEN, BLUE = 0, 1, 2
BOX = (40, 20, 60, 80)
DOT = 10
LEFT, RIGHT = np.arange(17) % 2 == 1, np.arange(17) % 2 == 0
REFINED = Settings(proposals="votes")
UNREFINED = Settings(proposals="votes", pose_estimator=False)


def dotted(*dots: tuple[float, float, int, int], size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A black photo with square dots, each x, y of its middle, colour and brightness."""
    photo = np.zeros((*size[::-1], 3), np.uint8)
    for x, y, colour, value in dots:
        photo[int(y - DOT / 2) : int(y + DOT / 2), int(x - DOT / 2) : int(x + DOT / 2), colour] = value
    return photo


def person_in(box: tuple[int, int, int, int] = BOX, keypoints: np.ndarray | None = None) -> Person:
    """Somebody who fills a box."""
    return Person(box, mask=np.ones(box[:1:-1], bool), keypoints=keypoints)


def at(x: float, y: float, confidence: float = 1.0) -> np.ndarray:
    """(17, 3): all keypoints in one place."""
    return np.tile(np.float32([x, y, confidence]), (17, 1))


@pytest.mark.parametrize("scale", [1, 4, 30])
def test_keypoints_are_where_the_pose_estimator_sees_them(pose: PoseEstimator, scale: int):
    photo = np.kron(dotted((55, 40, BLUE, 250), (80, 60, GREEN, 250)), np.ones((scale, scale, 1), np.uint8))
    person = person_in(tuple(scale * length for length in BOX))
    refine(photo, [person], pose, flip_augment=False)
    np.testing.assert_allclose(person.keypoints[LEFT, :2] / scale, np.tile([55, 40], (8, 1)), atol=2)
    np.testing.assert_allclose(person.keypoints[RIGHT, :2] / scale, np.tile([80, 60], (9, 1)), atol=2)
    assert (person.keypoints[:, 2] > 0.7).all()
    assert (person.visibility == 2).all()
    assert person.quality["keypoints"] == pytest.approx(person.keypoints[:, 2].mean())


def test_only_what_is_near_the_mask_counts(pose: PoseEstimator):
    person = person_in()
    person.mask[:, :10] = person.mask[:, 30:] = False
    refine(dotted((60, 40, GREEN, 200), (95, 40, GREEN, 255)), [person], pose, flip_augment=False)
    np.testing.assert_allclose(person.keypoints[RIGHT, :2], np.tile([60, 40], (9, 1)), atol=2)
    # Nothing is blue.
    assert (person.visibility[LEFT] == 0).all()
    assert (person.keypoints[LEFT] == 0).all()


def test_keypoints_off_the_mask_are_hidden(pose: PoseEstimator):
    person = person_in()
    person.mask[:, :22] = False
    refine(dotted((56, 40, GREEN, 255)), [person], pose, flip_augment=False)
    assert np.abs(person.keypoints[RIGHT, 0] - 60).max() < 5
    assert set(person.visibility[RIGHT]) <= {1, 2}
    person = person_in()
    refine(dotted((56, 40, GREEN, 60)), [person], pose, flip_augment=False)
    assert (person.visibility[RIGHT] == 1).all()  # unsure


@pytest.mark.parametrize("near", [(55, 40), (80, 60)])
def test_of_two_places_the_one_of_the_keypoint_there_was_is_taken(pose: PoseEstimator, near: tuple[int, int]):
    photo = dotted((55, 40, GREEN, 200), (80, 60, GREEN, 200))
    person = person_in(keypoints=at(*near))
    refine(photo, [person], pose, flip_augment=False)
    np.testing.assert_allclose(person.keypoints[RIGHT, :2], np.tile(near, (9, 1)), atol=3)
    alone = person_in(keypoints=at(*near, 0.0))
    refine(photo, [alone], pose, flip_augment=False)
    assert (alone.keypoints[RIGHT, 2] < person.keypoints[RIGHT, 2]).all()


def test_the_mirror_image_sees_left_as_right(pose: PoseEstimator):
    photo = dotted((55, 40, BLUE, 255), (80, 60, GREEN, 255))
    plain, both = person_in(), person_in()
    refine(photo, [plain], pose, flip_augment=False)
    refine(photo, [both], pose, flip_augment=True)
    # This pose estimator goes by colours, which a mirror does not change: each of the two views is for another place.
    paired = np.arange(17) != KEYPOINT_MIRROR
    assert (both.keypoints[paired, 2] < 0.6 * plain.keypoints[paired, 2]).all()
    assert both.keypoints[0, 2] == pytest.approx(plain.keypoints[0, 2], abs=1e-3)
    np.testing.assert_allclose(both.keypoints[0, :2], plain.keypoints[0, :2], atol=0.1)


STANDING = np.zeros((17, 3), np.float32)
STANDING[:7] = (70, 30, 0.9)
STANDING[11:13] = (70, 60, 0.9)


@pytest.mark.parametrize(
    ("towards", "turns"),
    [((0, -1), 0), ((1, 0), 1), ((0, 1), 2), ((-1, 0), 3), ((0.6, -1), 0), ((1, -0.6), 1), ((-1, 0.6), 3)],
)
def test_the_line_from_hips_to_head_says_how_a_view_is_turned(towards: tuple[float, float], turns: int):
    keypoints = STANDING.copy()
    keypoints[:7, :2] = keypoints[11, :2] + 30 * np.array(towards)
    assert quarter_turns(person_in(keypoints=keypoints)) == turns
    for missing, confidence in ((slice(0, 7), 0.0), (slice(11, 13), 0.19)):
        without = keypoints.copy()
        without[missing, 2] = confidence
        assert quarter_turns(person_in(keypoints=without)) == 0
    assert quarter_turns(person_in()) == 0


@pytest.mark.parametrize(("head", "dot"), [((95, 60), (90, 40)), ((45, 60), (50, 80)), ((70, 95), (60, 90))])
def test_who_does_not_stand_is_seen_upright(pose: PoseEstimator, head: tuple[int, int], dot: tuple[int, int]):
    """The pose estimator sees nothing in the lowest quarter of its view: there lie the feet of who is turned upright."""
    keypoints = STANDING.copy()
    keypoints[:7, :2], keypoints[11:13, :2] = head, (70, 60)
    person = person_in((40, 30, 60, 60), keypoints)
    if head == (70, 95):
        person = person_in((40, 30, 60, 70), keypoints)
    refine(dotted((*dot, GREEN, 255)), [person], pose, flip_augment=False)
    np.testing.assert_allclose(person.keypoints[RIGHT, :2], np.tile(dot, (9, 1)), atol=3)
    assert (person.keypoints[RIGHT, 2] > 0.6).all()


def test_issues_are_those_of_the_new_keypoints(pose: PoseEstimator):
    person = person_in(keypoints=at(70, 60, 0.1))
    person.parts = np.full(person.mask.shape, KEYPOINT_PARTS[0][0], np.uint8)
    person.issues = {"keypoint_outside": 0.9, "mask_border": 0.25}
    refine(dotted((70, 40, GREEN, 255)), [person], pose, flip_augment=False)
    assert person.issues["mask_border"] == 0.25
    assert person.issues["keypoint_outside"] != 0.9
    assert "sides_swapped" in person.issues


def test_who_has_no_mask_stays_as_they_are(pose: PoseEstimator):
    photo = dotted((70, 40, GREEN, 255))
    bare, empty = Person(BOX), Person(BOX, mask=np.zeros(BOX[:1:-1], bool))
    refine(photo, [None, bare, empty], pose, flip_augment=False)
    assert bare.keypoints is empty.keypoints is None
    person = person_in()
    refine(photo, [person], None, flip_augment=False)
    assert person.keypoints is None
    refine(photo, [], pose, flip_augment=True)


@pytest.mark.parametrize("flip_augment", [False, True])
def test_the_batch_size_changes_no_keypoint(pose: PoseEstimator, flip_augment: bool):
    photo = dotted((30, 40, GREEN, 255), (90, 70, BLUE, 200), (130, 60, GREEN, 180))
    boxes = [(10, 20, 50, 60), (70, 30, 40, 70), (100, 20, 50, 90), (0, 0, 160, 120), (20, 30, 20, 20)]
    found = []
    for batch_size in (None, 1, 2, 5, 9):
        people = [person_in(box) for box in boxes]
        refine(photo, people, pose, flip_augment=flip_augment, batch_size=batch_size)
        found.append(np.stack([person.keypoints for person in people]))
    queue = BatchingQueue(1)
    queue.expect()
    people = [person_in(box) for box in boxes]
    with queue.working():
        refine(photo, people, queue.queued(pose, 3), flip_augment=flip_augment, batch_size=4)
    queue.close()
    found.append(np.stack([person.keypoints for person in people]))
    for keypoints in found[1:]:
        np.testing.assert_array_equal(keypoints, found[0])


def test_everybody_in_a_photo_is_refined(tmp_path: Path, tiny_network: Network, pose: PoseEstimator):
    photos = [
        draw_photo(tmp_path / f"{i}.png", [(20, 10, 40, 70, 90), (80 + i, 15, 30, 70, 200)], (128, 96))
        for i in range(5)
    ]
    before = [result.people.people for result in annotate(photos, tiny_network, UNREFINED)]
    after = [result.people.people for result in annotate(photos, tiny_network, REFINED, pose=pose)]
    again = [
        result.people.people
        for result in annotate(photos, tiny_network, Settings(proposals="votes", zoom_in=False), pose=pose)
    ]
    unasked = annotate(photos, tiny_network, UNREFINED, pose=pose)
    assert [len(people) for people in after] == [len(people) for people in before]
    for old, new, plain in zip(before, after, (result.people.people for result in unasked), strict=True):
        for one, other, same in zip(old, new, plain, strict=True):
            np.testing.assert_array_equal(one.mask, same.mask)
            np.testing.assert_array_equal(one.keypoints, same.keypoints)
            assert not np.array_equal(one.keypoints, other.keypoints)
    assert any(
        not np.array_equal(one.mask, other.mask)
        for old, new in zip(before, after, strict=True)
        for one, other in zip(old, new, strict=True)
    )
    assert all(again)


def test_boxes_and_masks_are_refined(tmp_path: Path, tiny_network: Network, pose: PoseEstimator):
    photo = read_photo(draw_photo(tmp_path / "a.png", [(20, 10, 40, 70, 90)], (128, 96)))
    (plain,) = label_boxes(photo, [(20, 10, 40, 70)], tiny_network, REFINED)
    (refined, nobody) = label_boxes(photo, [(20, 10, 40, 70), (90, 10, 30, 60)], tiny_network, REFINED, pose)
    assert nobody is None
    assert not np.array_equal(plain.keypoints, refined.keypoints)
    (known,) = label_masks(photo, [plain], tiny_network, REFINED, pose)
    assert known.box == plain.box
    assert not np.array_equal(plain.keypoints, known.keypoints)


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


def torso_in(confidence: float) -> Person:
    """Somebody who fills a box, all of it one chart that is not the pose estimator's."""
    person = person_in()
    shape = person.mask.shape
    person.charts = np.full(shape, 23, np.uint8)
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
    refine(photo, [person, other], pose, flip_augment=False, threshold=0.5)
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
