"""What an exported file says of itself."""

import pytest

from annotator import __version__
from annotator.dataset.file_info import KEY, describe_file

EXPORT = {"state": "approved", "rejected": False, "polygons": False}
RUNS = [
    {"id": "old", "license": "MIT", "finder": None, "settings": {"tiles": 1}},
    {"id": "lite", "license": "CC BY-NC 4.0", "finder": {"id": "finder", "license": "CC0"}, "settings": {}},
]


@pytest.fixture(autouse=True)
def day(monkeypatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")


def test_models_with_people_in_the_file_are_described_with_licences_and_settings():
    found = describe_file(None, ["lite", "unknown"], RUNS, EXPORT)
    info, licenses = found["info"], found["licenses"]
    assert (info["year"], info["date_created"]) == (2026, "2026/01/01")
    assert info[KEY] == {"version": __version__, "export": EXPORT, "models": [RUNS[1], {"id": "unknown"}]}
    assert licenses == [
        {"id": 1, "name": "CC BY-NC 4.0 (model lite)", "url": ""},
        {"id": 2, "name": "CC0 (model finder)", "url": ""},
    ]


def test_the_pose_estimators_licence_is_named():
    refined = RUNS[1] | {"pose_estimator": {"id": "thunder", "license": "Apache-2.0"}}
    licenses = describe_file(None, ["lite"], [refined, refined | {"pose_estimator": None}], EXPORT)[
        "licenses"
    ]
    names = ["CC BY-NC 4.0 (model lite)", "CC0 (model finder)", "Apache-2.0 (model thunder)"]
    assert [one["name"] for one in licenses] == names


@pytest.mark.parametrize("info", [{"year": 2018}, {KEY: 5}, 7, "text", [1]])
def test_sections_that_were_imported_are_kept(info):
    sections = {"info": info, "licenses": [{"id": 3}]}
    assert describe_file(sections, ["lite"], RUNS, EXPORT) == sections


def test_what_a_file_of_this_package_says_of_models_that_the_dataset_does_not_know_is_kept(monkeypatch):
    first = describe_file(None, ["lite"], RUNS, EXPORT)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert describe_file(first, ["lite"], [], EXPORT) == first
    again = describe_file(first, ["lite", "old"], RUNS[:1], EXPORT | {"state": "all"})
    assert again["info"][KEY]["models"] == [RUNS[1], RUNS[0]]
    assert again["info"][KEY]["export"]["state"] == "all"
    assert again["info"]["date_created"] == "2026/01/01"


@pytest.mark.parametrize("models", [5, [5], [{"id": 5}], [{"id": "lite", "finder": 5, "license": 5}]])
def test_odd_entries_of_a_file_stop_nothing(models):
    found = describe_file({"info": {KEY: {"models": models}}}, ["lite"], [], EXPORT)
    assert found["info"][KEY]["models"][0]["id"] == "lite"
