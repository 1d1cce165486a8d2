"""Click prompt: the mask of the person under positive clicks and not under negative ones.

The first click chooses a view: the finder's best box around it. Which of the people in the network's maps of that view the click
lies on is the first mask. Every further click decides anew about the pixels around it, as far as the wrong region may reach: a
random walk (Grady, "Random walks for image segmentation", 2006) between the click and what stays as it was, which edges of the
photo, of the person probability and of the head vectors hold up. Where the head vectors say that a click lies on somebody
else than the clicks of the other sign, all connected pixels of that person follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from annotator.geometry.boxes import Box, FloatBox, clip_box, union_box
from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.box_prompt import predict_boxes
from annotator.inference.grouping import group_people
from annotator.inference.network import ModelInfo, Network
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.settings import Settings
from annotator.labels.maps import Maps
from annotator.labels.people import PossiblePerson

# Lengths are in 128ths of the side of the maps. scripts/measure-clicks measures what they make of clicks; it changes little near these values.
REACH = (3.0, 30.0)
"""Least and largest distance of a click from the border of what is wrong, as the mask before shows it."""
ZONE = 6.0
"""Pixels farther from the click than this many times that distance, and :data:`ZONE_MARGIN`, stay as they were."""
ZONE_MARGIN = 4.0
CLICK = 0.5
"""Pixels no farther than this many times that distance, or than :data:`CLICK_RADIUS`, are as the click says."""
CLICK_RADIUS = 2.0
PRIOR = 0.03
"""Weight of the prior against that of an edge between equal pixels; it fades to nothing near the click, over :data:`FADE` times
the distance."""
FADE = 3.0
NETWORK_SHARE = 0.5
"""Of the prior: the network's and the colours' opinion; the rest is the mask before."""
COLOURS = 0.5
"""Weight of the log of how often a colour is inside of the mask, against outside, beside the logit of the person probability."""
PHOTO_EDGE, PERSON_EDGE, HEAD_EDGE = 0.25, 3.0, 15.0
"""How much edges hold up a click: of the photo (relative to the mean), of the person probability, of the head vectors."""
OTHER_PERSON, SAME_PERSON = 0.08, 0.8
"""Head vectors farther apart than the first are of two people; a pixel follows a click if its own is nearer than the second
times its distance from those of the other sign."""
SEEN = 0.3
"""Person probability from which head vectors mean anything."""
STEPS = 60
"""Of conjugate gradients."""


class Click(NamedTuple):
    """A click in image pixels; negative: this is not the person."""

    x: float
    y: float
    positive: bool


@dataclass(frozen=True)
class ClickView:
    """What the network says of a person and of what is around it."""

    letterbox: Letterbox
    square: np.ndarray
    """uint8 [side, side, 3], as the network is given it."""
    maps: Maps
    window: Box
    """The pixels of the photo that it shows."""

    @property
    def stride(self) -> int:
        """Pixels of the square per map pixel."""
        return len(self.square) // len(self.maps.person)

    def to_maps(self, x: float, y: float) -> np.ndarray:
        """x, y in map pixels of an image point."""
        return self.letterbox.to_square(np.array([[x, y]]))[0] / self.stride

    def fits(self, box: Box, clicks: Sequence[Click]) -> bool:
        """Whether a person's box, large enough in it, and the clicks lie in the view."""
        x, y, w, h = self.window
        inside = union_box(self.window, box) == self.window
        near = all(x <= click.x < x + w and y <= click.y < y + h for click in clicks)
        return inside and near and max(box[2:]) > 0.4 * max(w, h)


def choose_box(proposals: Sequence[PossiblePerson], click: Click, size: tuple[int, int]) -> FloatBox:
    """The box of a person that somebody has clicked on: of the finder's proposals around the click the one of highest score,
    less towards its border; if there is none, a square of a third of the photo."""

    def rank(proposal: PossiblePerson) -> float:
        x, y, w, h = proposal.box
        off = 2 * max(abs((click.x - x) / w - 0.5), abs((click.y - y) / h - 0.5))
        return proposal.score * (1 - 0.5 * off**2) if off < 1 else 0.0

    best = max(proposals, key=rank, default=None)
    if best is not None and rank(best) > 0:
        return best.box
    side = max(size) / 3
    return click.x - side / 2, click.y - side / 2, side, side


def click_view(
    photo: np.ndarray, box: FloatBox, network: Network, settings: Settings, pose: PoseEstimator | None = None
) -> ClickView:
    """The view of a box, x, y, w, h in image pixels, of a photo, uint8 [H, W, 3]; ``pose`` has a say in mask and charts."""
    ((maps, letterbox, _),) = predict_boxes([(photo, box)], network, settings, False, pose)
    corners = letterbox.to_image(np.array([[0, 0], [letterbox.side, letterbox.side]]))
    window = clip_box((*corners[0], *(corners[1] - corners[0])), photo.shape[1::-1])
    return ClickView(letterbox, letterbox.apply(photo), maps, window)


def click_mask(
    view: ClickView, clicks: Sequence[Click], before: np.ndarray | None, info: ModelInfo, settings: Settings
) -> np.ndarray:
    """The mask of a person after a click.

    Args:
        view: that shows the clicks.
        clicks: of this person, the new one last.
        before: (h, w) bool, the mask before it in the view's window; ``None`` for a person who begins with it.
        info: of the model that made the view's maps.

    Returns:
        (h, w) bool, in the view's window.
    """
    shape = view.maps.person.shape
    # From pixels of the window to those of the maps.
    matrix = view.letterbox.matrix / view.stride
    matrix[:, 2] += matrix[:, :2] @ view.window[:2]
    on_maps = (
        None
        if before is None
        else warp(before.astype(np.float32), matrix, shape[::-1], cv2.INTER_LINEAR) > 0.5
    )
    own = _own_probability(view, clicks, on_maps, info, settings)
    field, changed = _refine(view, clicks, own, on_maps)
    back = cv2.invertAffineTransform(matrix)
    mask = warp(field, back, view.window[2:], cv2.INTER_LINEAR, -1.0) > 0
    if before is None:
        return mask
    # What the click does not concern keeps the photo's resolution.
    concerned = warp(changed.astype(np.float32), back, view.window[2:], cv2.INTER_LINEAR) > 0.5
    return np.where(concerned, mask, before)


def _own_probability(
    view: ClickView, clicks: Sequence[Click], before: np.ndarray | None, info: ModelInfo, settings: Settings
) -> np.ndarray:
    """(h, w) person probability, next to nothing on other people of the view."""
    maps = view.maps
    labels = group_people(maps.person >= settings.threshold, maps.head_vectors, settings, info.output_stride)
    counts = np.bincount(labels.ravel())
    if before is not None:
        others = 2 * np.bincount(labels[before], minlength=len(counts)) < counts
    else:
        column, row = _pixel(view.to_maps(*clicks[-1][:2]), labels.shape)
        near = labels[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        meant = labels[row, column] or (np.bincount(near[near > 0]).argmax() if near.any() else 0)
        others = np.arange(len(counts)) != meant
    others[0] = False
    return np.where(others[labels], 0.05, maps.person).astype(np.float32)


def _refine(
    view: ClickView, clicks: Sequence[Click], own: np.ndarray, before: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) float32, above 0 on the person, and (h, w) bool, the pixels that the last click concerns, on the maps."""
    shape = own.shape
    at = [(view.to_maps(click.x, click.y), click.positive) for click in clicks]
    point, positive = at[-1]
    column, row = _pixel(point, shape)
    current = own >= 0.5 if before is None else before
    if before is not None and current[row, column] != positive:
        current = _with_whole_person(view.maps, current, at)
    unit = shape[0] / 128
    reach = 0.0
    if current[row, column] != positive:
        wrong = np.pad(current != positive, 1).astype(np.uint8)
        reach = cv2.distanceTransform(wrong, cv2.DIST_L2, 3)[row + 1, column + 1]
    reach = float(np.clip(reach, REACH[0] * unit, REACH[1] * unit))
    radius = ZONE * reach + ZONE_MARGIN * unit
    x0, y0 = np.maximum(np.floor(point - radius - 1), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(point + radius + 1), shape[::-1]).astype(int)
    here = np.s_[y0:y1, x0:x1]
    colours = cv2.resize(view.square, shape[::-1], interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[y0:y1, x0:x1] + 0.5

    def away(x: float, y: float) -> np.ndarray:
        return np.hypot(columns - x, rows - y).astype(np.float32)

    inside = np.where(current[here], np.float32(1), np.float32(-1))
    logit = _logit(own[here]) + COLOURS * _colour_logit(colours, current, point, 4 * reach + 8 * unit)[here]
    share = 1.0 if before is None else NETWORK_SHARE
    prior = (1 - share) * inside + share * np.tanh(logit / 2)
    distance = away(*point)
    weight = PRIOR * (1 - np.exp(-((distance / (FADE * reach)) ** 2))) + 1e-4
    fixed = distance > radius
    prior[fixed], weight[fixed] = inside[fixed], 10
    for number, (place, sign) in enumerate(at):
        disc = away(*place) <= max(CLICK_RADIUS * unit, 1.0, CLICK * reach if number == len(at) - 1 else 0)
        prior[disc], weight[disc] = 1 if sign else -1, 10
    walked = _random_walk(
        prior.astype(np.float32), weight.astype(np.float32), *_edge_weights(view.maps, colours, here)
    )
    field = np.where(current, np.float32(1), np.float32(-1))
    field[here] = np.where(fixed, field[here], walked)
    changed = current != before if before is not None else np.ones(shape, bool)
    changed[here] |= ~fixed
    return field, changed


def _with_whole_person(maps: Maps, current: np.ndarray, at: list[tuple[np.ndarray, bool]]) -> np.ndarray:
    """The mask with, or without, the connected pixels of the person at the last click, if head vectors say that this is somebody
    else than at the clicks of the other sign."""
    (place, positive) = at[-1]
    column, row = _pixel(place, current.shape)
    others = [_pixel(other, current.shape) for other, sign in at[:-1] if sign != positive]
    votes = [maps.head_vectors[y, x] for x, y in others if maps.person[y, x] >= SEEN]
    vote = maps.head_vectors[row, column]
    if maps.person[row, column] < SEEN or not votes:
        return current
    if min(np.linalg.norm(vote - other) for other in votes) < OTHER_PERSON:
        return current
    gaps = np.min([np.linalg.norm(maps.head_vectors - other, axis=-1) for other in votes], axis=0)
    follows = np.linalg.norm(maps.head_vectors - vote, axis=-1) < SAME_PERSON * gaps
    follows &= (maps.person >= SEEN) & (current != positive)
    _, pieces = cv2.connectedComponents(follows.astype(np.uint8), connectivity=4)
    return np.where(follows & (pieces == pieces[row, column]), positive, current)


def _colour_logit(
    colours: np.ndarray, current: np.ndarray, point: np.ndarray, deviation: float
) -> np.ndarray:
    """(h, w) log of how much more often each pixel's colour is inside of the mask than outside, around a point."""
    coarse = (colours >> 4).astype(int)
    index = (coarse[..., 0] * 16 + coarse[..., 1]) * 16 + coarse[..., 2]
    rows, columns = np.indices(current.shape) + 0.5
    near = np.exp(-((columns - point[0]) ** 2 + (rows - point[1]) ** 2) / (2 * deviation**2))
    counts = []
    for where in (current, ~current):
        bins = np.bincount(index[where], near[where], 16**3).reshape(16, 16, 16)
        for axis in range(3):
            bins = 0.25 * np.roll(bins, 1, axis) + 0.5 * bins + 0.25 * np.roll(bins, -1, axis)
        counts.append(bins.ravel())
    least = 1e-3 * near.sum()
    return np.log((counts[0] + least) / (counts[1] + least))[index]


def _edge_weights(
    maps: Maps, colours: np.ndarray, here: tuple[slice, slice]
) -> tuple[np.ndarray, np.ndarray]:
    """How easily a walk passes between the pixels of a window that are side by side, and one above the other."""
    image = cv2.GaussianBlur(colours, (0, 0), 0.7).astype(np.float32)
    sides = [(np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])]
    mean = max(np.mean([((image[a] - image[b]) ** 2).sum(-1).mean() for a, b in sides]), 1.0)
    image, person, votes = image[here], maps.person[here], maps.head_vectors[here]
    weights = []
    for a, b in sides:
        edge = PHOTO_EDGE * ((image[a] - image[b]) ** 2).sum(-1) / mean
        edge += PERSON_EDGE * np.abs(person[a] - person[b])
        edge += HEAD_EDGE * np.linalg.norm(votes[a] - votes[b], axis=-1) * np.minimum(person[a], person[b])
        weights.append((np.exp(-edge) + 0.003).astype(np.float32))
    return tuple(weights)


def _random_walk(prior: np.ndarray, weight: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The (h, w) values that are near the prior, by its weight, and near each other, by the weights (h, w − 1) and (h − 1, w)
    between neighbours: a linear system, solved by conjugate gradients."""

    def apply(x: np.ndarray) -> np.ndarray:
        result = weight * x
        step = across * np.diff(x, axis=1)
        result[:, :-1] -= step
        result[:, 1:] += step
        step = down * np.diff(x, axis=0)
        result[:-1] -= step
        result[1:] += step
        return result

    diagonal = weight.copy()
    diagonal[:, :-1] += across
    diagonal[:, 1:] += across
    diagonal[:-1] += down
    diagonal[1:] += down
    x = prior.copy()
    rest = weight * prior - apply(x)
    scaled = rest / diagonal
    direction, product = scaled.copy(), float((rest * scaled).sum())
    for _ in range(STEPS):
        if product < 1e-3:
            break
        image = apply(direction)
        length = product / float((direction * image).sum())
        x += length * direction
        rest -= length * image
        scaled = rest / diagonal
        after = float((rest * scaled).sum())
        direction, product = scaled + after / product * direction, after
    return x


def _logit(probability: np.ndarray) -> np.ndarray:
    bounded = np.clip(probability, 0.02, 0.98)
    return np.log(bounded / (1 - bounded))


def _pixel(place: np.ndarray, shape: tuple[int, int]) -> tuple[int, int]:
    """Column and row of a point on the maps."""
    column, row = np.clip(np.floor(place), 0, np.subtract(shape[::-1], 1)).astype(int)
    return int(column), int(row)
