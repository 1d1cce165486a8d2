"""Configs: what is left out comes from the recipe, and what is wrong is named."""

import dataclasses
import json
from pathlib import Path

import pytest

from model.augmentation import Augmentation
from model.config import make_config, read_config
from model.copy_paste import CopyPaste
from model.finder.training import FinderRunConfig
from model.pose.training import PoseRunConfig
from model.presets import PRESETS
from model.sources import DataError, Source
from tests.model.tiny import tiny_config

ROOT = Path(__file__).resolve().parents[2]


def test_config_survives_its_file(figures, tmp_path):
    plans = tuple(dataclasses.replace(p, growth=((1, 96),), patience=2) for p in tiny_config(figures).stages)
    augmentation = Augmentation(flip=0.25, copy_paste=CopyPaste(share=0.5, height=(0.3, 0.8)))
    sources = (Source("a.json", "images", weight=2.0),)
    settings = tiny_config(figures, augmentation=augmentation, stages=plans, copy_paste_sources=sources)
    (tmp_path / "c.json").write_text(settings.to_json())
    assert read_config(tmp_path / "c.json") == settings


def test_what_a_config_leaves_out_comes_from_the_recipe(tmp_path):
    plan = {"epochs": 3, "batch": 1, "size": 64, "learning_rate": 0.1}
    given = {
        "model": {"preset": "thesis"},
        "augmentation": {"flip": 0.5},
        "stages": [plan, plan, plan | {"terms": {}}],
    }
    (tmp_path / "c.json").write_text(json.dumps(given))
    settings, recipe = read_config(tmp_path / "c.json"), make_config("thesis")
    assert settings.augmentation == dataclasses.replace(recipe.augmentation, flip=0.5)
    assert settings.optimizer == "rmsprop"
    assert [s.terms for s in settings.stages] == [s.terms for s in recipe.stages]
    assert settings.stages[0].drops == ()


def test_a_config_changes_what_it_names_of_the_network(tmp_path):
    model = {"backbone_width": 0.5, "input_size": 320, "context": None, "pose": {"head": 8}}
    (tmp_path / "c.json").write_text(json.dumps({"model": model | {"stages": {"uv": {"features": 24}}}}))
    settings, lite = read_config(tmp_path / "c.json"), PRESETS["lite"]
    assert settings == make_config("lite", model=settings.model)
    assert settings.model == dataclasses.replace(
        lite,
        backbone_width=0.5,
        input_size=320,
        context=None,
        pose=dataclasses.replace(lite.pose, head=8),
        stages=lite.stages | {"uv": dataclasses.replace(lite.stages["uv"], features=24)},
    )
    # A run records all of it, so that it stays what it is if the preset changes.
    (tmp_path / "run.json").write_text(settings.to_json())
    assert read_config(tmp_path / "run.json") == settings
    assert json.loads(settings.to_json())["model"]["feature_width"] == 96


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_alone_is_a_config(tmp_path, preset):
    (tmp_path / "c.json").write_text(json.dumps({"model": {"preset": preset}}))
    settings = read_config(tmp_path / "c.json")
    assert settings == make_config(preset)
    assert settings.model == PRESETS[preset]
    assert [plan.epochs for plan in settings.stages] > [0, 0, 0]


@pytest.mark.parametrize("path", sorted((ROOT / "model" / "recipes").glob("*.json")), ids=lambda p: p.stem)
def test_recipes_are_configs_but_for_their_folders(tmp_path, path):
    recipe = json.loads(path.read_text())
    kind = recipe.pop("kind", "cascade")
    sources = ("data", "copy_paste_sources", "backgrounds", "validation", "held_out")
    for name in (*sources, "held_out_of", "start_share"):
        recipe.pop(name, None)
    (tmp_path / "c.json").write_text(json.dumps(recipe))
    if kind == "cascade":
        assert read_config(tmp_path / "c.json").model == PRESETS["lite"]
    else:
        config = {"finder": FinderRunConfig, "pose": PoseRunConfig}[kind]
        read = config.read(tmp_path / "c.json", start_weights="start.npz")
        assert read.epochs == recipe["epochs"]


PLAN = {"epochs": 1, "batch": 1, "size": 64, "learning_rate": 0.1}


def stage(**changes) -> str:
    """A config of three equal stages."""
    return json.dumps({"stages": [PLAN | changes] * 3})


def network(**changes) -> str:
    return json.dumps({"model": changes})


def source(**changes) -> str:
    return json.dumps({"data": [{"annotations": "a.json", "images": "a"} | changes]})


def chart_term(**changes) -> str:
    return stage(terms={"charts": {"weight": 1.0} | changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        pytest.param(f'{{"epochs": {"9" * 5000}}}', "not JSON", id="more digits than Python reads"),
        pytest.param("[" * 100_000, "not JSON", id="nested too deeply"),
        ("[]", r"the config is \[\]: must be an object"),
        (json.dumps(list(range(99))), r"the config is \[0, 1, 2, 3, 4, 5, \.\.\.\]: must be an object"),
        ('{"presets": "lite"}', "presets: no such field"),
        ('{"preset": "lite"}', "preset: no such field; there are augmentation, .*, model, "),
        ('{"model": "lite"}', "model is 'lite': must be an object"),
        (network(preset="huge"), r"model\.preset is 'huge': must be one of thesis, lite, base"),
        (network(preset=["lite"]), r"model\.preset is \['lite'\]"),
        (network(width=2), r"model\.width: no such field; there are backbone, backbone_width, "),
        (network(input_size=100), r"model\.input_size is 100: must be a multiple of 32"),
        (network(backbone="resnet"), r"model\.backbone is 'resnet': must be 'mobilenet_v2' or "),
        (network(backbone_width=0), r"model\.backbone_width is 0: must be greater than 0"),
        (
            network(backbone="efficientnet_v2_s", backbone_width=0.5),
            r"model\.backbone_width is 0\.5: must be 1\.0 of efficientnet_v2_s",
        ),
        (
            json.dumps({"model": {"backbone_width": 0.6}, "backbone_weights": "imagenet"}),
            r"model\.backbone_width is 0\.6: there are weights of ImageNet for 0\.35, .* 1\.4",
        ),
        (network(taps=[]), r"model\.taps is \[\]: must have at least 1 item"),
        (network(taps=[[3, 8]]), r"model\.taps\[0\]\[0\] is 3: must be 2, 4, 8, 16 or 32"),
        (network(taps=[[8, 8], [4, 8]]), r"model\.taps: the strides \[8, 4\] must go up"),
        (network(taps=[[2, 8]]), r"model\.taps: the strides \[2\] .* below feature_stride, 4"),
        (network(feature_stride=3), r"model\.feature_stride is 3: must be 2, 4 or 8"),
        (
            network(stages={"uv": {"width": 8}}),
            r"model\.stages\.uv\.width: no such field; there are bottleneck",
        ),
        (network(stages={"legs": {}}), r"model\.stages\.legs is 'legs': must be 'person', "),
        (network(stages={"uv": None}), r"model\.stages\.uv is None: must be an object"),
        (
            network(stages={"parts": {"reads": ["uv"]}}),
            r"model\.stages\.parts\.reads: uv is not one of the nets before it, person",
        ),
        (
            network(stages={"uv": {"decoder": [8]}}),
            r"model\.stages\.uv\.decoder: must have as many widths as encoder, 3",
        ),
        (
            network(stages={"uv": {"encoder": [8] * 4, "decoder": [8] * 4}}),
            r"model\.stages\.uv\.encoder: has 4 widths, each of which halves the features at stride 4",
        ),
        (network(head_vector_targets=[]), r"model\.head_vector_targets is \[\]: must have at least 1 item"),
        (network(pose={"widths": [8, 8]}), r"model\.pose\.widths is \[8, 8\]: must have at least 4 items"),
        (network(preset="thesis", context={"width": 8}), r"model\.context\.reads: missing"),
        ('{"seed": "ten"}', "seed is 'ten': must be a valid integer"),
        ('{"seed": -1}', "seed is -1: must be greater than or equal to 0"),
        ('{"seed": true}', "seed is True: must be a valid integer"),
        ('{"backbone_share": 2}', "backbone_share is 2: must be less than or equal to 1"),
        ('{"backbone_share": 1, "backbone_weights": null}', "backbone_share: there is nothing to go back to"),
        ('{"backbone_weights": 1}', "backbone_weights is 1: must be a valid string"),
        ('{"person_view": 3}', "person_view is 3: must be less than or equal to 1"),
        ('{"person_view": NaN}', "person_view is nan: must be a finite number"),
        ('{"person_view": 0.7, "window_view": 0.5}', "person_view, window_view: together"),
        ('{"optimizer": "adamm"}', "optimizer is 'adamm'"),
        ('{"optimizer": "AdamW"}', "weight_decay: without it adamw is adam: give one, such as"),
        ('{"weight_decay": -1}', "weight_decay is -1: must be greater than or equal to 0"),
        ('{"global_clipnorm": 1}', r"global_clipnorm: clipnorm is 2\.5, too: set one of both to 0"),
        ('{"gradient_accumulation_steps": 0}', "gradient_accumulation_steps is 0: must be greater than 0"),
        ('{"ema_momentum": 1}', "ema_momentum is 1: must be less than 1"),
        (
            '{"precision": "half"}',
            "precision is 'half': must be 'float32', 'mixed_bfloat16' or 'mixed_float16'",
        ),
        ('{"jit_compile": "yes"}', "jit_compile is 'yes': must be a valid boolean"),
        (stage(warmup_epochs=-1), r"stages\[0\]\.warmup_epochs is -1: must be greater than or equal to 0"),
        ('{"data": null}', "data is None: must be a valid array"),
        ('{"data": ["x"]}', r"data\[0\] is 'x': must be an object"),
        (source(annotation="b.json"), r"data\[0\]\.annotation: no such field"),
        (
            '{"copy_paste_sources": [{"annotations": "a.json"}]}',
            r"copy_paste_sources\[0\]\.images: missing",
        ),
        (source(weight=-3), r"data\[0\]\.weight is -3: must be greater than or equal to 0"),
        (source(iuv=None), r"data\[0\]\.iuv is None: must be a valid string"),
        ('{"augmentation": null}', "augmentation is None: must be an object"),
        ('{"augmentation": {"rotate": 3}}', r"augmentation\.rotate"),
        (
            '{"augmentation": {"photometric": "wild"}}',
            r"augmentation\.photometric is 'wild': must be 'thesis' or 'strong'",
        ),
        ('{"augmentation": {"scale": 1.2}}', r"augmentation\.scale is 1\.2: must be a valid array"),
        ('{"augmentation": {"scale": [1.2]}}', r"augmentation\.scale\[1\]: missing"),
        ('{"augmentation": {"scale": [2, 1]}}', r"augmentation\.scale is \[2, 1\]: must be \[low, high\]"),
        ('{"augmentation": {"copy_paste": {"shares": 3}}}', r"augmentation\.copy_paste\.shares"),
        ('{"augmentation": {"copy_paste": {"share": 3}}}', r"augmentation\.copy_paste\.share is 3"),
        ('{"stages": 3}', "stages is 3: must be a valid array"),
        ('{"stages": []}', r"stages is \[\]: must have at least 3 items, not 0"),
        (json.dumps({"stages": [PLAN] * 4}), r"stages is \[.*\]: must have at most 3 items, not 4"),
        ('{"stages": [[], [], []]}', r"stages\[0\] is \[\]: must be an object"),
        (stage(step=3), r"stages\[0\]\.step: no such field"),
        (stage(epochs="1"), r"stages\[0\]\.epochs is '1': must be a valid integer"),
        (stage(batch=0), r"stages\[0\]\.batch is 0: must be greater than 0"),
        (stage(size=100), r"stages\[0\]\.size is 100: must be a multiple of 32"),
        (stage(schedule="linear"), r"stages\[0\]\.schedule is 'linear': must be 'steps' or 'cosine'"),
        (stage(growth=[5, 192]), r"stages\[0\]\.growth\[0\] is 5: must be a valid array"),
        (stage(growth=[[1, 100]]), r"stages\[0\]\.growth\[0\]\[1\] is 100: must be a multiple of 32"),
        (stage(growth=[[5, 192], [2, 128]]), r"stages\[0\]\.growth .* in the order of epochs"),
        (stage(drops=[[2, 0]]), r"stages\[0\]\.drops\[0\]\[1\] is 0: must be greater than 0"),
        (stage(learning="context"), r"stages\[0\]\.learning is 'context': must be a valid array"),
        (
            stage(learning=["legs"]),
            r"stages\[0\]\.learning\[0\] is 'legs': must be 'person', .*'context'",
        ),
        (stage(terms=None), r"stages\[0\]\.terms is None: must be an object"),
        (
            stage(terms={"chart": {"weight": 1}}),
            r"stages\[0\]\.terms\.chart is 'chart': must be 'person', ",
        ),
        (chart_term(over="count"), r"stages\[0\]\.terms\.charts\.over is 'count'"),
        (chart_term(weight="1"), r"stages\[0\]\.terms\.charts\.weight is '1': must be a valid number"),
        (
            chart_term(weight=-1),
            r"stages\[0\]\.terms\.charts\.weight is -1: must be greater than or equal to 0",
        ),
        (chart_term(unit=0), r"stages\[0\]\.terms\.charts\.unit is 0: must be greater than 0"),
    ],
)
def test_broken_configs_name_file_and_field(tmp_path, text, message):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=r"c\.json: .*" + message):
        read_config(tmp_path / "c.json")


def test_missing_and_unreadable_config(tmp_path):
    with pytest.raises(DataError, match="no such config"):
        read_config(tmp_path / "none.json")
    (tmp_path / "c.json").write_text("{}", encoding="utf-16")
    with pytest.raises(DataError, match=r"c\.json: not JSON"):
        read_config(tmp_path / "c.json")
