"""What training and export write is there whole, or what was there before still is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from annotator.inference.network import DEFAULT_MODEL
from model.cascade import Cascade
from model.config import make_config
from model.evaluation import THESIS_IOU, write_stage_report
from model.export import export_onnx
from model.plots import plot_run
from model.sources import Source
from model.training import Run
from model.weights import save_arrays
from tests.annotator.full_disk import full_disk
from tests.model.tiny import tiny_network


@pytest.fixture
def run(figures: Path, tmp_path: Path) -> Run:
    """A run at its beginning, with a line in its log."""
    source = Source(str(figures), str(figures.parent / "images"))
    run = Run(make_config("lite", data=(source,)), tmp_path / "run")
    write_log(run)
    return run


def write_weights(run: Run) -> None:
    save_arrays(run.out / "checkpoint.npz", {"a": np.arange(1000)})


def write_state(run: Run) -> None:
    run.progress.update(epoch=1)


def write_log(run: Run) -> None:
    run.progress.log(1, 1, 1e-3, {"loss": 1.0, "val_loss": 2.0})


def write_plots(run: Run) -> None:
    plot_run(run.out)


def write_table(run: Run) -> None:
    report = {"images": 1, "iou": dict.fromkeys(THESIS_IOU, 0.5), "chart_accuracy": None}
    write_stage_report(run.out, run.config, {"1": report})


def write_graph(run: Run) -> None:
    images = np.zeros((1, 64, 64, 3), np.uint8)
    export_onnx(Cascade(tiny_network()), run.out / "model.onnx", images, model_id="x", raw=True)


@pytest.mark.parametrize(
    "write", [write_weights, write_state, write_log, write_plots, write_table, write_graph]
)
def test_a_full_disk_leaves_what_was_there(
    run: Run, monkeypatch: pytest.MonkeyPatch, write: Callable[[Run], None]
):
    # Tracing a network takes a minute.
    monkeypatch.setattr("model.export._trace", lambda *_, **__: onnx.load(DEFAULT_MODEL))
    write(run)
    before = {path.name: path.read_bytes() for path in run.out.iterdir()}
    with full_disk(10), pytest.raises(OSError, match="File too large"):
        write(run)
    assert {path.name: path.read_bytes() for path in run.out.iterdir()} == before
