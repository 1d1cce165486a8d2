"""Box prompt: the person inside a drawn box, predicted in a view of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annotator.geometry.boxes import FloatBox, pad_box, pixels_in_box
from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import box_on_maps, decode_box
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.inference.upright import predict_upright
from annotator.labels.people import Person


def label_boxes(
    photo: np.ndarray, boxes: Sequence[FloatBox], network: Network, settings: Settings
) -> list[Person | None]:
    """The person in each box, predicted on the padded box at full input size with flip augmentation, and upright.

    Flip augmentation is always on: boxes are few, and drawn where the first labels were not good enough.

    Args:
        photo: uint8 [H, W, 3].
        boxes: x, y, w, h in image pixels, each around one person and with an extent.

    Returns:
        A person for each box, ``None`` where nobody was found; see
        :func:`~annotator.inference.decoding.decode_box`.
    """
    size = photo.shape[1::-1]
    people = []
    for start in range(0, len(boxes), settings.batch_size):
        batch = boxes[start : start + settings.batch_size]
        views = [_view(box, network.side) for box in batch]
        squares = np.stack([view.apply(photo) for view in views])
        maps = predict(network, squares, flip_augment=True)
        for i, (box, view) in enumerate(zip(batch, views, strict=True)):
            inside = pixels_in_box(box_on_maps(box, view, network.info), maps[i].person.shape)
            region = inside & (maps[i].person >= settings.threshold)
            upright_maps = predict_upright(network, squares[i], maps[i], region, flip_augment=True)
            people.append(decode_box(upright_maps, view, size, network.info, settings, box))
    return people


def _view(box: FloatBox, side: int) -> Letterbox:
    x, y, w, h = pad_box(box)
    return Letterbox((w, h), side, (x, y))
