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


def sample_before(dataset: fo.Dataset, fields: Fields, sample_id: str) -> str | None:
    """The id of the sample that comes before another one in its folder and has people; ``None`` if there is none.

    Numbers in file names count as numbers: frame 9 comes before frame 10.

    Raises:
        ReviewError: no such sample.
    """
    here = find_document(dataset, sample_id, ["filepath"])
    if here is None:
        raise ReviewError(f"{dataset.name!r} has no sample {short(sample_id)}")
    folder, own = Path(here["filepath"]).parent, natural_key(here["filepath"])
    condition = {
        "filepath": {"$regex": f"^{re.escape(str(folder))}/[^/]+$"},
        f"{fields.people}.detections.0": {"$exists": True},
    }
    found = dataset._sample_collection.find(condition, ["filepath"])
    before = [(key, one["_id"]) for one in found if (key := natural_key(one["filepath"])) < own]
    return str(max(before)[1]) if before else None


def natural_key(path: str) -> list[tuple[str, int]]:
    """By which paths sort with numbers in their order."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", path)]
