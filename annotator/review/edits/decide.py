"""Setting the review state and the comment of a person."""

from __future__ import annotations

from dataclasses import replace

from annotator.review.edits.models import Decide, EditError
from annotator.review.edits.scene import Changes, Scene


def decide(scene: Scene, edit: Decide) -> Changes:
    person = scene.person(edit.kind, edit.person)
    if edit.state == "approved" and person.mask is not None and not person.mask.any():
        problem = "this person has no pixels: delete it, or paint its mask before you approve it"
        raise EditError(edit.kind, problem, "person")
    comment = person.provenance.comment if edit.comment is None else edit.comment
    return {
        edit.person: replace(person, provenance=replace(person.provenance, state=edit.state, comment=comment))
    }
