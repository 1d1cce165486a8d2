"""What the pose estimator makes better in people who were found: their keypoints, the sides of their limbs and, where it has not seen
them before, mask, charts, U and V."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.blending import blend_labels, box_to_maps, fitted
from annotator.inference.decoding import REACH, set_keypoints
from annotator.inference.facing import is_back_taken_for_front
from annotator.inference.flip_augmentation import predict
from annotator.inference.heatmaps import find_peaks
from annotator.inference.photo_views import Photo, box_view, show
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.pose_sides import set_sides
from annotator.labels.label_space import HIP_KEYPOINTS, KEYPOINT_MIRROR, KEYPOINTS
from annotator.labels.people import UNSURE_KEYPOINT, Person
from annotator.labels.quality import find_issues, mean_confidence

OWN_SHARE, OWN_SPREAD = 0.2, 8
"""Weight of the keypoints that a person has already, beside the pose estimator's heatmaps, and standard deviation in pixels of
the view of the Gaussian that stands for each of them."""
UPPER_KEYPOINTS = slice(0, 7)
"""Of head and shoulders."""


def refine(
    photo: Photo | np.ndarray,
    people: Sequence[Person | None],
    pose: PoseEstimator | None,
    *,
    flip_augment: bool,
    threshold: float | None = None,
    batch_size: int | None = None,
) -> None:
    """Blend what the pose estimator says of people's masks and charts into theirs, and :func:`refine_in_view`, each in a view of
    their own, turned so that they stand.

    Args:
        photo: a photo or its pixels, uint8 [H, W, 3] RGB.
        people: those without a mask, and ``None``, stay as they are.
        pose: ``None`` to leave everybody as they are.
        flip_augment: take the mean of the maps of a view and its mirror image, at twice the cost.
        threshold: person probability from which a pixel is somebody's; ``None`` to leave masks as they are.
        batch_size: views per call; default: the backend's.
    """
    people = [
        person for person in people if person is not None and person.mask is not None and person.mask.any()
    ]
    if pose is None or not people:
        return
    views = [box_view(person.box, pose.side) for person in people]
    squares = show([photo] * len(people), views)
    turns = [quarter_turns(person) for person in people]
    upright = [np.rot90(square, turn) for square, turn in zip(squares, turns, strict=True)]
    size = photo.shape[1::-1]
    batch_size = batch_size or pose.backend.batch_size
    for start in range(0, len(people), batch_size):
        batch = slice(start, start + batch_size)
        seen = predict(pose, np.stack(upright[batch]), flip_augment)
        for i, (person, view, turn) in enumerate(zip(people[batch], views[batch], turns[batch], strict=True)):
            own = fitted(seen[i], -turn, seen.charts.shape[:0:-1])
            blend_labels(person, own, view, people, size, threshold)
            refine_in_view(person, own.keypoints, view, size)


def quarter_turns(person: Person) -> int:
    """Quarter turns counter-clockwise after which a person stands, by the line from hips to head and shoulders; 0 where these
    keypoints are guesses or missing."""
    if person.keypoints is None:
        return 0
    ends = []
    for group in (HIP_KEYPOINTS, UPPER_KEYPOINTS):
        points = person.keypoints[group]
        points = points[points[:, 2] >= UNSURE_KEYPOINT]
        if not len(points):
            return 0
        ends.append(np.average(points[:, :2], axis=0, weights=points[:, 2]))
    x, y = ends[1] - ends[0]
    return int(np.rint(np.arctan2(x, -y) / (np.pi / 2))) % 4


def refine_in_view(person: Person, heatmaps: np.ndarray, view: Letterbox, size: tuple[int, int]) -> None:
    """Predict the keypoints of a person again, and the sides of their limbs.

    A keypoint is the highest point, near the person's mask, of the mean of the pose estimator's heatmap and a Gaussian at the
    keypoint that the person has already. Its confidence is the value there. Parts, charts, U and V of limbs take the side that
    the heatmaps say (:func:`~annotator.inference.pose_sides.set_sides`); of somebody whose back the pose estimator takes for
    the front they keep theirs, and the keypoints get it.

    Args:
        person: with a mask; gets new keypoints, visibility, sides, confidence and issues of these.
        heatmaps: (s, s, 17), of the view.
        view: of an image.
        size: width, height of that in pixels.
    """
    count = heatmaps.shape[0]
    stride = view.side / count
    to_maps = box_to_maps(person.box, view, count)
    region = warp(person.mask.view(np.uint8), to_maps, (count, count), cv2.INTER_NEAREST)
    near = cv2.dilate(region, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)).view(bool)
    if not near.any():
        return
    mixed = _with_own(person, heatmaps, view)
    at = find_peaks(mixed, near)
    if is_back_taken_for_front(person, at):
        mixed = _with_own(person, heatmaps.take(KEYPOINT_MIRROR, axis=2), view)
        at = find_peaks(mixed, near)
    else:
        set_sides(person, mixed, to_maps)
    column, row = np.floor(at).astype(int).T
    confidence = mixed[row, column, np.arange(len(KEYPOINTS))]
    set_keypoints(person, view.to_image(at * stride), confidence, size)
    person.quality["keypoints"] = mean_confidence(person.keypoints[:, 2])
    person.issues |= {
        name: score for name, score in find_issues(person).items() if name != "chart_against_part"
    }


def _with_own(person: Person, heatmaps: np.ndarray, view: Letterbox) -> np.ndarray:
    """Heatmaps (s, s, 17) of a view together with the keypoints that the person has."""
    if person.keypoints is None:
        return heatmaps
    stride = view.side / heatmaps.shape[0]
    own = _gaussians(view.to_square(person.keypoints[:, :2]) / stride, OWN_SPREAD / stride, len(heatmaps))
    return (1 - OWN_SHARE) * heatmaps + OWN_SHARE * person.keypoints[:, 2] * own


def _gaussians(centres: np.ndarray, deviation: float, count: int) -> np.ndarray:
    """float32 (count, count, n): a peak of 1 at each of (n, 2) centres x, y."""
    middles = np.arange(count, dtype=np.float32)[:, None] + 0.5
    x, y = (np.exp(-0.5 * ((middles - of_axis) / deviation) ** 2) for of_axis in centres.T.astype(np.float32))
    return y[:, None] * x[None]
