"""The fields of a real dataset."""

import pytest

from annotator.dataset.fields import FieldError, Fields, check_fields, declare_fields
from annotator.labels.quality import ISSUES

FIELDS = Fields()


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
        dataset.add_sample_field(f"dp_{name}", kind, **options)

    labels = {
        "people": fo.Detections,
        "parts": fo.Detections,
        "keypoints": fo.Keypoints,
        "charts": fo.Segmentation,
        "u": fo.Heatmap,
        "v": fo.Heatmap,
        "possible": fo.Detections,
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
    dataset.add_sample_field("dp_people", fo.EmbeddedDocumentField, **options)
    dataset.add_sample_field("dp_people.detections.shoe_size", fo.IntField)
    dataset.add_sample_field("dp_people.detections.comment", fo.ListField, subfield=fo.StringField)
    dataset.add_sample_field("weather", fo.StringField)
    before = dataset.get_field_schema(flat=True)
    declare_fields(dataset, FIELDS)
    schema = dataset.get_field_schema(flat=True)
    assert schema["dp_people"].description == "everybody"
    assert {path: str(schema[path]) for path in before} == {
        path: str(field) for path, field in before.items()
    }
    assert isinstance(schema["dp_people.detections.review"], fo.StringField)
    stored = stored_fields(dataset)
    declare_fields(dataset, FIELDS)
    assert stored_fields(dataset) == stored


def test_the_dataset_gets_names_skeleton_and_colours(sample):
    dataset = sample.dataset
    dataset.reload()
    assert dataset.mask_targets[FIELDS.charts][2] == "torso front"
    assert len(dataset.skeletons[FIELDS.keypoints].labels) == 17
    scheme = dataset.app_config.color_scheme
    entries = {entry["path"]: entry for entry in scheme.fields}
    for path, key, count in ((FIELDS.parts, "valueColors", 14), (FIELDS.charts, "maskTargetsColors", 24)):
        colours = [entry["color"] for entry in entries[path][key]]
        assert len(set(colours)) == count
    assert {scale["path"] for scale in scheme.colorscales} == {FIELDS.u, FIELDS.v}


def test_coldp_of_other_fields_stay(dataset):
    import fiftyone as fo

    mine = {"path": "ground_truth", "fieldColor": "#123456"}
    dataset.app_config.color_scheme = fo.ColorScheme(fields=[mine], color_pool=["#ff0000"], opacity=0.25)
    dataset.save()
    for prefix in ("dp", "old", "dp"):
        declare_fields(dataset, Fields(prefix))
    scheme = dataset.app_config.color_scheme
    assert [entry for entry in scheme.fields if entry["path"] == "ground_truth"] == [mine]
    assert len(scheme.fields) == 1 + 2 * 7
    assert (scheme.color_pool, scheme.opacity) == (["#ff0000"], 0.25)


def test_what_somebody_has_chosen_stays(dataset):
    declare_fields(dataset, FIELDS)
    assert dataset.app_config.color_scheme.color_by == "value"
    scheme = dataset.app_config.color_scheme
    mine = {"path": FIELDS.people, "fieldColor": "#123456"}
    scheme.fields = [mine, *(entry for entry in scheme.fields if entry["path"] != FIELDS.people)]
    scheme.colorscales = [{"path": FIELDS.u, "name": "hot"}]
    scheme.color_by = "field"
    dataset.mask_targets = {FIELDS.charts: {1: "back"}}
    dataset.save()
    declare_fields(dataset, FIELDS)
    dataset.reload()
    scheme = dataset.app_config.color_scheme
    assert scheme.color_by == "field"
    assert [entry for entry in scheme.fields if entry["path"] == FIELDS.people] == [mine]
    assert {scale["path"]: scale["name"] for scale in scheme.colorscales} == {
        FIELDS.u: "hot",
        FIELDS.v: "bluered",
    }
    assert dataset.mask_targets[FIELDS.charts] == {1: "back"}


@pytest.mark.parametrize("prefix", ["", "Dp", "1a", "a-b", "a b", "_a", "a.b", "ä"])
def test_a_bad_prefix_is_refused(prefix):
    with pytest.raises(FieldError, match="field prefix"):
        Fields(prefix)


def test_a_field_of_another_type_is_refused(dataset):
    import fiftyone as fo

    dataset.add_sample_field("dp_people", fo.StringField)
    with pytest.raises(FieldError, match="'dp_people' of another type"):
        declare_fields(dataset, FIELDS)


def test_a_view_of_patches_is_refused(sample):
    with pytest.raises(FieldError, match="whole images"):
        check_fields(sample.dataset.to_patches(FIELDS.people), FIELDS)


def test_a_slice_of_groups_is_refused(dataset):
    """The fields would be those of all slices."""
    import fiftyone as fo

    dataset.add_group_field("group", default="left")
    sample = fo.Sample(filepath="/left.png", group=fo.Group().element("left"))
    dataset.add_sample(sample)
    with pytest.raises(FieldError, match="holds group samples"):
        check_fields(dataset.select_group_slices("left"), FIELDS)
