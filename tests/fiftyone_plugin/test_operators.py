"""The operators without the App: what their forms accept, and scheduled runs."""

import base64
import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from PIL import Image

from annotator.dataset.fields import declare_fields
from annotator.examples import EXAMPLES
from annotator.inference.network import DEFAULT_MODEL
from annotator.photos.finding import find_photos
from annotator.photos.reading import photo_size

from ..annotator.conftest import sample  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "@densepose/annotator"
ANNOTATE = {
    "model": str(DEFAULT_MODEL),
    "prefix": "dp",
    "quality": "normal",
    "proposals": "as the quality says",
    "grouping": "votes",
    "confidence": 0.05,
    "overwrite": "skip",
}


@pytest.fixture
def photos(dataset, tmp_path) -> list[Path]:
    """Three of the example images, in the dataset."""
    import fiftyone as fo

    paths = [Path(shutil.copy(path, tmp_path)) for path in find_photos(EXAMPLES)[:3]]
    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths])
    return paths


def form(operator: str, dataset, /, **params) -> dict:
    """The form's inputs by name, resolved as the App does; each may have ``invalid`` and ``error_message``."""
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    found = OperatorRegistry().get_operator(f"{PLUGIN}/{operator}")
    context = ExecutionContext({"dataset_name": dataset.name, "params": params})
    return found.resolve_type(context, "inputs").type.properties


def execute(operator: str, dataset, /, **params):
    import fiftyone.operators as foo

    return foo.execute_operator(f"{PLUGIN}/{operator}", {"dataset": dataset, "params": params})


def run_scheduled(operator: str, dataset, params: dict):
    """Schedule a run, which must change nothing, then do it as ``fiftyone delegated launch`` would."""
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService

    dataset.reload()
    before = dataset.last_modified_at
    context = {"dataset": dataset, "params": params, "request_delegation": True}
    scheduled = foo.execute_operator(f"{PLUGIN}/{operator}", context)
    dataset.reload()
    assert dataset.last_modified_at == before
    service = DelegatedOperationService()
    service.execute_queued_operations(limit=1, log=False)
    dataset.reload()
    return service.get(scheduled.result["id"])


def test_the_operators_are_those_of_the_description(database):
    from fiftyone.operators.registry import OperatorRegistry

    registry = OperatorRegistry()
    described = yaml.safe_load((ROOT / "fiftyone_plugin/fiftyone.yml").read_text())
    found = {o.name for o in registry.list_operators() if o.plugin_name == PLUGIN}
    assert described["name"] == PLUGIN
    assert found == set(described["operators"]) | set(described["panels"])
    assert registry.list_errors() == []


def test_the_version_is_that_of_the_package():
    import annotator

    assert (
        yaml.safe_load((ROOT / "fiftyone_plugin/fiftyone.yml").read_text())["version"]
        == annotator.__version__
    )


def test_annotate_export_import(dataset, photos, tmp_path):
    import fiftyone as fo

    execute("annotate_people", dataset, **ANNOTATE)
    count = dataset.count("dp_people.detections")
    assert count > 0
    path = tmp_path / "labels.json"
    execute("export_labels", dataset, prefix="dp", path=str(path), rejected=False)
    assert len(json.loads(path.read_text())["annotations"]) == count
    name = f"imported {tmp_path}"
    values = {"path": str(path), "images_dir": str(tmp_path), "prefix": "dp", "overwrite": "replace"}
    execute("import_labels", dataset, into="new", name=name, **values)
    imported = fo.load_dataset(name)
    assert imported.count("dp_people.detections") == count
    imported.delete()
    execute("import_labels", dataset, into="this", **values)
    assert dataset.count("dp_people.detections") == count


def test_people_are_grouped_as_the_form_says(dataset, photos):
    from annotator.inference.network import Network
    from annotator.inference.pipeline import annotate
    from annotator.inference.settings import Settings

    execute("annotate_people", dataset, **ANNOTATE | {"proposals": "votes", "grouping": "dbscan"})
    settings = Settings(proposals="votes", grouping="dbscan", confidence=ANNOTATE["confidence"])
    expected = [len(result.people.people) for result in annotate(photos, Network(), settings)]
    assert [len(people) for people in dataset.values("dp_people.detections")] == expected
    votes = annotate(photos, Network(), Settings(proposals="votes", confidence=ANNOTATE["confidence"]))
    assert [len(result.people.people) for result in votes] != expected


@pytest.mark.parametrize(
    "choices",
    [
        {"quality": "draft", "confidence": None},
        {"quality": "best", "batch_size": 8},
        {"quality": "best", "proposals": "finder", "confidence": 0.3},
        {"proposals": "both", "grouping": "dbscan"},
    ],
)
def test_the_choices_of_the_form_reach_the_run(dataset, photos, monkeypatch, choices):
    from annotator.inference.settings import Settings
    from annotator.runs.dataset_annotation import Annotation

    runs = []

    def nothing(run):
        declare_fields(run.dataset, run.fields)
        runs.append(run)
        yield from range(1, len(run) + 1)

    monkeypatch.setattr(Annotation, "__iter__", nothing)
    execute("annotate_people", dataset, **ANNOTATE | choices)
    expected = {"grouping": "votes", "confidence": ANNOTATE["confidence"]} | choices
    (run,) = runs
    assert run.settings == Settings.of_quality(expected.pop("quality", "normal"), **expected)


def test_the_form_offers_every_choice(dataset):
    from annotator.inference.settings import GROUPINGS, PROPOSALS, QUALITIES

    inputs = form("annotate_people", dataset)
    offered = {name: inputs[name].type.values for name in ("quality", "proposals", "grouping")}
    assert set(offered["proposals"][1:]) == set(PROPOSALS)
    assert offered == {
        "quality": list(QUALITIES),
        "proposals": ["as the quality says", "finder", "votes", "both"],
        "grouping": list(GROUPINGS),
    }
    assert inputs["confidence"].default is None
    assert (inputs["batch_size"].default, inputs["batch_size"].type.min) == (None, 1)


def test_only_the_selected_samples(dataset, photos):
    import fiftyone.operators as foo

    context = {
        "dataset": dataset,
        "selected": [dataset.last().id],
        "view_target": "SELECTED_SAMPLES",
        "params": ANNOTATE,
    }
    foo.execute_operator(f"{PLUGIN}/annotate_people", context)
    assert dataset.exists("dp_people").values("id") == [dataset.last().id]


def test_only_a_run_over_many_photos_is_proposed_to_be_scheduled(dataset):
    import fiftyone as fo
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    dataset.add_samples([fo.Sample(filepath=f"/photos/{i}.jpg") for i in range(501)])
    found = OperatorRegistry().get_operator(f"{PLUGIN}/annotate_people")
    one = {"selected": [dataset.first().id], "params": {"view_target": "SELECTED_SAMPLES"}}
    for request, takes_long in (({"params": {}}, True), (one, False)):
        context = ExecutionContext({"dataset_name": dataset.name} | request)
        assert found.resolve_execution_options(context).default_choice_to_delegated == takes_long
        assert ("long" in found.resolve_type(context, "inputs").type.properties) == takes_long


def test_a_scheduled_run_does_the_same_and_keeps_its_result(dataset, photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    dataset.add_samples([type(dataset.first())(filepath=str(bad))])
    done = run_scheduled("annotate_people", dataset, ANNOTATE)
    assert done.run_state == "completed"
    assert done.status.progress == 1
    assert dataset.count("dp_people.detections") == done.result.result["people"] > 0
    assert done.result.result["samples"] == 3
    assert "bad.jpg: not an image" in done.result.result["failures"]


@pytest.mark.parametrize(
    ("name", "params", "field", "message"),
    [
        ("annotate_people", {"prefix": "My labels"}, "prefix", "use 1 to 40 small letters"),
        ("annotate_people", {"prefix": "taken"}, "prefix", "'taken_people' of another type"),
        ("annotate_people", {"model": "/none.onnx"}, "model", "/none.onnx: no such model file"),
        ("annotate_people", {"model": __file__}, "model", "ONNX Runtime cannot load it"),
        ("model_info", {"model": "/none.onnx"}, "model", "/none.onnx: no such model file"),
        ("export_labels", {}, "no_labels", "Annotate or import people first"),
        ("export_labels", {"path": "/none/labels.json"}, "path", "/none: no such folder"),
        ("export_labels", {"path": "/"}, "path", "/ is a folder"),
        ("export_labels", {"path": __file__}, "replace", "Confirm"),
        ("export_labels", {"images_dir": "/none"}, "images_dir", "/none: no such folder"),
        ("export_labels", {"format": "cvat", "path": "/tmp/a.json"}, "path", "ends on .xml, not on .json"),
        ("export_labels", {"format": "yolo-seg", "path": "/tmp/a.json"}, "path", "without .json"),
        ("export_labels", {"format": "labelme", "path": "/"}, "path", "/ is there already"),
        ("import_labels", {"path": "/none.json"}, "path", "/none.json: no such file"),
        ("import_labels", {"format": "cvat", "path": "/"}, "path", "/: no such file"),
        ("import_labels", {"images_dir": "/none"}, "images_dir", "/none: no such folder"),
        ("import_labels", {"into": "new", "name": "{dataset}"}, "name", "a dataset of that name"),
        ("import_labels", {"prefix": "1"}, "prefix", "use 1 to 40 small letters"),
    ],
)
def test_a_form_says_what_is_wrong(dataset, name, params, field, message):
    import fiftyone as fo

    dataset.add_sample_field("taken_people", fo.StringField)
    params = {key: value.format(dataset=dataset.name) for key, value in params.items()}
    found = form(name, dataset, **params)[field]
    assert found.invalid
    assert message in found.error_message


def test_the_form_of_the_export_counts_by_state_and_again_once_something_was_saved(dataset, sample):  # noqa: F811
    def choices() -> list[str]:
        found = form("export_labels", dataset)
        return [choice.description for choice in found["state"].view.choices]

    assert [text.split(". ")[-1] for text in choices()] == [
        "0 people on 0 photos.",
        "0 people on 0 photos.",
        "2 people on 1 photos.",
    ]
    found = form("export_labels", dataset, state="approved")
    assert found["nothing"].view.label == "No photo would be written"
    for label in sample.dp_people.detections:
        label.review = "approved"
    sample.save()
    assert [text.split(". ")[-1] for text in choices()] == ["2 people on 1 photos."] * 3


def test_the_state_that_the_form_names_is_exported(dataset, sample, tmp_path):  # noqa: F811
    path = tmp_path / "labels.json"
    values = {"prefix": "dp", "path": str(path), "rejected": False, "state": "approved"}
    done = run_scheduled("export_labels", dataset, values).result.result
    assert (done["samples"], done["unfinished"], done["dropped"]) == (0, 1, 2)
    assert json.loads(path.read_text())["images"] == []


def test_a_confirmed_file_is_replaced(dataset):
    fields = form("export_labels", dataset, path=__file__, replace=True)
    assert not fields["replace"].invalid
    assert __file__ in fields["exists"].view.description


@pytest.mark.parametrize("name", ["annotate_people", "model_info"])
def test_without_onnxruntime_the_form_names_the_extras(database, name):
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = None\n"
        "import fiftyone as fo\n"
        "from tests.fiftyone_plugin.test_operators import form\n"
        "dataset = fo.Dataset()\n"
        f"found = form({name!r}, dataset)['runtime']\n"
        "print(found.invalid, found.error_message)\n"
        "dataset.delete()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "True" in done.stdout
    assert "densepose-annotator[cpu]" in done.stdout
    assert "[gpu]" in done.stdout


def test_model_info_says_what_and_where(dataset):
    facts = execute("model_info", dataset, model=str(DEFAULT_MODEL)).result
    assert facts["device"]
    assert facts["label_space"] == "coco-densepose"
    assert facts["charts"] == "24"


def test_what_nobody_expected_is_said_and_logged(dataset, caplog):
    from fiftyone.operators.executor import ExecutionContext, Executor

    from fiftyone_plugin.running import Job, stream

    def run():
        yield 1
        raise RuntimeError("no room on the device")

    context = ExecutionContext({"dataset_name": dataset.name}, executor=Executor())
    messages = list(stream(context, lambda: Job(run(), 2, dict, None), "Annotate people"))
    said = json.dumps([message.to_json() for message in messages])
    assert "RuntimeError: no room on the device (the server's log says more)" in said
    assert "Traceback" in caplog.text


def test_the_panel_is_told_to_ask_again_while_the_database_is_away(database):
    from pymongo import MongoClient

    from fiftyone_plugin.calls import Call

    class Ask(Call):
        name = "ask"
        writes = False

        def answer(self, ctx, values):
            MongoClient("127.0.0.1:9", serverSelectionTimeoutMS=10).admin.command("ping")

    assert Ask().execute(SimpleNamespace(params={"prefix": "dp"}, request_params={}, user=None)) == {
        "unavailable": "the database does not answer"
    }


def test_the_rest_is_approved_and_taken_back(dataset, photos):
    execute("annotate_people", dataset, **ANNOTATE)
    count = dataset.count("dp_people.detections")
    named = {"prefix": "dp", "request_id": "0123456789abcdef"}
    done = execute("review_approve_below", dataset, **named, issue_score=1.0, author="Ada").result
    assert done == {"approved": count, "failed": 0, "failures": []}
    assert dataset.count_values("dp_people.detections.review") == {"approved": count}
    back = execute("review_take_back", dataset, **named).result
    assert back == {"predicted": count}
    assert dataset.count_values("dp_people.detections.review") == {"predicted": count}


def test_the_panel_gets_a_photo_that_the_browser_cannot_read(dataset, photos):
    execute("annotate_people", dataset, **ANNOTATE)
    first = dataset.first()
    jpeg = execute("review_photo", dataset, prefix="dp", sample=first.id).result["jpeg"]
    with Image.open(BytesIO(base64.b64decode(jpeg))) as photo:
        assert photo.size == photo_size(first.filepath)
    Path(first.filepath).unlink()
    refused = execute("review_photo", dataset, prefix="dp", sample=first.id).result
    assert refused == {"error": f"{first.filepath}: cannot be read: No such file or directory"}
