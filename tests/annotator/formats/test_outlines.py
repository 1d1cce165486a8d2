"""Masks as polygons."""

import cv2
import numpy as np

from annotator.formats.outlines import joined, outlines
from annotator.geometry.regions import polygons


def test_pieces_are_joined_by_the_shortest_lines():
    mask = np.zeros((60, 50), bool)
    mask[0:40, 0:10] = mask[18:22, 12:16] = mask[18:22, 19:50] = True
    line = joined(outlines(mask, (0, 0, 50, 60))).astype(np.int32)
    drawn = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [line], 1) > 0
    # Two gaps of two and of three pixels.
    assert (np.count_nonzero(drawn & ~mask), np.count_nonzero(mask & ~drawn)) == (5, 0)


def test_outlines_are_exact_also_where_fractions_are_cut_off_and_borders_filled():
    """As ultralytics makes masks of polygons."""
    rng = np.random.default_rng(0)
    mask = cv2.GaussianBlur(rng.random((60, 50)), (0, 0), 3) > 0.5
    rings = outlines(mask, (0, 0, 50, 60))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [ring.astype(np.int32) for ring in rings], 1)
    np.testing.assert_array_equal(filled > 0, mask)
    np.testing.assert_array_equal(polygons([joined(rings)], (0, 0, 50, 60)), mask)
