"""The operators of the FiftyOne plugin ``@densepose/annotator``: forms for the runs of :mod:`annotator.runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import find_prefixes
from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.inference.settings import Settings
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_export import Export
from annotator.runs.dataset_import import Import

from .agreement import OPERATORS as AGREEMENT_OPERATORS
from .dataset_jobs import dataset_job, summary_output
from .export_form import state_input
from .format_form import format_input, path_input
from .forms import (
    choice_input,
    delegation_notice,
    execution_options,
    folder_at,
    home,
    model_facts,
    model_input,
    operator_config,
    prefix_input,
    refuse,
    show_error,
    show_warning,
    target_input,
    target_photos,
)
from .progress import OPERATORS as PROGRESS_OPERATORS
from .retrain import RetrainModel
from .retraining_panel import RetrainingPanel
from .review import OPERATORS as REVIEW_OPERATORS
from .running import FormOperator, Job, RunOperator, sentence
from .runs_panel import RunsPanel, ShowRuns
from .team import OPERATORS as TEAM_OPERATORS

OVERWRITE = {
    "skip": ("Skip photos that have labels", "Also continues a run that was stopped."),
    "replace": (
        "Replace predictions that nobody reviewed",
        "People that somebody edited, added, approved, rejected or tagged stay as they are, and those that "
        "somebody deleted do not come back.",
    ),
}
RELABEL_CHANGED = "Label changed photos anew"
WHAT_IS_DELETED = (
    "Photos whose file has changed since people worked on their labels. Unless this is ticked they fail, and keep their labels; "
    "those that only a model has labelled are labelled anew in any case."
)
RELABEL_WARNING = (
    "On photos whose file has changed, everybody who was edited, added, approved or rejected is deleted, and cannot be "
    "brought back."
)
QUALITY = {
    "draft": ("Draft", "Looks closely only at people of whom the finder is fairly sure."),
    "normal": ("Normal", "For most photos."),
    "best": ("Best", "Also for crowds and tiny people, with better keypoints; several times slower."),
}
AS_QUALITY = "as the quality says"
PROPOSAL = {
    AS_QUALITY: ("As the quality says", "The person finder and votes; for a draft the finder alone."),
    "finder": ("Finder", "Only the person finder."),
    "votes": (
        "Votes",
        "No finder: the votes of the whole photo's pixels, as in the thesis the network comes from.",
    ),
    "both": ("Both", "The person finder and votes."),
}
GROUPING = {
    "votes": ("Votes", "Peaks of the votes for heads and pelvises."),
    "dbscan": ("DBSCAN", "Dense clusters of head vectors, as in the thesis."),
}
Context = foo.ExecutionContext


class AnnotatePeople(RunOperator):
    """Annotate the people on photos."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "annotate_people", "Annotate people", "Masks, parts, charts, U, V and keypoints of people"
        )

    def resolve_placement(self, ctx: Context) -> types.Placement:
        button = types.Button(label="Annotate people", icon="accessibility_new", prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        photos = target_input(ctx, inputs, "Annotate")
        model_input(ctx, inputs, ctx.params.get("prefix") or "dp")
        prefix_input(ctx, inputs, photos)
        choice_input(inputs, "quality", QUALITY, "normal", "Quality")
        choice_input(inputs, "proposals", PROPOSAL, AS_QUALITY, "Who says where people are")
        choice_input(
            inputs, "grouping", GROUPING, Settings().grouping, "How people in one view are told apart"
        )
        inputs.float(
            "confidence",
            min=0,
            max=1,
            label="Confidence",
            description="Minimum score of a person, 0 to 1. Empty: what is usual for those who propose",
        )
        inputs.int(
            "batch_size",
            min=1,
            label="Batch size",
            description="Views per call of the network. Empty: what the device and its memory are good for",
        )
        inputs.int(
            "workers",
            min=1,
            label="Workers",
            description="Photos that are read or decoded at the same time. Empty: as many as there are processor cores",
        )
        inputs.str(
            "cluster",
            label="Ray cluster",
            description="Address of a cluster that has the photos under the same paths, such as 10.0.0.1:6379. Empty: label here",
        )
        choice_input(inputs, "overwrite", OVERWRITE, "skip", "Photos with labels")
        inputs.bool("relabel_changed", default=False, label=RELABEL_CHANGED, description=WHAT_IS_DELETED)
        if ctx.params.get("relabel_changed"):
            show_warning(inputs, "deletes", "This deletes human work", RELABEL_WARNING)
        delegation_notice(inputs, photos)

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        names = ("proposals", "grouping", "confidence", "batch_size", "workers")
        changes = {name: values.get(name) for name in names}
        if changes["proposals"] == AS_QUALITY:
            del changes["proposals"]
        kind, options = Annotation, {}
        if cluster := (values.get("cluster") or "").strip():
            from annotator.cluster.dataset import ClusterAnnotation

            kind, options = ClusterAnnotation, {"cluster": cluster}
        run = kind(
            target_photos(ctx),
            Path(values["model"]).expanduser(),
            prefix=values["prefix"],
            settings=Settings.of_quality(values["quality"], **changes),
            overwrite=values["overwrite"],
            changed="relabel" if values.get("relabel_changed") else "refuse",
            **options,
        )
        return dataset_job(run, len(run))

    def resolve_output(self, ctx: Context) -> types.Property:
        return summary_output("People annotated")


class ExportLabels(RunOperator):
    """Write the people to a file or folder of labels."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "export_labels", "Export labels", "Write the people as COCO-DensePose, or for another tool"
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        photos = target_input(ctx, inputs, "Export")
        prefixes = find_prefixes(ctx.dataset)
        if not prefixes:
            show_error(inputs, "no_labels", "No people", "Annotate or import people first.")
        else:
            inputs.enum("prefix", prefixes, default=prefixes[0], required=True, label="Fields with prefix")
            prefix = ctx.params.get("prefix") or prefixes[0]
            if prefix in prefixes:
                state_input(ctx, inputs, photos, prefix)
        format_name = format_input(ctx, inputs)
        path_input(ctx, inputs, format_name, home() / fo.core.utils.to_slug(ctx.dataset.name))
        folder = inputs.str(
            "images_dir",
            label="Folder of the photos",
            description="File names are written relative to it; empty: the one that imported names are relative to, "
            "or the deepest folder of all photos",
        )
        images_dir = ctx.params.get("images_dir")
        if images_dir and not Path(images_dir).expanduser().is_dir():
            refuse(folder, f"{images_dir}: no such folder")
        inputs.bool("rejected", default=False, label="Write rejected people, too")
        if format_name == COCO:
            inputs.bool(
                "polygons",
                default=False,
                label="Masks as polygons",
                description="For tools that read no run lengths; holes are filled",
            )
        delegation_notice(inputs, photos)

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        run = Export(
            target_photos(ctx),
            Path(values["path"]).expanduser(),
            format=values.get("format", COCO),
            prefix=values["prefix"],
            images_dir=folder_at(values.get("images_dir")),
            state=values.get("state", "all"),
            rejected=values["rejected"],
            polygons=values.get("polygons", False) and values.get("format", COCO) == COCO,
        )
        return dataset_job(run, len(run), {"file": str(run.path)})

    def resolve_output(self, ctx: Context) -> types.Property:
        return summary_output("People exported", is_export=True)


class ImportLabels(RunOperator):
    """Read a file or folder of labels."""

    @property
    def config(self) -> foo.OperatorConfig:
        return operator_config(
            "import_labels", "Import labels", "Read people from COCO-DensePose, or from another tool"
        )

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        return execution_options(ctx.dataset)

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        kind = FORMATS[format_input(ctx, inputs)]
        path = inputs.str(
            "path",
            required=True,
            label="File or folder" if kind.is_folder else "File",
            description=kind.reads,
        )
        chosen = ctx.params.get("path")
        if chosen and not kind.is_readable(Path(chosen).expanduser()):
            refuse(path, f"{chosen}: no such file")
        folder = inputs.str(
            "images_dir",
            required=True,
            label="Folder of the photos",
            description="What the file names in the file are relative to, or a folder with all photos in it and below",
        )
        images_dir = ctx.params.get("images_dir")
        if images_dir and not Path(images_dir).expanduser().is_dir():
            refuse(folder, f"{images_dir}: no such folder")
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
                refuse(name, "There is a dataset of that name already")
        prefix_input(ctx, inputs, None if into == "new" else ctx.dataset)
        choice_input(inputs, "overwrite", OVERWRITE, "replace", "Photos with labels")
        delegation_notice(inputs, ctx.dataset)

    def begin(self, ctx: Context) -> Job:
        values = ctx.params
        is_new = values["into"] == "new"
        run = Import(
            values["name"] if is_new else ctx.dataset,
            Path(values["path"]).expanduser(),
            Path(values["images_dir"]).expanduser(),
            format=values.get("format", COCO),
            prefix=values["prefix"],
            overwrite=values["overwrite"],
        )

        name = values["name"] if is_new else ctx.dataset.name
        return dataset_job(run, lambda: run.total, {"dataset": name})

    def resolve_output(self, ctx: Context) -> types.Property:
        return summary_output("People imported")


class ModelInfo(FormOperator):
    """Show what a model file is and where it would run."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="model_info",
            label="Model info",
            description="What a model is and where it runs",
            dynamic=True,
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        model_input(ctx, inputs)

    def execute(self, ctx: Context) -> dict[str, Any]:
        try:
            return {name: str(value) for name, value in model_facts(ctx.params["model"]).items()}
        except Exception as error:
            return {"error": sentence(error)}

    def resolve_output(self, ctx: Context) -> types.Property:
        outputs = types.Object()
        if "error" in ctx.results:
            outputs.view("error", types.Error(label="Stopped", description=ctx.results["error"]))
        else:
            for name in ctx.results:
                outputs.str(name, label=name.replace("_", " "))
        return types.Property(outputs, view=types.View(label="Model"))


def register(plugin: Any) -> None:
    """Called by FiftyOne."""
    for operator in (
        AnnotatePeople,
        ExportLabels,
        ImportLabels,
        RetrainModel,
        RetrainingPanel,
        RunsPanel,
        ShowRuns,
        ModelInfo,
        *AGREEMENT_OPERATORS,
        *REVIEW_OPERATORS,
        *TEAM_OPERATORS,
        *PROGRESS_OPERATORS,
    ):
        plugin.register(operator)
