"""Who is who: person pixels split into people by where they say their head is.

Every pixel of a person predicts its person's head point. Over one person these embeddings agree, between
people they differ, and DBSCAN finds the groups (thesis).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CELLS_PER_EPS = 8
"""Fineness of the grid on which equal embeddings are counted before clustering."""


@dataclass(frozen=True)
class Split:
    """How people are told apart. Lengths are in units of the network's input size, areas in its pixels.

    Raises:
        ValueError: a value out of range.
    """

    eps: float = 0.01
    """DBSCAN's radius (thesis)."""
    min_samples: int = 100
    """Pixels of a 256×256 input that make a cluster's core (thesis)."""
    merge: float = 0.2
    """Clusters whose centres are nearer than this are one person; 0 for none, as in the thesis. Head points
    of one person scatter by more than eps where the network is unsure, above all at hands and feet."""
    least_area: int = 64
    """People of fewer input pixels than this are dropped as noise."""

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise ValueError(f"eps must be above 0, not {self.eps}")
        if self.min_samples < 1:
            raise ValueError(f"min_samples must be 1 or more pixels, not {self.min_samples}")
        if not self.merge >= 0:
            raise ValueError(f"merge must be 0 or more, not {self.merge}")


def split_people(mask: np.ndarray, heads: np.ndarray, split: Split, stride: int) -> np.ndarray:
    """Label the pixels of each person.

    Args:
        mask: (h, w) bool, pixels of people.
        heads: (h, w, 2·votes) float, head embeddings, then those of other points.
        split: parameters.
        stride: input pixels per map pixel and axis.

    Returns:
        (h, w) int32: 0 outside ``mask`` and on dropped pixels, 1..n per person.

    A cluster of heads is split further where its pixels point at different places with their other votes: two
    people cheek to cheek have two pelvises.

    Pixels that DBSCAN calls noise join the person with the nearest embedding among those they are connected
    to; a connected region of nothing but noise becomes a person if it is as large as a cluster must be.
    """
    labels = np.zeros(mask.shape, np.int32)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return labels
    pixel = stride**2
    embeddings = heads[rows, columns].astype(np.float64)
    least = split.min_samples / pixel
    clusters = _merged_clusters(embeddings[:, :2], split, least)
    for vote in range(2, embeddings.shape[1], 2):
        clusters = _divided(clusters, embeddings[:, vote : vote + 2], split, least)
    centres = _centres(embeddings, clusters)
    labels[rows, columns] = clusters + 1
    _, regions = cv2.connectedComponents(mask.astype(np.uint8))
    count = len(centres)
    for region in np.unique(regions[rows, columns][clusters < 0]):
        inside = regions[rows, columns] == region
        noise = inside & (clusters < 0)
        here = np.unique(clusters[inside & ~noise])
        if len(here):
            gaps = np.linalg.norm(embeddings[noise, None] - centres[None, here], axis=-1)
            labels[rows[noise], columns[noise]] = here[gaps.argmin(axis=1)] + 1
        elif noise.sum() >= least:
            count += 1
            labels[rows[noise], columns[noise]] = count
    return _drop_small(labels, split.least_area / pixel)


def _merged_clusters(votes: np.ndarray, split: Split, min_samples: float) -> np.ndarray:
    """Clusters of (n, 2) votes for one point, near ones merged; −1 for noise."""
    clusters = cluster(votes, split.eps, max(1, round(min_samples)))
    if split.merge and clusters.max(initial=-1) > 0:
        clusters = _merge(clusters, _centres(votes, clusters), split.merge)
    return clusters


def _divided(clusters: np.ndarray, votes: np.ndarray, split: Split, min_samples: float) -> np.ndarray:
    """The clusters, those divided whose (n, 2) votes for one more point fall into several."""
    result = clusters.copy()
    for index in range(clusters.max(initial=-1) + 1):
        members = np.flatnonzero(clusters == index)
        found = _merged_clusters(votes[members], split, min_samples)
        if found.max(initial=-1) > 0:
            new = np.where(found == 0, index, result.max() + found)
            result[members] = np.where(found < 0, -1, new)
    return result


def cluster(embeddings: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """DBSCAN of (n, 2) embeddings: cluster of each point from 0, or −1 for noise.

    Points that fall into one cell of a grid, an eighth of ``eps`` wide, are clustered as one weighted point
    at their mean: the same clusters up to points within a sixteenth of ``eps`` of a border, at a cost that
    grows with the cells and not with the square of the pixels.
    """
    cells = np.floor(embeddings * (CELLS_PER_EPS / eps)).astype(np.int64)
    cells -= cells.min(axis=0)
    keys = cells[:, 0] * (cells[:, 1].max() + 1) + cells[:, 1]
    _, cell, counts = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(cell, embeddings[:, axis]) / counts for axis in range(2)], axis=1)
    return _weighted_dbscan(means, counts, eps, min_samples)[cell]


def _weighted_dbscan(points: np.ndarray, weights: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """What scikit-learn's DBSCAN finds in (n, 2) points with ``sample_weight``.

    scikit-learn adds up the weights of each point's neighbours in a Python loop, which takes longer than all the
    rest of decoding and holds the interpreter's lock; here it is a few array operations on the pairs in reach.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    a, b = cKDTree(points).query_pairs(eps, output_type="ndarray").T
    count = len(points)
    reach = weights + np.bincount(a, weights[b], count) + np.bincount(b, weights[a], count)
    core = reach >= min_samples
    joined = core[a] & core[b]
    graph = coo_array((joined[joined], (a[joined], b[joined])), (count, count))
    components = connected_components(graph, directed=False)[1]
    clusters = np.full(count, -1)
    clusters[core] = np.unique(components[core], return_inverse=True)[1]
    # A border point belongs to any cluster with a core point in reach.
    for inner, outer in ((a, b), (b, a)):
        border = core[inner] & ~core[outer]
        clusters[outer[border]] = clusters[inner[border]]
    return clusters


def _centres(embeddings: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(n, 2) mean embedding of each cluster."""
    known = clusters >= 0
    counts = np.bincount(clusters[known])
    axes = range(embeddings.shape[1])
    sums = [np.bincount(clusters[known], embeddings[known, axis]) for axis in axes]
    return np.stack(sums, axis=1) / counts[:, None] if len(counts) else np.zeros((0, len(axes)))


def _merge(clusters: np.ndarray, centres: np.ndarray, distance: float) -> np.ndarray:
    """Join each cluster to the largest one within reach, largest first: chains do not grow without end."""
    sizes = np.bincount(clusters[clusters >= 0])
    kept: list[int] = []
    target = np.zeros(len(centres) + 1, np.int64)
    for index in np.argsort(-sizes, kind="stable"):
        near = [k for k in kept if np.linalg.norm(centres[k] - centres[index]) < distance]
        if near:
            nearest = min(near, key=lambda k: float(np.linalg.norm(centres[k] - centres[index])))
            target[index] = kept.index(nearest)
        else:
            target[index] = len(kept)
            kept.append(int(index))
    target[-1] = -1  # noise, whose index is −1
    return target[clusters]


def _drop_small(labels: np.ndarray, least: float) -> np.ndarray:
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    order = [label for label in range(1, len(counts)) if counts[label] >= max(least, 1)]
    renumbered = np.zeros(len(counts), np.int32)
    renumbered[order] = np.arange(1, len(order) + 1)
    return renumbered[labels]
