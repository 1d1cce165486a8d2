"""A cascade and a training run that are small enough to be built, trained and exported often."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from model.augmentation import Augmentation
from model.config import RunConfig, make_config
from model.copy_paste import CopyPaste
from model.presets import PRESETS, CascadeConfig
from model.sources import Source


def tiny_network() -> CascadeConfig:
    """The six stage nets, the context and the pose net of ``lite``, each as narrow as it can be."""
    lite = PRESETS["lite"]
    narrow = {"encoder": (4,), "decoder": (4,), "depth": 1, "bottleneck": 4}
    return replace(
        lite,
        input_size=64,
        backbone_width=0.35,
        taps=((4, 8), (8, 8)),
        feature_width=8,
        stages={name: replace(stage, **narrow) for name, stage in lite.stages.items()},
        context=replace(lite.context, width=8, squeeze=8, skip=4, dilations=(1,)),
        pose=replace(lite.pose, bottom=8, widths=(8, 8, 4, 4), head=8),
    )


def tiny_config(figures: Path, **changes) -> RunConfig:
    """Three stages of a few steps on drawn figures; one growth, one frozen epoch, one epoch with frozen batch norm."""
    recipe = make_config("lite")
    stages = tuple(
        replace(
            plan,
            epochs=epochs,
            steps=2,
            batch=2,
            size=64,
            growth=((1, 96),),
            frozen_epochs=frozen,
            frozen_batch_norm_epochs=int(epochs == 1),
        )
        for plan, epochs, frozen in zip(recipe.stages, (2, 2, 1), (0, 1, 0), strict=True)
    )
    source = Source(str(figures), str(figures.parent / "images"))
    defaults = {
        "model": tiny_network(),
        "data": (source,),
        "validation": (source,),
        "copy_paste_sources": (source,),
        "augmentation": Augmentation(copy_paste=CopyPaste(share=0.5)),
        "stages": stages,
        "backbone_weights": None,
        "workers": 0,  # processes would take longer to start than these samples
    }
    return replace(recipe, **{**defaults, **changes})


def without_epochs(config: RunConfig) -> RunConfig:
    """The same run, which trains nothing."""
    return replace(config, stages=tuple(replace(plan, epochs=0) for plan in config.stages))


def log_of(run: Path) -> list[dict[str, str]]:
    """Rows of a run's log."""
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
