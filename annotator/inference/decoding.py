"""From the network's maps of one image to the people on it, at the image's own resolution."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from annotator.geometry.boxes import Box, FloatBox, bounding_box, box_iou, clip_box, crop, pixels_in_box
from annotator.geometry.letterbox import Letterbox, warp
from annotator.inference.grouping import group_people, person_in_box
from annotator.inference.heatmaps import find_peaks
from annotator.inference.left_right import JOINTS, resolve_sides, weight_joints
from annotator.inference.network import ModelInfo
from annotator.inference.resampling import resample_charts
from annotator.inference.settings import VOTES_CONFIDENCE, Settings
from annotator.labels.label_space import CHART_PARTS, CHART_TO_PART, KEYPOINT_MIRROR
from annotator.labels.maps import Maps
from annotator.labels.people import People, Person, Provenance
from annotator.labels.quality import BORDER_WIDTH, confidences, find_issues, find_map_issues

KEYPOINT_FLOOR = 0.02
"""Heatmap peaks below this are no keypoint. Low: a keypoint in the wrong place takes as many clicks to mend as none."""
KEYPOINT_SURE = 0.3
"""Peaks from here on, inside the person's mask, count as visible; others as hidden. Networks learn peaks of 1 wherever a
keypoint is labelled, seen or hidden: that it is hidden shows in nothing but a lower peak."""
BLUR = 5
"""Heatmap pixels around these to which smoothing reaches."""
BOX_THRESHOLDS = (1.0, 0.8, 0.6, 0.4)
"""In a box that says where a person ends, the person's pixels are those from so much of the usual threshold with which they fit
it best: of people whom the network hardly makes out, few pixels reach the usual one."""
LOWERING_COST = 0.1
"""IoU with the box by which a threshold of 0 would have to fit better than the usual one. With 0.1 the mean IoU of masks in true
boxes rises from 0.589 to 0.662 on 275 COCO people; on 267 of renders and 33 of Penn-Fudan it falls by 0.001."""
GOOD_FIT = 0.9
"""IoU with the box from which no other threshold is tried."""
REACH = 2
"""Heatmap pixels around a person in which its keypoints are looked for."""


def decode(
    maps: Maps, letterbox: Letterbox, size: tuple[int, int], info: ModelInfo, settings: Settings
) -> People:
    """The people of one image.

    Args:
        maps: of one image: no batch axis.
        letterbox: how the image was shown to the network.
        size: width, height of the image in pixels.
        info: of the model that made the maps.
        settings: thresholds.

    Returns:
        People with masks, parts, charts, U, V, keypoints and scores, most certain first.
    """
    labels = _labels(maps, letterbox, info, settings)
    least = VOTES_CONFIDENCE if settings.uses_finder else settings.least_score
    people = []
    for index in range(1, labels.max(initial=0) + 1):
        if maps.person[labels == index].mean() >= least:
            person = _person(maps, labels, index, letterbox, size, info, settings)
            # In a zoom-in a few pixels of the photo are many of the maps.
            if person is not None and np.count_nonzero(person.mask) >= settings.min_area:
                people.append(person)
    people.sort(key=lambda person: -person.score)
    return People(size=size, people=people)


def decode_box(
    maps: Maps,
    letterbox: Letterbox,
    size: tuple[int, int],
    info: ModelInfo,
    settings: Settings,
    box: FloatBox,
) -> Person | None:
    """The person that a box was drawn around; arguments as of :func:`decode`.

    Args:
        box: x, y, w, h in image pixels. It says for certain that a person is there, so that
            ``settings.least_score`` does not count, and where that person ends.

    Returns:
        ``None`` where nobody is in the box.
    """
    fitting = _fitting_region(maps, letterbox, info, settings, box_on_maps(box, letterbox, info))
    if fitting is None:
        return None
    region, labels, settings = fitting
    labels = np.where(region, 1, np.where(labels > 0, 2, 0))
    return _person(maps, labels, 1, letterbox, size, info, settings)


def _fitting_region(
    maps: Maps, letterbox: Letterbox, info: ModelInfo, settings: Settings, box: FloatBox
) -> tuple[np.ndarray, np.ndarray, Settings] | None:
    """The pixels of the maps that are the person's in a box, x, y, w, h in map pixels, at the threshold with which they fit it best:
    (h, w) bool, everybody's labels as of :func:`_labels`, and the settings with that threshold. ``None`` where nobody is."""
    best, best_fit = None, -np.inf
    for share in BOX_THRESHOLDS:
        lowered = replace(settings, threshold=share * settings.threshold)
        labels = _labels(maps, letterbox, info, lowered)
        region = person_in_box(labels, box)
        if region is None:
            continue
        fit = box_iou(bounding_box(region), box) - LOWERING_COST * (1 - share)
        if fit > best_fit:
            best, best_fit = (region, labels, lowered), fit
        if fit >= GOOD_FIT:
            break
    return best


def decode_mask(
    maps: Maps,
    letterbox: Letterbox,
    size: tuple[int, int],
    info: ModelInfo,
    settings: Settings,
    box: Box,
    mask: np.ndarray,
) -> Person | None:
    """A person whose pixels are known already; arguments as of :func:`decode`.

    Args:
        box: x, y, w, h in whole image pixels.
        mask: (h, w) bool, the person's pixels in the box; the labels are taken inside of them.

    Returns:
        The person with that box and mask; pixels in which the network sees nobody have no part, chart, U and V. ``None``
        where it sees nobody in the mask.
    """
    person_pixels = maps.person >= settings.threshold
    to_image = maps_to_image(letterbox, info.output_stride)
    to_box = to_image[:2].copy()
    to_box[:, 2] -= box[:2]
    to_maps = _inverse(to_box)[:2]
    region = warp(mask.astype(np.uint8), to_maps, maps.person.shape[::-1], cv2.INTER_NEAREST) > 0
    if not (region & person_pixels).any():
        return None
    rim = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    maps = resolve_sides(maps, rim & (region | ~person_pixels))
    charts, u, v, _ = resample_charts(maps, person_pixels, to_box, box[2:])
    charts = charts * mask
    person = Person(
        box=box, mask=mask, parts=CHART_TO_PART.take(charts), charts=charts, u=u * mask, v=v * mask
    )
    _add_scores(person, maps, region, letterbox, size, info)
    return person


def box_on_maps(box: FloatBox, letterbox: Letterbox, info: ModelInfo) -> FloatBox:
    """x, y, w, h in map pixels of a box in image pixels."""
    corners = letterbox.to_square(np.array([box[:2], np.add(box[:2], box[2:])])) / info.output_stride
    return (*corners[0], *(corners[1] - corners[0]))


def _labels(maps: Maps, letterbox: Letterbox, info: ModelInfo, settings: Settings) -> np.ndarray:
    """(h, w) int: the number of the person at each pixel of the maps, from 1; 0 for none."""
    # Only what shows the image: the letterbox's border holds no people.
    stride = info.output_stride
    shown = np.concatenate([letterbox.offset, np.multiply(letterbox.size, letterbox.scale)]) / stride
    mask = (maps.person >= settings.threshold) & pixels_in_box(shown, maps.person.shape)
    return group_people(mask, maps.head_vectors, settings, stride)


def _person(
    maps: Maps,
    labels: np.ndarray,
    index: int,
    letterbox: Letterbox,
    size: tuple[int, int],
    info: ModelInfo,
    settings: Settings,
) -> Person | None:
    """The person of one label; ``None`` if no pixel of the image is left of it."""
    region = labels == index
    free = region | (labels == 0)
    to_image = maps_to_image(letterbox, info.output_stride)
    rim = cv2.dilate(region.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    maps = resolve_sides(maps, rim & free)
    # No person is labelled outside of the photo, or of the region of it that the network was shown.
    low = np.maximum(np.floor(letterbox.origin), 0)
    high = np.minimum(np.ceil(np.add(letterbox.origin, letterbox.size)), size)
    person = _make_person(maps, region, free, to_image, (low, high), settings.threshold)
    if person is not None:
        _add_scores(person, maps, region, letterbox, size, info)
    return person


def _add_scores(
    person: Person,
    maps: Maps,
    region: np.ndarray,
    letterbox: Letterbox,
    size: tuple[int, int],
    info: ModelInfo,
) -> None:
    """Keypoints, score, quality, issues and provenance."""
    _add_keypoints(person, maps, region, letterbox, size, info)
    x, y, w, h = bounding_box(region)
    around = clip_box(
        (x - BORDER_WIDTH, y - BORDER_WIDTH, w + 2 * BORDER_WIDTH, h + 2 * BORDER_WIDTH), region.shape[::-1]
    )
    maps, region = Maps(*(crop(getattr(maps, name), around) for name in Maps.__slots__)), crop(region, around)
    person.score = float(maps.person[region].mean())
    person.quality = confidences(maps, region, person.keypoints[:, 2])
    person.issues = find_issues(person) | find_map_issues(maps, region)
    person.provenance = Provenance(model=info.model_id)


@lru_cache
def maps_to_image(letterbox: Letterbox, stride: float) -> np.ndarray:
    """(3, 3) affine map from map to image pixels, read-only."""
    matrix = _inverse(letterbox.matrix) @ np.diag([stride, stride, 1.0])
    matrix.flags.writeable = False
    return matrix


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """(3, 3) inverse of a (2, 3) affine map."""
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))


def _make_person(
    maps: Maps,
    region: np.ndarray,
    free: np.ndarray,
    to_image: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray],
    threshold: float,
) -> Person | None:
    """Mask and surface labels of a region of the maps, and its surroundings as far as they are free of other people, resampled
    into a tight box of image pixels, between two corners (x, y)."""
    x, y, w, h = bounding_box(region)
    corners = to_image @ np.array([[x - 1, x + w + 1], [y - 1, y + h + 1], [1, 1]])
    low, high = seen
    x0, y0 = np.maximum(np.floor(corners[:2, 0]), low).astype(int)
    x1, y1 = np.minimum(np.ceil(corners[:2, 1]), high).astype(int)
    if x1 <= x0 or y1 <= y0:
        return None
    to_box = to_image[:2].copy()
    to_box[:, 2] -= x0, y0
    size = (int(x1 - x0), int(y1 - y0))
    # Neighbouring people count as zero, so that the border between two lies halfway.
    own = cv2.copyTo(maps.person, free.view(np.uint8))
    # What the network labels outside of people means nothing.
    charts, u, v, _ = resample_charts(maps, own >= threshold, to_box, size)
    mask = (warp(own, to_box, size, cv2.INTER_LINEAR) >= threshold) & (charts > 0)
    tight = bounding_box(mask)
    if tight is None:
        return None
    mask = np.ascontiguousarray(crop(mask, tight))
    charts = cv2.copyTo(crop(charts, tight), mask.view(np.uint8))
    return Person(
        box=(int(x0) + tight[0], int(y0) + tight[1], *tight[2:]),
        mask=mask,
        # The charts come later in the cascade and know the parts better than the parts' own output does.
        parts=cv2.LUT(charts, CHART_PARTS),
        charts=charts,
        u=np.ascontiguousarray(crop(u, tight)),
        v=np.ascontiguousarray(crop(v, tight)),
    )


def _add_keypoints(
    person: Person,
    maps: Maps,
    region: np.ndarray,
    letterbox: Letterbox,
    size: tuple[int, int],
    info: ModelInfo,
) -> None:
    """The highest point of each heatmap near a person, with its confidence and whether it is seen."""
    heatmaps = maps.keypoints
    step = info.keypoint_stride // info.output_stride
    # A pixel of theirs is near where any of the region's is in it.
    near = cv2.dilate(region.view(np.uint8), np.ones((step, step), np.uint8), anchor=(0, 0))[::step, ::step]
    near = near[: heatmaps.shape[0], : heatmaps.shape[1]]
    near = cv2.dilate(near, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)).view(bool)
    x, y, w, h = bounding_box(near)
    window = clip_box((x - BLUR, y - BLUR, w + 2 * BLUR, h + 2 * BLUR), near.shape[::-1])
    weighted = weight_joints(
        heatmaps, cv2.copyTo(cv2.LUT(maps.charts, CHART_PARTS), region.view(np.uint8)), window
    )
    at = find_peaks(weighted, crop(near, window)) + window[:2]
    column, row = np.floor(at).astype(int).T
    # A joint that the heatmap of the other side found is as sure as it is there.
    confidence, of_other_side = maps.keypoints[row, column, [np.arange(17), KEYPOINT_MIRROR]]
    confidence[JOINTS] = np.maximum(confidence, of_other_side)[JOINTS]
    set_keypoints(person, letterbox.to_image(at * info.keypoint_stride), confidence, size)


def set_keypoints(person: Person, points: np.ndarray, confidence: np.ndarray, size: tuple[int, int]) -> None:
    """Give a person keypoints, and say which of them are seen.

    Args:
        person: with a mask.
        points: (17, 2) x, y in image pixels.
        confidence: (17,), 0..1; those below :data:`KEYPOINT_FLOOR` are no keypoints.
        size: width, height of the image in pixels.
    """
    x, y = np.floor(points - person.box[:2]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < person.box[2]) & (y < person.box[3])
    on_mask = np.zeros(17, bool)
    on_mask[inside] = person.mask[y[inside], x[inside]]
    # A body that the photo cuts has joints outside of it, which the border of the letterbox may show.
    in_photo = ((points >= 0) & (points < size)).all(axis=1)
    found = in_photo & (confidence >= KEYPOINT_FLOOR)
    visible = found & on_mask & (confidence >= KEYPOINT_SURE)
    keypoints = np.column_stack([points, confidence]).astype(np.float32)
    keypoints[~found] = 0
    person.keypoints = keypoints
    person.visibility = np.where(visible, 2, np.where(found, 1, 0)).astype(np.uint8)
