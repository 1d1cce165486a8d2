"""Files of pose estimators: which one goes with a model, and which are refused."""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from annotator.examples import EXAMPLES
from annotator.inference.box_prompt import label_boxes
from annotator.inference.network import ModelError, Network
from annotator.inference.pipeline import annotate
from annotator.inference.pose_estimator import (
    DEFAULT_POSE_ESTIMATOR,
    PoseEstimator,
    open_pose_estimator,
    pose_estimator_beside,
)
from annotator.inference.settings import Settings
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

from .failing import write_failing
from .tiny_pose import DESCRIPTION, write_pose_estimator

POSE_LICENSE = "CC BY-NC 4.0; keypoints: MoveNet Thunder, Apache-2.0"
REFINED = Settings(proposals="votes")
UNREFINED = Settings(proposals="votes", pose_estimator=False)


def test_a_pose_estimator_that_fails_ends_the_run(tmp_path: Path, tiny_network: Network, pose: PoseEstimator):
    photo = draw_photo(tmp_path / "a.png", [(20, 10, 40, 70, 90)], (128, 96))
    broken = PoseEstimator(
        write_failing(pose.path, tmp_path / "broken.onnx", largest_batch=0, on_grey="fails"), threads=1
    )
    with pytest.raises(ModelError, match=r"broken\.onnx: fails even on a blank image"):
        list(annotate([photo], tiny_network, REFINED, pose=broken))


def test_the_pose_estimator_beside_a_model_goes_before_that_of_the_package(tmp_path: Path, tiny_model: Path):
    network = Network(shutil.copy(tiny_model, tmp_path / "tiny.onnx"), threads=1)
    assert pose_estimator_beside(network.path) == DEFAULT_POSE_ESTIMATOR
    beside = write_pose_estimator(tmp_path / "pose.onnx")
    opened = open_pose_estimator(network, REFINED)
    assert opened.path == beside
    assert asdict(opened.info) == DESCRIPTION
    assert open_pose_estimator(network, REFINED) is opened
    assert open_pose_estimator(network, UNREFINED) is None


def test_files_that_are_no_pose_estimator_are_refused(tmp_path: Path, tiny_model: Path):
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        PoseEstimator(tmp_path / "none.onnx")
    with pytest.raises(
        ModelError, match=r"tiny\.onnx: not a pose estimator .*`densepose_annotator_pose_estimator`"
    ):
        PoseEstimator(tiny_model)
    with pytest.raises(ModelError, match=r"newer\.onnx: model format 99 is newer"):
        PoseEstimator(write_pose_estimator(tmp_path / "newer.onnx", format_version=99))
    model = onnx.load(write_pose_estimator(tmp_path / "other.onnx"))
    (node,) = (node for node in model.graph.node if "keypoints" in node.output)
    model.graph.output[0].name = node.output[0] = "heatmaps"
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"other\.onnx: has no output `keypoints`"):
        PoseEstimator(tmp_path / "other.onnx")


def test_the_pose_estimator_of_the_package():
    """The face of the astronaut, also where she lies."""
    pose, photo = PoseEstimator(), read_photo(EXAMPLES / "astronaut.jpg")
    assert (pose.side, pose.info.license) == (256, POSE_LICENSE)
    network, (x, y, w, h) = Network(), (64, 40, 320, 420)
    (person,) = label_boxes(photo, [(x, y, w, h)], network, REFINED, pose)
    nose, left_eye, right_eye, left_ear, right_ear, left_shoulder, right_shoulder = person.keypoints[:7]
    assert (person.visibility[:7] == 2).all()
    assert person.keypoints[:7, 2].mean() > 0.5
    np.testing.assert_allclose(nose[:2], (224, 123), atol=5)
    assert left_ear[0] > left_eye[0] > nose[0] > right_eye[0] > right_ear[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_shoulder[1], right_shoulder[1])
    assert left_shoulder[0] > right_shoulder[0]
    lying = (y, photo.shape[1] - x - w, h, w)
    (turned,) = label_boxes(np.ascontiguousarray(np.rot90(photo)), [lying], network, REFINED, pose)
    expected = np.stack([person.keypoints[:5, 1], photo.shape[1] - person.keypoints[:5, 0]], axis=1)
    np.testing.assert_allclose(turned.keypoints[:5, :2], expected, atol=15)
