"""Inputs, messages and options that the forms of several operators share."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import constants, types

from annotator.dataset.fields import FieldError, Fields, check_fields, check_photos
from annotator.dataset.info import last_model
from annotator.dataset.second_labels import check_new_prefix
from annotator.dataset.views import photos_of
from annotator.inference.network import DEFAULT_MODEL, ModelError, Network

LARGE = 500
"""Number of photos above which a form proposes to schedule the run instead of waiting for it."""
Context = foo.ExecutionContext


def target_photos(ctx: Context) -> Any:
    """The photos that the form's target names.

    Raises:
        FieldError: no dataset is open, or it or the target is not of photos.
    """
    if ctx.dataset is None:
        raise FieldError("no dataset is open: open one first")
    samples = ctx.target_view()
    check_photos(samples)
    photos = photos_of(samples)
    if samples._is_dynamic_groups and _target(ctx) == constants.ViewTarget.SELECTED_SAMPLES:
        # Besides groups, which go by their first photos, photos may be selected where the App opens a group.
        photos = photos_of(ctx.view).select([*photos.values("id"), *ctx.selected])
    return photos


def _target(ctx: Context) -> str | None:
    return ctx.params.get("view_target") or ctx.request_params.get("view_target")


def target_input(ctx: Context, inputs: types.Object, action: str) -> Any:
    """Ask for the target of an operator, and say what is wrong with it.

    Returns:
        The photos that it names.

    Raises:
        FieldError: as :func:`target_photos`.
    """
    if ctx.dataset is not None:
        inputs.view_target(ctx, action_description=action)
    photos = target_photos(ctx)
    if ctx.target_view()._is_dynamic_groups:
        text = f"{action} {len(photos)} photos: all photos of the groups that the view shows."
        show_notice(inputs, "groups", text)
    if not len(photos):
        show_error(inputs, "no_photos", "No photos", "There are no photos: choose another target or view.")
    return photos


def operator_config(name: str, label: str, description: str) -> foo.OperatorConfig:
    return foo.OperatorConfig(
        name=name,
        label=label,
        description=description,
        dynamic=True,
        execute_as_generator=True,
        allow_immediate_execution=True,
        allow_delegated_execution=True,
    )


def execution_options(samples: Any) -> foo.ExecutionOptions:
    """The options of a run over these samples; ``None`` if they are not known yet."""
    return foo.ExecutionOptions(
        allow_immediate_execution=True,
        allow_delegated_execution=True,
        default_choice_to_delegated=_takes_long(samples),
    )


def _takes_long(samples: Any) -> bool:
    return samples is not None and len(samples) > LARGE


def delegation_notice(inputs: types.Object, samples: Any) -> None:
    if _takes_long(samples):
        text = "This may take long: schedule it, and let `fiftyone delegated launch` run beside the App."
        show_notice(inputs, "long", text)


def model_input(ctx: Context, inputs: types.Object, prefix: str = "dp") -> None:
    """Ask for a model; the one that last labelled the dataset, or was accepted since, is proposed."""
    last = last_model(ctx.dataset, prefix) if ctx.dataset is not None else None
    default = str(last or DEFAULT_MODEL)
    field = inputs.str("model", default=default, required=True, label="Model", description="An ONNX file")
    try:
        facts = model_facts(ctx.params.get("model") or default)
    except ModelError as error:
        refuse(field, str(error))
    except ImportError as error:
        show_error(inputs, "runtime", "ONNX Runtime is missing", str(error))
    else:
        show_notice(inputs, "device", f"{facts['model_id']}, runs on {facts['device']}")


def prefix_input(ctx: Context, inputs: types.Object, samples: Any) -> None:
    """Ask for the prefix of the label fields of ``samples``; ``None`` if there are no samples yet."""
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
        check_new_prefix(None if samples is None else samples._dataset, fields)
    except FieldError as error:
        refuse(field, str(error))


def refuse(field: types.Property, reason: str) -> None:
    """Mark an input as invalid: the form shows the reason and cannot be executed."""
    field.invalid = True
    field.error_message = reason


def show_error(inputs: types.Object, name: str, label: str, description: str) -> None:
    refuse(inputs.view(name, types.Error(label=label, description=description)), description)


def show_warning(inputs: types.Object, name: str, label: str, description: str) -> None:
    inputs.view(name, types.Warning(label=label, description=description))


def show_notice(inputs: types.Object, name: str, text: str) -> None:
    inputs.view(name, types.Notice(label=text))


def choice_input(
    inputs: types.Object,
    name: str,
    options: dict[str, tuple[str, str]],
    default: str,
    label: str,
    *,
    required: bool = True,
) -> None:
    """One of some options, each with a label and a description."""
    choices = types.RadioGroup()
    for value, (title, description) in options.items():
        choices.add_choice(value, label=title, description=description)
    inputs.enum(name, choices.values(), default=default, required=required, label=label, view=choices)


def home() -> Path:
    """The user's home folder; where the system does not know it, as in some containers, the current one."""
    try:
        return Path.home()
    except RuntimeError:
        return Path.cwd()


def folder_at(path: str | None) -> Path | None:
    return Path(path).expanduser() if path else None


def model_facts(path: str) -> dict[str, Any]:
    """File, device and metadata of a model.

    Raises:
        ModelError: the file cannot be used.
        ImportError: ONNX Runtime is not installed.
    """
    file = Path(path).expanduser()
    return _read_model_facts(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _read_model_facts(file: Path, changed: int) -> dict[str, Any]:
    """Cached by the file's time ``changed``: a form is resolved at every key stroke, and loading takes a moment."""
    network = Network(file)
    return {"file": str(file), **network.backend.describe(), **asdict(network.info)}
