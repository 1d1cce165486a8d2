"""What an edit decides about the possible people of an image."""

from __future__ import annotations

from collections.abc import Iterator

from annotator.dataset.possible_people import ACCEPTED, DISMISSED, is_same_box
from annotator.review.edits import models
from annotator.review.edits.scene import Changes, Scene


def decisions(scene: Scene, edit: models.Edit, changes: Changes) -> dict[str, str]:
    """The new states of possible people, by key (:mod:`annotator.dataset.possible_people`).

    Whoever is in the box of a person who was added is accepted, too: that is who was missing.

    Args:
        scene: before the edit.
        changes: what the edit does to people.
    """
    added = [person.box for key, person in changes.items() if person is not None and key not in scene.people]
    decided = {
        key: ACCEPTED
        for key, possible in scene.possible.items()
        if any(is_same_box(possible.box, box) for box in added)
    }
    for single in _single_edits(edit):
        if isinstance(single, models.AcceptPossible):
            decided[single.possible] = ACCEPTED
        elif isinstance(single, models.DismissPossible):
            decided[single.possible] = DISMISSED
    return decided


def _single_edits(edit: models.Edit) -> Iterator[models.Edit]:
    if isinstance(edit, models.Together):
        for part in edit.edits:
            yield from _single_edits(part)
    else:
        yield edit
