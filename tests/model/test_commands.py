"""Options of the commands ``train`` and ``export-model``."""

import argparse
from dataclasses import asdict

import pytest

from annotator.cli import main
from model.commands import _stage_changes, add_commands
from model.pretrained import LITE
from tests.model.tiny import tiny_config


def test_options_of_the_command_are_checked_like_a_config(figures, tmp_path, capsys):
    (tmp_path / "c.json").write_text(tiny_config(figures).to_json())
    command = ["train", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "run")]
    for option, message in (("--batch", "stages[0].batch is 0"), ("--size", "stages[0].size is 0")):
        assert main([*command, option, "0"]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_no_steps_are_once_through_the_data(figures):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    plan = asdict(tiny_config(figures).stages[0])
    assert plan["steps"] == 2
    for given, steps in ((["--steps", "0"], 0), ([], 2)):
        changes = _stage_changes(parser.parse_args(["train", "--out", "x", *given]), 0)
        assert (plan | changes)["steps"] == steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export-model", "nowhere", "m.onnx"], "no such weights file"),
        (["export-model", str(LITE), "m.onnx", "--size", "100"], "--size must be a multiple of 32, not 100"),
        (["train", "--out", "run"], "train needs --config, or --data with --images"),
        (["train", "--data", "a.json", "--out", "run"], "1 --data but 0 --images"),
        (["train", "--config", "none.json", "--out", "run"], "none.json: no such config"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())
