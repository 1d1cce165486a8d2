"""How sure the network is of a person, task by task, and what looks wrong: that is looked at first.

A *confidence* is the network's own opinion of a task. An *issue* is a reason why a label may be wrong, found by
holding the labels of one person against each other; most need no network, so that labels that were read from
a file or edited by hand have issues, too.

The limits below say what is odd about a body; there is no record of data behind them. What the order by issues is
worth is measured by ``scripts/simulate-review``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np

from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_MIRROR, KEYPOINT_PARTS, PART_MIRROR, PARTS
from annotator.labels.maps import Maps
from annotator.labels.people import Person

ISSUES = {
    "mask_border": "unsure mask border",
    "two_people": "two people in one",
    "sides_swapped": "left and right swapped",
    "keypoint_outside": "keypoint outside its part",
    "chart_against_part": "chart against part",
    "surface_jump": "U, V discontinuous",
}
"""Every issue and its words."""

LOOKED_AT = 192
"""Pixels to which the longer side of a person is thinned out before its labels are compared: so the others mean the
same on large and small people."""
NEAR = 0.04
"""Distance, relative to the longer side of the parts, up to which a keypoint still is on its part; 7 pixels of a
standing person of 180."""
JUMP = 0.15
"""Change of U or V between neighbours, at :data:`LOOKED_AT` pixels a person, that no smooth surface has. On the drawing
of the body, 230 pixels tall, half of the neighbours differ by up to 0.02, and 99 in 100 by less than 0.14."""
LEAST_HEAD = 0.3
"""Area of a second head, relative to the first, from which it is one; a smaller piece may be the rest of a head that
something covers."""
BORDER = 2
"""Map pixels on either side of the outline that belong to it."""
APART = 0.5
"""Score of the issue that two pieces of a mask of one size are two people: an arm across the body, or a pole in front of it, cuts one
person in two as well."""
STRAY = 0.6
"""What one keypoint outside its part leaves of the trust in all: the issue score is 0.4 with one, 0.64 with two."""
HOPELESS = 0.25
"""Share of pixels at jumps of U or V from which on the issue score is 1."""


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


def find_map_issues(maps: Maps, region: np.ndarray) -> dict[str, float]:
    """What only the network's maps show.

    Args:
        maps: of one image.
        region: (h, w) bool, the person's pixels in the maps.

    Returns:
        ``mask_border``: mean uncertainty (1 on pixels of probability one half, 0 on certain ones) within
        :data:`BORDER` pixels of the outline. ``chart_against_part``: share of the pixels where the two outputs disagree; the
        labels themselves follow the charts. Each 0..1.
    """
    against = CHART_TO_PART[maps.charts[region]] != maps.parts[region]
    return {
        "mask_border": _border_issue(maps.person, region),
        "chart_against_part": float(against.mean()) if region.any() else 0.0,
    }


def _border_issue(probability: np.ndarray, region: np.ndarray) -> float:
    inside = region.astype(np.uint8)
    kernel = np.ones((2 * BORDER + 1, 2 * BORDER + 1), np.uint8)
    band = cv2.dilate(inside, kernel) > cv2.erode(inside, kernel)
    return float((1 - np.abs(2 * probability[band] - 1)).mean()) if band.any() else 0.0


def find_issues(person: Person) -> dict[str, float]:
    """What of a person's labels does not fit the rest of them.

    Returns:
        Issues of :data:`ISSUES` as far as the labels allow, each 0 (none) .. 1; all but ``mask_border``,
        which only the network's maps show (:func:`find_map_issues`).
    """
    found = {}
    step = max(1, math.ceil(max(person.box[2:]) / LOOKED_AT))
    parts, charts = (None if a is None else a[::step, ::step] for a in (person.parts, person.charts))
    if person.mask is not None:
        found["two_people"] = _two_people(person.mask[::step, ::step], parts)
    if parts is not None and parts.any():
        if person.keypoints is not None and person.visibility is not None:
            # The middle of a pixel that is kept stays its middle.
            at = (person.keypoints[:, :2] - person.box[:2] - 0.5) / step + 0.5
            found["keypoint_outside"], found["sides_swapped"] = _keypoints(parts, at, person.visibility)
        if charts is not None and charts.any():
            both = (parts > 0) & (charts > 0)
            wrong = (CHART_TO_PART[charts] != parts)[both]
            found["chart_against_part"] = float(wrong.mean()) if both.any() else 0.0
    if charts is not None and charts.any():
        found["surface_jump"] = _jumps(charts, person.u[::step, ::step], person.v[::step, ::step])
    return found


def overall(found: Iterable[float]) -> float:
    """One number to sort by, of a person's issues or of an image's people.

    Returns:
        The probability that at least one issue is real, were each that of its being so and independent.
    """
    return 1.0 - math.prod(1.0 - min(max(value, 0.0), 1.0) for value in found)


def _two_people(mask: np.ndarray, parts: np.ndarray | None) -> float:
    """A second head as large as the first says so plainly; pieces of mask far apart only hint at it."""
    issue_score = 0.0
    if parts is not None:
        areas = _areas(parts == PARTS.index("head"))
        if len(areas) > 1:
            issue_score = min(max((areas[1] / areas[0] - LEAST_HEAD) / (1 - LEAST_HEAD), 0.0), 1.0)
    pieces = _areas(mask)
    apart = pieces[1] / pieces[0] if len(pieces) > 1 else 0.0
    return max(issue_score, APART * apart)


def _areas(mask: np.ndarray) -> np.ndarray:
    """Of the connected pieces, largest first."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask, np.uint8))
    return np.sort(stats[1:count, cv2.CC_STAT_AREA])[::-1]


def _keypoints(parts: np.ndarray, at: np.ndarray, visibility: np.ndarray) -> tuple[float, float]:
    """Issues ``keypoint_outside`` and ``sides_swapped``; ``at`` is (17, 2) in the pixels of ``parts``."""
    reach = NEAR * max(parts.shape)
    gaps = _gaps(parts, at)
    outside = swapped = right = 0
    for index in np.flatnonzero(visibility > 0):
        own = list(KEYPOINT_PARTS[index])
        gap = gaps[index, own].min()
        other = PART_MIRROR[own]
        has_side = KEYPOINT_MIRROR[index] != index and set(own) != set(other)
        across = gaps[index, other].min() if has_side else math.inf
        if gap <= reach:
            right += has_side and across > reach
        elif across <= reach:
            swapped += 1
        elif visibility[index] == 2 and math.isfinite(gap):
            outside += 1
    # One keypoint may stray; each further one is harder to explain. A single one that is swapped is an issue score of 0.5.
    return 1 - STRAY**outside, swapped / (swapped + right + 1)


def _gaps(parts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 15): from each of (n, 2) points to the middle of the nearest pixel of each part; inf without any."""
    rows, columns = np.nonzero(parts)
    labels = parts[rows, columns]
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    x, y = (columns[order] + 0.5).astype(np.float32), (rows[order] + 0.5).astype(np.float32)
    squares = (x - points[:, :1]) ** 2 + (y - points[:, 1:]) ** 2
    gaps = np.full((len(points), len(PARTS)), np.inf)
    gaps[:, present] = np.sqrt(np.minimum.reduceat(squares, starts, axis=1))
    return gaps


def _jumps(charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """Share of a person's pixels at which U or V jumps inside a chart, relative to :data:`HOPELESS`, at most 1."""
    jumps = np.zeros(charts.shape, bool)
    for axis in (0, 1):
        first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        same = (charts[first] == charts[second]) & (charts[first] > 0)
        gap = np.maximum(
            *(np.abs(c[first].astype(np.float32) - c[second].astype(np.float32)) for c in (u, v))
        )
        jumps[first] |= same & (gap > JUMP)
    return float(min(jumps.sum() / max(np.count_nonzero(charts), 1) / HOPELESS, 1.0))
