"""Box prompt: the person inside a box that somebody drew or the finder proposed, or of a known mask, predicted in a view of its
own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from annotator.geometry.boxes import FloatBox, pixels_in_box
from annotator.geometry.letterbox import Letterbox
from annotator.inference.blending import blend
from annotator.inference.decoding import box_on_maps, decode_box, decode_mask
from annotator.inference.flip_augmentation import predict
from annotator.inference.network import Network
from annotator.inference.photo_views import Photo, box_view, show
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.refinement import refine, refine_in_view
from annotator.inference.settings import Settings
from annotator.inference.upright import predict_upright, quarter_turns
from annotator.labels.maps import Maps
from annotator.labels.people import Person


class BoxView(NamedTuple):
    """What the networks see in the view of a box, in the orientation of the photo."""

    maps: Maps
    letterbox: Letterbox
    heatmaps: np.ndarray | None
    """(s, s, 17) of the pose estimator, 0..1."""


def label_boxes(
    photo: np.ndarray,
    boxes: Sequence[FloatBox],
    network: Network,
    settings: Settings,
    pose: PoseEstimator | None = None,
) -> list[Person | None]:
    """The person in each box that somebody drew on a photo.

    Flip augmentation is always on, and the pose estimator looks twice, at the box and at the mask in it: such boxes are few, and drawn
    where the first labels were not good enough.

    Args:
        photo: uint8 [H, W, 3].
        boxes: x, y, w, h in image pixels, each around one person and with an extent.
        pose: has a say in mask and charts, and predicts the keypoints again.

    Returns:
        A person for each box, ``None`` where nobody was found; see
        :func:`~annotator.inference.decoding.decode_box`.
    """
    people = label_prompts([(photo, box) for box in boxes], network, settings, pose, flip_augment=True)
    refine(photo, people, pose, flip_augment=True)
    return people


def label_prompts(
    prompts: Sequence[tuple[Photo | np.ndarray, FloatBox]],
    network: Network,
    settings: Settings,
    pose: PoseEstimator | None = None,
    *,
    flip_augment: bool,
) -> list[Person | None]:
    """The person in each box, predicted on the padded box at full input size, and upright.

    Args:
        prompts: photos, each with a box, as of :func:`label_boxes`; a batch may hold boxes of several photos.
        pose: has a say in mask and charts, and predicts the keypoints again.
        flip_augment: in place of the settings'.
    """
    views = predict_boxes(prompts, network, settings, flip_augment, pose)
    found = []
    for (photo, box), seen in zip(prompts, views, strict=True):
        size = photo.shape[1::-1]
        found.append(decode_box(seen.maps, seen.letterbox, size, network.info, settings, box))
        _refine(found[-1], seen, size)
    return found


def label_masks(
    photo: np.ndarray,
    people: Sequence[Person],
    network: Network,
    settings: Settings,
    pose: PoseEstimator | None = None,
) -> list[Person | None]:
    """People whose pixels are known, labelled anew, each in a view of its own, with flip augmentation.

    Args:
        photo: uint8 [H, W, 3].
        people: with masks that are not empty.
        pose: has a say in charts, and predicts the keypoints again.

    Returns:
        For each one a person with the same box and mask; see :func:`~annotator.inference.decoding.decode_mask`.
    """
    prompts = [(photo, person.box) for person in people]
    views = predict_boxes(prompts, network, settings, flip_augment=True, pose=pose)
    size, found = photo.shape[1::-1], []
    for person, seen in zip(people, views, strict=True):
        found.append(
            decode_mask(seen.maps, seen.letterbox, size, network.info, settings, person.box, person.mask)
        )
        _refine(found[-1], seen, size)
    return found


def predict_boxes(
    prompts: Sequence[tuple[Photo | np.ndarray, FloatBox]],
    network: Network,
    settings: Settings,
    flip_augment: bool,
    pose: PoseEstimator | None = None,
) -> Iterator[BoxView]:
    """What the networks see in the view of each box, upright.

    Args:
        prompts, flip_augment: as of :func:`label_prompts`.
        pose: has a say in which pixels are those of the person in the box, and in their charts.
    """
    batch_size = settings.batch_size or network.batch_size
    views = [box_view(box, network.side) for _, box in prompts]
    squares = show([photo for photo, _ in prompts], views)
    for start in range(0, len(prompts), batch_size):
        batch = slice(start, start + batch_size)
        found = predict(network, np.stack(squares[batch]), flip_augment)
        upright, turned = [], []
        for i, ((_, box), square, view) in enumerate(
            zip(prompts[batch], squares[batch], views[batch], strict=True)
        ):
            inside = pixels_in_box(box_on_maps(box, view, network.info), found[i].person.shape)
            turns = quarter_turns(found[i], inside & (found[i].person >= settings.threshold))
            upright.append(predict_upright(network, square, found[i], turns, flip_augment))
            turned.append((square, turns))
        heatmaps = [None] * len(upright) if pose is None else blend(upright, turned, pose, flip_augment)
        yield from map(BoxView, upright, views[batch], heatmaps)


def _refine(person: Person | None, seen: BoxView, size: tuple[int, int]) -> None:
    if person is not None and seen.heatmaps is not None:
        refine_in_view(person, seen.heatmaps, seen.letterbox, size)
