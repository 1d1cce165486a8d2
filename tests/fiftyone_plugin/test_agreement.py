"""The operators for labels of two annotators, without the App."""

import numpy as np
import pytest

from tests.annotator.people_samples import SIZE, block
from tests.fiftyone_plugin.test_operators import PLUGIN, form


@pytest.fixture
def labelled(dataset, tmp_path):
    import cv2
    import fiftyone as fo

    from annotator.dataset.fields import Fields, declare_fields
    from annotator.dataset.sample_people import replace_predictions
    from annotator.labels.people import People

    declare_fields(dataset, Fields())
    for number in range(3):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), number, np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, [block(0)]), Fields(), tmp_path / "maps")
        sample.save()
    return dataset


def approve(dataset, key, prefix, author):
    from annotator.review.session import Review

    session = Review(dataset, prefix, author)
    for person in session.open(key)["people"]:
        session.edit(key, {"kind": "decide", "person": person["key"], "state": "approved"}, {})


def scheduled(operator: str, dataset, **params) -> dict:
    """The results of a run that was scheduled."""
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    request = {"dataset_name": dataset.name, "params": params, "delegated": True}
    found = OperatorRegistry().get_operator(f"{PLUGIN}/{operator}")
    return found.execute(ExecutionContext(request))


def test_photos_are_given_and_the_agreement_is_reported(labelled, tmp_path):
    fields = form("measure_agreement", labelled)
    assert "run “Label a share twice” first" in fields["no_second"].error_message
    fields = form("give_second_labels", labelled, percent=0)
    assert fields["percent"].error_message == "must be above 0 and at most 100"
    assert "dp_second" in fields["blind"].view.label
    given = scheduled("give_second_labels", labelled, prefix="dp", percent=100)
    assert (given["samples"], given["people"], given["failed"]) == (3, 3, 0)
    labelled.reload()
    fields = form("measure_agreement", labelled, path="/no such folder/rows.csv")
    assert "no_second" not in fields
    assert "no such folder" in fields["path"].error_message
    assert fields["prefix"].type.values == ["dp"]
    for key in labelled.values("id")[:2]:
        approve(labelled, key, "dp", "Ada")
        approve(labelled, key, "dp_second", "Bob")
    path = tmp_path / "rows.csv"
    found = scheduled("measure_agreement", labelled, prefix="dp", path=str(path))
    assert "| Ada, Bob | 2 | 2 | 0 | 1.000 |" in found["report"]
    assert "1 photo waits for one of the two" in found["report"]
    assert len(path.read_text().splitlines()) == 3


def test_only_measured_photos_are_shown_as_disagreements(labelled):
    from bson import json_util
    from fiftyone.operators.executor import ExecutionContext

    from annotator.dataset.fields import Fields
    from annotator.dataset.second_labels import save_agreement
    from fiftyone_plugin.agreement import MeasureAgreement

    scheduled("give_second_labels", labelled, prefix="dp", percent=100)
    labelled.reload()
    low, high, _ = labelled.values("id")
    for key, lowest in ((low, 0.3), (high, 0.9)):
        save_agreement(labelled, Fields(), key, {"annotators": ["Ada", "Bob"], "people": []}, lowest)
    context = ExecutionContext({"dataset_name": labelled.name, "params": {"prefix": "dp"}})
    stages = json_util.loads(MeasureAgreement().begin(context).refresh()["view"])
    assert type(labelled.view())._build(labelled, stages).values("id") == [low]
