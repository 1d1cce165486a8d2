"""The photo before another one of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import Summaries
from annotator.dataset.photo_summary import place_in_folder
from annotator.dataset.store import object_ids
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
    place = [{"$match": {"_id": {"$in": object_ids([sample_id])}}}, {"$project": place_in_folder()}]
    here = next(dataset._sample_collection.aggregate(place), None)
    if here is None:
        raise ReviewError(f"{dataset.name!r} has no sample {short(sample_id)}")
    before = {"folder": here["folder"], "sequence": {"$lt": here["sequence"]}, "people.0": {"$exists": True}}
    latest = [
        {"$match": before},
        {"$sort": {"folder": -1, "sequence": -1}},
        {"$limit": 1},
        {"$project": {"_id": 1}},
    ]
    found = next(Summaries(dataset, fields).aggregate(latest), None)
    return found and str(found["_id"])
