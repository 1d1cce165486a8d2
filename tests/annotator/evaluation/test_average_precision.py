import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from annotator.coco.rle import encode_mask
from annotator.evaluation.average_precision import Candidates, average_precision
from annotator.geometry.crops import person_iou
from annotator.labels.people import Person


def candidates(similarity, scores=None, ignored=None) -> Candidates:
    similarity = np.array(similarity, float)
    count = len(similarity)
    scores = np.linspace(1, 0.5, count) if scores is None else np.array(scores)
    return Candidates(scores, similarity, np.zeros(count, bool) if ignored is None else np.array(ignored))


NOBODY = Candidates(np.zeros(0), np.zeros((0, 1)), np.zeros(0, bool))


@pytest.mark.parametrize(
    ("images", "ap", "ap50"),
    [
        ([candidates([[1, 0], [0, 1]])], 1, 1),
        ([candidates([[0.72]])], 0.5, 1),  # right at 0.50 .. 0.70, five of ten thresholds
        ([candidates([[0.72]]), NOBODY], 51 / 101 / 2, 51 / 101),  # one of two people: recall 0..0.5
        ([candidates([[0.4]])], 0, 0),
        ([NOBODY], 0, 0),
        ([candidates([[1], [1]])], 1, 1),  # a second prediction, less certain, does not lower it
        ([candidates([[0], [1]])], 0.5, 0.5),  # one that is more certain and wrong does
        ([candidates([[0], [1]], ignored=[True, False])], 1, 1),  # unless it lies on what is not labelled
        ([candidates([[1], [0]], ignored=[True, True])], 1, 1),  # an ignored one may still be a person
        ([candidates([[0], [0], [1]], ignored=[True, True, False])], 1, 1),
    ],
)
def test_by_hand(images, ap, ap50):
    assert average_precision(images) == pytest.approx((ap, ap50))


def test_images_are_ranked_together():
    images = [candidates([[0.0]], [0.9]), candidates([[1.0]], [0.8])]
    # Precision 1/2 up to a recall of 1/2.
    assert average_precision(images) == pytest.approx((51 / 101 / 2, 51 / 101 / 2))


def test_a_mistake_on_an_image_without_people_counts():
    empty = Candidates(np.array([0.9]), np.zeros((1, 0)), np.zeros(1, bool))
    assert average_precision([candidates([[1.0]], [0.8]), empty]) == pytest.approx((0.5, 0.5))


def test_nobody_labelled():
    assert average_precision([]) is None
    assert average_precision([Candidates(np.ones(2), np.zeros((2, 0)), np.zeros(2, bool))]) is None


def test_nothing_is_printed(capsys: pytest.CaptureFixture):
    average_precision([candidates([[1]])])
    assert capsys.readouterr().out == ""


def test_masks_as_pycocotools_alone_sees_them(tmp_path: Path):
    """The same masks through COCO's own files and through our similarities."""
    rng = np.random.default_rng(0)
    size = (64, 48)
    ground_truth, results, images = [], [], []
    for image in range(1, 9):
        people = [block(rng, size) for _ in range(rng.integers(0, 4))]
        found = [shifted(person, rng) for person in people if rng.random() < 0.8]
        found += [block(rng, size) for _ in range(rng.integers(0, 2))]
        for person in people:
            rle = encode_mask(person.mask, person.box, size)
            ground_truth.append(
                {"id": len(ground_truth) + 1, "image_id": image, "category_id": 1, "segmentation": rle}
            )
            ground_truth[-1] |= {"area": int(person.mask.sum()), "bbox": list(person.box), "iscrowd": 0}
        for person in found:
            person.score = float(rng.random())
            rle = encode_mask(person.mask, person.box, size)
            results.append({"image_id": image, "category_id": 1, "segmentation": rle, "score": person.score})
        similarity = np.zeros((len(found), len(people)))
        for i, j in np.ndindex(similarity.shape):
            similarity[i, j] = person_iou(found[i], people[j])
        scores = np.array([person.score for person in found])
        images.append(Candidates(scores, similarity, np.zeros(len(found), bool)))
    file = tmp_path / "truth.json"
    records = [{"id": i, "width": size[0], "height": size[1]} for i in range(1, 9)]
    file.write_text(json.dumps({"images": records, "annotations": ground_truth, "categories": [{"id": 1}]}))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(file))
        evaluation = COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert 0.1 < evaluation.stats[0] < 0.95
    assert average_precision(images) == pytest.approx(evaluation.stats[:2])


def block(rng: np.random.Generator, size: tuple[int, int]) -> Person:
    w, h = (int(side) for side in rng.integers(8, 24, 2))
    x, y = int(rng.integers(4, size[0] - w - 4)), int(rng.integers(4, size[1] - h - 4))
    return Person((x, y, w, h), mask=np.ones((h, w), bool))


def shifted(person: Person, rng: np.random.Generator) -> Person:
    x, y, w, h = person.box
    return Person((x + int(rng.integers(-2, 3)), y + int(rng.integers(-2, 3)), w, h), mask=person.mask)
