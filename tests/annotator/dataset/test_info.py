"""What a dataset remembers of how it was labelled."""

from dataclasses import asdict

import pytest

from annotator.dataset.info import (
    BULK_APPROVALS,
    bulk_approval_times,
    imported_sections,
    last_settings,
    past_runs,
    remember_bulk_approval,
    remember_run,
    remember_sections,
)
from annotator.inference.settings import DbscanSettings, Settings, VoteSettings
from annotator.runs.dataset_annotation import annotate_samples
from tests.annotator.conftest import draw_photo


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings.of_quality("best", confidence=0.3, proposals="votes"),
        Settings(
            grouping="dbscan", dbscan=DbscanSettings(eps=0.02), votes=VoteSettings(reach=0.1), batch_size=4
        ),
    ],
)
def test_the_settings_of_the_last_annotation_come_back(dataset, tmp_path, tiny_model, settings, monkeypatch):
    import fiftyone as fo

    monkeypatch.chdir(tmp_path)
    dataset.add_sample(fo.Sample(filepath=str(draw_photo(tmp_path / "a.png", [(8, 20, 36, 60, 10)]))))
    annotate_samples(dataset, tiny_model, settings=settings, maps_dir="maps")
    annotate_samples(dataset, tiny_model, prefix="other", settings=Settings(threshold=0.7))
    loaded = fo.load_dataset(dataset.name)
    loaded.reload()
    values, maps_dir = last_settings(loaded, "dp")
    assert Settings.from_dict(values) == settings
    assert maps_dir == tmp_path / "maps"
    assert last_settings(loaded, "other") == (asdict(Settings(threshold=0.7)), None)


def test_a_dataset_of_an_earlier_version_has_the_defaults(dataset):
    assert last_settings(dataset, "dp") == ({}, None)
    assert Settings.from_dict({}) == Settings()
    assert Settings.from_dict({"tiles": 2, "votes": {"reach": 0.1}}) == Settings(
        tiles=2, votes=VoteSettings(reach=0.1)
    )


def test_the_sections_of_an_imported_file_come_back(dataset):
    sections = {"info": {"a.b": {"$set": [1]}}}
    remember_sections(dataset, "dp", sections)
    assert imported_sections(dataset, "dp") == sections
    assert imported_sections(dataset, "none") is None


def test_what_another_process_has_noted_meanwhile_is_kept(dataset):
    from fiftyone.core.odm import get_db_conn

    remember_bulk_approval(dataset, "dp", "10:00")
    theirs = {"$push": {f"info.{BULK_APPROVALS}.dp": "10:01"}}
    get_db_conn().datasets.update_one({"_id": dataset._doc.id}, theirs)
    assert bulk_approval_times(dataset, "dp") == ["10:00", "10:01"]
    remember_bulk_approval(dataset, "dp", "10:02")
    assert bulk_approval_times(dataset, "dp") == ["10:00", "10:01", "10:02"]
    dataset.info["mine"] = True
    dataset.save()
    assert len(bulk_approval_times(dataset, "dp")) == 3
    clone = dataset.clone()
    assert len(bulk_approval_times(clone, "dp")) == 3
    clone.delete()


def test_a_run_is_noted_once_the_last_one_last(dataset):
    one, other = {"id": "$one", "settings": {"threshold": 0.5}}, {"id": "two", "finder": None}
    for run in (one, other, one):
        remember_run(dataset, "dp", run)
    assert past_runs(dataset, "dp") == [other, one]
