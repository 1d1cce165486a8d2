"""The way from COCO-DensePose's own files to a model, as docs/training.md tells it, on four tiny photos."""

import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.cli import main
from annotator.inference.network import Network
from annotator.labels.label_space import KEYPOINTS, SKELETON
from model.label_values import IGNORE, SOME
from model.samples import View, make_sample
from model.sources import Source, read_source
from model.weights import cascade_config_of
from tests.model.conftest import HEIGHT, WIDTH, figure
from tests.model.tiny import tiny_network

DENSE = ("dp_masks", "dp_x", "dp_y", "dp_I", "dp_U", "dp_V")


def polygon(annotation: dict) -> dict:
    """The annotation with its mask as most are in COCO."""
    x, y, w, h = annotation["bbox"]
    return annotation | {"segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}


def without_dense_labels(annotation: dict) -> dict:
    return {name: value for name, value in annotation.items() if name not in DENSE}


def crowd(annotation_id: int, image_id: int) -> dict:
    """The right third of the photo, as COCO's crowds: an uncompressed RLE and no keypoints."""
    background, people = 2 * WIDTH // 3 * HEIGHT, WIDTH // 3 * HEIGHT
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 1,
        "segmentation": {"size": [HEIGHT, WIDTH], "counts": [background, people]},
        "bbox": [2 * WIDTH // 3, 0, WIDTH // 3, HEIGHT],
        "area": people,
        "keypoints": [0] * 51,
        "num_keypoints": 0,
    }


def write_coco_densepose(folder: Path) -> Path:
    """A file with the fields of ``densepose_coco_2014_train.json``, and its photos in ``images``."""
    rng = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    annotations = [
        polygon(figure(1, 1, (10, 10, 40, 60))),
        without_dense_labels(polygon(figure(2, 1, (70, 20, 40, 60)))),
        polygon(figure(3, 2, (20, 20, 40, 60))),
        crowd(4, 2),
        without_dense_labels(polygon(figure(5, 3, (30, 15, 40, 60)))),
    ]
    images = [
        {
            "license": 5,
            "file_name": f"COCO_train2014_{number:012}.jpg",
            "coco_url": f"http://images.cocodataset.org/train2014/COCO_train2014_{number:012}.jpg",
            "height": HEIGHT,
            "width": WIDTH,
            "date_captured": "2013-11-14 16:28:13",
            "flickr_url": "http://farm4.staticflickr.com/3153/2970773875_164f0c0b83_z.jpg",
            "id": number,
        }
        for number in (1, 2, 3, 4)
    ]
    for image in images:
        photo = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / image["file_name"]), photo)
    category = {"supercategory": "person", "id": 1, "name": "person"}
    category |= {"keypoints": KEYPOINTS, "skeleton": [[a + 1, b + 1] for a, b in SKELETON]}
    data = {
        "info": {},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
    path = folder / "densepose_coco_2014_train.json"
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="module")
def coco(tmp_path_factory) -> Path:
    return write_coco_densepose(tmp_path_factory.mktemp("coco"))


def test_every_label_teaches_what_it_says(coco):
    first, second, third, empty = read_source(Source(str(coco), str(coco.parent / "images")))
    view = View(size=128, output_stride=2, input_size=256)
    labels = [make_sample(r, view, None, np.random.default_rng(0))[1] for r in (first, second, third, empty)]
    assert set(np.unique(labels[0]["charts"])) == {0, 2, 23, 24, SOME}, "points of one, a mask of the other"
    assert set(np.unique(labels[0]["parts"])) == {0, 1, 14, SOME}
    assert set(np.unique(labels[1]["person"])) == {0, 1, IGNORE}, "the crowd counts nowhere"
    assert set(np.unique(labels[2]["charts"])) == {0, SOME}
    assert labels[2]["keypoints"].max() == IGNORE
    assert not any(labels[3][name].any() for name in ("person", "parts", "charts", "keypoints"))


def test_dry_run(coco, tmp_path, capsys):
    """All that `base` sets, with a network small enough for a test."""
    config = {
        "model": tiny_network().to_dict(),
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "clipnorm": 0.0,
        "global_clipnorm": 10.0,
        "gradient_accumulation_steps": 2,
        "ema_momentum": 0.9,
        "precision": "mixed_bfloat16",
        "backbone_rate": 0.1,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    images, run, onnx = str(coco.parent / "images"), tmp_path / "run", tmp_path / "model.onnx"
    data = ["--data", str(coco), "--images", images, "--validation", str(coco), "--validation-images", images]
    short = ["--epochs", "1", "1", "1", "--batch", "2", "--size", "64", "--learning-rate", "0.002"]
    command = ["train", "--config", str(tmp_path / "config.json"), *data, "--backbone", "none", *short]
    assert main([*command, "--out", str(run)]) == 0
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    assert [row["stage"] for row in log] == ["1", "2", "3"]
    losses = [float(row[name]) for row in log for name in ("loss", "val_loss")]
    assert all(map(math.isfinite, losses))
    assert float(log[2]["uv"]) > 0
    assert cascade_config_of(run / "stage3.npz") == tiny_network()
    assert "chart accuracy" in capsys.readouterr().out
    assert main(["export-model", str(run), str(onnx), "--size", "64"]) == 0
    assert Network(onnx).info.model_id == "run"
