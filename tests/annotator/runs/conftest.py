"""A dataset of example photos to annotate and export."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from annotator.examples import EXAMPLES
from annotator.inference.settings import Settings
from annotator.photos.finding import find_photos

PHOTOS = find_photos(EXAMPLES)[:3]
SETTINGS = Settings(confidence=0.05)
VOTES = Settings(proposals="votes", pose_estimator=False)
"""For people that are drawn as rectangles, whom the finder does not know."""


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    """Copies of three example images."""
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    return [Path(shutil.copy(path, folder)) for path in PHOTOS]


def add(dataset, paths) -> None:
    import fiftyone as fo

    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths])


def people(dataset, prefix="dp") -> list:
    return [d for labels in dataset.values(f"{prefix}_people.detections") for d in labels or []]


def read(path) -> dict:
    return json.loads(path.read_text())


def approve_elsewhere(dataset, sample_id: str, index: int = 0) -> str:
    """Approve a person as another process does, unseen by samples that this one holds; the label's id."""
    import bson

    document = dataset._sample_collection.find_one({"_id": bson.ObjectId(sample_id)})
    later = document["last_modified_at"] + timedelta(seconds=1)
    change = {f"dp_people.detections.{index}.review": "approved", "last_modified_at": later}
    dataset._sample_collection.update_one({"_id": document["_id"]}, {"$set": change})
    return str(document["dp_people"]["detections"][index]["_id"])
