"""Splitting one person into several, and merging several into one."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex
from typing import Any

import numpy as np

from annotator.geometry import regions
from annotator.geometry.boxes import union_box
from annotator.geometry.crops import recrop
from annotator.labels.people import Person
from annotator.review.edits.keypoints import copied_keypoints, without_removed
from annotator.review.edits.layers import SURFACE_ROWS, extend_labels, pixels_of, with_mask, without_pixels
from annotator.review.edits.models import EditError, Merge, SplitByHeads, SplitByLine
from annotator.review.edits.relabel import has_keypoints, has_surface, is_by_hand, relabel, set_by_hand
from annotator.review.edits.scene import Changes, Scene


def split_by_line(scene: Scene, edit: SplitByLine) -> Changes:
    points = np.array(edit.points)
    if not np.linalg.norm(np.diff(points, axis=0), axis=1).all():
        raise EditError(edit.kind, "two neighbouring points are the same", "points")
    person = _with_pixels(scene, edit)
    return _split(scene, edit, person, regions.right_of_line(points, person.box).astype(int), 2)


def split_by_heads(scene: Scene, edit: SplitByHeads) -> Changes:
    person = _with_pixels(scene, edit)
    seeds = np.array(edit.points) - person.box[:2]
    return _split(scene, edit, person, regions.nearest_seed(person.mask, seeds), len(seeds))


def _with_pixels(scene: Scene, edit: SplitByLine | SplitByHeads) -> Person:
    person = scene.person(edit.kind, edit.person)
    if person.mask is None or not person.mask.any():
        raise EditError(edit.kind, "this person has no mask to split", "person")
    return person


def _split(
    scene: Scene, edit: SplitByLine | SplitByHeads, person: Person, owner: np.ndarray, count: int
) -> Changes:
    """``owner`` (h, w) says which of the ``count`` new people each pixel of the box belongs to.

    The largest keeps the key.
    """
    pieces = [without_pixels(person, owner != i) for i in range(count)]
    if not all(piece.mask.any() for piece in pieces):
        problem = "one side would be left without pixels: go through the middle of the person"
        raise EditError(edit.kind, problem, "points")
    pieces = relabel(scene, [_with_own_keypoints(piece, person, owner, i) for i, piece in enumerate(pieces)])
    largest = max(range(count), key=lambda i: np.count_nonzero(pieces[i].mask))
    return {
        edit.person if i == largest else token_hex(12): piece
        if i == largest
        else replace(piece, id=None, extra={})
        for i, piece in enumerate(pieces)
    }


def _with_own_keypoints(piece: Person, person: Person, owner: np.ndarray, index: int) -> Person:
    """A keypoint goes with the piece whose pixels are nearest to it."""
    if person.keypoints is None:
        return piece
    keypoints, visibility = copied_keypoints(person)
    rows, columns = pixels_of(keypoints, person.box)
    asked = np.zeros(person.mask.shape, bool)
    asked[rows, columns] = True
    nearest = regions.nearest_known(person.mask, asked)
    other = owner[nearest[0][rows, columns], nearest[1][rows, columns]] != index
    keypoints[other], visibility[other] = 0, 0
    return replace(piece, keypoints=keypoints, visibility=visibility)


def merge(scene: Scene, edit: Merge) -> Changes:
    first, *others = edit.people
    merged, *added = (scene.person(edit.kind, key, "people") for key in edit.people)
    for person in added:
        merged = _merged(scene, merged, person)
    return {first: merged} | dict.fromkeys(others)


def _merged(scene: Scene, person: Person, other: Person) -> Person:
    """One person with the pixels of both.

    Where both have labels, those that a human made hold, else those of the better quality. Where neither has a layer, it
    is the network's of the joined person.
    """
    box = union_box(person.box, other.box)
    person, other = recrop(with_mask(person), box), recrop(with_mask(other), box)
    theirs_first = _rank(other) > _rank(person)
    changes: dict[str, Any] = {"mask": person.mask | other.mask}
    taken = other.mask & (theirs_first | ~person.mask)
    for name in ("parts", "charts", "u", "v"):
        ours, theirs = getattr(person, name), getattr(other, name)
        if theirs is not None:
            changes[name] = np.where(taken, theirs, theirs.dtype.type(0) if ours is None else ours)
    if other.keypoints is not None:
        (ours, seen), (theirs, theirs_seen) = copied_keypoints(person), copied_keypoints(other)
        our_rank, their_rank = ours[:, 2] + set_by_hand(person), theirs[:, 2] + set_by_hand(other)
        better = (theirs_seen > 0) & ((seen == 0) | (their_rank > our_rank))
        changes["keypoints"] = np.where(better[:, None], theirs, ours)
        changes["visibility"] = np.where(better, theirs_seen, seen)
    changes["removed_keypoints"] = _removed(person, other)
    for name in SURFACE_ROWS:
        rows = [rows for rows in (getattr(person, name), getattr(other, name)) if rows is not None]
        changes[name] = np.concatenate(rows) if rows else None
    changes["hand_made"] = tuple({*person.hand_made, *other.hand_made})
    best = other if theirs_first else person
    changes["quality"] = person.quality | best.quality
    return _completed(scene, without_removed(replace(person, **changes)), (person, other))


def _removed(*people: Person) -> tuple[int, ...]:
    """The keypoints that a human has removed from one of these people, and that nobody has set on another."""
    removed = {index for person in people for index in person.removed_keypoints}
    by_hand = [set_by_hand(person) for person in people]
    return tuple(sorted(index for index in removed if not any(found[index] for found in by_hand)))


def _rank(person: Person) -> tuple[bool, bool, float]:
    """By which the surface labels of one person are better than those of another."""
    quality = person.quality.get("charts", person.quality.get("parts", 0.0))
    has_corrections = person.corrections is not None and len(person.corrections) > 0
    by_hand = is_by_hand(person, "surface") or has_corrections
    return has_surface(person), by_hand, quality


def _completed(scene: Scene, merged: Person, pieces: tuple[Person, Person]) -> Person:
    """The merged person with the network's labels where no piece had any."""
    labelled = [piece.mask for piece in pieces if has_surface(piece)]
    bare = merged.mask & ~np.any([np.zeros_like(merged.mask), *labelled], axis=0)
    if scene.label_masks is None or not (bare.any() or (merged.mask.any() and not has_keypoints(merged))):
        return merged
    (found,) = scene.label_masks([merged])
    if found is None:
        return merged
    found = extend_labels(found, found.mask)
    changes: dict[str, Any] = {}
    for name in ("parts", "charts", "u", "v"):
        ours, theirs = getattr(merged, name), getattr(found, name)
        if bare.any():
            changes[name] = np.where(bare, theirs, theirs.dtype.type(0) if ours is None else ours)
    if not has_keypoints(merged):
        changes |= {"keypoints": found.keypoints, "visibility": found.visibility}
    return without_removed(replace(merged, quality=found.quality | merged.quality, **changes))
