"""The panel *Runs*: what runs on the dataset, how far it is, and how it ended."""

from __future__ import annotations

import json
import time
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.registry import OperatorRegistry

from annotator.retraining.progress import last_run
from annotator.team.settings import read_only_reason

from .run_records import Record, Records

PANEL = "densepose_runs"
REFRESH_EVERY = 1000
"""Milliseconds after which the panel reads the records again."""
PLUGIN = "@densepose/annotator/"
WHO_DOES_IT = (
    "`densepose-annotator app` does it by itself; beside other Apps run `fiftyone delegated launch`."
)
MARGIN = {"container": {"sx": {"p": 2}}}
JUST_NOW = 60
"""Seconds: a run that ended so shortly before the panel was opened was started from this page."""
Context = foo.ExecutionContext


class RunsPanel(foo.Panel):
    """Progress bars of the runs that go on, and the results of the last ones."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(name=PANEL, label="Runs", icon="hourglass_top")

    def on_load(self, ctx: Context) -> None:
        self.refresh(ctx)

    def refresh(self, ctx: Context) -> None:
        """Make the App show the labels of each run that has ended since the last time. What would lead elsewhere, another view
        or dataset, waits for :meth:`show`: whoever else has the panel open is at work."""
        if ctx.dataset is None:
            return
        records = Records(ctx.dataset._doc.id)
        listed = records.list()
        states = {record.key: record.state for record in listed}
        known = ctx.panel.get_state("states")
        for record in reversed(listed):
            if known is None:
                is_new = time.time() - record.updated < JUST_NOW
            else:
                is_new = known.get(record.key, "running") == "running"
            if record.state != "running" and is_new and _is_of(ctx, record):
                refresh_app(ctx, record.refresh["name"], record.refresh.get("prefix"))
            if record.panel is None:
                records.mark_seen(record)
        if known != states:
            ctx.panel.set_state("states", states)

    def cancel(self, ctx: Context) -> None:
        if is_refused(ctx):
            return
        Records(ctx.dataset._doc.id).request_cancel(ctx.params["run"])

    def show(self, ctx: Context) -> None:
        """Show what a run has led to."""
        for record in Records(ctx.dataset._doc.id).list():
            if record.key == ctx.params["run"] and record.refresh:
                refresh_app(ctx, **record.refresh)

    def remove(self, ctx: Context) -> None:
        if is_refused(ctx):
            return
        Records(ctx.dataset._doc.id).remove(ctx.params["run"])

    def render(self, ctx: Context) -> types.Property:
        panel = types.Object()
        listed, waiting = [], []
        if ctx.dataset is not None:
            records = Records(ctx.dataset._doc.id)
            listed = [record for record in records.list() if record.panel is None]
            waiting = _scheduled(ctx.dataset._doc.id)
        for i, label in enumerate(waiting):
            panel.md(f"**{label}** is scheduled and waits. {WHO_DOES_IT}", name=f"waiting_{i}")
        if not listed and not waiting:
            panel.md("Nothing runs on this dataset.", name="nothing")
        for record in listed:
            box = types.Object()
            panel.define_property(f"run_{record.key}", box)
            if record.is_running:
                self._show_running(box, record)
            else:
                self._show_ended(ctx, box, record)
        panel.view("timer", types.TimerView(interval=REFRESH_EVERY, on_interval=self.refresh))
        return types.Property(panel, view=types.View(componentsProps=MARGIN))

    def _show_running(self, box: types.Object, record: Record) -> None:
        box.md(f"**{record.label}**", name="label")
        text = record.describe()
        box.float("progress", default=record.share, view=types.ProgressView(label=text, variant="linear"))
        if record.is_cancelled:
            box.md("Stops after the photo it is at …", name="stops")
        else:
            box.btn("cancel", "Cancel", on_click=self.cancel, params={"run": record.key}, variant="outlined")

    def _show_ended(self, ctx: Context, box: types.Object, record: Record) -> None:
        ended = time.strftime("%H:%M", time.localtime(record.updated))
        heads = {"done": "done", "stopped": "stopped", "failed": "failed"}
        sentence = record.sentence
        if record.state == "running":
            sentence = (
                f"Its process has ended without a word after {record.describe()}. What was done is kept."
            )
        box.md(f"**{record.label}**, {heads.get(record.state, 'broken off')} at {ended}", name="label")
        box.md(sentence, name="sentence")
        if record.details:
            box.md("\n".join(_item(*pair) for pair in record.details), name="details")
        if record.refresh and ("view" in record.refresh or not _is_of(ctx, record)):
            box.btn("show", "Show", on_click=self.show, params={"run": record.key}, variant="contained")
        box.btn("remove", "Dismiss", on_click=self.remove, params={"run": record.key}, variant="outlined")


class ShowRuns(foo.Operator):
    """Opens the panel where something runs, or ended unseen: after a reload, too."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name="show_runs", label="Show runs", unlisted=True, on_dataset_open=True)

    def execute(self, ctx: Context) -> None:
        if ctx.dataset is None:
            return
        for record in Records(ctx.dataset._doc.id).list():
            if record.is_running or not record.seen:
                open_panel(ctx, record.panel or PANEL)
                return
        retraining = last_run(ctx.dataset)
        if retraining is not None and retraining.is_running:
            open_panel(ctx, "retraining")


def _is_of(ctx: Context, record: Record) -> bool:
    """Whether what a run has made is in the dataset that is open."""
    return bool(record.refresh) and record.refresh["name"] == ctx.dataset.name


def _scheduled(dataset_id: Any) -> list[str]:
    """Labels of the runs on the dataset that were scheduled and that no process has begun yet."""
    waiting = DelegatedOperationService().list_operations(dataset_id=dataset_id, run_state="queued")
    known = OperatorRegistry()
    operators = [known.get_operator(found.operator) for found in waiting if found.operator.startswith(PLUGIN)]
    return [operator.config.label for operator in operators if operator is not None]


def is_refused(ctx: Context) -> bool:
    """Whether a panel may change nothing in the open dataset; then the App says why."""
    reason = read_only_reason(ctx.dataset)
    if reason is not None:
        ctx.ops.notify(reason, variant="error")
    return reason is not None


def open_panel(ctx: Context, name: str) -> Any:
    return ctx.ops.open_panel(name, layout="horizontal")


def refresh_app(ctx: Context, name: str, prefix: str | None = None, view: str | None = None) -> list[Any]:
    """Messages that make an open App show what is new in a dataset.

    Args:
        prefix: of the fields that have other labels, which are shown in the dataset's colours.
        view: to show from now on, serialized, as JSON.
    """
    if ctx.dataset is None or ctx.dataset.name != name:
        return [ctx.ops.open_dataset(name)]
    messages = [ctx.ops.reload_dataset()] if prefix is None else _show_labels(ctx, name, prefix)
    if view is not None:
        messages.append(ctx.trigger("set_view", {"view": json.loads(view)}))
    return messages


def _show_labels(ctx: Context, name: str, prefix: str) -> list[Any]:
    config = fo.load_dataset(name).app_config
    scheme = config.color_scheme
    if scheme is None or config.active_fields is None:
        return [ctx.ops.reload_dataset()]  # nobody was labelled, and no fields were declared
    colours = {
        "colorBy": scheme.color_by,
        "opacity": scheme.opacity,
        "showSkeletons": scheme.show_skeletons,
        "fields": scheme.fields,
        "colorscales": scheme.colorscales,
    }
    messages = [ctx.trigger(f"{PLUGIN}use_colours", {"dataset": name, "scheme": colours})]
    if f"{prefix}_people" in ctx.active_fields:
        messages.append(ctx.trigger(f"{PLUGIN}reload_photos"))  # the sidebar keeps its filters
    else:
        messages += [
            ctx.ops.reload_dataset(),
            ctx.trigger("set_active_fields", {"fields": config.active_fields.paths}),
        ]
    return messages


def _item(label: str, text: str) -> str:
    """A line of a list in Markdown; of several lines a list below it."""
    lines = [f"`{line.replace('`', ' ')}`" for line in text.splitlines()]
    if len(lines) == 1:
        return f"- {label}: {text if text.isdecimal() else lines[0]}"
    return f"- {label}:\n" + "\n".join(f"    - {line}" for line in lines)
