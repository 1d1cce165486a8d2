"""The operators that give photos to a second annotator, and that measure how far the two agree."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from bson import json_util
from fiftyone import ViewField as F
from fiftyone.operators import types

from annotator.dataset.fields import Fields, find_prefixes
from annotator.dataset.second_labels import agreement_field, is_second, second_fields
from annotator.runs.agreement import Agreement, write_rows
from annotator.runs.second_labels import SHARE, SecondLabels

from .forms import folder_at, operator_config, refuse, show_error, show_notice, target_input, target_photos
from .running import Job, Results, RunOperator

Context = foo.ExecutionContext
BLIND = (
    "The predictions on them are copied to fields of their own. Whoever chooses these fields in the review panel does not see "
    "the other's labels there."
)
DISAGREEMENT = 0.8
"""Photos with a lower agreement are shown after measuring: as IoU and as OKS it stands for labels that differ visibly."""


class GiveSecondLabels(RunOperator):
    """Give a share of the photos to a second annotator."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "give_second_labels",
            "Label a share twice",
            "Give some photos to a second annotator, to see how far two agree",
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        target_input(ctx, inputs, "Draw from")
        prefix = _prefix_input(ctx, inputs)
        percent = inputs.float(
            "percent",
            default=100 * SHARE,
            required=True,
            label="Percent of the photos",
            description="Drawn at random, from those that nobody has worked on yet",
        )
        if not 0 < ctx.params.get("percent", 100 * SHARE) <= 100:
            refuse(percent, "must be above 0 and at most 100")
        if prefix:
            show_notice(inputs, "blind", f"{BLIND} They are called {second_fields(Fields(prefix)).prefix}.")

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        run = SecondLabels(target_photos(ctx), prefix=values["prefix"], share=values["percent"] / 100)

        def results() -> Results:
            summary = run.summary.to_dict()
            names = ("samples", "people", "skipped", "failed")
            return {name: summary[name] for name in names} | {"failures": "\n".join(summary["failures"])}

        def said(values: Results) -> str:
            return (
                f"{values['samples']} photos with {values['people']} people were given to a second annotator."
            )

        name = ctx.dataset.name
        return Job(run, len(run), results, _given_output, said, lambda: {"name": name})

    def resolve_output(self, ctx: Context) -> types.Property:
        return _given_output(ctx.results or {})


class MeasureAgreement(RunOperator):
    """Measure how far two annotators agree."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "measure_agreement", "Measure agreement", "How far two annotators of the same photos agree"
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        target_input(ctx, inputs, "Compare")
        prefix = _prefix_input(ctx, inputs)
        if prefix and second_fields(Fields(prefix)).prefix not in find_prefixes(ctx.dataset):
            text = "No photo was given to a second annotator yet: run “Label a share twice” first."
            show_error(inputs, "no_second", "Nothing to compare", text)
        path = inputs.str(
            "path", label="Table to write", description="Optional: a CSV file with a line for each person"
        )
        chosen = folder_at(ctx.params.get("path"))
        if chosen and not chosen.parent.is_dir():
            refuse(path, f"{chosen.parent}: no such folder")

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        run = Agreement(target_photos(ctx), prefix=values["prefix"])

        def results() -> Results:
            if values.get("path"):
                write_rows(run.rows, folder_at(values["path"]))
            failures = "\n".join(run.summary.to_dict()["failures"])
            return {"report": run.describe(), "failures": failures}

        name = ctx.dataset.name

        def refresh() -> dict[str, Any]:
            field = agreement_field(run.fields)
            if run.dataset.has_sample_field(field):
                # For the database what is missing is less than any number.
                low = run.dataset.exists(field).match(F(field) < DISAGREEMENT).sort_by(field)
                if len(low):
                    return {"name": name, "view": json_util.dumps(low._serialize())}
            return {"name": name}

        return Job(run, len(run), results, _agreement_output, lambda values: values["report"], refresh)

    def resolve_output(self, ctx: Context) -> types.Property:
        return _agreement_output(ctx.results or {})


def _prefix_input(ctx: Context, inputs: types.Object) -> str | None:
    prefixes = [prefix for prefix in find_prefixes(ctx.dataset) if not is_second(prefix)]
    if not prefixes:
        show_error(inputs, "no_labels", "No people", "Annotate or import people first.")
        return None
    inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
    return ctx.params.get("prefix") or prefixes[0]


def _given_output(results: Results) -> types.Property:
    outputs = types.Object()
    outputs.int("samples", label="Photos for a second annotator")
    outputs.int("people", label="People on them")
    outputs.int("skipped", label="Photos left alone: given before, or somebody has worked on them")
    outputs.int("failed", label="Photos that failed")
    if results.get("failures"):
        outputs.str("failures", label="Why, the first ten", view=types.CodeView(read_only=True))
    return types.Property(outputs, view=types.View(label="Given to a second annotator"))


def _agreement_output(results: Results) -> types.Property:
    outputs = types.Object()
    outputs.str("report", label="Agreement", view=types.MarkdownView())
    if results.get("failures"):
        outputs.str("failures", label="Photos that failed", view=types.CodeView(read_only=True))
    return types.Property(outputs, view=types.View(label="Agreement"))


OPERATORS = (GiveSecondLabels, MeasureAgreement)
