"""The operators of the FiftyOne plugin ``@densepose/annotator``: forms for :mod:`annotator.collections`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.collections import Annotation, Export, Import, Summary
from annotator.decoding import Settings
from annotator.fiftyone_fields import FieldError, Fields, check_fields, find_prefixes
from annotator.network import DEFAULT_MODEL, ModelError, Network

from .review import OPERATORS as REVIEW_OPERATORS

LARGE = 500
"""Photos from which the form proposes to schedule the run instead of waiting for it."""
OVERWRITE = {
    "skip": ("Skip photos that have labels", "Also continues a run that was stopped."),
    "replace": (
        "Replace untouched predictions",
        "People that somebody edited, added, approved, rejected or tagged stay as they are, and those that "
        "somebody deleted do not come back.",
    ),
}
Context = foo.ExecutionContext


class AnnotatePeople(foo.Operator):
    """Annotate the people on photos."""

    @property
    def config(self) -> foo.OperatorConfig:
        return _config(
            "annotate_people", "Annotate people", "Masks, parts, charts, U, V and keypoints of people"
        )

    def resolve_placement(self, ctx: Context) -> types.Placement:
        button = types.Button(label="Annotate people", icon="accessibility_new", prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        return _execution_options(ctx)

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        inputs.view_target(ctx, action_description="Annotate", require_flat=True)
        _model_input(ctx, inputs)
        _prefix_input(ctx, inputs, ctx.target_view(require_flat=True))
        inputs.bool(
            "person_pass",
            default=False,
            label="Person pass",
            description="Look at every person again, closer: better on small people, slower",
        )
        inputs.bool(
            "mirrored",
            default=False,
            label="Mirror image, too",
            description="Take the mean with what the model sees in the mirror image: twice the time",
        )
        inputs.float(
            "confidence",
            default=Settings().confidence,
            min=0,
            max=1,
            label="Confidence",
            description="The least score of a person, 0 to 1",
        )
        _overwrite_input(inputs, "skip")
        _delegation_notice(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Annotate people"))

    def execute(self, ctx: Context) -> Iterator[Any] | dict[str, Any]:
        values = ctx.params
        chosen = {name: values[name] for name in ("person_pass", "mirrored", "confidence")}
        run = Annotation(
            ctx.target_view(require_flat=True),
            Path(values["model"]).expanduser(),
            prefix=values["prefix"],
            settings=Settings(**chosen),
            overwrite=values["overwrite"],
        )
        return _execute(ctx, run, len(run), lambda: _show_labels(ctx, run))

    def resolve_output(self, ctx: Context) -> types.Property:
        return _summary_output("People annotated")


class ExportCocoDensePose(foo.Operator):
    """Write the people to a COCO-DensePose file."""

    @property
    def config(self) -> foo.OperatorConfig:
        return _config("export_coco_densepose", "Export COCO-DensePose", "Write the people to one JSON file")

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        return _execution_options(ctx)

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        inputs.view_target(ctx, action_description="Export", require_flat=True)
        samples = ctx.target_view(require_flat=True)
        prefixes = find_prefixes(ctx.dataset)
        if not prefixes:
            _error(inputs, "no_labels", "No people", "Annotate or import people first.")
        else:
            inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
            prefix = ctx.params.get("prefix") or prefixes[0]
            if prefix in prefixes:
                count = len(samples.exists(Fields(prefix).people))
                _notice(inputs, "count", f"{count} of {len(samples)} photos have labels and will be written.")
        default = Path.home() / f"{fo.core.utils.to_slug(ctx.dataset.name)}.json"
        path = inputs.str("path", default=str(default), required=True, label="File to write")
        chosen = Path(ctx.params.get("path") or default).expanduser()
        if chosen.is_dir():
            _refuse(path, f"{chosen} is a folder: add a file name")
        elif not chosen.parent.is_dir():
            _refuse(path, f"{chosen.parent}: no such folder")
        elif chosen.exists():
            _warning(inputs, "exists", "The file exists", f"{chosen} will be replaced.")
            replace = inputs.bool("replace", default=False, label="Replace the file")
            if not ctx.params.get("replace"):
                _refuse(replace, "Confirm, or choose another file")
        folder = inputs.str(
            "images_dir",
            label="Folder of the photos",
            description="File names are written relative to it; empty: the deepest folder of all photos",
        )
        images_dir = ctx.params.get("images_dir")
        if images_dir and not Path(images_dir).expanduser().is_dir():
            _refuse(folder, f"{images_dir}: no such folder")
        inputs.bool("rejected", default=False, label="Write rejected people, too")
        _delegation_notice(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Export COCO-DensePose"))

    def execute(self, ctx: Context) -> Iterator[Any] | dict[str, Any]:
        values = ctx.params
        run = Export(
            ctx.target_view(require_flat=True),
            Path(values["path"]).expanduser(),
            prefix=values["prefix"],
            images_dir=_folder(values.get("images_dir")),
            rejected=values["rejected"],
        )
        return _execute(ctx, run, len(run), list, {"file": str(run.path)})

    def resolve_output(self, ctx: Context) -> types.Property:
        return _summary_output("People exported")


class ImportCocoDensePose(foo.Operator):
    """Read a COCO-DensePose file."""

    @property
    def config(self) -> foo.OperatorConfig:
        return _config("import_coco_densepose", "Import COCO-DensePose", "Read people from a JSON file")

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        return _execution_options(ctx)

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        path = inputs.str("path", required=True, label="COCO-DensePose file")
        chosen = ctx.params.get("path")
        if chosen and not Path(chosen).expanduser().is_file():
            _refuse(path, f"{chosen}: no such file")
        folder = inputs.str(
            "images_dir",
            required=True,
            label="Folder of the photos",
            description="What the file names in the file are relative to",
        )
        images_dir = ctx.params.get("images_dir")
        if images_dir and not Path(images_dir).expanduser().is_dir():
            _refuse(folder, f"{images_dir}: no such folder")
        target = types.RadioGroup()
        if ctx.dataset is not None:
            target.add_choice("this", label="This dataset", description="Photos that it lacks are added")
        target.add_choice("new", label="A new dataset")
        into = target.values()[0]
        inputs.enum("into", target.values(), default=into, required=True, label="Into", view=target)
        into = ctx.params.get("into", into)
        if into == "new":
            name = inputs.str("name", required=True, label="Name of the new dataset")
            if fo.dataset_exists(ctx.params.get("name") or ""):
                _refuse(name, "There is a dataset of that name already")
        _prefix_input(ctx, inputs, None if into == "new" else ctx.dataset)
        _overwrite_input(inputs, "replace")
        _delegation_notice(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Import COCO-DensePose"))

    def execute(self, ctx: Context) -> Iterator[Any] | dict[str, Any]:
        values = ctx.params
        is_new = values["into"] == "new"
        run = Import(
            values["name"] if is_new else ctx.dataset,
            Path(values["path"]).expanduser(),
            Path(values["images_dir"]).expanduser(),
            prefix=values["prefix"],
            overwrite=values["overwrite"],
        )

        def after() -> list[Any]:
            return [ctx.ops.open_dataset(run.dataset.name)] if is_new else _show_labels(ctx, run)

        return _execute(ctx, run, None, after, {"dataset": run.dataset.name})

    def resolve_output(self, ctx: Context) -> types.Property:
        return _summary_output("People imported")


class ModelInfo(foo.Operator):
    """Say what a model file is and where it would run."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="model_info",
            label="Model info",
            description="What a model is and where it runs",
            dynamic=True,
        )

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        _model_input(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Model info"))

    def execute(self, ctx: Context) -> dict[str, Any]:
        return {name: str(value) for name, value in _model_facts(ctx.params["model"]).items()}

    def resolve_output(self, ctx: Context) -> types.Property:
        outputs = types.Object()
        for name in _model_facts(ctx.params["model"]):
            outputs.str(name, label=name.replace("_", " "))
        return types.Property(outputs, view=types.View(label="Model"))


def register(plugin: Any) -> None:
    """Called by FiftyOne."""
    for operator in (AnnotatePeople, ExportCocoDensePose, ImportCocoDensePose, ModelInfo, *REVIEW_OPERATORS):
        plugin.register(operator)


def _config(name: str, label: str, description: str) -> foo.OperatorConfig:
    return foo.OperatorConfig(
        name=name,
        label=label,
        description=description,
        dynamic=True,
        execute_as_generator=True,
        allow_immediate_execution=True,
        allow_delegated_execution=True,
    )


def _execution_options(ctx: Context) -> foo.ExecutionOptions:
    return foo.ExecutionOptions(
        allow_immediate_execution=True,
        allow_delegated_execution=True,
        default_choice_to_delegated=ctx.dataset is not None and len(ctx.dataset) > LARGE,
    )


def _delegation_notice(ctx: Context, inputs: types.Object) -> None:
    if ctx.dataset is not None and len(ctx.dataset) > LARGE:
        text = "This may take long: schedule it, and let `fiftyone delegated launch` run beside the App."
        _notice(inputs, "long", text)


def _model_input(ctx: Context, inputs: types.Object) -> None:
    field = inputs.str(
        "model", default=str(DEFAULT_MODEL), required=True, label="Model", description="An ONNX file"
    )
    try:
        facts = _model_facts(ctx.params.get("model") or str(DEFAULT_MODEL))
    except ModelError as error:
        _refuse(field, str(error))
    except ImportError as error:
        _error(inputs, "runtime", "ONNX Runtime is missing", str(error))
    else:
        _notice(inputs, "device", f"{facts['model_id']}, runs on {facts['device']}")


def _prefix_input(ctx: Context, inputs: types.Object, samples: Any) -> None:
    """``samples`` are those that will have the fields, ``None`` where there are none yet."""
    field = inputs.str(
        "prefix",
        default="dp",
        required=True,
        label="Field prefix",
        description="Names of the label fields start with it: dp_people, dp_parts …",
    )
    try:
        fields = Fields(ctx.params.get("prefix", "dp"))
        if samples is not None:
            check_fields(samples, fields)
    except FieldError as error:
        _refuse(field, str(error))


def _overwrite_input(inputs: types.Object, default: str) -> None:
    choices = types.RadioGroup()
    for value, (label, description) in OVERWRITE.items():
        choices.add_choice(value, label=label, description=description)
    inputs.enum(
        "overwrite",
        choices.values(),
        default=default,
        required=True,
        label="Photos with labels",
        view=choices,
    )


def _refuse(field: types.Property, reason: str) -> None:
    """Mark an input as wrong: the form says why and cannot be executed."""
    field.invalid = True
    field.error_message = reason


def _error(inputs: types.Object, name: str, label: str, description: str) -> None:
    _refuse(inputs.view(name, types.Error(label=label, description=description)), description)


def _warning(inputs: types.Object, name: str, label: str, description: str) -> None:
    inputs.view(name, types.Warning(label=label, description=description))


def _notice(inputs: types.Object, name: str, text: str) -> None:
    inputs.view(name, types.Notice(label=text))


def _folder(path: str | None) -> Path | None:
    return Path(path).expanduser() if path else None


def _model_facts(path: str) -> dict[str, Any]:
    """
    Raises:
        ModelError: the file cannot be used.
        ImportError: ONNX Runtime is not installed.
    """
    file = Path(path).expanduser()
    return _read_model_facts(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _read_model_facts(file: Path, changed: int) -> dict[str, Any]:
    """``changed`` is the file's time: forms ask at every key stroke, loading takes a moment."""
    network = Network(file)
    return {"file": str(file), "device": network.device, **asdict(network.info)}


def _execute(
    ctx: Context,
    run: Any,
    total: int | None,
    after: Callable[[], list[Any]],
    extra: dict[str, str] | None = None,
) -> Iterator[Any] | dict[str, Any]:
    """Do a run: as a stream of messages to the App, or at once where it was scheduled.

    ``after`` makes messages for the end of the stream.
    """
    if not ctx.delegated:
        return _stream(ctx, run, total, after, extra or {})
    for done in run:
        ctx.set_progress(done / total if total else None, _progress_label(done, total))
    return _results(run.summary, extra or {})


def _stream(
    ctx: Context, run: Any, total: int | None, after: Callable[[], list[Any]], extra: dict[str, str]
) -> Iterator[Any]:
    try:
        for done in run:
            yield ctx.ops.set_progress(
                label=_progress_label(done, total), progress=done / total if total else None
            )
    except (ValueError, OSError) as error:
        # The stream has begun, so that an exception would not reach the App.
        yield ctx.ops.notify(str(error), variant="error")
        outputs = types.Object()
        outputs.view("error", types.Error(label="Stopped", description=str(error)))
        yield ctx.ops.show_output(types.Property(outputs).to_json(), {})
        return
    yield from after()
    results = _results(run.summary, extra)
    yield ctx.ops.show_output(_summary_output("Done", results).to_json(), results)


def _show_labels(ctx: Context, run: Annotation | Import) -> list[Any]:
    """Messages that make an App that is open show what was written, in its colours."""
    config = run.dataset.app_config
    scheme = config.color_scheme
    colours = {
        "color_by": scheme.color_by,
        "opacity": scheme.opacity,
        "show_keypoint_skeletons": scheme.show_skeletons,
        "fields": scheme.fields,
        "colorscales": scheme.colorscales,
    }
    messages = [ctx.ops.reload_dataset(), ctx.trigger("set_color_scheme", colours)]
    if run.fields.people not in ctx.active_fields:
        messages.append(ctx.trigger("set_active_fields", {"fields": config.active_fields.paths}))
    return messages


def _progress_label(done: int, total: int | None) -> str:
    return f"{done} of {total} photos" if total else f"{done} photos"


def _results(summary: Summary, extra: dict[str, str]) -> dict[str, Any]:
    results = summary.to_dict()
    return {**extra, **results, "failures": "\n".join(results["failures"])}


def _summary_output(label: str, results: dict[str, Any] | None = None) -> types.Property:
    """The form of a run's results; without results all that there may be."""
    outputs = types.Object()
    if results is None or "file" in results:
        outputs.str("file", label="File")
    outputs.int("samples", label="Photos")
    outputs.int("people", label="People")
    outputs.int("skipped", label="Photos left alone")
    outputs.int("kept", label="People of humans, kept as they are")
    outputs.int("dropped", label="New people dropped, who are one of those")
    outputs.int("failed", label="Photos that failed")
    if results is None or results["failures"]:
        outputs.str("failures", label="Why, the first ten", view=types.CodeView(read_only=True))
    return types.Property(outputs, view=types.View(label=label))
