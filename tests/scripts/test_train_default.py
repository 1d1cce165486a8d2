"""`train-default`: from folders and recipes to models that are evaluated."""

import json
import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.inference.finder import Finder as OnnxFinder
from annotator.inference.network import Network
from annotator.inference.pose_estimator import PoseEstimator as OnnxPoseEstimator
from model.config import read_config
from model.finder.network import Finder
from model.finder.training import FinderRunConfig
from model.finder.weights import save_finder
from model.pose.network import NETS, PoseEstimator
from model.pose.training import PoseRunConfig
from model.pose.weights import save_pose_estimator
from tests.model.conftest import HEIGHT, WIDTH, write_source
from tests.model.finder.tiny import TINY
from tests.model.pose.tiny import TINY as TINY_POSE
from tests.model.tiny import tiny_network
from tests.scripts.running import SCRIPTS, call, run

pytestmark = pytest.mark.usefixtures("eager")

RECIPES = SCRIPTS.parent / "model" / "recipes"


def test_train_default_goes_from_folders_to_an_evaluated_model(tmp_path, monkeypatch, capsys):
    """With no epochs at all: the way, not the result."""
    data = tmp_path / "data"
    for name, count in (("photos", 12), ("more", 12), ("theirs", 2)):
        write_source(data / name, count).rename(data / name / "annotations.json")
    (data / "photos" / "iuv").mkdir()
    dense = np.full((HEIGHT, WIDTH, 3), (2, 40000, 20000), np.uint16)
    for i in range(12):
        cv2.imwrite(str(data / "photos" / "iuv" / f"{i}.png"), dense)
    plan = {"epochs": 0, "batch": 2, "size": 64, "learning_rate": 0.001}
    recipe = {
        "model": tiny_network().to_dict(),
        "backbone_weights": None,
        "data": [{"folder": "photos", "weight": 2.0}, {"folder": "more"}, {"folder": "missing"}],
        "copy_paste_sources": [{"folder": "theirs"}],
        "validation": [{"folder": "photos"}],
        "held_out": [{"folder": "more"}],
        "stages": [plan, plan, plan],
    }
    recipes = tmp_path / "first.json", tmp_path / "then.json"
    for path, change in zip(recipes, ({}, {"start_share": 0.25}), strict=True):
        path.write_text(json.dumps(recipe | change))
    out = tmp_path / "run"
    result = run("train-default", data, out, "--recipe", recipes[1])
    assert result.returncode == 1
    assert "then.json: start_share" in result.stderr
    assert "Traceback" not in result.stderr
    given = ("--recipe", recipes[0], "--recipe", recipes[1])
    assert call(monkeypatch, "train-default", data, out, *given) == 0
    assert "missing" in capsys.readouterr().err
    config = json.loads((out / "then" / "config.json").read_text())
    assert config["start_weights"] == str(out / "first" / "stage3.npz")
    for name in ("stage3", "mean"):  # nothing was learnt, so that the mean is no other
        weights = [np.load(out / path)["Conv1/kernel"] for path in ("first/stage3.npz", f"then/{name}.npz")]
        np.testing.assert_array_equal(*weights)
    assert not (out / "first" / "mean.npz").exists()
    assert [source["weight"] for source in config["data"]] == [2.0, 1.0]
    # The folder that people are copied from is not validated with, so nothing of it is held out.
    assert config["copy_paste_sources"][0]["annotations"] == str(data / "theirs" / "annotations.json")
    evaluation = json.loads((out / "evaluation.json").read_text())["data"]
    assert set(evaluation) == {"photos_val", "more_val"}
    # Only where there are dense labels can charts be measured.
    assert evaluation["photos_val"]["scene"]["dense"]["accuracy"]["pixels"] > 0
    for folder in ("photos", "more"):
        train, held_out = (
            json.loads((out / "then" / "data" / folder / f"{folder}_{side}.json").read_text())
            for side in ("train", "val")
        )
        names = [{image["file_name"] for image in half["images"]} for half in (train, held_out)]
        assert names[0].isdisjoint(names[1])
        assert len(names[0] | names[1]) == 12
        assert {a["image_id"] for a in held_out["annotations"]} <= {i["id"] for i in held_out["images"]}
        assert evaluation[f"{folder}_val"]["images"] == len(names[1])
    assert (out / "model.onnx").stat().st_size < 20e6
    # The report of the run is not one of the mean.
    assert (out / "then" / "report.json").exists()
    assert Network(out / "model.onnx").info.report_sha256 == ""


def test_train_default_trains_the_finder_of_a_recipe(tmp_path, monkeypatch, capsys):
    data, out = tmp_path / "data", tmp_path / "run"
    for name, count in (("photos", 12), ("more", 4)):
        write_source(data / name, count).rename(data / name / "annotations.json")
    save_finder(Finder(TINY), tmp_path / "start.npz")
    recipe = {
        "kind": "finder",
        "network": TINY.to_dict(),
        "data": [{"folder": "photos"}, {"folder": "missing"}],
        "copy_paste_sources": [{"folder": "photos"}],
        "validation": [{"folder": "photos"}, {"folder": "more"}],
        "held_out": [{"folder": "photos"}],
        "held_out_of": {"photos": 2},
        "epochs": 1,
        "steps": 1,
        "batch": 2,
        "size": 64,
    }
    path = tmp_path / "finder-1.json"
    path.write_text(json.dumps(recipe))
    given = ("--recipe", path, "--finder-start", tmp_path / "start.npz")
    assert call(monkeypatch, "train-default", data, out, *given) == 0
    assert "missing" in capsys.readouterr().err
    config = json.loads((out / "finder-1" / "config.json").read_text())
    assert config["start_weights"] == str(tmp_path / "start.npz")
    (train,), (held_out, more) = config["data"], config["validation"]
    assert more["annotations"] == str(data / "more" / "annotations.json")
    names = [
        {image["file_name"] for image in json.loads(Path(source["annotations"]).read_text())["images"]}
        for source in (train, held_out)
    ]
    assert names[0].isdisjoint(names[1])
    assert names[1] == {f"{i}.png" for i in range(12) if zlib.crc32(f"photos{i}.png".encode()) % 2 == 0}
    assert OnnxFinder(out / "finder.onnx").info.precision == "float16-weights"


def test_train_default_trains_the_pose_estimator_of_a_recipe(tmp_path, monkeypatch, capsys):
    data, out, start = tmp_path / "data", tmp_path / "run", tmp_path / "start.npz"
    for name, count in (("photos", 12), ("empty", 3)):
        write_source(data / name, count).rename(data / name / "annotations.json")
    save_pose_estimator(PoseEstimator(TINY_POSE), start, untrained=NETS)
    recipe = {
        "kind": "pose",
        "data": [{"folder": "photos", "cut_at_boxes": True}, {"folder": "missing"}],
        "backgrounds": [{"folder": "empty"}],
        "validation": [{"folder": "photos"}],
        "held_out": [{"folder": "empty"}],
        "held_out_of": {"photos": 2},
        "epochs": 1,
        "steps": 1,
        "batch": 2,
        "size": 64,
        "workers": 0,
    }
    path, then, last = (tmp_path / f"pose-{i}.json" for i in (1, 2, 3))
    path.write_text(json.dumps(recipe | {"learns": ["mask"]}))
    then.write_text(json.dumps(recipe | {"learns": ["surface"]}))
    last.write_text(json.dumps(recipe | {"start_share": 0.25}))
    assert call(monkeypatch, "train-default", data, out, "--recipe", path) == 1
    assert "pose-1.json: there is nothing to start from: give --pose-start" in capsys.readouterr().err
    assert call(monkeypatch, "train-default", data, out, "--recipe", path, "--pose-start", start) == 1
    assert "pose.npz: has no surface net" in capsys.readouterr().err
    all_three = ("--recipe", path, "--recipe", then, "--recipe", last)
    assert call(monkeypatch, "train-default", data, out, *all_three, "--pose-start", start) == 0
    assert json.loads((out / "pose-2" / "config.json").read_text())["start_weights"] == str(
        out / "pose-1" / "pose.npz"
    )
    config = json.loads((out / "pose-1" / "config.json").read_text())
    assert config["start_weights"] == str(start)
    assert [source["cut_at_boxes"] for source in config["data"]] == [True]
    assert config["backgrounds"][0]["annotations"].endswith("empty_train.json")
    files = out / "pose-2" / "pose.npz", out / "pose-3" / "pose.npz", out / "pose-3" / "mean.npz"
    before, after, mean = ({name: file[name] for name in file.files} for file in map(np.load, files))
    for name in before.keys() - {"config"}:
        np.testing.assert_allclose(mean[name], 0.25 * before[name] + 0.75 * after[name], atol=1e-6)
    assert not np.array_equal(before["mask_coarse/kernel"], after["mask_coarse/kernel"])
    exported = OnnxPoseEstimator(out / "pose.onnx").info
    assert (exported.model_id, exported.precision) == ("pose-3", "float16-weights")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.json")), ids=lambda path: path.stem)
def test_every_recipe_is_a_config_of_its_kind(path, tmp_path):
    recipe = json.loads(path.read_text())
    names = ("data", "copy_paste_sources", "backgrounds", "validation")
    for entry in (entry for name in names for entry in recipe.get(name, [])):
        entry |= {"annotations": "a.json", "images": entry.pop("folder")}
    for name in ("held_out", "held_out_of", "start_share"):
        recipe.pop(name, None)
    kind = recipe.pop("kind", "cascade")
    (tmp_path / "c.json").write_text(json.dumps(recipe))
    read = {
        "cascade": read_config,
        "finder": FinderRunConfig.read,
        "pose": partial(PoseRunConfig.read, start_weights="s"),
    }
    assert read[kind](tmp_path / "c.json").data
