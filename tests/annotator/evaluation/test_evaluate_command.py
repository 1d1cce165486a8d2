"""The command ``evaluate`` as a user runs it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.cli import main
from annotator.coco.writer import CocoWriter
from annotator.evaluation.evaluate import evaluate
from annotator.evaluation.ground_truth import find_data_sets, has_mask, read_ground_truth
from annotator.examples import EXAMPLES
from annotator.inference.finder import DEFAULT_FINDER
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.pipeline import annotate
from annotator.inference.pose_estimator import DEFAULT_POSE_ESTIMATOR
from annotator.inference.settings import Settings, VoteSettings
from annotator.surface.geodesic import Surface
from tests.annotator.evaluation.conftest import LEFT, value
from tests.annotator.inference.failing import write_failing
from tests.annotator.labelled_photos import write_data


@pytest.fixture(scope="module")
def own_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three example images with the labels that the shipped model gives them, as exported."""
    folder = tmp_path_factory.mktemp("own") / "examples"
    (folder / "images").mkdir(parents=True)
    photos = []
    for name in ("astronaut.jpg", "meadow.jpg", "wall.jpg"):
        photos.append(folder / "images" / name)
        photos[-1].write_bytes((EXAMPLES / name).read_bytes())
    with CocoWriter(folder / "annotations.json") as writer:
        for result in annotate(photos, Network(), Settings()):
            result.people.file_name = result.path.name
            writer.add(result.people)
    return folder


def test_the_command_measures_a_models_own_labels_as_perfect(
    own_labels: Path, tmp_path: Path, surface: Surface, capsys: pytest.CaptureFixture
):
    out = tmp_path / "report.json"
    command = ["evaluate", "--data", str(own_labels), "--report", str(out), "--surface", str(surface.path)]
    assert main(command) == 0
    report = json.loads(out.read_text())
    data = report["data"]["examples"]
    ground_truths = list(read_ground_truth(find_data_sets([own_labels])[0]))
    people = [person for ground_truth in ground_truths for person in ground_truth.people]
    assert people
    assert (data["images"], data["people"], data["failures"]) == (3, len(people), [])
    for name in ("mask.iou", "precision.mask", "precision.gps", "keypoints.pck"):
        assert value(data["scene"], name) == pytest.approx(1, abs=0.02), name
    # People who overlap are painted one over the other.
    assert value(data["scene"], "points.accuracy") == pytest.approx(1, abs=0.05)
    assert value(data["scene"], "keypoints.oks") == pytest.approx(1, abs=1e-3)
    assert value(data["scene"], "parts.person") == 1
    assert data["person"]["mask"]["iou"]["people"] == sum(map(has_mask, people))
    assert 0 < value(data["person"], "mask.iou") <= 1
    for view in ("scene", "person"):
        network, everything = (value(data[view], f"speed.{name}") for name in ("network_ms", "all_ms"))
        assert 0 < network <= everything
    assert report["model"]["model_id"] == Network().info.model_id
    assert len(report["model"]["sha256"]) == len(report["surface"]["sha256"]) == 64
    assert (report["finder"] is not None) == Settings().uses_finder
    assert report["settings"]["votes"]["blur"] == VoteSettings().blur
    assert set(report["versions"]) >= {"densepose-annotator", "onnxruntime"}
    printed = capsys.readouterr()
    assert f"examples: 3 images, {len(people)} people, 0 not usable" in printed.out
    assert "person mask IoU, mean" in printed.out
    assert "3/3" in printed.err


def test_options_of_the_command(own_labels: Path, tmp_path: Path):
    out = tmp_path / "report.json"
    labels = tmp_path / "labels.json"
    labels.write_bytes((own_labels / "annotations.json").read_bytes())
    command = [
        "evaluate",
        "--data",
        str(labels),
        "--images",
        str(own_labels / "images"),
        "--report",
        str(out),
    ]
    command += ["--model", str(DEFAULT_MODEL), "--limit", "1", "--confidence", "0.9", "--min-distance", "0"]
    assert main([*command, "--view", "scene"]) == 0
    report = json.loads(out.read_text())
    data = report["data"]["labels"]
    assert (data["images"], "scene" in data, "person" in data) == (1, True, False)
    assert (report["settings"]["confidence"], report["settings"]["votes"]["min_distance"]) == (0.9, 0)
    assert report["surface"] is None
    assert report["settings"]["grouping"] == "votes"
    finder = ["--quality", "best", "--proposals", "finder", "--tiles", "1", "--no-flip-augment"]
    assert main([*command, "--view", "scene", *finder]) == 0
    report = json.loads(out.read_text())
    settings = report["settings"]
    assert [settings[name] for name in ("proposals", "tiles", "flip_augment")] == ["finder", 1, False]
    assert settings["pose_estimator"]
    assert report["pose_estimator"]["file"] == DEFAULT_POSE_ESTIMATOR.name
    assert report["finder"]["file"] == DEFAULT_FINDER.name
    assert len(report["finder"]["sha256"]) == 64
    assert main([*command, "--view", "scene", "--proposals", "votes", "--no-pose-estimator"]) == 0
    report = json.loads(out.read_text())
    assert (report["settings"]["proposals"], report["finder"], report["pose_estimator"]) == (
        "votes",
        None,
        None,
    )
    command = [*command[:-2], "--grouping", "dbscan", "--eps", "0.02", "--min-samples", "90"]
    assert main([*command, "--view", "person"]) == 0
    report = json.loads(out.read_text())
    data = report["data"]["labels"]
    assert ("scene" in data, "person" in data) == (False, True)
    assert report["settings"]["grouping"] == "dbscan"
    assert report["settings"]["dbscan"] == {"eps": 0.02, "min_samples": 90}


@pytest.mark.parametrize("views", [("scene",), ("person",), ("scene", "person")])
def test_photos_that_cannot_be_used_are_listed_and_harm_nothing(
    tmp_path: Path, tiny_network: Network, views: tuple
):
    source = write_data(tmp_path, [[LEFT]] * 4)
    votes = Settings(proposals="votes")  # the finder sees nobody in grey photos
    whole = evaluate(source, tiny_network, votes, views=views)
    assert whole["failures"] == []
    source.images.joinpath("1.png").write_text("no photo")
    source.images.joinpath("2.png").unlink()
    assert cv2.imwrite(str(source.images / "3.png"), np.zeros((8, 9, 3), np.uint8))
    seen = []
    report = evaluate(source, tiny_network, votes, views=views, progress=seen.append)
    assert seen == [1, 2, 3, 4]
    assert [failure["file_name"] for failure in report["failures"]] == ["1.png", "2.png", "3.png"]
    reasons = [failure["reason"] for failure in report["failures"]]
    assert "not an image" in reasons[0]
    assert "cannot be read" in reasons[1]
    assert reasons[2] == "has 9 × 8 pixels, but its labels are of 128 × 96"
    assert (report["images"], report["people"]) == (4, 1)
    for view in views:
        assert report[view]["mask"]["iou"]["value"] == whole[view]["mask"]["iou"]["value"]
        assert report[view]["speed"]["all_ms"]["value"] > 0


def test_annotations_of_other_classes_are_counted(tmp_path: Path, tiny_model: Path, capsys):
    source = write_data(tmp_path, [[LEFT], [LEFT], [LEFT]])
    file = json.loads(source.annotations.read_text())
    file["categories"] += [{"id": 2, "name": "dog"}, {"id": 3, "name": "cat"}]
    boxes = [(0, 2), (0, 3), (1, 2)]
    file["annotations"] += [
        {"id": 10 + i, "image_id": image, "category_id": category, "bbox": [1, 1, 9, 9]}
        for i, (image, category) in enumerate(boxes)
    ]
    source.annotations.write_text(json.dumps(file))
    command = ["evaluate", "--data", str(tmp_path), "--model", str(tiny_model), "--view", "person"]
    command += ["--report", str(tmp_path / "r.json")]
    assert main(command) == 0
    report = json.loads((tmp_path / "r.json").read_text())["data"][tmp_path.name]
    assert (report["people"], report["other_classes"]) == (3, {"dog": 2, "cat": 1})
    line = "annotations of other classes, passed over: 3 ('dog' 2, 'cat' 1)\n"
    assert line in capsys.readouterr().out
    assert main([*command, "--limit", "1"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())["data"][tmp_path.name]
    assert report["other_classes"] == {"dog": 1, "cat": 1}


def test_a_data_set_of_bad_photos_fails(tmp_path: Path, tiny_model: Path):
    source = write_data(tmp_path, [[LEFT]])
    source.images.joinpath("0.png").write_text("no photo")
    command = ["evaluate", "--data", str(tmp_path), "--model", str(tiny_model)]
    assert main([*command, "--report", str(tmp_path / "r.json")]) == 1
    assert json.loads((tmp_path / "r.json").read_text())["data"][tmp_path.name]["failures"]


def test_a_model_that_fails_on_everything_is_named(tmp_path: Path, tiny_model: Path, capsys):
    write_data(tmp_path, [[LEFT]])
    failing = write_failing(tiny_model, tmp_path / "failing.onnx", largest_batch=0)
    command = ["evaluate", "--data", str(tmp_path), "--model", str(failing), "--view", "person"]
    assert main([*command, "--report", str(tmp_path / "r.json")]) == 1
    (error,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert f"{failing}: fails even on a blank image: ONNX Runtime failed" in error


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (["--data", "{tmp}/nothing"], "nothing: no such annotation file"),
        (["--limit", "0"], "--limit must be 1 or more images, not 0"),
        (["--report", "{tmp}"], "is a folder; --report names a file"),
        (["--report", "{tmp}/none/r.json"], "none: no such folder"),
        (["--surface", "{tmp}/none.npz"], "none.npz: no such surface file"),
        (["--model", "{tmp}/none.onnx"], "none.onnx: no such model file"),
        (["--vote-threshold", "0"], "vote_threshold must be above 0"),
        (["--images", "{tmp}/none"], "none: no such folder"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture, choices: list[str], words: str
):
    write_data(tmp_path / "data", [[LEFT]])
    chosen = [choice.format(tmp=tmp_path) for choice in choices]
    command = ["evaluate", "--report", str(tmp_path / "r.json"), "--model", str(tiny_model), *chosen]
    if "--data" not in choices:
        command += ["--data", str(tmp_path / "data")]
    assert main(command) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert words in errors[0]
    assert not (tmp_path / "r.json").exists()


def test_a_bad_field_is_found_before_anything_is_measured(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture
):
    write_data(tmp_path / "good", [[LEFT]])
    write_data(tmp_path / "bad", [[LEFT]], people=[{"keypoints_pseudo": [1]}])
    command = ["evaluate", "--data", str(tmp_path / "good"), "--data", str(tmp_path / "bad")]
    assert main([*command, "--report", str(tmp_path / "r.json"), "--model", str(tiny_model)]) == 1
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert "bad/annotations.json: annotation 1: keypoints_pseudo: [1] is not" in error
    assert not (tmp_path / "r.json").exists()
