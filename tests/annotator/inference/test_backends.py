"""Where a network runs: the CPU here; what a GPU needs is refused in one line where it is not there."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from annotator.inference.backends import BACKENDS, DEVICES, open_backend
from annotator.inference.backends.base import DeviceError, ModelError
from annotator.inference.backends.cpu import CpuBackend
from annotator.inference.backends.cuda import CudaBackend
from annotator.inference.backends.gpu import (
    LARGEST_BATCH,
    batch_sizes,
    batch_that_fits,
    find_gpu,
    padded_size,
)
from annotator.inference.backends.session import read_side_and_precision
from annotator.inference.backends.tensorrt import engine_folder
from annotator.inference.box_prompt import label_boxes
from annotator.inference.finder import Finder
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from tests.annotator.conftest import SIDE, draw_photo
from tests.annotator.inference.test_failing_models import CountedSession
from tests.annotator.inference.test_pipeline import LEFT, RIGHT, VOTES, labels

AVAILABLE = onnxruntime.get_available_providers()
GIGABYTE = 1 << 30


def test_the_cpu_runs_warms_up_and_describes_itself(tiny_model: Path):
    backend = open_backend(tiny_model, "cpu", threads=1)
    backend.warm_up()
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    person, parts = backend.run(["person", "parts"], images)
    assert (person.shape, parts.dtype) == ((3, SIDE // 2, SIDE // 2), np.uint8)
    described = backend.describe()
    assert (described["device"], described["batch_size"]) == ("CPU", "1")
    assert described["onnxruntime"] == f"{onnxruntime.__version__}, CPUExecutionProvider"


@pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU")
@pytest.mark.parametrize("device", [device for device in DEVICES if device != "cpu"])
def test_a_device_that_is_not_there_is_refused_in_one_line(tiny_model: Path, device: str):
    has_provider = BACKENDS[device].provider in AVAILABLE
    with pytest.raises(DeviceError, match=f"^device {device} is not there: ") as error:
        Network(tiny_model, device)
    assert ("no NVIDIA GPU answers" if has_provider else "densepose-annotator[gpu]") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_device_that_nobody_knows_is_refused(tiny_model: Path):
    with pytest.raises(DeviceError, match="device must be cpu, cuda or tensorrt, not 'tpu'"):
        Finder(tiny_model, "tpu")


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_missing_file_is_named_on_any_device(tmp_path: Path, device):
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        open_backend(tmp_path / "none.onnx", device)


@pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU")
def test_nothing_is_printed_where_there_is_no_gpu(tiny_model: Path):
    script = f"from annotator.inference.network import Network\nassert Network({str(tiny_model)!r}).device == 'CPU'"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")


def write_half(path: Path, tiny_model: Path, precision: str) -> Path:
    """The tiny network with outputs of float16."""
    proto = onnx.load(tiny_model)
    floats = [of for of in proto.graph.output if of.type.tensor_type.elem_type == TensorProto.FLOAT]
    full = {of.name: f"{of.name}_full" for of in floats}
    for node in proto.graph.node:
        node.input[:] = [full.get(name, name) for name in node.input]
        node.output[:] = [full.get(name, name) for name in node.output]
    for of in floats:
        of.type.tensor_type.elem_type = TensorProto.FLOAT16
        proto.graph.node.append(
            onnx.helper.make_node("Cast", [full[of.name]], [of.name], to=TensorProto.FLOAT16)
        )
    described = proto.metadata_props[0]
    described.value = described.value.replace('"float32"', f'"{precision}"')
    onnx.save(proto, path)
    return path


def test_outputs_of_float16_come_as_float32(tmp_path: Path, tiny_model: Path, tiny_network: Network):
    path = write_half(tmp_path / "half.onnx", tiny_model, "float16")
    assert read_side_and_precision(path) == (SIDE, True)
    assert read_side_and_precision(tiny_model) == (SIDE, False)
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    maps, expected = Network(path).run(images), tiny_network.run(images)
    for name in maps.__slots__:
        found, wanted = getattr(maps, name), getattr(expected, name)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_outputs_of_float16_are_only_for_files_that_say_so(tmp_path: Path, tiny_model: Path):
    path = write_half(tmp_path / "half.onnx", tiny_model, "float16-weights")
    with pytest.raises(ModelError, match=r"half\.onnx: its output `person` is float16 .*, not float32"):
        Network(path)


@pytest.mark.parametrize(
    ("gigabytes", "side", "is_half", "expected"),
    [
        (139, 256, True, LARGEST_BATCH),
        (8, 256, False, 32),
        (8, 256, True, 64),
        (8, 640, False, 4),
        (1, 256, False, 4),
        (1, 2048, False, 1),
    ],
)
def test_the_batch_goes_by_the_memory(gigabytes: int, side: int, is_half: bool, expected: int):
    assert batch_that_fits(gigabytes * GIGABYTE, side, is_half) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, 1), (1, 1), (2, 2), (3, 4), (33, 64), (64, 64)])
def test_batches_are_filled_up_to_powers_of_two(count: int, expected: int):
    assert padded_size(count, 64) == expected


@pytest.mark.parametrize(
    ("count", "full", "expected"),
    [(0, 48, 1), (16, 48, 16), (20, 48, 32), (33, 48, 48), (48, 48, 48), (49, 48, 64), (1, 1, 1), (3, 3, 3)],
)
def test_a_full_batch_is_not_filled_up_further(count: int, full: int, expected: int):
    assert padded_size(count, full) == expected


@pytest.mark.parametrize(
    ("full", "expected"),
    [(1, [1]), (2, [1, 2]), (48, [1, 2, 4, 8, 16, 32, 48]), (64, [1, 2, 4, 8, 16, 32, 64])],
)
def test_there_is_a_fixed_size_for_every_batch(full: int, expected: list[int]):
    assert batch_sizes(full) == expected
    assert {padded_size(count, full) for count in range(1, full + 1)} == set(expected)


class CudaOnTheCpu(CudaBackend):
    """What :class:`CudaBackend` does around the session, which is one of the CPU."""

    def __init__(self, path: Path) -> None:
        self.session = CountedSession(CpuBackend(path, threads=1).session)
        self.batch_size = self.full_batch = 4


@pytest.mark.parametrize(
    ("given", "sizes"), [(None, [1, 2, 4, 4, 8, 8]), (3, [1, 2, 3, 4, 8, 8]), (6, [1, 2, 4, 4, 6, 6])]
)
def test_a_run_fills_no_batch_beyond_the_one_that_is_given(
    tmp_path: Path, tiny_model: Path, tiny_network: Network, given: int | None, sizes: list[int]
):
    photos = [draw_photo(tmp_path / f"{i}.png", [LEFT, RIGHT][: i % 3]) for i in range(7)]
    settings = replace(VOTES, batch_size=given, zoom_in=False, pose_estimator=False)
    network = Network(tiny_model, threads=1)
    network.backend = network._file.backend = backend = CudaOnTheCpu(tiny_model)
    assert labels(annotate(photos, network, settings)) == labels(annotate(photos, tiny_network, settings))
    assert set(backend.session.batches) <= set(batch_sizes(given or 4))
    backend.session.batches.clear()
    for count in range(1, 7):
        assert len(network.run(np.zeros((count, SIDE, SIDE, 3), np.uint8)).person) == count
    assert backend.session.batches == sizes


def test_engines_lie_in_the_users_cache_by_the_files_content(tmp_path, tiny_model, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = engine_folder(tiny_model)
    assert folder.parent == tmp_path / "densepose-annotator" / "tensorrt"
    (other := tmp_path / "m.onnx").write_bytes(tiny_model.read_bytes() + b"\0")
    assert engine_folder(other) != folder
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert engine_folder(tiny_model).is_relative_to(tmp_path / "home" / ".cache")


def test_the_backend_chooses_the_batch_where_nobody_does(
    tmp_path: Path, tiny_model: Path, tiny_finder: Finder
):
    photos = [draw_photo(tmp_path / f"{i}.png", [LEFT, RIGHT][: i % 3]) for i in range(5)]
    network, finder = Network(tiny_model, threads=1), Finder(tiny_finder.path, threads=1)
    assert (Settings().batch_size, network.batch_size) == (None, 1)
    expected = labels(annotate(photos, network, VOTES))
    network.backend.batch_size = finder.backend.batch_size = 3
    assert labels(annotate(photos, network, VOTES)) == expected
    image = np.zeros((96, 128, 3), np.uint8)
    assert len(label_boxes(image, [(8, 20, 36, 60)] * 4, network, VOTES)) == 4
    assert len(finder.find([image] * 4, 0.5)) == 4
