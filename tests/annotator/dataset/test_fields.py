"""The fields of a real dataset."""

import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.labels.quality import ISSUES

FIELDS = Fields("ours")


@pytest.fixture
def other():
    """A second dataset."""
    import fiftyone as fo

    dataset = fo.Dataset()
    yield dataset
    dataset.delete()


def stored_fields(dataset) -> list[dict]:
    """What the database has of the fields, in their order: names, types, descriptions and attributes."""

    def without_times(value):
        if isinstance(value, dict):
            return {key: without_times(item) for key, item in value.items() if key != "created_at"}
        return [without_times(item) for item in value] if isinstance(value, list) else value

    dataset.reload()
    return [without_times(field.to_dict()) for field in dataset._doc.sample_fields]


def add_one_by_one(dataset) -> None:
    import fiftyone as fo

    def add(name: str, kind: type, **options) -> None:
        dataset.add_sample_field(f"ours_{name}", kind, **options)

    labels = {
        "people": fo.Detections,
        "parts": fo.Detections,
        "keypoints": fo.Keypoints,
        "charts": fo.Segmentation,
        "u": fo.Heatmap,
        "v": fo.Heatmap,
    }
    for name, kind in labels.items():
        add(name, fo.EmbeddedDocumentField, embedded_doc_type=kind)
    values = {
        "image_id": fo.IntField,
        "failure": fo.StringField,
        "issue_score": fo.FloatField,
        "source": fo.DictField,
    }
    for name, kind in values.items():
        add(name, kind)
    attributes = {
        **dict.fromkeys(("review", "model", "time", "author", "comment"), fo.StringField),
        "edited": fo.BooleanField,
        "annotation_id": fo.IntField,
        "crowd": fo.BooleanField,
        **dict.fromkeys(
            [f"quality_{task}" for task in ("mask", "parts", "charts", "keypoints")], fo.FloatField
        ),
        **dict.fromkeys([f"issue_{name}" for name in ISSUES], fo.FloatField),
        "issue_score": fo.FloatField,
    }
    for name, kind in attributes.items():
        add(f"people.detections.{name}", kind)
    add("people.detections.reasons", fo.ListField, subfield=fo.StringField)
    add("keypoints.keypoints.visibility", fo.ListField, subfield=fo.IntField)


def test_the_fields_are_those_that_adding_one_by_one_makes(dataset, other):
    declare_fields(dataset, FIELDS)
    add_one_by_one(other)
    assert stored_fields(dataset) == stored_fields(other)
    schemas = [each.get_field_schema(flat=True) for each in (dataset, other)]
    assert list(map(str, schemas[0].values())) == list(map(str, schemas[1].values()))


def test_fields_that_are_there_stay_and_missing_ones_come(dataset):
    import fiftyone as fo

    options = {"embedded_doc_type": fo.Detections, "description": "everybody"}
    dataset.add_sample_field("ours_people", fo.EmbeddedDocumentField, **options)
    dataset.add_sample_field("ours_people.detections.shoe_size", fo.IntField)
    dataset.add_sample_field("ours_people.detections.comment", fo.ListField, subfield=fo.StringField)
    dataset.add_sample_field("weather", fo.StringField)
    before = dataset.get_field_schema(flat=True)
    declare_fields(dataset, FIELDS)
    schema = dataset.get_field_schema(flat=True)
    assert schema["ours_people"].description == "everybody"
    assert {path: str(schema[path]) for path in before} == {
        path: str(field) for path, field in before.items()
    }
    assert isinstance(schema["ours_people.detections.review"], fo.StringField)
    stored = stored_fields(dataset)
    declare_fields(dataset, FIELDS)
    assert stored_fields(dataset) == stored
