"""The commands for FiftyOne datasets by name, on a real database."""

import json

import pytest

from annotator.cli import main
from annotator.dataset.file_info import KEY
from tests.annotator.conftest import draw_photo
from tests.annotator.runs.conftest import add, read

VOTES = ["--proposals", "votes"]


@pytest.fixture
def photos(dataset, tmp_path) -> None:
    """A photo of one person, one of two, and a file that is no photo."""
    paths = [
        draw_photo(tmp_path / "a.png", [(8, 20, 36, 60, 10)]),
        draw_photo(tmp_path / "b.png", [(8, 20, 36, 60, 10), (76, 20, 36, 60, 240)]),
        tmp_path / "c.png",
    ]
    paths[2].write_text("no photo")
    add(dataset, paths)


@pytest.fixture
def labelled(dataset, photos, tiny_model, tmp_path, capsys):
    assert annotate(dataset, tiny_model, tmp_path) == 0
    return capsys.readouterr()


def annotate(dataset, model, folder, *options) -> int:
    command = ["dataset", "annotate", dataset.name, "--model", str(model), "--maps-dir", str(folder / "maps")]
    status = main([*command, *VOTES, *options])
    dataset.reload()
    return status


def export(dataset, path, *options) -> int:
    return main(["dataset", "export", dataset.name, "--out", str(path), *options])


def stats(dataset, capsys, *options) -> dict:
    capsys.readouterr()
    assert main(["dataset", "stats", dataset.name, "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_annotate_shows_progress_and_names_what_failed(dataset, labelled, tmp_path):
    assert labelled.out.splitlines() == ["tiny-1 on CPU", f"3 people on 2 photos: {dataset.name}"]
    assert "3/3" in labelled.err
    assert f"{tmp_path / 'c.png'}: not an image" in labelled.err
    assert "1 photo failed" in labelled.err
    assert dataset.values("dp_people.detections.model", unwind=True) == ["tiny-1"] * 3
    assert (tmp_path / "maps").is_dir()


def test_annotate_skips_or_replaces(dataset, labelled, tiny_model, tmp_path, capsys):
    assert annotate(dataset, tiny_model, tmp_path) == 0
    assert "2 photos left alone" in capsys.readouterr().out
    options = ["--overwrite", "replace", "--vote-threshold", "99999"]
    assert annotate(dataset, tiny_model, tmp_path, *options) == 0
    assert "3 predicted people removed" in capsys.readouterr().out
    assert dataset.count("dp_people.detections") == 0


def test_where_all_photos_fail_the_exit_code_says_so(dataset, tiny_model, tmp_path, capsys):
    (tmp_path / "c.png").write_text("no photo")
    add(dataset, [tmp_path / "c.png"])
    assert annotate(dataset, tiny_model, tmp_path) == 1
    assert "1 photo failed" in capsys.readouterr().err


def test_export_and_import_with_the_options_of_the_operators(dataset, labelled, tmp_path, capsys):
    import fiftyone as fo

    out, name = tmp_path / "labels.json", f"imported {tmp_path}"
    dataset.set_values("dp_people.detections.review", [["approved"], ["approved", "predicted"], None])
    assert export(dataset, out, "--state", "approved", "--images-dir", str(tmp_path), "--polygons") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"1 people on 1 photos: {out}",
        "1 photos left alone",
        "2 people left out",
        "1 photos left out, on which somebody is not yet as chosen",
    ]
    file = read(out)
    assert [image["file_name"] for image in file["images"]] == ["a.png"]
    assert isinstance(file["annotations"][0]["segmentation"], list)
    assert file["info"][KEY]["export"] == {"state": "approved", "rejected": False, "polygons": True}
    command = ["dataset", "import", name, str(out), "--maps-dir", str(tmp_path / "maps")]
    assert main(command) == 1
    assert f"there is no dataset {name!r}" in capsys.readouterr().err
    assert main([*command, "--new", "--prefix", "gt"]) == 0
    assert f"1 people on 1 photos: {name}" in capsys.readouterr().out
    assert main([*command, "--prefix", "gt", "--overwrite", "skip"]) == 0
    assert "1 photos left alone" in capsys.readouterr().out
    imported = fo.load_dataset(name)
    imported.reload()
    assert imported.persistent
    assert imported.values("gt_people.detections.review", unwind=True) == ["approved"]
    imported.delete()


def test_a_file_is_replaced_on_request_only(dataset, labelled, tmp_path, capsys):
    out = tmp_path / "labels.json"
    out.write_text("old")
    assert export(dataset, out) == 1
    assert f"{out}: is there: choose another --out, or --overwrite it" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert export(dataset, out, "--overwrite") == 0
    assert len(read(out)["annotations"]) == 3


def test_a_saved_view_is_the_choice_of_photos(dataset, labelled, tmp_path, capsys):
    dataset.save_view("first", dataset[:1])
    out = tmp_path / "labels.json"
    assert export(dataset, out, "--view", "first") == 0
    assert [image["file_name"] for image in read(out)["images"]] == ["a.png"]
    assert stats(dataset, capsys, "--view", "first")["photos"]["all"] == 1
    assert export(dataset, out, "--overwrite", "--view", "second") == 1
    assert f"{dataset.name!r} has no saved view 'second'" in capsys.readouterr().err


def test_stats_count_people_and_photos(dataset, labelled, tmp_path, capsys):
    dataset.set_values("dp_people.detections.review", [["approved"], ["approved", "rejected"], None])
    dataset.set_values("dp_people.detections.reasons", [[["unsure"]], [["x", "y"], ["x"]], None])
    found = stats(dataset, capsys)
    assert found["photos"] == {
        "all": 3,
        "labelled": 2,
        "not_labelled": 1,
        "done": 2,
        "seen_empty": 0,
        "nobody_found": 0,
        "failed": 1,
    }
    assert found["people"] == {"all": 3, "predicted": 0, "edited": 0, "approved": 2, "rejected": 1}
    assert found["photos_with"]["rejected"] == 1
    assert found["exported_photos"] == {"approved": 2, "reviewed": 2, "all": 2}
    assert found["issues"] == {"x": 2, "unsure": 1, "y": 1}
    assert found["models"] == {"tiny-1": 3}
    (run,) = found["runs"]
    assert (run["id"], run["license"], run["finder"]) == ("tiny-1", "none", None)
    assert run["settings"]["proposals"] == "votes"
    assert main(["dataset", "stats", dataset.name]) == 0
    text = capsys.readouterr().out
    assert "        2  approved\n" in text
    assert "labelled by tiny-1 (none), settings {" in text


def test_the_model_is_the_one_that_labelled_the_dataset_last(dataset, labelled, tmp_path, capsys):
    command = ["dataset", "annotate", dataset.name, "--maps-dir", str(tmp_path / "maps"), *VOTES]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("tiny-1 on ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stats", "none"], "there is no dataset 'none'"),
        (["annotate", "none"], "there is no dataset 'none'"),
        (["stats", "{dataset}"], "has no field 'dp_people'"),
        (["stats", "{dataset}", "--prefix", "A"], "use 1 to 40 small letters"),
        (
            ["annotate", "{dataset}", "--prefix", "my_second"],
            "'my_second': names that end in _second are for",
        ),
        (["export", "{dataset}", "--out", "{tmp}/l.json"], "has no field 'dp_people'"),
        (["export", "{dataset}", "--out", "{tmp}"], "is a folder; name a file"),
        (["export", "{dataset}", "--out", "{tmp}/none/l.json"], "none: no such folder"),
        (["export", "{dataset}", "--out", "{tmp}/l.json", "--images-dir", "/none"], "/none: no such folder"),
        (["import", "{dataset}", "{tmp}/none.json"], "none.json: no such file"),
        (["import", "{dataset}", "{tmp}/none.json", "--new"], "none.json: no such file"),
    ],
)
def test_mistakes_are_one_line(dataset, tmp_path, capsys, arguments, words):
    arguments = [part.format(dataset=dataset.name, tmp=tmp_path) for part in arguments]
    assert main(["dataset", *arguments]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("densepose-annotator: ")
    assert words in error


def test_labels_go_out_in_another_format_and_come_back(dataset, labelled, tmp_path, capsys):
    out = tmp_path / "out" / "labels.xml"
    out.parent.mkdir()
    assert export(dataset, out, "--format", "cvat") == 0
    assert (
        "charts, U and V of 3 people left out, which CVAT for images 1.1 has no place for"
        in capsys.readouterr().out
    )
    command = ["dataset", "import", dataset.name, str(out), "--format", "cvat", "--images-dir", str(tmp_path)]
    assert main([*command, "--maps-dir", str(tmp_path / "maps")]) == 0
    dataset.reload()
    assert dataset.values("dp_people.detections.review", unwind=True) == ["predicted"] * 3
    assert dataset.count("dp_charts") == 2


def test_photos_of_two_annotators(dataset, labelled, tmp_path, capsys):
    from annotator.review.session import Review

    assert main(["dataset", "label-twice", dataset.name, "--share", "1"]) == 0
    assert "3 people on 2 photos for a second annotator: prefix dp_second" in capsys.readouterr().out
    dataset.reload()
    for prefix, author in (("dp", "Ada"), ("dp_second", "Bob")):
        review = Review(dataset, prefix, author, maps_dir=tmp_path / "maps")
        for person in review.open(dataset.first().id)["people"]:
            review.edit(
                dataset.first().id, {"kind": "decide", "person": person["key"], "state": "approved"}, {}
            )
    rows = tmp_path / "rows.csv"
    assert main(["dataset", "agreement", dataset.name, "--out", str(rows)]) == 0
    out = capsys.readouterr().out
    assert "| Ada, Bob | 1 | 1 | 0 | 1.000 |" in out
    assert "1 photo waits for one of the two." in out
    assert len(rows.read_text().splitlines()) == 2
    assert main(["dataset", "agreement", dataset.name, "--out", str(rows)]) == 1
    assert "rows.csv: is there: choose another --out" in capsys.readouterr().err
    assert main(["dataset", "agreement", dataset.name, "--surface", str(tmp_path / "none.npz")]) == 1
    assert "no such surface file" in capsys.readouterr().err
