"""Geodesic distances on the mesh that charts, U and V refer to."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from annotator.labels.label_space import CHARTS

DISTANCE_ROWS = 256
"""Vertices whose distances to all others are computed in one call."""


class SurfaceError(ValueError):
    """A surface file that cannot be used; the message names file and array."""


class Surface:
    """The charts' mesh: nearest vertices of points on charts, and geodesic distances between vertices.

    The file is an ``.npz`` with the chart vertices, cut open along the seams, and their faces: ``faces``
    (f, 3), ``chart`` (f,) 1..24, ``u`` and ``v`` (n,) 0..1, ``smpl_vertex`` (n,), which vertices are one on
    the body, and ``position`` (n, 3) in metres in the rest pose.

    Distances are shortest paths along edges, a few percent longer than the geodesics. They are computed on demand and
    cached, at most 190 MB for the 6890 vertices of a body.

    Raises:
        SurfaceError: no such file, or an array that is missing or does not fit the others.
    """

    def __init__(self, path: str | Path):
        from scipy.spatial import cKDTree

        self.path = Path(path)
        arrays = read_surface(self.path)
        self._body = arrays["smpl_vertex"]
        count = int(self._body.max()) + 1
        chart = np.zeros(len(self._body), np.int64)
        chart[arrays["faces"]] = arrays["chart"][:, None]
        uv = np.stack([arrays["u"], arrays["v"]], axis=1).astype(np.float64)
        self._vertices = [np.flatnonzero(chart == c) for c in range(len(CHARTS))]
        self._trees = [cKDTree(uv[v]) if c and len(v) else None for c, v in enumerate(self._vertices)]
        missing = [c for c in range(1, len(CHARTS)) if self._trees[c] is None]
        if missing:
            raise SurfaceError(f"{self.path}: chart: no face of chart {missing[0]}")
        self._graph = _edges(arrays, count)
        self._distances = np.empty((count, count), np.float32)
        self._known = np.zeros(count, bool)

    def nearest(self, charts: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """(n,) body vertex nearest, in U and V, to each point; −1 where ``charts`` is 0.

        Args:
            charts: (n,) 0..24.
            u, v: (n,) 0..1.
        """
        points = np.stack([u, v], axis=1).astype(np.float64)
        found = np.full(len(points), -1, np.int64)
        for chart in np.unique(charts[charts > 0]):
            here = charts == chart
            _, index = self._trees[chart].query(points[here])
            found[here] = self._body[self._vertices[chart][index]]
        return found

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n,) float32 metres along the body between vertices a and b; inf where either is −1.

        Pass the vertices that repeat as ``a``: each new one costs a few milliseconds.
        """
        there = (a >= 0) & (b >= 0)
        self._compute(np.unique(a[there]))
        result = np.full(len(a), np.inf, np.float32)
        result[there] = self._distances[a[there], b[there]]
        return result

    def _compute(self, vertices: np.ndarray) -> None:
        from scipy.sparse.csgraph import dijkstra

        vertices = vertices[~self._known[vertices]]
        for start in range(0, len(vertices), DISTANCE_ROWS):
            rows = vertices[start : start + DISTANCE_ROWS]
            self._distances[rows] = dijkstra(self._graph, directed=False, indices=rows)
        self._known[vertices] = True


def read_surface(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a surface file, checked.

    Raises:
        SurfaceError: see :class:`Surface`.
    """
    names = ("faces", "chart", "u", "v", "smpl_vertex", "position")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise SurfaceError(f"{path}: {missing[0]}: missing")
            arrays = {name: file[name] for name in names}
    except FileNotFoundError:
        raise SurfaceError(f"{path}: no such surface file") from None
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, SurfaceError):
            raise
        raise SurfaceError(f"{path}: not an .npz file of arrays") from None
    faces, vertices = arrays["faces"], arrays["smpl_vertex"]
    shapes = {
        "faces": (len(faces), 3),
        "chart": (len(faces),),
        "smpl_vertex": (vertices.size,),
        "u": (vertices.size,),
        "v": (vertices.size,),
        "position": (vertices.size, 3),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not arrays[name].size:
            raise SurfaceError(f"{path}: {name}: has shape {arrays[name].shape}, not {shape}")
    ranges = {
        "faces": (0, vertices.size - 1),
        "chart": (1, len(CHARTS) - 1),
        "smpl_vertex": (0, vertices.size - 1),
        "u": (0, 1),
        "v": (0, 1),
        "position": (-100, 100),
    }
    for name, (low, high) in ranges.items():
        array = arrays[name]
        if name in ("faces", "chart", "smpl_vertex") and array.dtype.kind not in "iu":
            raise SurfaceError(f"{path}: {name}: must be whole numbers, not {array.dtype}")
        if array.dtype.kind not in "iuf" or not ((array >= low) & (array <= high)).all():
            raise SurfaceError(f"{path}: {name}: must be numbers in {low}..{high}")
    return arrays


def _edges(arrays: dict[str, np.ndarray], count: int):
    """Sparse (count, count) lengths of the edges between body vertices, in metres."""
    from scipy.sparse import coo_array

    body = arrays["smpl_vertex"].astype(np.int64)
    position = np.zeros((count, 3))
    position[body] = arrays["position"]
    faces = body[arrays["faces"]]
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    a, b = np.unique(np.sort(pairs, axis=1), axis=0).T
    lengths = np.linalg.norm(position[a] - position[b], axis=1)
    return coo_array((lengths, (a, b)), (count, count)).tocsr()
