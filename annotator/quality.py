"""How sure the network is of a person, task by task: what is least sure is looked at first."""

from __future__ import annotations

import numpy as np

from annotator.network import Maps


def confidences(maps: Maps, region: np.ndarray, keypoint_confidence: np.ndarray) -> dict[str, float]:
    """Mean confidences over one person, each 0..1.

    Args:
        maps: of one image.
        region: (h, w) bool, the person's pixels in the maps.
        keypoint_confidence: (17,), 0 where a keypoint is missing.

    Returns:
        ``mask`` (distance of the probability from one half, doubled), ``parts``, ``charts``, ``keypoints``
        (mean over those found; 0 where none is).
    """
    found = keypoint_confidence[keypoint_confidence > 0]
    return {
        "mask": float(np.abs(2 * maps.person[region] - 1).mean()),
        "parts": float(maps.part_confidence[region].mean()),
        "charts": float(maps.chart_confidence[region].mean()),
        "keypoints": float(found.mean()) if len(found) else 0.0,
    }
