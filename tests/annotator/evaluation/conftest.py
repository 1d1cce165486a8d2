"""Two people on a photo, and what is measured of what was found."""

from collections.abc import Iterator
from itertools import filterfalse

import numpy as np
import pytest

from annotator.evaluation.ground_truth import DataSet, is_ignored, read_ground_truth
from annotator.evaluation.views import PersonView, SceneView
from annotator.labels.people import Person
from annotator.surface.geodesic import Surface
from tests.annotator.labelled_photos import figure_at
from tests.annotator.surface.test_geodesic import strip

LEFT, RIGHT = figure_at(10, 20), figure_at(70, 20)


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Surface:
    path = tmp_path_factory.mktemp("surface") / "flat.npz"
    np.savez(path, **strip())
    return Surface(path)


def measure(source: DataSet, found: list[list[Person]], surface: Surface | None = None) -> dict:
    """Report of the scene view, given what was found on each image."""
    view = SceneView(surface)
    for ground_truth, people in zip(read_ground_truth(source), found, strict=True):
        view.add(ground_truth, ground_truth.maps(), people)
    return view.report()


def measure_people(source: DataSet, found: list[Person | None], surface: Surface | None = None) -> dict:
    """Report of the person view, given what was found for each person that counts."""
    view = PersonView(surface)
    people = iter(found)
    for ground_truth in read_ground_truth(source):
        maps = ground_truth.maps()
        for true in filterfalse(is_ignored, ground_truth.people):
            view.add(ground_truth, maps, true, next(people))
    return view.report()


def value(report: dict, path: str) -> float | None:
    for name in path.split("."):
        report = report[name]
    assert ("reason" in report) == (report["value"] is None)
    return report["value"]


def every_metric(report: dict) -> Iterator[dict]:
    for entry in report.values():
        if isinstance(entry, dict):
            if "value" in entry:
                yield entry
            else:
                yield from every_metric(entry)
