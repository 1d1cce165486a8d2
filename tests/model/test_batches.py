"""Which records train, which validate, which are pasted, and how batches report broken ones."""

import shutil
from functools import partial

import keras
import numpy as np
import pytest

from model.batches import Batches, copy_paste_sources, errors_of, pick, split
from model.sample_pool import SamplePool
from model.samples import View, make_sample
from model.sources import DataError, Source, read_source
from tests.model.tiny import tiny_config


def test_validation_without_images(figures, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text('{"images": [], "annotations": []}')
    with pytest.raises(DataError, match="validation: no images"):
        split(tiny_config(figures, validation=(Source(str(empty), str(tmp_path)),)))


def test_sources_are_mixed_by_weight(figures):
    images = str(figures.parent / "images")
    both = (Source(str(figures), images, weight=3.0), Source(str(figures), images, weight=1.0))
    settings = tiny_config(figures, data=both)
    data, _ = split(settings)
    assert split(settings, data)[0] is data, "what was read already is not read again"
    picks, same, other = (pick(both, data, 40, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert len(picks) == 40
    assert sum(any(p is r for r in data[0]) for p in picks) == 30
    assert [p.path for p in picks] == [p.path for p in same]
    assert [p.path for p in picks] != [p.path for p in other]


def test_copy_paste_sources_without_weight_count_by_their_images(figures):
    images = str(figures.parent / "images")
    sources = (Source(str(figures), images, weight=0.0), Source(str(figures), images, weight=0.0))
    pasted = copy_paste_sources(sources, [])
    assert len(pasted.people[0]) == len(pasted.people[1]) > 0
    assert pasted.weights == pytest.approx([0.5, 0.5])


def test_held_out_images_are_not_trained_on(figures):
    settings = tiny_config(figures, validation=(), validation_share=0.4)
    data, validation = split(settings)
    names = {r.path for records in data for r in records}
    assert validation
    assert names.isdisjoint(r.path for r in validation)
    assert len(names) + len(validation) == 8
    (pasted,) = copy_paste_sources(settings.copy_paste_sources, [], validation).people
    assert {record.path for record, _ in pasted} <= names
    # Where the share holds nothing out, one image is, and no other is lost.
    settings = tiny_config(figures, data=settings.data * 3, validation=(), validation_share=0.0)
    data, validation = split(settings)
    assert sorted([len(validation), *map(len, data)]) == [1, 7, 8, 8]


def test_a_broken_photo_is_named_wherever_it_comes(figures, tmp_path):
    """Keras reads the first batches itself, and hides what goes wrong in others."""

    class Blank(keras.Model):
        def __init__(self):
            super().__init__()
            self.number = self.add_weight()

        def call(self, images):
            return self.number

        def compute_loss(self, *_, **__):
            return self.number**2

    folder = tmp_path / "figures"
    shutil.copytree(figures.parent, folder)
    (folder / "images" / "6.png").write_bytes(b"no image")
    records = read_source(Source(str(folder / figures.name), str(folder / "images")))
    make = partial(make_sample, view=View(64, 2, 256), augmentation=None)
    batches = Batches(make, records, 1, (0,), SamplePool())
    model = Blank()
    model.compile(optimizer="sgd")
    for work in (model.fit, model.evaluate):
        with pytest.raises(DataError, match=r"6\.png"), errors_of(batches):
            work(batches, shuffle=False, verbose=0)
