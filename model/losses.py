"""Losses of the cascade, each counted only where a label exists.

Labels are compact maps at the output resolution (see :mod:`model.samples`): two reserved values say that a
pixel counts nowhere (:data:`IGNORE`) or that it belongs to a person whose part or chart nobody labelled
(:data:`SOME`). All functions return one scalar.
"""

from __future__ import annotations

from typing import Literal

from keras import ops
from pydantic import NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from model.fields import CHECKED
from model.label_values import IGNORE, KEYPOINT_PEAK, SOME

BACKGROUND_CHART_WEIGHT = 1 / 1200
"""Weight of a background pixel in the thesis's chart loss, where labelled points are single pixels."""


@dataclass(frozen=True, config=CHECKED)
class Term:
    """Weight of one loss and what its sum is divided by.

    ``over="all"`` is the thesis's mean over all pixels of the batch; ``"counted"`` the mean over the pixels
    that count, which makes sparse points and dense labels comparable.
    """

    weight: NonNegativeFloat
    over: Literal["counted", "all"] = "counted"
    unit: PositiveFloat = 1.0
    """Of U, V and head vectors: log cosh turns from the square of an error to its size at about one unit. 1 is
    the thesis's: the square for all errors there are, which hardly pulls on the small ones."""
    balance: NonNegativeFloat = 0.0
    """Of parts and charts: every class counts with its share of the batch to the power of −balance, so that
    hands weigh more than their few pixels; 0 for none, as in the thesis."""


def _mean(loss, weight, over: str):
    loss, weight = ops.cast(loss, "float32"), ops.cast(weight, "float32")
    total = ops.sum(loss * weight)
    if over == "all":
        return total / ops.cast(ops.prod(ops.shape(loss)), "float32")
    return total / ops.maximum(ops.sum(weight), 1.0)


def log_cosh(x):
    """log(cosh(x)), written so that it cannot overflow."""
    x = ops.abs(x)
    return x + ops.softplus(-2.0 * x) - 0.6931471805599453


def _binary(target, logit):
    return ops.maximum(logit, 0.0) - logit * target + ops.softplus(-ops.abs(logit))


def person_loss(label, logit, over: str = "counted"):
    """Binary cross-entropy. label [N, h, w] of 0, 1, IGNORE; logit [N, h, w, 1]."""
    target = ops.cast(ops.equal(label, 1), "float32")
    return _mean(_binary(target, logit[..., 0]), ops.not_equal(label, IGNORE), over)


MAX_CLASS_WEIGHT = 8.0
"""Balanced classes weigh at most so many times the mean, and at least its inverse: a class of ten pixels
should not decide a step."""


def class_weights(known, balance: float):
    """Weight of each class from one-hot labels [N, h, w, C]: [C]; ``balance`` is as :attr:`Term.balance`."""
    count = ops.sum(known, axis=(0, 1, 2))
    there = ops.cast(count > 0, "float32")
    share = count * ops.sum(there) / ops.maximum(ops.sum(count), 1.0)
    return ops.clip(ops.power(ops.maximum(share, 1e-6), -balance), 1 / MAX_CLASS_WEIGHT, MAX_CLASS_WEIGHT)


def label_loss(label, logits, over: str = "counted", background: float = 1.0, balance: float = 0.0):
    """Softmax cross-entropy of parts or charts.

    Args:
        label: [N, h, w] of class indices, SOME or IGNORE.
        logits: [N, h, w, C], class 0 is background.
        background: weight of background pixels.
        balance: see :attr:`Term.balance`.

    On SOME pixels the loss is −log(1 − p(background)): a photo with only a mask still teaches where there is
    a body, and nothing about which part.
    """
    logits = ops.cast(logits, "float32")
    classes = logits.shape[-1]
    some = ops.equal(label, SOME)
    total = ops.logsumexp(logits, axis=-1)
    # Nothing is hot at SOME and IGNORE.
    known = ops.one_hot(ops.cast(ops.where(label < classes, label, -1), "int32"), classes)
    # A slice would do, but TensorFlow's gradient of slices is slow on a CPU.
    people = ops.logsumexp(ops.where(ops.arange(classes) == 0, -1e9, logits), axis=-1)
    chosen = ops.where(some, people, ops.sum(logits * known, axis=-1))
    weight = ops.where(ops.equal(label, 0), background, 1.0) * ops.cast(
        ops.not_equal(label, IGNORE), "float32"
    )
    if balance:
        weight = weight * ops.where(some, 1.0, ops.sum(known * class_weights(known, balance), axis=-1))
    return _mean(total - chosen, weight, over)


def uv_loss(charts, uv, prediction, over: str = "counted", unit: float = 1.0):
    """log cosh of U and V on the labelled chart only.

    Args:
        charts: [N, h, w]; pixels with a known chart 1..24 count.
        uv: [N, h, w, 2] of 0..255 for 0..1.
        prediction: [N, h, w, 48], U of the 24 charts, then V.
    """
    counted = ops.logical_and(charts > 0, charts <= 24)
    chart = ops.one_hot(ops.cast(ops.where(counted, charts, 1), "int32") - 1, 24)
    target = ops.cast(uv, "float32") / 255.0
    loss = 0.0
    for axis, of_charts in enumerate(ops.split(prediction, 2, axis=-1)):
        chosen = ops.sum(of_charts * chart, axis=-1)
        loss = loss + log_cosh((chosen - target[..., axis]) / unit)
    return _mean(loss, counted, over)


def keypoint_loss(label, logits, over: str = "counted"):
    """Binary cross-entropy of heatmaps. label [N, h, w, 17] of 0..254 or IGNORE."""
    target = ops.minimum(ops.cast(label, "float32") / KEYPOINT_PEAK, 1.0)
    return _mean(_binary(target, logits), ops.not_equal(label, IGNORE), over)


def head_vector_loss(label, prediction, over: str = "counted", unit: float = 1.0):
    """log cosh of head vectors, and of those to other points, summed over the points.

    label [N, h, w, 3·points]: x, y of (point − pixel) / input_size, and 1 where known; prediction
    [N, h, w, 2·points].
    """
    loss = 0.0
    for i in range(label.shape[-1] // 3):
        target = ops.cast(label[..., 3 * i : 3 * i + 2], "float32")
        gap = log_cosh((prediction[..., 2 * i : 2 * i + 2] - target) / unit)
        loss = loss + _mean(ops.sum(gap, axis=-1), label[..., 3 * i + 2], over)
    return loss


def losses(labels: dict, maps: dict, terms: dict[str, Term]) -> dict:
    """Every weighted term whose output the network has.

    Args:
        labels: from :class:`model.samples.Samples`.
        maps: raw outputs of the cascade; missing outputs (early stages) are left out.
        terms: by ``person``, ``parts``, ``charts``, ``uv``, ``keypoints``, ``head_vectors``.
    """
    integer = {name: ops.cast(label, "int32") for name, label in labels.items() if name != "head_vectors"}
    loss = {}
    for name, term in terms.items():
        if name not in maps:
            continue
        if name == "person":
            value = person_loss(integer["person"], maps[name], term.over)
        elif name == "parts":
            value = label_loss(integer["parts"], maps[name], term.over, balance=term.balance)
        elif name == "charts":
            background = BACKGROUND_CHART_WEIGHT if term.over == "all" else 1.0
            value = label_loss(integer["charts"], maps[name], term.over, background, term.balance)
        elif name == "uv":
            value = uv_loss(integer["charts"], integer["uv"], maps[name], term.over, term.unit)
        elif name == "keypoints":
            value = keypoint_loss(integer["keypoints"], maps[name], term.over)
        else:
            value = head_vector_loss(labels["head_vectors"], maps[name], term.over, term.unit)
        loss[name] = term.weight * value
    return loss
