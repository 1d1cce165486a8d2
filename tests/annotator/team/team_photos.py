"""A dataset with photos on which a team works, and what its queue lists."""

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review.queue import Filter, queue
from annotator.team.settings import TeamSettings, save_settings
from tests.annotator.people_samples import SIZE, block

FIELDS = Fields()


@pytest.fixture
def team(dataset, tmp_path):
    """Four photos of one person, of issues 0.9, 0.7, 0.5 and 0.3, on which a team works."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    for number, score in enumerate((0.9, 0.7, 0.5, 0.3)):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        people = People(SIZE, [block(10, issues={"two_people": score})])
        replace_predictions(sample, people, FIELDS, tmp_path / "maps")
        sample.save()
    save_settings(dataset, TeamSettings(team=True))
    return dataset


def listed(samples, **wanted) -> list[str]:
    """Ids of the queue."""
    return [item["id"] for item in queue(samples, FIELDS, Filter(**wanted))["items"]]


def end_lease(dataset, sample_id: str) -> None:
    """As if nobody had worked on the photo for long."""
    from bson import ObjectId
    from pymongo.collection import Collection

    samples: Collection = dataset._sample_collection
    path = "dp_work.lease.until"
    change = {"$set": {path: {"$subtract": [f"${path}", 11 * 60_000]}}}
    assert samples.update_one({"_id": ObjectId(sample_id)}, [change]).matched_count
