"""Learning rate and sample size over the epochs of a stage."""

import pytest

from model.config import StagePlan, make_config
from model.schedule import learning_rate


def test_thesis_schedule():
    plan = make_config("thesis").stages[0]
    assert [learning_rate(plan, e) for e in (0, 6, 7, 14, 15, 23)] == pytest.approx(
        [1e-4, 1e-4, 2e-5, 2e-5, 4e-6, 4e-6]
    )
    plan = make_config("thesis").stages[2]
    assert [learning_rate(plan, e) for e in (0, 3, 15)] == pytest.approx([5e-5, 1e-5, 2e-6])


def test_cosine_schedule_warms_up_and_falls():
    plan = StagePlan(10, 8, 64, 1e-3, schedule="cosine")
    assert (
        learning_rate(plan, 0)
        < learning_rate(plan, 1)
        > learning_rate(plan, 5)
        > learning_rate(plan, 9.9)
        > 0
    )


def test_samples_grow():
    plan = StagePlan(10, 8, 64, 1e-3, growth=((2, 96), (5, 128)))
    assert [plan.size_at(e) for e in (0, 1, 2, 4, 5, 10)] == [64, 64, 96, 96, 128, 128]
