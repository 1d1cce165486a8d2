"""Fine-tuning of the person finder on the data of a cascade's fine-tuning, see :mod:`model.fine_tuning`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.config import RunConfig
from model.copy_paste import CopyPaste
from model.finder.export import export_finder
from model.finder.samples import FinderAugmentation
from model.finder.training import WEIGHTS, FinderRunConfig
from model.finder.weights import finder_config_of, open_finder
from model.fine_tuning import export_weights

LEARNING_RATE = 0.3
"""Relative to the cascade's: a finder that has seen a hundred thousand photos has much to forget."""
SIZE = 2
"""Side of the samples, which show whole photos, relative to the cascade's."""
MEAN_MOMENTUM = 0.9
"""Of the running mean of the weights, over few steps."""
AUGMENTATION = FinderAugmentation(mosaic=0.3, copy_paste=CopyPaste(share=0.1, people=2, height=(0.1, 0.9)))


def finder_fine_tuning_config(weights: str | Path, cascade: RunConfig, epochs: int) -> FinderRunConfig:
    """The configuration of a finder's fine-tuning.

    Args:
        weights: ``.npz`` of a finder to go on from.
        cascade: of the cascade's fine-tuning, whose data these are, too.
        epochs: each has as many batches, half as large, as one of the cascade.

    Raises:
        WeightsError: the file cannot be used; names it.
    """
    last = cascade.stages[2]
    return FinderRunConfig(
        data=cascade.data,
        validation=cascade.validation,
        network=finder_config_of(weights),
        start_weights=str(weights),
        epochs=epochs,
        steps=last.steps,
        batch=max(last.batch // 2, 1),
        size=SIZE * last.size,
        learning_rate=LEARNING_RATE * last.learning_rate,
        mean_momentum=MEAN_MOMENTUM,
        augmentation=AUGMENTATION,
        copy_paste_sources=cascade.data,
        seed=cascade.seed,
        workers=cascade.workers,
    )


def export_fine_tuned_finder(run: Path, onnx: Path, photos: Sequence[Path], **about: Any) -> None:
    """As :func:`model.fine_tuning.export_fine_tuned`, of a run of the finder."""
    export_weights(run / WEIGHTS, onnx, photos, read=open_finder, export=export_finder, **about)
