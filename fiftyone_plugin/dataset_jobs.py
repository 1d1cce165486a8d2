"""Runs over photos as jobs of the plugin, and the forms that show their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiftyone.operators import types

from annotator.runs.dataset_export import Export
from annotator.runs.dataset_run import DatasetRun

from .running import Job


def dataset_job(
    run: DatasetRun, total: int | Callable[[], int | None] | None, extra: dict[str, str] | None = None
) -> Job:
    """A run over photos; its results are the summary and ``extra``."""
    is_export = isinstance(run, Export)

    def results() -> dict[str, Any]:
        summary = run.summary.to_dict()
        counted = {
            field: ", ".join(f"{name}: {count}" for name, count in summary[field].items())
            for field in ("other_classes", "lost")
        }
        lists = {name: "\n".join(summary[name]) for name in ("changed_photos", "failures")}
        return {**(extra or {}), **summary, **counted, **lists}

    def output(values: dict[str, Any]) -> types.Property:
        return summary_output("Done", values, is_export)

    def refresh() -> dict[str, Any] | None:
        is_shown = is_export or run.dataset is None
        return None if is_shown else {"name": run.dataset.name, "prefix": run.fields.prefix}

    stopped = "No file was written." if is_export else "What is labelled stays; to go on, run it again."
    return Job(run, total, results, output, _said, refresh, run.describe, stopped)


def _said(values: dict[str, Any]) -> str:
    """What a run over photos did, as a sentence."""
    failed = values["failed"]
    ending = f"; {failed} photo{'s' * (failed != 1)} failed" if failed else ""
    people, photos = values["people"], values["samples"]
    persons = "person" if people == 1 else "people"
    return f"{people} {persons} on {photos} photo{'s' * (photos != 1)}{ending}."


def summary_output(
    label: str, results: dict[str, Any] | None = None, is_export: bool = False
) -> types.Property:
    """The form that shows a run's results; without results, with all fields that there may be."""
    outputs = types.Object()
    if is_export:
        outputs.str("file", label="File")
    outputs.int("samples", label="Photos")
    outputs.int("people", label="People")
    outputs.int("skipped", label="Photos left alone")
    if is_export:
        outputs.int("dropped", label="People left out")
        outputs.int("unfinished", label="Photos left out, on which somebody is not yet as chosen")
        outputs.int("all_left_out", label="Photos left out, whose people are all left out")
    else:
        outputs.int("removed", label="Predicted people removed, whom nobody had reviewed")
        outputs.int("kept", label="Reviewed people, kept as they are")
        outputs.int("dropped", label="New people dropped, who overlap one of those")
    if results is None or results["other_classes"]:
        outputs.str("other_classes", label="Annotations of other categories, not imported")
    if results is None or results["lost"]:
        outputs.str(
            "lost",
            label="Not written, as the format has no place for it, of how many people"
            if is_export
            else "Gone with people who were replaced, of how many, as the file has others",
        )
    outputs.int(
        "changed",
        label="Written, though the photo is another of the same size"
        if is_export
        else "Changed photos, labelled anew",
    )
    if results is None or results["changed_photos"]:
        outputs.str("changed_photos", label="Which, the first ten", view=types.CodeView(read_only=True))
    outputs.int("failed", label="Photos that failed")
    if results is None or results["failures"]:
        outputs.str("failures", label="Why, the first ten", view=types.CodeView(read_only=True))
    return types.Property(outputs, view=types.View(label=label))
