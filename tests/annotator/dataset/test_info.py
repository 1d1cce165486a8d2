"""What a dataset remembers of how it was labelled."""

from dataclasses import asdict

import pytest

from annotator.dataset.info import imported_sections, last_settings, remember_sections
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
