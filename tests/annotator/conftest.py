"""A network small enough to reason about, and photos that it understands."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.info import maps_folder
from annotator.dataset.sample_people import replace_predictions
from annotator.inference.network import METADATA_KEY, Network
from annotator.labels.people import People

from .people_samples import SIZE, block

SIDE = 64
DESCRIPTION = {
    "format_version": 1,
    "model_id": "tiny-1",
    "preset": "tiny",
    "input_size": SIDE,
    "output_stride": 2,
    "keypoint_stride": 4,
    "precision": "float32",
    "label_space": "coco-densepose",
    "parts": 14,
    "charts": 24,
    "keypoints": 17,
    "report_sha256": "",
    "license": "none",
    "created": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that honours the contract: red is a person, green says who and which part, blue is a keypoint.

    People of different green come apart; part, chart and U grow with green from 1, 1 and 0 to 14, 24 and 1.
    """
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    onnx.save(tiny_model_proto(), path)
    return path


@pytest.fixture(scope="session")
def tiny_network(tiny_model: Path) -> Network:
    """The same in ONNX Runtime."""
    return Network(tiny_model, threads=1)


def draw_photo(
    path: Path, people: list[tuple[int, int, int, int, int]], size: tuple[int, int] = (128, 96)
) -> Path:
    """Write a photo of rectangular people, each x, y, w, h and green, with a blue disc in its middle, as
    large as the peak of a heatmap."""
    width, height = size
    image = np.full((height, width, 3), (0, 0, 30), np.uint8)
    for x, y, w, h, green in people:
        image[y : y + h, x : x + w] = 255, green, 0
        cv2.circle(image, (x + w // 2, y + h // 2), 8, (255, green, 255), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture
def sample(dataset, tmp_path):
    """A photo with two predicted people, whose maps are in ``tmp_path / "maps"``."""
    import fiftyone as fo

    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
    declare_fields(dataset, Fields())
    sample = fo.Sample(filepath=str(path))
    dataset.add_sample(sample)
    people = People(SIZE, [block(10), block(40, score=0.5)])
    replace_predictions(sample, people, Fields(), maps_folder(dataset, "dp", tmp_path / "maps"))
    sample.save()
    return sample


def tiny_model_proto() -> onnx.ModelProto:
    constants = {
        "channel_axis": np.array([1], np.int64),
        "last_axis": np.array([3], np.int64),
        "white": np.array(255, np.float32),
        "one": np.array(1, np.float32),
        "last_part": np.array(13, np.float32),
        "last_chart": np.array(23, np.float32),
        "half": np.array(0.5, np.float32),
        "sideways": np.array([1, 0], np.float32),
        "each_keypoint": np.linspace(1, 0.5, 17, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Split", ["small"], ["red", "green", "blue"], axis=1, num_outputs=3),
        helper.make_node("Squeeze", ["red", "channel_axis"], ["person"]),
        helper.make_node("Squeeze", ["green", "channel_axis"], ["u"]),
        helper.make_node("Sub", ["one", "u"], ["v"]),
        helper.make_node("Identity", ["person"], ["part_confidence"]),
        helper.make_node("Identity", ["person"], ["chart_confidence"]),
        *_index("part", "parts"),
        *_index("chart", "charts"),
        # The greenest neighbour, so that the blurred rim of a person says the same as its inside.
        helper.make_node("MaxPool", ["green"], ["greenest"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Squeeze", ["greenest", "channel_axis"], ["who"]),
        helper.make_node("Sub", ["who", "half"], ["head"]),
        helper.make_node("Unsqueeze", ["head", "last_axis"], ["head_column"]),
        helper.make_node("Mul", ["head_column", "sideways"], ["head_vectors"]),
        helper.make_node("MaxPool", ["blue"], ["peaks"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Transpose", ["peaks"], ["peak_column"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["peak_column", "each_keypoint"], ["keypoints"]),
    ]
    constants["channel_axis"] = constants.pop("channel_axis").reshape(1)
    h, k = SIDE // DESCRIPTION["output_stride"], SIDE // DESCRIPTION["keypoint_stride"]
    kinds = {"parts": TensorProto.UINT8, "charts": TensorProto.UINT8}
    shapes = {"head_vectors": ["N", h, h, 2], "keypoints": ["N", k, k, 17]}
    names = (
        "person",
        "parts",
        "part_confidence",
        "charts",
        "chart_confidence",
        "u",
        "v",
        "head_vectors",
        "keypoints",
    )
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(
                name, kinds.get(name, TensorProto.FLOAT), shapes.get(name, ["N", h, h])
            )
            for name in names
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(DESCRIPTION)})
    onnx.checker.check_model(model, full_check=True)
    return model


def _index(name: str, output: str) -> list[onnx.NodeProto]:
    """uint8 1 .. last + 1, from green 0..1."""
    return [
        helper.make_node("Mul", ["u", f"last_{name}"], [f"{name}_scaled"]),
        helper.make_node("Round", [f"{name}_scaled"], [f"{name}_rounded"]),
        helper.make_node("Add", [f"{name}_rounded", "one"], [f"{name}_index"]),
        helper.make_node("Cast", [f"{name}_index"], [output], to=TensorProto.UINT8),
    ]
