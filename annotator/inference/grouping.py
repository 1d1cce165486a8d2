"""Person pixels, of a view or in a box, grouped into people by their head vectors."""

from __future__ import annotations

import numpy as np

from annotator.geometry.boxes import FloatBox, bounding_box, box_iou, pixels_in_box
from annotator.inference.dbscan import group_by_dbscan
from annotator.inference.settings import Settings
from annotator.inference.votes import group_by_votes

MIN_INSIDE = 0.8
"""Share of its pixels that a piece must have inside a box to be added to the person in it."""
MIN_IOU_GAIN = 0.02
"""By which the IoU with the box must grow for a piece to be added."""


def group_people(mask: np.ndarray, head_vectors: np.ndarray, settings: Settings, stride: int) -> np.ndarray:
    """Label the pixels of each person, by votes or by DBSCAN as ``settings.grouping`` says.

    Args:
        mask: (h, w) bool, pixels of people.
        head_vectors: (h, w, 2·points) float: x, y of the head that each pixel votes for, from the square's centre in
            units of its side, then the same for other points.
        settings: of the grouping, and :attr:`~annotator.inference.settings.Settings.min_area`.
        stride: input pixels per map pixel and axis.

    Returns:
        (h, w) int32: 0 outside ``mask`` and for pixels of no person, 1..n per person.
    """
    if settings.grouping == "dbscan":
        labels = group_by_dbscan(mask, head_vectors, settings.dbscan)
    else:
        labels = group_by_votes(mask, head_vectors, settings.votes, stride)
    return _drop_small(labels, settings.min_area / stride**2)


def person_in_box(labels: np.ndarray, box: FloatBox) -> np.ndarray | None:
    """The pixels of the person that a box was drawn around.

    Args:
        labels: (h, w) of :func:`group_people`.
        box: x, y, w, h in map pixels.

    Returns:
        (h, w) bool, or ``None`` where nobody is in the box.

    It is the person with most pixels in the middle of the box (half its width and height). The grouping may have broken a
    person into pieces: further ones, largest first, are added that lie mostly in the box and bring the whole nearer to its
    edges. Pixels outside the box belong to other people.
    """
    x, y, w, h = box
    inside = pixels_in_box(box, labels.shape)
    middle = pixels_in_box((x + w / 4, y + h / 4, w / 2, h / 2), labels.shape)
    if not labels[middle].any():
        middle = inside
    if not labels[middle].any():
        return None
    meant = 1 + np.bincount(labels[middle])[1:].argmax()
    chosen = inside & (labels == meant)
    fit = box_iou(bounding_box(chosen), box)
    sizes = np.bincount(labels.ravel())
    sizes_inside = np.bincount(labels[inside], minlength=len(sizes))
    for piece in np.argsort(-sizes_inside):
        if piece not in (0, meant) and sizes_inside[piece] > MIN_INSIDE * sizes[piece]:
            more = chosen | (inside & (labels == piece))
            if (better := box_iou(bounding_box(more), box)) > fit + MIN_IOU_GAIN:
                chosen, fit = more, better
    return chosen


def _drop_small(labels: np.ndarray, least: float) -> np.ndarray:
    """The labels without people of fewer pixels, numbered anew."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    order = [label for label in range(1, len(counts)) if counts[label] >= max(least, 1)]
    renumbered = np.zeros(len(counts), np.int32)
    renumbered[order] = np.arange(1, len(order) + 1)
    return renumbered[labels]
