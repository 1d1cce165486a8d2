"""What says which epoch is best: people in true boxes, by what users get."""

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.coco.writer import CocoWriter
from annotator.examples import EXAMPLES
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from annotator.photos.finding import find_photos
from model.cascade import Cascade
from model.pretrained import LITE
from model.sources import DataError, Record, Source, read_source
from model.validation import MAX_PEOPLE, SCORES, PeopleInBoxes, rank
from model.weights import open_cascade
from tests.model.tiny import log_of, tiny_network


def records_of(figures: Path) -> list[Record]:
    return read_source(Source(str(figures), str(figures.parent / "images")))


def with_people(records: list[Record], change) -> list[Record]:
    """The records with each annotation changed by a function, which gets it as a copy."""
    return [
        dataclasses.replace(record, annotations=tuple(change(dict(a)) for a in record.annotations))
        for record in records
    ]


def test_labels_of_the_model_itself_are_nearly_all_right(tmp_path):
    photos = find_photos(EXAMPLES)[:2]
    (tmp_path / "images").mkdir()
    with CocoWriter(tmp_path / "labels.json") as writer:
        for result in annotate(photos, Network(), Settings()):
            shutil.copy(result.path, tmp_path / "images")
            result.people.file_name = result.path.name
            writer.add(result.people)
    people = PeopleInBoxes(read_source(Source(str(tmp_path / "labels.json"), str(tmp_path / "images"))))
    cascade = open_cascade(LITE)
    cascade.jit_compile = False
    scores = people.measure(cascade)
    assert tuple(scores) == SCORES
    assert min(scores.values()) > 0.5
    assert scores["val_score"] == pytest.approx(np.mean([scores[name] for name in SCORES[:3]]))
    cascade.get_layer("person").bias.assign([-1000.0])  # sees nobody
    assert people.measure(cascade) == dict.fromkeys(SCORES, 0.0)


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        (("segmentation",), {"val_mask_iou", "val_score"}),
        (("keypoints", "num_keypoints"), {"val_oks", "val_score"}),
        (("dp_I", "dp_U", "dp_V", "dp_x", "dp_y"), {"val_gps", "val_score"}),
        ((), set()),
    ],
)
def test_what_is_not_labelled_does_not_count(figures, fields, measured):
    kept = {"id", "image_id", "category_id", "bbox", *fields}
    records = with_people(records_of(figures), lambda a: {k: v for k, v in a.items() if k in kept})
    cascade = Cascade(tiny_network())
    cascade.jit_compile = False
    assert set(PeopleInBoxes(records).measure(cascade)) == measured


def test_dense_pixels_stand_in_for_points(figures, tmp_path):
    records = with_people(
        records_of(figures)[:1], lambda a: {k: v for k, v in a.items() if not k.startswith("dp_")}
    )
    (person,) = records[0].annotations
    x, y, w, h = person["bbox"]
    dense = np.zeros((records[0].image["height"], records[0].image["width"], 3), np.uint16)
    dense[y : y + h, x : x + w] = 2, 30000, 30000
    cv2.imwrite(str(tmp_path / "0.png"), dense)
    records = [dataclasses.replace(records[0], iuv=tmp_path / "0.png")]
    cascade = Cascade(tiny_network())
    cascade.jit_compile = False
    assert "val_gps" in PeopleInBoxes(records).measure(cascade)


def test_few_people_are_taken_evenly_and_always_the_same(figures):
    records = records_of(figures)
    assert len(PeopleInBoxes(records).people) == 12
    many = PeopleInBoxes(records * 50)
    assert MAX_PEOPLE / 2 < len(many.people) <= MAX_PEOPLE
    assert many.people == PeopleInBoxes(records * 50).people
    crowds = with_people(records, lambda a: a | {"iscrowd": 1})
    flaws = with_people(records, lambda a: a | {"flaw": "blurred"})
    assert not PeopleInBoxes(crowds + flaws).people
    assert PeopleInBoxes([]).measure(Cascade(tiny_network())) == {}


def test_a_broken_photo_is_named(figures, tmp_path):
    folder = shutil.copytree(figures.parent, tmp_path / "figures")
    (folder / "images" / "6.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"6\.png"):
        PeopleInBoxes(records_of(folder / figures.name)).measure(Cascade(tiny_network()))


def test_the_third_stage_logs_and_draws_the_scores(finished):
    first, *_, last = log_of(finished)
    assert not any(first[name] for name in SCORES)
    assert all(0 <= float(last[name]) <= 1 for name in SCORES)
    assert (finished / "scores.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_highest_score_is_best_and_without_labelled_people_the_lowest_loss():
    scored = [{"val_score": score, "val_loss": loss} for score, loss in ((0.2, 1.0), (0.7, 3.0), (0.0, 0.1))]
    assert min(scored, key=rank) == scored[1]
    assert min([{"val_loss": 2.0}, {"val_loss": 1.0}], key=rank) == {"val_loss": 1.0}
    # A run whose third stage an earlier release began by the loss goes on by the score.
    assert rank(scored[2]) < rank({"val_loss": 0.1})
