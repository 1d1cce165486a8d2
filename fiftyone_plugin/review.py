"""The operators of the review panel, each of which calls one function of :mod:`annotator.review`.

They are not listed in the App. An error comes back as ``error``, a message for the panel to show; if the database does
not answer, ``unavailable`` comes back, and the panel repeats the request.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import fiftyone.operators as foo
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.errors import ConnectionFailure

from annotator.dataset.fields import Fields, find_prefixes
from annotator.dataset.info import maps_folder
from annotator.labels.messages import short
from annotator.labels.quality import ISSUES, MISSING_PEOPLE
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.edits import EditError
from annotator.review.panel_data import body_data
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from annotator.surface.body import load_body
from annotator.team.edit_log import EditLog, Work

from .running import apply_saved_view, sentence

MAX_FAILURES = 3
"""Images that were left out and are named in the panel."""
Context = foo.ExecutionContext


RequestId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
SampleId = Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class _Values(BaseModel):
    """The parameters of a call; what it does not know is of no account."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _OfLabels(_Values):
    prefix: str
    author: str = ""


class _OfImage(_OfLabels):
    sample: SampleId
    versions: dict[str, str] = {}
    request_id: RequestId | None = None
    # Of the log of edits: what is wrong with them is no reason to refuse an edit.
    tool: Any = ""
    seconds: Any = 0.0


class _Call(foo.Operator):
    """An operator of the panel; subclasses have a name, the parameters ``Values``, and ``answer(ctx, values)``, which gives
    its result."""

    name = ""
    Values = _OfLabels

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name=self.name, label=self.name, unlisted=True)

    def execute(self, ctx: Context) -> dict[str, Any]:
        try:
            apply_saved_view(ctx)
            return self.answer(ctx, self.Values.model_validate(ctx.params).model_dump())
        except ValidationError as error:
            return {"error": _problem(error)}
        except EditError as error:
            return {"error": error.problem}
        except ConnectionFailure as error:
            return {"unavailable": sentence(error)}
        # An exception would reach the panel as a traceback.
        except Exception as error:
            return {"error": sentence(error)}


class ReviewSetup(_Call):
    """What the panel needs first: prefixes of the dataset, words of the issues, and the drawing of the body."""

    name = "review_setup"
    Values = _Values

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        prefixes = find_prefixes(ctx.dataset) if ctx.dataset is not None else []
        words = {"issues": ISSUES, "missing_people": MISSING_PEOPLE}
        return {"prefixes": prefixes, **words, "body": body_data(load_body())}


class ReviewQueue(_Call):
    """See :func:`annotator.review.queue.queue`; of the view that the App shows."""

    name = "review_queue"

    class Values(_OfLabels):
        states: list[str] = []
        reasons: list[str] = []
        samples: list[str] = []
        order: str = "issue_score"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: tuple(values[name]) for name in ("states", "reasons", "samples")}
        wanted = Filter(**chosen, order=values["order"])
        return queue(ctx.view, Fields(values["prefix"]), wanted)


class ReviewScores(_Call):
    """See :func:`annotator.review.score_table.score_table`; of the view that the App shows."""

    name = "review_scores"

    class Values(_OfLabels):
        order: str

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return score_table(ctx.view, Fields(values["prefix"]), values["order"])


class ReviewOpen(_Call):
    """See :meth:`annotator.review.session.Review.open`."""

    name = "review_open"
    Values = _OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).open(values["sample"])


class ReviewPhoto(_Call):
    """See :meth:`annotator.review.session.Review.photo`; the bytes in base64."""

    name = "review_photo"
    Values = _OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return {"jpeg": b64encode(_review(ctx).photo(values["sample"])).decode()}


class ReviewSecond(_Call):
    """See :meth:`annotator.review.session.Review.second`."""

    name = "review_second"
    Values = _OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).second(values["sample"])


class ReviewKeepLabels(_Call):
    """See :meth:`annotator.review.session.Review.keep_labels`."""

    name = "review_keep_labels"
    Values = _OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).keep_labels(values["sample"])


class ReviewEdit(_Call):
    """See :meth:`annotator.review.session.Review.edit`."""

    name = "review_edit"

    class Values(_OfImage):
        edit: Any

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).edit(
            values["sample"], values["edit"], values["versions"], values["request_id"], _work(values)
        )


class ReviewRestore(_Call):
    """See :meth:`annotator.review.session.Review.restore`."""

    name = "review_restore"

    class Values(_OfImage):
        token: Annotated[str, Field(max_length=28)]

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).restore(
            values["sample"], values["token"], values["versions"], values["request_id"], _work(values)
        )


class ReviewLogTime(_Call):
    """See :meth:`annotator.team.edit_log.EditLog.record_view`."""

    name = "review_log_time"

    class Values(_OfImage):
        request_id: RequestId

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        log = EditLog(ctx.dataset, values["prefix"])
        log.record_view(values["sample"], values["author"], values["request_id"], _work(values))
        return {"logged": True}


class ReviewSpotCheck(_Call):
    """See :func:`annotator.review.approvals.spot_check`; of the view that the App shows."""

    name = "review_spot_check"

    class Values(_OfLabels):
        issue_score: Share
        share: Share
        seed: Annotated[int, Field(ge=0)]

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields = Fields(values["prefix"])
        return spot_check(ctx.view, fields, values["issue_score"], values["share"], values["seed"])


class ReviewApproveBelow(_Call):
    """See :func:`annotator.review.approvals.approve_below`; of the view that the App shows."""

    name = "review_approve_below"

    class Values(_OfLabels):
        issue_score: Share
        request_id: RequestId

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields, request_id = Fields(values["prefix"]), values["request_id"]
        failures: dict[str, str] = {}
        counts = approve_below(
            ctx.view, fields, values["issue_score"], values["author"], _maps(ctx), request_id, failures
        )
        approved = sum(counts)
        first = [f"{path}: {reason}" for path, reason in list(failures.items())[:MAX_FAILURES]]
        return {"approved": approved, "failed": len(failures), "failures": first}


class ReviewTakeBack(_Call):
    """See :func:`annotator.review.approvals.take_back`; of the whole dataset."""

    name = "review_take_back"

    class Values(_OfLabels):
        request_id: RequestId

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        counts = take_back(ctx.dataset, Fields(values["prefix"]), _maps(ctx), values["request_id"])
        return {"predicted": sum(counts)}


OPERATORS = (
    ReviewSetup,
    ReviewQueue,
    ReviewScores,
    ReviewOpen,
    ReviewPhoto,
    ReviewSecond,
    ReviewKeepLabels,
    ReviewEdit,
    ReviewRestore,
    ReviewLogTime,
    ReviewSpotCheck,
    ReviewApproveBelow,
    ReviewTakeBack,
)


def _problem(error: ValidationError) -> str:
    """The first problem of a call's parameters, in one line."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(step)[:80] for step in problem["loc"])
    if problem["type"] == "missing":
        return f"{field}: is missing"
    return f"{field}: {problem['msg'].replace('Input should', 'must')}, not {short(problem['input'])}"


def _review(ctx: Context) -> Review:
    values = ctx.params
    return Review(ctx.dataset, values["prefix"], values.get("author", ""))


def _work(values: dict[str, Any]) -> Work:
    return Work.of(values["tool"], values["seconds"])


def _maps(ctx: Context) -> Path:
    return maps_folder(ctx.dataset, ctx.params["prefix"], None)
