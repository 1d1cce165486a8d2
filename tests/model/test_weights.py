"""Weights files: complete, small as float16, loadable into a longer cascade."""

import dataclasses

import numpy as np
import pytest

from model.cascade import Cascade
from model.presets import PRESETS
from model.weights import WeightsError, load_backbone, load_weights, mix_weights, open_cascade, save_weights
from tests.model.tiny import tiny_network

# The backbone of `lite` is most of such a file.
NETWORK = dataclasses.replace(tiny_network(), backbone_width=1.0, taps=((4, 8), (32, 8)))


@pytest.fixture(scope="module")
def first() -> Cascade:
    return Cascade(NETWORK, ("person",))


def test_reopens_from_the_file_alone(first, tmp_path):
    save_weights(first, tmp_path / "w.npz")
    again = open_cascade(tmp_path / "w.npz")
    assert again.stage_nets == ("person",)
    for a, b in zip(first.variables, again.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_half_size(first, tmp_path):
    save_weights(first, tmp_path / "w.npz")
    save_weights(first, tmp_path / "h.npz", "float16")
    assert (tmp_path / "h.npz").stat().st_size < 0.62 * (tmp_path / "w.npz").stat().st_size
    half = open_cascade(tmp_path / "h.npz")
    for a, b in zip(first.variables, half.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_fills_a_longer_cascade_and_says_what_is_missing(first, tmp_path):
    save_weights(first, tmp_path / "w.npz")
    longer = Cascade(NETWORK, ("person", "parts"))
    assert load_weights(longer, tmp_path / "w.npz") == ["parts"]
    np.testing.assert_array_equal(longer.get_layer("person").kernel, first.get_layer("person").kernel)


def test_writes_only_the_layers_that_are_wanted(first, tmp_path):
    save_weights(first, tmp_path / "w.npz", layers=first.backbone_layers)
    other = Cascade(NETWORK, ("person",))
    own = np.array(other.get_layer("person").kernel)
    assert load_weights(other, tmp_path / "w.npz") == ["person"]
    np.testing.assert_array_equal(
        other.get_layer("block_1_expand").kernel, first.get_layer("block_1_expand").kernel
    )
    np.testing.assert_array_equal(other.get_layer("person").kernel, own)


def test_the_mean_of_two_networks(first, tmp_path):
    other = Cascade(NETWORK, ("person",))
    save_weights(first, tmp_path / "a.npz")
    save_weights(other, tmp_path / "b.npz", "float16")
    mix_weights(tmp_path / "a.npz", tmp_path / "b.npz", 0.25, tmp_path / "m.npz")
    mean = open_cascade(tmp_path / "m.npz")
    for a, b, m in zip(first.variables, other.variables, mean.variables, strict=True):
        np.testing.assert_allclose(m, 0.25 * np.array(a) + 0.75 * np.array(b), rtol=1e-3, atol=3e-4)
    save_weights(Cascade(NETWORK, ("person", "parts")), tmp_path / "more.npz")
    with pytest.raises(WeightsError, match=r"more\.npz hold different networks"):
        mix_weights(tmp_path / "a.npz", tmp_path / "more.npz", 0.5, tmp_path / "none.npz")
    assert not (tmp_path / "none.npz").exists()


def test_refuses_another_preset(first, tmp_path):
    save_weights(first, tmp_path / "w.npz")
    with pytest.raises(WeightsError, match=r"w\.npz: made for preset 'lite'"):
        load_weights(Cascade(PRESETS["thesis"], ("person",)), tmp_path / "w.npz")
    narrow = dataclasses.replace(NETWORK, feature_width=4)
    with pytest.raises(WeightsError, match=r"w\.npz: made .*: model\.feature_width is another than here"):
        load_weights(Cascade(narrow, ("person",)), tmp_path / "w.npz")


def test_the_backbone_comes_from_a_file_of_other_stage_nets(tmp_path):
    given = Cascade(NETWORK)
    given.get_layer("pose_keypoints").bias.assign(np.arange(17.0))
    save_weights(given, tmp_path / "w.npz")
    other = Cascade(dataclasses.replace(NETWORK, feature_width=4, context=None))
    own = np.array(other.get_layer("person").kernel)
    load_backbone(other, tmp_path / "w.npz")
    for name in ("block_1_expand", "pose_squeeze8"):
        np.testing.assert_array_equal(other.get_layer(name).kernel, given.get_layer(name).kernel)
    np.testing.assert_array_equal(other.get_layer("pose_keypoints").bias, np.arange(17.0))
    np.testing.assert_array_equal(other.get_layer("person").kernel, own)
    narrow = Cascade(tiny_network(), ("person",))
    with pytest.raises(WeightsError, match=r"w\.npz: made .*: model\.backbone_width is another than here"):
        load_backbone(narrow, tmp_path / "w.npz")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_names_broken_files(tmp_path, content):
    if content is not None:
        (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.npz"):
        open_cascade(tmp_path / "w.npz")


def test_weights_made_for_other_targets_lack_head_vectors_only(tmp_path):
    one = Cascade(dataclasses.replace(NETWORK, head_vector_targets=("head",)))
    save_weights(one, tmp_path / "w.npz")
    two = Cascade(NETWORK)
    assert load_weights(two, tmp_path / "w.npz") == ["head_vectors"]
    assert two.get_layer("head_vectors").filters == 4
    for name in ("head_vectors_features_conv", "charts"):
        np.testing.assert_array_equal(two.get_layer(name).kernel, one.get_layer(name).kernel)


def test_a_stage_net_that_reads_more_answers_as_before(tmp_path):
    preset = NETWORK
    less = dataclasses.replace(preset.stages["keypoints"], reads=("parts",))
    old = Cascade(dataclasses.replace(preset, stages={**preset.stages, "keypoints": less}))
    save_weights(old, tmp_path / "w.npz")
    new = Cascade(preset)
    assert load_weights(new, tmp_path / "w.npz") == []
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(new(image)["keypoints"], old(image)["keypoints"], atol=1e-4)
    save_weights(new, tmp_path / "more.npz")
    with pytest.raises(WeightsError, match=r"more\.npz: made for preset 'lite'"):
        load_weights(old, tmp_path / "more.npz")


@pytest.mark.parametrize("net", ["context", "pose"])
def test_a_net_beside_the_stages_that_the_file_lacks_has_nothing_to_say(tmp_path, net):
    old = Cascade(dataclasses.replace(NETWORK, **{net: None}))
    save_weights(old, tmp_path / "w.npz")
    new = Cascade(NETWORK)
    assert load_weights(new, tmp_path / "w.npz") == []
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    for name, value in old(image).items():
        np.testing.assert_allclose(new(image)[name], value, atol=1e-4, err_msg=name)
    save_weights(new, tmp_path / "both.npz")
    with pytest.raises(WeightsError, match=r"both\.npz: made for preset 'lite'"):
        load_weights(old, tmp_path / "both.npz")
