"""The photo before another one, whose people are copied."""

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review.session import Review, ReviewError
from tests.annotator.people_samples import SIZE, block


@pytest.fixture
def sequence(dataset, tmp_path) -> dict:
    """Frames 2, 9, 10 and 11 in one folder, of which 10 has nobody, and 9 in another."""
    import fiftyone as fo

    declare_fields(dataset, Fields())
    samples = {}
    for name, x in (("a/f9", 30), ("a/f11", 5), ("b/f9", 50), ("a/f2", 10), ("a/f10", None)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
        samples[name] = fo.Sample(filepath=str(path))
        dataset.add_sample(samples[name])
        people = [] if x is None else [block(x)]
        replace_predictions(samples[name], People(SIZE, people), Fields(), tmp_path / "maps")
        samples[name].save()
    return samples


def test_people_of_the_photo_before_are_copied_and_undone(dataset, sequence, tmp_path):
    review = Review(dataset, author="Ada", maps_dir=tmp_path / "maps")
    here = sequence["a/f10"].id
    before = review.photo_before(here)
    assert before["sample"] == sequence["a/f9"].id
    # Nobody is on frame 10.
    assert review.photo_before(sequence["a/f11"].id)["sample"] == sequence["a/f9"].id
    keys = [person["key"] for person in before["people"]]
    done = review.edit(here, {"kind": "paste", "source": before["sample"], "copied": keys}, {})
    (copy,) = done["people"]
    assert copy["box"] == before["people"][0]["box"]
    assert (copy["comment"], copy["author"], copy["state"]) == ("copied from f9.png", "Ada", "edited")
    assert review.photo_before(sequence["a/f11"].id)["sample"] == here
    review.restore(here, done["undo"], {copy["key"]: copy["version"]})
    assert review.open(here)["people"] == []


def test_the_first_photo_has_none_before(dataset, sequence, tmp_path):
    review = Review(dataset, maps_dir=tmp_path / "maps")
    for first in ("a/f2", "b/f9"):
        assert review.photo_before(sequence[first].id) == {"sample": None, "people": []}
    with pytest.raises(ReviewError, match="has no sample"):
        review.photo_before("0" * 24)
