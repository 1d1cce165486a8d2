"""The pictures of the queue."""

import cv2
import numpy as np
import pytest

from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People, PossiblePerson, Provenance
from annotator.review.thumbnails import MAX_THUMBNAILS, SIDE, thumbnails
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import FIELDS

APPROVED = Provenance("lite", state="approved")
LEFT, RIGHT = (10, 0.9), (50, 0.1)
"""Where people stand, and their issue scores."""


def colour(jpeg: bytes) -> str:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (SIDE, SIDE, 3)
    return "bgr"[int(picture[SIDE // 2, SIDE // 2].argmax())]


@pytest.mark.parametrize(
    ("left", "right", "possible", "shown"),
    [
        ({}, {}, None, "r"),
        ({"provenance": APPROVED}, {}, None, "b"),
        ({"provenance": APPROVED}, {"provenance": APPROVED}, (50, 12, 20, 30), "b"),
        (None, None, (2, 12, 20, 30), "r"),
        (None, None, None, "g"),
    ],
    ids=["the worst", "not decided", "possible", "nobody labelled", "nobody"],
)
def test_who_is_shown(collection, tmp_path, left, right, possible, shown):
    """The left third of the photo is red, the middle green, the right blue."""
    sample = collection.last()
    photo = np.zeros((*SIZE[::-1], 3), np.uint8)
    photo[:, :35, 2], photo[:, 35:46, 1], photo[:, 46:, 0] = 255, 255, 255
    cv2.imwrite(sample.filepath, photo)
    people = [
        block(x, issues={"two_people": score}, **changes)
        for (x, score), changes in ((LEFT, left), (RIGHT, right))
        if changes is not None
    ]
    found = [] if possible is None else [PossiblePerson(possible, 0.3)]
    replace_predictions(sample, People(SIZE, people, possible=found), FIELDS, tmp_path / "maps")
    sample.save()
    (jpeg,) = thumbnails(collection, FIELDS, [sample.id]).values()
    assert colour(jpeg) == shown


def test_a_photo_that_cannot_be_read_harms_no_other(collection):
    first, second, third, fourth, fifth = collection
    open(first.filepath, "wb").close()
    collection._sample_collection.update_one(
        {"_id": second._id}, {"$set": {"dp_people.detections.0.bounding_box": ["x"], "dp_possible": 3}}
    )
    found = thumbnails(collection, FIELDS, [first.id, second.id, third.id, "0" * 24])
    assert found.keys() == {first.id, second.id, third.id}
    assert found[first.id] is None
    assert found[second.id]
    assert found[third.id]
    many = [fourth.id] * MAX_THUMBNAILS + [fifth.id]
    assert list(thumbnails(collection, FIELDS, many)) == [fourth.id]
