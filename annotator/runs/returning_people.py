"""People who were exported, changed in another tool, and come back: what the file cannot say of them stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.formats.writer import KINDS
from annotator.geometry.boxes import box_iou
from annotator.geometry.crops import person_iou, recrop
from annotator.geometry.regions import nearest_known
from annotator.labels.people import Person

SAME_PERSON = 0.5
"""IoU, of the masks or else of the boxes, from which on two people can be the same."""
SAME_SURFACE = 0.8
"""IoU of the masks from which on dense labels hold for a changed mask, too."""
SAME_BOX = 0.9
"""IoU of the boxes from which on a mask holds for a person of whom the file has only a box."""
SAME_PLACE = 0.02
"""Pixels that a keypoint may be off, as files have rounded numbers."""
SURFACE = ("parts", "charts", "u", "v", "points", "corrections")


def with_known_labels(
    new: list[Person], old: list[Person], format_name: str, size: tuple[int, int]
) -> tuple[list[Person], Counter[str]]:
    """The people of a file with what is known of them and the format cannot hold.

    Somebody who is as they were stays as they are, but for what the file says of their review. Others keep the labels that
    the format has no place for, as far as they fit; in formats other than COCO-DensePose they count as edited by a human.

    Args:
        new: the people that the file has for a photo.
        old: those of the photo whom they replace.
        format_name: of :data:`annotator.formats.registry.FORMATS`.
        size: width, height of the photo in pixels.

    Returns:
        The people, in the order of ``new``, and of how many of ``old`` a label is lost, by words for it.
    """
    lost: Counter[str] = Counter()
    found = list(new)
    for index, known in _pairs(new, old):
        found[index], gone = _merged(new[index], known, format_name, size)
        lost.update(KINDS[kind] for kind in gone)
    return found, lost


def _pairs(new: list[Person], old: list[Person]) -> list[tuple[int, Person]]:
    """Indices of new people with the old ones that they are, those that agree most first."""
    scores = {(i, j): _iou(a, b) for i, a in enumerate(new) for j, b in enumerate(old)}
    pairs, used_new, used_old = [], set(), set()
    for (i, j), score in sorted(scores.items(), key=lambda item: -item[1]):
        if score >= SAME_PERSON and i not in used_new and j not in used_old:
            used_new.add(i)
            used_old.add(j)
            pairs.append((i, old[j]))
    return pairs


def _iou(a: Person, b: Person) -> float:
    return box_iou(a.box, b.box) if a.mask is None or b.mask is None else person_iou(a, b)


def _merged(new: Person, old: Person, format_name: str, size: tuple[int, int]) -> tuple[Person, list[str]]:
    holds, is_coco = FORMATS[format_name].holds, format_name == COCO
    lost: list[str] = []
    # What the file could say of the old keypoints.
    said = old.labelled() if FORMATS[format_name].keypoints_outside else old.labelled_inside(size)
    same_keypoints = _same_keypoints(new, old, said) or ("keypoints" not in holds and new.keypoints is None)
    if not is_coco:
        # Most formats cannot say that somebody is a crowd.
        new = replace(_with_old_keypoints(new, old, said, same_keypoints), crowd=new.crowd or old.crowd)
    if "mask" not in holds and new.mask is None and old.mask is not None:
        same_mask = box_iou(new.box, old.box) >= SAME_BOX
        if not same_mask:
            lost += ["mask", *(["charts"] if _has_charts(old) else [])]
    else:
        same_mask = _same_masks(new, old, FORMATS[format_name].mask_iou)
    if same_mask and not _has_surface(new):
        new = replace(new, box=old.box, mask=old.mask, **{name: getattr(old, name) for name in SURFACE})
    elif _has_charts(old) and new.charts is None and not lost:
        fits = new.mask is not None and old.mask is not None and person_iou(new, old) >= SAME_SURFACE
        if fits and not _has_surface(new):
            new = _stretched(new, old)
        else:
            lost.append("charts")
    if is_coco:
        return new, lost
    known, given = old.provenance, new.provenance
    if given.model:  # another network's results
        return new, lost
    if same_mask and same_keypoints:
        provenance = replace(known, state=given.state if "review" in holds else known.state)
        provenance = replace(
            provenance, comment=given.comment or known.comment, author=given.author or known.author
        )
        new = replace(
            new, provenance=provenance, score=old.score, quality=old.quality, id=old.id, extra=old.extra
        )
    else:
        state = "edited" if given.state == "predicted" else given.state
        new = replace(
            new, provenance=replace(given, model=known.model, time=known.time, state=state, edited=True)
        )
    return new, lost


def _with_old_keypoints(new: Person, old: Person, said: np.ndarray, are_same: bool) -> Person:
    """A person whose format has no confidences of keypoints, and can say of the old ones only ``said``."""
    if are_same:
        return replace(new, keypoints=old.keypoints, visibility=old.visibility)
    if new.keypoints is None or old.keypoints is None:
        return new
    unsaid = (new.seen() == 0) & (old.seen() > said)
    return replace(
        new,
        keypoints=np.where(unsaid[:, None], old.keypoints, new.keypoints),
        visibility=np.where(unsaid, old.seen(), new.seen()),
    )


def _same_masks(new: Person, old: Person, iou: float) -> bool:
    if new.mask is None or old.mask is None:
        return new.mask is None and old.mask is None and new.box == old.box
    return person_iou(new, old) >= iou


def _same_keypoints(new: Person, old: Person, said: np.ndarray) -> bool:
    if not np.array_equal(new.labelled(), said):
        return False
    seen = new.labelled() > 0
    return not seen.any() or bool(
        (np.abs(new.keypoints[seen, :2] - old.keypoints[seen, :2]) <= SAME_PLACE).all()
    )


def _has_charts(person: Person) -> bool:
    return person.charts is not None and bool(person.charts.any())


def _has_surface(person: Person) -> bool:
    """Whether the file itself says anything of the surface."""
    return any(labels is not None and labels.any() for labels in (person.parts, person.charts, person.points))


def _stretched(new: Person, old: Person) -> Person:
    """A person with the dense labels of another, which the pixels that are new in its mask take from the nearest ones."""
    old = recrop(old, new.box)
    layers = {name: getattr(old, name) for name in ("parts", "charts", "u", "v")}
    rows, columns = nearest_known((old.charts > 0) & new.mask)
    layers = {
        name: None if layer is None else np.where(new.mask, layer[rows, columns], layer.dtype.type(0))
        for name, layer in layers.items()
    }
    return replace(new, **layers)
