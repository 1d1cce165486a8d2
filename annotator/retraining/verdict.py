"""A verdict on two models in words, from their scores of the same photos.

The difference of a task is the mean over the photos of new less old score. Its interval is a paired bootstrap's: the photos are
drawn again with replacement, :data:`DRAWS` times from a fixed seed, and the middle 95 % of the means are kept. A task counts as
better or worse only if the interval leaves out zero and there are at least :data:`MIN_PHOTOS` photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotator.evaluation.photo_scores import TASKS

Scores = dict[str, dict[str, float]]
"""Of photos, by their file names, as of :func:`annotator.evaluation.photo_scores.photo_scores`."""
DRAWS = 10_000
SEED = 0
LEVEL = 0.95
MIN_PHOTOS = 5
"""Of fewer, drawing again says nothing about others."""
TINY = 0.002
"""A difference below this is none, however sure: nobody would see it."""


@dataclass(frozen=True)
class Change:
    """The difference of a task between two models."""

    task: str
    """Key of :data:`annotator.evaluation.photo_scores.TASKS`."""
    old: float
    new: float
    """Mean scores of the photos."""
    low: float
    high: float
    """Interval of ``new - old``."""
    photos: int

    @property
    def says(self) -> Literal["better", "worse", "same", "unknown"]:
        if self.photos < MIN_PHOTOS:
            return "unknown"
        if self.low > 0 and self.new - self.old >= TINY:
            return "better"
        if self.high < 0 and self.old - self.new >= TINY:
            return "worse"
        return "same" if max(abs(self.low), abs(self.high)) < 5 * TINY else "unknown"


@dataclass(frozen=True)
class Verdict:
    """What the changes mean."""

    changes: list[Change]
    photos: int
    """That both models labelled."""

    @property
    def advice(self) -> Literal["accept", "keep", "choose", "unknown"]:
        said = {change.says for change in self.changes}
        if {"better", "worse"} <= said:
            return "choose"
        return "accept" if "better" in said else "keep" if "worse" in said else "unknown"

    def sentence(self) -> str:
        """The verdict as a sentence or two."""
        better, worse = ([_name(c) for c in self.changes if c.says == said] for said in ("better", "worse"))
        count = len(self.changes)
        if not count:
            return "There is nothing to compare: no held-out photo is labelled. Keep the old model."
        if self.advice == "choose":
            return (
                f"Better on {_list(better)}, worse on {_list(worse)}: accept the new model only if the first matters more "
                "to you."
            )
        if self.advice == "accept":
            rest = "" if len(better) == count else ", and not surely worse on any other task"
            return f"Better on {len(better)} of {count} tasks ({_list(better)}){rest}: accept the new model."
        if self.advice == "keep":
            return f"Worse on {len(worse)} of {count} tasks ({_list(worse)}): keep the old model."
        if all(change.says == "same" for change in self.changes):
            return "Both models are equally good: keep the old model, or correct more photos and retrain."
        photos = f"{self.photos} held-out photo{'s' * (self.photos != 1)}"
        return (
            f"Too few photos to tell ({photos}): no difference is sure. Keep the old model, or correct more photos and "
            "retrain."
        )

    def table(self) -> str:
        """The changes as a table in Markdown."""
        lines = [
            "| task | old | new | difference, 95 % interval | photos | |",
            "|---|---|---|---|---|---|",
        ]
        words = {
            "better": "better",
            "worse": "worse",
            "same": "the same",
            "unknown": "too few photos",
        }
        for c in self.changes:
            difference = f"{c.new - c.old:+.3f}"
            if c.photos >= MIN_PHOTOS:
                difference += f" ({c.low:+.3f} to {c.high:+.3f})"
            lines.append(
                f"| {_name(c)} | {c.old:.3f} | {c.new:.3f} | {difference} | {c.photos} | {words[c.says]} |"
            )
        return "\n".join(lines)


def judge(old: Scores, new: Scores) -> Verdict:
    """The verdict on a new model, by the photos that both models labelled."""
    photos = sorted(name for name in old.keys() & new.keys() if old[name] and new[name])
    changes = []
    for task in TASKS:
        both = [name for name in photos if task in old[name] and task in new[name]]
        if both:
            changes.append(_change(task, *(np.array([s[name][task] for name in both]) for s in (old, new))))
    return Verdict(changes, len(photos))


def _change(task: str, old: np.ndarray, new: np.ndarray) -> Change:
    difference, count = new - old, len(old)
    rng = np.random.default_rng(SEED)
    means = [difference[rng.integers(count, size=count)].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Change(task, float(old.mean()), float(new.mean()), float(low), float(high), count)


def _name(change: Change) -> str:
    return TASKS[change.task]


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
