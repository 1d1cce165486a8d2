"""Layers of a second annotator's person."""

from dataclasses import replace

import numpy as np

from tests.annotator.people_samples import block
from tests.annotator.review.conftest import edit


def test_what_was_made_by_hand_goes_with_its_layer(scene):
    painted = replace(block(12), hand_made=("surface", "keypoints"))
    ours = replace(scene.people["a"], hand_made=())
    scene = replace(scene, people=scene.people | {"a": ours}, second_people=lambda: {"x": painted})
    taken = edit(scene, "take_second", person="a", second="x", layers=["mask"])["a"]
    assert taken.hand_made == ("surface",)
    np.testing.assert_array_equal(taken.charts, painted.charts)
    scene = replace(scene, people=scene.people | {"a": painted}, second_people=lambda: {"x": ours})
    taken = edit(scene, "take_second", person="a", second="x", layers=["keypoints"])["a"]
    assert taken.hand_made == ("surface",)
