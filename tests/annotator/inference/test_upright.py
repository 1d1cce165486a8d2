"""People who lie or stand on their heads are seen as if they stood."""

import dataclasses

import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.geometry.letterbox import Letterbox
from annotator.inference.box_prompt import label_boxes
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.inference.upright import decode_upright, predict_upright, quarter_turns, rotate
from annotator.labels.maps import Maps
from annotator.photos.reading import read_photo
from tests.annotator.inference.test_flip_augmentation import maps

UP, RIGHT, DOWN, LEFT = (0, -1), (1, 0), (0, 1), (-1, 0)
BOX = (64, 40, 320, 420)


def lying(direction: tuple[int, int], votes: int = 2) -> Maps:
    """Maps of one person whose head lies in a direction (x, y) from the pelvis."""
    one = maps(0)[0]
    one.head_vectors[..., :2] = (
        0.1 + 0.2 * np.array(direction) + np.random.default_rng(1).normal(0, 0.05, (16, 16, 2))
    )
    one.head_vectors[..., 2:] = 0.1
    return dataclasses.replace(one, head_vectors=one.head_vectors[..., : 2 * votes])


@pytest.mark.parametrize(("direction", "turns"), [(UP, 0), (RIGHT, 1), (DOWN, 2), (LEFT, 3)])
def test_the_body_s_line_says_how_to_turn(direction, turns):
    everywhere = np.ones((16, 16), bool)
    tilted = lying(direction)
    assert quarter_turns(tilted, everywhere) == turns
    assert quarter_turns(rotate(tilted, turns), everywhere) == 0


def test_nobody_and_models_without_a_pelvis_are_not_turned():
    assert quarter_turns(lying(DOWN), np.zeros((16, 16), bool)) == 0
    assert quarter_turns(lying(DOWN, votes=1), np.ones((16, 16), bool)) == 0


def test_only_the_region_counts():
    one, region = lying(DOWN), np.zeros((16, 16), bool)
    region[4:8, 4:8] = True
    one.head_vectors[region] = lying(LEFT).head_vectors[region]
    assert quarter_turns(one, region) == 3


def test_a_quarter_turn_moves_pixels_and_head_vectors():
    one = maps(1)[0]
    one.charts[2, 15], one.head_vectors[2, 15] = 7, (0.5, -0.25, 0.125, 1.0)
    turned = rotate(one, 1)
    assert turned.charts[0, 2] == 7
    np.testing.assert_allclose(turned.head_vectors[0, 2], [-0.25, -0.5, 1.0, -0.125])
    for turns in range(-2, 6):
        back = rotate(rotate(one, turns), -turns)
        for field in dataclasses.fields(Maps):
            np.testing.assert_array_equal(getattr(back, field.name), getattr(one, field.name))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_person_upside_down_gets_the_labels_of_one_who_stands(turns):
    network = Network()
    photo = read_photo(EXAMPLES / "astronaut.jpg")[: BOX[1] + BOX[3], : BOX[0] + BOX[2]]
    square = Letterbox(photo.shape[1::-1], network.side).apply(photo)
    upright = predict(network, square[None], False)[0]
    tilted = np.ascontiguousarray(np.rot90(square, -turns))
    seen = predict(network, tilted[None], False)[0]
    assert quarter_turns(seen, seen.person >= 0.5) == turns
    again = rotate(predict_upright(network, tilted, seen, turns, False), turns)
    for field in dataclasses.fields(Maps):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(upright, field.name))


def test_a_view_without_people_is_not_turned(monkeypatch):
    network = Network()
    square = read_photo(EXAMPLES / "astronaut.jpg")[:448, :448]
    box = Letterbox(square.shape[1::-1], network.side)
    square = np.ascontiguousarray(box.apply(square)[::-1, ::-1])
    seen = predict(network, square[None], False)[0]
    looks, run = [], network.run
    monkeypatch.setattr(network, "run", lambda images: looks.append(1) or run(images))
    size = box.size
    assert decode_upright(network, square, seen, box, size, Settings()).people
    assert len(looks) == 1
    assert not decode_upright(
        network, square, seen, box, size, Settings(proposals="votes", confidence=1)
    ).people
    assert len(looks) == 1


def test_a_drawn_box_is_predicted_upright():
    network = Network()
    photo = read_photo(EXAMPLES / "astronaut.jpg")
    x, y, w, h = BOX
    size = np.array(photo.shape[1::-1])
    (plain,) = label_boxes(photo, [BOX], network, Settings())
    upside_down = np.ascontiguousarray(photo[::-1, ::-1])
    (turned,) = label_boxes(upside_down, [(*(size - (x + w, y + h)), w, h)], network, Settings())
    found = (plain.visibility > 0) & (turned.visibility > 0)
    assert found.sum() >= 8
    back = size - turned.keypoints[found, :2]
    assert np.median(np.linalg.norm(back - plain.keypoints[found, :2], axis=1)) < 5
