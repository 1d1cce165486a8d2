"""What each operator does with each kind of view that the App can show."""

import asyncio
import json
from pathlib import Path

import pytest

from ..annotator.conftest import draw_photo, tiny_model  # noqa: F401
from .test_operators import ANNOTATE, PLUGIN

PLACES = "abcdef"
SCENES = {"a": "park", "b": "street", "c": "park", "d": "street", "e": "street", "f": None}
ALL = dict.fromkeys(PLACES, (1, 2))
"""The people of each photo that are seen, by their index."""
FIRST = dict.fromkeys(PLACES, (1,))
PARK = {"a": (1, 2), "c": (1, 2)}
MIDDLE = 60
"""Of a photo: the first person stands on its left, the second on its right."""
SIDEBAR = {
    "dp_people.detections.index": {"isMatching": False, "exclude": False, "range": [1, 1], "none": False}
}
"""The sidebar's filter for the first person of each photo."""


def only_first(samples):
    """A view that hides the second person of each photo."""
    from fiftyone import ViewField

    return samples.filter_labels("dp_people", ViewField("index") == 1)


def without_people_fields(samples):
    return samples.exclude_fields([name for name in samples.get_field_schema() if name.startswith("dp_")])


def of_view(make):
    return lambda dataset: {"view": make(dataset)._serialize()}


def chosen(places: str, make=lambda dataset: dataset.view()):
    """These photos are selected in the grid, or where a group is open."""

    def request(dataset) -> dict:
        ids = dict(zip(*dataset.values(["place", "id"]), strict=True))
        return {
            "view": make(dataset)._serialize(),
            "selected": [ids[place] for place in places],
            "view_target": "SELECTED_SAMPLES",
        }

    return request


def saved(dataset) -> dict:
    dataset.save_view("three", dataset.limit(3))
    return {"view_name": "three", "view": dataset.limit(3)._serialize()}


def filtered(dataset) -> dict:
    return {"filters": SIDEBAR}


def groups(dataset):
    return dataset.group_by("scene")


VIEWS = {
    "dataset": (lambda dataset: {}, ALL),
    "sorted": (of_view(lambda dataset: dataset.sort_by("place", reverse=True)), ALL),
    "limit": (of_view(lambda dataset: dataset.limit(2)), {"a": (1, 2), "b": (1, 2)}),
    "match": (of_view(lambda dataset: dataset.match({"scene": "park"})), PARK),
    "twice": (of_view(lambda dataset: dataset.limit(2).concat(dataset.limit(1))), {"a": (1, 2), "b": (1, 2)}),
    "filtered people": (of_view(only_first), FIRST),
    "filtered by the sidebar": (filtered, FIRST),
    "fields selected": (of_view(lambda dataset: dataset.select_fields("place")), ALL),
    "fields excluded": (of_view(without_people_fields), ALL),
    "filtered, fields excluded": (
        of_view(lambda dataset: without_people_fields(only_first(dataset))),
        FIRST,
    ),
    "saved": (saved, dict.fromkeys("abc", (1, 2))),
    "saved, filtered by the sidebar": (
        lambda dataset: saved(dataset) | filtered(dataset),
        dict.fromkeys("abc", (1,)),
    ),
    "groups": (of_view(groups), ALL),
    "groups by two fields": (of_view(lambda dataset: dataset.group_by(["scene", "day"])), ALL),
    "groups by an expression": (of_view(lambda dataset: dataset.group_by({"$toUpper": "$scene"})), ALL),
    "groups, ordered": (
        of_view(lambda dataset: dataset.group_by("scene", order_by="place", reverse=True)),
        ALL,
    ),
    "groups, flattened": (of_view(lambda dataset: groups(dataset).flatten()), ALL),
    "groups, flat from the start": (of_view(lambda dataset: dataset.group_by("scene", flat=True)), ALL),
    "groups of a limit": (
        of_view(lambda dataset: groups(dataset.limit(3))),
        dict.fromkeys("abc", (1, 2)),
    ),
    "limit of groups": (of_view(lambda dataset: groups(dataset).limit(1)), PARK),
    "match of groups": (of_view(lambda dataset: groups(dataset).match({"place": "a"})), {"a": (1, 2)}),
    "groups of filtered people": (of_view(lambda dataset: groups(only_first(dataset))), FIRST),
    "groups, fields selected": (of_view(lambda dataset: groups(dataset).select_fields("place")), ALL),
    "groups, filtered by the sidebar": (lambda dataset: of_view(groups)(dataset) | filtered(dataset), FIRST),
    "selected photos": (chosen("bd"), {"b": (1, 2), "d": (1, 2)}),
    "selected photos of a filter": (chosen("bd", only_first), {"b": (1,), "d": (1,)}),
    "a selected group": (chosen("a", groups), PARK),
    "photos selected in an open group": (chosen("cd", groups), {"c": (1, 2), "d": (1, 2)}),
}


@pytest.fixture
def photos(dataset, tmp_path, tiny_model) -> None:  # noqa: F811
    """Six photos of two people each, who are labelled."""
    import fiftyone as fo

    from annotator.inference.settings import Settings
    from annotator.runs.dataset_annotation import annotate_samples

    for place in PLACES:
        path = draw_photo(tmp_path / f"{place}.png", [(10, 10, 30, 70, 60), (80, 10, 30, 70, 200)])
        sample = fo.Sample(filepath=str(path), place=place, scene=SCENES[place], day=ord(place) % 2)
        dataset.add_sample(sample)
    annotate_samples(dataset, tiny_model, settings=Settings(proposals="votes"))
    assert people(dataset, lambda label: True) == ALL


def people(dataset, condition, field: str = "dp_people") -> dict[str, tuple[int, ...]]:
    """By photo, the people who meet a condition; photos without are left out."""
    dataset.reload()
    found = {
        sample.place: tuple(label.index for label in sample[field].detections if condition(label))
        for sample in dataset.exists(field)
    }
    return {place: indices for place, indices in found.items() if indices}


def requested(dataset, request: dict, **params) -> dict:
    """A request as the App's server gets it."""
    return {"dataset_name": dataset.name, "params": params} | request


def run(operator: str, request: dict) -> dict:
    """What an operator shows at last, as the App's server gets it."""
    from fiftyone.operators.executor import execute_or_delegate_operator

    done = asyncio.run(execute_or_delegate_operator(f"{PLUGIN}/{operator}", request))
    assert not done.error, done.error
    if not done.is_generator:
        return done.result
    *_, last = done.result
    return last.to_json()["body"]["params"]["results"]


def annotate(dataset, request: dict, model: Path) -> dict[str, tuple[int, ...]]:
    values = ANNOTATE | {"model": str(model), "prefix": "new", "proposals": "votes"}
    shown = run("annotate_people", requested(dataset, request, **values))
    found = people(dataset, lambda label: True, "new_people")
    assert shown["samples"] == len(found)
    return found


def export(dataset, request: dict, path: Path) -> dict[str, tuple[int, ...]]:
    values = {"prefix": "dp", "path": str(path), "rejected": False, "polygons": False}
    shown = run("export_labels", requested(dataset, request, **values))
    data = json.loads(path.read_text())
    names = {image["id"]: Path(image["file_name"]).stem for image in data["images"]}
    assert shown["samples"] == len(names)
    found = dict.fromkeys(names.values(), ())
    for annotation in data["annotations"]:
        is_left = annotation["bbox"][0] < MIDDLE
        found[names[annotation["image_id"]]] += (1 if is_left else 2,)
    return found


def list_people(dataset, request: dict) -> dict[str, tuple[int, ...]]:
    """Of the queue and the scores."""
    listed = run("review_queue", requested(dataset, request, prefix="dp"))["items"]
    table = run("review_scores", requested(dataset, request, prefix="dp", order="issue_score"))
    columns = [f"dp_people.detections.{name}" for name in ("id", "index")]
    index = dict(zip(*dataset.values(columns, unwind=True), strict=True))
    found = {Path(item["filepath"]).stem: () for item in listed}
    for row in sorted(table["rows"], key=lambda row: index[row["key"]]):
        found[Path(row["filepath"]).stem] += (index[row["key"]],)
    assert {Path(item["filepath"]).stem: item["people"] for item in listed} == {
        place: len(seen) for place, seen in found.items()
    }
    return found


def approve(dataset, request: dict) -> dict[str, tuple[int, ...]]:
    check = {"prefix": "dp", "issue_score": 1.0, "share": 1.0, "seed": 0}
    drawn = run("review_spot_check", requested(dataset, request, **check))
    values = {"prefix": "dp", "issue_score": 1.0, "author": "Ada", "request_id": "0123456789abcdef"}
    done = run("review_approve_below", requested(dataset, request, **values))
    found = people(dataset, lambda label: label.review == "approved")
    assert drawn["images"] == len(found)
    assert done["approved"] == drawn["people"] == sum(len(seen) for seen in found.values())
    return found


def inputs(operator: str, request: dict) -> dict:
    """A form's inputs by name, as the App's server gets them."""
    from fiftyone.operators.executor import resolve_type
    from fiftyone.operators.registry import OperatorRegistry

    found = asyncio.run(resolve_type(OperatorRegistry(), f"{PLUGIN}/{operator}", request))
    return found.type.properties


def labels(operator: str, request: dict) -> str:
    return " ".join(field.view.label or "" for field in inputs(operator, request).values())


@pytest.mark.parametrize("kind", VIEWS)
def test_operators_work_on_all_photos_that_a_view_shows(dataset, photos, tiny_model, tmp_path, kind):  # noqa: F811
    make, seen = VIEWS[kind]
    request = make(dataset)
    assert export(dataset, request, tmp_path / "labels.json") == seen
    assert annotate(dataset, request, tiny_model) == dict.fromkeys(seen, (1, 2))
    if "selected" not in request:  # The panel knows no selection.
        assert list_people(dataset, request) == seen
        assert approve(dataset, request) == seen


@pytest.mark.parametrize("kind", VIEWS)
def test_forms_count_the_photos_that_a_view_shows(dataset, photos, kind):
    make, seen = VIEWS[kind]
    dataset.set_values("dp_people.detections.review", [["approved"] * 2] * len(PLACES))
    request = requested(dataset, make(dataset))
    exported = labels("export_labels", request)
    assert (
        f"{len(seen)} of {len(seen)} photos have labels. People and their photos: 0 predicted on 0"
        in exported
    )
    # Of the two on each photo a filter shows one.
    people = len(seen) * (1 if "filter" in kind else 2)
    assert f"{people} approved on {len(seen)}, 0 rejected on 0." in exported
    form = inputs("retrain_model", request)
    if len(seen) < 3:
        assert form["too_few"].error_message.endswith(f": {len(seen)}; 3 are needed")
    else:
        assert form["count"].view.label == f"{len(seen)} photos have people who were edited or approved."
    form = inputs("annotate_people", request)
    assert [name for name, field in form.items() if field.invalid] == []
    is_grouped = "group" in kind and "flat" not in kind
    assert ("groups" in form) == is_grouped
    if is_grouped:
        assert form["groups"].view.label.startswith(f"Annotate {len(seen)} photos")
    assert [name for name, field in inputs("import_labels", request).items() if field.invalid] == []


PATCHES = "leave the view of patches, frames or clips first"
REFUSED = {
    "patches": (of_view(lambda dataset: dataset.to_patches("dp_people")), PATCHES),
    "groups of patches": (
        of_view(lambda dataset: dataset.to_patches("dp_people").group_by("sample_id")),
        PATCHES,
    ),
    "a saved view of patches": (
        lambda dataset: (
            dataset.save_view("patches", dataset.to_patches("dp_people")) or {"view_name": "patches"}
        ),
        PATCHES,
    ),
    "a saved view that is gone": (lambda dataset: {"view_name": "gone"}, "no saved view"),
    "a dataset that is gone": (lambda dataset: {"dataset_name": "gone"}, "not found"),
    "a view of nothing": (of_view(lambda dataset: dataset.match({"place": "z"})), "There are no photos"),
}
MEDIA = {
    "videos": ("movie.mp4", lambda dataset: {}),
    "clips": ("movie.mp4", of_view(lambda dataset: dataset.to_clips([[[1, 5]]]))),
    "groups": ("photo.png", lambda dataset: {"group_slice": "left"}),
    "one slice of groups": ("photo.png", of_view(lambda dataset: dataset.select_group_slices("left"))),
    "groups of groups": ("photo.png", of_view(lambda dataset: dataset.group_by("place"))),
    "3D scenes": ("scene.fo3d", lambda dataset: {}),
}
FORMS = ("annotate_people", "export_labels", "retrain_model")
CALLS = {
    "review_queue": {},
    "review_scores": {"order": "issue_score"},
    "review_spot_check": {"issue_score": 1.0, "share": 1.0, "seed": 0},
    "review_approve_below": {"issue_score": 1.0, "author": "Ada", "request_id": "0123456789abcdef"},
}


def assert_refused(request: dict, reason: str) -> None:
    """By all operators, in one sentence."""
    for operator in FORMS:
        refused = [field for field in inputs(operator, request).values() if field.invalid]
        assert any(reason in field.error_message for field in refused), operator
        with pytest.raises(Exception, match="Validation error"):
            run(operator, request)
    for operator, values in CALLS.items():
        error = run(operator, request | {"params": {"prefix": "dp"} | values})["error"]
        assert reason in error, operator
        assert "\n" not in error


@pytest.mark.parametrize("kind", REFUSED)
def test_operators_say_why_a_view_is_refused(dataset, photos, kind):
    make, reason = REFUSED[kind]
    request = requested(dataset, make(dataset))
    if kind == "a view of nothing":
        for operator in FORMS[:2]:
            assert reason in inputs(operator, request)["no_photos"].error_message
    else:
        assert_refused(request, reason)


@pytest.mark.parametrize("kind", MEDIA)
def test_operators_say_why_other_media_are_refused(dataset, kind):
    import fiftyone as fo

    name, make = MEDIA[kind]
    sample = fo.Sample(filepath=f"/nowhere/{name}", place="a")
    if "groups" in kind:
        dataset.add_group_field("group", default="left")
        sample["group"] = fo.Group().element("left")
    dataset.add_sample(sample)
    request = requested(dataset, make(dataset))
    assert_refused(request, "people are labelled on images")
    assert "people are labelled on images" in inputs("import_labels", request)["prefix"].error_message


@pytest.mark.parametrize("operator", FORMS)
def test_without_a_dataset_the_form_asks_for_one(database, operator):
    assert "open one first" in inputs(operator, {"params": {}})["refused"].error_message
    assert "into" in inputs("import_labels", {"params": {}})
