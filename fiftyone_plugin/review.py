"""The operators of the review panel, each of which calls one function of :mod:`annotator.review`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import fiftyone.operators as foo
from pydantic import Field

from annotator.dataset.fields import Fields, check_people, find_prefixes
from annotator.dataset.info import bulk_approval_times, maps_folder
from annotator.labels.quality import ISSUES, MISSING_PEOPLE
from annotator.review.approvals import approve_below, spot_check, take_back
from annotator.review.error_rate import error_rate
from annotator.review.panel_data import body_data
from annotator.review.queue import PAGE, Filter, queue
from annotator.review.score_table import score_table
from annotator.review.session import Review
from annotator.review.thumbnails import thumbnails
from annotator.surface.body import load_body
from annotator.team.edit_log import EditLog, Work

from .bulk_runs import BulkRun, OfBulkRun, answer_of
from .calls import Call, CallValues, OfImage, OfLabels, RequestId, SampleId, Share, user_name
from .slow_calls import OfSlowCall, SlowCall

MAX_FAILURES = 3
"""Images that were left out and are named in the panel."""
Context = foo.ExecutionContext


class ReviewSetup(Call):
    """What the panel needs first: prefixes of the dataset, words of the issues, and the drawing of the body."""

    name = "review_setup"
    writes = False
    Values = CallValues

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        prefixes = find_prefixes(ctx.dataset) if ctx.dataset is not None else []
        words = {"issues": ISSUES, "missing_people": MISSING_PEOPLE}
        return {"prefixes": prefixes, **words, "user": user_name(ctx), "body": body_data(load_body())}


class ReviewQueue(SlowCall):
    """See :func:`annotator.review.queue.queue`; of the view that the App shows."""

    name = "review_queue"

    class Values(OfSlowCall):
        states: list[str] = Field([])
        reasons: list[str] = Field([])
        samples: list[str] = Field([])
        order: str = "issue_score"
        work: str = ""
        limit: int = PAGE
        after: list[Any] | None = None
        since: str | None = None

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: tuple(values[name]) for name in ("states", "reasons", "samples")}
        wanted = Filter(**chosen, order=values["order"], work=values["work"], author=values["author"])
        page = {name: values[name] for name in ("limit", "after", "since")}
        return queue(ctx.view, Fields(values["prefix"]), wanted, **page)


class ReviewScores(SlowCall):
    """See :func:`annotator.review.score_table.score_table`; of the view that the App shows."""

    name = "review_scores"

    class Values(OfSlowCall):
        order: str
        skip: int = 0

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return score_table(ctx.view, Fields(values["prefix"]), values["order"], values["skip"])


class ReviewOpen(Call):
    """See :meth:`annotator.review.session.Review.open`."""

    name = "review_open"
    writes = False
    Values = OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).open(values["sample"])


class ReviewPhoto(Call):
    """See :meth:`annotator.review.session.Review.photo`; the bytes in base64."""

    name = "review_photo"
    writes = False
    Values = OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return {"jpeg": b64encode(_review(ctx, values).photo(values["sample"])).decode()}


class ReviewSecond(Call):
    """See :meth:`annotator.review.session.Review.second`."""

    name = "review_second"
    writes = False
    Values = OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).second(values["sample"])


class ReviewThumbnails(Call):
    """See :func:`annotator.review.thumbnails.thumbnails`; the bytes in base64."""

    name = "review_thumbnails"
    writes = False

    class Values(OfLabels):
        samples: list[SampleId]

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        jpegs = thumbnails(ctx.dataset, Fields(values["prefix"]), values["samples"])
        return {"jpegs": {key: jpeg and b64encode(jpeg).decode() for key, jpeg in jpegs.items()}}


class ReviewPhotoBefore(Call):
    """See :meth:`annotator.review.session.Review.photo_before`."""

    name = "review_photo_before"
    writes = False
    Values = OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).photo_before(values["sample"])


class ReviewKeepLabels(Call):
    """See :meth:`annotator.review.session.Review.keep_labels`."""

    name = "review_keep_labels"
    Values = OfImage

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).keep_labels(values["sample"])


class ReviewEdit(Call):
    """See :meth:`annotator.review.session.Review.edit`."""

    name = "review_edit"
    is_signed = True

    class Values(OfImage):
        edit: Any

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).edit(
            values["sample"], values["edit"], values["versions"], values["request_id"], _work(values)
        )


class ReviewRestore(Call):
    """See :meth:`annotator.review.session.Review.restore`."""

    name = "review_restore"
    is_signed = True

    class Values(OfImage):
        token: Annotated[str, Field(max_length=28)]

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        return _review(ctx, values).restore(
            values["sample"], values["token"], values["versions"], values["request_id"], _work(values)
        )


class ReviewLogTime(Call):
    """See :meth:`annotator.team.edit_log.EditLog.record_view`."""

    name = "review_log_time"

    class Values(OfImage):
        request_id: RequestId

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        log = EditLog(ctx.dataset, values["prefix"])
        log.record_view(values["sample"], values["author"], values["request_id"], _work(values))
        return {"logged": True}


class ReviewSpotCheck(SlowCall):
    """See :func:`annotator.review.approvals.spot_check`; of the view that the App shows."""

    name = "review_spot_check"

    class Values(OfSlowCall):
        issue_score: Share
        share: Share
        seed: Annotated[int, Field(ge=0)]

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields = Fields(values["prefix"])
        return spot_check(ctx.view, fields, values["issue_score"], values["share"], values["seed"])


class ReviewErrorRate(SlowCall):
    """See :func:`annotator.review.error_rate.error_rate`; of the view that the App shows."""

    name = "review_error_rate"

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        times = bulk_approval_times(ctx.dataset, values["prefix"])
        return error_rate(ctx.view, Fields(values["prefix"]), times)


class ReviewApproveBelow(Call):
    """See :func:`annotator.review.approvals.approve_below`; of the view that the App shows. The answer says how far it is,
    ``running``, until it has ended: the panel asks again by the same id."""

    name = "review_approve_below"
    is_signed = True

    class Values(OfBulkRun):
        issue_score: Share

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields, request_id = Fields(values["prefix"]), values["request_id"]
        samples, maps, failures = ctx.view, _maps(ctx), {}
        check_people(samples, fields)

        def results(approved: int) -> dict[str, Any]:
            first = [f"{path}: {reason}" for path, reason in list(failures.items())[:MAX_FAILURES]]
            return {"approved": approved, "failed": len(failures), "failures": first}

        def begin(begun: Callable[[int], None]) -> Iterator[int]:
            score, author = values["issue_score"], values["author"]
            return approve_below(samples, fields, score, author, maps, request_id, failures, begun)

        return answer_of(ctx, "Approve the rest", values, lambda: BulkRun(begin, "approved", results))


class ReviewTakeBack(Call):
    """See :func:`annotator.review.approvals.take_back`; of the whole dataset."""

    name = "review_take_back"

    Values = OfBulkRun

    def answer(self, ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
        fields, request_id = Fields(values["prefix"]), values["request_id"]
        dataset, maps = ctx.dataset, _maps(ctx)

        def begin(begun: Callable[[int], None]) -> Iterator[int]:
            return take_back(dataset, fields, maps, request_id, begun=begun)

        def results(predicted: int) -> dict[str, Any]:
            return {"predicted": predicted}

        return answer_of(
            ctx, "Take back the approval", values, lambda: BulkRun(begin, "to be decided again", results)
        )


OPERATORS = (
    ReviewSetup,
    ReviewQueue,
    ReviewScores,
    ReviewOpen,
    ReviewPhoto,
    ReviewSecond,
    ReviewThumbnails,
    ReviewPhotoBefore,
    ReviewKeepLabels,
    ReviewEdit,
    ReviewRestore,
    ReviewLogTime,
    ReviewSpotCheck,
    ReviewErrorRate,
    ReviewApproveBelow,
    ReviewTakeBack,
)


def _review(ctx: Context, values: dict[str, Any]) -> Review:
    return Review(ctx.dataset, values["prefix"], values["author"])


def _work(values: dict[str, Any]) -> Work:
    return Work.of(values["tool"], values["seconds"])


def _maps(ctx: Context) -> Path:
    return maps_folder(ctx.dataset, ctx.params["prefix"], None)
