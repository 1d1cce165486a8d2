"""Pickles of tensors: read without PyTorch, and nothing in them is run."""

import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from annotator.formats.densepose_dump import _class
from annotator.formats.torch_files import DTYPES, Instance, TorchFileWriter, open_torch_file
from annotator.formats.values import FormatError


def saved(path: Path, *items) -> Path:
    writer = TorchFileWriter(path)
    for item in items:
        writer.add(item)
    writer.close()
    return path


def load(path: Path):
    with open_torch_file(path, _class) as root:
        return root


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES.values() if dtype != "bfloat16"])
def test_tensors_of_every_type_come_back(tmp_path, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    with open_torch_file(saved(tmp_path / "a.pkl", array), _class) as (tensor,):
        found = tensor.array()
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, array)


def test_values_and_records_come_back(tmp_path):
    values = {"a": [1, -(2**40), 1.5, None, True, "é", (2, 3)], "b": np.zeros((0, 4), np.float32)}
    record = Instance("densepose.structures.chart_result", "DensePoseChartResult", {"labels": "x"})
    with open_torch_file(saved(tmp_path / "a.pkl", values, record), _class) as (found, result):
        assert found["a"] == values["a"]
        assert found["b"].array().shape == (0, 4)
        assert result.labels == "x"


class Harmful:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Harmful(os.system, "touch harm"), "posix.system"),
        (Harmful(eval, "open('harm', 'w')"), "builtins.eval"),
        (Harmful(getattr, "", "join"), "builtins.getattr"),
        (np.zeros(3), "numpy"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_whatever_is_none_of_the_known_names_is_refused_by_name(tmp_path, monkeypatch, thing, name, zipped):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([{"file_name": thing}]))
    if zipped:
        data = path.read_bytes()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    with pytest.raises(FormatError, match=f"names {name}.*refused, nothing in it was run") as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert not (tmp_path / "harm").exists()


def test_a_record_cannot_be_given_arguments_or_methods(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02cdensepose.structures\nDensePoseChartResult\nX\x01\0\0\0a\x85R.")
    with pytest.raises(FormatError, match="damaged"):
        load(path)


def test_a_file_of_pytorch_before_1_6_is_read(tmp_path):
    """Magic number, version, system, the object, keys of storages, storages."""
    path = tmp_path / "a.pkl"
    numbers = np.arange(6, dtype="<f4")
    tensor = (
        b"\x80\x02]ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x06Nt"
        b"QK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)Rt"
        b"Ra."
    )
    parts = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(
        b"".join(parts) + tensor + pickle.dumps(["k"], 2) + struct.pack("<q", 6) + numbers.tobytes()
    )
    with open_torch_file(path, _class) as (found,):
        np.testing.assert_array_equal(found.array(), numbers.reshape(2, 3))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FormatError, match="cut off"):
        load(path)


def test_a_tensor_that_is_larger_than_its_numbers_is_refused(tmp_path):
    path = saved(tmp_path / "a.pkl", np.zeros((3, 5), np.float32))
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    size = b"\x8a\x08" + struct.pack("<q", 3)
    entries["archive/data.pkl"] = entries["archive/data.pkl"].replace(
        size, b"\x8a\x08" + struct.pack("<q", 2**30)
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(FormatError, match=r"holds a tensor of \(1073741824, 5\) with 15 numbers"):
        load(path)


def test_a_compressed_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pkl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps([]))
        archive.writestr("archive/data/0", bytes(10**7))
    with pytest.raises(FormatError, match="is compressed, which torch"):
        load(tmp_path / "a.pkl")


def test_a_pickle_that_says_it_is_huge_takes_no_memory(tmp_path):
    """Memo entry number 2**32 - 1: unpicklers in C make room for all below."""
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\xff.")
    assert load(path) == []


def nested(depth: int) -> bytes:
    data = b"N."
    for _ in range(depth):
        data = (
            b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(data)) + data + b"\x85R."
        )
    return data


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)\x81.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x05\x00\x00\x00arrayNs\x86b.",
        nested(1000),
    ],
    ids=["a tensor without its constructor", "attributes of a class", "file in file in file"],
)
def test_what_no_program_writes_is_refused(tmp_path, data):
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.pkl: "):
        load(tmp_path / "a.pkl")


def test_an_encrypted_file_is_refused(tmp_path):
    path = saved(tmp_path / "a.pkl", 1)
    data = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := data.find(start, place + 1)) >= 0:
            data[place + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="encrypted"):
        load(path)


def test_noise_is_refused(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x00\x01noise")
    with pytest.raises(FormatError, match=r"no file of torch\.save or pickle, or damaged"):
        load(path)
