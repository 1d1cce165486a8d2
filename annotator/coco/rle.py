"""COCO's run-length encodings (RLE): column by column, as text or as a list of counts.

Only the runs are handled, never the whole image: encoding a person's crop of a large photo costs no more than the crop.
Errors are plain ``ValueError``; callers add file and field.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from annotator.geometry.boxes import Box
from annotator.labels.messages import short


def encode_mask(mask: np.ndarray, box: Box, size: tuple[int, int]) -> dict[str, Any]:
    """Compressed RLE, on an image of ``size`` (width, height), of a (h, w) bool mask that covers ``box``."""
    x, y, w, h = box
    width, height = size
    # A background pixel below each column ends its runs there.
    flat = np.zeros(1 + w * (h + 1), bool)
    # OpenCV transposes several times as fast as NumPy.
    flat[1:].reshape(w, h + 1)[:, :h] = cv2.transpose(mask.view(np.uint8))
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    column, row = np.divmod(edges, h + 1)
    places = (x + column) * height + y + row
    starts, ends = places[::2], places[1::2]
    # In a crop as high as the image a run goes on at the top of the next column.
    apart = starts[1:] != ends[:-1]
    if not apart.all():
        starts, ends = starts[np.r_[True, apart]], ends[np.r_[apart, True]]
    return _compress(starts, ends, width, height)


def encode_labels(labels: np.ndarray, count: int) -> list[dict[str, Any] | list]:
    """Compressed RLE of ``labels == i`` for each i in 1..count, ``[]`` where there is none.

    ``labels`` is (height, width) uint8.
    """
    height, width = labels.shape
    flat = cv2.transpose(labels).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = np.append(0, edges), np.append(edges, flat.size)
    values = flat[starts]
    masks: list[dict[str, Any] | list] = []
    for label in range(1, count + 1):
        runs = values == label
        masks.append(_compress(starts[runs], ends[runs], width, height) if runs.any() else [])
    return masks


def decode_mask(encoded: object, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """The (h, w) bool crop at ``box``, or the whole mask, of an RLE on an image of ``size`` (width, height).

    Raises:
        ValueError: not an RLE, of another size, or counts that do not add up to the image.
    """
    width, height = size
    x, y, w, h = box or (0, 0, width, height)
    edges = np.cumsum(_counts(encoded, size))
    starts, ends = edges[:-1:2], edges[1::2]
    first, last = x * height, (x + w) * height
    near = slice(np.searchsorted(ends, first, "right"), np.searchsorted(starts, last))
    runs = np.stack([starts[near], ends[near]], axis=1).clip(first, last) - first
    lengths = np.diff(runs.ravel(), prepend=0, append=last - first)
    pixels = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.ascontiguousarray(pixels.reshape(w, height)[:, y : y + h].T)


def decode_labels(masks: list, size: tuple[int, int]) -> np.ndarray:
    """(height, width) uint8: i where the i-th mask, counted from 1, is set; of two the later one counts.

    Each mask is an RLE on an image of ``size`` (width, height), or ``[]``. Undoes :func:`encode_labels`.

    Raises:
        ValueError: as :func:`decode_mask`, naming the entry counted from 0.
    """
    width, height = size
    flat = np.zeros(width * height, np.uint8)
    for entry, encoded in enumerate(masks):
        if encoded == []:
            continue
        try:
            counts = _counts(encoded, size)
        except ValueError as error:
            raise ValueError(f"entry {entry}: {error}") from None
        np.putmask(flat, np.repeat(np.arange(len(counts)) % 2 == 1, counts), entry + 1)
    return flat.reshape(width, height).T


def encode_polygons(polygons: list[list[float]], size: tuple[int, int]) -> dict[str, Any]:
    """Compressed RLE of the union of polygons (x0, y0, x1, y1, …) on an image of ``size`` (width, height)."""
    width, height = size
    return _text(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _compress(starts: np.ndarray, ends: np.ndarray, width: int, height: int) -> dict[str, Any]:
    edges = np.empty(2 * len(starts) + 2, np.int64)
    edges[0], edges[-1] = 0, width * height
    edges[1:-1:2], edges[2:-1:2] = starts, ends
    counts = edges[1:] - edges[:-1]
    if counts[-1] == 0:
        counts = counts[:-1]
    encoded = {"size": [height, width], "counts": counts.tolist()}
    return _text(coco_mask.frPyObjects(encoded, height, width))


def _text(encoded: dict[str, Any]) -> dict[str, Any]:
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def _counts(encoded: object, size: tuple[int, int]) -> np.ndarray:
    """Lengths of the runs, background first, checked to fill the image exactly.

    pycocotools does not check that and leaves pixels that no run covers uninitialised.
    """
    width, height = size
    if not isinstance(encoded, dict) or "counts" not in encoded or "size" not in encoded:
        raise ValueError("an RLE must be an object with `size` and `counts`")
    if encoded["size"] != [height, width]:
        raise ValueError(f"RLE size {short(encoded['size'])} is not [height, width] = [{height}, {width}]")
    counts = encoded["counts"]
    if isinstance(counts, str):
        runs = _parse(counts)
    elif isinstance(counts, list) and counts and all(type(c) is int for c in counts):
        # Clipped, as the array has no room for whole numbers of any size.
        runs = np.array([min(max(count, -1), width * height + 1) for count in counts], np.int64)
    else:
        raise ValueError("RLE counts must be text or a list of whole numbers")
    if (runs < 0).any() or (runs > width * height).any():
        raise ValueError("RLE counts hold a run of impossible length: the mask is damaged")
    if runs.sum() != width * height:
        raise ValueError(
            f"RLE counts cover {runs.sum()} of {width * height} pixels: the mask is cut off or damaged"
        )
    return runs


def _parse(text: str) -> np.ndarray:
    """Counts of COCO's compressed text.

    A character holds 5 bits; 32 says that more follow, 16 in the last one is the sign. From the fourth number
    on each is the difference to the one two before.
    """
    characters = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if len(characters) == 0 or ((characters < 0) | (characters > 63)).any():
        raise ValueError("RLE counts are empty or hold a character that COCO's encoding does not have")
    ends = np.flatnonzero(characters < 32)
    if len(ends) == 0 or ends[-1] != len(characters) - 1:
        raise ValueError("RLE counts stop in the middle of a number: the mask is cut off")
    starts = np.r_[0, ends[:-1] + 1]
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise ValueError("RLE counts hold a run of impossible length: the mask is damaged")
    shifts = 5 * (np.arange(len(characters)) - np.repeat(starts, lengths))
    values = np.add.reduceat((characters & 31) << shifts, starts)
    values -= np.where(characters[ends] & 16, 1 << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
