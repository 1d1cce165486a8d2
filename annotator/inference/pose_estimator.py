"""The pose estimator: keypoints and mask of one person in a view of their own, more exact than those of the network that labels
everything else, and with them the sides of limbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.decoding import REACH, set_keypoints
from annotator.inference.heatmaps import find_peaks
from annotator.inference.network import POSE_METADATA_KEY, Network, OnnxFile, Output
from annotator.inference.photo_views import Photo, box_view, show
from annotator.inference.pose_sides import is_back_taken_for_front, set_sides
from annotator.inference.settings import Settings
from annotator.labels.label_space import HIP_KEYPOINTS, KEYPOINT_MIRROR, KEYPOINTS
from annotator.labels.maps import Maps
from annotator.labels.people import UNSURE_KEYPOINT, Person
from annotator.labels.quality import find_keypoint_issues, mean_confidence

POSE_FORMAT_VERSION = 1
DEFAULT_POSE_ESTIMATOR = Path(__file__).parents[1] / "models" / "pose.onnx"
OWN_SHARE, OWN_SPREAD = 0.2, 8
"""Weight of the keypoints that a person has already, beside the pose estimator's heatmaps, and standard deviation in pixels of
the view of the Gaussian that stands for each of them."""
MASK_SHARE = 0.7
"""Weight of the pose estimator in the probability that a pixel is the person's in a box."""
UPPER_KEYPOINTS = slice(0, 7)
"""Of head and shoulders."""


@dataclass(frozen=True)
class PoseEstimatorInfo:
    """What the file of a pose estimator says of itself."""

    format_version: int
    model_id: str
    input_size: int
    """Side in pixels of the squares for which it was trained."""
    precision: str
    report_sha256: str
    license: str
    created: str


class PoseEstimator:
    """A pose estimator in ONNX Runtime; arguments and errors as of :class:`~annotator.inference.network.Network`."""

    def __init__(
        self, path: str | Path = DEFAULT_POSE_ESTIMATOR, device: str | None = None, threads: int = 0
    ):
        self._file = OnnxFile(path, device, threads)
        self.backend = self._file.backend
        self.path = self._file.path
        self.info = self._file.read_info(POSE_METADATA_KEY, PoseEstimatorInfo, POSE_FORMAT_VERSION)
        self.side: int = self._file.read_side()
        """Side of the square images it takes, in pixels."""
        heatmaps = Output("float32", ("side", "side", len(KEYPOINTS)), 1)
        mask = Output("float32", ("2·side", "2·side"), 1)
        self._file.expect({"keypoints": heatmaps, "mask": mask}, self.info.precision)

    @property
    def device(self) -> str:
        """Which hardware runs it, in words."""
        return self.backend.device

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What it sees of the person in the middle; errors as of :meth:`~annotator.inference.network.OnnxFile.run`.

        Args:
            images: uint8 [N, side, side, 3] RGB.

        Returns:
            Heatmaps [N, s, s, 17], 0..1, a peak of 1 at each keypoint, and [N, 2s, 2s], the probability that a pixel is
            the person's.
        """
        heatmaps, masks = self._file.run(images)
        return heatmaps, masks


def pose_estimator_beside(model: Path) -> Path:
    """The pose estimator that goes with a model: ``pose.onnx`` beside its file, or else the package's."""
    beside = model.parent / DEFAULT_POSE_ESTIMATOR.name
    return beside if beside.is_file() else DEFAULT_POSE_ESTIMATOR


_opened: WeakKeyDictionary[Network, PoseEstimator] = WeakKeyDictionary()


def open_pose_estimator(network: Network, settings: Settings) -> PoseEstimator | None:
    """The pose estimator that goes with a network, opened once for each; ``None`` where the settings need none."""
    if not settings.pose_estimator:
        return None
    if network not in _opened:
        path = pose_estimator_beside(network.path)
        _opened[network] = PoseEstimator(path, network.backend.name, network.threads)
    return _opened[network]


def blend_masks(
    maps: Sequence[Maps], views: Sequence[tuple[np.ndarray, int]], pose: PoseEstimator, flip_augment: bool
) -> None:
    """Blend what the pose estimator says of the person in the middle of each view into the maps' ``person``, which then is low on
    everybody else.

    Args:
        maps: of each view, without a batch axis.
        views: uint8 [H, W, 3], H = W, and the quarter turns counter-clockwise after which the person in it stands.
        flip_augment: as of :func:`refine_keypoints`.
    """
    squares = [cv2.resize(np.rot90(square, turns), (pose.side, pose.side)) for square, turns in views]
    _, masks = _predict(pose, np.stack(squares), flip_augment)
    for of_view, (_, turns), mask in zip(maps, views, masks, strict=True):
        own = cv2.resize(np.rot90(mask, -turns), of_view.person.shape[::-1])
        of_view.person = ((1 - MASK_SHARE) * of_view.person + MASK_SHARE * own).astype(np.float32)


def refine_keypoints(
    photo: Photo | np.ndarray,
    people: Sequence[Person | None],
    pose: PoseEstimator | None,
    *,
    flip_augment: bool,
    batch_size: int | None = None,
) -> None:
    """Predict the keypoints of people again, each in a view of their own, turned so that they stand, and the sides of their limbs.

    A keypoint is the highest point, near the person's mask, of the mean of the pose estimator's heatmap and a Gaussian at the
    keypoint that the person has already. Its confidence is the value there. Parts, charts, U and V of limbs take the side that
    the heatmaps say (:func:`~annotator.inference.pose_sides.set_sides`); of somebody whose back the pose estimator takes for
    the front they keep theirs, and the keypoints get it.

    Args:
        photo: a photo or its pixels, uint8 [H, W, 3] RGB.
        people: get new keypoints, visibility, sides, confidence and issues of these; those without a mask, and ``None``, stay as
            they are.
        pose: ``None`` to leave everybody as they are.
        flip_augment: take the mean of the heatmaps of a view and its mirror image, at twice the cost.
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
        heatmaps, _ = _predict(pose, np.stack(upright[batch]), flip_augment)
        for person, view, turn, maps in zip(people[batch], views[batch], turns[batch], heatmaps, strict=True):
            _set_keypoints(person, np.ascontiguousarray(np.rot90(maps, -turn)), view, photo.shape[1::-1])


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


def _predict(pose: PoseEstimator, images: np.ndarray, flip_augment: bool) -> tuple[np.ndarray, np.ndarray]:
    """Heatmaps [N, s, s, 17] and masks [N, 2s, 2s] of uint8 [N, side, side, 3]."""
    if not flip_augment:
        return pose.run(images)
    count = len(images)
    heatmaps, masks = pose.run(np.concatenate([images, images[:, :, ::-1]]))
    of_mirrored = heatmaps[count:, :, ::-1][..., KEYPOINT_MIRROR]
    return (heatmaps[:count] + of_mirrored) / 2, (masks[:count] + masks[count:, :, ::-1]) / 2


def _set_keypoints(person: Person, heatmaps: np.ndarray, view: Letterbox, size: tuple[int, int]) -> None:
    """The keypoints of a person by the heatmaps (s, s, 17) of a view of an image of that size."""
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
    person.issues |= find_keypoint_issues(person)


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
