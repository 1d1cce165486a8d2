"""Quality of a person's labels: the network's confidence in each task, and issues, the reasons why a label may be wrong.

Most issues compare the labels of one person with each other and need no network, so that labels that were read from a
file or edited by hand have issues, too. People with the highest issue score are reviewed first.

The thresholds below are rules of thumb about bodies, not fitted to data. ``scripts/simulate-review`` measures how much
better the order by issue score is than chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np

from annotator.labels.label_space import CHART_TO_PART, KEYPOINT_PARTS, PART_MIRROR, PARTS
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
"""The words for each issue, by its name."""
MISSING_PEOPLE = "possibly missing people"
"""The words for the issue of an image that some of its people may have no labels. Its score is that of the possible people
(:class:`~annotator.labels.people.PossiblePerson`)."""

COMPARED_SIDE = 192
"""Pixels of the longer side of a person, to which larger ones are thinned out before their labels are compared, so that
the thresholds mean the same on large and small people."""
KEYPOINT_TOLERANCE = 0.04
"""Distance, relative to the longer side of the box, up to which a keypoint is on its part: 7 pixels for a person who is
180 pixels tall."""
MIN_JUMP = 0.15
"""Difference of U or V between neighbouring pixels, at :data:`COMPARED_SIDE`, above which the surface is discontinuous.
On the drawing of the body, 230 pixels tall, half of the neighbours differ by at most 0.02, and 99 % by less than 0.14."""
MIN_SECOND_HEAD = 0.3
"""Area of a second head, relative to the first, from which it counts; a smaller piece may belong to a head that is partly
covered."""
BORDER_WIDTH = 2
"""Map pixels on either side of the outline of a mask that are its border."""
SEPARATE_PIECES = 0.5
"""Issue score of a mask of two pieces of the same size: two people, or one with an arm or a pole in front."""
STRAY_KEYPOINT = 0.6
"""Factor by which each keypoint outside its part lowers the trust in all: the issue score is 0.4 for one, 0.64 for two."""
MAX_JUMPS = 0.25
"""Share of pixels where U or V jumps, from which the issue score is 1."""
_OWN_PARTS = np.array([(parts[0], parts[-1]) for parts in KEYPOINT_PARTS])
_OTHER_PARTS = PART_MIRROR[_OWN_PARTS]
_HAS_SIDE = (np.sort(_OWN_PARTS, axis=1) != np.sort(_OTHER_PARTS, axis=1)).any(axis=1)
"""(17,) bool: keypoints whose parts tell left from right."""


def confidences(maps: Maps, region: np.ndarray, keypoint_confidence: np.ndarray) -> dict[str, float]:
    """The mean confidences over one person, each 0..1, by task.

    Args:
        maps: of one image.
        region: (h, w) bool, the person's pixels in the maps.
        keypoint_confidence: (17,), 0 where a keypoint is missing.

    Returns:
        ``mask`` (:func:`mask_confidence`), ``parts``, ``charts``, ``keypoints``
        (of those that were found; 0 if there is none).
    """
    return {
        "mask": mask_confidence(maps.person, region),
        "parts": float(maps.part_confidence[region].mean()),
        "charts": float(maps.chart_confidence[region].mean()),
        "keypoints": mean_confidence(keypoint_confidence),
    }


def mask_confidence(probability: np.ndarray, region: np.ndarray) -> float:
    """Twice the distance from one half, 0..1, of the probability that a pixel is the person's; the mean of a region.

    Args:
        probability: (h, w), 0..1.
        region: (h, w) bool, the person's pixels.
    """
    return float(np.abs(2 * probability[region] - 1).mean())


def mean_confidence(keypoint_confidence: np.ndarray) -> float:
    """The mean of the (17,) confidences, each 0..1, of the keypoints that were found; 0 if there is none."""
    found = keypoint_confidence[keypoint_confidence > 0]
    return float(found.mean()) if len(found) else 0.0


def find_map_issues(maps: Maps, region: np.ndarray) -> dict[str, float]:
    """The issues that the network's maps show.

    Args:
        maps: of one image.
        region: (h, w) bool, the person's pixels in the maps.

    Returns:
        ``mask_border``: :func:`border_issue`. ``chart_against_part``: share of the pixels where the charts and the parts of the
        maps disagree, which the labels do not show: their parts are those of the charts. Each 0..1.
    """
    against = CHART_TO_PART[maps.charts[region]] != maps.parts[region]
    return {
        "mask_border": border_issue(maps.person, region),
        "chart_against_part": float(against.mean()) if region.any() else 0.0,
    }


def border_issue(probability: np.ndarray, region: np.ndarray) -> float:
    """The mean uncertainty, 1 for a probability of one half, 0 for 0 and 1, of the pixels within :data:`BORDER_WIDTH` of an outline.

    Args:
        probability, region: as of :func:`mask_confidence`.
    """
    inside = region.astype(np.uint8)
    kernel = np.ones((2 * BORDER_WIDTH + 1, 2 * BORDER_WIDTH + 1), np.uint8)
    band = cv2.dilate(inside, kernel) > cv2.erode(inside, kernel)
    return float((1 - np.abs(2 * probability[band] - 1)).mean()) if band.any() else 0.0


def find_issues(person: Person) -> dict[str, float]:
    """The issues that a person's labels show: what does not fit the other labels.

    Returns:
        The issues of :data:`ISSUES` for which there are labels, each 0 (none) .. 1; never ``mask_border``, which
        only probabilities show (:func:`border_issue`).
    """
    found = {}
    step = _step(person)
    parts, charts = (None if a is None else a[::step, ::step] for a in (person.parts, person.charts))
    if person.mask is not None:
        found["two_people"] = _two_people(person.mask[::step, ::step], parts)
    found |= _keypoint_issues(person, step)
    if parts is not None and parts.any() and charts is not None and charts.any():
        both = (parts > 0) & (charts > 0)
        wrong = (CHART_TO_PART[charts] != parts)[both]
        found["chart_against_part"] = float(wrong.mean()) if both.any() else 0.0
    if charts is not None and charts.any():
        found["surface_jump"] = _jumps(charts, person.u[::step, ::step], person.v[::step, ::step])
    return found


def _keypoint_issues(person: Person, step: int) -> dict[str, float]:
    """``keypoint_outside`` and ``sides_swapped``, which keypoints and parts show together; none where either is missing."""
    parts = None if person.parts is None else person.parts[::step, ::step]
    if parts is None or not parts.any() or person.keypoints is None or person.visibility is None:
        return {}
    # The centre of a pixel that is kept stays its centre.
    at = (person.keypoints[:, :2] - person.box[:2] - 0.5) / step + 0.5
    outside, swapped = _keypoints(parts, at, person.visibility)
    return {"keypoint_outside": outside, "sides_swapped": swapped}


def _step(person: Person) -> int:
    """Every how many pixels are compared, see :data:`COMPARED_SIDE`."""
    return max(1, math.ceil(max(person.box[2:]) / COMPARED_SIDE))


def combined_score(scores: Iterable[float]) -> float:
    """The issue score, 0..1, of a person's issues together, or of an image's people together.

    It is the probability that at least one issue is real, if each score is that of one issue and they are independent.
    """
    return 1.0 - math.prod(1.0 - min(max(score, 0.0), 1.0) for score in scores)


def _two_people(mask: np.ndarray, parts: np.ndarray | None) -> float:
    """1 for a second head as large as the first; separate pieces of mask are only a hint."""
    issue_score = 0.0
    if parts is not None:
        areas = _areas(parts == PARTS.index("head"))
        if len(areas) > 1:
            issue_score = min(max((areas[1] / areas[0] - MIN_SECOND_HEAD) / (1 - MIN_SECOND_HEAD), 0.0), 1.0)
    pieces = _areas(mask)
    second_piece = pieces[1] / pieces[0] if len(pieces) > 1 else 0.0
    return max(issue_score, SEPARATE_PIECES * second_piece)


def _areas(mask: np.ndarray) -> np.ndarray:
    """The areas of the connected pieces in pixels, largest first."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask, np.uint8))
    return np.sort(stats[1:count, cv2.CC_STAT_AREA])[::-1]


def _keypoints(parts: np.ndarray, at: np.ndarray, visibility: np.ndarray) -> tuple[float, float]:
    """The issues ``keypoint_outside`` and ``sides_swapped``; ``at`` is (17, 2) in the pixels of ``parts``."""
    reach = KEYPOINT_TOLERANCE * max(parts.shape)
    gaps = _gaps(parts, at)
    keypoints = np.arange(len(gaps))[:, None]
    gap = gaps[keypoints, _OWN_PARTS].min(axis=1)
    across = np.where(_HAS_SIDE, gaps[keypoints, _OTHER_PARTS].min(axis=1), np.inf)
    labelled, is_near, is_across = visibility > 0, gap <= reach, across <= reach
    right = np.count_nonzero(labelled & is_near & _HAS_SIDE & ~is_across)
    swapped = np.count_nonzero(labelled & ~is_near & is_across)
    outside = np.count_nonzero((visibility == 2) & ~is_near & ~is_across & np.isfinite(gap))
    # One keypoint may stray; each further one is harder to explain. One that is swapped alone gives 0.5.
    return 1 - STRAY_KEYPOINT**outside, swapped / (swapped + right + 1)


def _gaps(parts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 15) distances from (n, 2) points to the centre of the nearest pixel of each part; inf for a part without pixels."""
    # The nearest pixel is on the border of its part, unless the point is inside.
    padded = np.pad(parts, 1)
    inside = (padded[:-2, 1:-1] == parts) & (padded[2:, 1:-1] == parts)
    inside &= (padded[1:-1, :-2] == parts) & (padded[1:-1, 2:] == parts)
    rows, columns = np.nonzero((parts > 0) & ~inside)
    labels = parts[rows, columns]
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=len(PARTS))
    present = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[present]
    x, y = (columns[order] + 0.5).astype(np.float32), (rows[order] + 0.5).astype(np.float32)
    squares = (x - points[:, :1]) ** 2 + (y - points[:, 1:]) ** 2
    gaps = np.full((len(points), len(PARTS)), np.inf)
    gaps[:, present] = np.sqrt(np.minimum.reduceat(squares, starts, axis=1))
    column, row = np.floor(points).astype(int).T
    at = np.flatnonzero((row >= 0) & (column >= 0) & (row < parts.shape[0]) & (column < parts.shape[1]))
    own = parts[row[at], column[at]]
    at, own = at[own > 0], own[own > 0]
    gaps[at, own] = np.minimum(gaps[at, own], np.linalg.norm(points[at] - np.floor(points[at]) - 0.5, axis=1))
    return gaps


def _jumps(charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """The share of a person's pixels where U or V jumps inside a chart, relative to :data:`MAX_JUMPS`, at most 1."""
    jumps = np.zeros(charts.shape, bool)
    # OpenCV converts from float16 ten times as fast as numpy, from integers of the same bits.
    u, v = (cv2.convertFp16(np.ascontiguousarray(values).view(np.int16)) for values in (u, v))
    for axis in (0, 1):
        first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        same = (charts[first] == charts[second]) & (charts[first] > 0)
        if not same.size:  # a person one pixel wide, of which OpenCV makes nothing
            continue
        gap = cv2.max(*(cv2.absdiff(c[first], c[second]) for c in (u, v)))
        jumps[first] |= same & (gap > MIN_JUMP)
    return float(min(jumps.sum() / max(np.count_nonzero(charts), 1) / MAX_JUMPS, 1.0))
