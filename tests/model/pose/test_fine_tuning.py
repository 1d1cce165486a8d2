"""The config of a pose estimator's fine-tuning: the cascade's data, of which only people with masks count."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from model.config import RunConfig, make_config
from model.pose.fine_tuning import LEARNING_RATE, pose_fine_tuning_config
from model.pose.training import PoseRun, PoseRunConfig
from model.pose.weights import open_pose_estimator
from model.sources import Record, Source, read_source
from model.weights import WeightsError, save_arrays
from tests.model.conftest import write_source
from tests.model.pose.test_training import arrays_of


@pytest.fixture(scope="module")
def labelled(figures) -> Source:
    return Source(str(figures), str(figures.parent / "images"), 0.5)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory) -> Source:
    """A source in which nobody has a mask."""
    path = write_source(tmp_path_factory.mktemp("boxes"), 2)
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        del annotation["segmentation"], annotation["dp_masks"]
    path.write_text(json.dumps(data))
    return Source(str(path), str(path.parent / "images"), 0.5)


def cascade(*data: Source, validation: Source) -> tuple[RunConfig, list[list[Record]]]:
    config = make_config("lite", data=data, validation=(validation,))
    last = replace(config.stages[2], steps=1, batch=2, size=64, learning_rate=1e-4)
    config = replace(config, stages=(*config.stages[:2], last), seed=3, workers=0)
    return config, [read_source(source) for source in data]


def test_it_learns_from_the_cascades_data(start, labelled, tmp_path):
    of_cascade, records = cascade(labelled, validation=labelled)
    config, used = pose_fine_tuning_config(start, of_cascade, records, 2)
    assert (config.data, config.validation, config.copy_paste_sources) == ((labelled,),) * 3
    assert used == records
    assert (config.epochs, config.steps, config.batch, config.size) == (2, 1, 2, 64)
    assert (config.seed, config.workers, config.start_weights) == (3, 0, str(start))
    assert config.learning_rate == pytest.approx(LEARNING_RATE * 1e-4)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    assert PoseRunConfig.read(tmp_path / "config.json") == config


def test_sources_without_masks_are_left_out(start, labelled, boxes, tmp_path):
    of_cascade, records = cascade(labelled, boxes, validation=boxes)
    config, used = pose_fine_tuning_config(start, of_cascade, records, 1)
    assert (config.data, used, config.validation) == ((labelled,), records[:1], ())
    assert list(PoseRun(config, tmp_path, used).epochs()) == [1]
    assert open_pose_estimator(tmp_path / "pose.npz")


def test_corrections_without_masks_teach_nothing(start, labelled, boxes):
    of_cascade, records = cascade(boxes, labelled, validation=labelled)
    assert pose_fine_tuning_config(start, of_cascade, records, 1) is None


def test_weights_without_a_net_are_refused(start, labelled, tmp_path):
    bare: Path = tmp_path / "bare.npz"
    save_arrays(bare, {name: a for name, a in arrays_of(start).items() if not name.startswith("mask_")})
    of_cascade, records = cascade(labelled, validation=labelled)
    with pytest.raises(WeightsError, match=r"bare\.npz: has no mask net"):
        pose_fine_tuning_config(bare, of_cascade, records, 1)
