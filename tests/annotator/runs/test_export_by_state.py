"""Export of the people in chosen states of review; whatever would seem to be background and is not stays away."""

from collections import Counter

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.info import maps_folder
from annotator.dataset.review_state import count_reviews
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review.session import Review
from annotator.runs.dataset_export import Export, export_samples
from annotator.runs.dataset_import import Import
from annotator.runs.dataset_run import Summary
from tests.annotator.people_samples import SIZE, block
from tests.annotator.runs.conftest import read

STATES = [
    ["approved", "approved"],
    ["approved", "edited"],
    ["approved", "predicted"],
    ["approved", "rejected"],
    ["rejected", "rejected"],
]


def written(dataset, path, **choice) -> tuple[list[int], Summary]:
    """The number of people on each image of an export."""
    summary = export_samples(dataset, path, **choice)
    file = read(path)
    images = Counter({image["id"]: 0 for image in file["images"]})
    images.update(annotation["image_id"] for annotation in file["annotations"])
    return list(images.values()), summary


@pytest.fixture
def states(dataset, tmp_path) -> None:
    """Photos of two people each: approved, approved and edited, approved and predicted, approved and rejected, rejected; one
    that somebody has seen to be empty, and one on which a model found nobody."""
    import fiftyone as fo

    declare_fields(dataset, Fields())
    folder, pairs = maps_folder(dataset, "dp", tmp_path / "maps"), [*STATES, None, None]
    for number, pair in enumerate(pairs):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), number, np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        people = [] if pair is None else [block(10), block(40, score=0.5)]
        replace_predictions(sample, People(SIZE, people), Fields(), folder)
        for label, state in zip(sample.dp_people.detections, pair or [], strict=True):
            label.review = state
        sample.save()
    sample = dataset.skip(len(STATES)).first()
    Review(dataset, author="Ada", maps_dir=tmp_path / "maps").edit(
        sample.id, {"kind": "nobody", "nobody": True}, {}
    )


@pytest.mark.parametrize(
    ("choice", "images", "dropped", "unfinished", "all_left_out"),
    [
        ({"state": "approved"}, [2, 1, 0], 7, 3, 1),
        ({"state": "reviewed"}, [2, 2, 1, 0], 5, 2, 1),
        ({"state": "all"}, [2, 2, 2, 1, 0, 0], 3, 0, 1),
        ({"state": "all", "rejected": True}, [2, 2, 2, 2, 2, 0, 0], 0, 0, 0),
        ({"state": "approved", "rejected": True}, [2, 2, 2, 0], 4, 3, 0),
    ],
)
def test_photos_are_written_by_the_state_of_their_review(
    dataset, states, tmp_path, choice, images, dropped, unfinished, all_left_out
):
    found, summary = written(dataset, tmp_path / "labels.json", **choice)
    assert found == images
    assert (summary.samples, summary.people) == (len(images), sum(images))
    assert (summary.dropped, summary.unfinished) == (dropped, unfinished)
    assert summary.all_left_out == all_left_out
    assert count_reviews(dataset, Fields()).written(*choice.values()) == (len(images), sum(images))


def test_a_view_that_hides_people_does_not_make_photos_finished_or_empty(dataset, states, tmp_path):
    from fiftyone import ViewField

    approved = dataset.filter_labels("dp_people", ViewField("review") == "approved")
    assert written(approved, tmp_path / "labels.json", state="approved")[0] == [2, 1]
    nobody = dataset[:1].filter_labels("dp_people", ViewField("confidence") > 2, only_matches=False)
    found, summary = written(nobody, tmp_path / "labels.json")
    assert (found, summary.all_left_out) == ([], 1)


def test_an_edit_of_another_tool_counts_as_edited(dataset, sample, tmp_path):
    sample.dp_people.detections[0].mask[:5] = False
    sample.dp_people.detections[1].review = "approved"
    sample.save()
    assert written(dataset, tmp_path / "labels.json", state="reviewed")[0] == [2]
    assert written(dataset, tmp_path / "labels.json", state="approved")[0] == []


def test_an_unknown_state_is_refused(dataset, sample, tmp_path):
    with pytest.raises(ValueError, match="state: 'good' is none of approved, reviewed, all"):
        Export(dataset, tmp_path / "labels.json", state="good")


def test_that_somebody_has_seen_nobody_survives_export_and_import(dataset, states, tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    export_samples(dataset, first, state="approved", images_dir=tmp_path)
    (empty,) = [image for image in read(first)["images"] if "dp_nobody" in image]
    assert empty["dp_nobody"]["author"] == "Ada"
    run = Import(f"imported {tmp_path}", first, tmp_path, maps_dir=tmp_path / "maps")
    run.run()
    export_samples(run.dataset, second, state="approved")
    run.dataset.delete()
    assert second.read_text() == first.read_text()
