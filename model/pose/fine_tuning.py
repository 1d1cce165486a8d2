"""Fine-tuning of a pose estimator's mask net and surface net on the data of a cascade's fine-tuning, see :mod:`model.fine_tuning`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

from model.augmentation import Augmentation
from model.config import RunConfig
from model.copy_paste import CopyPaste
from model.fine_tuning import export_weights
from model.pose.export import export_pose_estimator
from model.pose.samples import subjects_of
from model.pose.training import WEIGHTS, PoseRunConfig
from model.pose.weights import open_pose_estimator
from model.sources import Record, read_source

LEARNING_RATE = 2.0
"""Relative to the cascade's: with its default, an eighth of that with which its nets were first trained."""
PRECISION = "float16-weights"
"""Of the ONNX file, as of the package's: what predicts keypoints was rounded to float16 before."""
AUGMENTATION = Augmentation(
    scale=(0.9, 1.1),
    shift=0.05,
    rotation=15.0,
    coarse=0.1,
    copy_paste=CopyPaste(share=0.1, people=2),
)
"""Weaker than that of the first training: few corrections are to be learnt, not all photos."""


def pose_fine_tuning_config(
    weights: str | Path, cascade: RunConfig, records: Sequence[Sequence[Record]], epochs: int
) -> tuple[PoseRunConfig, list[list[Record]]] | None:
    """The configuration of a pose estimator's fine-tuning and the records of its ``data``, for :class:`model.pose.training.PoseRun`;
    ``None`` where nobody among the corrections has a mask of their own, so that there is nothing to learn.

    Args:
        weights: ``.npz`` of a pose estimator to go on from.
        cascade: of the cascade's fine-tuning, whose data these are, too, but for sources in which nobody has a mask of their own.
        records: of its data, the corrections first.
        epochs: each has as many batches, as large, as one of the cascade.

    Raises:
        DataError: the validation data cannot be used.
        WeightsError: the file cannot be used; names it.
    """
    # Else a file that lacks something would be found out after the training of the others.
    open_pose_estimator(weights)
    corrected, *_ = have_masks = [any(map(subjects_of, some)) for some in records]
    if not corrected:
        return None
    validation = [record for source in cascade.validation for record in read_source(source)]
    last = cascade.stages[2]
    config = PoseRunConfig(
        data=tuple(compress(cascade.data, have_masks)),
        # Without anybody to measure on the last epoch counts.
        validation=cascade.validation if any(map(subjects_of, validation)) else (),
        start_weights=str(weights),
        epochs=epochs,
        steps=last.steps,
        batch=last.batch,
        size=last.size,
        learning_rate=LEARNING_RATE * last.learning_rate,
        augmentation=AUGMENTATION,
        copy_paste_sources=cascade.data,
        seed=cascade.seed,
        workers=cascade.workers,
    )
    return config, list(compress(records, have_masks))


def export_fine_tuned_pose_estimator(run: Path, onnx: Path, photos: Sequence[Path], **about: Any) -> None:
    """As :func:`model.fine_tuning.export_fine_tuned`, of a run of a pose estimator."""
    export = partial(export_pose_estimator, precision=PRECISION)
    export_weights(run / WEIGHTS, onnx, photos, read=open_pose_estimator, export=export, **about)
