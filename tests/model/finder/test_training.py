"""A run of the finder: it learns, goes on where it was killed, and names what is wrong with config or data."""

import csv
import json
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.finder.evaluation import average_precision_of_boxes, predict_boxes
from model.finder.network import Finder
from model.finder.training import (
    WEIGHTS,
    FinderRun,
    FinderRunConfig,
    train_finder,
)
from model.finder.weights import open_finder, save_finder
from model.sources import DataError, read_source
from tests.model.finder.tiny import TINY, tiny_config

pytestmark = pytest.mark.usefixtures("eager")


def log_of(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(figures, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finder") / "run"
    train_finder(tiny_config(figures), out)
    return out


def test_a_run_leaves_weights_log_and_config(finished, figures):
    assert [row["epoch"] for row in log_of(finished)] == ["1", "2"]
    assert all(0 <= float(row["val_ap50"]) <= 1 for row in log_of(finished))
    assert FinderRunConfig.read(finished / "config.json") == tiny_config(figures)
    assert open_finder(finished / WEIGHTS).config == TINY


def test_the_loss_falls(figures, tmp_path):
    config = tiny_config(figures, epochs=3, steps=12, batch=4, learning_rate=5e-3, mean_momentum=0.5)
    train_finder(config, tmp_path)
    losses = [float(row["loss"]) for row in log_of(tmp_path)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_killed_run_goes_on_where_it_was(figures, tmp_path):
    config = tiny_config(figures)
    assert list(islice(FinderRun(config, tmp_path / "killed").epochs(), 1)) == [1]
    again = FinderRun(config, tmp_path / "killed")
    assert list(again.epochs()) == [2]
    assert list(FinderRun(config, tmp_path / "killed").epochs()) == []
    assert list(FinderRun(config, tmp_path / "whole").epochs()) == [1, 2]
    with (
        np.load(tmp_path / "killed" / "checkpoint.npz") as one,
        np.load(tmp_path / "whole" / "checkpoint.npz") as other,
    ):
        for name in one.files:
            if name.startswith("model/"):
                np.testing.assert_allclose(one[name], other[name], rtol=1e-2, atol=1e-4, err_msg=name)


def test_goes_on_from_weights(figures, tmp_path):
    finder = Finder(TINY)
    save_finder(finder, tmp_path / "start.npz")
    config = tiny_config(
        figures, start_weights=str(tmp_path / "start.npz"), learning_rate=1e-9, epochs=1, steps=1
    )
    train_finder(config, tmp_path / "run")
    for a, b in zip(finder.variables, open_finder(tmp_path / "run" / WEIGHTS).variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_without_validation_the_last_epoch_stays(figures, tmp_path):
    assert train_finder(tiny_config(figures, validation=(), epochs=1), tmp_path) is None
    assert (tmp_path / WEIGHTS).is_file()
    assert log_of(tmp_path)[0]["val_ap50"] == ""


def test_another_config_is_refused_in_the_folder_of_a_run(finished, figures):
    with pytest.raises(DataError, match=r"config\.json: this folder holds a run with another config"):
        FinderRun(tiny_config(figures, learning_rate=1.0), finished)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"size": 100}, "size"),
        ({"precision": "float8"}, "precision"),
        ({"augmentation": {"mosaic": 2}}, r"augmentation\.mosaic"),
        ({"network": {"depth": 3}}, r"network\.depth"),
        ({"data": [{"annotations": "a.json"}]}, r"data\.0\.images"),
        ({"preset": "lite"}, "preset"),
    ],
)
def test_names_file_and_field_of_a_wrong_config(tmp_path, given, field):
    (tmp_path / "c.json").write_text(json.dumps(given))
    with pytest.raises(DataError, match=rf"c\.json: {field}: "):
        FinderRunConfig.read(tmp_path / "c.json")


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_names_a_file_that_is_no_config(tmp_path, text):
    if text:
        (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=r"c\.json: "):
        FinderRunConfig.read(tmp_path / "c.json")


def test_what_a_config_leaves_out_has_its_default(tmp_path):
    (tmp_path / "c.json").write_text('{"epochs": 3}')
    assert asdict(FinderRunConfig.read(tmp_path / "c.json")) == asdict(replace(FinderRunConfig(), epochs=3))


def test_no_data_is_said_before_anything_is_trained(tmp_path):
    with pytest.raises(DataError, match="data: no images to train on"):
        FinderRun(FinderRunConfig(), tmp_path / "run")


def test_a_photo_that_does_not_fit_its_labels_is_named(figures, tmp_path):
    config = tiny_config(figures, copy_paste_sources=())
    (tmp_path / "images").mkdir()
    for path in (figures.parent / "images").iterdir():
        cv2.imwrite(str(tmp_path / "images" / path.name), np.zeros((20, 20, 3), np.uint8))
    source = replace(config.data[0], images=str(tmp_path / "images"))
    with pytest.raises(DataError, match=r"width, height: 120 × 100, but .*\.png has 20 × 20"):
        train_finder(replace(config, data=(source,)), tmp_path / "run")


def test_precision_of_boxes_is_measured_in_image_pixels(figures):
    records = read_source(tiny_config(figures).data[0])[:2]
    finder = Finder(TINY)
    for record, boxes, scores in predict_boxes(finder, records):
        assert boxes.shape == (len(scores), 4)
        assert (np.diff(scores) <= 0).all()
        assert (boxes >= 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= (record.image["width"], record.image["height"])).all()
    assert 0 <= average_precision_of_boxes(finder, records) <= 1
