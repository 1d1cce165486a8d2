"""The panel *Retraining*: how far the dataset's last retraining is, the verdict on the new model, and what to do with it."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import Fields, find_prefixes
from annotator.dataset.info import remember_model
from annotator.retraining.fine_tuning import Retraining, relabelling, resume
from annotator.retraining.parts import MODEL
from annotator.retraining.progress import Progress, decide, decision, last_run
from annotator.retraining.status import Status, is_stopping, read_status, request_stop

from .export_form import review_counts
from .run_records import Record, Records, duration
from .running import Job, Results, sentence, start
from .runs_panel import MARGIN, PANEL, is_refused, open_panel

NAME = "retraining"
REFRESH_EVERY = 2000
"""Milliseconds after which the panel reads the run's progress again."""
ACCEPT = (
    "All labels are as they were. To accept the new model, press *Accept* in the panel *Retraining*, or run this again on the "
    "same folder with *Label again …* ticked; to reject it, do nothing."
)
GOES_ON = (
    "It goes on where it was: *Continue* in the panel *Retraining*, or run it again with the same folder."
)
LAYOUT = {
    "xaxis": {"title": {"text": "epoch"}, "type": "category", "nticks": 10},
    "yaxis": {"title": {"text": "loss"}},
    "legend": {"orientation": "h", "x": 0, "y": 1.15},
    "showlegend": True,
    "margin": {"l": 60, "b": 45, "t": 30, "r": 10},
    "height": 260,
}
Context = foo.ExecutionContext


class RetrainingPanel(foo.Panel):
    """The dataset's last retraining, wherever it runs."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(name=NAME, label="Retraining", icon="show_chart")

    def refresh(self, ctx: Context) -> None:
        """Nothing is kept: after any event of a panel it is rendered anew."""

    def cancel(self, ctx: Context) -> None:
        if is_refused(ctx):
            return
        try:
            request_stop(_last_run(ctx).folder)
        except Exception as error:
            ctx.ops.notify(sentence(error), variant="error")

    def go_on(self, ctx: Context) -> None:
        if is_refused(ctx):
            return
        try:
            run = resume(ctx.dataset, _last_run(ctx).folder)
            start(ctx, "Retrain model", retraining_job(run))
        except Exception as error:
            ctx.ops.notify(sentence(error), variant="error")

    def accept(self, ctx: Context) -> None:
        """Take the new model from now on, and label again whoever nobody reviewed."""
        if is_refused(ctx):
            return
        progress = _last_run(ctx)
        if decision(ctx.dataset, progress.folder) == "accepted":
            return  # by a second click, or in another browser
        prefix, model = _prefix(ctx, progress), progress.folder / MODEL
        try:
            run = relabelling(ctx.dataset, prefix, model)
            remember_model(ctx.dataset, prefix, model)
            decide(ctx.dataset, progress.folder, "accepted")
            start(ctx, "Label again with the new model", _relabelling_job(run))
            open_panel(ctx, PANEL)
        except Exception as error:
            ctx.ops.notify(sentence(error), variant="error")

    def keep(self, ctx: Context) -> None:
        if is_refused(ctx):
            return
        if decision(ctx.dataset, _last_run(ctx).folder) == "accepted":
            return  # in another browser
        decide(ctx.dataset, _last_run(ctx).folder, "kept")

    def render(self, ctx: Context) -> types.Property:
        panel = types.Object()
        progress, record = _last_run(ctx), _last_record(ctx)
        status = progress and read_status(progress.folder)
        if (record is not None and record.is_running) or (progress is not None and progress.is_running):
            self._show_running(panel, progress, status, record)
        elif record is not None and record.state == "failed" and _is_newer(record, status):
            panel.md(f"**The retraining failed:** {record.sentence}", name="failed")
            if progress is not None and progress.begun and not progress.finished:
                self._show_stopped(panel, status)
        elif progress is None:
            panel.md("No model learns from this dataset yet: run *Retrain model*.", name="none")
        elif progress.finished:
            self._show_verdict(ctx, panel, progress)
        elif progress.begun and status is not None:
            self._show_stopped(panel, status)
        if progress is not None:
            panel.md(progress.describe(), name="state")
            if progress.losses:
                panel.plot("losses", data=plot(progress), layout=LAYOUT)
            if progress.finished:
                panel.md(_report(progress)[2], name="report")
        if record is not None:
            Records(ctx.dataset._doc.id).mark_seen(record)
        panel.view("timer", types.TimerView(interval=REFRESH_EVERY, on_interval=self.refresh))
        return types.Property(panel, view=types.View(componentsProps=MARGIN))

    def _show_running(
        self, panel: types.Object, progress: Progress | None, status: Status | None, record: Record | None
    ) -> None:
        share, text = (status.share, status.stage) if status else (None, "starting")
        if status and status.seconds_left is not None:
            text += f"; about {duration(status.seconds_left)} left"
        if progress is not None and progress.finished and record is not None:
            share, text = record.share, record.describe()
        panel.float("progress", default=share, view=types.ProgressView(label=text, variant="linear"))
        if progress is not None and is_stopping(progress.folder):
            panel.md("Stops after the batch or photo that it is at …", name="stops")
        elif progress is not None and not progress.finished:
            panel.btn("cancel", "Cancel", on_click=self.cancel, variant="outlined")

    def _show_stopped(self, panel: types.Object, status: Status | None) -> None:
        at = (
            f" while it was {status.stage}"
            if status and status.stage.startswith(("read", "expo", "meas"))
            else ""
        )
        at = at or (f" at {status.stage}" if status else "")
        panel.md(f"**Stopped**{at}. The epochs that were done are kept.", name="stopped")
        panel.btn("go_on", "Continue", on_click=self.go_on, variant="contained")

    def _show_verdict(self, ctx: Context, panel: types.Object, progress: Progress) -> None:
        verdict, table, _ = _report(progress)
        panel.md(verdict, name="verdict")
        decided = decision(ctx.dataset, progress.folder)
        if decided == "accepted":
            panel.md(
                "The new model was **accepted**. Whom it labels again is in the panel *Runs*.", name="decided"
            )
        if decided == "kept":
            panel.md("The old model was **kept**; all labels are as they were.", name="decided")
        count = review_counts(ctx.dataset, Fields(_prefix(ctx, progress))).people["predicted"]
        again = f"abel {count:,} {'person' if count == 1 else 'people'} again whom nobody reviewed"
        # What the verdict advises stands out.
        is_better = "accept the new model." in verdict
        if decided == "accepted":  # labelling again may have been stopped
            panel.btn("accept", f"L{again}", on_click=self.accept, variant="outlined")
        else:
            label = "Accept the new model" + (f", and l{again}" if count else "")
            variant = "contained" if is_better else "outlined"
            panel.btn("accept", label, on_click=self.accept, variant=variant)
        if decided is None:
            variant = "outlined" if is_better else "contained"
            panel.btn("keep", "Keep the old one", on_click=self.keep, variant=variant)
        panel.md(table, name="tasks")


def retraining_job(run: Retraining) -> Job:
    """The job of a retraining, which is shown in this panel."""
    name = run.samples._dataset.name

    def refresh() -> dict[str, Any] | None:
        return {"name": name, "prefix": run.prefix} if run.relabel else None

    def said(values: Results) -> str:
        return run.outcome.comparison.verdict.sentence() if run.outcome else ""

    return Job(
        run,
        len(run),
        lambda: _results(run),
        output,
        said,
        refresh,
        describe=run.describe,
        stopped=GOES_ON,
        panel=NAME,
    )


def output(results: Results) -> types.Property:
    """The form that shows the results of a retraining."""
    outputs = types.Object()
    outputs.str("model", label="New model")
    outputs.str("comparison", label="Comparison", view=types.MarkdownView())
    outputs.plot("losses", label="Loss", layout=LAYOUT)
    outputs.str("relabelled", label="Labels")
    return types.Property(outputs, view=types.View(label="Retrained"))


def plot(progress: Progress) -> list[dict[str, Any]]:
    """The curves as lines of a plot over the epochs."""
    return [
        {"type": "scatter", "name": name, "x": list(range(1, len(values) + 1)), "y": values}
        for name, values in progress.curves.items()
    ]


def _results(run: Retraining) -> Results:
    if run.outcome is None:  # it was stopped
        return {}
    return {
        "model": str(run.outcome.model),
        "comparison": run.outcome.to_markdown(),
        "losses": plot(run.progress),
        "relabelled": run.outcome.relabelled_text() or ACCEPT,
    }


def _relabelling_job(run: Any) -> Job:
    def said(values: Results) -> str:
        summary = run.summary
        failed = f"; {len(summary.failures)} photos failed" if summary.failures else ""
        return f"{summary.people} people labelled again, {summary.kept} reviewed people kept{failed}."

    def show(values: Results) -> types.Property:
        outputs = types.Object()
        outputs.str("failures", label="Why, the first ten")
        return types.Property(outputs)

    return Job(
        run,
        len(run),
        lambda: {"failures": "\n".join(run.summary.to_dict()["failures"])},
        show,
        said,
        lambda: {"name": run.dataset.name, "prefix": run.fields.prefix},
        stopped="Whom it had labelled again stays so; to go on, press *Label … people again* in the panel *Retraining*.",
    )


def _last_run(ctx: Context) -> Progress | None:
    return last_run(ctx.dataset) if isinstance(ctx.dataset, fo.Dataset) else None


def _last_record(ctx: Context) -> Record | None:
    """Of a retraining that was started in the App or scheduled."""
    if ctx.dataset is None:
        return None
    found = (record for record in Records(ctx.dataset._doc.id).list() if record.panel == NAME)
    return next(found, None)


def _is_newer(record: Record, status: Status | None) -> bool:
    return status is None or record.updated >= status.updated


def _prefix(ctx: Context, progress: Progress) -> str:
    status = read_status(progress.folder)
    return status.arguments["prefix"] if status else next(iter(find_prefixes(ctx.dataset)), "dp")


def _report(progress: Progress) -> tuple[str, str, str]:
    """The report's verdict, its table, and the rest of it; without its title, which is too large for a panel."""
    _, verdict, text = progress.report_file.read_text(encoding="utf-8").split("\n\n", 2)
    table, begin, rest = text.partition("Trained on ")
    return verdict, table, begin + rest
