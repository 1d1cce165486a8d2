import math
from dataclasses import replace

import numpy as np
import pytest

from annotator.evaluation.agreement import compare_people
from annotator.evaluation.similarity import KAPPAS
from annotator.labels.label_space import KEYPOINT_SIGMAS
from annotator.labels.people import People, Person, Provenance
from annotator.surface.body_geodesic import load_body_surface

SIZE = (100, 100)
EXACT = pytest.approx


def block(x: int, y: int, w: int = 10, h: int = 10, **values) -> Person:
    """Somebody who is a rectangle."""
    return Person(box=(x, y, w, h), mask=np.ones((h, w), bool), **values)


def pair(a: Person, b: Person, surface=None):
    (found,) = compare_people(People(SIZE, [a]), People(SIZE, [b]), surface).pairs
    return found


def keypoints(*at: tuple[int, float, float]) -> dict[str, np.ndarray]:
    points = np.zeros((17, 3), np.float32)
    for index, x, y in at:
        points[index] = x, y, 1
    return {"keypoints": points, "visibility": (points[:, 2] > 0).astype(np.uint8) * 2}


def test_masks():
    # 10 × 10 each, 8 × 10 in common.
    found = pair(block(10, 10), block(12, 10))
    assert found.mask == EXACT(80 / 120, abs=1e-6)
    assert (found.parts, found.charts, found.keypoints) == (None, None, None)
    assert found.lowest() == found.mask


def test_parts():
    parts = np.repeat(np.array([[1, 2]], np.uint8), 10, axis=0).repeat(5, axis=1)
    other = parts.copy()
    other[:, 4] = 2  # one of the first part's five columns
    other[0, 9] = 3  # one pixel of a part that the first does not have
    found = pair(block(0, 0, parts=parts), block(0, 0, parts=other))
    assert found.parts == EXACT((40 / 50 + 49 / 60 + 0 / 1) / 3, abs=1e-6)


def test_keypoints_of_both_ways_round():
    a = block(0, 0, **keypoints((0, 3, 3), (5, 2, 8)))
    b = block(0, 0, w=20, **keypoints((0, 4, 3), (6, 9, 9)))
    # The nose is a pixel off, of an area of (100 + 200) / 2; the shoulders are each of one annotator only.
    nose = math.exp(-1 / (2 * (2 * KEYPOINT_SIGMAS[0]) ** 2 * 150))
    assert pair(a, b).keypoints == EXACT(nose / 3, abs=1e-6)
    assert pair(b, a).keypoints == EXACT(nose / 3, abs=1e-6)
    assert pair(a, block(0, 0)).keypoints == 0
    assert pair(a, block(0, 0, **keypoints((1, 3, 3)))).keypoints == 0


def test_surface():
    surface = load_body_surface()
    charts = np.full((10, 10), 1, np.uint8)
    u, v = np.full((10, 10), 0.5, np.float16), np.full((10, 10), 0.5, np.float16)
    a = block(0, 0, charts=charts, u=u, v=v)
    b = block(0, 0, charts=np.full((10, 10), 2, np.uint8), u=u, v=v)
    assert pair(a, a, surface).charts == EXACT(1, abs=1e-6)
    vertices = surface.nearest(np.array([1, 2]), np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    (distance,) = surface.distances(vertices[:1], vertices[1:])
    assert distance > 0.2  # from the back of the trunk to its front
    # Chart 1 has the κ of torsos, and so has 2.
    assert pair(a, b, surface).charts == EXACT(math.exp(-(distance**2) / (2 * KAPPAS[1] ** 2)), abs=1e-6)
    half = charts.copy()
    half[:, 5:] = 0
    assert pair(a, replace(a, charts=half), surface).charts == EXACT(0.5, abs=1e-6)
    assert pair(replace(a, charts=half), a, surface).charts == EXACT(0.5, abs=1e-6)
    assert pair(a, b).charts is None


def test_people_of_one_only():
    rejected = block(70, 70, provenance=Provenance(state="rejected"))
    first = People(SIZE, [block(0, 0), block(40, 40), rejected])
    second = People(SIZE, [block(70, 10), block(1, 0), block(60, 60, crowd=True)])
    found = compare_people(first, second, None)
    assert [(p.first, p.second) for p in found.pairs] == [(0, 1)]
    assert (found.only_first, found.only_second, found.lowest()) == ([1], [0], 0)
    assert compare_people(People(SIZE), People(SIZE), None).lowest() == 1
