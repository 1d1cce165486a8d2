"""What the pose estimator makes better: charts, U and V, keypoints and the sides of limbs, and in the view of a box the mask, too."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.decoding import REACH, maps_to_image, set_keypoints
from annotator.inference.flip_augmentation import predict
from annotator.inference.heatmaps import find_peaks
from annotator.inference.photo_views import Photo, box_view, show
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.pose_sides import is_back_taken_for_front, set_sides
from annotator.inference.resampling import resample_charts
from annotator.labels.label_space import CHART_PARTS, HIP_KEYPOINTS, KEYPOINT_MIRROR, KEYPOINTS
from annotator.labels.maps import Maps, PersonMaps
from annotator.labels.people import UNSURE_KEYPOINT, Person
from annotator.labels.quality import find_issues, mean_confidence

OWN_SHARE, OWN_SPREAD = 0.2, 8
"""Weight of the keypoints that a person has already, beside the pose estimator's heatmaps, and standard deviation in pixels of
the view of the Gaussian that stands for each of them."""
MASK_SHARE = 0.7
"""Weight of the pose estimator in the probability that a pixel is the person's in a box."""
SURFACE_SHARE = 0.3
"""Weight of the pose estimator in U, V and confidence of a chart that both networks see."""
UPPER_KEYPOINTS = slice(0, 7)
"""Of head and shoulders."""


def blend(
    maps: Sequence[Maps], views: Sequence[tuple[np.ndarray, int]], pose: PoseEstimator, flip_augment: bool
) -> list[np.ndarray]:
    """Blend what the pose estimator says of the person in the middle of each view into the maps: their ``person``, which then is
    low on everybody else, and charts, U and V.

    Args:
        maps: of each view, without a batch axis.
        views: uint8 [H, W, 3], H = W, and the quarter turns counter-clockwise after which the person in it stands.
        flip_augment: as of :func:`refine`.

    Returns:
        The person's heatmaps (s, s, 17) in each view, for :func:`refine_in_view`.
    """
    squares = [cv2.resize(np.rot90(square, turns), (pose.side, pose.side)) for square, turns in views]
    seen = predict(pose, np.stack(squares), flip_augment)
    heatmaps = []
    for i, (of_view, (_, turns)) in enumerate(zip(maps, views, strict=True)):
        own = _fitted(seen[i], -turns, of_view.person.shape[::-1])
        of_view.person = ((1 - MASK_SHARE) * of_view.person + MASK_SHARE * own.person).astype(np.float32)
        _blend_charts(of_view, own)
        heatmaps.append(own.keypoints)
    return heatmaps


def _fitted(maps: PersonMaps, turns: int, size: tuple[int, int]) -> PersonMaps:
    """The maps of a view, rotated by quarter turns counter-clockwise; all but the keypoints in another size."""
    rotated = {
        name: np.ascontiguousarray(np.rot90(getattr(maps, name), turns)) for name in PersonMaps.__slots__
    }
    for name in rotated.keys() - {"keypoints"}:
        # Labels, and what belongs to them, have no mean.
        way = cv2.INTER_LINEAR if name == "person" else cv2.INTER_NEAREST
        rotated[name] = cv2.resize(rotated[name], size, interpolation=way)
    return PersonMaps(**rotated)


def _blend_charts(maps: Maps, own: PersonMaps) -> None:
    """Where both see the same chart, U and V become their means; else the chart is that of the surer one."""
    same = maps.charts == own.charts
    surer = own.chart_confidence > maps.chart_confidence
    for name in ("u", "v"):
        setattr(maps, name, _mixed(getattr(maps, name), getattr(own, name), same, surer))
    for name in ("chart_confidence", "part_confidence"):
        setattr(maps, name, _mixed_confidence(getattr(maps, name), getattr(own, name), same, surer))
    maps.charts = np.where(surer, own.charts, maps.charts)


def _refine_charts(person: Person, own: PersonMaps, view: Letterbox) -> None:
    """As :func:`_blend_charts`, of a person of whose charts only the mean confidence is known.

    Args:
        person: gets new parts, charts, U and V, and the confidence and issues of these.
        own: the pose estimator's, of the view.
    """
    before = person.quality.get("charts")
    if person.charts is None or before is None:
        return
    to_box = maps_to_image(view, view.side / own.charts.shape[0])[:2].copy()
    to_box[:, 2] -= person.box[:2]
    charts, u, v, confidence = resample_charts(own, np.ones(own.charts.shape, bool), to_box, person.box[2:])
    labelled = (person.charts > 0) & (charts > 0)
    if not labelled.any():
        return
    same = labelled & (charts == person.charts)
    surer = labelled & (confidence > before)
    person.u, person.v = (
        _mixed(*both, same, surer).astype(np.float16) for both in ((person.u, u), (person.v, v))
    )
    person.charts = np.where(surer, charts, person.charts)
    parts = cv2.LUT(person.charts, CHART_PARTS)
    against = float((parts != person.parts)[labelled].mean())
    person.issues["chart_against_part"] = max(person.issues.get("chart_against_part", 0.0), against)
    person.parts = parts
    person.quality["charts"] = float(_mixed_confidence(before, confidence, same, surer)[labelled].mean())


def _mixed(before: np.ndarray | float, new: np.ndarray, same: np.ndarray, surer: np.ndarray) -> np.ndarray:
    """Means where both see the same, else what the surer one says."""
    mean = (1 - SURFACE_SHARE) * before + SURFACE_SHARE * new
    return np.where(same, mean, np.where(surer, new, before))


def _mixed_confidence(
    before: np.ndarray | float, new: np.ndarray, same: np.ndarray, surer: np.ndarray
) -> np.ndarray:
    """As :func:`_mixed`, but half of that where they differ."""
    return _mixed(before, new, same, surer) * np.where(same, np.float32(1), np.float32(0.5))


def refine(
    photo: Photo | np.ndarray,
    people: Sequence[Person | None],
    pose: PoseEstimator | None,
    *,
    flip_augment: bool,
    batch_size: int | None = None,
) -> None:
    """Blend what the pose estimator says of people's charts into theirs, and :func:`refine_in_view`, each in a view of their own, turned
    so that they stand.

    Args:
        photo: a photo or its pixels, uint8 [H, W, 3] RGB.
        people: those without a mask, and ``None``, stay as they are.
        pose: ``None`` to leave everybody as they are.
        flip_augment: take the mean of the maps of a view and its mirror image, at twice the cost.
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
    batch_size = batch_size or pose.backend.batch_size
    for start in range(0, len(people), batch_size):
        batch = slice(start, start + batch_size)
        seen = predict(pose, np.stack(upright[batch]), flip_augment)
        for i, (person, view, turn) in enumerate(zip(people[batch], views[batch], turns[batch], strict=True)):
            own = _fitted(seen[i], -turn, seen.charts.shape[:0:-1])
            _refine_charts(person, own, view)
            refine_in_view(person, own.keypoints, view, photo.shape[1::-1])


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
    to_maps = view.matrix / stride
    to_maps[:, 2] += to_maps[:, :2] @ person.box[:2]  # the mask begins at the box
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
