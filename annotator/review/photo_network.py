"""The network that labelled a dataset, asked again about the people of one photo while they are edited."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from annotator.geometry.boxes import Box
from annotator.inference.box_prompt import label_boxes, label_masks
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.labels.people import Person
from annotator.photos.reading import read_photo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoNetwork:
    """Asks the network about a photo.

    Methods raise what reading the photo and running the model raise: :class:`annotator.photos.reading.PhotoError`,
    :class:`annotator.inference.network.ModelError`, :class:`annotator.inference.network.InferenceError`, ImportError.
    """

    filepath: str
    model: Path
    settings: Settings
    """Of the run that labelled the dataset."""

    def label_box(self, box: Box) -> Person | None:
        """The person in a box, ``None`` where nobody is."""
        return label_boxes(self._photo, [box], self._network, self.settings)[0]

    def label_masks(self, people: Sequence[Person]) -> list[Person | None]:
        """As :func:`annotator.inference.box_prompt.label_masks`; all ``None`` if the photo, the model or ONNX Runtime cannot be
        used: the edit is then made without."""
        try:
            return label_masks(self._photo, people, self._network, self.settings)
        except (ValueError, ImportError, OSError, MemoryError) as error:
            logger.warning(
                "%s: people keep their labels, the model cannot be asked: %s", self.filepath, error
            )
            return [None] * len(people)

    @property
    def _network(self) -> Network:
        return _network(self.model, _modified(self.model))

    @property
    def _photo(self) -> np.ndarray:
        return _photo(self.filepath, _modified(Path(self.filepath)))


def _modified(path: Path) -> int:
    """When a file was, which has it loaded anew; 0 if it is not there."""
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=2)
def _network(model: Path, modified: int) -> Network:
    return Network(model)


@lru_cache(maxsize=1)
def _photo(filepath: str, modified: int) -> np.ndarray:
    return read_photo(filepath)


def settings_of_run(values: Mapping[str, Any]) -> Settings:
    """The settings of the run that labelled the dataset; the defaults if it was one of another version."""
    try:
        return Settings.from_dict(dict(values))
    except ValueError:
        return Settings()
