"""The fields of a sample that say at which stage it is and who works on it.

They are on the sample itself, not in a collection of their own: so they are deleted with the dataset and copied with a clone,
views filter by them, and the App's sidebar shows the stage. No change of them counts as a change of the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from annotator.dataset.fields import FieldError, Fields

if TYPE_CHECKING:
    import fiftyone as fo

_DECLARING = Lock()
"""Two threads that add a field to one dataset would add it twice."""


@dataclass(frozen=True)
class TeamFields:
    """Names of the fields of the labels of one prefix."""

    labels: Fields

    @property
    def stage(self) -> str:
        """One of :data:`annotator.dataset.photo_summary.STAGES`; none stands for the first."""
        return f"{self.labels.prefix}_stage"

    @property
    def work(self) -> str:
        """Dict of ``lease`` (``by``, ``until``), ``annotators`` (names of those who labelled the photo), ``sent_by``,
        ``returned_to``, ``comment``, ``skipped`` (names), ``history`` (dicts of ``time``, ``author``, ``action``,
        ``comment``) and ``changed``, when any of it did, by the database's clock."""
        return f"{self.labels.prefix}_work"


def has_team_fields(dataset: fo.Dataset, fields: Fields) -> bool:
    """Whether a team works, or has worked, on the labels of this prefix."""
    schema = dataset.get_field_schema()
    return all(isinstance(schema.get(name), kind) for name, kind in _types(fields).items())


def declare_team_fields(dataset: fo.Dataset, fields: Fields) -> None:
    """Declare the fields in a dataset, with an index of who works on what.

    Raises:
        FieldError: there is a field of the same name and another type.
    """
    with _DECLARING:
        if has_team_fields(dataset, fields):
            return
        dataset.reload()  # another process may have been faster
        schema = dataset.get_field_schema()
        for name, kind in _types(fields).items():
            if name not in schema:
                dataset.add_sample_field(name, kind)
            elif not isinstance(schema[name], kind):
                raise FieldError(f"the dataset has a field {name!r} of another type: rename it")
        for name in ("lease.by", "changed"):
            dataset._sample_collection.create_index(f"{TeamFields(fields).work}.{name}", sparse=True)


def _types(fields: Fields) -> dict[str, type[fo.Field]]:
    import fiftyone as fo

    names = TeamFields(fields)
    return {names.stage: fo.StringField, names.work: fo.DictField}
