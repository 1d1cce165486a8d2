"""Fine-tuning: train on from finished weights on corrected labels, and export the result.

This is what :mod:`annotator.retraining` calls; it decides what is corrected and compares the models.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras

from annotator.photos.atomic_files import whole_file
from model.batches import shares_of
from model.config import RunConfig, make_config, read_config
from model.export import export_onnx
from model.parity import read_images
from model.sources import Record, Source, read_source
from model.weights import cascade_config_of, open_cascade

CHECKED_PHOTOS = 8
"""Photos on which an export is compared with Keras."""


def fine_tuning_config(
    weights: str | Path,
    corrections: Path,
    validation: Path,
    *,
    epochs: int,
    steps: int,
    batch: int,
    size: int,
    learning_rate: float,
    share: float = 0.5,
    base: Path | None = None,
) -> tuple[RunConfig, list[list[Record]]]:
    """The configuration of a fine-tuning and the records of its ``data``, for :class:`model.training.Run`.

    Only the third training stage is run, on all nets, with batch norm frozen.

    Args:
        weights: ``.npz`` to go on from.
        corrections: folder with ``annotations.json``, ``images/`` and ``iuv/``.
        validation: the same, of the photos that say which epoch is best.
        epochs: of the third stage.
        steps: batches per epoch.
        batch: samples per batch.
        size: side of the samples in pixels.
        learning_rate: at its highest; it falls along a cosine.
        share: of the samples that are corrections, where there is a base.
        base: config of a training run whose data are the rest of the samples and whose other settings hold here, too;
            None for the corrections alone and the recipe of the weights' preset.

    Raises:
        ValueError: the base is of another preset than the weights.
        DataError, WeightsError: a file that cannot be used; names it.
    """
    network = cascade_config_of(weights)
    preset = network.preset
    run = read_config(base) if base else make_config(preset, model=network)
    if run.model.preset != preset:
        raise ValueError(f"{base}: model.preset is {run.model.preset!r}, that of the weights {preset!r}")
    records = [read_source(source) for source in run.data]
    shares = shares_of(run.data, records)
    rest = tuple(
        replace(source, weight=(1 - share) * each / sum(shares))
        for source, each in zip(run.data, shares, strict=True)
    )
    short = {"batch": batch, "size": size, "growth": ()}
    last = replace(
        run.stages[2],
        **short,
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        schedule="cosine",
        patience=0,
        frozen_epochs=0,
        # The statistics of a few images are worse than those the weights bring.
        frozen_batch_norm_epochs=epochs,
    )
    before = tuple(replace(stage, **short, epochs=0) for stage in run.stages[:2])
    corrected = _source(corrections, share if rest else 1.0)
    config = replace(
        run,
        data=(corrected, *rest),
        # Beside much base data the corrections would hardly count.
        validation=(_source(validation),),
        backbone_weights=None,
        backbone_share=0.0,
        start_weights=str(weights),
        stages=(*before, last),
        # Of a few hundred steps: a mean of many, or batches put together, would leave the weights nearly as they were.
        ema_momentum=None,
        gradient_accumulation_steps=1,
    )
    return config, [read_source(corrected), *records]


def _source(folder: Path, weight: float = 0.0) -> Source:
    annotations, images, iuv = (str(folder / name) for name in ("annotations.json", "images", "iuv"))
    return Source(annotations, images, weight, iuv)


def export_fine_tuned(run: Path, onnx: Path, photos: Sequence[Path], **about: Any) -> None:
    """Write a finished run's model as an ONNX file, and its weights as an ``.npz`` beside it.

    Args:
        run: folder of the run.
        onnx: file to write.
        photos: for the comparison with Keras; the first :data:`CHECKED_PHOTOS` count.
        about: ``side`` of the graph's input in pixels, a multiple of 32; ``model_id``, under which labels made by the file are
            known; and ``weights_license``, for the file's description.

    Raises:
        ExportError: Keras and ONNX Runtime disagree.
    """
    export = partial(export_onnx, report=(run / "report.json").read_bytes())
    export_weights(run / "stage3.npz", onnx, photos, read=open_cascade, export=export, **about)


def export_weights(
    weights: Path,
    onnx: Path,
    photos: Sequence[Path],
    *,
    read: Callable[[Path], keras.Model],
    export: Callable[..., Any],
    side: int,
    **about: Any,
) -> None:
    """What the exports of networks of all kinds have in common: :func:`export_fine_tuned` of weights.

    Args:
        read: opens the weights.
        export: of what that gives, as :func:`model.export.export_onnx`.
    """
    export(read(weights), onnx, read_images(photos[:CHECKED_PHOTOS], side), **about)
    with whole_file(onnx.with_suffix(".npz")) as temporary:
        shutil.copyfile(weights, temporary)
