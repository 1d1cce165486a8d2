"""`train-pose` and `export-model`, as a user runs them."""

from annotator.cli import main
from annotator.inference.pose_estimator import PoseEstimator as OnnxPoseEstimator
from tests.model.pose.tiny import tiny_config


def test_from_a_config_to_an_onnx_file(figures, start, tmp_path, capsys):
    config, run = tmp_path / "c.json", tmp_path / "run"
    config.write_text(tiny_config(figures, tmp_path / "none.npz", epochs=1).to_json())
    command = ["train-pose", "--config", str(config), "--out", str(run)]
    assert main(command) == 1
    assert "none.npz: no such weights file" in capsys.readouterr().err
    command += ["--start", str(start)]
    assert main(command) == 0
    assert (
        f"weights: {run / 'pose.npz'} (mean of masks' IoU and charts' accuracy: 0." in capsys.readouterr().out
    )
    assert main(command) == 0
    assert "epoch" not in capsys.readouterr().out
    assert main(["export-model", str(run), str(tmp_path / "p.onnx"), "--fp16-weights", "--size", "96"]) == 0
    pose = OnnxPoseEstimator(tmp_path / "p.onnx")
    assert (pose.side, pose.info.model_id, pose.info.precision) == (96, "run", "float16-weights")


def test_errors_are_one_line(tmp_path, capsys):
    (tmp_path / "c.json").write_text('{"start_weights": "s.npz", "batch": "many"}')
    assert main(["train-pose", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "r")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"densepose-annotator: {tmp_path / 'c.json'}: batch: ")
    assert error.count("\n") == 1
