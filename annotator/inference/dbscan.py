"""Grouping by DBSCAN: each dense cluster of head vectors is a person, as in the thesis.

Clustering the pixels one by one takes longer than the network. Their head vectors are gathered in cells much smaller than
``eps`` instead, and a cell counts as many samples as it has pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from annotator.inference.settings import DbscanSettings

CELLS_PER_EPS = 4
"""Cells along ``eps``: what DBSCAN sees of a pixel is off by less than the diagonal of one."""
INPUT_SIDE = 256
"""Of the input, in whose pixels :attr:`DbscanSettings.min_samples` counts."""
NOISE = -1
"""DBSCAN's label."""


def group_by_dbscan(mask: np.ndarray, head_vectors: np.ndarray, settings: DbscanSettings) -> np.ndarray:
    """Label the pixels of each person.

    Args:
        mask: (h, w) bool, pixels of people.
        head_vectors: (h, w, 2 or more) float: x, y of the head that each pixel points at, from the square's centre in
            units of its side; what follows does not count.
        settings: of DBSCAN.

    Returns:
        (h, w) int32: 0 outside ``mask`` and for pixels of no person, 1..n per person.

    Noise, pixels whose head vector is in no cluster, the network still takes for people: they go to the cluster that is
    nearest to their head vector, so that people have no holes. In a connected region most of which is noise, it goes to no person.
    """
    labels = np.zeros(mask.shape, np.int32)
    if not mask.any():
        return labels
    points = head_vectors[mask][:, :2]
    clusters = cluster(points, settings, weight=(INPUT_SIDE / max(mask.shape)) ** 2)
    known = clusters != NOISE
    if not known.any():
        return labels
    regions = cv2.connectedComponents(mask.astype(np.uint8))[1][mask]
    mostly_known = np.bincount(regions, known) >= np.bincount(regions) / 2
    owners = np.where(mostly_known[regions], _nearest_cluster(points, clusters), clusters)
    labels[mask] = 1 + owners
    return labels


def cluster(points: np.ndarray, settings: DbscanSettings, weight: float = 1.0) -> np.ndarray:
    """DBSCAN of points in the plane.

    Args:
        points: (n, 2), n > 0.
        settings: of DBSCAN, in the unit of the points.
        weight: samples that each point counts as.

    Returns:
        (n,) int: clusters from 0, :data:`NOISE` for points in none.
    """
    from sklearn.cluster import DBSCAN  # takes a second, which grouping by votes need not wait

    points = np.asarray(points, np.float64)
    cells = np.floor((points - points.min(axis=0)) * (CELLS_PER_EPS / settings.eps)).astype(np.int64)
    numbers = np.ravel_multi_index(cells.T, cells.max(axis=0) + 1)
    _, cell, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    means = np.column_stack([np.bincount(cell, values) for values in points.T]) / counts[:, None]
    found = DBSCAN(eps=settings.eps, min_samples=settings.min_samples)
    return found.fit(means, sample_weight=weight * counts).labels_[cell]


def _nearest_cluster(points: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(n,) the clusters, with noise given to that of the nearest point in one; there is one at least."""
    from scipy.spatial import KDTree

    known = clusters != NOISE
    clusters = clusters.copy()
    clusters[~known] = clusters[known][KDTree(points[known]).query(points[~known])[1]]
    return clusters
