"""Views turned upright: the network knows people best who stand, and a turned photo makes others stand."""

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
    """The people of a view, from a turned look if most of them do not stand; arguments as of
    :func:`~annotator.inference.decoding.decode` and :func:`predict_upright`.

    A view on which nobody is found is not turned: a second chance would find people where none are.
    """
    people = decode(maps, letterbox, size, network.info, settings)
    if not people.people:
        return people
    seen = predict_upright(network, square, maps, maps.person >= settings.threshold, settings.flip_augment)
    if seen is maps:
        return people
    turned = decode(seen, letterbox, size, network.info, settings)
    return turned if turned.people else people


def predict_upright(
    network: Network, square: np.ndarray, maps: Maps, region: np.ndarray, flip_augment: bool
) -> Maps:
    """Look again, with the view turned by quarter turns, where people lie or are upside down.

    Args:
        network: that made the maps.
        square: uint8 [H, W, 3], H = W, the view.
        maps: of that view: no batch axis.
        region: (h, w) bool, the pixels of the maps whose people count.
        flip_augment: see :func:`~annotator.inference.flip_augmentation.predict`.

    Returns:
        Maps of the view as it is, from the turned look; those given where people stand or nobody is.
    """
    turns = quarter_turns(maps, region)
    if not turns:
        return maps
    turned = np.ascontiguousarray(np.rot90(square, turns))
    return turn(predict(network, turned[None], flip_augment)[0], -turns)


def quarter_turns(maps: Maps, region: np.ndarray) -> int:
    """Quarter turns counter-clockwise after which most of the people in a region stand.

    Each pixel says where it takes head and pelvis of its person to be; the line between them is the body's.

    Args:
        maps: of one image.
        region: (h, w) bool.

    Returns:
        0 to 3; 0 also where nobody is, and with a model whose pixels vote for the head alone.
    """
    votes = maps.head_vectors[region]
    if not len(votes) or votes.shape[1] < 4:
        return 0
    x, y = (votes[:, :2] - votes[:, 2:4]).T
    turns = np.rint(np.arctan2(x, -y) / (np.pi / 2)).astype(int) % 4
    # Of a person who is seen from the head down the line is short, and its direction means little.
    return int(np.bincount(turns, np.hypot(x, y), minlength=4).argmax())


def turn(maps: Maps, turns: int) -> Maps:
    """The maps of one image, h = w, as of the image turned by quarter turns counter-clockwise."""
    turned = {name: np.ascontiguousarray(np.rot90(getattr(maps, name), turns)) for name in Maps.__slots__}
    head_vectors = turned["head_vectors"]
    for _ in range(turns % 4):
        # Even channels are x. What was to the right is now above.
        x, y = head_vectors[..., ::2].copy(), head_vectors[..., 1::2].copy()
        head_vectors[..., ::2], head_vectors[..., 1::2] = y, -x
    return Maps(**turned)
