"""COCO's categories: which of a file's annotations are people, and what their keypoints are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.coco.parsing import CocoError, whole_number
from annotator.labels.label_space import KEYPOINTS, SKELETON
from annotator.labels.messages import listed, short

PERSON_CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": [name.replace(" ", "_") for name in KEYPOINTS],
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
}
"""COCO's category of people; limbs count keypoints from 1."""
PER_KEYPOINT = {"keypoints": 3, "keypoints_pseudo": 1, "dp_keypoint_scores": 1, "dp_unsure_keypoints": 3}
"""Fields of an annotation with so many values for each keypoint."""


@dataclass(frozen=True)
class Category:
    """A category of a file."""

    record: dict[str, Any]
    """As the file has it, but with the keypoints in COCO's order."""
    is_person: bool
    order: tuple[int, ...] | None = None
    """The index in :data:`~annotator.labels.label_space.KEYPOINTS` of each of its keypoints; ``None`` for COCO's own order."""

    @property
    def name(self) -> str:
        name = self.record.get("name")
        return name if isinstance(name, str) else short(name)

    def in_coco_order(self, annotation: dict[str, Any]) -> dict[str, Any]:
        """An annotation of this category with its keypoints in COCO's order; those that the category lacks are unlabelled.

        Raises:
            CocoError: not as many values as the category has keypoints.
        """
        if self.order is None:
            return annotation
        moved = {}
        for field, width in PER_KEYPOINT.items():
            values = annotation.get(field)
            if not isinstance(values, list) or not values:
                continue
            if len(values) != width * len(self.order):
                raise CocoError(
                    f"{field}: has {len(values)} numbers; the {len(self.order)} keypoints of category "
                    f"{self.record['id']} take {width * len(self.order)}"
                )
            moved[field] = [0] * (width * len(KEYPOINTS))
            for place, index in enumerate(self.order):
                moved[field][width * index : width * (index + 1)] = values[
                    width * place : width * (place + 1)
                ]
        return annotation | moved


@dataclass(frozen=True)
class Categories:
    """The categories of a file by id, none if it has no such section: then everybody is a person."""

    by_id: dict[int, Category]

    def of(self, annotation: dict[str, Any]) -> Category:
        """The category of an annotation.

        Raises:
            CocoError: its ``category_id`` is in no category, or is missing where the categories differ.
        """
        number = whole_number(annotation, "category_id", optional=True)
        if not self.by_id:
            return Category(PERSON_CATEGORY, is_person=True)
        if number is None:
            first, *others = self.by_id.values()
            if all(c.is_person and c.order == first.order for c in (first, *others)):
                return first
            raise CocoError(f"category_id: missing; the file has the categories {self._listed()}")
        if number not in self.by_id:
            raise CocoError(
                f"category_id: there is no category {short(number)}; the file has the categories {self._listed()}"
            )
        return self.by_id[number]

    def _listed(self) -> str:
        return listed([f"{short(number)} ({category.name[:40]})" for number, category in self.by_id.items()])


def person_category_ids(categories: list[dict[str, Any]]) -> list[int]:
    """Ids of the categories named person."""
    return [category.get("id") for category in categories if str(category.get("name")).lower() == "person"]


def read_categories(path: Path, section: object) -> Categories:
    """The categories of a file.

    Args:
        path: of the file, for errors.
        section: its ``categories``, ``None`` if it has none.

    Raises:
        CocoError: a malformed category, none that is named person, or a person's keypoints that are not COCO's.
    """
    if section is None or section == []:
        return Categories({})
    if not isinstance(section, list) or not all(isinstance(c, dict) for c in section):
        raise CocoError(f"{path}: categories: must be a list of objects")
    by_id: dict[int, Category] = {}
    for record in section:
        try:
            number = whole_number(record, "id")
        except CocoError as error:
            raise CocoError(f"{path}: categories: {error}") from None
        if number in by_id:
            raise CocoError(f"{path}: categories: id {number} is used twice")
        try:
            by_id[number] = _category(record)
        except CocoError as error:
            raise CocoError(f"{path}: category {number}: {error}") from None
    if not any(category.is_person for category in by_id.values()):
        raise CocoError(f"{path}: categories: none is named person")
    return Categories(by_id)


def _category(record: dict[str, Any]) -> Category:
    if not person_category_ids([record]):
        return Category(record, is_person=False)
    names = record.get("keypoints")
    if names is None or names == []:
        return Category(record, is_person=True)
    order = _order(names)
    if order == tuple(range(len(KEYPOINTS))):
        return Category(record, is_person=True)
    named = {name: PERSON_CATEGORY[name] for name in ("keypoints", "skeleton") if name in record}
    return Category(record | named, is_person=True, order=order)


def _order(names: object) -> tuple[int, ...]:
    """The index in COCO's order of each of a category's keypoints."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CocoError(f"keypoints: must be names of COCO's keypoints, not {short(names)}")
    found = [keypoint_index(name) for name in names]
    if unknown := [short(name) for name, index in zip(names, found, strict=True) if index is None]:
        raise CocoError(
            f"keypoints: {listed(unknown)} {'is' if len(unknown) == 1 else 'are'} none of COCO's "
            f"{len(KEYPOINTS)} keypoints: leave out what has no counterpart, here and in the annotations"
        )
    if twice := [short(name) for name, index in zip(names, found, strict=True) if found.count(index) > 1]:
        raise CocoError(f"keypoints: {listed(twice)} mean the same keypoint")
    return tuple(found)


def keypoint_index(name: str) -> int | None:
    """The index in COCO's order of a keypoint by its name, in any spelling; ``None`` for other names."""
    return _SPELLINGS.get(re.sub(r"[\s_.-]", "", name).lower())


def _spellings() -> dict[str, int]:
    """Indices of COCO's keypoints by their names in small letters without separators: ``leftshoulder``, ``lshoulder``,
    ``shoulderleft`` or ``shoulderl``."""
    spellings = {}
    for index, name in enumerate(KEYPOINTS):
        *side, joint = name.split()
        spellings[name.replace(" ", "")] = index
        for word in side:
            spellings |= dict.fromkeys((word[0] + joint, joint + word, joint + word[0]), index)
    return spellings


_SPELLINGS = _spellings()
