"""Masks by clicks on a photo that the network understands, and on a real one."""

import numpy as np
import pytest

from annotator.examples import EXAMPLES
from annotator.inference.click_prompt import Click, choose_box, click_mask, click_view
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.labels.people import PossiblePerson
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

SETTINGS = Settings(grouping="dbscan")
"""The heads of the tiny network are too far away for votes."""
LEFT, RIGHT = (20, 30, 60, 100, 10), (80, 40, 70, 90, 200)
"""Side by side, touching."""
BOTH = (20, 30, 130, 100)


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> np.ndarray:
    return read_photo(draw_photo(tmp_path_factory.mktemp("photo") / "a.png", [LEFT, RIGHT], (256, 160)))


def iou(mask: np.ndarray, window, person) -> float:
    whole, true = np.zeros((2, 160, 256), bool)
    x, y, w, h = window
    whole[y : y + h, x : x + w] = mask
    x, y, w, h = person[:4]
    true[y : y + h, x : x + w] = True
    return np.count_nonzero(whole & true) / np.count_nonzero(whole | true)


def test_the_first_click_says_which_of_two_is_meant(photo, tiny_network):
    view = click_view(photo, BOTH, tiny_network, SETTINGS)
    for person in (LEFT, RIGHT):
        click = Click(person[0] + 30, person[1] + 20, True)
        mask = click_mask(view, [click], None, tiny_network.info, SETTINGS)
        assert iou(mask, view.window, person) > 0.75


def test_a_negative_click_removes_all_of_somebody_else(photo, tiny_network):
    view = click_view(photo, BOTH, tiny_network, SETTINGS)
    x, y, w, h = view.window
    both = np.zeros((160, 256), bool)
    both[30:130, 20:150] = True
    clicks = [Click(50, 50, True), Click(120, 60, False)]
    mask = click_mask(view, clicks, both[y : y + h, x : x + w], tiny_network.info, SETTINGS)
    assert iou(mask, view.window, LEFT) > 0.75


def test_a_click_changes_nothing_far_away(photo, tiny_network):
    view = click_view(photo, BOTH, tiny_network, SETTINGS)
    x, y, w, h = view.window
    odd = np.zeros((160, 256), bool)
    odd[30:130, 20:80] = True
    odd[120:124, 30:50:2] = False
    before = odd[y : y + h, x : x + w]
    mask = click_mask(view, [Click(25, 35, False)], before, tiny_network.info, SETTINGS)
    assert not mask[35 - y, 25 - x]
    np.testing.assert_array_equal(mask[100 - y :], before[100 - y :])


def test_where_the_network_sees_nobody_a_click_still_paints(photo, tiny_network):
    view = click_view(photo, (170, 40, 60, 80), tiny_network, SETTINGS)
    click = Click(200, 80, True)
    mask = click_mask(view, [click], None, tiny_network.info, SETTINGS)
    assert mask[80 - view.window[1], 200 - view.window[0]]


def test_the_box_around_a_click():
    people = [PossiblePerson((0, 0, 100, 100), 0.5), PossiblePerson((40, 0, 100, 100), 0.6)]
    assert choose_box(people, Click(45, 50, True), (300, 200)) == people[0].box
    assert choose_box(people, Click(90, 50, True), (300, 200)) == people[1].box
    assert choose_box(people, Click(250, 150, True), (300, 200)) == (200, 100, 100, 100)


def test_one_click_on_a_real_person():
    photo, network = read_photo(EXAMPLES / "astronaut.jpg"), Network()
    view = click_view(photo, (64, 40, 320, 420), network, Settings())
    mask = click_mask(view, [Click(220, 330, True)], None, network.info, Settings())
    x, y, _, _ = view.window
    assert mask[110 - y, 225 - x]  # the face
    assert not mask[60 - y, 440 - x]  # the shuttle
    assert 0.2 < mask.mean() < 0.7
