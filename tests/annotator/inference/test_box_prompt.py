from pathlib import Path

import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.inference.box_prompt import label_boxes
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.labels.label_space import KEYPOINT_MIRROR
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

LEFT, RIGHT = (20, 30, 60, 100, 10), (150, 40, 70, 90, 200)


@pytest.fixture
def photo(tmp_path: Path) -> np.ndarray:
    return read_photo(draw_photo(tmp_path / "a.png", [LEFT, RIGHT], (256, 160)))


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_each_box_gets_its_person(photo: np.ndarray, tiny_network: Network, batch_size: int):
    boxes = [RIGHT[:4], LEFT[:4], (150.5, 40.25, 69, 89.5)]
    people = label_boxes(photo, boxes, tiny_network, Settings(batch_size=batch_size))
    for person, box in zip(people, (RIGHT, LEFT, RIGHT), strict=True):
        assert np.abs(np.subtract(person.box, box[:4])).max() <= 3
        assert person.mask.shape == person.box[:1:-1]


def test_the_middle_of_the_box_says_who_is_meant(photo: np.ndarray, tiny_network: Network):
    # Both are in the box, the right one with more pixels, the left one in its middle.
    (person,) = label_boxes(photo, [(-100, 20, 330, 120)], tiny_network, Settings())
    assert abs(person.box[0] - LEFT[0]) <= 5


def test_a_person_beside_the_middle_is_found_too(photo: np.ndarray, tiny_network: Network):
    (person,) = label_boxes(photo, [(60, 20, 80, 80)], tiny_network, Settings())
    assert person.box[0] < 80


def test_an_empty_box_has_nobody(photo: np.ndarray, tiny_network: Network):
    assert label_boxes(photo, [(95, 10, 40, 60), LEFT[:4]], tiny_network, Settings())[0] is None
    assert label_boxes(photo, [], tiny_network, Settings()) == []


def test_a_box_in_the_mirror_image_gets_the_mirrored_person():
    photo, (x, y, w, h) = read_photo(EXAMPLES / "astronaut.jpg"), (64, 40, 320, 420)
    network, width = Network(), photo.shape[1]
    (plain,) = label_boxes(photo, [(x, y, w, h)], network, Settings())
    flipped = np.ascontiguousarray(photo[:, ::-1])
    (other,) = label_boxes(flipped, [(width - x - w, y, w, h)], network, Settings())
    other_box = (width - other.box[0] - other.box[2], *other.box[1:])
    np.testing.assert_allclose(other_box, plain.box, atol=2)
    back = other.keypoints[KEYPOINT_MIRROR]
    both = (back[:, 2] > 0) & (plain.keypoints[:, 2] > 0)
    assert both.sum() >= 8
    gaps = np.abs((width - back[:, 0]) - plain.keypoints[:, 0])[both]
    assert np.median(gaps) < 1
