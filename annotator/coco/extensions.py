"""Optional fields beyond COCO-DensePose, for data that is only partly labelled.

Training (:mod:`model.sources`) and evaluation (:mod:`annotator.evaluation.ground_truth`) read them by the same rules.
Null means the same as no field, and so does an empty text or list on an annotation.

* image ``complete``: true (the default, as in COCO) if every person in the image is labelled, so that the rest of it is
  background. If false, only people with a mask and their surroundings count: their boxes with a margin.
* annotation ``flaw``: text, the reason why this person is ignored, and its place with it.
* annotation ``carried``: RLE of bags and the like, which are neither person nor background.
* annotation ``keypoints_pseudo``: 17 flags, 1 for a pseudo-label: a keypoint that no human labelled. Evaluation ignores
  these; training learns from them as from others.
* annotation ``head_points``: ``{"neck": [x, y, v], "head_top": [x, y, v]}`` in image pixels, v as of keypoints. Training
  takes them for the head of people without keypoints on it; evaluation ignores them.
* annotation ``dense``: false if the photo's dense labels (:mod:`annotator.coco.dense_labels`) do not have this person, so that
  training takes its part masks and points.
* annotation ``group``: true if the mask is of several people. Training does not copy and paste it as one person. Whoever
  is to count as a crowd has ``iscrowd``, too.
"""

from __future__ import annotations

from typing import Any

from annotator.coco.parsing import is_number
from annotator.coco.rle import decode_mask
from annotator.labels.label_space import KEYPOINTS
from annotator.labels.messages import short

HEAD_POINTS = ("neck", "head_top")


def check_image(image: dict[str, Any]) -> None:
    """Check the fields of an image.

    Raises:
        ValueError: a malformed field; names it.
    """
    complete = image.get("complete")
    if complete is not None and not isinstance(complete, bool):
        raise ValueError(f"complete: {short(complete)} is neither true nor false")


def check_person(annotation: dict[str, Any], size: tuple[int, int]) -> None:
    """Check the fields of an annotation.

    Args:
        annotation: the annotation.
        size: width and height of its image in pixels.

    Raises:
        ValueError: a malformed field; names it.
    """
    for name, (is_valid, words) in RULES.items():
        value = annotation.get(name)
        if value and not is_valid(value):
            raise ValueError(f"{name}: {short(value)} is not {words}")
    if carried := annotation.get("carried"):
        try:
            decode_mask(carried, size, (0, 0, 1, 1))
        except ValueError as error:
            raise ValueError(f"carried: {error}") from None


def is_complete(image: dict[str, Any]) -> bool:
    """Whether every person in an image is labelled."""
    return image.get("complete") is not False


def has_dense(annotation: dict[str, Any]) -> bool:
    """Whether the dense labels of a photo that has some have this person."""
    return annotation.get("dense") != 0


def _are_head_points(value: object) -> bool:
    return isinstance(value, dict) and all(
        name in HEAD_POINTS and _is_point(point) for name, point in value.items()
    )


def _is_point(value: object) -> bool:
    right = isinstance(value, list) and len(value) == 3 and all(map(is_number, value))
    return right and value[2] in (0, 1, 2)


def _are_flags(value: object) -> bool:
    return isinstance(value, list) and len(value) == len(KEYPOINTS) and all(flag in (0, 1) for flag in value)


RULES = {
    "flaw": (lambda value: isinstance(value, str), "text"),
    "dense": (lambda value: value in (0, 1), "true or false"),
    "group": (lambda value: value in (0, 1), "true or false"),
    "keypoints_pseudo": (_are_flags, f"a list of {len(KEYPOINTS)} zeros and ones"),
    "head_points": (_are_head_points, f"an object of {' and '.join(HEAD_POINTS)}, each [x, y, 0, 1 or 2]"),
}
"""By field of an annotation: a check of its value, and what it must be in words."""
