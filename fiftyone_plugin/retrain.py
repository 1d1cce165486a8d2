"""The operator *Retrain model* and the panel that shows its progress: forms for :mod:`annotator.retraining`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import Fields, find_prefixes
from annotator.retraining.corrections import MIN_PHOTOS, reviewed_samples
from annotator.retraining.fine_tuning import FineTuning, Retraining, check_packages, find_weights
from annotator.retraining.progress import Progress, last_run

from .forms import (
    folder_at,
    model_input,
    operator_config,
    refuse,
    show_error,
    show_notice,
    target_input,
    target_photos,
)
from .running import Job, Results, RunOperator

Context = foo.ExecutionContext
PLAN = FineTuning()
LONG = (
    "On a CPU this takes from minutes to hours, in which the App is slow: schedule it, and let "
    "`fiftyone delegated launch` run beside the App, or use the command `densepose-annotator retrain`. Either way the "
    "panel *Retraining* shows how it learns."
)
ACCEPT = (
    "All labels are as they were. To accept the new model, run this again on the same folder with *Label again …* "
    "ticked; to reject it, do nothing."
)
REFRESH_EVERY = 3000
"""Milliseconds after which the panel reads the run's progress again."""
LAYOUT = {
    "xaxis": {"title": {"text": "epoch"}, "type": "category", "nticks": 10},
    "yaxis": {"title": {"text": "loss"}},
    "legend": {"orientation": "h", "x": 0, "y": 1.15},
    "showlegend": True,
    "margin": {"l": 60, "b": 45, "t": 30, "r": 10},
    "height": 260,
}


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
        model_input(ctx, inputs)
        _check_weights(ctx, inputs)
        _folder_input(ctx, inputs)
        _plan_inputs(ctx, inputs)
        _relabel_input(ctx, inputs)
        show_notice(inputs, "long", LONG)

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        numbers = {name: values[name] for name in ("epochs", "steps", "size", "learning_rate")}
        run = Retraining(
            target_photos(ctx),
            _path(values["folder"]),
            prefix=values["prefix"],
            model=_path(values["model"]),
            plan=FineTuning(**numbers, base=folder_at(values.get("base"))),
            relabel=values["relabel"],
        )

        def refresh() -> dict[str, Any] | None:
            return {"name": ctx.dataset.name, "prefix": run.prefix} if run.relabel else None

        return Job(
            run,
            len(run),
            lambda: _results(run),
            _output,
            refresh=refresh,
            describe=run.describe,
            panel="retraining",
        )

    def resolve_output(self, ctx: Context) -> types.Property:
        return _output(ctx.results or {})


class RetrainingPanel(foo.Panel):
    """The progress of the dataset's last retraining, wherever it runs."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(name="retraining", label="Retraining", icon="show_chart")

    def refresh(self, ctx: Context) -> None:
        """Nothing is kept: after any event of a panel it is rendered anew."""

    def render(self, ctx: Context) -> types.Property:
        panel = types.Object()
        progress = last_run(ctx.dataset)
        if progress is None:
            panel.md("No model learns from this dataset yet: run *Retrain model*.", name="state")
        else:
            panel.md(progress.describe(), name="state")
            if progress.losses:
                panel.plot("losses", data=_plot(progress), layout=LAYOUT)
            if progress.finished:
                # The heading of the file is too large for a panel.
                panel.md(f"#####{progress.report_file.read_text(encoding='utf-8')}", name="report")
        panel.view("timer", types.TimerView(interval=REFRESH_EVERY, on_interval=self.refresh))
        return types.Property(panel)


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _check_weights(ctx: Context, inputs: types.Object) -> None:
    if model := ctx.params.get("model"):
        try:
            find_weights(_path(model))
        except ValueError as error:
            show_error(inputs, "no_weights", "Weights are missing", str(error))


def _show_count(inputs: types.Object, photos: Any, prefix: str) -> None:
    count = len(reviewed_samples(photos, Fields(prefix)))
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
    elif progress.begun and not progress.finished:
        show_notice(inputs, "begun", "A run was begun there: it goes on, with the corrections of then.")


def _default_folder(ctx: Context) -> Path:
    return Path.home() / "densepose" / f"{fo.core.utils.to_slug(ctx.dataset.name)}-retrained"


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
    inputs.int("steps", default=PLAN.steps, min=1, required=True, label="Batches per epoch")
    size = inputs.int("size", default=PLAN.size, min=32, required=True, label="Side of the samples, pixels")
    if (ctx.params.get("size") or PLAN.size) % 32:
        refuse(size, "must be a multiple of 32")
    inputs.float("learning_rate", default=PLAN.learning_rate, required=True, label="Learning rate")


def _results(run: Retraining) -> Results:
    return {
        "model": str(run.outcome.model),
        "comparison": run.outcome.to_markdown(),
        "losses": _plot(run.progress),
        "relabelled": run.outcome.relabelled_text() or ACCEPT,
    }


def _plot(progress: Progress) -> list[dict[str, Any]]:
    """The curves as lines of a plot over the epochs."""
    return [
        {"type": "scatter", "name": name, "x": list(range(1, len(values) + 1)), "y": values}
        for name, values in progress.curves.items()
    ]


def _output(results: Results) -> types.Property:
    outputs = types.Object()
    outputs.str("model", label="New model")
    outputs.str("comparison", label="Comparison", view=types.MarkdownView())
    outputs.plot("losses", label="Loss", layout=LAYOUT)
    outputs.str("relabelled", label="Labels")
    return types.Property(outputs, view=types.View(label="Retrained"))
