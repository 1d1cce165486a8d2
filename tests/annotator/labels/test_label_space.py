"""The label space against the reference data of the DensePose surface."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labels.label_space import (
    CHART_COLOURS,
    CHART_MIRROR,
    CHART_TO_PART,
    CHARTS,
    KEYPOINT_MIRROR,
    KEYPOINT_SIGMAS,
    KEYPOINTS,
    PART_COLOURS,
    PART_MIRROR,
    PARTS,
    SKELETON,
    mirror_uv,
)


@pytest.mark.parametrize(
    ("mirror", "names"), [(PART_MIRROR, PARTS), (CHART_MIRROR, CHARTS), (KEYPOINT_MIRROR, KEYPOINTS)]
)
def test_mirror_swaps_left_and_right_names(mirror, names):
    assert (mirror[mirror] == np.arange(len(names))).all()
    for name, other in zip(names, mirror, strict=True):
        swapped = name.replace("left", "#").replace("right", "left").replace("#", "right")
        assert names[other] == swapped


def test_charts_lie_on_parts_of_their_name():
    for chart, part in enumerate(CHART_TO_PART):
        words = set(CHARTS[chart].split()) - {"back", "front", "inner", "outer"}
        assert set(PARTS[part].split()) <= words | {"background"}
    assert (CHART_TO_PART[CHART_MIRROR] == PART_MIRROR[CHART_TO_PART]).all()


@given(st.integers(1, 24), st.floats(0, 1), st.floats(0, 1))
def test_mirrored_twice_is_the_same_point(chart, u, v):
    charts = np.array([chart])
    once = mirror_uv(charts, np.array([u]), np.array([v]))
    twice = mirror_uv(CHART_MIRROR[charts], *once)
    np.testing.assert_allclose(np.concatenate(twice), (u, v), atol=1e-12)


def test_mirror_is_close_to_the_exact_one(shared):
    """Mean difference in U, V to the measured mirror of every chart vertex."""
    surface = np.load(shared / "densepose" / "surface.npz")
    exact = np.load(shared / "densepose" / "uv_symmetry.npz")
    assert (exact["part_swap"] == CHART_MIRROR).all()
    u, v = surface["u"], surface["v"]
    chart = np.zeros(len(u), int)
    chart[surface["faces"].ravel()] = np.repeat(surface["chart"], 3)
    true = exact["uv"][chart - 1, np.rint(v * 255).astype(int), np.rint(u * 255).astype(int)]
    mirrored = np.stack(mirror_uv(chart, u, v), axis=1)
    gap = np.abs(mirrored - true).max(axis=1)
    for index in range(1, 25):
        assert gap[chart == index].mean() < 0.06, CHARTS[index]
    unmirrored = np.abs(np.stack([u, v], axis=1) - true).max(axis=1)
    assert gap.mean() < 0.25 * unmirrored.mean()


def test_colours_are_distinct():
    for colours in (PART_COLOURS, CHART_COLOURS):
        gaps = np.abs(colours[:, None].astype(int) - colours[None]).sum(axis=-1)
        np.fill_diagonal(gaps, 999)
        assert gaps.min() > 30


def test_skeleton_and_sigmas_are_cocos():
    from pycocotools.cocoeval import Params

    np.testing.assert_allclose(KEYPOINT_SIGMAS, Params("keypoints").kpt_oks_sigmas, rtol=1e-6)
    assert len(SKELETON) == 19
    assert {index for limb in SKELETON for index in limb} == set(range(17))
