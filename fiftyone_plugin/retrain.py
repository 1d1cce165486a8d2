"""The operator that makes a better model from what people corrected, and the panel that shows how it is learning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import Fields, find_prefixes
from annotator.retraining.corrections import LEAST_PHOTOS, reviewed_samples
from annotator.retraining.fine_tuning import (
    FineTuning,
    Retraining,
    finished_report,
    last_run,
    losses,
    weights_of,
)

from .forms import folder_at, model_input, operator_config, refuse, show_error, show_notice
from .running import Results, execute

Context = foo.ExecutionContext
PLAN = FineTuning()
LONG = (
    "On a CPU this takes from minutes to hours, in which the App is slow: schedule it, and let "
    "`fiftyone delegated launch` run beside the App, or use the command `densepose-annotator retrain`. Either way the "
    "panel *Retraining* shows how it learns."
)
ACCEPT = (
    "All labels are as they were. To accept the new model, run this again on the same folder with *Label … again* "
    "ticked; to reject it, do nothing."
)
LOOK_EVERY = 3000
"""Milliseconds between two looks at a run."""
LAYOUT = {
    "xaxis": {"title": {"text": "epoch"}, "type": "category", "nticks": 10},
    "yaxis": {"title": {"text": "loss"}},
    "legend": {"orientation": "h", "x": 0, "y": 1.15},
    "showlegend": True,
    "margin": {"l": 60, "b": 45, "t": 30, "r": 10},
    "height": 260,
}


class RetrainModel(foo.Operator):
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

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        inputs.view_target(ctx, action_description="Learn from", require_flat=True)
        prefixes = find_prefixes(ctx.dataset)
        if not prefixes:
            show_error(inputs, "no_labels", "No people", "Annotate or import people first.")
        else:
            inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
            _count(ctx, inputs, ctx.params.get("prefix") or prefixes[0])
        model_input(ctx, inputs)
        if ctx.params.get("model") and not weights_of(_path(ctx.params["model"])).is_file():
            reason = (
                f"{weights_of(_path(ctx.params['model']))}: the weights it was exported from are not there"
            )
            show_error(inputs, "no_weights", "Weights are missing", reason)
        _folder_input(ctx, inputs)
        _plan_inputs(ctx, inputs)
        _relabel_input(ctx, inputs)
        show_notice(inputs, "long", LONG)
        return types.Property(inputs, view=types.View(label="Retrain model"))

    def execute(self, ctx: Context) -> Iterator[Any] | Results:
        values = ctx.params
        numbers = {name: values[name] for name in ("epochs", "steps", "size", "learning_rate")}
        run = Retraining(
            ctx.target_view(require_flat=True),
            _path(values["folder"]),
            prefix=values["prefix"],
            model=_path(values["model"]),
            plan=FineTuning(**numbers, base=folder_at(values.get("base"))),
            relabel=values["relabel"],
        )

        def before() -> list[Any]:
            return [ctx.ops.open_panel("retraining", layout="horizontal")]

        def after() -> list[Any]:
            return [ctx.ops.reload_dataset()] if run.relabel else []

        messages = {"before": before, "after": after, "words": run.words}
        return execute(ctx, run, len(run), lambda: _results(run), _output, **messages)

    def resolve_output(self, ctx: Context) -> types.Property:
        return _output(ctx.results or {})


class RetrainingPanel(foo.Panel):
    """How the last retraining of the dataset is going, wherever it runs."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(name="retraining", label="Retraining", icon="show_chart")

    def look(self, ctx: Context) -> None:
        """Nothing is kept: whatever happens in a panel, it is rendered anew."""

    def render(self, ctx: Context) -> types.Property:
        panel = types.Object()
        folder = last_run(ctx.dataset)
        if folder is None:
            panel.md("No model learns from this dataset yet: run *Retrain model*.", name="state")
        else:
            panel.md(_state(folder), name="state")
            if losses(folder):
                panel.plot("losses", data=_curves(losses(folder)), layout=LAYOUT)
            if finished_report(folder).is_file():
                # The heading of the file is too large for a panel.
                panel.md(f"#####{finished_report(folder).read_text(encoding='utf-8')}", name="report")
        panel.view("timer", types.TimerView(interval=LOOK_EVERY, on_interval=self.look))
        return types.Property(panel)


def _state(folder: Path) -> str:
    """How far a run is, in Markdown."""
    epochs = losses(folder)
    if finished_report(folder).is_file():
        return f"`{folder}` is finished."
    if not epochs:
        return f"`{folder}`: the first epoch is not done yet."
    at = datetime.fromtimestamp((folder / "run" / "log.csv").stat().st_mtime)
    last = epochs[-1]
    return (
        f"`{folder}`: epoch {len(epochs)} done at {at:%H:%M:%S}, loss {last['loss']:.3f}, "
        f"held out of training {last['val_loss']:.3f}."
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _count(ctx: Context, inputs: types.Object, prefix: str) -> None:
    count = len(reviewed_samples(ctx.target_view(require_flat=True), Fields(prefix)))
    if count < LEAST_PHOTOS:
        reason = f"{count} photos have people who were edited or approved; {LEAST_PHOTOS} are needed"
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
    chosen = _folder(ctx)
    begun = (chosen / "corrections.json").is_file()
    if chosen.exists() and not begun and (not chosen.is_dir() or any(chosen.iterdir())):
        refuse(field, f"{chosen} holds something else: choose a new folder")
    elif begun and not finished_report(chosen).is_file():
        show_notice(inputs, "begun", "A run was begun there: it goes on, with the corrections of then.")


def _default_folder(ctx: Context) -> Path:
    return Path.home() / "densepose" / f"{fo.core.utils.to_slug(ctx.dataset.name)}-retrained"


def _folder(ctx: Context) -> Path:
    return _path(ctx.params.get("folder") or str(_default_folder(ctx)))


def _relabel_input(ctx: Context, inputs: types.Object) -> None:
    """Accepting a finished run's model, or accepting that of a new one unseen."""
    report = finished_report(_folder(ctx))
    text = (
        "without waiting for you to see the comparison; or run this again on the same folder, once you have"
    )
    if report.is_file():
        inputs.message("finished", label="The run in this folder is finished", description=report.read_text())
        text = "to accept the new model; to reject it, leave everything as it is"
    inputs.bool(
        "relabel",
        default=False,
        label="Label the people that nobody reviewed again, with the new model",
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
    outcome, again = run.outcome, run.outcome.relabelled
    return {
        "model": str(outcome.model),
        "comparison": outcome.text(),
        "losses": _curves(outcome.losses),
        "relabelled": f"{again.people} people labelled again, {again.kept} of humans kept"
        if again
        else ACCEPT,
    }


def _curves(epochs: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Lines of a plot."""
    names = {"training": "loss", "held out of training": "val_loss"}
    x = list(range(1, len(epochs) + 1))
    return [
        {"type": "scatter", "name": name, "x": x, "y": [row[column] for row in epochs]}
        for name, column in names.items()
    ]


def _output(results: Results) -> types.Property:
    outputs = types.Object()
    outputs.str("model", label="New model")
    outputs.str("comparison", label="Comparison", view=types.MarkdownView())
    outputs.plot("losses", label="Loss", layout=LAYOUT)
    outputs.str("relabelled", label="Labels")
    return types.Property(outputs, view=types.View(label="Retrained"))
