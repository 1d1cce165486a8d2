"""People who come back from another tool, whose format has no unsure keypoints."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.runs.returning_people import with_known_labels
from tests.annotator.people_samples import SIZE, dense_person


@pytest.fixture
def known():
    """A person with a sure, an unsure and no third keypoint."""
    keypoints, visibility = np.zeros((17, 3), np.float32), np.zeros(17, np.uint8)
    keypoints[:2] = (20, 12, 0.9), (22, 30, 0.1)
    visibility[:2] = 2, 1
    return dense_person(1, keypoints=keypoints, visibility=visibility)


def written(person):
    """The person as another tool sees it."""
    labelled = person.labelled()
    keypoints = np.where(labelled[:, None] > 0, person.keypoints, 0)
    keypoints[labelled > 0, 2] = 1
    return replace(person, keypoints=keypoints, visibility=labelled, charts=None, u=None, v=None)


def test_unsure_keypoints_of_an_unchanged_person_are_kept(known):
    (back,), _ = with_known_labels([written(known)], [known], "cvat", SIZE)
    np.testing.assert_array_equal(back.keypoints, known.keypoints)
    np.testing.assert_array_equal(back.visibility, known.visibility)


@pytest.mark.parametrize("added", [False, True])
def test_unsure_keypoints_are_kept_where_others_were_moved_unless_they_were_labelled(known, added):
    moved = written(known)
    moved.keypoints[0, :2] += 5
    if added:
        moved.keypoints[1], moved.visibility[1] = (24, 31, 1), 2
    (back,), _ = with_known_labels([moved], [known], "cvat", SIZE)
    assert back.keypoints[0].tolist() == [25, 17, 1]
    expected = ([24, 31, 1], 2) if added else (known.keypoints[1].tolist(), 1)
    assert (back.keypoints[1].tolist(), back.visibility[1]) == expected


@pytest.mark.parametrize("format_name", ["label-studio", "yolo-seg", "densepose-dump"])
def test_a_crowd_stays_one_where_the_format_cannot_say_so(known, format_name):
    crowd = replace(known, crowd=True)
    (back,), _ = with_known_labels([replace(written(known), crowd=False)], [crowd], format_name, SIZE)
    assert back.crowd


def test_a_keypoint_outside_of_the_photo_is_kept_where_the_format_cannot_say_it(known):
    known.keypoints[2], known.visibility[2] = (-5, 12, 0.9), 1
    seen = written(known)
    seen.keypoints[2], seen.visibility[2] = 0, 0
    (back,), _ = with_known_labels([seen], [known], "yolo-pose", SIZE)
    np.testing.assert_array_equal(back.keypoints, known.keypoints)
    assert back.provenance == known.provenance
    seen.keypoints[0, :2] += 5
    (moved,), _ = with_known_labels([seen], [known], "yolo-pose", SIZE)
    np.testing.assert_array_equal(moved.keypoints[1:], known.keypoints[1:])
    # Other formats can: there somebody has removed it.
    seen.keypoints[0, :2] -= 5
    (removed,), _ = with_known_labels([seen], [known], "cvat", SIZE)
    assert (removed.visibility[2], removed.provenance.state) == (0, "edited")
