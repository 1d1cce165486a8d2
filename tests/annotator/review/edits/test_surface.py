"""Corrections of the surface, and sides and depth that were swapped."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.labels.label_space import CHART_MIRROR, mirror_uv
from annotator.labels.people import Person
from annotator.review.edits import Scene
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import edit


def test_a_correction_is_kept_and_the_pixel_says_so(scene):
    person = edit(scene, "correct_surface", person="a", corrections=[[20, 27, 2, 0.25, 0.75]])["a"]
    assert person.charts[17, 10] == 2
    assert person.u[17, 10] == pytest.approx(0.25, abs=0.02)
    assert person.v[17, 10] == pytest.approx(0.75, abs=0.02)
    again = edit(
        Scene(SIZE, {"a": person}), "correct_surface", person="a", corrections=[[15, 30, 2, 0.5, 0.5]]
    )["a"]
    assert len(again.corrections) == 2
    assert again.u[17, 10] == pytest.approx(0.25, abs=0.02)
    newer = edit(
        Scene(SIZE, {"a": again}), "correct_surface", person="a", corrections=[[20.4, 27, 2, 0.9, 0.5]]
    )["a"]
    assert len(newer.corrections) == 2
    assert newer.u[17, 10] == pytest.approx(0.9, abs=0.02)


def test_swapped_sides_swap_back(scene):
    once = edit(scene, "swap_sides", person="a")["a"]
    assert set(np.unique(once.parts)) == {1, 7, 14}
    assert once.visibility[11] == 2
    twice = edit(Scene(SIZE, {"a": once}), "swap_sides", person="a")["a"]
    np.testing.assert_array_equal(twice.charts, scene.people["a"].charts)


def test_swapped_depth_turns_the_torso(scene):
    person = edit(scene, "swap_depth", person="a", parts=[1])["a"]
    assert (person.charts[10:25] == 1).mean() > 0.9
    assert (person.charts[25:] == 9).all()


def test_swapping_a_part_keeps_the_corrections_of_others(scene):
    person = edit(scene, "correct_surface", person="a", corrections=[[20, 27, 2, 0.25, 0.75]])["a"]
    corrected = Scene(SIZE, {"a": person})
    for kind in ("swap_sides", "swap_depth"):
        np.testing.assert_array_equal(
            edit(corrected, kind, person="a", parts=[14])["a"].corrections, person.corrections
        )
        assert edit(corrected, kind, person="a", parts=[1])["a"].corrections is None
        assert edit(corrected, kind, person="a")["a"].corrections is None


def test_surface_points_of_a_file_follow_every_edit(scene):
    rows = np.array([[20, 15, 2, 0.2, 0.3], [20, 45, 9, 0.4, 0.6]], np.float32)
    known = Scene(SIZE, {"a": replace(scene.people["a"], points=rows), "b": scene.people["b"]})

    mirrored = edit(known, "swap_sides", person="a")["a"].points
    u, v = mirror_uv(rows[:, 2].astype(int), rows[:, 3], rows[:, 4])
    np.testing.assert_array_equal(mirrored[:, 2], CHART_MIRROR[rows[:, 2].astype(int)])
    np.testing.assert_allclose(mirrored[:, 3:], np.column_stack([u, v]))
    np.testing.assert_array_equal(mirrored[:, :2], rows[:, :2])

    corrected = edit(known, "correct_surface", person="a", corrections=[[20, 15, 2, 0.9, 0.1]])["a"]
    assert corrected.points[0] == pytest.approx([20, 15, 2, 0.9, 0.1], abs=0.02)

    halves = edit(known, "split_by_line", person="a", points=[[0, 32], [60, 32]])
    assert sorted(len(piece.points) for piece in halves.values()) == [1, 1]
    merged = edit(Scene(SIZE, halves), "merge", people=list(halves))
    (person,) = (person for person in merged.values() if person is not None)
    assert sorted(map(tuple, person.points)) == sorted(map(tuple, rows))


def test_surface_points_of_a_person_without_a_mask_follow_its_charts():
    rows = np.array([[20, 27, 2, 0.2, 0.3]], np.float32)
    person = block(10, mask=None, points=rows)
    turned = edit(Scene(SIZE, {"a": person}), "swap_depth", person="a")["a"]
    assert turned.points[0, 2] == turned.charts[17, 10] == 1


def test_what_was_said_of_the_surface_goes_with_its_pixels(scene):
    rows = np.float32([[15, 15, 24, 0.2, 0.3], [25, 15, 24, 0.6, 0.3], [20, 45, 9, 0.4, 0.6]])
    known = Scene(
        SIZE, {"a": replace(scene.people["a"], points=rows, corrections=rows), "b": scene.people["b"]}
    )

    def left(person: Person) -> list[list[int]]:
        assert np.array_equal(person.points, person.corrections)
        return np.rint(person.points[:, :2]).astype(int).tolist()

    erased = edit(known, "paint", person="a", layer="mask", erase=True, points=[[20, 45]], radius=8)["a"]
    assert left(erased) == [[15, 15], [25, 15]]
    # The next correction still has only points that lie on the person.
    assert "a" in edit(
        Scene(SIZE, {"a": erased}), "correct_surface", person="a", corrections=[[12, 12, 23, 0, 0]]
    )
    # Other tools take pixels away without a word.
    mask = scene.people["a"].mask.copy()
    mask[30:] = False
    cut = Scene(SIZE, {"a": replace(known.people["a"], mask=mask)})
    corrected = edit(cut, "correct_surface", person="a", corrections=[[12, 12, 23, 0, 0]])["a"]
    assert corrected.corrections[:, :2].tolist() == [[15, 15], [25, 15], [12, 12]]
    by_another = edit(known, "paint", person="b", layer="mask", points=[[25, 15]], radius=3)["a"]
    assert left(by_another) == [[15, 15], [20, 45]]
    painted = edit(known, "fill_area", person="a", x=20, y=45, part=1)["a"]
    assert left(painted) == [[15, 15], [25, 15]]
    same = edit(known, "fill_area", person="a", x=20, y=45, part=6)["a"]
    assert left(same) == [[15, 15], [25, 15], [20, 45]]
    no_part = edit(known, "paint", person="a", layer="part", erase=True, points=[[15, 15]], radius=2)["a"]
    assert left(no_part) == [[25, 15], [20, 45]]
