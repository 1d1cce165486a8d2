"""Weights files of a finder: complete, readable from the file alone, and not taken for a cascade's."""

import json

import numpy as np
import pytest

from model.cascade import Cascade
from model.finder.network import Finder, FinderConfig
from model.finder.weights import finder_config_of, is_finder, load_finder, open_finder, save_finder
from model.weights import CONFIG_KEY, WeightsError, open_cascade, save_arrays, save_weights
from tests.model.finder.tiny import TINY
from tests.model.tiny import tiny_network


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(TINY)


def test_reopens_from_the_file_alone(finder, tmp_path):
    save_finder(finder, tmp_path / "f.npz")
    assert is_finder(tmp_path / "f.npz")
    assert finder_config_of(tmp_path / "f.npz") == TINY
    for a, b in zip(finder.variables, open_finder(tmp_path / "f.npz").variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_half_size(finder, tmp_path):
    save_finder(finder, tmp_path / "f.npz", "float16")
    with np.load(tmp_path / "f.npz") as file:
        kinds = {file[name].dtype.name for name in file.files if name.endswith("/kernel")}
        assert {file[name].dtype.name for name in file.files if name.endswith("/bias")} == {"float32"}
    assert kinds == {"float16"}
    for a, b in zip(finder.variables, open_finder(tmp_path / "f.npz").variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_refuses_another_shape(finder, tmp_path):
    save_finder(finder, tmp_path / "f.npz")
    other = Finder(FinderConfig(**{**TINY.to_dict(), "neck": 4}))
    with pytest.raises(WeightsError, match=r"f\.npz: made for another shape"):
        load_finder(other, tmp_path / "f.npz")


def test_refuses_a_file_that_lacks_a_layer(tmp_path):
    save_arrays(tmp_path / "f.npz", {CONFIG_KEY: np.array(json.dumps({"finder": TINY.to_dict()}))})
    with pytest.raises(WeightsError, match=r"f\.npz: not all weights of a finder.*stem/kernel"):
        open_finder(tmp_path / "f.npz")


def test_a_cascades_file_is_refused_and_the_other_way_round(finder, tmp_path):
    save_weights(Cascade(tiny_network(), ("person",)), tmp_path / "c.npz")
    save_finder(finder, tmp_path / "f.npz")
    assert not is_finder(tmp_path / "c.npz")
    with pytest.raises(WeightsError, match=r"c\.npz: not a weights file of a finder"):
        open_finder(tmp_path / "c.npz")
    with pytest.raises(WeightsError, match=r"f\.npz: not a weights file of a cascade"):
        open_cascade(tmp_path / "f.npz")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_names_broken_files(tmp_path, content):
    if content is not None:
        (tmp_path / "f.npz").write_bytes(content)
    assert not is_finder(tmp_path / "f.npz")
    with pytest.raises(WeightsError, match=r"f\.npz"):
        open_finder(tmp_path / "f.npz")
