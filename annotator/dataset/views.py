"""The photos that a view of a FiftyOne dataset is about, whatever its stages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection


def photos_of(samples: Samples) -> Samples:
    """The photos of a dataset or view, with the labels that it shows.

    To FiftyOne a dynamic group (*Group by* in the App) is its first photo. Here it is all its photos. Stages after the
    grouping that choose groups, such as a limit, choose them by their first photos, as in the App's grid; the others,
    such as the sidebar's filters, also hold for each photo, as where the App opens a group.
    """
    if not samples._is_dynamic_groups:
        return samples
    from fiftyone import ViewExpression

    # The field of the groups among them.
    samples = with_all_fields(samples)
    expression, _, photos, _ = samples._parse_dynamic_groups()
    later = samples._stages[len(photos._stages) + 1 :]
    group = ViewExpression(expression)
    shown = {_hashable(value) for value in samples.values(group)}
    ids, groups = photos.values(["id", group])
    chosen = [key for key, value in zip(ids, groups, strict=True) if _hashable(value) in shown]
    if len(chosen) < len(ids):
        photos = photos.select(chosen)
    for stage in later:
        if not isinstance(stage, _stages_that_choose_groups()):
            photos = photos.add_stage(stage)
    return photos


def with_all_fields(samples: Samples) -> Samples:
    """The same samples and labels, with the fields that a view hides."""
    from fiftyone import ExcludeFields, SelectFields

    view = samples._dataset.view()
    for stage in samples.view()._stages:
        if not isinstance(stage, ExcludeFields | SelectFields):
            view = view.add_stage(stage)
    return view


def with_lists(samples: Samples, *paths: str) -> Samples:
    """The same samples, with an empty list where another tool has left something else at one of the paths: what FiftyOne asks
    the database of all samples would fail for all."""
    return samples.mongo([{"$set": {path: list_at(path) for path in paths}}])


def list_at(path: str) -> dict[str, Any]:
    """A MongoDB expression for the list at a path; empty where there is something else."""
    return {"$cond": [{"$isArray": f"${path}"}, f"${path}", []]}


def _stages_that_choose_groups() -> tuple[type, ...]:
    import fiftyone as fo

    return (
        fo.Concat,
        fo.Exclude,
        fo.ExcludeBy,
        fo.Limit,
        # The App ends each view of groups with one, which names the group.
        fo.Mongo,
        fo.Select,
        fo.SelectBy,
        fo.Shuffle,
        fo.Skip,
        fo.SortBy,
        fo.SortBySimilarity,
        fo.Take,
    )


def _hashable(value: Any) -> Any:
    """A group's value, such that equal ones are of one group, as to the database."""
    if isinstance(value, list):
        return tuple(_hashable(part) for part in value)
    is_nan = isinstance(value, float) and math.isnan(value)
    return repr(value) if is_nan or isinstance(value, dict) else value
