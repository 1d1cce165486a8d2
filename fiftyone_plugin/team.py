"""The operators with which a team works: *Team settings*, and those of the review panel, each of which calls one function of
:mod:`annotator.team`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import fiftyone.operators as foo
from fiftyone.operators import types
from pydantic import Field

from annotator.dataset.fields import FieldError, Fields
from annotator.team.assignments import leave, take, take_next
from annotator.team.listing import photo_work
from annotator.team.settings import (
    TeamError,
    TeamSettings,
    check_writable,
    read_only_reason,
    read_settings,
    save_settings,
)
from annotator.team.stages import ACTIONS, MAX_COMMENT, change_stage

from .calls import Call, OfLabels, SampleId
from .forms import show_error, show_notice
from .running import FormOperator, sentence

MAX_CANDIDATES = 1000
"""Photos that a panel names to be given one of them."""
Context = foo.ExecutionContext
SETTINGS = {
    "team": (
        "A team works on this dataset",
        "“Next photo” gives everybody another one, and photos go through the stages label, review, done.",
    ),
    "review_own": (
        "Annotators may review their own photos",
        "Otherwise somebody who has not labelled the photo says that it is done.",
    ),
    "read_only": (
        "Read-only",
        "Nobody can change anything with this plugin, say while a customer looks at the dataset.",
    ),
}


class SetTeamSettings(FormOperator):
    """Say how people work on a dataset."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="team_settings",
            label="Team settings",
            description="Several people on one dataset, and read-only mode",
            dynamic=True,
        )

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        if ctx.dataset is None:
            raise FieldError("no dataset is open: open one first")
        check_writable(None)
        settings = read_settings(ctx.dataset)
        for name, (label, description) in SETTINGS.items():
            inputs.bool(name, default=getattr(settings, name), label=label, description=description)
        if ctx.params.get("read_only"):
            text = "Anybody who opens this form can change that. An App that nobody can change: densepose-annotator app --read-only"
            show_notice(inputs, "who", text)

    def execute(self, ctx: Context) -> dict[str, Any]:
        try:
            before = vars(read_settings(ctx.dataset))
            settings = TeamSettings(**{name: ctx.params.get(name, before[name]) is True for name in SETTINGS})
            save_settings(ctx.dataset, settings)
        except Exception as error:
            return {"error": sentence(error)}
        ctx.trigger("reload_dataset")
        return vars(settings)

    def resolve_output(self, ctx: Context) -> types.Property:
        outputs = types.Object()
        if "error" in ctx.results:
            show_error(outputs, "error", "Stopped", ctx.results["error"])
        else:
            for name, (label, _) in SETTINGS.items():
                outputs.bool(name, label=label)
        return types.Property(outputs, view=types.View(label="Team settings"))


class _TeamCall(Call, ABC):
    """A call that is possible only where a team works."""

    is_signed = True

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        if not read_settings(ctx.dataset).team:
            raise TeamError("no team works on this dataset any more (see “Team settings”)")
        return self.answer_team(ctx, Fields(values["prefix"]), values)

    @abstractmethod
    def answer_team(self, ctx: Context, fields: Fields, values: dict[str, Any]) -> dict[str, Any]:
        """The result, as of :meth:`answer`."""


class TeamNext(_TeamCall):
    """See :func:`annotator.team.assignments.take_next`."""

    name = "team_next"

    class Values(OfLabels):
        candidates: Annotated[list[SampleId], Field(max_length=MAX_CANDIDATES)]
        stage: str
        leaving: SampleId | None = None
        resume: bool = False

    def answer_team(self, ctx: Context, fields: Fields, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: values[name] for name in ("author", "candidates", "stage", "leaving", "resume")}
        return {"sample": take_next(ctx.dataset, fields, **chosen)}


class TeamTake(_TeamCall):
    """Take a photo that is opened, or renew the lease, and leave the one before. Who has not said who it is takes nothing, nor
    does anybody where all is read-only."""

    name = "team_take"
    writes = is_signed = False

    class Values(OfLabels):
        sample: SampleId
        leaving: SampleId | None = None

    def answer_team(self, ctx: Context, fields: Fields, values: dict[str, Any]) -> dict[str, Any]:
        author, sample = values["author"], values["sample"]
        if author and read_only_reason(ctx.dataset) is None:
            take(ctx.dataset, fields, sample, author)
            if values["leaving"]:
                leave(ctx.dataset, fields, values["leaving"], author)
        return photo_work(ctx.dataset, fields, sample)


class TeamStage(_TeamCall):
    """See :func:`annotator.team.stages.change_stage`."""

    name = "team_stage"

    class Values(OfLabels):
        sample: SampleId
        action: Literal[tuple(ACTIONS)]
        comment: Annotated[str, Field(max_length=MAX_COMMENT)] = ""

    def answer_team(self, ctx: Context, fields: Fields, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: values[name] for name in ("action", "author", "comment")}
        change_stage(ctx.dataset, fields, values["sample"], **chosen)
        return photo_work(ctx.dataset, fields, values["sample"])


OPERATORS = (SetTeamSettings, TeamNext, TeamTake, TeamStage)
