"""The losses of mask net and surface net, of pixels that are known."""

from __future__ import annotations

import numpy as np
from keras import ops

from model.losses import class_weights, uv_loss
from model.pose.surface_labels import CHARTS_OF, PART_LABEL

DICE_WEIGHT = 0.5
"""Of the dice loss beside the cross-entropy."""
SMOOTHING = 40.0
"""Pixels that are added to both sides of the dice coefficient, so that small masks count less."""


LOSSES = {"mask": ("cross_entropy", "dice"), "surface": ("charts", "parts", "uv")}
"""The names of the terms by the net that they are of."""
PART_WEIGHT = 0.3
"""Of pixels of which only the part is known, beside those whose chart is."""
UV_WEIGHT, UV_UNIT = 0.05, 0.05
"""Of U and V, and their unit as in :class:`model.losses.Term`."""
BALANCE = 0.3
"""Of charts, as :attr:`model.losses.Term.balance`."""
IMPOSSIBLE = -30.0
"""Log probability of charts that a label does not allow."""


def mask_losses(labels: dict, logits) -> dict:
    """The losses of a batch.

    Args:
        labels: ``mask``, 0..1, and ``known``, 0 or 1, both [N, h, w].
        logits: [N, h, w, 1].

    Returns:
        ``cross_entropy``, per known pixel of the batch, and ``dice``: 1 − the soft dice coefficient (Milletari et al., "V-Net",
        2016), the mean of the samples, weighted.
    """
    logits = ops.cast(logits[..., 0], "float32")
    known = ops.cast(labels["known"], "float32")
    mask = ops.cast(labels["mask"], "float32")
    entropy = ops.sum((ops.softplus(logits) - logits * mask) * known) / ops.maximum(ops.sum(known), 1.0)
    found, mask = ops.sigmoid(logits) * known, mask * known
    both, either = ops.sum(found * mask, axis=(1, 2)), ops.sum(found + mask, axis=(1, 2))
    dice = 1 - (2 * both + SMOOTHING) / (either + SMOOTHING)
    return {"cross_entropy": entropy, "dice": DICE_WEIGHT * ops.mean(dice)}


def surface_losses(labels: dict, logits: dict) -> dict:
    """The losses of a batch.

    Args:
        labels: ``surface`` [N, 2h, 2w], ``uv_charts`` [N, h, w] and ``uv`` [N, h, w, 2], see
            :func:`model.pose.samples.make_sample`.
        logits: ``charts`` [N, 2h, 2w, 24] and ``uv`` [N, h, w, 48].

    Returns:
        ``charts``: cross-entropy per pixel whose chart is known. ``parts``: where only the part is, −log of the probability of all
        its charts. ``uv``: log cosh of U and V of the known chart. The last two weighted.
    """
    surface = ops.cast(labels["surface"], "int32")
    is_chart = ops.logical_and(surface > 0, surface <= PART_LABEL)
    allowed = ops.take(ops.convert_to_tensor(CHARTS_OF.astype(np.float32)), surface, axis=0)
    charts = ops.cast(logits["charts"], "float32")
    probability = charts - ops.logsumexp(charts, axis=-1, keepdims=True)
    entropy = -ops.logsumexp(ops.where(allowed > 0, probability, IMPOSSIBLE), axis=-1)
    known = allowed * ops.cast(is_chart, "float32")[..., None]
    weight = ops.sum(known * class_weights(known, BALANCE), axis=-1)
    of_part = ops.cast(surface > PART_LABEL, "float32")
    return {
        "charts": ops.sum(entropy * weight) / ops.maximum(ops.sum(weight), 1.0),
        "parts": PART_WEIGHT * ops.sum(entropy * of_part) / ops.maximum(ops.sum(of_part), 1.0),
        "uv": UV_WEIGHT
        * uv_loss(ops.cast(labels["uv_charts"], "int32"), labels["uv"], logits["uv"], unit=UV_UNIT),
    }
