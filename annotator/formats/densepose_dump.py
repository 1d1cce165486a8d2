"""Results of detectron2's DensePose: the file that ``apply_net.py dump`` writes, or the same as JSON.

The dump is a list with a dict per photo: ``file_name``, ``scores`` (n), ``pred_boxes_XYXY`` (n, 4), and ``pred_densepose``, a chart
result per person on the whole pixels of its box: ``labels`` (h, w), charts 0..24, and ``uv`` (2, h, w), 0..1; or both in one,
``labels_uv_uint8`` (3, h, w), or that as a PNG, ``labels_uv_str``.

In JSON a chart result is an object with ``labels`` and ``uv``, as lists of lists, or with ``shape_chw`` and ``labels_uv_str``, as
detectron2's ``DensePoseChartResultCompressed`` has them: U and V in steps of 1/255.

Mask and parts follow from the charts. There are no keypoints.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from annotator.formats.photo_names import Photos
from annotator.formats.torch_files import Instance, Record, Tensor, TorchFileWriter, open_torch_file
from annotator.formats.values import FormatError, image_size, naming, number, read_items, refuse, text
from annotator.formats.writer import Writer
from annotator.geometry.boxes import Box, clip_box
from annotator.geometry.crops import recrop
from annotator.labels.label_space import CHART_TO_PART, CHARTS
from annotator.labels.messages import short
from annotator.labels.people import People, Person, Provenance
from annotator.photos.atomic_files import whole_file
from annotator.photos.reading import MAX_PIXELS

MODULE = "densepose.structures.chart_result"
CLASSES = (
    "DensePoseChartResult", "DensePoseChartResultWithConfidences", "DensePoseChartResultQuantized",
    "DensePoseChartResultCompressed",
)  # fmt: skip
CONFIDENCES = ("sigma_1", "sigma_2", "kappa_u", "kappa_v", "fine_segm_confidence", "coarse_segm_confidence")
UV_SLACK = 0.01
"""How far U and V may lie outside 0..1; they are clipped."""


def read_densepose_dump(
    path: str | Path, images_dir: str | Path = "", failures: dict[str, str] | None = None
) -> Iterator[People]:
    """The people of each photo of a dump.

    Args:
        path: of the dump, or of the same as JSON, by its ending ``.json``.
        images_dir: the folder of the photos, which are found there by the ends of their paths; a dump does not say how
            large they are.
        failures: why the results of a photo cannot be read, by its path, is noted here; without it the first such error is
            raised.

    Raises:
        FormatError: another file. Nothing that a pickle holds is run.
        OSError: no such file.
    """
    path, photos = Path(path), Photos(images_dir)
    if path.suffix.lower() == ".json":
        yield from _all_people(path, read_items(path, "results"), photos, failures)
        return
    with open_torch_file(path, _class) as entries:
        if not isinstance(entries, list):
            raise FormatError(f"{path}: must be a list of results, as apply_net.py dump writes")
        yield from _all_people(path, entries, photos, failures)


class DensePoseDumpWriter(Writer):
    """Writer of a dump, or of the same as JSON if the path ends on ``.json``; see :mod:`annotator.formats.writer`."""

    holds: ClassVar = frozenset({"mask", "parts", "charts"})

    def __enter__(self) -> DensePoseDumpWriter:
        temporary = self._stack.enter_context(whole_file(self.path))
        if self.path.suffix.lower() == ".json":
            self._dump, self._first = None, True
            self._file = self._stack.enter_context(temporary.open("x", encoding="utf-8"))
            self._file.write("[")
        else:
            self._dump = TorchFileWriter(temporary)
            self._stack.callback(self._dump.abort)
        return self

    def _write(self, people: People) -> None:
        boxes = np.array([person.box for person in people.people], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        scores = np.array([person.score for person in people.people], np.float32)
        results = [_dense(person) for person in people.people]
        for person, (labels, _) in zip(people.people, results, strict=True):
            if person.mask is not None and (person.mask & (labels == 0)).any():
                self.lost["pixels of the mask without a chart"] += 1
        entry = {"file_name": people.file_name, "scores": scores, "pred_boxes_XYXY": boxes}
        if self._dump is not None:
            entry["pred_densepose"] = [_instance(*result) for result in results]
            self._dump.add(entry)
            return
        entry = {
            key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in entry.items()
        }
        size = {"width": people.size[0], "height": people.size[1]}
        entry = entry | size | {"pred_densepose": [_compressed(*result) for result in results]}
        self._file.write(("\n" if self._first else ",\n") + json.dumps(entry))
        self._first = False

    def _finish(self) -> None:
        if self._dump is not None:
            self._dump.close()
        else:
            self._file.write("\n]\n")


def _class(module: str, name: str) -> type | None:
    """A record for a chart result, also of a copy of detectron2 under another name."""
    is_densepose = "densepose" in module.lower() and module.endswith(("structures", "chart_result"))
    return type(name, (Record,), {}) if is_densepose and name in CLASSES else None


def _all_people(
    path: Path, entries: Any, photos: Photos, failures: dict[str, str] | None
) -> Iterator[People]:
    for place, entry in enumerate(entries):
        name = f"result number {place}"
        try:
            with naming(f"{path}: {name}"):
                if not isinstance(entry, dict):
                    raise FormatError(
                        "must be an object with `file_name`, `pred_boxes_XYXY` and `pred_densepose`"
                    )
                given = text(entry.get("file_name"), "file_name")
                name = photos.find(given) or given
                people = _people(entry, name, photos, Provenance(model=path.name))
        except FormatError as error:
            refuse(failures, name, error)
            continue
        yield people


def _people(entry: dict[str, Any], name: str, photos: Photos, provenance: Provenance) -> People:
    known = entry.get("width") is not None and photos.find(name) is None
    size = image_size(entry.get("width"), entry.get("height")) if known else photos.size(name)
    boxes = _array(entry.get("pred_boxes_XYXY"), "pred_boxes_XYXY", 2)
    scores = _array(entry["scores"], "scores", 1) if entry.get("scores") is not None else np.ones(len(boxes))
    results = entry.get("pred_densepose")
    if results is None:
        raise FormatError("pred_densepose: missing: the network that was run gives no charts")
    if not isinstance(results, list) or len(results) != len(boxes) or len(scores) != len(boxes):
        raise FormatError(f"pred_densepose, scores: are not of the {len(boxes)} people of pred_boxes_XYXY")
    people = []
    for place, (box, score, result) in enumerate(zip(boxes, scores, results, strict=True)):
        with naming(f"person number {place}"):
            people.append(_person(box, number(float(score), "scores", 0, 1), result, size, provenance))
    return People(size=size, people=people, file_name=name)


def _person(
    corners: np.ndarray, score: float, result: object, size: tuple[int, int], provenance: Provenance
) -> Person:
    if len(corners) != 4:
        raise FormatError(f"pred_boxes_XYXY: {len(corners)} numbers, not 4")
    x0, y0, x1, y1 = (number(float(value), "pred_boxes_XYXY") for value in corners)
    labels, uv = _chart_result(result)
    # As detectron2 does: whole numbers of x, y, width and height.
    h, w = labels.shape
    if abs(w - max(int(x1 - x0), 1)) > 1 or abs(h - max(int(y1 - y0), 1)) > 1:
        raise FormatError(f"labels: {w} × {h} pixels do not fit the box of {x1 - x0:.1f} × {y1 - y0:.1f}")
    if not ((labels >= 0) & (labels < len(CHARTS)) & (labels % 1 == 0)).all():
        raise FormatError(f"labels: hold a number that is no chart 0..{len(CHARTS) - 1}")
    charts = labels.astype(np.uint8)
    seen = charts > 0
    if not ((uv >= -UV_SLACK) & (uv <= 1 + UV_SLACK))[:, seen].all():
        raise FormatError("uv: holds a number that is not in 0..1")
    u, v = np.where(seen, np.clip(np.nan_to_num(uv), 0, 1), 0).astype(np.float16)
    box: Box = (int(x0), int(y0), w, h)
    inside = clip_box(box, size)
    if not all(inside[2:]):
        raise FormatError(
            f"pred_boxes_XYXY: {short(corners.tolist())} lies outside the photo of {size[0]} × {size[1]} pixels"
        )
    person = Person(
        box=box,
        mask=seen,
        parts=CHART_TO_PART[charts],
        charts=charts,
        u=u,
        v=v,
        score=score,
        provenance=provenance,
    )
    if not seen.any():
        person = Person(box=box, score=score, provenance=provenance)
    return recrop(person, inside)


def _chart_result(result: object) -> tuple[np.ndarray, np.ndarray]:
    """Charts (h, w) and U, V (2, h, w)."""
    values = vars(result) if isinstance(result, Record) else result
    if not isinstance(values, dict):
        raise FormatError("pred_densepose: must be a chart result")
    if values.get("labels_uv_str") is not None:
        quantized = _png(values["labels_uv_str"], values.get("shape_chw"))
    elif values.get("labels_uv_uint8") is not None:
        quantized = _array(values["labels_uv_uint8"], "labels_uv_uint8", 3)
    else:
        labels, uv = _array(values.get("labels"), "labels", 2), _array(values.get("uv"), "uv", 3)
        if uv.shape != (2, *labels.shape):
            raise FormatError(f"uv: has the shape {uv.shape}, not {(2, *labels.shape)}")
        return labels, uv
    if len(quantized) != 3:
        raise FormatError(f"labels_uv_uint8: has {len(quantized)} channels, not 3")
    return quantized[0], quantized[1:].astype(np.float32) / 255


def _png(encoded: object, shape: object) -> np.ndarray:
    """(3, h, w) uint8 of a PNG in base64."""
    try:
        data = base64.b64decode(text(encoded, "labels_uv_str"))
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            channels = np.moveaxis(np.array(image.convert("RGB")), -1, 0)
    except FormatError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"labels_uv_str: no PNG in base64: {error}") from None
    if shape is not None and (not isinstance(shape, tuple | list) or tuple(shape) != channels.shape):
        raise FormatError(f"shape_chw: {short(shape)} is not the {channels.shape} of the PNG")
    return channels


def _array(value: object, field: str, dimensions: int) -> np.ndarray:
    """Numbers of a tensor, or of lists of lists."""
    with naming(field):
        if isinstance(value, Tensor):
            array = value.array()
        elif isinstance(value, list):
            try:
                array = np.array(value, np.float64)
            except (TypeError, OverflowError):
                raise FormatError("holds something that is no number") from None
            if not value:
                array = array.reshape((0, *([1] * (dimensions - 1))))
        else:
            raise FormatError(
                "missing" if value is None else f"{short(value)} is neither a tensor nor a list"
            )
        if array.ndim != dimensions:
            raise FormatError(f"has {array.ndim} dimensions, not {dimensions}")
        if array.size > 3 * MAX_PIXELS:
            raise FormatError("is larger than any photo")
        return array


def _dense(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Charts (h, w) int64 and U, V (2, h, w) float32."""
    shape = person.box[3:1:-1]
    if person.charts is None:
        return np.zeros(shape, np.int64), np.zeros((2, *shape), np.float32)
    charts = person.charts.astype(np.int64)
    uv = np.stack([person.u, person.v]).astype(np.float32)
    return charts, np.where(charts > 0, uv, np.float32(0))


def _instance(labels: np.ndarray, uv: np.ndarray) -> Instance:
    values = {"labels": labels, "uv": uv} | dict.fromkeys(CONFIDENCES)
    return Instance(MODULE, "DensePoseChartResultWithConfidences", values)


def _compressed(labels: np.ndarray, uv: np.ndarray) -> dict[str, Any]:
    channels = np.concatenate([labels[None], np.round(uv * 255)]).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.moveaxis(channels, 0, -1))).save(buffer, "PNG")
    return {
        "shape_chw": list(channels.shape),
        "labels_uv_str": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
