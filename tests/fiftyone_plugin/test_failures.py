"""A failure is one sentence, on top of what the user sees, and never a traceback."""

import asyncio
import subprocess
import sys

import pytest
from pymongo.errors import AutoReconnect

from annotator.dataset.fields import FieldError, Fields, declare_fields
from annotator.runs.dataset_export import Export
from model.commands import check_training_packages

from .test_operators import ROOT, form, photos, run_scheduled  # noqa: F401
from .test_views import run

UNWRITABLE = "/proc/labels.json"
LOGGED = "(the server's log says more)"


def raised(error: Exception, module: str = "annotator.anything") -> Exception:
    """An error as it comes from a module."""
    try:
        exec("raise error", {"__name__": module, "error": error})
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "/maps/a.png"), "/maps/a.png: No space left on device"),
        (OSError(18, "Invalid link", "/a", None, "/b"), "/a -> /b: Invalid link"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (FileNotFoundError("labels.json: no such file"), "labels.json: no such file"),
        (ImportError("tensorflow not installed: pip install it"), "tensorflow not installed: pip install it"),
        (raised(FieldError("another prefix")), "another prefix"),
        (raised(FieldError("another prefix"), "fiftyone.core"), "another prefix"),
        (raised(ValueError("steps: 0")), "steps: 0"),
        (raised(ValueError("two\n  lines")), "two lines"),
        (raised(ValueError("")), "ValueError"),
        (raised(ValueError("x" * 9999)), "x" * 600 + " …"),
        (raised(ValueError("shapes"), "numpy.core"), f"ValueError: shapes {LOGGED}"),
        (raised(KeyError("quality")), f"KeyError: 'quality' {LOGGED}"),
        (AutoReconnect("127.0.0.1:9: refused"), "the database does not answer"),
    ],
)
def test_an_error_as_a_sentence(database, error, text):
    from fiftyone_plugin.running import sentence

    assert sentence(error) == text


def labelled(dataset) -> dict:
    """What exports the people of a dataset to a place where no file can be written."""
    from annotator.runs.dataset_annotation import annotate_samples

    annotate_samples(dataset)
    return {"prefix": "dp", "path": UNWRITABLE, "rejected": False, "polygons": False}


def fail(run) -> None:
    raise RuntimeError("a bug")
    yield


def test_a_run_that_fails_shows_why(dataset, photos, monkeypatch, caplog):  # noqa: F811
    values = labelled(dataset)
    shown = stopped(dataset, values)
    assert shown == f"{UNWRITABLE}: No such file or directory"
    assert "Traceback" not in caplog.text
    monkeypatch.setattr(Export, "__iter__", fail)
    assert stopped(dataset, values) == f"RuntimeError: a bug {LOGGED}"
    assert "in fail" in caplog.text


def stopped(dataset, values: dict) -> str:
    """What the result of an export that fails says; the same is in the notification."""
    notice, result = messages("export_labels", {"dataset_name": dataset.name, "params": values})[-2:]
    assert notice["operator_uri"].endswith("notify")
    view = result["params"]["outputs"]["type"]["properties"]["error"]["view"]
    assert (view["name"], view["label"]) == ("Error", "Stopped")
    assert notice["params"] == {"message": view["description"], "variant": "error"}
    return view["description"]


def messages(operator: str, request: dict) -> list[dict]:
    from fiftyone.operators.executor import execute_or_delegate_operator

    done = asyncio.run(execute_or_delegate_operator(f"@densepose/annotator/{operator}", request))
    return [message.to_json()["body"] for message in done.result]


def test_a_scheduled_run_that_fails_keeps_why(dataset, photos, monkeypatch):  # noqa: F811
    values = labelled(dataset)
    done = run_scheduled("export_labels", dataset, values)
    assert done.run_state == "failed"
    assert done.status.label.endswith(": No such file or directory")
    assert done.result.error.strip().endswith(done.status.label)
    assert "During handling" not in done.result.error
    monkeypatch.setattr(Export, "__iter__", fail)
    done = run_scheduled("export_labels", dataset, values)
    assert done.run_state == "failed"
    assert done.status.label == f"RuntimeError: a bug {LOGGED}"
    assert done.result.error.strip().endswith(done.status.label)
    assert "in fail" in done.result.error


def test_a_model_that_goes_after_the_form_was_checked(dataset, tmp_path):
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    operator = OperatorRegistry().get_operator("@densepose/annotator/model_info")
    request = {"dataset_name": dataset.name, "params": {"model": str(tmp_path / "gone.onnx")}}
    results = operator.execute(ExecutionContext(request))
    assert results == {"error": f"{tmp_path}/gone.onnx: no such model file"}
    shown = operator.resolve_output(ExecutionContext(request | {"results": results}))
    assert shown.type.properties["error"].view.description == results["error"]


def test_the_panel_goes_on_after_an_error(dataset, photos):  # noqa: F811
    request = {"dataset_name": dataset.name, "params": {"prefix": "dp"}}
    assert "has no field 'dp_people'" in run("review_queue", request)["error"]
    assert "no people with the prefix" in run("review_open", asked(request, sample="0" * 24))["error"]
    labelled(dataset)
    assert run("review_open", asked(request, sample="0" * 24))["error"]
    assert run("review_open", request)["error"] == "sample: is missing"
    assert run("review_queue", asked(request, prefix="Not a prefix"))["error"].startswith("field prefix")
    assert run("review_queue", asked(request, order="size"))["error"].startswith("order: 'size'")
    assert len(run("review_queue", request)["items"]) == 3
    assert run("review_setup", {"params": {}})["prefixes"] == []
    for call in ("review_queue", "review_open", "review_take_back"):
        assert "\n" not in run(call, {"params": {"prefix": "dp"}})["error"]


def asked(request: dict, **params) -> dict:
    return request | {"params": request["params"] | params}


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in sys.argv[1:] else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
import fiftyone as fo
from tests.fiftyone_plugin.test_operators import form
dataset = fo.Dataset()
(field,) = form("retrain_model", dataset).values()
print(field.invalid, field.view.description)
dataset.delete()
"""


@pytest.mark.parametrize("missing", [["tensorflow"], ["keras", "imgaug", "tf2onnx"]])
def test_without_the_packages_for_training_the_form_says_how_to_install_them(database, missing):
    command = [sys.executable, "-c", WITHOUT, *missing]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert f"True training needs {', '.join(missing)}, not installed yet: run " in done.stdout


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        (ROOT / ".venv", f"cd {ROOT} && bash -c 'source scripts/environment.sh && install_package train'"),
        ("/usr", "pip install 'densepose-annotator[train]'"),
    ],
)
def test_the_command_that_installs_them_is_that_of_the_environment(database, monkeypatch, prefix, command):
    monkeypatch.setattr(sys, "prefix", str(prefix))
    with pytest.raises(ImportError) as failed:
        check_training_packages("no_such_backend")
    assert command in str(failed.value)
    assert "install_package()" in (ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")


def test_where_no_photo_has_labels_nothing_is_exported(dataset, photos):  # noqa: F811
    declare_fields(dataset, Fields())
    reason = form("export_labels", dataset)["no_labels"].error_message
    assert reason == "None of the 3 photos has labels with the prefix dp."
