"""Training data drawn by the tests: coloured figures with exact labels."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle

WIDTH, HEIGHT = 120, 100


@pytest.fixture(scope="module", autouse=True)
def networks_freed():
    """Networks of Keras hold themselves in cycles, of which a worker came to keep gigabytes."""
    yield
    gc.collect()


def encode(mask: np.ndarray) -> dict:
    code = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode()}


def figure(annotation_id: int, image_id: int, box: tuple[int, int, int, int]) -> dict:
    """A person that fills its box: head (part 14, charts 23, 24) on top, torso (part 1, chart 2) below.

    The chart's left half is 24, its right half 23, as seen on a person who faces the camera.
    """
    x, y, w, h = box
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + h, x : x + w] = True
    parts = [[] for _ in range(14)]
    head, torso = np.zeros((2, 256, 256), bool)
    head[:64] = True
    torso[64:] = True
    parts[13], parts[0] = encode(head), encode(torso)
    keypoints = np.zeros((17, 3))
    keypoints[0] = x + w / 2, y + h / 8, 2
    keypoints[1] = x + 3 * w / 4, y + h / 8, 2
    keypoints[2] = x + w / 4, y + h / 8, 2
    keypoints[5] = x + w - 2, y + h / 3, 2
    keypoints[6] = x + 2, y + h / 3, 2
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "bbox": list(box),
        "area": w * h,
        "iscrowd": 0,
        "segmentation": encode(mask),
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": 5,
        "dp_masks": parts,
        "dp_x": [64.0, 192.0, 128.0],
        "dp_y": [32.0, 32.0, 160.0],
        "dp_I": [23.0, 24.0, 2.0],
        "dp_U": [0.9, 0.1, 0.5],
        "dp_V": [0.5, 0.5, 0.25],
    }


def write_source(folder: Path, count: int = 8) -> Path:
    """A COCO-DensePose file of ``count`` images with one or two figures each, and its photos."""
    rng = np.random.default_rng(5)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(count):
        photo = rng.integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
        for x in (10, 70)[: 1 + i % 2]:
            box = (x, 10 + i, 40, 60)
            photo[box[1] : box[1] + 15, x : x + 40] = (90, 120, 220)
            photo[box[1] + 15 : box[1] + 60, x : x + 40] = (200, 160, 40)
            annotations.append(figure(len(annotations) + 1, i + 1, box))
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo)
        images.append({"id": i + 1, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT})
    data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    path = folder / "train.json"
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="session")
def figures(tmp_path_factory) -> Path:
    """Path of an annotation file; its images are in ``images`` beside it."""
    return write_source(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="session", autouse=True)
def quick_graphs() -> None:
    """TensorFlow leaves graphs as they are: for a few steps, optimizing them takes longer than it saves."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(scope="session")
def finished(figures, tmp_path_factory) -> Path:
    """Folder of a finished run of a tiny network; only read it."""
    # Keras is in both: who only wants the drawn figures does not load it.
    from model.training import train

    from .tiny import tiny_config

    out = tmp_path_factory.mktemp("finished") / "run"
    train(tiny_config(figures), out)
    return out
