"""People and COCO-DensePose records for the tests of files and their parts."""

import numpy as np

from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import People, Person, Provenance

SIZE = (80, 60)
"""Of the photo with the people that :func:`block` makes."""


def block(x: int, w: int = 20, **changes) -> Person:
    """A predicted person of w × 40 pixels from (x, 10): head, torso, right upper leg from top to bottom."""
    parts = np.repeat(np.array([14, 1, 6], np.uint8), [10, 15, 15])[:, None].repeat(w, axis=1)
    charts = np.choose(np.searchsorted([1, 6, 14], parts), [2, 9, 24]).astype(np.uint8)
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[0] = x + w / 2, 14, 0.8
    keypoints[12] = x + 2, 38, 0.6
    values = {
        "box": (x, 10, w, 40),
        "mask": parts > 0,
        "parts": parts,
        "charts": charts,
        "u": np.linspace(0, 1, parts.size).reshape(parts.shape).astype(np.float16),
        "v": np.full(parts.shape, 0.5, np.float16),
        "keypoints": keypoints,
        "visibility": (keypoints[:, 2] > 0).astype(np.uint8) * 2,
        "issues": {"mask_border": 0.25},
        "provenance": Provenance("lite", "2026-01-01T00:00:00+00:00"),
    }
    return Person(**(values | changes))


def dense_person(seed: int, size=(64, 48), **changes) -> Person:
    """A person with every label, of random charts in blocks."""
    rng = np.random.default_rng(seed)
    width, height = size
    w, h = int(rng.integers(8, width // 2)), int(rng.integers(8, height))
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    blocks = rng.integers(0, 25, (4, 3)).astype(np.uint8)
    charts = blocks[np.arange(h) * 4 // h][:, np.arange(w) * 3 // w]
    charts[h // 2, w // 2] = 2
    visibility = rng.integers(0, 3, 17).astype(np.uint8)
    keypoints = np.column_stack([rng.uniform(0, [width, height], (17, 2)), rng.uniform(0.1, 1, 17)])
    values = {
        "box": (x, y, w, h),
        "mask": charts > 0,
        "parts": CHART_TO_PART[charts],
        "charts": charts,
        "u": rng.random((h, w)).astype(np.float16),
        "v": rng.random((h, w)).astype(np.float16),
        "keypoints": np.where(visibility[:, None] > 0, keypoints, 0).astype(np.float32),
        "visibility": visibility,
        "score": 0.75,
        "quality": {"mask": 0.5, "keypoints": 0.25},
        "provenance": Provenance("lite", "2026-01-01T00:00:00Z", "edited", "Ada", edited=True),
    }
    return Person(**(values | changes))


def dense_people(seed: int, count: int = 2, size=(64, 48)) -> People:
    people = [dense_person(1000 * seed + i, size) for i in range(count)]
    return People(size, people, f"photos/{seed}.jpg")


def image(**changes) -> dict:
    """An image record of 64 × 48 pixels with id 1."""
    return {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48} | changes


def record(**changes) -> dict:
    """An annotation as COCO-DensePose has them: polygons, part masks, points, fractions of pixels."""
    parts: list = [[] for _ in range(14)]
    parts[0] = {"size": [256, 256], "counts": [0, 256 * 256]}
    keypoints = [0.0] * 51
    keypoints[:6] = [20.25, 12.5, 2, 24.0, 11.0, 1]
    return {
        "id": 7,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10.5, 4.25, 30.0, 40.5],
        "area": 1200.5,
        "segmentation": [[10.5, 4.25, 40.5, 4.25, 40.5, 44.75, 10.5, 44.75]],
        "iscrowd": 0,
        "keypoints": keypoints,
        "num_keypoints": 2,
        "dp_masks": parts,
        "dp_I": [1.0, 2.0],
        "dp_U": [0.25, 0.5],
        "dp_V": [0.125, 1.0],
        "dp_x": [0.0, 255.0],
        "dp_y": [127.5, 10.0],
    } | changes
