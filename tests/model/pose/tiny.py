"""A pose estimator and a training run of its masks that are small enough to be built, trained and exported often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model.augmentation import Augmentation
from model.copy_paste import CopyPaste
from model.pose.mask_net import MaskNetConfig
from model.pose.network import PoseEstimatorConfig
from model.pose.surface_net import SurfaceNetConfig
from model.pose.training import PoseRunConfig
from model.presets import PoseConfig
from model.sources import Source

TINY = PoseEstimatorConfig(
    input_size=64,
    backbone_width=0.35,
    pose=PoseConfig(bottom=8, widths=(8, 8, 4, 4), head=8),
    mask=MaskNetConfig(deep=8, width=8, fine=4),
    surface=SurfaceNetConfig(deep=8, width=8, fine=4),
)


def tiny_config(figures: Path, start: Path, **changes) -> PoseRunConfig:
    """Two epochs of a few steps on drawn figures, with people pasted into some of them."""
    source = Source(str(figures), str(figures.parent / "images"))
    config = PoseRunConfig(
        data=(source,),
        validation=(source,),
        start_weights=str(start),
        epochs=2,
        steps=2,
        batch=2,
        size=64,
        augmentation=Augmentation(copy_paste=CopyPaste(share=0.5)),
        copy_paste_sources=(source,),
        workers=0,  # processes would take longer to start than these samples
    )
    return replace(config, **changes)
