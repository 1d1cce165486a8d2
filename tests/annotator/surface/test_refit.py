"""Corrected surfaces: through the given points, smooth between them, and nothing else touched."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_MIRROR, KEYPOINTS
from annotator.labels.people import Person
from annotator.surface import refit as surface_fit
from annotator.surface.body import Body, load_body
from annotator.surface.refit import refit, swap_depth, swap_sides

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


@pytest.fixture(scope="module")
def large(body) -> Person:
    """The torso and the head, larger than they are drawn."""
    view = np.where(np.isin(CHART_TO_PART[body.views[0][..., :1]], (TORSO, HEAD)), body.views[0], 0)
    x, y, w, h = cv2.boundingRect(view[..., 0])
    # Smooth, as labels of a photo are: the drawing's few pixels would be steps.
    charts = cv2.resize(view[y : y + h, x : x + w, 0], (500, 750), interpolation=cv2.INTER_NEAREST)
    filled = cv2.inpaint(view, (view[..., 0] == 0).astype(np.uint8), 3, cv2.INPAINT_NS)
    uv = cv2.resize(filled[y : y + h, x : x + w, 1:].astype(np.float32) / 255, (500, 750))
    u, v = np.moveaxis(uv.astype(np.float16), -1, 0)
    box, parts = (0, 0, 500, 750), CHART_TO_PART[charts]
    return Person(box, mask=charts > 0, parts=parts, charts=charts, u=u, v=v)


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


@pytest.mark.parametrize("stretch", [0, 0.1])
def test_a_moved_leg_is_moved_back(person, body, stretch):
    """The true labels moved up the leg: all by eight centimetres, or the lower ones by more."""
    leg = person.parts == LEG
    x, y = middle_of(leg)
    rows = np.nonzero(leg)[0]
    up = 0.08 + stretch * (rows - y) / np.ptp(rows)
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    moved = places(person, body, leg) + up[:, None] * (0, 1, 0)
    charts[leg], u[leg], v[leg] = body.locate(moved, (7, 9))
    wrong = replace(person, charts=charts, u=u, v=v)
    points = [[x + 5.5, yy + 7.5, *labels_at(person, x, yy)] for yy in (y - 40, y, y + 40)]
    fitted = refit(wrong, np.array(points), body)
    before = np.linalg.norm(places(wrong, body, leg) - places(person, body, leg), axis=1)
    after = np.linalg.norm(places(fitted, body, leg) - places(person, body, leg), axis=1)
    assert before.mean() > 0.05
    assert after.mean() < 0.25 * before.mean()
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
    column = fitted.v[5:26, 10].astype(float)
    assert column[[0, -1]] == pytest.approx([0.8, 0.2], abs=1e-3)
    # In between, evenly on the body, not in two flat patches.
    assert (np.diff(column) < 0).all()
    assert column[10] == pytest.approx(0.5, abs=0.1)


def test_bare_pixels_go_with_their_surroundings(person, body):
    """As if they had the labels of the nearest pixel that has some: a hole in a leg is filled, not smeared."""
    x, y = middle_of(person.parts == LEG)
    point = np.array([[x + 5.5, y + 20 + 7.5, *labels_at(person, x, y + 20)]])
    hole = np.zeros(person.mask.shape, bool)
    hole[y - 4 : y + 5, x - 2 : x + 3] = True
    charts = np.where(hole, 0, person.charts).astype(np.uint8)
    fitted = refit(replace(person, charts=charts), point, body)
    gaps = places(fitted, body, hole) - places(person, body, hole)
    assert np.linalg.norm(gaps, axis=-1).max() < 0.05


def square(part: int, **changes) -> Person:
    """30 rows and 20 columns of one part, without charts."""
    values = {"mask": np.ones((30, 20), bool), "parts": np.full((30, 20), part, np.uint8)}
    return Person((0, 0, 20, 30), **(values | changes))


def test_a_surface_is_begun_without_parts_too(body):
    fitted = refit(square(TORSO, parts=None), np.array([[10, 5, 13, 0.5, 0.75]]), body)
    assert fitted.parts is None
    assert (fitted.charts == 13).all()
    assert (fitted.u == 0.5).all()
    assert (fitted.v == 0.75).all()


def test_points_that_disagree_share_the_piece(body):
    points = np.array([[10, 5, 2, 0.5, 0.5], [10, 25, 9, 0.5, 0.5], [12, 27, 13, 0.5, 0.5]])
    fitted = refit(square(TORSO), points, body)
    assert set(fitted.parts[:14].ravel()) == {1}
    assert set(fitted.parts[16:].ravel()) == {6, 8}
    assert fitted.parts[29, 0] == 6
    assert fitted.parts[29, 19] == 8
    np.testing.assert_array_equal(CHART_TO_PART[fitted.charts], fitted.parts)


def test_a_piece_is_connected_at_corners_too(body):
    parts = np.full((30, 20), TORSO, np.uint8)
    parts[:10], parts[10:20, :10], parts[20:] = 6, 8, 8
    parts[20:, :10] = 6
    parts[10:20, 10:] = 6
    parts[25:, 15:] = 6
    fitted = refit(square(6, parts=parts), np.array([[10, 5, 10, 0.5, 0.5]]), body)
    joined = cv2.connectedComponents((parts == 6).astype(np.uint8))[1]
    joined = joined == joined[0, 0]
    # Over the corner at (20, 10), but not over the gap before the last rows.
    assert joined[25, 5]
    assert not joined[27, 17]
    assert (fitted.parts[joined] == 7).all()
    np.testing.assert_array_equal(fitted.parts[~joined], parts[~joined])
    assert (fitted.charts[~joined] == 0).all()


def test_the_last_word_on_a_pixel_counts(person, body):
    x, y = middle_of(person.charts == 2)
    points = np.array([[x + 5.1, y + 7.1, 2, 0.9, 0.9], [x + 5.9, y + 7.9, 2, 0.25, 0.5]])
    assert labels_at(refit(person, points, body), x, y) == (2, 0.25, 0.5)


def test_no_points_change_nothing(person, body):
    fitted = refit(person, np.zeros((0, 5)), body)
    np.testing.assert_array_equal(fitted.charts, person.charts)
    np.testing.assert_array_equal(fitted.u, person.u)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_refit_keeps_its_promises(person, body, seed, count):
    """Points are met, other pieces and the input stay, and every label is one of its part."""
    rng = np.random.default_rng(seed)
    part = rng.choice([TORSO, LEG, HEAD, 2, 12])
    rows, columns = np.nonzero(person.parts == part)
    chosen = rng.choice(len(rows), count, replace=False)
    rows, columns = rows[chosen], columns[chosen]
    charts = rng.choice(np.flatnonzero(part == CHART_TO_PART), count)
    u, v = rng.uniform(0, 1, (2, count)).astype(np.float16)
    before = {name: getattr(person, name).copy() for name in ("mask", "parts", "charts", "u", "v")}
    fitted = refit(person, np.column_stack([columns + 5.5, rows + 7.5, charts, u, v]), body)
    np.testing.assert_array_equal(fitted.charts[rows, columns], charts)
    np.testing.assert_array_equal(fitted.u[rows, columns], u)
    np.testing.assert_array_equal(fitted.v[rows, columns], v)
    others = person.parts != part
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(person, name), array)
        np.testing.assert_array_equal(getattr(fitted, name)[others], array[others])
    np.testing.assert_array_equal(CHART_TO_PART[fitted.charts], person.parts)
    assert ((fitted.u >= 0) & (fitted.u <= 1) & (fitted.v >= 0) & (fitted.v <= 1)).all()


@pytest.mark.parametrize("chart", [2, 5, 9])
def test_a_small_change_is_small_where_the_body_is_not_exact(body, chart):
    """Also for labels beyond the edge of a chart, of which the body knows only the nearest point."""
    rows, columns = np.mgrid[0:60, 0:60]
    u, v = (np.float16(a / 59) for a in (rows, columns))
    charts = np.full((60, 60), chart, np.uint8)
    patch = Person((0, 0, 60, 60), mask=charts > 0, charts=charts, u=u, v=v)
    fitted = refit(patch, np.array([[30, 30, chart, u[30, 30] + 0.004, v[30, 30]]]), body)
    same = fitted.charts == chart
    assert same.mean() > 0.95
    change = np.maximum(np.abs(fitted.u - u), np.abs(fitted.v - v))[same].astype(float)
    assert 0 < change.mean() < 0.012
    assert (change > 0.03).mean() < 0.05


def test_large_regions_are_asked_at_nodes_with_the_same_result(large, body, monkeypatch):
    class Counting:
        """The body, and how many places were looked up on it."""

        count = 0
        positions, mirror_in_depth = staticmethod(body.positions), staticmethod(body.mirror_in_depth)

        def locate(self, places, charts):
            self.count += len(places)
            return body.locate(places, charts)

    x, y = middle_of(large.charts == 2)
    points = np.array([[x, y, 2, 0.6, 0.5], [x - 100, y + 50, 2, 0.7, 0.7]])
    torso = large.parts == TORSO
    results = []
    for nodes in (1024, 10**9):
        monkeypatch.setattr(surface_fit, "NODES", nodes)
        counting = Counting()
        results.append((refit(large, points, counting), counting.count))
    (quick, few), (exact, many) = results
    assert few < many / 5
    assert (quick.charts == exact.charts)[torso].mean() > 0.999
    gap = np.linalg.norm(places(quick, body, torso) - places(exact, body, torso), axis=1)
    assert gap.mean() < 0.002
    moved = np.linalg.norm(places(quick, body, torso) - places(large, body, torso), axis=1)
    assert moved.mean() > 0.02


def test_a_point_off_the_person_is_refused(person, body):
    with pytest.raises(ValueError, match=r"\[5.5, 7.5\] is not on the person"):
        refit(person, np.array([[5.5, 7.5, 2, 0.5, 0.5]]), body)
    x, y = middle_of(person.charts == 2)
    good = [x + 5.5, y + 7.5, 2, 0.5, 0.5]
    with pytest.raises(ValueError, match=r"\[-3.0, 900.0\] is not on the person"):
        refit(person, np.array([good, [-3, 900, 2, 0.5, 0.5]]), body)
    with pytest.raises(ValueError, match="is not on the person"):
        refit(replace(person, mask=None), np.array([good]), body)


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


@pytest.mark.parametrize(
    ("parts", "swapped", "joints"),
    [
        ((8,), (8, 9), {"ankle"}),
        ((7, 8), (6, 7, 8, 9), {"knee", "ankle"}),
        ((10,), (10, 11), {"elbow"}),
        ((11, 12), (10, 11, 12, 13), {"elbow", "wrist"}),
        ((2, 3, 4), (2, 3, 4, 5), set()),
        ((1,), (1,), {"shoulder", "hip"}),
        ((14,), (14,), {"eye", "ear"}),
    ],
)
def test_only_the_chosen_limbs_swap(person, parts, swapped, joints):
    keypoints = np.random.default_rng(0).uniform(0, 100, (17, 3)).astype(np.float32)
    person = replace(person, keypoints=keypoints, visibility=np.arange(17, dtype=np.uint8) % 3)
    result = swap_sides(person, parts)
    here = np.isin(person.parts, swapped)
    whole = swap_sides(person)
    for name in ("parts", "charts", "u", "v"):
        np.testing.assert_array_equal(getattr(result, name)[here], getattr(whole, name)[here])
        np.testing.assert_array_equal(getattr(result, name)[~here], getattr(person, name)[~here])
    changed = np.flatnonzero((result.keypoints != keypoints).any(axis=1))
    assert {KEYPOINTS[i].split()[-1] for i in changed} == joints
    np.testing.assert_array_equal(result.keypoints[changed], keypoints[KEYPOINT_MIRROR[changed]])
    np.testing.assert_array_equal(result.visibility[changed], person.visibility[KEYPOINT_MIRROR[changed]])


def test_sides_swap_of_what_there_is(person):
    keypoints = np.arange(51, dtype=np.float32).reshape(17, 3)
    bare = swap_sides(replace(person, charts=None, u=None, v=None, keypoints=keypoints))
    assert (bare.parts[person.parts == 6] == 7).all()
    np.testing.assert_array_equal(bare.keypoints, keypoints[KEYPOINT_MIRROR])
    assert bare.charts is None
    assert bare.visibility is None
    dense = swap_sides(replace(person, parts=None), (6,))
    assert (dense.charts[person.charts == 9] == 10).all()
    np.testing.assert_array_equal(dense.charts[person.parts != LEG], np.where(
        np.isin(person.charts, (8, 10)), person.charts - 1, person.charts)[person.parts != LEG])  # fmt: skip
    assert dense.parts is None


@pytest.mark.parametrize("side", [0, 1])
def test_turned_the_front_is_the_drawing_of_the_back(body, side):
    """Seen through from behind: the other drawing mirrored is what lies behind each pixel of the one."""
    front, behind = person_of(body.views[side]), person_of(body.views[1 - side][:, ::-1])
    turned = swap_depth(front, body)
    both = (front.charts > 0) & (behind.charts > 0) & np.isin(front.parts, (TORSO, 6, 7, 10, 11))
    both &= front.parts == behind.parts
    assert (turned.charts == behind.charts)[both].mean() > 0.95
    gap = np.linalg.norm(places(turned, body, both) - places(behind, body, both), axis=1)
    assert gap.mean() < 0.012


def test_turning_twice_comes_back(person, body):
    twice = swap_depth(swap_depth(person, body), body)
    where = person.charts > 0
    gap = np.linalg.norm(places(twice, body, where) - places(person, body, where), axis=1)
    assert gap.mean() < 0.04


@pytest.mark.parametrize(("chart", "other"), [(2, 1), (1, 2)])
def test_a_torso_turns_as_a_whole(body, chart, other):
    shown = person_of(body.views[chart % 2])
    turned = swap_depth(shown, body)
    assert (turned.charts[shown.charts == chart] == other).all()
    np.testing.assert_array_equal(turned.parts, shown.parts)


def test_toes_become_heels(body):
    toes = square(4, charts=np.full((30, 20), 5, np.uint8))
    toes = replace(toes, u=np.full((30, 20), 0.9, np.float16), v=np.full((30, 20), 0.5, np.float16))
    everywhere = np.ones((30, 20), bool)
    before, after = (places(foot, body, everywhere) for foot in (toes, swap_depth(toes, body)))
    # A foot is some 25 cm long.
    assert (before[:, 2] - after[:, 2] > 0.12).all()


def test_what_has_no_charts_cannot_turn(person, body):
    with pytest.raises(ValueError, match="no charts"):
        swap_depth(replace(person, charts=None, u=None, v=None), body)


def test_only_the_chosen_part_turns(person, body):
    turned = swap_depth(person, body, (HEAD,))
    others = person.parts != HEAD
    np.testing.assert_array_equal(turned.charts[others], person.charts[others])
    np.testing.assert_array_equal(turned.u[others], person.u[others])
