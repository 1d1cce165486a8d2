"""A finder and a training run that are small enough to be built, trained and exported often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model.copy_paste import CopyPaste
from model.finder.network import FinderConfig
from model.finder.samples import FinderAugmentation
from model.finder.training import FinderRunConfig
from model.sources import Source

TINY = FinderConfig(input_size=64, widths=(4, 8, 8, 8), repeats=(1, 1, 1, 1), neck=8, bins=5)


def tiny_config(figures: Path, **changes) -> FinderRunConfig:
    """Two epochs of a few steps on drawn figures, with people pasted into some of them."""
    source = Source(str(figures), str(figures.parent / "images"))
    config = FinderRunConfig(
        data=(source,),
        validation=(source,),
        network=TINY,
        epochs=2,
        steps=2,
        batch=2,
        size=64,
        augmentation=FinderAugmentation(copy_paste=CopyPaste(share=0.5)),
        copy_paste_sources=(source,),
        workers=0,  # processes would take longer to start than these samples
    )
    return replace(config, **changes)
