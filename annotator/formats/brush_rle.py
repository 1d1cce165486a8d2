"""Label Studio's run lengths of brush masks: a stream of bits for the red, green, blue and alpha of each pixel, row by row.

The stream (``rle-pack`` of thi.ng/umbrella): 32 bits number of values, 5 bits word size − 1, four times 4 bits size of a length
− 1; then blocks: 1 bit whether one value is repeated, 2 bits which size of length, the length − 1, and the value or values.
"""

from __future__ import annotations

import numpy as np

from annotator.formats.values import FormatError

WORD = 8
LENGTHS = (3, 4, 8, 16)
"""Bits of a length, of what is written."""


def decode_brush(codes: object, size: tuple[int, int]) -> np.ndarray:
    """The (height, width) bool mask, where alpha is not 0, of codes on an image of ``size`` (width, height).

    Raises:
        FormatError: no such codes, cut off, or of another size.
    """
    width, height = size
    if (
        not isinstance(codes, list)
        or not set(map(type, codes)) <= {int}
        or (codes and not 0 <= min(codes) <= max(codes) < 256)
    ):
        raise FormatError("rle: must be a list of numbers 0..255")
    bits = np.unpackbits(np.array(codes, np.uint8))
    powers = 1 << np.arange(31, -1, -1, dtype=np.int64)
    place = 0

    def read(count: int) -> int:
        nonlocal place
        taken = bits[place : place + count]
        if len(taken) < count:
            raise FormatError("rle: stops before the mask is full: cut off")
        place += count
        return int(taken @ powers[32 - count :])

    total, word = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    if total != 4 * width * height:
        raise FormatError(f"rle: holds {total} values, not 4 for each of {width} × {height} pixels")
    alpha = np.zeros(width * height, bool)
    done = 0
    while done < total:
        is_run = read(1)
        count = 1 + read(lengths[read(2)])
        if done + count > total:
            raise FormatError("rle: holds more than the mask: damaged")
        # Alpha is every fourth value.
        first, last = done // 4, (done + count) // 4
        if is_run:
            alpha[first:last] = read(word) > 0
        else:
            taken = bits[place : place + count * word]
            if len(taken) < count * word:
                raise FormatError("rle: stops before the mask is full: cut off")
            place += count * word
            values = taken.reshape(count, word).any(axis=1)
            alpha[first:last] = values[3 - done % 4 :: 4]
        done += count
    return alpha.reshape(height, width)


def encode_brush(mask: np.ndarray) -> list[int]:
    """Codes of a (height, width) bool mask of a whole image."""
    flat = mask.ravel()
    edges = np.r_[0, np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size]
    pieces = [f"{4 * flat.size:032b}", f"{WORD - 1:05b}", *(f"{length - 1:04b}" for length in LENGTHS)]
    for start, count in zip(edges[:-1].tolist(), (4 * np.diff(edges)).tolist(), strict=True):
        value = f"{255 * int(flat[start]):08b}"
        for done in range(0, count, 1 << LENGTHS[-1]):
            taken = min(count - done, 1 << LENGTHS[-1])
            which = next(i for i, length in enumerate(LENGTHS) if taken <= 1 << length)
            pieces.append(f"1{which:02b}{taken - 1:0{LENGTHS[which]}b}{value}")
    stream = "".join(pieces)
    stream += "0" * (-len(stream) % 8)
    return np.packbits(np.frombuffer(stream.encode("ascii"), np.uint8) - ord("0")).tolist()
