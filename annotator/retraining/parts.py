"""The parts of a model, each a network of its own, which learn from the same data one after the other: the one that labels, which
gives the model its name, its person finder and its pose estimator."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.inference.finder import Finder, finder_beside
from annotator.inference.network import Network
from annotator.inference.pose_estimator import PoseEstimator, pose_estimator_beside
from annotator.photos.finding import find_photos
from annotator.retraining.corrections import Subset
from annotator.retraining.progress import FINDER_RUN, MODEL_RUN, POSE_RUN
from model.pretrained import weights_of

if TYPE_CHECKING:
    from annotator.retraining.fine_tuning import FineTuning
    from model.one_stage import OneStageRun
    from model.training import Run

MODEL = "model.onnx"
"""In a run's folder the new model."""


@dataclass(frozen=True)
class Part:
    """A part of a model, and its training."""

    name: str
    """In words; empty of the network that labels."""
    folder: str
    """Of its training, in the retraining's."""
    old: Network | Finder | PoseEstimator
    weights: Path
    """Of the old one."""
    epochs: int
    percent: float
    """Of a retraining's time, about, for all epochs."""
    metric: tuple[str, str]
    """What says which epoch is best: its column in the log, and in words."""

    def stages(self) -> list[tuple[str, float]]:
        """Names of the epochs, and about how long each takes, of 100."""
        return [(self._epoch(i), self.percent / self.epochs) for i in range(1, self.epochs + 1)]

    def describe(self, epoch: int, row: dict[str, float]) -> str:
        """An epoch, counted from 1, with its losses, by the log's row."""
        column, words = self.metric
        measured = f", {words} {row[column]:.3f}" if column in row else ""
        return f"{self._epoch(epoch)}: loss {row['loss']:.3f}{measured}"

    def _epoch(self, number: int) -> str:
        return f"{self.name}{', ' if self.name else ''}epoch {number} of {self.epochs}"


def parts_of(network: Network, weights: Path | None, plan: FineTuning) -> tuple[Part, Part, Part]:
    """The parts of a model, that which labels first, in the order in which they learn.

    Args:
        network: that which labels; finder and pose estimator are those that go with it.
        weights: its own; default: as :func:`find_weights`.
        plan: how to train.

    Raises:
        ValueError: weights are not there.
    """
    finder, pose = Finder(finder_beside(network.path)), PoseEstimator(pose_estimator_beside(network.path))
    weights = weights or find_weights(network.path)
    if not weights.is_file():
        raise ValueError(f"{weights}: no such weights")
    of_finder, of_pose = (find_weights(part.path) for part in (finder, pose))
    ap50, quality = ("val_ap50", "validation AP50"), ("val_quality", "validation quality")
    return (
        Part("", MODEL_RUN, network, weights, plan.epochs, 55.0, ("val_loss", "validation")),
        Part("person finder", FINDER_RUN, finder, of_finder, plan.finder_epochs, 20.0, ap50),
        Part("pose estimator", POSE_RUN, pose, of_pose, plan.pose_epochs, 10.0, quality),
    )


def find_weights(model: Path) -> Path:
    """The weights that a part of a model was exported from: the ``.npz`` beside it, or those of the package's.

    Raises:
        ValueError: they are not there.
    """
    weights = weights_of(model)
    if not weights.is_file():
        raise ValueError(
            f"{weights}: no such weights: put the .npz file there from which {model} was exported"
        )
    return weights


def trainings(
    parts: tuple[Part, Part, Part], plan: FineTuning, subsets: tuple[Subset, ...], out: Path
) -> list[Run | OneStageRun | None]:
    """The training of each part, in the retraining's folder; ``None`` for that of a pose estimator if nobody among the corrections
    has a mask of their own: it then stays as it is.

    Args:
        subsets: the first is to learn from, the second says which epoch is best.

    Raises:
        ValueError: a base config that does not fit, or a file that cannot be used.
    """
    from model.finder.fine_tuning import finder_fine_tuning_config
    from model.finder.training import FinderRun
    from model.fine_tuning import fine_tuning_config
    from model.pose.fine_tuning import pose_fine_tuning_config
    from model.pose.training import PoseRun
    from model.training import Run

    network, finder, pose = parts
    values = asdict(plan)
    del values["held_out"], values["finder_epochs"], values["pose_epochs"]
    trained_on, validation, *_ = subsets
    config, records = fine_tuning_config(network.weights, trained_on.folder, validation.folder, **values)
    of_finder = finder_fine_tuning_config(finder.weights, config, finder.epochs)
    of_pose = pose_fine_tuning_config(pose.weights, config, records, pose.epochs)
    return [
        Run(config, out / network.folder, records),
        FinderRun(of_finder, out / finder.folder, records),
        of_pose and PoseRun(of_pose[0], out / pose.folder, of_pose[1]),
    ]


def export(parts: tuple[Part, Part, Part], trained_on: Subset, out: Path, model_id: str) -> None:
    """Write the trained parts, each an ONNX file and its weights, into the retraining's folder; a pose estimator that was not
    trained is copied, unless it is the package's.

    Raises:
        ValueError: Keras and ONNX Runtime disagree.
    """
    from model.finder.fine_tuning import export_fine_tuned_finder
    from model.fine_tuning import export_fine_tuned
    from model.pose.fine_tuning import export_fine_tuned_pose_estimator

    photos = find_photos(trained_on.folder / "images")
    writers = (export_fine_tuned, export_fine_tuned_finder, export_fine_tuned_pose_estimator)
    # The model last: what goes with it is there before.
    for part, write in reversed(list(zip(parts, writers, strict=True))):
        onnx = out / (part.old.path.name if part.name else MODEL)
        if (out / part.folder).is_dir():
            about = {"model_id": model_id, "weights_license": part.old.info.license}
            write(out / part.folder, onnx, photos, side=part.old.side, **about)
        elif part.weights == part.old.path.with_suffix(".npz"):
            for path in (part.weights, part.old.path):
                shutil.copyfile(path, out / path.name)
