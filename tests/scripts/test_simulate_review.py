"""The simulated annotator on cases whose least work is known."""

import json
import sys
from collections import Counter
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import numpy as np
import pytest

from annotator.evaluation.ground_truth import read_ground_truth
from annotator.labels.label_space import KEYPOINT_MIRROR

from ..annotator.labelled_photos import figure_at, write_data
from .test_scripts import SCRIPTS, run


@pytest.fixture(scope="module")
def simulate():
    loader = SourceFileLoader("simulate_review", str(SCRIPTS / "simulate-review"))
    module = module_from_spec(spec_from_loader("simulate_review", loader))
    sys.modules[module.__name__] = module  # dataclasses look there
    loader.exec_module(module)
    return module


@pytest.fixture
def ground_truth(tmp_path):
    """An image with one person."""
    (ground_truth,) = read_ground_truth(write_data(tmp_path / "data", [[figure_at(20, 10)]]))
    return ground_truth


def nobody(box):
    return None


def work(simulate, ground_truth, people, label=nobody) -> Counter:
    return simulate.image_work(ground_truth, people, label)[0]


def test_right_labels_take_no_work(simulate, ground_truth):
    assert work(simulate, ground_truth, [figure_at(20, 10)]).total() == 0


def test_a_false_person_is_deleted(simulate, ground_truth):
    assert work(simulate, ground_truth, [figure_at(20, 10), figure_at(80, 10)]) == Counter(delete=1)


def test_two_pieces_are_merged(simulate, ground_truth):
    whole = figure_at(20, 10)
    upper = replace(whole, box=(20, 10, 30, 40), mask=whole.mask[:40])
    lower = replace(whole, box=(20, 50, 30, 20), mask=whole.mask[40:], keypoints=None, visibility=None)
    assert work(simulate, ground_truth, [upper, lower]) == Counter(merge=1)


def test_swapped_sides_take_one_action(simulate, ground_truth):
    right = figure_at(20, 10)
    swapped = replace(right, keypoints=right.keypoints[KEYPOINT_MIRROR])
    assert work(simulate, ground_truth, [swapped]) == Counter(swap=1)


def test_a_swapped_pair_takes_one_action(simulate, ground_truth):
    person = figure_at(20, 10)
    knees, one_side = [13, 14], person.keypoints.copy()
    person.keypoints[knees] = person.keypoints[knees[::-1]]
    assert work(simulate, ground_truth, [person]) == Counter(swap=1)
    # Both on one side is no swap.
    one_side[13] = one_side[14]
    assert work(simulate, ground_truth, [replace(person, keypoints=one_side)]) == Counter(keypoint=1)


def test_a_moved_keypoint_takes_one(simulate, ground_truth):
    person = figure_at(20, 10)
    person.keypoints[3, :2] += 20
    assert work(simulate, ground_truth, [person]) == Counter(keypoint=1)


def test_a_missing_person_is_boxed_or_outlined(simulate, ground_truth):
    assert work(simulate, ground_truth, [], lambda box: figure_at(20, 10)) == Counter(add=1)
    found, nothing, *_ = simulate.image_work(ground_truth, [], nobody)
    # One stroke of a broad brush, or four corners; and every keypoint.
    assert found == nothing
    assert 1 <= found["mask"] <= 4
    assert found["keypoint"] == 17


def test_starting_again_is_the_most_it_takes(simulate, ground_truth):
    nothing = work(simulate, ground_truth, []).total()
    far = figure_at(35, 25, 60, 30)
    far.keypoints[:, :2] = 0
    assert work(simulate, ground_truth, [far]).total() <= nothing + 1


@pytest.mark.parametrize("width", [16, 20, 24, 27])
def test_a_mask_that_is_too_narrow_is_painted(simulate, ground_truth, width):
    person = figure_at(20, 10)
    narrow = replace(person, box=(20, 10, width, 60), mask=person.mask[:, :width])
    found = work(simulate, ground_truth, [narrow])
    assert set(found) <= {"mask"}
    assert (found["mask"] > 0) == (width < 27)


def test_together_some_keypoints_may_be_off(simulate, ground_truth):
    person = figure_at(20, 10)
    person.keypoints[3, :2] += 20
    with_labels, nothing, together, nothing_together = simulate.image_work(ground_truth, [person], nobody)
    assert (with_labels, together) == (Counter(keypoint=1), Counter())
    # Nine of ten of the 17 are 16 of them.
    assert (nothing["keypoint"], nothing_together["keypoint"]) == (17, 16)


def test_two_people_in_one_are_split_by_their_heads(simulate, tmp_path):
    first, second = figure_at(20, 10), figure_at(50, 10)
    (ground_truth,) = read_ground_truth(write_data(tmp_path / "data", [[first, second]]))
    found = work(simulate, ground_truth, [figure_at(20, 10, 60, keypoints=second.keypoints)])
    assert (found["split"], found["keypoint"]) == (2, 17)
    assert found["mask"] <= 1


def test_what_is_painted_of_one_is_the_neighbours_no_longer(simulate, tmp_path):
    first, second = figure_at(20, 10), figure_at(50, 10)
    (ground_truth,) = read_ground_truth(write_data(tmp_path / "data", [[first, second]]))
    narrow = replace(first, box=(20, 10, 20, 60), mask=first.mask[:, :20])
    wide = replace(second, box=(40, 10, 40, 60), mask=np.hstack([first.mask[:, 20:], second.mask]))
    alone = work(simulate, ground_truth, [narrow, second])
    assert work(simulate, ground_truth, [narrow, wide]) == alone


def test_early_errors(simulate):
    errors = np.array([0, 5, 0, 1])
    assert simulate.early(errors, np.array([1, 3, 0, 2])) > simulate.early(errors, np.array([0, 2, 3, 1]))
    assert simulate.early(np.ones(10), np.arange(10)) == pytest.approx(0.5)
    orders = [np.random.default_rng(seed).permutation(4) for seed in range(200)]
    assert np.mean([simulate.early(errors, order) for order in orders]) == pytest.approx(0.5, abs=0.03)


def test_the_script_reports_every_data_set(tmp_path):
    write_data(tmp_path / "one", [[figure_at(20, 10)], []])
    # Without the pose estimator, which sees a person in the box that is drawn around a drawn one.
    options = ("--no-pose-estimator", "--json", tmp_path / "work.json")
    result = run("simulate-review", "--data", tmp_path / "one", *options)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "work.json").read_text())["one"]
    assert (report["images"], report["people"]) == (2, 1)
    # A grey photo has no pre-labels.
    assert report["with"] == report["without"]
    assert "| one | 1 |" in result.stdout
    votes = run("simulate-review", "--data", tmp_path / "one", "--proposals", "votes", "--quality", "draft")
    assert votes.returncode == 0, votes.stderr
    assert "| one | 1 |" in votes.stdout
    wrong = run("simulate-review", "--data", tmp_path / "one", "--confidence", 7)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "confidence must be between 0 and 1" in wrong.stderr
    missing = run("simulate-review", "--data", tmp_path / "two")
    assert missing.returncode == 1
    assert "no such annotation file" in missing.stderr
