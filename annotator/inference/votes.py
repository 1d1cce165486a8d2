"""Grouping by votes: each pile of head votes is a person.

Every pixel of a person votes for its person's head point (thesis). The votes of one person pile up, those of
different people at different places: each peak of the pile is the head of a person, and pixels go to the nearest. Votes for
other points, pelvises, then divide people who share a head.
DBSCAN (:mod:`annotator.inference.dbscan`), the thesis's way, counts a vote from a toe as much as one from a cheek; here
votes count the less the farther they reach, and scatter is smoothed. Where votes are unsure that finds more
of the people and breaks fewer into pieces.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from annotator.geometry.boxes import bounding_box
from annotator.inference.settings import VoteSettings

GRID = 128
"""Cells in which votes are counted, along a side of the square that the network sees."""
BEYOND = 0.25
"""How far outside that square a head is still looked for, in units of its side."""


def group_by_votes(
    mask: np.ndarray, head_vectors: np.ndarray, settings: VoteSettings, stride: int
) -> np.ndarray:
    """Label the pixels of each person.

    Args:
        mask: (h, w) bool, pixels of people.
        head_vectors: (h, w, 2·points) float: x, y of the head that each pixel votes for, from the square's centre in
            units of its side, then the same for other points.
        settings: thresholds of the vote.
        stride: input pixels per map pixel and axis.

    Returns:
        (h, w) int32: 0 outside ``mask``, 1..n per person, some of whom may have no pixel.

    Each pile of head votes is a person; where the pixels of one head have several pelvises, they are several people,
    cheek to cheek, say. Which of them a pixel belongs to, all of its votes decide.
    """
    labels = np.zeros(mask.shape, np.int32)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return labels
    pixel = stride**2
    votes = head_vectors[rows, columns].astype(np.float32)
    side = max(mask.shape)
    places = (np.column_stack([columns, rows]) + 0.5 - np.array(mask.shape[::-1]) / 2) / side
    points = np.split(votes, votes.shape[1] // 2, axis=1)
    weights = [np.exp(-_distances(point.T, places.T) / settings.reach) for point in points]
    found = peaks(points[0], weights[0], settings, settings.vote_threshold / pixel)
    stray = np.ones(len(votes), bool)
    if len(found):
        gaps = _distances(votes.T[:2, None], found.T[..., None])
        stray = gaps.min(axis=0) > settings.stray
        person = gaps.argmin(axis=0)
        for point, weight in zip(points[1:], weights[1:], strict=True):
            _divide(person, point, weight, settings, settings.vote_threshold / pixel)
        labels[rows, columns] = 1 + _nearest_person(votes, weights[0], person)
    _number_strays(labels, mask, (rows[stray], columns[stray]), settings.vote_threshold / pixel)
    return labels


def peaks(points: np.ndarray, weights: np.ndarray, settings: VoteSettings, least: float) -> np.ndarray:
    """Where weighted points pile up.

    Args:
        points: (n, 2) x, y from the square's centre, in units of its side.
        weights: (n,) of the points.
        settings: :attr:`VoteSettings.blur` and :attr:`VoteSettings.min_distance`.
        least: weight that a peak needs, as if all of it were within a standard deviation of the blur.

    Returns:
        (m, 2): cell centres, in no order.
    """
    cells = round(GRID * (1 + 2 * BEYOND))
    at = np.clip(((points + 0.5 + BEYOND) * GRID).astype(int), 0, cells - 1)
    pile = np.bincount(at[:, 1] * cells + at[:, 0], weights, cells**2).reshape(cells, cells)
    deviation = settings.blur * GRID
    # Only where the Gaussian carries anything: piles are small.
    box = bounding_box(pile > 0)
    if box is None:
        return np.empty((0, 2))
    left, top, width, height = box
    margin = math.ceil(4 * deviation) + 2
    right, bottom = left + width + margin, top + height + margin
    left, top = max(left - margin, 0), max(top - margin, 0)
    pile = pile[top:bottom, left:right]
    # The Gaussian's peak is 1: a pile within its width keeps its weight.
    pile = cv2.GaussianBlur(pile, (0, 0), deviation) * (2 * np.pi * deviation**2)
    x, y = _summits(pile, least, round(settings.min_distance * GRID))
    return (np.column_stack([x + left, y + top]) + 0.5) / GRID - 0.5 - BEYOND


def _summits(pile: np.ndarray, least: float, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of cells of ``least`` or more than which none is higher within ``reach``."""
    # Few are higher than the cells beside them: only those are compared with all others.
    beside = cv2.dilate(pile, _disc(min(reach, 1)))
    y, x = np.nonzero((pile == beside) & (pile >= least))
    disc = _disc(reach).view(bool)
    padded = cv2.copyMakeBorder(pile, *(reach,) * 4, cv2.BORDER_CONSTANT, value=-np.inf)
    side = len(disc)
    around = [padded[i : i + side, j : j + side][disc].max() for i, j in zip(y, x, strict=True)]
    highest = pile[y, x] == around
    return x[highest], y[highest]


@lru_cache
def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _divide(
    person: np.ndarray, points: np.ndarray, weights: np.ndarray, settings: VoteSettings, least: float
) -> None:
    """Make several people, in place, of those whose votes for another point than the head pile up at several places.

    A pile becomes a new person only if no person has it yet: two heads and two pelvises are two people, not four.

    Args:
        person: (n,) indices from 0.
        points, weights, least: as of :func:`peaks`.
    """
    found = peaks(points, weights, settings, least)
    if len(found) < 2:
        return
    pile = _distances(points.T[:, None], found.T[..., None]).argmin(axis=0)
    shared = np.zeros((person.max() + 1, len(found)))
    np.add.at(shared, (person, pile), weights)
    before = person.copy()
    placed, owned = set(), set()
    for index, at in zip(*np.unravel_index(np.argsort(-shared, axis=None), shared.shape), strict=True):
        if index in placed and at not in owned and shared[index, at] >= least:
            person[(before == index) & (pile == at)] = person.max() + 1
        placed.add(index)
        owned.add(at)


def _nearest_person(votes: np.ndarray, weights: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """(n,) indices from 0: each pixel's person by all votes (n, 2·points), after ``nearest`` by one point after the other."""
    total = np.bincount(nearest, weights)
    sums = np.stack([np.bincount(nearest, weights * vote) for vote in votes.T], axis=1)
    # A head that is nobody's nearest has no centre, and gets no pixel.
    centres = np.divide(sums, total[:, None], out=np.full_like(sums, np.inf), where=total[:, None] > 0)
    return _distances(votes.T[:, None], centres.T[..., None]).argmin(axis=0)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of points whose coordinates are along the first axis: ``np.linalg.norm`` along a short last one takes several times as
    long."""
    return np.sqrt(sum((one - other) ** 2 for one, other in zip(a, b, strict=True)))


def _number_strays(
    labels: np.ndarray, mask: np.ndarray, stray: tuple[np.ndarray, np.ndarray], least: float
) -> None:
    """Make a person of each connected region that is mostly stray pixels (rows, columns), in place.

    Smaller ones than ``least`` stay whose they are.
    """
    regions = cv2.connectedComponents(mask.astype(np.uint8))[1]
    sizes, strays = np.bincount(regions.ravel()), np.bincount(regions[stray], minlength=regions.max() + 1)
    for region in np.flatnonzero((strays > sizes / 2) & (sizes >= least)):
        labels[regions == region] = labels.max() + 1
