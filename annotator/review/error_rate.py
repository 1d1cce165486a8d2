"""How many predictions are wrong, as far as the decisions of people say, and up to which issue score the rest may be
approved unseen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.dataset.fields import Fields
from annotator.dataset.predictions import people_by_decision, predicted_scores

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

MAX_WRONG = 0.02
"""Share of wrong people that is accepted among those who are approved unseen."""
CONFIDENCE = 0.95
"""Probability that a proposed threshold keeps the promise."""
CANDIDATES = 10
"""Thresholds that are tried: the issue scores below which a tenth, two tenths, … of the predictions lie."""
STEPS = 100
"""Thresholds 0, 1/100, …, 1 that the panel offers."""


def error_rate(samples: Samples, fields: Fields, bulk_times: Iterable[str] = ()) -> dict[str, Any]:
    """For each threshold of the issue score, what share of the predictions below it is wrong, and the proposed threshold.

    The sample is who was decided by hand: a prediction that was approved untouched was right; one that was edited,
    rejected or deleted was wrong. What counts is the issue score that the prediction had; those of a model that no
    prediction to be decided is of are left out.

    Of n people decided with issue scores up to a threshold, k wrong, ``at_most`` is the one-sided Clopper-Pearson upper
    bound of the share of wrong ones, the (1 - a) quantile of the Beta distribution (k + 1, n - k). The proposed threshold is
    the largest of at most :data:`CANDIDATES` whose bound is at most :data:`MAX_WRONG`. As several are tried, each has
    a = (1 - CONFIDENCE) / candidates (Bonferroni), so that all bounds hold together with the probability
    :data:`CONFIDENCE`: selection with guaranteed risk, Geifman and El-Yaniv, "Selective classification for deep neural
    networks" (NeurIPS 2017). It holds if those who were decided are a random choice of those below the threshold, as of
    a spot check, or have rather higher issue scores and are more often wrong, as in the order of the queue.

    Args:
        samples: a dataset or view.
        fields: of the people.
        bulk_times: ``time`` of decisions that were made about many people unseen, and say nothing.

    Returns:
        ``proposed``: a threshold, ``None`` if no candidate is good enough. ``max_wrong`` and ``confidence``, the constants.
        ``steps``: for each of the thresholds 0, 0.01, … 1, of the people up to it, ``people`` (predictions to be
        decided), ``decided``, ``wrong``, ``at_most`` and ``more`` (how many more would have to be decided, all of
        them right, until ``at_most`` is small enough).

    Raises:
        FieldError: as :func:`annotator.dataset.fields.check_people`.
    """
    remaining, decided, wrong = _evidence(samples, fields, set(bulk_times))
    thresholds = np.arange(STEPS + 1) / STEPS
    people = np.searchsorted(remaining, thresholds, "right")
    by_score = np.argsort(decided)
    n = np.searchsorted(decided[by_score], thresholds, "right")
    k = np.concatenate([[0], np.cumsum(wrong[by_score])])[n]
    candidates = _candidates(remaining)
    risk = (1 - CONFIDENCE) / max(len(candidates), 1)
    at_most = upper_bound(k, n, risk)
    good = [i for i in candidates if at_most[i] <= MAX_WRONG]
    steps = zip(people, n, k, at_most, more_needed(k, n, risk), strict=True)
    return {
        "proposed": max(good) / STEPS if good else None,
        "max_wrong": MAX_WRONG,
        "confidence": CONFIDENCE,
        "steps": [
            {
                "people": int(count),
                "decided": int(seen),
                "wrong": int(bad),
                "at_most": round(float(bound), 4),
                "more": int(more),
            }
            for count, seen, bad, bound, more in steps
        ],
    }


def upper_bound(wrong: np.ndarray, decided: np.ndarray, risk: float) -> np.ndarray:
    """The one-sided Clopper-Pearson upper bound of a share, with the probability ``risk`` that the true one is higher.

    Args:
        wrong: (N,) numbers of those who are wrong, of as many as ``decided``.
    """
    from scipy.special import betaincinv

    rest = np.maximum(decided - wrong, 0.5)  # where nobody is right the bound is 1
    return np.where(wrong < decided, betaincinv(wrong + 1, rest, 1 - risk), 1.0)


def more_needed(wrong: np.ndarray, decided: np.ndarray, risk: float) -> np.ndarray:
    """How many more, all of them right, bring :func:`upper_bound` down to :data:`MAX_WRONG`, (N,)."""
    low, high = decided, np.full_like(decided, 1 << 30)
    while (low < high).any():
        middle = (low + high) // 2
        is_enough = upper_bound(wrong, middle, risk) <= MAX_WRONG
        low, high = np.where(is_enough, low, np.minimum(middle + 1, high)), np.where(is_enough, middle, high)
    return low - decided


def _candidates(scores: np.ndarray) -> list[int]:
    """The numbers of the steps at the tenths of the scores: they depend on the scores alone, not on who is wrong."""
    if not len(scores):
        return []
    shares = np.arange(1, CANDIDATES + 1) / CANDIDATES
    tenths = np.quantile(scores, shares, method="inverted_cdf")
    return sorted({int(np.ceil(round(score * STEPS, 6))) for score in tenths})


def _evidence(
    samples: Samples, fields: Fields, bulk_times: set[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The issue scores of the predictions to be decided, in order; those of the predictions that were decided by hand,
    and 1 for each of them that was wrong."""
    remaining, models, decided = [], set(), []
    predicted = predicted_scores(samples._dataset, fields)
    for sample, undecided, people in people_by_decision(samples, fields):
        scores, deleted = predicted.get(sample, ({}, []))
        for score, model in undecided:
            if score is not None:
                remaining.append(score)
                models.add(model)
        for key, state, edited, time, model in people:
            if key in scores and time not in bulk_times:
                decided.append((scores[key], state != "approved" or bool(edited), model))
        decided += [(score, True, None) for score in deleted]
    rows = [(score, wrong) for score, wrong, model in decided if model is None or model in models]
    table = np.array(rows, float).reshape(-1, 2)
    return np.sort(remaining), table[:, 0], table[:, 1].astype(int)
