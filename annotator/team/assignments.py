"""Who works on which photo: the next one for each annotator, and a lease that work renews.

A photo is taken by a single find-and-update of its sample, so that no two people are given the same. By the clock of the
database, which all of them share, a lease ends :data:`~annotator.team.expressions.LEASE_MINUTES` minutes after the last work. It keeps nobody from opening
and editing the photo all the same: edits of two people at once lose nothing (see :mod:`annotator.review.session`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import FieldError, Fields
from annotator.dataset.second_labels import SUFFIX, is_second, second_fields
from annotator.dataset.store import object_ids
from annotator.dataset.views import list_at
from annotator.labels.messages import short
from annotator.team.expressions import (
    Expression,
    appended,
    event,
    is_free,
    is_held_by,
    new_lease,
    with_name,
)
from annotator.team.fields import TeamFields, declare_team_fields
from annotator.team.settings import TeamError, check_author, read_settings
from annotator.team.stages import DONE, LABEL, REVIEW

if TYPE_CHECKING:
    import fiftyone as fo


def take_next(
    dataset: fo.Dataset,
    fields: Fields,
    author: str,
    candidates: Sequence[str],
    stage: str = LABEL,
    leaving: str | None = None,
    resume: bool = False,
) -> str | None:
    """Take the first photo of some that nobody works on, and leave the one before.

    Photos that were handed back to this author come first, those that the author has skipped last. One that was handed back to
    somebody else is not taken, nor one of which the author has made the first or second labels and these are the others, nor, for
    a review, one that the author has labelled, unless the settings allow that.

    Args:
        author: who takes it.
        candidates: ids of samples in the order in which they are wanted; those that do not exist are of no account.
        stage: at which the photo must be: ``"label"`` or ``"review"``.
        leaving: id of the sample that the author had until now; if it is still at this stage, it was skipped. It is left only
            if there is another one.
        resume: take the photo that the author has already, if there is one.

    Returns:
        The id of the sample; ``None`` if none of them is free.

    Raises:
        TeamError: the author has no name, or no photos are handed out at this stage.
    """
    if stage not in (LABEL, REVIEW):
        raise TeamError(f"stage: {short(stage)}: photos are handed out to be labelled or to be reviewed")
    check_author(author)
    declare_team_fields(dataset, fields)
    names, samples = TeamFields(fields), dataset._sample_collection
    work = names.work
    wanted = {names.stage: {"$in": [None, LABEL]}, f"{work}.returned_to": {"$in": [None, author]}}
    if stage == REVIEW:
        wanted = {names.stage: REVIEW}
        if not read_settings(dataset).review_own:
            wanted[f"{work}.annotators"] = {"$ne": author}
    # Who has labelled a photo is not its second annotator, nor the other way round.
    for other in _other_labels(fields):
        wanted[f"{TeamFields(other).work}.annotators"] = {"$ne": author}
    positions = {key: place for place, key in enumerate(object_ids(candidates)) if str(key) != leaving}
    if resume:
        mine = {"$expr": is_held_by(work, author), f"{work}.lease.by": author}
        found = samples.find({**wanted, **mine, "_id": {"$in": list(positions)}}, ["_id"])
        held = min((document["_id"] for document in found), key=positions.__getitem__, default=None)
        if held is not None and _take(dataset, names, held, author, mine):
            return str(held)
    wanted["$expr"] = is_free(work)
    found = samples.find(
        {**wanted, "_id": {"$in": list(positions)}}, [f"{work}.skipped", f"{work}.returned_to"]
    )
    ranks = {}
    for document in found:
        of = document.get(work) or {}
        is_skipped = author in (of.get("skipped") or [])
        ranks[document["_id"]] = (of.get("returned_to") != author, is_skipped, positions[document["_id"]])
    for key in sorted(ranks, key=ranks.__getitem__):
        if _take(dataset, names, key, author, wanted):
            if leaving is not None:
                leave(dataset, fields, leaving, author, skipped_at=stage)
            return str(key)
    return None


def take(dataset: fo.Dataset, fields: Fields, sample_id: str, author: str) -> None:
    """Take a photo that was opened if nobody else works on it, or renew the author's own lease."""
    declare_team_fields(dataset, fields)
    names = TeamFields(fields)
    free = {"$or": [is_free(names.work), is_held_by(names.work, author)]}
    for key in object_ids([sample_id]):
        _take(dataset, names, key, author, {"$expr": free})


def leave(
    dataset: fo.Dataset, fields: Fields, sample_id: str, author: str, skipped_at: str | None = None
) -> None:
    """End the author's lease of a photo, if it is the author's.

    Args:
        skipped_at: the photo is handed out to the author last from now on, if it is still at this stage.
    """
    names = TeamFields(fields)
    values: Expression = {f"{names.work}.lease": None, f"{names.work}.changed": "$$NOW"}
    if skipped_at:
        path, at = f"{names.work}.skipped", {"$ifNull": [f"${names.stage}", LABEL]}
        values[path] = {"$cond": [{"$eq": [at, skipped_at]}, with_name(path, author), list_at(path)]}
    for key in object_ids([sample_id]):
        condition = {"_id": key, f"{names.work}.lease.by": author}
        dataset._sample_collection.update_one(condition, [{"$set": values}])


def record_work(dataset: fo.Dataset, fields: Fields, sample_id: str, author: str) -> None:
    """Note that an author has edited a photo: the lease is renewed, or taken if it is free; whoever edits a photo that is to be
    labelled is one of its annotators; and one that was done goes back to the review. Nothing where no team works."""
    if not author or not read_settings(dataset).team:
        return
    declare_team_fields(dataset, fields)
    names = TeamFields(fields)
    work, stage = names.work, {"$ifNull": [f"${names.stage}", LABEL]}
    free = {"$or": [is_free(work), is_held_by(work, author)]}
    annotators, history = f"{work}.annotators", f"{work}.history"
    is_to_label, was_done = {"$eq": [stage, LABEL]}, {"$eq": [stage, DONE]}
    values = {
        f"{work}.lease": {"$cond": [free, new_lease(author), f"${work}.lease"]},
        annotators: {"$cond": [is_to_label, with_name(annotators, author), list_at(annotators)]},
        history: {"$cond": [was_done, appended(history, event(author, "reopen")), list_at(history)]},
        names.stage: {"$cond": [was_done, REVIEW, stage]},
        f"{work}.changed": "$$NOW",
    }
    for key in object_ids([sample_id]):
        dataset._sample_collection.update_one({"_id": key}, [{"$set": values}])


def _other_labels(fields: Fields) -> list[Fields]:
    """The labels that another annotator makes of the same photos."""
    if is_second(fields.prefix):
        return [Fields(fields.prefix.removesuffix(SUFFIX))]
    with suppress(FieldError):  # the prefix is too long to have second ones
        return [second_fields(fields)]
    return []


def _take(dataset: fo.Dataset, names: TeamFields, key: Any, author: str, condition: Expression) -> bool:
    """Take a photo, in one step, if the condition still holds."""
    values = {f"{names.work}.lease": new_lease(author), f"{names.work}.changed": "$$NOW"}
    update = [{"$set": values}]
    found = dataset._sample_collection.find_one_and_update({**condition, "_id": key}, update, ["_id"])
    return found is not None
