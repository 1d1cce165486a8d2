"""COCO's categories: which of a file's are people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annotator.coco.parsing import CocoError
from annotator.labels.label_space import KEYPOINTS, SKELETON
from annotator.labels.messages import short

PERSON_CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": [name.replace(" ", "_") for name in KEYPOINTS],
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
}
"""COCO's category of people; limbs count keypoints from 1."""


def person_category_ids(categories: list[dict[str, Any]]) -> list[int]:
    """Ids of the categories named person."""
    return [category.get("id") for category in categories if str(category.get("name")).lower() == "person"]


def check_categories(path: Path, categories: object) -> set[int] | None:
    """Ids of the categories named person; ``None`` where the file has no categories at all.

    Args:
        path: of the file, for errors.
        categories: the file's section, ``None`` if it has none.

    Raises:
        CocoError: a malformed category, or none that is named person.
    """
    if categories is None or categories == []:
        return None
    if not isinstance(categories, list) or not all(isinstance(c, dict) for c in categories):
        raise CocoError(f"{path}: categories: must be a list of objects")
    for category in categories:
        if type(category.get("id")) is not int:
            raise CocoError(f"{path}: categories: id: {short(category.get('id'))} is not a whole number")
    persons = person_category_ids(categories)
    if not persons:
        raise CocoError(f"{path}: categories: none is named person")
    return set(persons)
