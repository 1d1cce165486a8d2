"""Fields, or the whole dataset, that somebody deletes or renames while something runs: it stops and says so."""

import pytest

from annotator.dataset.fields import FieldError, Fields
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from annotator.runs import people_writing
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_export import Export, export_samples
from annotator.runs.dataset_import import Import
from tests.annotator.conftest import draw_photo
from tests.annotator.runs.conftest import VOTES, add

FIELDS = Fields()
NAME = "0123456789abcdef"
GONE = {
    "deleted": (lambda dataset: dataset.delete_sample_field("dp_people"), "no field 'dp_people' any more"),
    "renamed": (
        lambda dataset: dataset.rename_sample_field("dp_people", "mine"),
        "no field 'dp_people' any more: deleted or renamed",
    ),
    "one of them": (lambda dataset: dataset.delete_sample_field("dp_keypoints"), "no field 'dp_keypoints'"),
}


@pytest.fixture(autouse=True)
def one_at_once(monkeypatch):
    """Runs save photo by photo, so that the fields are gone before the second."""
    monkeypatch.setattr(people_writing, "AT_ONCE", 1)


@pytest.fixture
def photos(dataset, tmp_path):
    paths = [draw_photo(tmp_path / f"{i}.png", [(30, 20, 40, 50, 100)]) for i in range(3)]
    add(dataset, paths)
    return paths


def annotation(dataset, tiny_model, tmp_path, **options):
    return Annotation(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps", **options)


@pytest.mark.parametrize(("delete", "reason"), GONE.values(), ids=GONE.keys())
def test_a_run_whose_fields_are_deleted_stops_and_keeps_what_is_done(
    dataset, photos, tiny_model, tmp_path, delete, reason
):
    run = annotation(dataset, tiny_model, tmp_path)
    steps = iter(run)
    assert next(steps) == 1
    delete(dataset)
    with pytest.raises(FieldError, match=reason):
        list(steps)
    assert run.summary.samples == 1
    documents = list(dataset._sample_collection.find())
    assert [document.get("dp_people") for document in documents[1:]] == [None, None]
    assert documents[0].get("mine" if "mine" in documents[0] else "dp_source") is not None


@pytest.mark.parametrize(("delete", "reason"), GONE.values(), ids=GONE.keys())
def test_an_export_or_import_whose_fields_are_deleted_stops(
    dataset, photos, tiny_model, tmp_path, delete, reason
):
    annotation(dataset, tiny_model, tmp_path).run()
    export_samples(dataset, tmp_path / "labels.json")
    before = (tmp_path / "labels.json").read_bytes()
    runs = [
        Export(dataset, tmp_path / "labels.json"),
        Import(dataset, tmp_path / "labels.json", tmp_path, maps_dir=tmp_path / "maps"),
    ]
    steps = [iter(run) for run in runs]
    assert [next(of_run) for of_run in steps] == [1, 1]
    delete(dataset)
    for of_run in steps:
        with pytest.raises(FieldError, match=reason):
            list(of_run)
    assert (tmp_path / "labels.json").read_bytes() == before


def test_a_run_whose_dataset_is_deleted_stops(database, tiny_model, tmp_path):
    import fiftyone as fo
    from fiftyone.core.odm import get_db_conn

    dataset = fo.Dataset()
    add(dataset, [draw_photo(tmp_path / f"{i}.png", [(30, 20, 40, 50, 100)]) for i in range(3)])
    steps = iter(annotation(dataset, tiny_model, tmp_path))
    next(steps)
    # As another process does.
    name, documents = dataset.name, dataset._sample_collection_name
    get_db_conn().datasets.delete_one({"_id": dataset._doc.id})
    get_db_conn()[documents].drop()
    with pytest.raises(FieldError, match=f"the dataset '{name}' was deleted meanwhile"):
        list(steps)
    assert documents not in get_db_conn().list_collection_names()


def test_every_call_of_the_panel_says_that_the_fields_are_gone(dataset, photos, tiny_model, tmp_path):
    annotation(dataset, tiny_model, tmp_path).run()
    review = Review(dataset, maps_dir=tmp_path / "maps")
    opened = review.open(dataset.first().id)
    key = opened["people"][0]["key"]
    assert sum(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME)) == 3
    dataset.rename_sample_field("dp_people", "mine")
    before = list(dataset._sample_collection.find())
    decision = {"kind": "decide", "person": key, "state": "approved"}
    calls = [
        lambda: review.open(dataset.first().id),
        lambda: review.edit(dataset.first().id, decision, {key: opened["people"][0]["version"]}),
        lambda: review.edit(dataset.first().id, {"kind": "nobody", "nobody": True}, {}),
        lambda: queue(dataset, FIELDS, Filter()),
        lambda: score_table(dataset, FIELDS),
        lambda: spot_check(dataset, FIELDS, 1.0, 1.0, seed=1),
        lambda: list(approve_below(dataset, FIELDS, 1.0, "Ada", tmp_path / "maps", NAME[::-1])),
        lambda: list(take_back(dataset, FIELDS, tmp_path / "maps", NAME)),
    ]
    for call in calls:
        with pytest.raises(FieldError, match="no field 'dp_people'"):
            call()
    assert list(dataset._sample_collection.find()) == before
    with pytest.raises(FieldError, match="no people with the prefix 'dp', or not any more"):
        Review(dataset)
