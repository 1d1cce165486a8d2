"""The network that labelled a dataset is asked again, in the way it was asked then."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.info import maps_folder, remember_model, remember_settings
from annotator.dataset.sample_people import replace_predictions
from annotator.geometry.boxes import box_iou
from annotator.inference.click_prompt import Click
from annotator.inference.settings import Settings
from annotator.labels.people import People, Person
from annotator.review.photo_network import PhotoNetwork
from annotator.review.session import Review
from tests.annotator.conftest import draw_photo
from tests.annotator.people_samples import block
from tests.annotator.review.conftest import saved, versions

LEFT, RIGHT = (10, 10, 30, 70, 30), (40, 10, 30, 70, 200)
SIZE = (128, 96)


@pytest.fixture
def two_in_one(dataset, tmp_path):
    """A photo of two people side by side who are labelled as one."""
    import fiftyone as fo

    declare_fields(dataset, Fields())
    sample = fo.Sample(filepath=str(draw_photo(tmp_path / "photo.png", [LEFT, RIGHT], SIZE)))
    dataset.add_sample(sample)
    shape = (70, 60)
    both = replace(
        block(10),
        box=(10, 10, 60, 70),
        mask=np.ones(shape, bool),
        parts=np.full(shape, 1, np.uint8),
        charts=np.full(shape, 2, np.uint8),
        u=np.zeros(shape, np.float16),
        v=np.zeros(shape, np.float16),
    )
    replace_predictions(sample, People(SIZE, [both]), Fields(), maps_folder(dataset, "dp", tmp_path / "maps"))
    sample.save()
    return sample


def cut(review: Review, sample) -> tuple[list, dict]:
    opened = review.open(sample.id)
    (key,) = versions(opened)
    edit = {"kind": "split_by_line", "person": key, "points": [[40, 0], [40, 90]]}
    return saved(sample), review.edit(sample.id, edit, versions(opened))


def test_cut_pieces_are_labelled_anew_and_undone(dataset, two_in_one, tiny_model, tmp_path):
    review = Review(dataset, author="Ada", model=tiny_model, maps_dir=tmp_path / "maps")
    (before,), done = cut(review, two_in_one)
    pieces = saved(two_in_one)
    charts = [int(np.bincount(piece.charts[piece.mask]).argmax()) for piece in pieces]
    # In the tiny network green says which chart it is.
    assert len(set(charts)) == 2
    assert [piece.mask.sum() for piece in pieces] == [30 * 70] * 2
    for piece in pieces:
        assert piece.provenance.model == "tiny-1"
        assert piece.visibility.any()
        assert (piece.charts[piece.mask] > 0).all()
    review.restore(
        two_in_one.id, done["undo"], {person["key"]: person["version"] for person in done["people"]}
    )
    (after,) = saved(two_in_one)
    for name in ("mask", "parts", "charts", "u", "v", "keypoints", "visibility"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert asdict(after.provenance) == asdict(before.provenance)


def test_without_the_model_a_cut_is_made_all_the_same(dataset, two_in_one, tiny_model, tmp_path, caplog):
    model = shutil.copy(tiny_model, tmp_path / "mine.onnx")
    review = Review(dataset, model=model, maps_dir=tmp_path / "maps")
    (tmp_path / "mine.onnx").unlink()
    cut(review, two_in_one)
    pieces = saved(two_in_one)
    assert [set(piece.charts[piece.mask]) for piece in pieces] == [{2}, {2}]
    assert "mine.onnx: no such model file" in caplog.text


def test_what_a_human_painted_survives_in_the_database(dataset, two_in_one, tiny_model, tmp_path):
    review = Review(dataset, model=tiny_model, maps_dir=tmp_path / "maps")
    opened = review.open(two_in_one.id)
    (key,) = versions(opened)
    review.edit(two_in_one.id, {"kind": "swap_depth", "person": key}, versions(opened))
    (swapped,) = saved(two_in_one)
    assert swapped.hand_made == ("surface",)
    cut(review, two_in_one)
    assert {int(piece.charts.max()) for piece in saved(two_in_one)} == {int(swapped.charts.max())}


def test_a_removed_keypoint_stays_removed_in_the_database(dataset, two_in_one, tiny_model, tmp_path):
    review = Review(dataset, model=tiny_model, maps_dir=tmp_path / "maps")
    opened = review.open(two_in_one.id)
    (key,) = versions(opened)
    edit = {"kind": "set_keypoint", "person": key, "keypoint": 0, "visibility": 0}
    review.edit(two_in_one.id, edit, versions(opened))
    _, done = cut(review, two_in_one)
    assert [(piece.visibility[0], piece.removed_keypoints) for piece in saved(two_in_one)] == [(0, (0,))] * 2
    review.restore(
        two_in_one.id, done["undo"], {person["key"]: person["version"] for person in done["people"]}
    )
    assert [person.removed_keypoints for person in saved(two_in_one)] == [(0,)]


def test_the_settings_are_those_of_the_run(dataset, two_in_one, tiny_model, tmp_path):
    assert Review(dataset).settings == Settings()
    remember_model(dataset, "dp", tiny_model)
    remember_settings(dataset, "dp", asdict(Settings(threshold=0.9, grouping="dbscan")), None)
    review = Review(dataset)
    assert (review.model, review.settings) == (tiny_model, Settings(threshold=0.9, grouping="dbscan"))
    # Of a version that knows more.
    remember_settings(dataset, "dp", {"clairvoyance": 1}, None)
    assert Review(dataset).settings == Settings()


def test_a_click_begins_the_mask_of_somebody_who_has_only_a_box(tiny_model, tmp_path):
    photo = draw_photo(tmp_path / "photo.png", [LEFT, RIGHT], SIZE)
    network = PhotoNetwork(str(photo), tiny_model, Settings(pose_estimator=False))
    nobody = np.zeros((70, 30), bool)
    found = network.label_click(Person(LEFT[:4], mask=nobody), [Click(20, 60, True)])
    assert box_iou(found.box, LEFT[:4]) > 0.7
    assert found.mask.mean() > 0.8
