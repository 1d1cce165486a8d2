"""The losses of the mask net, of pixels that are known."""

from __future__ import annotations

from keras import ops

DICE_WEIGHT = 0.5
"""Of the dice loss beside the cross-entropy."""
SMOOTHING = 40.0
"""Pixels that are added to both sides of the dice coefficient, so that small masks count less."""


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
