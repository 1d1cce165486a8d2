"""How far a retraining is, read from its folder: while it runs, afterwards, and from any process."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.fields import require_fields
from annotator.retraining.corrections import CORRECTIONS
from annotator.retraining.lock import is_at_work

if TYPE_CHECKING:
    import fiftyone as fo

REPORT = "report.md"
"""In a run's folder the comparison of the models, in Markdown; it is written last."""
MODEL_RUN, FINDER_RUN, POSE_RUN = "run", "finder", "pose"
"""In a run's folder those of the trainings: of the model, its person finder and its pose estimator."""
LAST_RUN = "densepose_retraining"
"""Key of a dataset's ``info``: the folder of its last retraining."""

MASKS_KEPT = "The pose estimator stays as it is: nobody who is trained on has a mask of their own."
DECISION = "densepose_retraining_decision"
"""Key of a dataset's ``info``: what was decided about that."""


@dataclass(frozen=True)
class Progress:
    """The progress of the retraining in a folder.

    Args:
        folder: of the run, see :class:`annotator.retraining.fine_tuning.Retraining`; it may be missing.
    """

    folder: Path

    @property
    def begun(self) -> bool:
        """Whether the corrections are written: a retraining in this folder goes on with them."""
        return (self.folder / CORRECTIONS).is_file()

    @property
    def finished(self) -> bool:
        """Whether the new model is trained, exported and compared."""
        return self.report_file.is_file()

    @property
    def is_running(self) -> bool:
        """Whether a process is at work on it."""
        return is_at_work(self.folder)

    @property
    def is_free(self) -> bool:
        """Whether a retraining may start or go on in this folder: it holds nothing else."""
        if self.begun or not self.folder.exists():
            return True
        return self.folder.is_dir() and not any(self.folder.iterdir())

    @property
    def report_file(self) -> Path:
        return self.folder / REPORT

    @property
    def losses(self) -> list[dict[str, float]]:
        """The columns of the training's log, ``loss`` and ``val_loss`` among them, of each epoch that is done."""
        return self.losses_of(MODEL_RUN)

    @property
    def finder_losses(self) -> list[dict[str, float]]:
        """The same of the finder's training, ``loss`` and ``val_ap50`` among them."""
        return self.losses_of(FINDER_RUN)

    @property
    def pose_losses(self) -> list[dict[str, float]]:
        """The same of the pose estimator's training; ``val_quality`` among them where there is somebody to measure on."""
        return self.losses_of(POSE_RUN)

    def losses_of(self, training: str) -> list[dict[str, float]]:
        """The same of the training in a folder of the run's."""
        return _read_log(self._log(training))

    @property
    def keeps_masks(self) -> bool:
        """Whether the pose estimator is not trained: nobody among the corrections has a mask of their own."""
        return not (self.folder / POSE_RUN).is_dir()

    @property
    def curves(self) -> dict[str, list[float]]:
        """Name and losses by epoch of each curve to draw."""
        epochs = self.losses
        return {
            "training": [row["loss"] for row in epochs],
            "held out of training": [row["val_loss"] for row in epochs],
        }

    def describe(self) -> str:
        """The state of the run as a sentence, in Markdown."""
        epochs = self.losses
        if self.finished:
            return f"`{self.folder}` is finished."
        if not epochs:
            return f"`{self.folder}`: the first epoch is not done yet."
        time = datetime.fromtimestamp(self._log(MODEL_RUN).stat().st_mtime)
        text = (
            f"`{self.folder}`: epoch {len(epochs)} done at {time:%H:%M:%S}, loss {epochs[-1]['loss']:.3f}, "
            f"held out of training {epochs[-1]['val_loss']:.3f}."
        )
        if of_finder := self.finder_losses:
            text += f" Of the person finder: epoch {len(of_finder)}, loss {of_finder[-1]['loss']:.3f}."
        if of_pose := self.pose_losses:
            text += f" Of the pose estimator: epoch {len(of_pose)}, loss {of_pose[-1]['loss']:.3f}."
        return f"{text} {MASKS_KEPT}" if self.keeps_masks else text

    def _log(self, training: str) -> Path:
        return self.folder / training / "log.csv"


def _read_log(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def last_run(dataset: fo.Dataset) -> Progress | None:
    """The last retraining on people of this dataset."""
    folder = dataset.info.get(LAST_RUN)
    return Progress(Path(folder)) if folder else None


def remember_run(dataset: fo.Dataset, folder: Path | None) -> None:
    """For :func:`last_run`; ``None`` for there being none."""
    require_fields(dataset)  # FiftyOne would save one that was deleted meanwhile
    dataset.info.pop(LAST_RUN, None)
    if folder is not None:
        dataset.info[LAST_RUN] = str(folder)
    dataset.save()


def decision(dataset: fo.Dataset, folder: Path) -> str | None:
    """What was decided about the model of a finished retraining: ``accepted`` or ``kept``, the old one; ``None`` so far."""
    stored = dataset.info.get(DECISION) or {}
    return stored.get("decision") if stored.get("folder") == str(folder) else None


def decide(dataset: fo.Dataset, folder: Path, decided: str) -> None:
    """For :func:`decision`."""
    dataset.info[DECISION] = {"folder": str(folder), "decision": decided}
    dataset.save()
