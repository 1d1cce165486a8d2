"""Whatever the panel is asked for, it is done right, or refused in one line with nothing changed."""

import cv2
import numpy as np
import pytest

from tests.annotator.conftest import tiny_model_proto
from tests.annotator.people_samples import SIZE, block

FEW, MANY = 300, 20_000
"""Calls: in the suite, and with ``--campaign``."""
PLUGIN = "@densepose/annotator"


@pytest.fixture
def execute(dataset):
    """Calls an operator of the panel as the App's server does."""
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    registry = OperatorRegistry()

    def call(name: str, values: dict) -> dict:
        context = ExecutionContext({"dataset_name": dataset.name, "params": values})
        context._dataset = (
            dataset  # The App's server loads it anew for each call, which takes most of the time.
        )
        return registry.get_operator(f"{PLUGIN}/{name}").execute(context)

    return call


@pytest.fixture
def crowded(dataset, tmp_path):
    """A photo with people of all kinds: dense ones, one without charts, one of surface points, a box alone, a crowd, and two
    possible people."""
    import fiftyone as fo
    import onnx

    from annotator.dataset.fields import Fields, declare_fields
    from annotator.dataset.info import maps_folder, remember_model
    from annotator.dataset.sample_people import replace_predictions
    from annotator.labels.people import People, Person, PossiblePerson, Provenance

    path, model = tmp_path / "photo.png", tmp_path / "tiny.onnx"
    cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
    onnx.save(tiny_model_proto(), model)
    declare_fields(dataset, Fields())
    remember_model(dataset, "dp", model)
    sample = fo.Sample(filepath=str(path))
    dataset.add_sample(sample)
    points = np.array([[64, 15, 23, 0.5, 0.5], [66, 40, 2, 0.1, 0.9]], np.float32)
    people = [
        block(2, 16),
        block(22, 16, parts=None, charts=None, u=None, v=None, keypoints=None, visibility=None),
        block(42, 16, provenance=Provenance("lite", "2026-01-01T00:00:00+00:00", "rejected", "Bob")),
        Person((60, 10, 16, 40), mask=np.ones((40, 16), bool), points=points),
        Person((0, 52, 30, 8)),
        Person((40, 52, 30, 8), mask=np.ones((8, 30), bool), crowd=True),
    ]
    possible = [PossiblePerson((30, 0, 10, 9), 0.5), PossiblePerson((0, 40, 9, 18), 0.25)]
    replace_predictions(
        sample, People(SIZE, people, possible=possible), Fields(), maps_folder(dataset, "dp", None)
    )
    sample.save()
    return sample


@pytest.mark.parametrize("seed", range(2))
def test_every_call_is_right_or_refused(execute, crowded, campaign, seed):
    from tests.robustness.edit_fuzzer import Fuzzer

    report = Fuzzer(execute, crowded, seed).run((MANY if campaign else FEW) // 2)
    print(report)
    assert not report.problems, "\n".join(report.problems[:10])


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("open", {"sample": None}, "sample: must be a valid string, not None"),
        ("restore", {"sample": "../../x", "token": "0" * 28}, "sample: "),
        ("edit", {"prefix": 1e308}, "prefix: must be a valid string, not 1e+308"),
        ("edit", {}, "edit: is missing"),
        ("edit", {"edit": {}, "versions": {"a": 1}}, "versions.a: must be a valid string, not 1"),
        ("restore", {"token": []}, "token: must be a valid string, not []"),
        ("queue", {"states": ["x"]}, "states: 'x' is none of"),
        (
            "spot_check",
            {"issue_score": 0.5, "share": -1, "seed": 0},
            "share: must be greater than or equal to 0, not -1",
        ),
        ("take_back", {"request_id": "x"}, "request_id: "),
    ],
)
def test_a_wrong_parameter_is_named(execute, crowded, name, changes, problem):
    values = {"prefix": "dp", "sample": crowded.id} | changes
    assert execute(f"review_{name}", values)["error"].startswith(problem)
