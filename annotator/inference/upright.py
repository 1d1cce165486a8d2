"""Predictions on rotated views: the network is best on people who stand, and a rotated view makes others stand."""

from __future__ import annotations

import numpy as np

from annotator.geometry.letterbox import Letterbox
from annotator.inference.decoding import decode
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.labels.maps import Maps
from annotator.labels.people import People


def decode_upright(
    network: Network,
    square: np.ndarray,
    maps: Maps,
    letterbox: Letterbox,
    size: tuple[int, int],
    settings: Settings,
) -> People:
    """The people of a view, predicted on the rotated view if most of them do not stand.

    A view on which nobody is found is not rotated: that would find people where there are none. Arguments as of
    :func:`~annotator.inference.decoding.decode` and :func:`predict_upright`.
    """
    people = decode(maps, letterbox, size, network.info, settings)
    if not people.people:
        return people
    turns = quarter_turns(maps, maps.person >= settings.threshold)
    if not turns:
        return people
    upright_maps = predict_upright(network, square, maps, turns, settings.flip_augment)
    upright_people = decode(upright_maps, letterbox, size, network.info, settings)
    return upright_people if upright_people.people else people


def predict_upright(network: Network, square: np.ndarray, maps: Maps, turns: int, flip_augment: bool) -> Maps:
    """The maps of a view, predicted after quarter turns counter-clockwise.

    Args:
        network: that made the maps.
        square: uint8 [H, W, 3], H = W, the view.
        maps: of that view: no batch axis.
        turns: as of :func:`quarter_turns`.
        flip_augment: see :func:`~annotator.inference.flip_augmentation.predict`.

    Returns:
        Maps of the view in its own orientation; the given ones without a turn.
    """
    if not turns:
        return maps
    rotated = np.ascontiguousarray(np.rot90(square, turns))
    return rotate(predict(network, rotated[None], flip_augment)[0], -turns)


def quarter_turns(maps: Maps, region: np.ndarray) -> int:
    """Quarter turns counter-clockwise after which most of the people in a region stand.

    The line from pelvis to head, as each pixel's head vectors give it, is the direction of the body.

    Args:
        maps: of one image.
        region: (h, w) bool.

    Returns:
        0 to 3; 0 also for an empty region, and for a model whose head vectors have no pelvis.
    """
    vectors = maps.head_vectors[region]
    if not len(vectors) or vectors.shape[1] < 4:
        return 0
    x, y = (vectors[:, :2] - vectors[:, 2:4]).T
    turns = np.rint(np.arctan2(x, -y) / (np.pi / 2)).astype(int) % 4
    # Weighted by length: of a person seen from above the line is short and its direction means little.
    return int(np.bincount(turns, np.hypot(x, y), minlength=4).argmax())


def rotate(maps: Maps, turns: int) -> Maps:
    """The maps of one square image, rotated by quarter turns counter-clockwise."""
    rotated = {name: np.ascontiguousarray(np.rot90(getattr(maps, name), turns)) for name in Maps.__slots__}
    head_vectors = rotated["head_vectors"]
    for _ in range(turns % 4):
        # Even channels are x. What was to the right is now above.
        x, y = head_vectors[..., ::2].copy(), head_vectors[..., 1::2].copy()
        head_vectors[..., ::2], head_vectors[..., 1::2] = y, -x
    return Maps(**rotated)
