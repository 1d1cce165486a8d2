"""The operators of the log of edits: what the panel *Labelling progress* shows, the export, and forgetting a name."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import FieldError, Fields, find_prefixes
from annotator.labels.messages import short
from annotator.team.export import check_path, write_log
from annotator.team.forecast import WINDOW, make_forecast
from annotator.team.names import find_names, forget_name
from annotator.team.report import Period, count_open, find_authors, find_days, make_report
from annotator.team.settings import check_writable

from .calls import Call, CallValues
from .forms import home, refuse, show_error, show_notice, show_warning
from .running import FormOperator, sentence

Context = foo.ExecutionContext


class ReviewProgress(Call):
    """See :func:`annotator.team.report.make_report`; of the whole dataset."""

    name = "review_progress"
    writes = False

    class Values(CallValues):
        prefix: str = ""
        since: str | None = None
        until: str | None = None
        by: str | None = None

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        prefixes = find_prefixes(ctx.dataset) if ctx.dataset is not None else []
        if not prefixes:
            return {"prefixes": []}
        fields = Fields(values["prefix"] if values["prefix"] in prefixes else prefixes[0])
        period = Period(
            _start(values["since"]),
            _start(values["until"], 1),
            () if values["by"] is None else (values["by"],),
        )
        today = datetime.now(timezone.utc).date()
        recent = Period(_start((today - timedelta(WINDOW)).isoformat()))
        forecast = make_forecast(
            find_days(ctx.dataset, fields, recent), count_open(ctx.dataset, fields), today
        )
        report = make_report(ctx.dataset, fields, period)
        return {
            "prefixes": prefixes,
            "prefix": fields.prefix,
            "by": find_authors(ctx.dataset, fields),
            "report": asdict(report) | {"days": [_plain(asdict(day)) for day in report.days]},
            "forecast": _plain(asdict(forecast)),
        }


class ExportEditLog(FormOperator):
    """Write the log of edits to a file."""

    writes = True

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="export_edit_log",
            label="Export log of edits",
            description="Who did what, when, with which tool and in how many seconds: a row per edit",
            dynamic=True,
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        _prefix_input(ctx, inputs)
        default = home() / f"{fo.core.utils.to_slug(ctx.dataset.name)}-edits.csv"
        field = inputs.str(
            "path", default=str(default), required=True, label="File to write", description=".csv or .parquet"
        )
        path = Path(ctx.params.get("path") or default).expanduser()
        try:
            check_path(path)
        except (ValueError, ImportError, OSError) as error:
            refuse(field, str(error))
        else:
            if path.exists():
                show_warning(inputs, "exists", "The file exists", f"{path} will be replaced.")
        show_notice(inputs, "names", "The file has the names of the annotators.")

    def execute(self, ctx: Context) -> dict[str, Any]:
        values = ctx.params
        path = Path(values["path"]).expanduser()
        try:
            check_writable(ctx.dataset)
            return {"file": str(path), "rows": write_log(ctx.dataset, Fields(values["prefix"]), path)}
        except Exception as error:
            return {"error": sentence(error)}

    def resolve_output(self, ctx: Context) -> types.Property:
        return _output(ctx, "Exported", file="File", rows="Edits")


class ForgetAnnotator(FormOperator):
    """Replace a name in the log of edits and in the labels."""

    writes = True

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="forget_annotator",
            label="Forget an annotator's name",
            description="Replace a name in the log of edits and in the labels by one that says nothing",
            dynamic=True,
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        prefix = _prefix_input(ctx, inputs)
        names = find_names(ctx.dataset, Fields(prefix))
        if not names:
            show_error(
                inputs,
                "nobody",
                "No names",
                "Nobody's name is in the log of edits, the labels or the team's work.",
            )
            return
        inputs.enum("name", names, required=True, label="Name", view=types.DropdownView())
        text = "The edits stay, under a name that says nothing. Files that were exported keep the name."
        show_warning(inputs, "final", "This cannot be undone", text)

    def execute(self, ctx: Context) -> dict[str, Any]:
        values = ctx.params
        try:
            check_writable(ctx.dataset)
            alias, entries, people = forget_name(ctx.dataset, Fields(values["prefix"]), values["name"])
        except Exception as error:
            return {"error": sentence(error)}
        return {"alias": alias, "entries": entries, "people": people}

    def resolve_output(self, ctx: Context) -> types.Property:
        return _output(ctx, "Forgotten", alias="New name", entries="Edits in the log", people="People")


OPERATORS = (ReviewProgress, ExportEditLog, ForgetAnnotator)


def _prefix_input(ctx: Context, inputs: types.Object) -> str:
    """Ask for the fields whose log is meant, and return their prefix.

    Raises:
        FieldError: no dataset is open, or it has no people.
    """
    if ctx.dataset is None:
        raise FieldError("no dataset is open: open one first")
    prefixes = find_prefixes(ctx.dataset)
    if not prefixes:
        raise FieldError(f"{ctx.dataset.name!r} has no people yet: annotate or import some first")
    inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
    return ctx.params.get("prefix") or prefixes[0]


def _output(ctx: Context, label: str, **labels: str) -> types.Property:
    outputs = types.Object()
    if "error" in ctx.results:
        outputs.view("error", types.Error(label="Stopped", description=ctx.results["error"]))
        return types.Property(outputs, view=types.View(label="Stopped"))
    for name, text in labels.items():
        outputs.str(name, label=text)
    return types.Property(outputs, view=types.View(label=label))


def _start(day: str | None, later: int = 0) -> datetime | None:
    """The beginning of a day, or of one so many days later.

    Raises:
        FieldError: not a date.
    """
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(later), time()) if day else None
    except (ValueError, OverflowError):
        raise FieldError(f"{short(day)} is no date: write it as 2026-03-31") from None


def _plain(values: Any) -> Any:
    """The same of what JSON has: dates as text, and ``None`` for what is infinite."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    if isinstance(values, tuple | list):
        return [_plain(value) for value in values]
    if isinstance(values, date):
        return values.isoformat()
    return None if values == float("inf") else values
