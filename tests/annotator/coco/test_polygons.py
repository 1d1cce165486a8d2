"""Outlines of masks, read back by pycocotools."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from annotator.coco.polygons import trace

SIZE = (80, 60)


def read_back(polygons: list[list[float]]) -> np.ndarray:
    """(H, W) bool, of the whole image."""
    width, height = SIZE
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))).astype(bool)


def canvas(mask: np.ndarray, box) -> np.ndarray:
    whole = np.zeros(SIZE[::-1], bool)
    x, y, w, h = box
    whole[y : y + h, x : x + w] = mask
    return whole


def blob(seed: int) -> np.ndarray:
    """(40, 50) bool without holes."""
    noise = np.random.default_rng(seed).random((40, 50)).astype(np.float32)
    mask = (cv2.GaussianBlur(noise, (0, 0), 5) > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED).astype(bool)


@pytest.mark.parametrize("seed", range(8))
def test_within_a_pixel_of_the_mask(seed):
    mask = blob(seed)
    box = (7, 11, 50, 40)
    found, true = read_back(trace(mask, box)), canvas(mask, box)
    near = cv2.dilate(true.astype(np.uint8), np.ones((3, 3))) > 0
    inner = cv2.erode(true.astype(np.uint8), np.ones((3, 3))) > 0
    assert not (found & ~near).any()
    assert not (inner & ~found).any()
    assert (found & true).sum() / (found | true).sum() > 0.95


def test_rectangles_are_exact_and_have_few_corners():
    (polygon,) = trace(np.ones((20, 10), bool), (3, 4, 10, 20))
    assert len(polygon) == 8
    np.testing.assert_array_equal(read_back([polygon]), canvas(np.ones((20, 10), bool), (3, 4, 10, 20)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 1)])
def test_thin_pieces_are_kept(shape):
    mask = np.ones(shape, bool)
    (polygon,) = trace(mask, (5, 6, *shape[::-1]))
    assert len(polygon) >= 6
    assert (read_back([polygon]) & canvas(mask, (5, 6, *shape[::-1]))).any()


def test_one_polygon_per_piece_and_no_holes():
    mask = np.zeros((30, 30), bool)
    mask[2:12, 2:12] = mask[15:28, 15:28] = True
    mask[18:24, 18:24] = False
    polygons = trace(mask, (0, 0, 30, 30))
    assert len(polygons) == 2
    assert read_back(polygons)[20, 20]
    assert trace(np.zeros((3, 3), bool), (0, 0, 3, 3)) == []
