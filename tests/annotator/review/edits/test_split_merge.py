"""Splitting and merging people."""

import numpy as np
import pytest

from annotator.labels.people import Person
from annotator.review.edits import EditError, Scene
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import assert_whole, edit, full_mask


def test_split_by_a_line(scene):
    changes = edit(scene, "split_by_line", person="a", points=[[5, 22], [40, 22]])
    assert len(changes) == 2
    assert "a" in changes
    upper, lower = sorted(changes.values(), key=lambda person: person.box[1])
    assert upper.box == (10, 10, 20, 12)
    assert lower.box == (10, 22, 20, 28)
    assert upper.visibility.nonzero()[0].tolist() == [0]
    assert lower.visibility.nonzero()[0].tolist() == [12]
    for person in (upper, lower):
        assert_whole(person)
    # The larger half stays who it was.
    assert changes["a"] is lower or np.array_equal(changes["a"].mask, lower.mask)


def test_split_by_heads(scene):
    changes = edit(scene, "split_by_heads", person="a", points=[[15, 12], [25, 45]])
    first, second = sorted(changes.values(), key=lambda person: person.box[1])
    assert not (full_mask(first) & full_mask(second)).any()
    assert (full_mask(first) | full_mask(second)).sum() == 800
    assert full_mask(first)[12, 15]
    assert full_mask(second)[45, 25]


def test_a_split_that_leaves_nobody_is_refused(scene):
    with pytest.raises(EditError, match="split_by_line: points: one side would be left"):
        edit(scene, "split_by_line", person="a", points=[[0, 55], [70, 55]])


def test_split_and_merge_are_inverse(scene):
    halves = edit(scene, "split_by_line", person="a", points=[[18, 0], [22, 60]])
    keys = sorted(halves, key=lambda key: key != "a")
    merged = edit(Scene(SIZE, halves), "merge", people=keys)
    assert merged[keys[1]] is None
    whole = scene.people["a"]
    for name in ("box", "mask", "parts", "charts", "keypoints", "visibility"):
        np.testing.assert_array_equal(getattr(merged["a"], name), getattr(whole, name))
    np.testing.assert_array_equal(merged["a"].u[whole.charts > 0], whole.u[whole.charts > 0])


def test_merge_with_one_who_has_no_charts(scene):
    bare = Person((35, 10, 5, 10), mask=np.ones((10, 5), bool))
    merged = edit(Scene(SIZE, {"a": scene.people["a"], "c": bare}), "merge", people=["a", "c"])["a"]
    assert merged.mask.sum() == 850
    assert np.count_nonzero(merged.charts) == 800
