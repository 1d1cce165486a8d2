"""Left and right by two networks: the cascade, which labels parts and charts, and the pose estimator.

The pose estimator is better at the sides of limbs. But each of the two errs towards people who face the camera, so that the one
that sees somebody's back is right. How much it changes: docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from annotator.geometry.boxes import Box, bounding_box, crop
from annotator.geometry.letterbox import warp
from annotator.labels.label_space import (
    CHART_MIRROR,
    KEYPOINT_MIRROR,
    KEYPOINT_PARTS,
    LIMBS,
    PART_MIRROR,
    mirror_uv,
)
from annotator.labels.people import Person

MIN_LEAD = 0.1
"""By how much the joints of the other side must be surer, as the mean over the joints of a piece of a limb, for it to change sides.
At 0.05 more is changed that was right on renders, at 0.2 less of what was wrong on photos."""
JOINTS_OF = {
    part: [joint for joint, parts in enumerate(KEYPOINT_PARTS) if part in parts]
    for part in sorted({part for outer, inner in LIMBS for part in outer + inner})
}
"""The keypoints that lie on each part of the limbs: an elbow on both parts of its arm."""
NEIGHBOURS = np.ones((3, 3), np.uint8)


def set_sides(person: Person, heatmaps: np.ndarray, to_maps: np.ndarray) -> None:
    """Give each piece of a person's limbs the side whose joints are surer on it.

    A piece is the connected pixels of one part. Of each joint that lies on the part the highest value of the heatmap counts, at the
    piece and one heatmap pixel around it. A piece that changes sides gets mirrored parts, charts, U and V.

    Args:
        person: with a mask; without parts, charts, U and V nothing is changed.
        heatmaps: (h, w, 17), 0..1.
        to_maps: (2, 3) affine map from pixels of the person's box to those of the heatmaps.
    """
    if person.parts is None or person.charts is None:
        return
    flipped = np.zeros(person.parts.shape, bool)
    for part, joints in JOINTS_OF.items():
        for window, piece in _pieces(person.parts, part):
            matrix = to_maps.copy()
            matrix[:, 2] += matrix[:, :2] @ window[:2]
            near = warp(piece.view(np.uint8), matrix, heatmaps.shape[1::-1], cv2.INTER_NEAREST)
            near = cv2.dilate(near, NEIGHBOURS).view(bool)
            if near.any():
                highest = heatmaps[near].max(axis=0)
                if (highest[KEYPOINT_MIRROR] - highest)[joints].mean() > MIN_LEAD:
                    crop(flipped, window)[piece] = True
    if not flipped.any():
        return
    charts = person.charts[flipped]
    u, v = mirror_uv(charts, person.u[flipped], person.v[flipped])
    mirrored = {"parts": PART_MIRROR[person.parts[flipped]], "charts": CHART_MIRROR[charts], "u": u, "v": v}
    for name, values in mirrored.items():
        changed = getattr(person, name).copy()
        changed[flipped] = values
        setattr(person, name, changed)


def _pieces(parts: np.ndarray, part: int) -> Iterator[tuple[Box, np.ndarray]]:
    """The connected pieces of a part, each as a box and bool of its pixels in that."""
    region = (parts == part).view(np.uint8)
    box = bounding_box(region)
    if box is None:
        return
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(crop(region, box)))
    for label in range(1, count):
        x, y, w, h = boxes[label, :4].tolist()
        yield (box[0] + x, box[1] + y, w, h), crop(labels, (x, y, w, h)) == label
