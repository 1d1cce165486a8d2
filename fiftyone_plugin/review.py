"""The operators of the review panel, each of which calls one function of :mod:`annotator.review`.

They are not listed in the App. An error comes back as ``error``, a message for the panel to show; if the database does
not answer, ``unavailable`` comes back, and the panel repeats the request.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from pymongo.errors import ConnectionFailure

from annotator.dataset.fields import Fields, find_prefixes
from annotator.dataset.info import maps_folder
from annotator.labels.quality import ISSUES, MISSING_PEOPLE
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.edits import EditError
from annotator.review.panel_data import body_data
from annotator.review.queue import Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from annotator.surface.body import load_body

logger = logging.getLogger(__name__)
Context = foo.ExecutionContext


class _Call(foo.Operator):
    """An operator of the panel; subclasses have a name and ``answer(ctx, values)``, which gives its result."""

    name = ""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name=self.name, label=self.name, unlisted=True)

    def execute(self, ctx: Context) -> dict[str, Any]:
        try:
            return self.answer(ctx, ctx.params)
        except EditError as error:
            return {"error": error.problem}
        except (ValueError, OSError, ImportError) as error:
            return {"error": str(error)}
        except ConnectionFailure as error:
            logger.warning("The database does not answer the review panel: %s", error)
            return {"unavailable": "the database does not answer"}


class ReviewSetup(_Call):
    """What the panel needs first: prefixes of the dataset, words of the issues, and the drawing of the body."""

    name = "review_setup"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        prefixes = find_prefixes(ctx.dataset) if ctx.dataset is not None else []
        words = {"issues": ISSUES, "missing_people": MISSING_PEOPLE}
        return {"prefixes": prefixes, **words, "body": body_data(load_body())}


class ReviewQueue(_Call):
    """See :func:`annotator.review.queue.queue`; of the view that the App shows."""

    name = "review_queue"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: tuple(values.get(name, ())) for name in ("states", "reasons", "samples")}
        wanted = Filter(**chosen, order=values.get("order", "issue_score"))
        return queue(ctx.view, Fields(values["prefix"]), wanted)


class ReviewScores(_Call):
    """See :func:`annotator.review.score_table.score_table`; of the view that the App shows."""

    name = "review_scores"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return score_table(ctx.view, Fields(values["prefix"]), values["order"])


class ReviewOpen(_Call):
    """See :meth:`annotator.review.session.Review.open`."""

    name = "review_open"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).open(values["sample"])


class ReviewPhoto(_Call):
    """See :meth:`annotator.review.session.Review.photo`; the bytes in base64."""

    name = "review_photo"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return {"jpeg": b64encode(_review(ctx).photo(values["sample"])).decode()}


class ReviewEdit(_Call):
    """See :meth:`annotator.review.session.Review.edit`."""

    name = "review_edit"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).edit(
            values["sample"], values["edit"], values.get("versions", {}), values.get("name")
        )


class ReviewRestore(_Call):
    """See :meth:`annotator.review.session.Review.restore`."""

    name = "review_restore"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx).restore(
            values["sample"], values["token"], values.get("versions", {}), values.get("name")
        )


class ReviewSpotCheck(_Call):
    """See :func:`annotator.review.approvals.spot_check`; of the view that the App shows."""

    name = "review_spot_check"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields = Fields(values["prefix"])
        return spot_check(ctx.view, fields, values["issue_score"], values["share"], values["seed"])


class ReviewApproveBelow(_Call):
    """See :func:`annotator.review.approvals.approve_below`; of the view that the App shows."""

    name = "review_approve_below"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields, name = Fields(values["prefix"]), values["name"]
        counts = approve_below(ctx.view, fields, values["issue_score"], values["author"], _maps(ctx), name)
        return {"approved": sum(counts)}


class ReviewTakeBack(_Call):
    """See :func:`annotator.review.approvals.take_back`; of the whole dataset."""

    name = "review_take_back"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        counts = take_back(ctx.dataset, Fields(values["prefix"]), _maps(ctx), values["name"])
        return {"predicted": sum(counts)}


OPERATORS = (
    ReviewSetup,
    ReviewQueue,
    ReviewScores,
    ReviewOpen,
    ReviewPhoto,
    ReviewEdit,
    ReviewRestore,
    ReviewSpotCheck,
    ReviewApproveBelow,
    ReviewTakeBack,
)


def _review(ctx: Context) -> Review:
    values = ctx.params
    return Review(ctx.dataset, values["prefix"], values.get("author", ""))


def _maps(ctx: Context) -> Path:
    return maps_folder(ctx.dataset, ctx.params["prefix"], None)
