from dataclasses import replace
from pathlib import Path

from annotator.evaluation.evaluate import VIEWS, _Evaluation
from annotator.evaluation.ground_truth import read_ground_truth
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from tests.annotator.evaluation.conftest import LEFT
from tests.annotator.labelled_photos import write_data


def test_reading_photos_without_people_takes_no_time_of_the_person_view(
    tmp_path: Path, tiny_network: Network
):
    ground_truths = list(read_ground_truth(write_data(tmp_path, [[], [replace(LEFT, crowd=True)], [LEFT]])))
    run = _Evaluation(tiny_network, Settings(), None, VIEWS)
    for ground_truth, seen in zip(ground_truths, (False, False, True), strict=True):
        list(run.measure([ground_truth]))
        assert (run.seconds["person"] > 0) == seen
        assert run.seconds["scene"] > 0
    assert (run.images, run.counts) == (3, {"scene": 3, "person": 1})
