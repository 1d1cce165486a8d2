"""Masks as COCO writes them: compressed run-length codes, and what else a file may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as codec


def encode(mask: np.ndarray) -> dict[str, Any]:
    """Compressed RLE of an (h, w) mask, as JSON can hold it."""
    return encode_all(mask[..., None])[0]


def encode_all(masks: np.ndarray) -> list[dict[str, Any]]:
    """Compressed RLEs of (h, w, n) masks."""
    codes = codec.encode(np.asfortranarray(masks, dtype=np.uint8))
    return [{"size": list(code["size"]), "counts": code["counts"].decode("ascii")} for code in codes]


def decode(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    """Mask of a polygon list, an uncompressed or a compressed RLE.

    Args:
        segmentation: the JSON value.
        size: width, height of the image in pixels.

    Returns:
        (height, width) bool.

    Raises:
        ValueError: saying what is wrong with the value.
    """
    width, height = size
    if isinstance(segmentation, list):
        polygons = [p for p in segmentation if isinstance(p, list) and len(p) >= 6 and len(p) % 2 == 0]
        if len(polygons) != len(segmentation):
            raise ValueError("a polygon needs an even number of at least 6 coordinates")
        numbers = [np.asarray(p, np.float64) for p in polygons]
        if not all(np.isfinite(n).all() for n in numbers):
            raise ValueError("a polygon has a coordinate that is not a number")
        return codec.decode(codec.merge(codec.frPyObjects(polygons, height, width))).astype(bool)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise ValueError("neither a list of polygons nor an RLE with `size` and `counts`")
    if list(segmentation["size"]) != [height, width]:
        raise ValueError(f"RLE size is {segmentation['size']}, should be [{height}, {width}]")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        if not all(isinstance(c, int) and c >= 0 for c in counts) or sum(counts) != width * height:
            raise ValueError(f"RLE counts do not add up to {width * height} pixels")
        segmentation = codec.frPyObjects(segmentation, height, width)
    elif not isinstance(counts, str) or _runs_total(counts) != width * height:
        raise ValueError(f"compressed RLE does not hold {width * height} pixels")
    return codec.decode(segmentation).astype(bool)


def _runs_total(counts: str) -> int:
    """Sum of the runs of a compressed RLE; pycocotools would read past the end of a broken one.

    Each run is a little-endian base-32 number in printable characters (48 + 5 bits + continuation bit), and
    from the third on the difference to the run two before it (pycocotools ``rleFrString``).
    """
    codes = np.frombuffer(counts.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if not len(codes) or ((codes < 0) | (codes > 63)).any() or codes[-1] & 32:
        return -1
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 12:  # more digits than any image needs would overflow
        return -1
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((codes & 31) << (5 * place), starts)
    runs -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)
    for first in (1, 2):
        runs[first::2] = np.cumsum(runs[first::2])
    return int(runs.sum()) if (runs >= 0).all() else -1
