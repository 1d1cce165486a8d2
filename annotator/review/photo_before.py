"""The photo before another one of a sequence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields
from annotator.dataset.store import find_document
from annotator.labels.messages import short
from annotator.review.loaded_image import ReviewError

if TYPE_CHECKING:
    import fiftyone as fo


AT_ONCE = 100
"""Samples that are asked for at once whether they have people."""


def sample_before(dataset: fo.Dataset, fields: Fields, sample_id: str) -> str | None:
    """The id of the sample that comes before another one in its folder and has people; ``None`` if there is none.

    Numbers in file names count as numbers: frame 9 comes before frame 10.

    Raises:
        ReviewError: no such sample.
    """
    here = find_document(dataset, sample_id, ["filepath"])
    if here is None:
        raise ReviewError(f"{dataset.name!r} has no sample {short(sample_id)}")
    # First the names, which are in FiftyOne's index: reading the samples of a large folder takes long.
    folder, own = Path(here["filepath"]).parent, natural_key(here["filepath"])
    collection = dataset._sample_collection
    of_folder = {"filepath": {"$regex": f"^{re.escape(str(folder))}/[^/]+$"}}
    names = (row["filepath"] for row in collection.find(of_folder, {"filepath": 1, "_id": 0}))
    keys = {name: key for name in names if (key := natural_key(name)) < own}
    before = sorted(keys, key=keys.get, reverse=True)
    has_people = {f"{fields.people}.detections.0": {"$exists": True}}
    for start in range(0, len(before), AT_ONCE):
        chunk = before[start : start + AT_ONCE]
        found = collection.find({"filepath": {"$in": chunk}} | has_people, ["filepath"])
        ids = {row["filepath"]: row["_id"] for row in found}
        for name in chunk:
            if name in ids:
                return str(ids[name])
    return None


def natural_key(path: str) -> list[tuple[str, int]]:
    """By which paths sort with numbers in their order."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", path)]
