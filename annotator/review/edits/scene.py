"""The input of an edit, a :class:`Scene`, and its result, :data:`Changes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from annotator.geometry.boxes import Box
from annotator.labels.people import Person
from annotator.review.edits.models import EditError

Changes = dict[str, Person | None]
"""By key: the person after the edit; None for a person who was removed. Nobody is changed in place."""


@dataclass(frozen=True)
class Scene:
    """The people of an image, and how the network labels another one."""

    size: tuple[int, int]
    """Width, height of the image in pixels."""
    people: Mapping[str, Person]
    label_box: Callable[[Box], Person | None] | None = None
    """The person in a box, ``None`` if the network finds nobody there."""

    def person(self, kind: str, key: str, field: str = "person") -> Person:
        """The person whom an edit of this kind names in this field.

        Raises:
            EditError: nobody has that key.
        """
        if key not in self.people:
            raise EditError(kind, f"there is no person {key!r} on this image any more", field)
        return self.people[key]

    @property
    def rejected(self) -> dict[str, Person]:
        """The people whom a reviewer has rejected."""
        return {key: person for key, person in self.people.items() if person.provenance.state == "rejected"}
