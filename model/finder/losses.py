"""Which places of the grids answer for which person, and the losses of score and box.

Boxes are left, top, right, bottom in input pixels.
"""

from __future__ import annotations

from keras import ops

from model.finder.network import boxes_of
from model.finder.samples import IGNORED, PERSON

CANDIDATES = 9
"""Places that answer for a person."""
ALIGNMENT = 6.0
"""Power of the IoU in how well a place fits a person: score × IoU⁶ (Feng et al., "TOOD", 2021)."""
BOX_WEIGHT, BINS_WEIGHT = 2.0, 0.25
"""Of the losses of the box beside that of the score (Li et al., 2020)."""
EPSILON = 1e-7


def iou(a, b, *, generalized: bool = False):
    """Intersection over union of boxes [..., 4] that broadcast; generalized: Rezatofighi et al., 2019."""
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    inside = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    area = ops.prod(a[..., 2:] - a[..., :2], axis=-1) + ops.prod(b[..., 2:] - b[..., :2], axis=-1) - inside
    value = inside / (area + EPSILON)
    if not generalized:
        return value
    low, high = ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:])
    hull = ops.prod(high - low, axis=-1)
    return value - (hull - area) / (hull + EPSILON)


def assign(scores, boxes, labels, centres, strides):
    """Task-aligned assignment (Feng et al., 2021).

    Args:
        scores: [N, A] 0..1, and boxes: [N, A, 4], as predicted.
        labels: [N, G, 5]: a box and what it is, see :data:`model.finder.samples.PERSON`.
        centres: [A, 2], strides: [A] of the places.

    Returns:
        ``target`` [N, A], the score that each place should have: the IoU of the person's best place, less for its others, 0
        for background; ``box`` [N, A, 4] of the person it answers for; ``counts`` [N, A], 0 in ignored regions.
    """
    people = labels[..., 4] == PERSON
    truth = labels[..., :4]
    middle = (truth[..., None, :2] + truth[..., None, 2:]) / 2
    low = ops.min(centres - truth[..., None, :2], axis=-1)
    high = ops.min(truth[..., None, 2:] - centres, axis=-1)
    inside = ops.minimum(low, high) > 0
    # Boxes smaller than a stride may have no place inside.
    near = ops.max(ops.abs(centres - middle), axis=-1) < strides * 0.75
    allowed = ops.logical_and(ops.logical_or(inside, near), people[..., None])
    overlap = iou(truth[:, :, None], boxes[:, None])
    fit = ops.where(allowed, scores[:, None] * overlap**ALIGNMENT + EPSILON * overlap, 0.0)
    least = ops.top_k(fit, CANDIDATES)[0][..., -1:]
    chosen = ops.logical_and(fit >= least, fit > 0)
    # A place that fits several people answers for the one it overlaps most.
    owner = ops.argmax(ops.where(chosen, overlap, -1.0), axis=1)
    mine = ops.logical_and(chosen, ops.arange(ops.shape(truth)[1])[None, :, None] == owner[:, None])
    fit = ops.where(mine, fit, 0.0)
    best = ops.max(ops.where(mine, overlap, 0.0), axis=-1, keepdims=True)
    share = fit / (ops.max(fit, axis=-1, keepdims=True) + EPSILON**2)
    target = ops.max(share * best, axis=1)
    box = ops.take_along_axis(truth, owner[..., None], axis=1)
    ignored = ops.any(ops.logical_and(inside, (labels[..., 4] == IGNORED)[..., None]), axis=1)
    counts = ops.cast(ops.logical_or(target > 0, ops.logical_not(ignored)), "float32")
    return target, box, counts


def finder_losses(labels, found, centres, strides, bins: int) -> dict:
    """The losses of a batch.

    Args:
        labels: [N, G, 5], see :func:`assign`.
        found: the network's output, see :class:`~model.finder.network.Finder`.
        centres: [A, 2], strides: [A], see :func:`~model.finder.network.places`.

    Returns:
        ``score``: quality focal loss; ``box``: 1 − GIoU; ``bins``: distribution focal loss, the latter two weighted by the
        target; per unit of target (Li et al., 2020).
    """
    logits = found[..., 0]
    scores = ops.sigmoid(logits)
    boxes = boxes_of(found, centres, strides, bins)
    stopped = ops.stop_gradient(boxes)
    target, box, counts = (
        ops.stop_gradient(x) for x in assign(ops.stop_gradient(scores), stopped, labels, centres, strides)
    )
    total = ops.maximum(ops.sum(target), 1.0)
    entropy = ops.softplus(logits) - logits * target
    score = ops.sum(counts * entropy * (scores - target) ** 2) / total
    box_loss = ops.sum(target * (1 - iou(boxes, box, generalized=True))) / total
    distances = (
        ops.concatenate([centres - box[..., :2], box[..., 2:] - centres], axis=-1) / strides[None, :, None]
    )
    distances = ops.clip(distances, 0.0, bins - 1.01)
    below = ops.floor(distances)
    share = distances - below
    log = ops.log_softmax(ops.reshape(found[..., 1:], (-1, ops.shape(found)[1], 4, bins)), axis=-1)
    at = ops.cast(below, "int32")
    first = ops.take_along_axis(log, at[..., None], axis=-1)[..., 0]
    second = ops.take_along_axis(log, at[..., None] + 1, axis=-1)[..., 0]
    bins_loss = -ops.sum(target * ops.mean((1 - share) * first + share * second, axis=-1)) / total
    return {"score": score, "box": BOX_WEIGHT * box_loss, "bins": BINS_WEIGHT * bins_loss}
