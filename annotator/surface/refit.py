"""Corrections of surface labels: refitted through given points, or swapped left for right or front for back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from annotator.geometry.boxes import bounding_box, crop
from annotator.geometry.regions import nearest_known
from annotator.labels.label_space import (
    CHART_MIRROR,
    CHART_TO_PART,
    CHARTS,
    KEYPOINT_MIRROR,
    KEYPOINT_PARTS,
    PART_MIRROR,
    PARTS,
    mirror_uv,
    with_mirrored,
)
from annotator.labels.people import Person
from annotator.surface.body import Body

NODES = 8192
"""Approximate number of pixels of a region that are located on the body; the rest is interpolated."""
SMOOTH = 0.05
"""Largest difference in U or V of neighbouring nodes between which is interpolated."""
STILL = 1e-4
"""In metres: pixels that move less keep their chart, U and V bit for bit."""

Labels = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Charts, U and V of the same shape."""


def refit(person: Person, points: np.ndarray, body: Body) -> Person:
    """A person whose surface labels pass through given surface points.

    Each point changes the connected piece of one part that it lies on; outlines stay. The piece's pixels are taken to
    the body in rest pose, displaced so that its points land where they should (smoothly in between), and projected
    back onto the nearest surface point of the part. A point of another part than the piece's gives the piece that
    part; if its points name several, every pixel follows the nearest point. Pixels without a chart start from the
    nearest pixel of their piece that has one. In a piece without any, one point labels all pixels alike, and two or
    more span a surface between them.

    Args:
        person: with a mask. Without charts it gets them on the pieces that have points.
        points: (n, 5) x, y in image pixels, chart 1..24, U, V; of several in one pixel the last one is used.

    Raises:
        ValueError: a point that is not on the mask.
    """
    rows, columns = _pixels(person, points)
    _, last = np.unique(np.stack([rows, columns])[:, ::-1], axis=1, return_index=True)
    kept = len(points) - 1 - last
    rows, columns, given = rows[kept], columns[kept], points[kept, 2:]
    shape = person.box[3], person.box[2]
    charts = np.zeros(shape, np.uint8) if person.charts is None else person.charts.copy()
    u, v = (np.zeros(shape, np.float16) if a is None else a.copy() for a in (person.u, person.v))
    before = CHART_TO_PART[charts] if person.parts is None else person.parts
    parts = before.copy()
    for part in np.unique(before[rows, columns]):
        _, pieces, boxes, _ = cv2.connectedComponentsWithStats(
            ((before == part) & person.mask).astype(np.uint8)
        )
        numbers = pieces[rows, columns]
        for number in np.unique(numbers[numbers > 0]):
            box, mine = boxes[number, :4], numbers == number
            at = np.stack([rows[mine] - box[1], columns[mine] - box[0]], axis=1)
            views = tuple(crop(values, box) for values in (parts, charts, u, v))
            _fit(views, crop(pieces, box) == number, at, given[mine], body)
    charts[rows, columns], u[rows, columns], v[rows, columns] = given.T
    return replace(person, parts=None if person.parts is None else parts, charts=charts, u=u, v=v)


def swap_sides(person: Person, parts: tuple[int, ...] | None = None) -> Person:
    """A person with left and right swapped: parts, charts, U and V, surface points and keypoints.

    A keypoint belongs to the part that ends at it, seen from the torso: elbows to the upper arms, wrists to the lower
    arms, knees and ankles to the upper and lower legs, shoulders and hips to the torso, the face to the head. Hands
    and feet have none.

    Args:
        parts: 1..14, each taken with its mirror image; None for the whole person.
    """
    chosen = with_mirrored(range(1, len(PARTS)) if parts is None else parts)
    changes = {}
    labels = person.parts
    if labels is None and person.charts is not None:
        labels = CHART_TO_PART[person.charts]
    if labels is not None:
        here = np.isin(labels, list(chosen))
        if person.parts is not None:
            changes["parts"] = np.where(here, PART_MIRROR[person.parts], person.parts)
        if person.charts is not None:
            here = here & (person.charts > 0)
            u, v = mirror_uv(person.charts, person.u, person.v)
            changes["charts"] = np.where(here, CHART_MIRROR[person.charts], person.charts)
            changes["u"] = np.where(here, u, person.u)
            changes["v"] = np.where(here, v, person.v)
    if person.points is not None:
        points = person.points.copy()
        charts = points[:, 2].astype(int)
        here = np.isin(CHART_TO_PART[charts], list(chosen))
        u, v = mirror_uv(charts, points[:, 3], points[:, 4])
        points[here, 2:] = np.column_stack([CHART_MIRROR[charts], u, v])[here]
        changes["points"] = points
    # The first part of each keypoint is the one nearer to the torso.
    moved = [i for i, (part, *_) in enumerate(KEYPOINT_PARTS) if part in chosen]
    order = np.arange(len(KEYPOINT_PARTS))
    order[moved] = KEYPOINT_MIRROR[moved]
    for name in ("keypoints", "visibility"):
        if getattr(person, name) is not None:
            changes[name] = getattr(person, name)[order]
    changes["removed_keypoints"] = tuple(sorted(order[list(person.removed_keypoints)].tolist()))
    return replace(person, **changes)


def swap_depth(person: Person, body: Body, parts: tuple[int, ...] | None = None) -> Person:
    """A person with front and back swapped: every pixel gets the surface point on the other side of its part.

    That is the point of the part nearest to the pixel's position mirrored in depth; on the torso, the nearest on the
    other of its two charts. Toes become heels; points at the side of a part hardly move.

    Args:
        person: with charts.
        parts: 1..14, swap only these; None for the whole person.

    Raises:
        ValueError: a person without charts.
    """
    if person.charts is None:
        raise ValueError("the person has no charts to turn")
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    for chart in range(1, len(CHARTS)):
        part = CHART_TO_PART[chart]
        if parts is not None and part not in parts:
            continue
        box = bounding_box(person.charts == chart)
        if box is None:
            continue
        old = crop(person.charts, box), *(crop(a, box).astype(np.float32) for a in (person.u, person.v))
        region = old[0] == chart
        own = _charts_of(part)
        allowed = tuple(c for c in own if c != chart) if PARTS[part] == "torso" else own

        def turned(*pixels: np.ndarray, old=old, own=own, allowed=allowed) -> Labels:
            return body.locate(body.mirror_in_depth(body.positions(*(a[pixels] for a in old)), own), allowed)

        for values, new in zip((charts, u, v), _everywhere(old, region, turned), strict=True):
            crop(values, box)[region] = new
    return replace(person, charts=charts, u=u, v=v)


def _pixels(person: Person, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) rows and columns, in the person's box, of the pixels that points lie in."""
    columns, rows = np.floor(points[:, :2] - person.box[:2]).astype(int).T
    w, h = person.box[2:]
    there = (rows >= 0) & (columns >= 0) & (rows < h) & (columns < w)
    if person.mask is None:
        there[:] = False
    else:
        there[there] = person.mask[rows[there], columns[there]]
    if not there.all():
        raise ValueError(f"the point {points[np.argmin(there), :2].tolist()} is not on the person")
    return rows, columns


def _fit(views: tuple[np.ndarray, ...], region: np.ndarray, at: np.ndarray, given: np.ndarray, body: Body):
    """Change a window of parts, charts, U and V where ``region`` is set, so that it agrees with its points.

    Args:
        views: four (h, w) arrays, changed in place.
        at: (n, 2) row and column of the points, all different.
        given: (n, 3) their charts, U and V.
    """
    parts, charts, u, v = views
    old = charts.copy(), u.astype(np.float32), v.astype(np.float32)
    targets = given[:, 0].astype(np.uint8), given[:, 1], given[:, 2]
    wanted = CHART_TO_PART[targets[0]]
    blank, known = region & (charts == 0), region & (charts > 0)
    if known.any():
        nearest = tuple(index[blank] for index in nearest_known(known))
        for values in old:
            values[blank] = values[nearest]
    else:
        for values, first in zip(old, targets, strict=True):
            values[blank] = first[0]
    zones = _zones(at, region.shape)
    missing = body.positions(*targets) - body.positions(*(values[tuple(at.T)] for values in old))
    for part in np.unique(wanted):
        ours = wanted == part
        here, allowed = region & ours[zones], _charts_of(part)
        offsets = _between(at[ours], missing[ours])

        def moved(*pixels: np.ndarray, offsets=offsets, allowed=allowed) -> Labels:
            return _displaced(tuple(a[pixels] for a in old), offsets(np.stack(pixels, axis=1)), allowed, body)

        charts[here], u[here], v[here] = _everywhere(old, here, moved)
        parts[here] = part


def _displaced(old: Labels, offsets: np.ndarray, allowed: tuple[int, ...], body: Body) -> Labels:
    """(n,) labels of the points that are nearest to the old ones displaced by (n, 3) metres."""
    places = body.positions(*old)
    charts, *new = body.locate(places + offsets, allowed)
    stays = np.flatnonzero(charts == old[0])
    was_charts, *was = body.locate(places[stays], allowed)
    # The change between two look-ups: what the body's grid cannot represent is the same in both.
    same = was_charts == old[0][stays]
    still = np.isin(old[0], allowed) & (np.linalg.norm(offsets, axis=1) < STILL)
    for values, before, looked_up in zip(new, old[1:], was, strict=True):
        values[stays[same]] += before[stays[same]] - looked_up[same]
        np.clip(values, 0, 1, out=values)
        values[still] = before[still]
    return np.where(still, old[0], charts), *new


def _between(at: np.ndarray, offsets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function of pixels (m, 2) that gives (m, 3) offsets, through those at ``at``."""
    from scipy.interpolate import RBFInterpolator

    if len(at) == 1:
        return lambda pixels: np.repeat(offsets, len(pixels), axis=0)
    # Degree 0 keeps what is far from all points from running away.
    return RBFInterpolator(at, offsets, kernel="linear", degree=0)


def _everywhere(old: Labels, region: np.ndarray, change: Callable[..., Labels]) -> Labels:
    """New labels of the pixels of a region, row by row, without asking for every one of them.

    Pixels are asked for on a grid, the nodes; in its cells whose corners agree, the change is interpolated
    and added to the pixels' own U and V. The others (at seams of the body) are asked for one by one.

    Args:
        old: (h, w) labels.
        region: (h, w) bool.
        change: gives the labels of pixels, from their rows and columns.
    """
    (h, w), step = region.shape, int(np.sqrt(region.sum() / NODES))
    if step < 2:
        return change(*np.nonzero(region))
    rows, columns = np.mgrid[0 : h + step : step, 0 : w + step : step]
    there = (rows < h) & (columns < w)
    there[there] = region[rows[there], columns[there]]
    if not there.any():
        return change(*np.nonzero(region))
    at = rows[there], columns[there]
    before, (after, *new) = tuple(values[at] for values in old), change(*at)
    steps = [b - np.where(after == before[0], a, 0) for a, b in zip(before[1:], new, strict=True)]
    # Nodes beside the region are as the nearest one on it.
    nearest = nearest_known(there)

    def grid(values: np.ndarray) -> np.ndarray:
        whole = np.zeros(there.shape, values.dtype)
        whole[there] = values
        return whole[nearest]

    def pixels(cells: np.ndarray) -> np.ndarray:
        return cells.repeat(step, axis=0).repeat(step, axis=1)[:h, :w]

    was, charts = grid(before[0]), grid(after)
    planes = [grid(values) for values in steps]
    even = _corners(there).any(axis=0)
    for nodes, tolerance in ((was, 0), (charts, 0), *((plane, SMOOTH) for plane in planes)):
        even &= np.ptp(_corners(nodes), axis=0) <= tolerance
    even = pixels(even) & (old[0] == pixels(was[:-1, :-1]))
    charts = pixels(charts[:-1, :-1]).copy()
    down, across = _ramps(h, step), _ramps(w, step)
    u, v = (
        np.clip(down @ plane @ across.T + np.where(charts == old[0], own, 0), 0, 1)
        for plane, own in zip(planes, old[1:], strict=True)
    )
    rest = np.nonzero(region & ~even)
    for values, looked_up in zip((charts, u, v), change(*rest), strict=True):
        values[rest] = looked_up
    return charts[region], u[region], v[region]


def _corners(nodes: np.ndarray) -> np.ndarray:
    """(4, rows − 1, columns − 1): the corners of each cell of a grid."""
    return np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, :-1], nodes[1:, 1:]])


def _ramps(count: int, step: int) -> np.ndarray:
    """(count, nodes) weights of the nodes at every ``step``, for linear interpolation at 0..count − 1."""
    nodes = np.arange((count - 1) // step + 2)
    return np.maximum(0, 1 - np.abs(np.arange(count)[:, None] / step - nodes)).astype(np.float32)


def _zones(at: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) index of the nearest of the pixels ``at`` (n, 2: row, column), which all differ."""
    away = np.ones(shape, np.uint8)
    away[tuple(at.T)] = 0
    _, zones = cv2.distanceTransformWithLabels(
        away, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    number = np.zeros(zones.max() + 1, int)
    number[zones[tuple(at.T)]] = np.arange(len(at))
    return number[zones]


def _charts_of(part: int) -> tuple[int, ...]:
    return tuple(np.flatnonzero(part == CHART_TO_PART).tolist())
