"""Scores of single photos: perfect for the ground truth itself, and each lowered by its own mistake."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.evaluation.ground_truth import read_ground_truth
from annotator.evaluation.photo_scores import TASKS, photo_scores
from annotator.labels.label_space import CHART_MIRROR, PART_MIRROR
from tests.annotator.evaluation.conftest import LEFT, RIGHT
from tests.annotator.labelled_photos import write_data


def scores(folder: Path, people, found, dense: bool = False) -> dict[str, float]:
    (ground_truth,) = read_ground_truth(write_data(folder, [people], dense=dense))
    return photo_scores(ground_truth, ground_truth.maps(), found)


@pytest.mark.parametrize("dense", [False, True])
def test_the_ground_truth_itself_is_perfect(tmp_path, dense):
    perfect = dict.fromkeys(TASKS, pytest.approx(1.0, abs=1e-3))
    assert scores(tmp_path, [LEFT, RIGHT], [LEFT, RIGHT], dense) == perfect


@pytest.mark.parametrize(
    ("wrong", "lowered"),
    [
        (replace(LEFT, mask=LEFT.mask & (np.arange(30) < 20)), "masks"),
        (replace(LEFT, parts=PART_MIRROR[LEFT.parts]), "parts"),
        (replace(LEFT, charts=CHART_MIRROR[LEFT.charts]), "surface"),
        (replace(LEFT, u=np.where(LEFT.u < 0.5, LEFT.u + 0.25, LEFT.u - 0.25)), "surface"),
        (replace(LEFT, visibility=np.zeros(17, np.uint8)), "keypoints"),
    ],
)
def test_a_mistake_lowers_its_own_score(tmp_path, wrong, lowered):
    found = scores(tmp_path, [LEFT], [wrong])
    assert found[lowered] < 0.9
    assert found["finding"] == 1


def test_a_person_who_is_not_found_and_one_who_is_not_there(tmp_path):
    missed = scores(tmp_path / "missed", [LEFT, RIGHT], [LEFT])
    assert missed["finding"] == pytest.approx(2 / 3)
    assert missed["keypoints"] == pytest.approx(0.5)
    assert scores(tmp_path / "nobody", [LEFT], [LEFT, RIGHT])["finding"] == pytest.approx(2 / 3)


def test_of_a_photo_without_people_there_are_no_scores(tmp_path):
    assert scores(tmp_path, [], [LEFT]) == {}
