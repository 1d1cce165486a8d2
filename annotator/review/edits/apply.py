"""Apply an edit to the people of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from annotator.labels.people import HAND_MADE, Person
from annotator.labels.quality import find_issues
from annotator.review.edits import (
    add_delete,
    click,
    keypoints,
    models,
    move,
    paint,
    second,
    split_merge,
    surface,
)
from annotator.review.edits.decide import decide
from annotator.review.edits.models import Edit, EditError
from annotator.review.edits.scene import Changes, Scene


def apply_edit(scene: Scene, edit: Edit) -> Changes:
    """The people who are different after an edit.

    A person whose labels were changed is ``edited``, whatever was decided before, and gets new issues. Only a
    rejected person who has merely lost pixels to another one stays ``rejected``.

    Raises:
        EditError: it cannot be done to the people of this image.
    """
    if isinstance(edit, models.Nobody):
        raise EditError(edit.kind, "is said of an image without people, and not together with other edits")
    changes = _APPLY[type(edit)](scene, edit)
    if isinstance(edit, models.Decide | models.Together):
        return changes
    bystanders = scene.rejected.keys() - set(edit.keys)
    return {
        key: None
        if person is None
        else _edited(
            person,
            "rejected" if key in bystanders else "edited",
            _hand_made(edit) if key in edit.keys else (),
        )
        for key, person in changes.items()
    }


def _hand_made(edit: Edit) -> tuple[str, ...]:
    """What the edit makes of the people whom it names that no model may label anew."""
    if isinstance(edit, models.SwapSides):
        return HAND_MADE
    paints_parts = isinstance(edit, models.Paint | models.Fill) and edit.layer == "part"
    is_surface = paints_parts or isinstance(edit, models.FillArea | models.SwapDepth)
    return ("surface",) if is_surface else ()


def _edited(person: Person, state: str, hand_made: tuple[str, ...]) -> Person:
    # Issues that only the network's maps show stay.
    border = {name: value for name, value in person.issues.items() if name == "mask_border"}
    return replace(
        person,
        issues=border | find_issues(person),
        hand_made=tuple(name for name in HAND_MADE if name in (*person.hand_made, *hand_made)),
        provenance=replace(person.provenance, state=state, edited=True),
    )


def _together(scene: Scene, edit: models.Together) -> Changes:
    changes: Changes = {}
    for single in edit.edits:
        people = {key: person for key, person in {**scene.people, **changes}.items() if person is not None}
        changes |= apply_edit(replace(scene, people=people), single)
    return changes


_APPLY: dict[type, Callable[[Scene, Any], Changes]] = {
    models.SetKeypoint: keypoints.set_keypoint,
    models.Paint: paint.paint,
    models.Fill: paint.fill,
    models.FillArea: paint.fill_area,
    models.SplitByLine: split_merge.split_by_line,
    models.SplitByHeads: split_merge.split_by_heads,
    models.Merge: split_merge.merge,
    models.Delete: add_delete.delete,
    models.Add: add_delete.add,
    models.AddEmpty: add_delete.add_empty,
    models.AcceptPossible: add_delete.accept_possible,
    models.DismissPossible: add_delete.dismiss_possible,
    models.ClickOnPerson: click.click,
    models.Move: move.move,
    models.Paste: move.paste,
    models.CorrectSurface: surface.correct_surface,
    models.SwapSides: surface.swap_sides,
    models.SwapDepth: surface.swap_depth,
    models.TakeSecond: second.take_second,
    models.Decide: decide,
    models.Together: _together,
}
