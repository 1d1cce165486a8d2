"""Whether two files of one network say the same on real photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.photos.reading import PhotoError, read_photo

LABEL_MAPS = ("parts", "charts")
GATHERED = {"u": "charts", "v": "charts", "part_confidence": "parts", "chart_confidence": "charts"}
"""Maps whose value belongs to the label chosen at a pixel; where the label flips, so does the value. A pose estimator has no
parts but those of its charts."""

MIN_PERSON = 0.1
"""Probability of a person from which these and the head vectors are compared; elsewhere they are not used."""

LIMITS = {"float32": (1e-3, 1e-3), "float16-weights": (5e-2, 2e-2), "float16": (1e-2, 5e-3)}
"""By precision, the largest difference of a map and the largest share of flipped labels that an export may show.
``float16-weights`` stores weights at half size and computes in float32; ``float16`` computes in it too."""


class ExportError(ValueError):
    """The exported graph cannot be trusted or cannot be made."""


@dataclass(frozen=True)
class Parity:
    """Keras against ONNX Runtime on the same images."""

    differences: dict[str, float]
    """Largest difference of each map, relative where the value is above 1; where a label flipped, its values
    are left out, and below :data:`MIN_PERSON` these and the head vectors."""
    flipped: dict[str, float]
    """Share of pixels whose label differs."""

    def table(self) -> str:
        rows = [f"{name:>17}  largest difference {value:.2e}" for name, value in self.differences.items()]
        rows += [f"{name:>17}  {share:.4%} of pixels differ" for name, share in self.flipped.items()]
        return "\n".join(rows)

    def check(self, precision: str) -> None:
        """Raise :class:`ExportError` if the two networks disagree by more than :data:`LIMITS`."""
        limit, flips = LIMITS[precision]
        bad = [name for name, value in self.differences.items() if not value <= limit]
        bad += [name for name, share in self.flipped.items() if not share <= flips]
        if bad:
            raise ExportError(f"ONNX Runtime and Keras disagree on {', '.join(bad)}:\n{self.table()}")


def compare(expected: dict[str, np.ndarray], actual: dict[str, np.ndarray]) -> Parity:
    """Parity of two decoded results with the same names and shapes."""
    flips = {name: expected[name] != actual[name] for name in LABEL_MAPS if name in expected}
    people = expected["person"] >= MIN_PERSON
    differences = {}
    for name, value in expected.items():
        if name in LABEL_MAPS:
            continue
        # Head vectors are not bounded: far from their person they may be large.
        gap = np.abs(value.astype(np.float64) - actual[name]) / np.maximum(np.abs(value), 1.0)
        if name in GATHERED:
            gap = gap[~flips.get(GATHERED[name], flips["charts"]) & people]
        elif name == "head_vectors":
            gap = gap[people]
        differences[name] = float(gap.max(initial=0.0))
    return Parity(differences, {name: float(flip.mean()) for name, flip in flips.items()})


def read_images(paths: Sequence[str | Path], side: int) -> np.ndarray:
    """Photos letterboxed to uint8 [N, side, side, 3].

    Raises:
        PhotoError: one cannot be read; names it.
    """
    batch = []
    for path in paths:
        try:
            photo = read_photo(path)
        except PhotoError as error:
            raise PhotoError(f"{path}: {error}") from None
        batch.append(Letterbox((photo.shape[1], photo.shape[0]), side).apply(photo))
    return np.stack(batch)
