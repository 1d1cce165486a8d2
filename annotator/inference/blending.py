"""Masks, charts, U and V by two networks: what the pose estimator sees of the person in a view, blended into what the cascade sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from annotator.geometry.boxes import Box, clip_box, overlap_slices, union_box
from annotator.geometry.crops import crop_to_mask, recrop
from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.decoding import maps_to_image
from annotator.inference.facing import is_back
from annotator.inference.flip_augmentation import predict
from annotator.inference.pose_estimator import PoseEstimator
from annotator.inference.resampling import resample_charts
from annotator.labels.label_space import CHART_PARTS
from annotator.labels.maps import Maps, PersonMaps
from annotator.labels.people import BOX_ARRAYS, Person
from annotator.labels.quality import border_issue, mask_confidence

MASK_SHARE = 0.7
"""Weight of the pose estimator in the probability that a pixel is the person's in a box."""
SURFACE_SHARE = 0.3
"""Weight of the pose estimator in U, V and confidence of a chart that both networks see."""


def blend(
    maps: Sequence[Maps], views: Sequence[tuple[np.ndarray, int]], pose: PoseEstimator, flip_augment: bool
) -> list[np.ndarray]:
    """Blend what the pose estimator says of the person in the middle of each view into the maps: their ``person``, which then is
    low on everybody else, and charts, U and V.

    Args:
        maps: of each view, without a batch axis.
        views: uint8 [H, W, 3], H = W, and the quarter turns counter-clockwise after which the person in it stands.
        flip_augment: as of :func:`~annotator.inference.refinement.refine`.

    Returns:
        The person's heatmaps (s, s, 17) in each view, for :func:`~annotator.inference.refinement.refine_in_view`.
    """
    squares = [cv2.resize(np.rot90(square, turns), (pose.side, pose.side)) for square, turns in views]
    seen = predict(pose, np.stack(squares), flip_augment)
    heatmaps = []
    for i, (of_view, (_, turns)) in enumerate(zip(maps, views, strict=True)):
        own = fitted(seen[i], -turns, of_view.person.shape[::-1])
        _blend_charts(of_view, own)
        of_view.person = ((1 - MASK_SHARE) * of_view.person + MASK_SHARE * own.person).astype(np.float32)
        heatmaps.append(own.keypoints)
    return heatmaps


def fitted(maps: PersonMaps, turns: int, size: tuple[int, int]) -> PersonMaps:
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
    """Where both see the same chart, U and V become their means; else the chart is that of the surer one, or of the only one that sees
    the person from behind."""
    same = maps.charts == own.charts
    back = _only_back(maps.charts[maps.person >= 0.5], own.charts[own.person >= 0.5])
    surer = own.chart_confidence > maps.chart_confidence if back is None else np.full(same.shape, back)
    for name in ("u", "v"):
        setattr(maps, name, _mixed(getattr(maps, name), getattr(own, name), same, surer))
    for name in ("chart_confidence", "part_confidence"):
        setattr(maps, name, _mixed_confidence(getattr(maps, name), getattr(own, name), same, surer))
    maps.charts = np.where(surer, own.charts, maps.charts)


def _only_back(before: np.ndarray, new: np.ndarray) -> bool | None:
    """Of a person's charts by two networks: whether the new ones alone say that they are seen from behind, ``None`` where both say
    the same."""
    back = is_back(new)
    return back if back != is_back(before) else None


def blend_labels(
    person: Person,
    own: PersonMaps,
    view: Letterbox,
    people: Sequence[Person],
    size: tuple[int, int],
    threshold: float | None,
) -> None:
    """Blend what the pose estimator sees of a person into their mask, parts, charts, U and V, and the confidence and issues of these.

    Args:
        person: without charts, or without their confidence, they stay as they are.
        own: the pose estimator's, of a view.
        view: of an image.
        people: nobody gets a pixel of another one of them.
        size: width, height of the image in pixels.
        threshold: as of :func:`~annotator.inference.refinement.refine`.
    """
    if person.charts is None or "charts" not in person.quality:
        return
    if threshold is None:
        seen = _see(own, view, person.box)
    else:
        shown = clip_box((*view.origin, *view.size), size)
        seen = _see(own, view, union_box(shown, person.box))
        before = _on_maps(person, view, len(own.person))
        _blend_mask(person, seen, [other for other in people if other is not person], threshold)
        region = _on_maps(person, view, len(own.person))
        if region.any():
            probability = (1 - MASK_SHARE) * before + MASK_SHARE * own.person
            person.quality["mask"] = mask_confidence(probability, region)
            person.issues["mask_border"] = border_issue(probability, region)
    _blend_labelled(person, seen)


def box_to_maps(box: Box, view: Letterbox, count: int) -> np.ndarray:
    """(2, 3) affine map from pixels of a box in an image to those of the count × count maps of a view."""
    matrix = view.matrix * count / view.side
    matrix[:, 2] += matrix[:, :2] @ box[:2]
    return matrix


def _on_maps(person: Person, view: Letterbox, count: int) -> np.ndarray:
    """bool (count, count): the person's pixels of the maps of a view."""
    matrix = box_to_maps(person.box, view, count)
    return warp(person.mask.view(np.uint8), matrix, (count, count), cv2.INTER_NEAREST).view(bool)


class _Seen(NamedTuple):
    """What the pose estimator sees of a person, at each pixel of an image in a box around them."""

    box: Box
    person: np.ndarray
    """float32 (h, w), probability."""
    charts: np.ndarray
    u: np.ndarray
    v: np.ndarray
    confidence: np.ndarray
    """float32 (h, w), of the chart."""


def _see(own: PersonMaps, view: Letterbox, box: Box) -> _Seen:
    to_box = maps_to_image(view, view.side / own.charts.shape[0])[:2].copy()
    to_box[:, 2] -= box[:2]
    probability = warp(own.person, to_box, box[2:], cv2.INTER_LINEAR)
    everywhere = np.ones(own.charts.shape, bool)
    return _Seen(box, probability, *resample_charts(own, everywhere, to_box, box[2:]))


def _blend_mask(person: Person, seen: _Seen, others: Sequence[Person], threshold: float) -> None:
    """Blend as :func:`blend` does, with a mask in place of probabilities. Nobody gets a pixel that was somebody else's; new ones have
    the pose estimator's labels. A mask of which nothing would be left stays."""
    wide = recrop(person, seen.box)
    free = np.ones(wide.mask.shape, bool)
    for other in others:
        here, there = overlap_slices(seen.box, other.box)
        free[here] &= ~other.mask[there]
    mask = ((1 - MASK_SHARE) * wide.mask + MASK_SHARE * seen.person >= threshold) & (
        wide.mask | free & (seen.charts > 0)
    )
    if not mask.any():
        return
    new = mask & ~wide.mask
    labels = {
        name: np.where(new, getattr(seen, name), getattr(wide, name)) * mask for name in ("charts", "u", "v")
    }
    tight = crop_to_mask(replace(wide, mask=mask, parts=cv2.LUT(labels["charts"], CHART_PARTS), **labels))
    for name in ("box", *BOX_ARRAYS):
        setattr(person, name, getattr(tight, name))


def _blend_labelled(person: Person, seen: _Seen) -> None:
    """As :func:`_blend_charts`, of a person of whose charts only the mean confidence is known: new parts, charts, U and V, and the
    confidence and issues of these."""
    before = person.quality["charts"]
    _, there = overlap_slices(person.box, seen.box)
    charts, confidence = seen.charts[there], seen.confidence[there]
    labelled = (person.charts > 0) & (charts > 0)
    if not labelled.any():
        return
    same = labelled & (charts == person.charts)
    back = _only_back(person.charts[labelled], charts[labelled])
    surer = labelled & (confidence > before if back is None else back)
    for name in ("u", "v"):
        mixed = _mixed(getattr(person, name), getattr(seen, name)[there], same, surer)
        setattr(person, name, mixed.astype(np.float16))
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
