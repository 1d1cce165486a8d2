"""When the rest of a review is done at the present rate, with how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, stdev

from annotator.team.report import Day

WINDOW = 14
"""Days whose rate is the present one."""
MIN_DAYS = 3
"""Days of work from which on an interval means anything."""
Z = 1.96
"""Standard errors on either side, for 95 %."""
FARTHEST = 3650
"""Days: no date beyond is named."""


@dataclass(frozen=True)
class Forecast:
    """The work that is left. ``None`` where the log does not say yet, or no end is in sight."""

    open: int
    """People to decide."""
    hours: tuple[float, float, float] | None = None
    """Of active work: expected, and the ends of its 95 % interval, of which the last may be infinite."""
    dates: tuple[date, date, date | None] | None = None
    """When it is done: expected, earliest and latest of the 95 % interval; a latest of ``None`` is not in sight."""


def make_forecast(days: Iterable[Day], open_people: int, today: date) -> Forecast:
    """The forecast from what was done on the days of the last :data:`WINDOW`, the present one among them.

    The hours come from people an hour, whose uncertainty is how much that differs from one day of one annotator to
    another; the dates from people a day, days without work included, whose uncertainty is how much that differs.

    Args:
        days: of the report of all annotators.
        open_people: people who are still to be decided.
        today: UTC.
    """
    recent = [row for row in days if 0 <= (today - row.day).days < WINDOW]
    if not open_people or not recent:
        return Forecast(open_people)
    return Forecast(open_people, _hours(recent, open_people), _dates(recent, open_people, today))


def _hours(recent: list[Day], open_people: int) -> tuple[float, float, float] | None:
    """A ratio estimate; its standard error is that of the residuals of people over hours."""
    worked = [row for row in recent if row.seconds > 0]
    hours, people = [row.seconds / 3600 for row in worked], [row.people for row in worked]
    if len(worked) < MIN_DAYS or sum(people) <= 0:
        return None
    rate, n = sum(people) / sum(hours), len(worked)
    residuals = [done - rate * time for done, time in zip(people, hours, strict=True)]
    error = Z * math.sqrt(n / (n - 1) * sum(r * r for r in residuals)) / sum(hours)
    return open_people / rate, open_people / (rate + error), _ratio(open_people, rate - error)


def _dates(recent: list[Day], open_people: int, today: date) -> tuple[date, date, date | None] | None:
    first = min(row.day for row in recent)
    # Without today, which is not over yet.
    length = (today - first).days
    a_day = [sum(row.people for row in recent if row.day == first + timedelta(day)) for day in range(length)]
    if length < MIN_DAYS or sum(a_day) <= 0:
        return None
    mean, error = fmean(a_day), Z * stdev(a_day) / math.sqrt(length)
    expected, earliest, latest = (_ratio(open_people, rate) for rate in (mean, mean + error, mean - error))
    if expected > FARTHEST:
        return None
    end = None if latest > FARTHEST else today + timedelta(math.ceil(latest))
    return today + timedelta(math.ceil(expected)), today + timedelta(math.ceil(earliest)), end


def _ratio(open_people: int, rate: float) -> float:
    return open_people / rate if rate > 0 else math.inf
