"""The verdict on a new model: what it says, how sure it must be, and what it rests on."""

import numpy as np
import pytest

from annotator.evaluation.photo_scores import TASKS
from annotator.retraining.comparison import Comparison
from annotator.retraining.verdict import MIN_PHOTOS, Verdict, judge


def scores(differences: dict[str, list[float]], photos: int):
    """Scores of an old and a new model, whose differences go round over the photos."""
    old = {f"{i}.jpg": dict.fromkeys(differences, 0.5) for i in range(photos)}
    new = {
        f"{i}.jpg": {task: 0.5 + values[i % len(values)] for task, values in differences.items()}
        for i in range(photos)
    }
    return old, new


def said(photos: int = 40, **differences: list[float]) -> Verdict:
    return judge(*scores(differences, photos))


BETTER, WORSE, UNSURE, SAME = [0.1, 0.2], [-0.1, -0.3], [0.4, -0.4, 0.3, -0.35], [0.0]


@pytest.mark.parametrize(
    ("differences", "advice", "sentence"),
    [
        (
            {"masks": BETTER, "keypoints": BETTER},
            "accept",
            "Better on 2 of 2 tasks (masks and keypoints): accept the new model.",
        ),
        (
            {"masks": BETTER, "parts": UNSURE},
            "accept",
            "Better on 1 of 2 tasks (masks), and not surely worse on any other task: accept the new model.",
        ),
        (
            {"finding": WORSE, "masks": WORSE, "parts": WORSE, "keypoints": UNSURE},
            "keep",
            "Worse on 3 of 4 tasks (finding people, masks and parts): keep the old model.",
        ),
        (
            {"masks": BETTER, "parts": WORSE},
            "choose",
            "Better on masks, worse on parts: accept the new model only if the first matters more to you.",
        ),
        (
            {"masks": UNSURE},
            "unknown",
            "Too few photos to tell (40 held-out photos): no difference is sure. Keep the old model, or correct more photos and "
            "retrain.",
        ),
        (
            {"masks": SAME},
            "unknown",
            "Both models are equally good: keep the old model, or correct more photos and retrain.",
        ),
        (
            {},
            "unknown",
            "There is nothing to compare: no held-out photo is labelled. Keep the old model.",
        ),
    ],
)
def test_the_sentence(differences, advice, sentence):
    verdict = said(**differences)
    assert (verdict.advice, verdict.sentence()) == (advice, sentence)


def test_of_few_photos_nothing_is_sure():
    assert said(MIN_PHOTOS - 1, masks=[0.5]).advice == "unknown"
    assert said(MIN_PHOTOS, masks=[0.5]).advice == "accept"


def test_the_interval_is_that_of_drawing_the_photos_again():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.02, 0.1, 60)
    (change,) = said(60, masks=differences.tolist()).changes
    assert change.new - change.old == pytest.approx(differences.mean())
    width = 1.96 * differences.std() / np.sqrt(60)
    assert change.low == pytest.approx(differences.mean() - width, abs=0.004)
    assert change.high == pytest.approx(differences.mean() + width, abs=0.004)
    assert said(60, masks=differences.tolist()).changes == [change]


def test_only_photos_count_that_both_models_labelled():
    old, new = scores({"masks": BETTER}, 10)
    del new["0.jpg"]
    old["1.jpg"] = {}
    new["2.jpg"] = {"parts": 1.0}
    verdict = judge(old, new)
    assert verdict.photos == 8
    assert [(change.task, change.photos) for change in verdict.changes] == [("masks", 7)]


def test_the_table_names_every_task():
    table = said(**dict.fromkeys(TASKS, BETTER)).table()
    assert all(f"| {name} | 0.500 | 0.650 | +0.150 (+0.1" in table for name in TASKS.values())


def test_people_whose_labels_a_human_changed_count_where_there_are_any():
    worse, better = (
        {
            name: {"photo_scores": values}
            for name, values in zip(("old", "new"), scores({"masks": d}, 9), strict=True)
        }
        for d in (WORSE, BETTER)
    )
    assert Comparison(worse, better).verdict.advice == "accept"
    assert "whose labels a human made or changed" in Comparison(worse, better).describe_verdict()
    assert Comparison(worse).verdict.advice == "keep"
    assert "a human has changed none of them" in Comparison(worse).describe_verdict()
    assert Comparison().verdict.changes == []
