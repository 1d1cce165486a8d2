"""What a review keeps in memory is what the database has."""

import numpy as np
import pytest

from annotator.dataset.store import StoreError
from annotator.review import undo
from annotator.review.loaded_image import IMAGES
from tests.annotator.people_samples import SIZE
from tests.annotator.review.conftest import EDITS, FIELDS, assert_kept_is_saved, named, saved, versions


@pytest.mark.parametrize(
    "edit",
    [*EDITS, {"kind": "merge"}, {"kind": "add_empty", "box": [3, 4, 30, 20]}],
    ids=lambda edit: edit["kind"],
)
def test_what_is_kept_in_memory_is_what_was_saved(review, sample, edit):
    IMAGES.images.clear()
    people = versions(review.open(sample.id))
    done = review.edit(sample.id, named(edit, people), {})
    assert_kept_is_saved(sample)
    undone = review.restore(sample.id, done["undo"], {})
    assert_kept_is_saved(sample)
    review.restore(sample.id, undone["undo"], {})
    assert_kept_is_saved(sample)


def test_a_part_that_comes_to_another_person_is_kept_so(review, sample):
    """Parts that the App's own tools draw belong to the person whose box holds most of them."""
    import fiftyone as fo

    box = [35 / SIZE[0], 20 / SIZE[1], 10 / SIZE[0], 10 / SIZE[1]]
    sample[FIELDS.parts].detections.append(fo.Detection(label="left foot", bounding_box=box))
    sample.save()
    IMAGES.images.clear()
    near, far = versions(review.open(sample.id))
    paint = {"kind": "paint", "layer": "mask", "points": [[28, 5], [50, 5]], "radius": 3, "person": near}
    result = review.edit(sample.id, paint, {})
    assert {person["key"] for person in result["people"]} == {near, far}
    assert_kept_is_saved(sample)


def test_surface_that_a_smaller_mask_hid_does_not_come_back(review, sample):
    person = sample[FIELDS.people].detections[0]
    mask = person.mask.copy()
    mask[:5] = False
    person.mask = mask
    sample.save()
    IMAGES.images.clear()
    key = next(iter(versions(review.open(sample.id))))
    # A part that the person has nowhere else has no surface to be continued.
    paint = {"kind": "paint", "layer": "part", "part": 3, "points": [[20, 12]], "radius": 2.5, "person": key}
    review.edit(sample.id, paint, {})
    person = saved(sample)[0]
    assert (person.parts[:5] == 3).any()
    assert not person.charts[:5].any()
    assert_kept_is_saved(sample)


def test_an_edit_of_a_moved_dataset_leaves_the_surface_of_others(review, sample, tmp_path):
    """The file that says which pixel is whose does not travel with a dataset."""
    for path in tmp_path.rglob("*-owners.png"):
        path.unlink()
    IMAGES.images.clear()
    before = saved(sample)[1]
    key = next(iter(versions(review.open(sample.id))))
    review.edit(sample.id, {"kind": "swap_sides", "person": key}, {})
    assert before.charts.all()
    np.testing.assert_array_equal(saved(sample)[1].charts, before.charts)
    assert_kept_is_saved(sample)


def test_what_could_not_be_saved_is_not_kept(review, sample):
    IMAGES.images.clear()
    (key, version), (other, _) = versions(review.open(sample.id)).items()
    too_long = {"kind": "decide", "person": key, "state": "approved", "comment": "x" * 2**24}
    with pytest.raises(StoreError, match="16 MB"):
        review.edit(sample.id, too_long, {key: version})
    review.edit(sample.id, {"kind": "delete", "person": other}, {})
    assert versions(review.open(sample.id)) == {key: version}
    assert_kept_is_saved(sample)
    # Of the edit that was done there is what was before, of the other one nothing.
    assert len(list((undo.history_folder(review.folder) / sample.id).iterdir())) == 1
    # The one who was not approved is still to be reviewed.
    assert sample[FIELDS.issue_score] == 0.25
