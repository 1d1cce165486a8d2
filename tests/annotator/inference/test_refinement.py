"""Keypoints are where the pose estimator sees them, whichever way a person lies."""

from pathlib import Path

import numpy as np
import pytest

from annotator.inference.batching import BatchingQueue
from annotator.inference.box_prompt import label_boxes, label_masks
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.refinement import quarter_turns, refine
from annotator.inference.settings import Settings
from annotator.labels.label_space import KEYPOINT_MIRROR, KEYPOINT_PARTS
from annotator.labels.people import Person
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

from .tiny_pose import BLUE, BOX, GREEN, dotted, person_in

LEFT, RIGHT = np.arange(17) % 2 == 1, np.arange(17) % 2 == 0
REFINED = Settings(proposals="votes")
UNREFINED = Settings(proposals="votes", pose_estimator=False)


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
