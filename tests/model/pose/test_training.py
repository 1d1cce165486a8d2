"""A run of mask net and surface net: they alone learn, it goes on where it was killed, and names what is wrong with config or data."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from model.pose.evaluation import evaluate, quality, validation_subjects
from model.pose.losses import LOSSES
from model.pose.network import NETS
from model.pose.training import WEIGHTS, PoseRun, PoseRunConfig, train_pose
from model.pose.weights import open_pose_estimator
from model.sources import DataError, Source, read_source
from model.weights import WeightsError, save_arrays
from tests.model.pose.tiny import TINY, tiny_config
from tests.model.tiny import log_of

pytestmark = pytest.mark.usefixtures("eager")


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def finished(figures, start, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("pose") / "run"
    train_pose(tiny_config(figures, start), out)
    return out


def test_a_run_leaves_weights_log_and_config(finished, figures, start):
    rows = log_of(finished)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(0 <= float(row["val_quality"]) <= 1 for row in rows)
    for row in rows:
        terms = sum(float(row[name]) for names in LOSSES.values() for name in names)
        assert float(row["loss"]) == pytest.approx(terms, rel=1e-3)
    assert PoseRunConfig.read(finished / "config.json") == tiny_config(figures, start)
    assert open_pose_estimator(finished / WEIGHTS).config == TINY


@pytest.mark.parametrize("learns", [NETS, *((net,) for net in NETS)])
def test_only_these_nets_learn(figures, start, tmp_path, learns):
    train_pose(tiny_config(figures, start, learns=learns, epochs=1), tmp_path)
    before, after = arrays_of(start), arrays_of(tmp_path / WEIGHTS)
    assert before.keys() == after.keys()
    same = {name for name in before if before[name].tobytes() == after[name].tobytes()}
    learnt = {name for name in before if name.startswith(tuple(f"{net}_" for net in learns))}
    assert before.keys() - learnt <= same
    assert {name for name in learnt if name.endswith(("kernel", "moving_mean"))}.isdisjoint(same)
    (row,) = log_of(tmp_path)
    for net in NETS:
        assert all((row[name] != "") == (net in learns) for name in LOSSES[net])


def test_the_loss_falls(figures, start, tmp_path):
    config = tiny_config(figures, start, epochs=3, steps=12, batch=4, learning_rate=1e-2)
    best = train_pose(config, tmp_path)
    losses = [float(row["loss"]) for row in log_of(tmp_path)]
    assert losses[-1] < 0.8 * losses[0]
    subjects = validation_subjects(read_source(config.data[0]))
    scores = evaluate(open_pose_estimator(tmp_path / WEIGHTS), subjects)
    assert scores.keys() == set(NETS)
    assert quality(scores, NETS) == pytest.approx(best, abs=1e-4)
    assert quality(scores, ("mask",)) == scores["mask"]


def test_a_killed_run_goes_on_where_it_was(figures, start, tmp_path):
    config = tiny_config(figures, start)
    assert list(islice(PoseRun(config, tmp_path / "killed").epochs(), 1)) == [1]
    assert list(PoseRun(config, tmp_path / "killed").epochs()) == [2]
    assert list(PoseRun(config, tmp_path / "killed").epochs()) == []
    assert list(PoseRun(config, tmp_path / "whole").epochs()) == [1, 2]
    one, other = (arrays_of(tmp_path / name / "checkpoint.npz") for name in ("killed", "whole"))
    assert one.keys() == other.keys()
    for name in one:
        if name.startswith("model/"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_workers_make_the_same_samples(figures, start, tmp_path):
    config = tiny_config(figures, start, epochs=1)
    here, there = (PoseRun(replace(config, workers=n), tmp_path / str(n)).batches(0) for n in (0, 1))
    for index in range(len(here)):
        (images, labels), (same_images, same_labels) = here[index], there[index]
        np.testing.assert_array_equal(images, same_images)
        for name, values in labels.items():
            np.testing.assert_array_equal(values, same_labels[name])
    there.pool.close()


@pytest.mark.parametrize("missing", NETS)
def test_a_net_that_the_start_lacks_is_new(figures, start, tmp_path, missing):
    arrays = {name: array for name, array in arrays_of(start).items() if not name.startswith(f"{missing}_")}
    save_arrays(tmp_path / "bare.npz", arrays)
    config = tiny_config(figures, tmp_path / "bare.npz", learns=(missing,), validation=(), epochs=1)
    assert train_pose(config, tmp_path / "run") is None
    trained = arrays_of(tmp_path / "run" / WEIGHTS)
    assert {name for name in trained if name.startswith(f"{missing}_")}
    for name, array in arrays.items():
        assert name == "config" or array.tobytes() == trained[name].tobytes()
    assert log_of(tmp_path / "run")[0]["val_quality"] == ""


def test_surfaces_are_not_measured_where_nobody_has_labels_of_them(figures, start, tmp_path):
    data = json.loads(figures.read_text())
    for annotation in data["annotations"]:
        for name in [name for name in annotation if name.startswith(("dp_", "keypoints"))]:
            del annotation[name]
    (tmp_path / "masks.json").write_text(json.dumps(data))
    masks = Source(str(tmp_path / "masks.json"), str(figures.parent / "images"))
    config = tiny_config(figures, start, epochs=1, validation=(masks,))
    assert 0 <= train_pose(config, tmp_path / "both") <= 1
    with pytest.raises(DataError, match="validation: nobody has charts, parts or keypoints"):
        train_pose(replace(config, learns=("surface",)), tmp_path / "surface")


def test_another_config_is_refused_in_the_folder_of_a_run(finished, figures, start):
    with pytest.raises(DataError, match=r"config\.json: this folder holds a run with another config"):
        PoseRun(tiny_config(figures, start, learning_rate=1.0), finished)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"start_weights": None}, "start_weights"),
        ({"epochs": 0}, "epochs"),
        ({"size": 100}, "size"),
        ({"learns": ["keypoints"]}, r"learns\.0"),
        ({"augmentation": {"coarse": 2}}, r"augmentation\.coarse"),
        ({"backgrounds": [{"annotations": "a.json"}]}, r"backgrounds\.0\.images"),
        ({"network": {}}, "network"),
    ],
)
def test_names_file_and_field_of_a_wrong_config(tmp_path, given, field):
    (tmp_path / "c.json").write_text(json.dumps({"start_weights": "s.npz"} | given))
    with pytest.raises(DataError, match=rf"c\.json: {field}: "):
        PoseRunConfig.read(tmp_path / "c.json")


def test_a_start_must_be_given_in_the_file_or_beside_it(tmp_path):
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(DataError, match=r"c\.json: start_weights: "):
        PoseRunConfig.read(tmp_path / "c.json")
    assert PoseRunConfig.read(tmp_path / "c.json", start_weights="s.npz").start_weights == "s.npz"


def test_a_start_that_is_not_there_is_named(figures, tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.npz: no such weights file"):
        train_pose(tiny_config(figures, tmp_path / "nowhere.npz"), tmp_path / "run")


def test_a_source_without_masks_is_named(figures, start, tmp_path):
    data = json.loads(figures.read_text())
    for annotation in data["annotations"]:
        del annotation["segmentation"]
    (tmp_path / "boxes.json").write_text(json.dumps(data))
    boxes = Source(str(tmp_path / "boxes.json"), str(figures.parent / "images"))
    config = tiny_config(figures, start)
    with pytest.raises(DataError, match=r"boxes\.json: nobody has a mask of their own"):
        PoseRun(replace(config, data=(*config.data, boxes)), tmp_path / "run")
    with pytest.raises(DataError, match="validation: nobody has a mask of their own"):
        PoseRun(replace(config, validation=(boxes,)), tmp_path / "run")
    with pytest.raises(DataError, match="learns: no net to train"):
        PoseRun(replace(config, learns=()), tmp_path / "run")
    with pytest.raises(DataError, match="data: no images to train on"):
        PoseRun(replace(config, data=()), tmp_path / "run")
