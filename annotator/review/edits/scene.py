"""The input of an edit, a :class:`Scene`, and its result, :data:`Changes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from annotator.geometry.boxes import Box
from annotator.labels.messages import short
from annotator.labels.people import Person, PossiblePerson
from annotator.review.edits.models import Click, EditError

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
    label_masks: Callable[[Sequence[Person]], list[Person | None]] | None = None
    """Those people with the network's labels inside of their masks; ``None`` where it sees nobody or cannot be used."""
    possible: Mapping[str, PossiblePerson] = field(default_factory=dict)
    """The possible people whom nobody has decided about."""
    second_people: Callable[[], Mapping[str, Person]] = dict
    """Gives the people of the image as a second annotator has labelled them."""
    label_click: Callable[[Person | None, Sequence[Click]], Person | None] | None = None
    """The person, ``None`` for a new one, as clicks change the mask, labelled by the network; ``None`` if nothing is left."""
    copied_people: Callable[[str], tuple[tuple[int, int], str, Mapping[str, Person]]] | None = None
    """Gives the size, the file name and the people of another image of the dataset by its id."""

    def person(self, kind: str, key: str, field: str = "person") -> Person:
        """The person whom an edit of this kind names in this field.

        Raises:
            EditError: nobody has that key.
        """
        if key not in self.people:
            raise EditError(kind, f"there is no person {short(key)} on this image any more", field)
        return self.people[key]

    def possible_person(self, kind: str, key: str) -> PossiblePerson:
        """The possible person whom an edit of this kind names.

        Raises:
            EditError: there is none of that key whom nobody has decided about.
        """
        if key not in self.possible:
            problem = f"the possible person {short(key)} is decided already, or the photo was labelled anew"
            raise EditError(kind, problem, "possible")
        return self.possible[key]

    def second_person(self, kind: str, key: str) -> Person:
        """The second annotator's person of that key.

        Raises:
            EditError: there is none.
        """
        people = self.second_people()
        if key not in people:
            raise EditError(kind, f"the second annotator has no person {short(key)} on this image", "second")
        return people[key]

    @property
    def rejected(self) -> dict[str, Person]:
        """The people whom a reviewer has rejected."""
        return {key: person for key, person in self.people.items() if person.provenance.state == "rejected"}
