"""The surface of a body in rest pose: position of a chart's U, V, and the surface point nearest to a position."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "body.npz"
"""Made by ``scripts/make-body``."""
GRID = 33
"""Nodes of each chart's grid along U and along V, at 0, 1/32, … 1."""
STEPS = 4
"""Gauss-Newton steps from the nearest node to the nearest point."""
SLICES = 12
"""Slices of a part along its longest direction; each has its own middle between front and back."""


class Body:
    """A body in rest pose. Positions are in metres: x to its left, y up, z to its front.

    Attributes:
        views: uint8 (2, h, w, 3), the body drawn from the front and from the back: chart 0..24, U and V
            times 255.
    """

    def __init__(self, path: Path = PATH):
        with np.load(path) as file:
            self._grid = file["position"].astype(np.float32)
            self._inside = np.unpackbits(file["inside"], count=self._grid[..., 0].size).astype(bool)
            self.views = file["views"]
        self._trees: dict[tuple[int, ...], tuple] = {}

    def positions(self, charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """(n, 3) float32 positions of surface points: charts 0..24, U and V in 0..1; NaN where the chart is 0."""
        places = self._at(charts, u, v)[0]
        places[np.asarray(charts) == 0] = np.nan
        return places

    def nodes(self, stride: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chart 1..24, row (V) and column (U) of every ``stride``-th node that lies on its chart, (n,) each."""
        inside = self._inside.reshape(self._grid.shape[:3])
        chart, row, column = np.nonzero(inside[:, ::stride, ::stride])
        return chart + 1, row * stride, column * stride

    def locate(
        self, positions: np.ndarray, charts: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The surface points nearest to positions.

        Args:
            positions: (n, 3) in metres, none of them NaN.
            charts: allowed charts, at least one.

        Returns:
            (n,) uint8 charts, and float32 U and V.
        """
        tree, nodes = self._tree(tuple(sorted(charts)))
        _, nearest = tree.query(positions)
        chart, row, column = nodes[:, nearest]
        found, u, v = (chart + 1).astype(np.uint8), column / (GRID - 1), row / (GRID - 1)
        for _ in range(STEPS):
            here, along_u, along_v = self._at(found, u, v)
            gap = positions - here
            uu, vv = (along_u**2).sum(1), (along_v**2).sum(1)
            uv = (along_u * along_v).sum(1)
            gu, gv = (gap * along_u).sum(1), (gap * along_v).sum(1)
            # A grid collapses at a chart's corners; a little damping keeps the steps finite.
            uu, vv = uu + 1e-6, vv + 1e-6
            scale = uu * vv - uv**2
            step_u, step_v = (vv * gu - uv * gv) / scale, (uu * gv - uv * gu) / scale
            # Never further than a cell from where the search was sure.
            u = np.clip(u + np.clip(step_u, -1 / GRID, 1 / GRID), 0, 1)
            v = np.clip(v + np.clip(step_v, -1 / GRID, 1 / GRID), 0, 1)
        return found, u.astype(np.float32), v.astype(np.float32)

    def mirror_in_depth(self, positions: np.ndarray, charts: tuple[int, ...]) -> np.ndarray:
        """Positions (n, 3) mirrored in depth about the middle of a part.

        The middle is halfway between front and back at each position along the longest direction of the part; on a
        foot, which is longest from back to front, halfway between heel and toes.

        Args:
            positions: (n, 3) in metres.
            charts: those of the part.
        """
        _, nodes = self._tree(tuple(sorted(charts)))
        around = self._grid[tuple(nodes)].astype(np.float64)
        centre = around.mean(axis=0)
        along = np.linalg.svd(around - centre, full_matrices=False)[2][0]
        if abs(along[2]) > np.sqrt(0.5):
            along = np.zeros(3)
        where, here = (around - centre) @ along, (positions - centre) @ along
        edges = np.linspace(where.min(), where.max(), SLICES + 1)
        places, middles = [], []
        for low, high in pairwise(edges):
            depths = around[(where >= low) & (where <= high), 2]
            if len(depths):
                places.append((low + high) / 2)
                middles.append((depths.min() + depths.max()) / 2)
        turned = np.array(positions, np.float64)
        turned[:, 2] = 2 * np.interp(here, places, middles) - turned[:, 2]
        return turned

    def _at(self, charts, u, v) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bilinear position and its derivatives along U and V."""
        x = np.clip(np.asarray(u, np.float64), 0, 1) * (GRID - 1)
        y = np.clip(np.asarray(v, np.float64), 0, 1) * (GRID - 1)
        column, row = np.minimum(x.astype(int), GRID - 2), np.minimum(y.astype(int), GRID - 2)
        fx, fy = (x - column)[:, None], (y - row)[:, None]
        chart = np.asarray(charts, np.int64) - 1
        a, b = self._grid[chart, row, column], self._grid[chart, row, column + 1]
        c, d = self._grid[chart, row + 1, column], self._grid[chart, row + 1, column + 1]
        top, bottom = a + (b - a) * fx, c + (d - c) * fx
        along_u = ((b - a) * (1 - fy) + (d - c) * fy) * (GRID - 1)
        return (top + (bottom - top) * fy).astype(np.float32), along_u, (bottom - top) * (GRID - 1)

    def _tree(self, charts: tuple[int, ...]):
        """A tree of the nodes of some charts, and (3, n) chart − 1, row and column of each node."""
        from scipy.spatial import cKDTree

        if charts not in self._trees:
            nodes = np.array(np.unravel_index(np.flatnonzero(self._inside), self._grid.shape[:3]))
            nodes = nodes[:, np.isin(nodes[0] + 1, charts)]
            self._trees[charts] = cKDTree(self._grid[tuple(nodes)]), nodes
        return self._trees[charts]


@cache
def load_body() -> Body:
    """The body that comes with the project."""
    return Body()
