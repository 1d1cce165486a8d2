"""The operator *Retrain model*: a form for :mod:`annotator.retraining`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import Fields, find_prefixes
from annotator.inference.finder import finder_beside
from annotator.inference.pose_estimator import pose_estimator_beside
from annotator.retraining.corrections import MIN_PHOTOS, REVIEWED
from annotator.retraining.fine_tuning import FineTuning, Retraining, check_packages
from annotator.retraining.parts import find_weights
from annotator.retraining.progress import Progress

from .export_form import review_counts
from .forms import (
    folder_at,
    home,
    model_input,
    operator_config,
    refuse,
    show_error,
    show_notice,
    target_input,
    target_photos,
)
from .retraining_panel import output, retraining_job
from .running import Job, RunOperator

Context = foo.ExecutionContext
PLAN = FineTuning()
NUMBERS = ("epochs", "finder_epochs", "pose_epochs", "steps", "size", "learning_rate")
"""Fields of the form that are the plan's."""
LONG = (
    "On a CPU this takes from minutes to hours, in which the App is slow: schedule it, and let "
    "`fiftyone delegated launch` run beside the App, or use the command `densepose-annotator retrain`. Either way the "
    "panel *Retraining* shows how it learns."
)
MIN_DISK = 2 << 30
"""Bytes that must be free for the weights, checkpoints and dense labels of a run."""


class RetrainModel(RunOperator):
    """Fine-tune a model on the people who were edited or approved."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "retrain_model", "Retrain model", "Fine-tune the model on corrected people and compare the two"
        )

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        return foo.ExecutionOptions(
            allow_immediate_execution=True, allow_delegated_execution=True, default_choice_to_delegated=True
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        check_packages()
        photos = target_input(ctx, inputs, "Learn from")
        prefixes = find_prefixes(ctx.dataset)
        if not prefixes:
            show_error(inputs, "no_labels", "No people", "Annotate or import people first.")
        else:
            inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
            _show_count(inputs, photos, ctx.params.get("prefix") or prefixes[0])
        model_input(ctx, inputs, ctx.params.get("prefix") or next(iter(prefixes), "dp"))
        _check_weights(ctx, inputs)
        _folder_input(ctx, inputs)
        _plan_inputs(ctx, inputs)
        _relabel_input(ctx, inputs)
        show_notice(inputs, "long", LONG)

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        numbers = {name: values[name] for name in NUMBERS}
        run = Retraining(
            target_photos(ctx),
            _path(values["folder"]),
            prefix=values["prefix"],
            model=_path(values["model"]),
            plan=FineTuning(**numbers, base=folder_at(values.get("base"))),
            relabel=values["relabel"],
        )
        return retraining_job(run)

    def resolve_output(self, ctx: Context) -> types.Property:
        return output(ctx.results or {})


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _check_weights(ctx: Context, inputs: types.Object) -> None:
    if model := ctx.params.get("model"):
        model = _path(model)
        try:
            for part in (model, finder_beside(model), pose_estimator_beside(model)):
                find_weights(part)
        except ValueError as error:
            show_error(inputs, "no_weights", "Weights are missing", str(error))


def _show_count(inputs: types.Object, photos: Any, prefix: str) -> None:
    reviews = review_counts(photos, Fields(prefix)).reviews
    count = sum(number for review, number in reviews.items() if review.states & set(REVIEWED))
    if count < MIN_PHOTOS:
        reason = f"Photos with people who were edited or approved: {count}; {MIN_PHOTOS} are needed"
        show_error(inputs, "too_few", "Nothing to learn from", reason)
    else:
        show_notice(inputs, "count", f"{count} photos have people who were edited or approved.")


def _folder_input(ctx: Context, inputs: types.Object) -> None:
    field = inputs.str(
        "folder",
        default=str(_default_folder(ctx)),
        required=True,
        label="Folder of the run",
        description="Its name becomes part of the new model's id; a run that was stopped there goes on",
    )
    progress = Progress(_folder(ctx))
    if not progress.is_free:
        refuse(field, f"{progress.folder} holds something else: choose a new folder")
    elif progress.is_running:
        refuse(field, f"{progress.folder}: a retraining is at work there, see the panel Retraining")
    elif progress.begun and not progress.finished:
        show_notice(inputs, "begun", "A run was begun there: it goes on, with the corrections of then.")
    if not progress.finished:
        _check_disk(inputs, progress.folder)


def _check_disk(inputs: types.Object, folder: Path) -> None:
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    if free < MIN_DISK:
        needed = f"{MIN_DISK / 2**30:.0f} GB must be free for a retraining; {place} has {free / 2**30:.1f} GB"
        show_error(inputs, "disk", "Disk is full", f"{needed}: choose a folder on another disk")


def _default_folder(ctx: Context) -> Path:
    return home() / "densepose" / f"{fo.core.utils.to_slug(ctx.dataset.name)}-retrained"


def _folder(ctx: Context) -> Path:
    return _path(ctx.params.get("folder") or str(_default_folder(ctx)))


def _relabel_input(ctx: Context, inputs: types.Object) -> None:
    """Accepting a finished run's model, or accepting that of a new one unseen."""
    progress = Progress(_folder(ctx))
    text = (
        "without waiting for you to see the comparison; or run this again on the same folder, once you have"
    )
    if progress.finished:
        report = progress.report_file.read_text(encoding="utf-8")
        inputs.message("finished", label="The run in this folder is finished", description=report)
        text = "to accept the new model; to reject it, leave everything as it is"
    inputs.bool(
        "relabel",
        default=False,
        label="Label again, with the new model, the people that nobody reviewed",
        description=text,
    )


def _plan_inputs(ctx: Context, inputs: types.Object) -> None:
    base = inputs.str(
        "base",
        label="Config of the first training",
        description="Optional: its data are half of the samples, so that the model forgets nothing",
    )
    chosen = ctx.params.get("base")
    if chosen and not _path(chosen).is_file():
        refuse(base, f"{chosen}: no such file")
    inputs.int("epochs", default=PLAN.epochs, min=1, required=True, label="Epochs")
    for part, name in (("finder", "person finder"), ("pose", "pose estimator")):
        field, label = f"{part}_epochs", f"Epochs of the {name}"
        inputs.int(field, default=getattr(PLAN, field), min=1, required=True, label=label)
    inputs.int("steps", default=PLAN.steps, min=1, required=True, label="Batches per epoch")
    size = inputs.int("size", default=PLAN.size, min=32, required=True, label="Side of the samples, pixels")
    if (ctx.params.get("size") or PLAN.size) % 32:
        refuse(size, "must be a multiple of 32")
    inputs.float("learning_rate", default=PLAN.learning_rate, required=True, label="Learning rate")
