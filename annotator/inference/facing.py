"""Whether a person is seen from behind. Each network errs towards people who face the camera, so that one which sees a back is right."""

from __future__ import annotations

import numpy as np

from annotator.labels.label_space import CHARTS, HIP_KEYPOINTS, SHOULDER_KEYPOINTS
from annotator.labels.people import Person

TORSO_BACK, TORSO_FRONT = CHARTS.index("torso back"), CHARTS.index("torso front")
MIN_BACK = 0.7
"""Share of the back in the pixels of a torso from which the charts say that a person is seen from behind."""


def is_back(charts: np.ndarray) -> bool:
    """Whether a person's charts, of any shape, say that they are seen from behind."""
    back, front = (np.count_nonzero(charts == chart) for chart in (TORSO_BACK, TORSO_FRONT))
    return back > MIN_BACK * (back + front)


def is_back_taken_for_front(person: Person, keypoints: np.ndarray) -> bool:
    """Whether a person's charts say that they are seen from behind, and the keypoints that they face the camera.

    Args:
        keypoints: (17, ≥ 2) x, y in any frame that is not mirrored.
    """
    if person.charts is None or not is_back(person.charts):
        return False
    left, right = keypoints[SHOULDER_KEYPOINTS, :2]
    down = keypoints[HIP_KEYPOINTS, :2].sum(axis=0) - left - right
    across = left - right
    return bool(across[0] * down[1] > across[1] * down[0])
