"""From the raw maps of the cascade to those that the annotator reads: the last part of its ONNX file, on any backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from annotator.inference.network import FORMAT_VERSION, LABEL_SPACE, ModelInfo
from model.presets import CascadeConfig

KEYPOINT_STRIDE = 4
"""Input pixels per heatmap pixel: a quarter of the side is enough for a Gaussian of sigma 6."""


def decode(raw: dict, config: CascadeConfig, argmax: Callable = ops.argmax) -> dict:
    """The outputs of the ONNX file, by their names in :class:`annotator.labels.maps.Maps`.

    Args:
        raw: outputs of :class:`~model.cascade.Cascade`, [N, h, w, C].
        config: its config.
        argmax: of a tensor along an ``axis``; the export has one of its own.

    Returns:
        ``person``, ``part_confidence``, ``chart_confidence``, ``u``, ``v`` [N, h, w] float32, ``parts`` and
        ``charts`` [N, h, w] uint8 (the most probable that is not background), ``head_vectors``
        [N, h, w, 2·targets] float32: where the head, and any other target of the head vectors, is as seen from the
        pixel, as (target − image centre) / input_size, ``keypoints`` [N, H / 4, W / 4, 17] float32 heatmaps.
    """
    decoded = {"person": ops.sigmoid(raw["person"][..., 0])}
    chosen = {}
    for name, confidence in (("parts", "part_confidence"), ("charts", "chart_confidence")):
        probability = ops.softmax(raw[name], axis=-1)[..., 1:]
        chosen[name] = argmax(probability, axis=-1)
        decoded[name] = ops.cast(chosen[name] + 1, "uint8")
        decoded[confidence] = ops.max(probability, axis=-1)
    chart = ops.one_hot(chosen["charts"], 24)
    for name, channels in (("u", slice(0, 24)), ("v", slice(24, 48))):
        decoded[name] = ops.clip(ops.sum(raw["uv"][..., channels] * chart, axis=-1), 0.0, 1.0)
    decoded["head_vectors"] = raw["head_vectors"] + ops.tile(
        _pixel_field(raw["head_vectors"], config), (1, 1, 1, len(config.head_vector_targets))
    )
    pool = KEYPOINT_STRIDE // config.output_stride
    decoded["keypoints"] = ops.average_pool(ops.sigmoid(raw["keypoints"]), pool, pool)
    return decoded


def _pixel_field(maps, config: CascadeConfig):
    """(pixel − image centre) / input_size as x, y for every output pixel: [1, h, w, 2].

    Added to the predicted (head − pixel) / input_size it leaves a value that is constant over a person. The
    thesis's code names the axes row, column in one place and column, row in another; here both are x, y.
    """
    height, width = ops.shape(maps)[1], ops.shape(maps)[2]
    unit = config.output_stride / config.input_size

    def axis(count):
        count_as_float = ops.cast(count, "float32")
        return (ops.arange(count, dtype="float32") + 0.5 - count_as_float / 2) * unit

    zeros = ops.zeros_like(maps[:1, :, :, 0])
    return ops.stack([zeros + axis(width)[None, None, :], zeros + axis(height)[None, :, None]], axis=-1)


def describe(config: CascadeConfig, **about: Any) -> ModelInfo:
    """What the file of a cascade says of itself.

    Args:
        about: those of its fields that the config does not decide.
    """
    usual = {"model_id": "", "precision": "float32", "report_sha256": "", "license": "", "created": ""}
    return ModelInfo(
        format_version=FORMAT_VERSION,
        preset=config.preset,
        input_size=config.input_size,
        output_stride=config.output_stride,
        keypoint_stride=KEYPOINT_STRIDE,
        label_space=LABEL_SPACE,
        parts=14,
        charts=24,
        keypoints=17,
        **usual | about,
    )
