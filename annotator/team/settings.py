"""How people work on a dataset: alone or as a team, and whether anything may be changed at all."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields, find_prefixes, require_fields
from annotator.team.fields import declare_team_fields

if TYPE_CHECKING:
    import fiftyone as fo

KEY = "densepose_team"
"""Of the dataset's ``info``."""
READ_ONLY_VARIABLE = "DENSEPOSE_READ_ONLY"
"""Environment variable with which the operators of an App's server change nothing."""


class TeamError(ValueError):
    """What somebody asked for is not possible in this team or at this stage; the message says why."""


@dataclass(frozen=True)
class TeamSettings:
    """Of a dataset."""

    team: bool = False
    """Whether photos are handed out and go through the stages of :mod:`annotator.team.stages`."""
    review_own: bool = False
    """Whether somebody may review photos that he or she labelled."""
    read_only: bool = False
    """Whether nothing may be changed."""


def read_settings(dataset: fo.Dataset) -> TeamSettings:
    """The settings as the database has them now, whatever this process has in memory."""
    from fiftyone.core.odm import get_db_conn

    found = get_db_conn().datasets.find_one({"_id": dataset._doc.id}, [f"info.{KEY}"]) or {}
    stored = (found.get("info") or {}).get(KEY)
    if not isinstance(stored, dict):
        return TeamSettings()
    return TeamSettings(**{field.name: stored.get(field.name) is True for field in fields(TeamSettings)})


def save_settings(dataset: fo.Dataset, settings: TeamSettings) -> None:
    """Store the settings, and declare the fields that a team needs.

    Raises:
        FieldError: the dataset was deleted, or has a field of the same name and another type.
        TeamError: :data:`READ_ONLY_VARIABLE` is set.
    """
    check_writable(None)
    require_fields(dataset)  # FiftyOne would save one that was deleted meanwhile
    if settings.team:
        for prefix in find_prefixes(dataset):
            declare_team_fields(dataset, Fields(prefix))
    dataset.info[KEY] = asdict(settings)
    dataset.save()


def read_only_reason(dataset: fo.Dataset | None) -> str | None:
    """Why nothing may be changed; ``None`` if it may.

    Args:
        dataset: ``None`` if only the environment counts.
    """
    if os.environ.get(READ_ONLY_VARIABLE, "").strip().lower() not in ("", "0", "false", "no", "off"):
        return f"read-only: this App was started with --read-only ({READ_ONLY_VARIABLE}), and nothing can be changed in it"
    if dataset is not None and read_settings(dataset).read_only:
        return f"read-only: nothing can be changed in {dataset.name!r} until “Team settings” allow it again"
    return None


def check_author(author: str) -> None:
    """
    Raises:
        TeamError: there is no name.
    """
    if not author.strip():
        raise TeamError("a team must know who works: write your name first, at the bottom right of the panel")


def check_writable(dataset: fo.Dataset | None) -> None:
    """
    Raises:
        TeamError: as :func:`read_only_reason` says.
    """
    if reason := read_only_reason(dataset):
        raise TeamError(reason)
