"""From a trained finder to one ONNX file that decodes itself and describes itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from keras import ops

from annotator.inference import finder as onnx_side
from annotator.inference.finder import FINDER_FORMAT_VERSION, FinderInfo
from annotator.inference.network import FINDER_METADATA_KEY
from annotator.photos.atomic_files import whole_file
from model.finder.losses import iou
from model.finder.network import Finder, boxes_of, places
from model.onnx_graph import identity, store_in_half, trace
from model.parity import LIMITS, ExportError

PEAKS = 300
"""Places of the highest scores whose boxes leave the graph."""
MIN_SCORE = 0.05
"""Boxes of a lower score are not compared."""
MIN_OVERLAP = {"float32": 0.99, "float16-weights": 0.85}
"""By precision, the least IoU of a box of Keras with the nearest one of ONNX Runtime that an export may show."""


@dataclass(frozen=True)
class FinderParity:
    """Keras against ONNX Runtime on the same images."""

    score: float
    """Largest difference of the scores at the same rank."""
    overlap: float
    """Least IoU of a box with the nearest one of the other."""

    def table(self) -> str:
        return f"scores  largest difference {self.score:.2e}\n boxes  least IoU {self.overlap:.4f}"

    def check(self, precision: str) -> None:
        """Raise :class:`~model.parity.ExportError` if the two disagree by more than :data:`model.parity.LIMITS` and
        :data:`MIN_OVERLAP`."""
        if not (self.score <= LIMITS[precision][0] and self.overlap >= MIN_OVERLAP[precision]):
            raise ExportError(f"ONNX Runtime and Keras disagree:\n{self.table()}")


def compare_boxes(
    expected: tuple[np.ndarray, np.ndarray], actual: tuple[np.ndarray, np.ndarray]
) -> FinderParity:
    """Parity of two results of :func:`decode_finder`, each boxes and scores."""
    overlaps = [1.0]
    for boxes, scores, others in zip(*expected, actual[0], strict=True):
        if len(found := boxes[scores >= MIN_SCORE]):
            # Where scores are nearly equal the order may be another.
            overlaps.append(float(ops.max(iou(found[:, None], others[None]), axis=1).numpy().min()))
    return FinderParity(float(np.abs(expected[1] - actual[1]).max(initial=0.0)), min(overlaps))


def decode_finder(found, centres, strides, bins: int, side: int) -> dict:
    """The graph's last part: the finder's output to that of the ONNX file.

    Args:
        found: [N, A, 1 + 4·bins], see :class:`~model.finder.network.Finder`.
        centres: [A, 2], strides: [A], see :func:`~model.finder.network.places`.
        side: of the input in pixels.

    Returns:
        ``boxes`` [N, :data:`PEAKS`, 4] left, top, right, bottom in input pixels, inside the image, and ``scores``
        [N, :data:`PEAKS`] 0..1, highest first.
    """
    import tensorflow as tf

    scores, index = tf.math.top_k(ops.sigmoid(found[..., 0]), min(PEAKS, len(centres)))
    peaks = tf.gather(found, index, batch_dims=1)
    boxes = boxes_of(peaks, tf.gather(centres, index), tf.gather(strides, index), bins)
    return {"boxes": ops.clip(boxes, 0.0, float(side)), "scores": scores}


def export_finder(
    finder: Finder,
    path: str | Path,
    images: np.ndarray,
    *,
    model_id: str,
    report: bytes = b"",
    weights_license: str = "",
    precision: str = "float32",
) -> FinderParity:
    """Write a finder as ONNX and check it against Keras.

    Args:
        path: target; it appears only if the check passes.
        images: uint8 [N, S, S, 3] real images for the check, S a multiple of 32, fixed in the graph.
        model_id: for the metadata, and so are ``report`` and ``weights_license``; see :func:`model.export.export_onnx`.
        precision: a key of :data:`MIN_OVERLAP`.

    Raises:
        ExportError: wrong backend or precision, or Keras and ONNX Runtime disagree.
    """
    if precision not in MIN_OVERLAP:
        raise ExportError(f"precision is {precision!r}: a finder's must be one of {', '.join(MIN_OVERLAP)}")
    import onnx
    import tensorflow as tf

    side = images.shape[1]
    centres, strides = (np.float32(values) for values in places(side, side))

    def graph(images):
        found = finder(ops.cast(images, "float32"), training=False)
        return decode_finder(found, centres, strides, finder.config.bins, side)

    proto, function = trace(graph, (side, side))
    if precision == "float16-weights":
        store_in_half(proto)
    info = FinderInfo(
        format_version=FINDER_FORMAT_VERSION,
        input_size=finder.config.input_size,
        **identity(model_id, precision, report, weights_license),
    )
    onnx.helper.set_model_props(proto, {FINDER_METADATA_KEY: json.dumps(asdict(info))})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        onnx.save(proto, temporary)
        expected = function(tf.constant(images))
        expected = tuple(ops.convert_to_numpy(expected[name]) for name in ("boxes", "scores"))
        parity = compare_boxes(expected, onnx_side.Finder(temporary).run(images))
        parity.check(precision)
    return parity
