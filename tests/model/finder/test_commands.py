"""`train-finder` and `export-model`, as a user runs them."""

import pytest

from annotator.cli import main
from annotator.inference.finder import Finder as OnnxFinder
from model.finder.network import Finder
from model.finder.weights import save_finder
from tests.model.finder.tiny import TINY, tiny_config


def test_from_a_config_to_an_onnx_file(figures, tmp_path, capsys):
    config, start, run = tmp_path / "c.json", tmp_path / "start.npz", tmp_path / "run"
    config.write_text(tiny_config(figures, epochs=1).to_json())
    save_finder(Finder(TINY), start)
    command = ["train-finder", "--config", str(config), "--start", str(start), "--out", str(run)]
    assert main(command) == 0
    assert f"weights: {run / 'finder.npz'} (AP50 of the boxes: 0." in capsys.readouterr().out
    assert main(command) == 0
    assert "epoch" not in capsys.readouterr().out
    assert main(["export-model", str(run), str(tmp_path / "f.onnx"), "--fp16-weights", "--size", "96"]) == 0
    assert "least IoU" in capsys.readouterr().out
    finder = OnnxFinder(tmp_path / "f.onnx")
    assert (finder.side, finder.info.model_id, finder.info.precision) == (96, "run", "float16-weights")


@pytest.mark.parametrize("option", ["--raw", "--fp16"])
def test_what_a_finder_cannot_be_exported_as(tmp_path, capsys, option):
    save_finder(Finder(TINY), tmp_path / "f.npz")
    assert main(["export-model", str(tmp_path / "f.npz"), str(tmp_path / "f.onnx"), option]) == 1
    assert f"f.npz: a finder has no {option}" in capsys.readouterr().err


def test_errors_are_one_line(tmp_path, capsys):
    (tmp_path / "c.json").write_text('{"epochs": "many"}')
    assert main(["train-finder", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "r")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"densepose-annotator: {tmp_path / 'c.json'}: epochs: ")
    assert error.count("\n") == 1
    (tmp_path / "c.json").write_text('{"start_weights": "nowhere.npz"}')
    assert main(["train-finder", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "r")]) == 1
    assert "data: no images to train on" in capsys.readouterr().err
