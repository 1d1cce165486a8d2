"""The config of a fine-tuning: corrections, and the data of the first training beside them."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from model.cascade import Cascade
from model.config import RunConfig, config_from_dict, make_config
from model.fine_tuning import fine_tuning_config
from model.sources import Record, Source
from model.weights import save_weights
from tests.model.conftest import write_source
from tests.model.tiny import tiny_network

SHORT = {"epochs": 3, "steps": 1, "batch": 2, "size": 64, "learning_rate": 1e-4}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.npz"
    save_weights(Cascade(tiny_network(), ("person",)), path)
    return path


def corrections(folder: Path, count: int) -> Path:
    """A folder of corrected photos as :mod:`annotator.retraining.corrections` writes it."""
    write_source(folder, count).rename(folder / "annotations.json")
    (folder / "iuv").mkdir()
    return folder


def config_of(weights: Path, folder: Path, base: Path | None = None) -> tuple[RunConfig, list[list[Record]]]:
    parts = (corrections(folder / name, count) for name, count in (("train", 5), ("validation", 1)))
    return fine_tuning_config(weights, *parts, **SHORT, share=0.5, base=base)


def test_corrections_alone_train_the_last_stage(weights, tmp_path):
    config, data = config_of(weights, tmp_path)
    assert config_from_dict(asdict(config)) == config
    assert [len(records) for records in data] == [5]
    (own,) = config.data
    assert (own.weight, own.annotations) == (1.0, str(tmp_path / "train" / "annotations.json"))
    assert config.start_weights == str(weights)
    assert [plan.epochs for plan in config.stages] == [0, 0, 3]
    last = config.stages[2]
    assert {name: getattr(last, name) for name in SHORT} == SHORT
    assert last.frozen_batch_norm_epochs == 3


@pytest.mark.parametrize(("given", "shares"), [((0, 0), [0.125, 0.375]), ((0, 0.25), [0.25, 0.25])])
def test_sources_of_the_first_training_without_weight_count_by_their_images(weights, tmp_path, given, shares):
    files = [write_source(tmp_path / f"{count}", count) for count in (2, 6)]
    sources = [
        Source(str(file), str(file.parent / "images"), weight)
        for file, weight in zip(files, given, strict=True)
    ]
    base = tmp_path / "config.json"
    settings = {"backbone_weights": "movenet.npz", "backbone_share": 0.4, "validation": (sources[0],)}
    settings |= {"ema_momentum": 0.999, "gradient_accumulation_steps": 4}
    base.write_text(make_config("lite", data=tuple(sources), **settings).to_json())
    config, data = config_of(weights, tmp_path, base)
    assert [len(records) for records in data] == [5, 2, 6]
    own, *rest = config.data
    assert own.weight == 0.5
    assert [source.weight for source in rest] == pytest.approx(shares)
    assert config_from_dict(asdict(config)) == config
    assert (config.ema_momentum, config.gradient_accumulation_steps) == (None, 1), "of a few hundred steps"
    (source,) = config.validation
    assert source.annotations == str(tmp_path / "validation" / "annotations.json")


def test_a_base_of_another_preset_is_refused(weights, tmp_path):
    base = tmp_path / "config.json"
    base.write_text(replace(make_config("thesis"), data=()).to_json())
    with pytest.raises(
        ValueError, match=r"config\.json: model\.preset is 'thesis', that of the weights 'lite'"
    ):
        config_of(weights, tmp_path, base)
