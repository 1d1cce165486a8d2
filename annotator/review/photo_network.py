"""The network that labelled a dataset, asked again about the people of one photo while they are edited."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from annotator.geometry.boxes import (
    Box,
    bounding_box,
    clip_box,
    crop,
    intersection_area,
    overlap_slices,
    union_box,
)
from annotator.geometry.crops import recrop
from annotator.inference.box_prompt import label_boxes, label_masks
from annotator.inference.click_prompt import Click, ClickView, choose_box, click_mask, click_view
from annotator.inference.decoding import decode_mask
from annotator.inference.finder import Finder, finder_beside
from annotator.inference.network import Network
from annotator.inference.pose_estimator import open_pose_estimator
from annotator.inference.refinement import refine
from annotator.inference.settings import Settings
from annotator.labels.people import Person, PossiblePerson, Provenance
from annotator.photos.reading import read_photo

_VIEWS: deque[tuple[tuple, ClickView]] = deque(maxlen=8)
"""The last views of clicks, by what they are of: a further click takes no call of the network."""
LEAST_SCORE = 0.05
"""Of a box of the finder that a click may mean."""
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
        network = self._network
        return label_boxes(
            self._photo, [box], network, self.settings, open_pose_estimator(network, self.settings)
        )[0]

    def label_masks(self, people: Sequence[Person]) -> list[Person | None]:
        """As :func:`annotator.inference.box_prompt.label_masks`; all ``None`` if the photo, the model or ONNX Runtime cannot be
        used: the edit is then made without."""
        try:
            network = self._network
            pose = open_pose_estimator(network, self.settings)
            return label_masks(self._photo, people, network, self.settings, pose)
        except (ValueError, ImportError, OSError, MemoryError) as error:
            logger.warning(
                "%s: people keep their labels, the model cannot be asked: %s", self.filepath, error
            )
            return [None] * len(people)

    def label_click(self, person: Person | None, clicks: Sequence[Click]) -> Person | None:
        """A person with the mask that clicks make, and the network's labels inside of it.

        Args:
            person: as before the last click; ``None`` for one who begins with it.
            clicks: in image pixels, the new one last.

        Returns:
            ``None`` where nobody is left.
        """
        photo, network = self._photo, self._network
        size = photo.shape[1::-1]
        view = self._view(person, clicks, photo, network)
        window = view.window
        # A click on somebody without pixels, of whom a file had only a box, say, begins the mask.
        begins = person is None or (clicks[-1].positive and not person.mask.any())
        before = None if begins else recrop(person, window).mask
        mask = click_mask(view, clicks, before, network.info, self.settings)
        box, whole = window, mask
        if person is not None:
            box = union_box(window, person.box)
            whole = recrop(person, box).mask.copy()
            here, _ = overlap_slices(box, window)
            whole[here] = mask
        tight = bounding_box(whole)
        if tight is None:
            return None
        whole = np.ascontiguousarray(crop(whole, tight))
        box = (box[0] + tight[0], box[1] + tight[1], *tight[2:])
        found = decode_mask(view.maps, view.letterbox, size, network.info, self.settings, box, whole)
        refine(photo, [found], open_pose_estimator(network, self.settings), flip_augment=False)
        return found or Person(box, mask=whole, provenance=Provenance(model=network.info.model_id))

    def _view(
        self, person: Person | None, clicks: Sequence[Click], photo: np.ndarray, network: Network
    ) -> ClickView:
        """One of the last views of this photo if it shows what is clicked, else a new one."""
        key = (
            self.filepath,
            _modified(Path(self.filepath)),
            self.model,
            _modified(self.model),
            self.settings,
        )
        last = clicks[-1]
        if person is not None:
            for known, view in reversed(list(_VIEWS)):
                if known == key and view.fits(person.box, [last]):
                    return view
            reach = 0.15 * max(person.box[2:])
            around = (last.x - reach, last.y - reach, 2 * reach, 2 * reach)
            inside = intersection_area(around, person.box) > 0.5 * 4 * reach**2
            box = person.box if inside else union_box(person.box, clip_box(around, photo.shape[1::-1]))
        else:
            finder = _finder(network.path, _modified(network.path))
            box = choose_box(_proposals(finder, *key[:2]), last, photo.shape[1::-1])
        view = click_view(photo, box, network, self.settings, open_pose_estimator(network, self.settings))
        _VIEWS.append((key, view))
        return view

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


@lru_cache(maxsize=1)
def _finder(model: Path, modified: int) -> Finder:
    return Finder(finder_beside(model))


@lru_cache(maxsize=2)
def _proposals(finder: Finder, filepath: str, modified: int) -> list[PossiblePerson]:
    return finder.find([_photo(filepath, modified)], LEAST_SCORE)[0]
