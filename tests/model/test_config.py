"""Configs: what is left out comes from the recipe, and what is wrong is named."""

import dataclasses
import json
from pathlib import Path

import pytest

from model.augmentation import Augmentation
from model.config import make_config, read_config
from model.copy_paste import CopyPaste
from model.finder.training import read_finder_config
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
    given = {"preset": "thesis", "augmentation": {"flip": 0.5}, "stages": [plan, plan, plan | {"terms": {}}]}
    (tmp_path / "c.json").write_text(json.dumps(given))
    settings, recipe = read_config(tmp_path / "c.json"), make_config("thesis")
    assert settings.augmentation == dataclasses.replace(recipe.augmentation, flip=0.5)
    assert settings.optimizer == "rmsprop"
    assert [s.terms for s in settings.stages] == [s.terms for s in recipe.stages]
    assert settings.stages[0].drops == ()


@pytest.mark.parametrize("path", sorted((ROOT / "model" / "recipes").glob("*.json")), ids=lambda p: p.stem)
def test_recipes_are_configs_but_for_their_folders(tmp_path, path):
    recipe = json.loads(path.read_text())
    for name in ("data", "copy_paste_sources", "validation", "held_out", "held_out_of", "start_share"):
        recipe.pop(name, None)
    (tmp_path / "c.json").write_text(json.dumps(recipe))
    if path.stem.startswith("finder"):
        assert read_finder_config(tmp_path / "c.json").epochs == recipe["epochs"]
    else:
        assert read_config(tmp_path / "c.json").preset == "lite"


PLAN = {"epochs": 1, "batch": 1, "size": 64, "learning_rate": 0.1}


def stage(**changes) -> str:
    """A config of three equal stages."""
    return json.dumps({"stages": [PLAN | changes] * 3})


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
        ('{"preset": "huge"}', "preset is 'huge'"),
        ('{"preset": ["lite"]}', r"preset is \['lite'\]"),
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
