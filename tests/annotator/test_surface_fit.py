"""Corrected surfaces: through the given points, smooth between them, and nothing else touched."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.body import Body, load_body
from annotator.densepose import CHART_TO_PART, KEYPOINT_MIRROR
from annotator.people import Person
from annotator.surface_fit import refit, swap_depth, swap_sides

LEG, TORSO, HEAD = 6, 1, 14


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def person_of(view: np.ndarray, **changes) -> Person:
    """A person whose labels are the drawing of the body itself."""
    charts, u, v = view[..., 0], view[..., 1] / 255, view[..., 2] / 255
    h, w = charts.shape
    values = {"box": (5, 7, w, h), "mask": charts > 0, "parts": CHART_TO_PART[charts], "charts": charts}
    return Person(**(values | {"u": u.astype(np.float16), "v": v.astype(np.float16)} | changes))


@pytest.fixture(scope="module")
def person(body) -> Person:
    return person_of(body.views[0])


def places(person: Person, body: Body, where: np.ndarray) -> np.ndarray:
    return body.positions(person.charts[where], person.u[where], person.v[where])


def labels_at(person: Person, x: int, y: int) -> tuple:
    return person.charts[y, x], float(person.u[y, x]), float(person.v[y, x])


def middle_of(mask: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(mask)
    at = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return int(columns[at]), int(rows[at])


def test_what_is_right_already_stays(person, body):
    x, y = middle_of(person.charts == 2)
    fitted = refit(person, np.array([[x + 5.5, y + 7.5, *labels_at(person, x, y)]]), body)
    for name in ("mask", "parts", "charts", "u", "v"):
        np.testing.assert_array_equal(getattr(fitted, name), getattr(person, name))


def test_a_shifted_leg_is_shifted_back(person, body):
    # The true labels, moved eight centimetres up the leg.
    leg = person.parts == LEG
    moved = places(person, body, leg) + np.array([0, 0.08, 0])
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    charts[leg], u[leg], v[leg] = body.locate(moved, (7, 9))
    wrong = replace(person, charts=charts, u=u, v=v)
    x, y = middle_of(leg)
    points = [[x + 5.5, yy + 7.5, *labels_at(person, x, yy)] for yy in (y - 30, y, y + 30)]
    fitted = refit(wrong, np.array(points), body)
    before = np.linalg.norm(places(wrong, body, leg) - places(person, body, leg), axis=1)
    after = np.linalg.norm(places(fitted, body, leg) - places(person, body, leg), axis=1)
    assert before.mean() > 0.05
    assert after.mean() < 0.3 * before.mean()
    for name in ("charts", "u", "v"):
        np.testing.assert_array_equal(getattr(fitted, name)[~leg], getattr(person, name)[~leg])
    np.testing.assert_array_equal(fitted.parts, person.parts)


def test_the_pixel_says_exactly_what_it_was_told(person, body):
    x, y = middle_of(person.charts == 2)
    points = np.array([[x + 5.5, y + 7.5, 2, 0.25, 0.75], [x + 25.2, y + 17.9, 2, 0.4, 0.6]])
    fitted = refit(person, points, body)
    assert labels_at(fitted, x, y) == (2, 0.25, 0.75)
    assert labels_at(fitted, x + 20, y + 10) == pytest.approx((2, 0.4, 0.6), abs=1e-3)


def test_a_warp_is_smooth(person, body):
    torso = person.charts == 2
    x, y = middle_of(torso)
    chart, u, v = labels_at(person, x, y)
    fitted = refit(person, np.array([[x + 5.5, y + 7.5, chart, u + 0.1, v]]), body)
    inner = torso[:, 1:] & torso[:, :-1] & (fitted.charts[:, 1:] == 2) & (fitted.charts[:, :-1] == 2)
    steps = np.abs(np.diff(fitted.v.astype(np.float32), axis=1))[inner]
    assert np.quantile(steps, 0.99) < 0.05


def test_a_front_becomes_a_back(person, body):
    torso = person.parts == TORSO
    x, y = middle_of(torso)
    fitted = refit(person, np.array([[x + 5.5, y + 7.5, 1, 0.5, 0.5]]), body)
    assert (fitted.charts[torso] == 1).mean() > 0.7
    assert set(np.unique(fitted.charts[torso])) <= {1, 2}


def test_another_part_takes_the_piece_over(person, body):
    x, y = middle_of(person.parts == LEG)
    fitted = refit(person, np.array([[x + 5.5, y + 7.5, 10, 0.5, 0.5]]), body)
    was = person.parts == LEG
    assert (fitted.parts[was] == 7).all()
    assert set(np.unique(fitted.charts[was])) <= {8, 10}
    np.testing.assert_array_equal(fitted.parts[~was], person.parts[~was])


def test_a_surface_is_begun(body):
    mask = np.ones((30, 20), bool)
    bare = Person((0, 0, 20, 30), mask=mask, parts=np.full((30, 20), TORSO, np.uint8))
    fitted = refit(bare, np.array([[10, 5, 2, 0.5, 0.8], [10, 25, 2, 0.5, 0.2]]), body)
    assert (fitted.charts == 2).all()
    assert fitted.v[2:8].mean() > fitted.v[22:28].mean() + 0.3


def test_a_point_off_the_person_is_refused(person, body):
    with pytest.raises(ValueError, match=r"\[5.5, 7.5\] is not on the person"):
        refit(person, np.array([[5.5, 7.5, 2, 0.5, 0.5]]), body)


def test_swapping_sides_twice_is_nothing(person):
    keypoints = np.random.default_rng(0).uniform(0, 100, (17, 3)).astype(np.float32)
    person = replace(person, keypoints=keypoints, visibility=np.arange(17, dtype=np.uint8) % 3)
    once = swap_sides(person)
    np.testing.assert_array_equal(once.keypoints, keypoints[KEYPOINT_MIRROR])
    assert (once.charts[person.charts == 3] == 4).all()
    twice = swap_sides(once)
    np.testing.assert_array_equal(twice.parts, person.parts)
    np.testing.assert_array_equal(twice.charts, person.charts)
    np.testing.assert_allclose(twice.u, person.u, atol=2e-3)


def test_swapped_sides_are_the_drawing_mirrored(person, body):
    mirrored = swap_sides(person_of(body.views[0][:, ::-1]))
    both = (mirrored.charts > 0) & (person.charts > 0)
    assert (mirrored.charts == person.charts)[both].mean() > 0.95
    gap = np.linalg.norm(places(mirrored, body, both) - places(person, body, both), axis=1)
    assert np.median(gap) < 0.02


def test_only_the_chosen_limbs_swap(person):
    keypoints = np.random.default_rng(0).uniform(0, 100, (17, 3)).astype(np.float32)
    person = replace(person, keypoints=keypoints, visibility=np.full(17, 2, np.uint8))
    swapped = swap_sides(person, (8,))
    legs = np.isin(person.parts, (8, 9))
    assert (swapped.parts != person.parts)[legs].all()
    np.testing.assert_array_equal(swapped.parts[~legs], person.parts[~legs])
    # Knees and ankles lie on other parts, too.
    np.testing.assert_array_equal(swapped.keypoints, keypoints)
    both = swap_sides(person, (8, 5))
    changed = np.flatnonzero((both.keypoints != keypoints).any(axis=1))
    assert changed.tolist() == [15, 16]


def test_turned_the_front_is_the_drawing_of_the_back(body):
    """Seen through from behind: the back's drawing mirrored is what lies behind each pixel of the front."""
    front, behind = person_of(body.views[0]), person_of(body.views[1][:, ::-1])
    turned = swap_depth(front, body)
    both = (front.charts > 0) & (behind.charts > 0) & np.isin(front.parts, (TORSO, 6, 7, 10, 11))
    both &= front.parts == behind.parts
    assert (turned.charts == behind.charts)[both].mean() > 0.85
    gap = np.linalg.norm(places(turned, body, both) - places(behind, body, both), axis=1)
    assert np.median(gap) < 0.05


def test_turning_twice_comes_back(person, body):
    twice = swap_depth(swap_depth(person, body), body)
    where = person.charts > 0
    gap = np.linalg.norm(places(twice, body, where) - places(person, body, where), axis=1)
    assert gap.mean() < 0.04


def test_only_the_chosen_part_turns(person, body):
    turned = swap_depth(person, body, (HEAD,))
    others = person.parts != HEAD
    np.testing.assert_array_equal(turned.charts[others], person.charts[others])
    np.testing.assert_array_equal(turned.u[others], person.u[others])
