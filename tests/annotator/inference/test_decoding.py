"""Maps that a test draws become the people that it drew."""

import numpy as np
import pytest

from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode, decode_box
from annotator.inference.network import ModelInfo
from annotator.inference.settings import Settings, VoteSettings
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.maps import Maps

INFO = ModelInfo(1, "drawn", "lite", 256, 2, 4, "float32", "coco-densepose", 14, 24, 17, "", "", "")
SIDE = 128
HALF = SIDE // 2


def drawn(*people: tuple[tuple[int, int, int, int], tuple[float, float]]) -> Maps:
    """Maps of a 128×128 input with people as boxes (x, y, w, h in map pixels) and their head embeddings."""
    maps = Maps(
        person=np.full((HALF, HALF), 0.02, np.float32),
        parts=np.ones((HALF, HALF), np.uint8),
        part_confidence=np.full((HALF, HALF), 0.7, np.float32),
        charts=np.full((HALF, HALF), 2, np.uint8),
        chart_confidence=np.full((HALF, HALF), 0.6, np.float32),
        u=np.tile(np.linspace(0, 1, HALF, dtype=np.float32), (HALF, 1)),
        v=np.full((HALF, HALF), 0.25, np.float32),
        head_vectors=np.zeros((HALF, HALF, 2), np.float32),
        keypoints=np.zeros((HALF // 2, HALF // 2, 17), np.float32),
    )
    for (x, y, w, h), head in people:
        box = np.s_[y : y + h, x : x + w]
        maps.person[box] = 0.97
        maps.head_vectors[box] = head
        maps.parts[y : y + h // 4, x : x + w] = 14
        maps.charts[y : y + h // 4, x : x + w] = 23
        maps.keypoints[y // 2 + 2, x // 2 + 1, 0] = 0.9
    return maps


TWO = drawn(((8, 10, 12, 40), (-0.2, 0.0)), ((36, 10, 12, 40), (0.2, 0.0)))


@pytest.mark.parametrize("size", [(128, 128), (512, 512), (60, 60)])
def test_people_at_image_resolution(size):
    letterbox = Letterbox(size, SIDE)
    people = decode(TWO, letterbox, size, INFO, Settings())
    assert people.size == size
    scale = size[0] / HALF
    boxes = sorted(p.box for p in people.people)
    for box, x in zip(boxes, (8, 36), strict=True):
        np.testing.assert_allclose(box, np.array([x, 10, 12, 40]) * scale, atol=max(1.5, 0.6 * scale))
    for person in people.people:
        w, h = person.box[2:]
        assert person.mask.shape == person.parts.shape == person.charts.shape == person.u.shape == (h, w)
        assert person.mask.any(axis=0).all()
        assert person.mask.any(axis=1).all()
        assert (person.parts > 0).tolist() == person.mask.tolist()
        assert person.parts[1, w // 2] == 14
        assert person.parts[-2, w // 2] == 1
        assert set(np.unique(person.charts)) <= {0, 2, 23}
        assert person.u.dtype == np.float16
        assert person.score == pytest.approx(0.97, abs=0.01)
        assert person.provenance.model == "drawn"
        assert person.quality["parts"] == pytest.approx(0.7, abs=1e-4)


def test_parts_follow_the_charts():
    maps = drawn(((8, 10, 12, 40), (0.0, 0.0)))
    maps.parts[:] = 5
    (person,) = decode(maps, Letterbox((512, 512), SIDE), (512, 512), INFO, Settings()).people
    np.testing.assert_array_equal(person.parts, CHART_TO_PART[person.charts])
    assert person.issues["chart_against_part"] == 1


def test_nobody_reaches_beyond_what_was_shown():
    # The window ends in the middle of the person; its border of the square is as likely a person.
    maps = drawn(((0, 0, HALF, HALF), (0.0, 0.0)))
    window = Letterbox((90, 300), SIDE, (100, 50))
    (person,) = decode(maps, window, (512, 512), INFO, Settings()).people
    assert person.box == (100, 50, 90, 300)


def test_surface_is_read_at_the_right_place():
    person = min(
        decode(TWO, Letterbox((512, 512), SIDE), (512, 512), INFO, Settings()).people, key=lambda p: p.box
    )
    x = person.box[0] + np.arange(person.box[2]) + 0.5
    # The person ends at map column 20, and U at the centres of the outermost columns.
    expected = np.interp(np.clip(x / 8, 8.5, 19.5) - 0.5, np.arange(HALF), np.linspace(0, 1, HALF))
    row = person.box[3] // 2
    np.testing.assert_allclose(person.u[row][person.mask[row]], expected[person.mask[row]], atol=0.002)


def test_keypoints_in_image_pixels():
    person = min(
        decode(TWO, Letterbox((256, 256), SIDE), (256, 256), INFO, Settings()).people, key=lambda p: p.box
    )
    # Heatmap pixel (5, 7) covers input pixels 20..24 × 28..32, image pixels 40..48 × 56..64.
    np.testing.assert_allclose(person.keypoints[0], (44, 60, 0.9), atol=0.01)
    assert person.visibility[0] == 2
    assert not person.visibility[1:].any()
    assert not person.keypoints[1:].any()


@pytest.mark.parametrize(("peak", "visibility"), [(0.01, 0), (0.2, 1), (0.6, 2)])
def test_visibility_follows_confidence(peak, visibility):
    maps = drawn(((8, 10, 12, 40), (0.0, 0.0)))
    maps.keypoints[10, 5, 9] = peak
    person = decode(maps, Letterbox((128, 128), SIDE), (128, 128), INFO, Settings()).people[0]
    assert person.visibility[9] == visibility


def test_keypoint_beside_the_mask_is_hidden_and_far_away_is_not_ours():
    maps = drawn(((8, 10, 12, 40), (0.0, 0.0)))
    maps.keypoints[10, 11, 9] = 0.8  # two heatmap pixels right of the mask
    maps.keypoints[10, 28, 16] = 0.8
    person = decode(maps, Letterbox((128, 128), SIDE), (128, 128), INFO, Settings()).people[0]
    assert person.visibility[9] == 1
    assert person.visibility[16] == 0


def test_keypoint_outside_the_photo_is_missing():
    maps = drawn(((8, 16, 12, 32), (0.0, 0.0)))
    maps.keypoints[6, 5, 9] = 0.8  # in the border above the photo, which starts at heatmap row 8
    maps.keypoints[9, 5, 10] = 0.8
    person = decode(maps, Letterbox((128, 64), SIDE), (128, 64), INFO, Settings()).people[0]
    assert not person.keypoints[9].any()
    assert person.visibility[9] == 0
    assert person.visibility[10] == 2


def test_every_pixel_of_a_mask_is_labelled_even_at_the_edge_of_the_maps():
    maps = drawn(((0, 0, 12, 40), (0.0, 0.0)))
    # A crop that goes on beyond the maps on the left: the photo does not end where they do.
    crop = Letterbox((128, 128), SIDE, (64.0, 64.0))
    person = decode(maps, crop, (512, 512), INFO, Settings(threshold=0.1)).people[0]
    assert person.box[0] >= 64
    assert ((person.parts > 0) == person.mask).all()
    assert ((person.charts > 0) == person.mask).all()


def test_touching_people_share_no_pixel():
    maps = drawn(((8, 10, 12, 40), (-0.25, 0.0)), ((20, 10, 12, 40), (-0.05, 0.0)))
    people = decode(maps, Letterbox((512, 512), SIDE), (512, 512), INFO, Settings()).people
    assert len(people) == 2
    canvas = np.zeros((512, 512), int)
    for person in people:
        x, y, w, h = person.box
        canvas[y : y + h, x : x + w] += person.mask
    assert canvas.max() == 1


def test_touching_people_take_no_label_from_each_other():
    maps = drawn(((8, 10, 12, 40), (-0.25, 0.0)), ((20, 10, 12, 40), (-0.05, 0.0)))
    left = maps.head_vectors[..., 0] == np.float32(-0.25)
    maps.charts[left] = 15
    maps.u[:] = np.where(left, 0.1, 0.9)
    # The one on the right is surer of its labels, but they end where it does.
    maps.chart_confidence[left] = 0.2
    left_person, right_person = sorted(
        decode(maps, Letterbox((512, 512), SIDE), (512, 512), INFO, Settings()).people, key=lambda p: p.box
    )
    # 15 at the border of the two; 2 is what the background holds, which is nobody's.
    assert (left_person.charts[8:-8, 8:][left_person.mask[8:-8, 8:]] == 15).all()
    np.testing.assert_allclose(left_person.u[8:-8, 8:][left_person.mask[8:-8, 8:]], 0.1, atol=1e-3)
    assert not (right_person.charts == 15).any()
    np.testing.assert_allclose(right_person.u[right_person.mask], 0.9, atol=1e-3)


def test_nothing_is_found_in_the_border():
    maps = drawn(((4, 2, 56, 6), (0.0, 0.0)))
    assert decode(maps, Letterbox((128, 64), SIDE), (128, 64), INFO, Settings()).people == []


def test_confidence_and_size_drop_people():
    maps = drawn(((8, 10, 12, 40), (0.0, 0.0)), ((50, 50, 2, 2), (0.3, 0.3)))
    letterbox = Letterbox((128, 128), SIDE)
    assert len(decode(maps, letterbox, (128, 128), INFO, Settings()).people) == 1
    assert (
        len(decode(maps, letterbox, (128, 128), INFO, Settings(proposals="votes", confidence=0.99)).people)
        == 0
    )
    fine = Settings(votes=VoteSettings(vote_threshold=8), min_area=8)
    assert len(decode(maps, letterbox, (128, 128), INFO, fine).people) == 2
    # A photo of 32 × 32 pixels, shown at four times its size.
    maps = drawn(((8, 10, 12, 40), (0.0, 0.0)), ((50, 50, 6, 8), (0.3, 0.3)))
    assert (
        len(decode(maps, letterbox, (128, 128), INFO, Settings(votes=VoteSettings(vote_threshold=8))).people)
        == 2
    )
    (person,) = decode(
        maps, Letterbox((32, 32), SIDE), (32, 32), INFO, Settings(votes=VoteSettings(vote_threshold=8))
    ).people
    assert np.count_nonzero(person.mask) >= 64


def test_a_box_shows_where_the_pixels_end_of_a_person_who_is_hardly_made_out():
    maps = drawn(((20, 10, 12, 40), (-0.2, 0.0)))
    maps.person[30:50, 20:32] = 0.3  # the legs
    square = Letterbox((SIDE, SIDE), SIDE)

    def height(box: tuple[int, int, int, int]) -> int:
        return decode_box(maps, square, (SIDE, SIDE), INFO, Settings(), box).box[3]

    assert height((40, 20, 24, 80)) == pytest.approx(80, abs=2)
    assert height((40, 20, 24, 40)) == pytest.approx(40, abs=2)
    assert decode(maps, square, (SIDE, SIDE), INFO, Settings()).people[0].box[3] == pytest.approx(40, abs=2)


def test_a_box_that_fits_takes_no_unsure_pixels():
    maps = drawn(((20, 10, 12, 40), (-0.2, 0.0)))
    maps.person[22:38, 20:32] = 0.3  # a gap inside of the box
    person = decode_box(maps, Letterbox((SIDE, SIDE), SIDE), (SIDE, SIDE), INFO, Settings(), (40, 20, 24, 80))
    assert person.box[3] == pytest.approx(80, abs=2)
    assert not person.mask[40, 12]
