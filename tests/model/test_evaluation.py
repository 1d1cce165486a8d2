"""The training's own report."""

import numpy as np
import pytest

from model.evaluation import measure_stage
from model.presets import PRESETS
from model.sources import Source, read_source

SIDE = 64


class Certain:
    """A network that sees the same part and the same chart of a person at every pixel."""

    config = PRESETS["lite"]

    def __init__(self, **classes: int):
        self.classes = classes

    def __call__(self, images, training):
        shape = (len(images), SIDE // 2, SIDE // 2)
        maps = {"person": np.ones((*shape, 1), np.float32)}
        for name, chosen in self.classes.items():
            maps[name] = np.zeros((*shape, {"parts": 15, "charts": 25}[name]), np.float32)
            maps[name][..., chosen] = 1
        return maps


@pytest.mark.parametrize(
    ("classes", "seen"), [({"parts": 14}, "head"), ({"parts": 14, "charts": 2}, "torso")], ids=str
)
def test_parts_are_those_of_the_charts_once_there_are_charts(figures, classes, seen):
    """Chart 2 lies on the torso."""
    records = read_source(Source(str(figures), str(figures.parent / "images")))
    report = measure_stage(Certain(**classes), records, SIDE)
    assert {name for name in ("head", "torso") if report["iou"][name]} == {seen}
    assert (report["chart_accuracy"] is None) == ("charts" not in classes)
