"""Export of a real dataset: one valid COCO-DensePose file, whatever a view shows."""

import json
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from annotator.coco.reader import CocoError
from annotator.dataset.file_info import KEY
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.runs.dataset_annotation import annotate_samples
from annotator.runs.dataset_export import Export, export_samples
from annotator.runs.dataset_import import Import
from tests.annotator.partial_views import PARTIAL_VIEWS
from tests.annotator.runs.conftest import SETTINGS, add, approve_elsewhere, read


def test_the_export_is_valid_coco(dataset, photos, tmp_path):
    add(dataset, photos)
    annotate_samples(dataset[:2], settings=SETTINGS)
    path = tmp_path / "labels.json"
    summary = export_samples(dataset, path)
    assert (summary.samples, summary.skipped) == (2, 1)
    coco = COCO(path)
    assert [i["file_name"] for i in coco.dataset["images"]] == [p.name for p in photos[:2]]
    assert summary.people == len(coco.anns) > 0
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation["area"]
        assert len(annotation["dp_masks"]) == 14
        assert len(annotation["dp_I"]) == len(annotation["dp_x"]) > 0
        assert len(annotation["keypoints"]) == 51
        assert annotation["dp_provenance"]["state"] == "predicted"


def test_a_file_says_what_it_was_made_with_and_stays_so_after_an_import(dataset, photos, tmp_path):
    add(dataset, photos[:2])
    annotate_samples(dataset, settings=SETTINGS)
    first, second, third = (tmp_path / f"{number}.json" for number in range(3))
    export_samples(dataset, first, images_dir=tmp_path)
    made = COCO(first).dataset["info"][KEY]
    (model,) = made["models"]
    assert (model["id"], model["license"]) == (Network().info.model_id, "CC BY-NC 4.0")
    assert model["finder"]["license"] == "CC BY-NC 4.0"
    assert Settings.from_dict(model["settings"]) == SETTINGS
    assert made["export"] == {"state": "all", "rejected": False, "polygons": False}
    run = Import(f"imported {tmp_path}", first, tmp_path, maps_dir=tmp_path / "maps")
    run.run()
    export_samples(run.dataset, second, images_dir=tmp_path)
    export_samples(dataset, third, images_dir=tmp_path)
    run.dataset.delete()
    assert second.read_text() == first.read_text() == third.read_text()


def test_ids_stay_when_more_is_annotated(dataset, photos, tmp_path):
    add(dataset, photos)
    annotate_samples(dataset[1:2], settings=SETTINGS)
    export_samples(dataset, tmp_path / "first.json")
    annotate_samples(dataset, settings=SETTINGS)
    export_samples(dataset, tmp_path / "second.json", images_dir=tmp_path)
    first, second = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second"))
    later = {record["id"]: record for record in second["annotations"]}
    assert [later[record["id"]] for record in first["annotations"]] == first["annotations"]
    assert len(later) > len(first["annotations"]) > 0
    names = {record["id"]: record["file_name"] for record in second["images"]}
    assert names[first["images"][0]["id"]] == f"photos/deep/{photos[1].name}"


def test_rejected_people_are_left_out(dataset, photos, tmp_path):
    add(dataset, photos[:1])
    annotate_samples(dataset, settings=SETTINGS)
    sample = dataset.first()
    count = len(sample.dp_people.detections)
    sample.dp_people.detections[0].review = "rejected"
    sample.save()
    summary = export_samples(dataset, tmp_path / "labels.json")
    assert (summary.people, summary.dropped) == (count - 1, 1)
    assert export_samples(dataset, tmp_path / "labels.json", rejected=True).people == count


def test_masks_as_polygons_hold_the_same_people(dataset, photos, tmp_path):
    add(dataset, photos[:1])
    annotate_samples(dataset, settings=SETTINGS)
    export_samples(dataset, tmp_path / "exact.json")
    export_samples(dataset, tmp_path / "polygons.json", polygons=True)
    exact, polygons = (COCO(tmp_path / f"{name}.json") for name in ("exact", "polygons"))
    assert exact.getAnnIds() == polygons.getAnnIds() != []
    pixels = kept = 0
    for number in exact.getAnnIds():
        (was,), (now,) = exact.loadAnns([number]), polygons.loadAnns([number])
        assert isinstance(now["segmentation"], list)
        a, b = exact.annToMask(was) > 0, polygons.annToMask(now) > 0
        pixels, kept = pixels + a.sum(), kept + (a & b).sum()
        assert now["dp_I"] == was["dp_I"]
    assert kept / pixels > 0.95


@pytest.mark.parametrize("view", PARTIAL_VIEWS)
def test_a_view_does_not_change_the_people_whom_it_shows(dataset, sample, tmp_path, view):
    export_samples(dataset, tmp_path / "whole.json")
    export_samples(view(dataset), tmp_path / "view.json")
    assert read(tmp_path / "view.json") == read(tmp_path / "whole.json")
    assert len(read(tmp_path / "whole.json")["annotations"]) == 2


def test_the_export_has_edits_that_a_sample_in_memory_does_not_know(dataset, sample, tmp_path):
    approve_elsewhere(dataset, sample.id)
    export_samples(dataset, tmp_path / "labels.json")
    states = [a["dp_provenance"]["state"] for a in read(tmp_path / "labels.json")["annotations"]]
    assert states == ["approved", "predicted"]


def test_people_whom_a_view_filters_out_are_not_written(dataset, sample, tmp_path):
    from fiftyone import ViewField

    export_samples(dataset, tmp_path / "whole.json")
    summary = export_samples(
        dataset.filter_labels("dp_people", ViewField("confidence") > 0.75), tmp_path / "view.json"
    )
    assert (summary.people, summary.dropped) == (1, 0)
    whole = read(tmp_path / "whole.json")["annotations"]
    assert read(tmp_path / "view.json")["annotations"] == [a for a in whole if a["score"] > 0.75]


def test_a_sample_that_is_deleted_during_the_export_is_left_out(dataset, sample, tmp_path):
    run = Export(dataset, tmp_path / "labels.json")
    dataset.delete_samples([sample.id])
    assert list(run) == [1]
    assert (run.summary.samples, run.summary.skipped) == (0, 1)
    assert read(tmp_path / "labels.json")["images"] == []


def test_photos_without_their_maps_are_named_before_anything_is_written(dataset, sample, tmp_path):
    (tmp_path / "labels.json").write_text("old")
    (lost,) = dataset.values("dp_v.map_path")
    Path(lost).unlink()
    with pytest.raises(FileNotFoundError, match=rf"missing, of {sample.filepath} \({lost}\): bring"):
        export_samples(dataset, tmp_path / "labels.json")
    assert (tmp_path / "labels.json").read_text() == "old"


def test_one_photo_of_two_samples_is_refused(dataset, sample, tmp_path):
    import fiftyone as fo

    dataset.add_sample(fo.Sample(filepath=sample.filepath, dp_people=fo.Detections()))
    with pytest.raises(CocoError, match=f"{sample.filepath} is the photo of several samples"):
        export_samples(dataset, tmp_path / "labels.json")


def test_an_export_that_is_not_started_or_cannot_be_written_gives_no_ids(dataset, sample, tmp_path):
    Export(dataset, tmp_path / "labels.json")
    assert not (tmp_path / "labels.json").exists()
    with pytest.raises(FileNotFoundError):
        export_samples(dataset, tmp_path / "none" / "labels.json")
    assert dataset.values("dp_image_id") == [None]
