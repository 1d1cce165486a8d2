"""Where on the body pixels lie, corrected: through points that a human gave, or turned over as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotator.body import Body
from annotator.densepose import (
    CHART_MIRROR,
    CHART_TO_PART,
    CHARTS,
    KEYPOINT_MIRROR,
    KEYPOINT_PARTS,
    PART_MIRROR,
    mirror_uv,
)
from annotator.people import Person

FIT_SIDE = 64
"""Nodes along the longer side of a region at which its displacement is computed; between them it is smooth."""
STILL = 1e-4
"""Metres: pixels that move less keep their chart, U and V to the last bit."""
ALL_CHARTS = tuple(range(1, len(CHARTS)))


def refit(person: Person, points: np.ndarray, body: Body) -> Person:
    """Move the surface labels of a person so that they agree with what a human said of single pixels.

    Every point moves the connected piece of one part that it lies on, and nothing else: outlines stay. Seen
    as places on the body in rest pose, the piece is displaced by a thin-plate spline through the points on
    it, and every pixel gets the surface point that is then the nearest. A point on another part than the
    piece's makes the piece that part.

    Args:
        person: with a mask.
        points: (n, 5) x, y in image pixels, chart 1..24, U, V.

    Raises:
        ValueError: a point that is not on the mask.
    """
    columns, rows = np.floor(points[:, :2] - person.box[:2]).astype(int).T
    w, h = person.box[2:]
    inside = (rows >= 0) & (columns >= 0) & (rows < h) & (columns < w)
    for i in range(len(points)):
        if not inside[i] or not person.mask[rows[i], columns[i]]:
            raise ValueError(f"the point {points[i, :2].tolist()} is not on the person")
    blank = np.zeros((h, w), np.uint8)
    charts = blank if person.charts is None else person.charts
    u, v = (np.zeros((h, w), np.float16) if a is None else a.copy() for a in (person.u, person.v))
    parts = CHART_TO_PART[charts] if person.parts is None else person.parts
    pieces = _pieces(parts, person.mask)
    old_parts, old_charts = parts, charts
    parts, charts = parts.copy(), charts.copy()
    targets = points[:, 2].astype(np.uint8), points[:, 3], points[:, 4]
    for number in np.unique(pieces[rows, columns]):
        mine = pieces[rows, columns] == number
        where = np.nonzero(pieces == number)
        given = tuple(values[mine] for values in targets)
        at = np.stack([rows[mine], columns[mine]], axis=1)
        part = CHART_TO_PART[given[0][-1]]
        if old_parts[where][0] != part:
            parts[where] = part
        start = old_charts[where], u[where].astype(np.float32), v[where].astype(np.float32)
        charts[where], u[where], v[where] = _moved(start, np.stack(where, axis=1), at, given, body)
    parts[rows, columns] = CHART_TO_PART[targets[0]]
    charts[rows, columns], u[rows, columns], v[rows, columns] = targets
    return replace(person, parts=None if person.parts is None else parts, charts=charts, u=u, v=v)


def _pieces(parts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(h, w) number of the connected piece of one part that each pixel of the mask is in."""
    import cv2

    pieces, count = np.zeros(parts.shape, np.int32), 0
    for part in np.unique(parts[mask]):
        more, labels = cv2.connectedComponents(((parts == part) & mask).astype(np.uint8))
        pieces[labels > 0] = labels[labels > 0] + count
        count += more - 1
    return pieces


def _moved(start, pixels: np.ndarray, at: np.ndarray, given, body: Body):
    """Charts, U, V of pixels (n, 2: row, column) after moving those at ``at`` onto the given ones."""
    charts, u, v = start
    blank = charts == 0
    if blank.any():
        # Nothing is known of these: they begin where the nearest given point is.
        nearest = ((pixels[blank, None] - at[None]) ** 2).sum(-1).argmin(axis=1)
        charts, u, v = charts.copy(), u.copy(), v.copy()
        charts[blank], u[blank], v[blank] = (values[nearest] for values in given)
    here = body.positions(charts, u, v)
    # Pixels come row by row, so that their numbers are sorted.
    width = pixels[:, 1].max() + 1
    own = np.searchsorted(pixels @ (width, 1), at @ (width, 1))
    offsets = _spline(at, body.positions(*given) - here[own], pixels)
    allowed = tuple(c for c in ALL_CHARTS if CHART_TO_PART[c] in set(CHART_TO_PART[given[0]].tolist()))
    still = (np.linalg.norm(offsets, axis=1) < STILL) & np.isin(charts, allowed) & ~blank
    new = body.locate(here[~still] + offsets[~still], allowed)
    result = charts.copy(), u.copy(), v.copy()
    for values, moved in zip(result, new, strict=True):
        values[~still] = moved
    return result


def _spline(at: np.ndarray, offsets: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(n, 3) offsets at pixels, through those at ``at``; the same everywhere for a single point."""
    from scipy.interpolate import RBFInterpolator, RegularGridInterpolator

    at, first = np.unique(at, axis=0, return_index=True)
    offsets = offsets[first]
    if len(at) == 1:
        return np.repeat(offsets, len(pixels), axis=0)
    scale = float(np.ptp(pixels, axis=0).max()) or 1.0
    # Degree 0 keeps what is far from all points from running away.
    spline = RBFInterpolator(at / scale, offsets, kernel="linear", degree=0)
    if len(pixels) <= FIT_SIDE**2:
        return spline(pixels / scale)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    axes = [
        np.linspace(a, b, FIT_SIDE) if b > a else np.array([a, a + 1.0])
        for a, b in zip(low, high, strict=True)
    ]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = spline(nodes.reshape(-1, 2) / scale).reshape(*nodes.shape[:2], 3)
    return RegularGridInterpolator(axes, values)(pixels)


def swap_sides(person: Person, parts: tuple[int, ...] | None = None) -> Person:
    """Left for right: parts, charts with U and V mirrored, and keypoints.

    Args:
        parts: swap only these and their mirror images, and the keypoints all of whose parts are among them.
    """
    chosen = _with_mirrored(parts)
    labels = person.parts if person.parts is not None else (
        None if person.charts is None else CHART_TO_PART[person.charts])  # fmt: skip
    changes = {}
    if labels is not None:
        here = np.isin(labels, chosen)
        if person.parts is not None:
            changes["parts"] = np.where(here, PART_MIRROR[person.parts], person.parts)
        if person.charts is not None:
            here = here & (person.charts > 0)
            u, v = mirror_uv(person.charts, person.u.astype(np.float32), person.v.astype(np.float32))
            changes["charts"] = np.where(here, CHART_MIRROR[person.charts], person.charts)
            changes["u"] = np.where(here, u.astype(np.float16), person.u)
            changes["v"] = np.where(here, v.astype(np.float16), person.v)
    if person.keypoints is not None:
        order = np.arange(len(KEYPOINT_PARTS))
        moved = [i for i in order if set(KEYPOINT_PARTS[i]) <= set(chosen)]
        order[moved] = KEYPOINT_MIRROR[moved]
        changes["keypoints"] = person.keypoints[order]
        if person.visibility is not None:
            changes["visibility"] = person.visibility[order]
    return replace(person, **changes)


def swap_depth(person: Person, body: Body, parts: tuple[int, ...] | None = None) -> Person:
    """Front for back: every pixel gets the surface point on the other side of its part.

    That is the point of the part nearest to its place mirrored in depth. What is in the middle of a part may
    hardly move: hands hang with a side to the front.

    Args:
        person: with charts.
        parts: swap only these.
    """
    chosen = tuple(range(1, len(PART_MIRROR))) if parts is None else parts
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    for part in chosen:
        where = (person.charts > 0) & (CHART_TO_PART[person.charts] == part)
        if not where.any():
            continue
        own = tuple(c for c in ALL_CHARTS if CHART_TO_PART[c] == part)
        places = body.positions(charts[where], u[where], v[where])
        charts[where], u[where], v[where] = body.locate(body.turned(places, own), own)
    return replace(person, charts=charts, u=u, v=v)


def _with_mirrored(parts: tuple[int, ...] | None) -> tuple[int, ...]:
    if parts is None:
        return tuple(range(1, len(PART_MIRROR)))
    return tuple(sorted({*parts, *(int(PART_MIRROR[part]) for part in parts)}))
