"""One short real training of a tiny network, for all tests that are about a retraining."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from annotator.retraining.fine_tuning import FineTuning, Retraining
from annotator.retraining.progress import Progress, last_run
from annotator.runs.dataset_import import import_labels

from .model.conftest import write_source

SHORT = FineTuning(epochs=2, steps=1, size=64, finder_epochs=1, pose_epochs=2)


@dataclass
class RetrainingRun:
    """A finished run, and copies of its folder as it was while it trained."""

    run: Retraining
    stages: dict[int, Path] = field(default_factory=dict)
    """By the number of epochs that were done."""

    def keep(self, epochs: int) -> None:
        self.stages[epochs] = self.run.out.with_name(f"after epoch {epochs}")
        shutil.copytree(self.run.out, self.stages[epochs])

    def restore(self, epochs: int, folder: Path) -> None:
        """Make a folder with the run as it was after so many epochs, which goes on from there."""
        shutil.copytree(self.stages[epochs], folder)
        for config in folder.glob("*/config.json"):
            config.write_text(config.read_text().replace(str(self.run.out), str(folder)))

    def replay(self, name: str, folder: Path, epochs: int | None = None) -> None:
        """Put one file of the run, finished or as it was after so many epochs, into a folder, at once."""
        source = (self.stages[epochs] if epochs else self.run.out) / name
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(shutil.copy(source, target.with_suffix(".new")), target)


@pytest.fixture(scope="session")
def reviewed(database, tmp_path_factory):
    """A dataset of eight photos, six of which are approved."""
    import fiftyone as fo

    folder = tmp_path_factory.mktemp("reviewed")
    name = f"reviewed {folder}"
    import_labels(name, write_source(folder / "data"), folder / "data" / "images")
    dataset = fo.load_dataset(name)
    approve(dataset[:6])
    yield dataset
    dataset.delete()


def approve(samples) -> None:
    for sample in samples:
        for person in sample.dp_people.detections:
            person["review"] = "approved"
        sample.save()


@pytest.fixture(scope="session")
def old_model(tmp_path_factory) -> Path:
    """An ONNX file of a tiny network that has learnt nothing, as its finder and pose estimator beside it; so are the weights of all."""
    from model.commands import prepare_keras

    prepare_keras("tensorflow")
    import keras

    from model.cascade import Cascade
    from model.export import export_onnx
    from model.finder.export import export_finder
    from model.finder.network import Finder
    from model.finder.weights import save_finder
    from model.pose.export import export_pose_estimator
    from model.pose.network import PoseEstimator
    from model.pose.weights import save_pose_estimator
    from model.weights import save_weights
    from tests.model.finder.tiny import TINY
    from tests.model.pose.tiny import TINY as TINY_POSE
    from tests.model.tiny import tiny_network

    keras.utils.set_random_seed(0)
    cascade, path = Cascade(tiny_network()), tmp_path_factory.mktemp("old") / "tiny.onnx"
    save_weights(cascade, path.with_suffix(".npz"))
    photos = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    export_onnx(cascade, path, photos, model_id="tiny-1")
    finder = Finder(TINY)
    save_finder(finder, path.with_name("finder.npz"))
    export_finder(
        finder, path.with_name("finder.onnx"), photos, model_id="tiny-finder", weights_license="Apache-2.0"
    )
    pose = PoseEstimator(TINY_POSE)
    save_pose_estimator(pose, path.with_name("pose.npz"))
    export_pose_estimator(
        pose, path.with_name("pose.onnx"), photos, model_id="tiny-pose", weights_license="CC0-1.0"
    )
    return path


@pytest.fixture(scope="session")
def retraining_run(reviewed, old_model, tmp_path_factory) -> RetrainingRun:
    """A run that was stopped after the first epoch and started again, and once more after the first of the pose estimator."""
    out = tmp_path_factory.mktemp("retraining") / "spring"
    first = Retraining(reviewed, out, model=old_model, plan=SHORT)
    assert not first.progress.losses
    assert next(iter(first)) == 1
    # Who looks at the dataset meanwhile finds the run and its losses.
    assert last_run(reviewed) == Progress(out)
    assert [row["epoch"] for row in Progress(out).losses] == [1]
    kept = RetrainingRun(first)
    kept.keep(1)
    approve(reviewed[6:])
    kept.run = again = Retraining(reviewed, out, model=old_model, plan=SHORT)
    rest = iter(again)
    assert next(rest) == 2
    kept.keep(2)
    assert [next(rest), next(rest)] == [3, 4]
    kept.keep(4)
    rest.close()
    kept.run = Retraining(reviewed, out, model=old_model, plan=SHORT)
    assert list(kept.run) == [5, 6, 7, 8]
    assert len(kept.run) == 8
    return kept


@pytest.fixture(scope="session")
def retrained(retraining_run) -> Retraining:
    """The finished run."""
    return retraining_run.run
