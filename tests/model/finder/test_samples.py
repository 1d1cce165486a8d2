"""Boxes follow the pixels: through scale, flip, mosaic and the cut at the border; what is unknown is ignored."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.copy_paste import CopyPaste, CopyPasteSources
from model.finder.samples import (
    IGNORED,
    MAX_LABELS,
    MIN_SIDE,
    MIN_VISIBLE,
    PERSON,
    FinderAugmentation,
    make_sample,
)
from model.sources import Record, Source, read_source
from tests.model.conftest import encode

SIZE = 96
PLAIN = FinderAugmentation(mosaic=0, scale=(1, 1), flip=0, photometric="thesis")
COLOUR = (255, 0, 255)
"""Of the drawn people."""


@pytest.fixture(autouse=True)
def pixels_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours tell here where people are."""
    monkeypatch.setattr("model.finder.samples.augment_pixels", lambda image, strength, rng: image)


def record(
    folder: Path, *boxes: tuple[int, int, int, int], size=(120, 90), complete=True, **fields
) -> Record:
    """A black photo with a filled rectangle of :data:`COLOUR` in each box; fields are those of all annotations."""
    photo = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y, w, h in boxes:
        photo[y : y + h, x : x + w] = COLOUR
    path = folder / f"{len(list(folder.iterdir()))}.png"
    cv2.imwrite(str(path), photo)
    annotations = [
        {"id": i, "image_id": 1, "bbox": list(map(float, box)), **fields} for i, box in enumerate(boxes)
    ]
    image = {"id": 1, "file_name": path.name, "width": size[0], "height": size[1], "complete": complete}
    return Record(image, tuple(annotations), path, None, "drawn.json")


def with_masks(drawn: Record) -> Record:
    """The same, with the rectangles as masks."""
    annotations = []
    for annotation in drawn.annotations:
        mask = np.zeros((drawn.image["height"], drawn.image["width"]), bool)
        x, y, w, h = map(int, annotation["bbox"])
        mask[y : y + h, x : x + w] = True
        annotations.append(annotation | {"segmentation": encode(mask), "category_id": 1})
    return replace(drawn, annotations=tuple(annotations))


def sample(*records: Record, seed=0, augmentation=PLAIN, sources=None) -> tuple[np.ndarray, np.ndarray]:
    """Image, and the labels that are not padding."""
    rng = np.random.default_rng(seed)
    image, labels = make_sample(list(records), SIZE, augmentation, rng, sources)
    assert image.shape == (SIZE, SIZE, 3)
    assert image.dtype == np.uint8
    assert labels.shape == (MAX_LABELS, 5)
    assert labels.dtype == np.float32
    return image, labels[labels[:, 4] > 0]


def is_person(image: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) bool: pixels of :data:`COLOUR`."""
    return np.abs(image.astype(int) - COLOUR).max(axis=-1) < 128


def drawn_boxes(image: np.ndarray) -> np.ndarray:
    """(n, 4) left, top, right, bottom of the coloured rectangles, largest first."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(is_person(image).astype(np.uint8))
    boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:count] if area > 30]
    return np.array(sorted(boxes, key=lambda b: -(b[2] - b[0]) * (b[3] - b[1])), float).reshape(-1, 4)


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("scale", [0.6, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_follow_scale_and_flip(tmp_path, scale, flip, seed):
    augmentation = replace(PLAIN, scale=(scale, scale), flip=flip)
    photo = record(tmp_path, (10, 15, 30, 45), size=(90, 90))
    image, labels = sample(photo, seed=seed, augmentation=augmentation)
    np.testing.assert_allclose(labels[:, :4], drawn_boxes(image), atol=1.5)
    (row,) = labels
    assert row[4] == PERSON
    assert row[2] - row[0] == pytest.approx(30 * scale * SIZE / 90, abs=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_boxes_are_cut_where_the_sample_ends(tmp_path, seed):
    augmentation = replace(PLAIN, scale=(2, 2), flip=0.5)
    photo = record(tmp_path, (20, 15, 30, 40), (60, 30, 30, 50))
    image, labels = sample(photo, seed=seed, augmentation=augmentation)
    seen = labels[(labels[:, 2:4] - labels[:, :2]).min(axis=1) > 4]
    found = drawn_boxes(image)
    np.testing.assert_allclose(seen[:, :4], found[: len(seen)], atol=1.5)
    assert labels[:, :4].min() >= 0
    assert labels[:, :4].max() <= SIZE


@pytest.mark.parametrize("seed", range(6))
def test_a_mosaic_has_the_people_of_all_its_photos(tmp_path, seed):
    photos = [record(tmp_path, (30, 20, 30, 40), size=(100, 80)) for _ in range(4)]
    augmentation = replace(PLAIN, scale=(0.8, 1.5), flip=0.5)
    image, labels = sample(*photos, seed=seed, augmentation=augmentation)
    assert 1 <= len(labels) <= 4
    marked = np.zeros((SIZE, SIZE), bool)
    for x0, y0, x1, y1 in np.rint(labels[:, :4]).astype(int):
        marked[y0:y1, x0:x1] = True
    assert len(drawn_boxes(image)) <= len(labels)
    difference = (marked != is_person(image)).astype(np.uint8)
    # But for their rims.
    assert not cv2.erode(difference, np.ones((3, 3))).any()


def test_who_is_cut_off_or_tiny_is_ignored(tmp_path):
    kinds = set()
    for seed in range(20):
        augmentation = replace(PLAIN, scale=(3, 3))
        _, labels = sample(record(tmp_path, (40, 30, 40, 30)), seed=seed, augmentation=augmentation)
        if len(labels):
            (row,) = labels
            scale = 3 * SIZE / 90
            visible = (row[2] - row[0]) * (row[3] - row[1]) / (40 * 30 * scale**2)
            assert (row[4] == PERSON) == (visible >= MIN_VISIBLE)
            kinds.add(int(row[4]))
    assert kinds == {PERSON, IGNORED}
    small = record(tmp_path, (40, 30, 3, 5), (70, 30, 8, 12))
    _, labels = sample(small, augmentation=replace(PLAIN, scale=(0.9, 0.9)))
    longer = (labels[:, 2:4] - labels[:, :2]).max(axis=1)
    np.testing.assert_array_equal(labels[:, 4] == PERSON, longer >= MIN_SIDE)
    assert set(labels[:, 4]) == {PERSON, IGNORED}


def test_in_an_incomplete_photo_the_rest_is_ignored(tmp_path):
    photo = record(tmp_path, (20, 15, 30, 40), size=(90, 90), complete=False)
    _, labels = sample(photo, augmentation=replace(PLAIN, scale=(0.5, 0.5)))
    whole, person = labels
    assert (whole[4], person[4]) == (IGNORED, PERSON)
    assert (whole[2:4] - whole[:2]).tolist() == pytest.approx([SIZE / 2] * 2, abs=0.1)
    assert (whole[:2] <= person[:2]).all()
    assert (whole[2:4] >= person[2:4]).all()


@pytest.mark.parametrize("fields", [{"iscrowd": 1}, {"flaw": "blurred"}, {"group": 1}])
def test_crowds_and_flaws_are_ignored(tmp_path, fields):
    _, labels = sample(record(tmp_path, (20, 15, 30, 40), **fields))
    assert labels[:, 4].tolist() == [IGNORED]


def test_of_too_many_boxes_the_largest_stay(tmp_path):
    boxes = [(x, y, 8, 8 + (x + y) % 3) for x in range(0, 120, 12) for y in range(0, 84, 12)]
    photo = record(tmp_path, *boxes, complete=False, size=(120, 120))
    assert len(boxes) > MAX_LABELS
    _, labels = sample(photo)
    assert len(labels) == MAX_LABELS
    areas = (labels[:, 2:4] - labels[:, :2]).prod(axis=1)
    assert (np.diff(areas) <= 1e-3).all()
    # Otherwise those who are left out would be background.
    assert labels[0, 4] == IGNORED


def test_a_photo_without_people(tmp_path):
    _, labels = sample(record(tmp_path))
    assert len(labels) == 0


def pasting(people: list[Record], **changes) -> tuple[FinderAugmentation, CopyPasteSources]:
    copy_paste = replace(CopyPaste(share=1.0, people=1, height=(0.6, 0.7)), **changes)
    sources = CopyPasteSources.from_records([people], [1.0], ())
    return replace(PLAIN, copy_paste=copy_paste), sources


@pytest.mark.parametrize("seed", range(5))
def test_pasted_people_have_boxes_of_their_visible_pixels(tmp_path, seed):
    person = with_masks(record(tmp_path, (5, 5, 60, 80), size=(70, 90)))
    augmentation, sources = pasting([person])
    image, labels = sample(
        record(tmp_path, size=(90, 90)), augmentation=augmentation, sources=sources, seed=seed
    )
    assert labels[:, 4].tolist() == [PERSON]
    # Pasted people are tinted.
    lit = cv2.boundingRect((image.max(axis=-1) > 80).astype(np.uint8))
    x, y, w, h = lit
    np.testing.assert_allclose(labels[0, :4], (x, y, x + w, y + h), atol=3)


def test_the_share_of_pasted_people_is_the_configs(tmp_path):
    person = with_masks(record(tmp_path, (5, 5, 60, 80), size=(70, 90)))
    augmentation, sources = pasting([person], share=0.5)
    empty = record(tmp_path, size=(90, 90))
    counts = [
        len(sample(empty, augmentation=augmentation, sources=sources, seed=seed)[1]) for seed in range(60)
    ]
    assert 0.3 < np.mean(counts) < 0.7


def test_who_is_covered_is_no_longer_a_person_there(tmp_path, monkeypatch):
    """A pasted person covers all of one, and all but a strip of another."""
    photo = with_masks(record(tmp_path, (5, 20, 20, 40), (50, 20, 30, 40), size=(90, 90)))
    person = with_masks(record(tmp_path, (5, 5, 60, 80), size=(70, 90)))
    augmentation, sources = pasting([person])
    import model.copy_paste

    def cover(photo, canvas, cut, copy_paste, rng):
        canvas.labels[20:60, 5:78, model.copy_paste.OWNER] = 3
        canvas.people.append(replace(canvas.people[0], box=(5, 20, 73, 40), mask=None, extra={}))

    monkeypatch.setattr(model.copy_paste, "_paste_person", cover)
    _, labels = sample(photo, augmentation=augmentation, sources=sources)
    pasted, strip = labels
    scale = SIZE / 90
    assert (pasted[4], strip[4]) == (PERSON, IGNORED)
    np.testing.assert_allclose(pasted[:4], np.array((5, 20, 78, 60)) * scale, atol=0.1)
    np.testing.assert_allclose(strip[:4], np.array((78, 20, 80, 60)) * scale, atol=0.1)


def test_the_same_generator_makes_the_same_sample(figures):
    records = read_source(Source(str(figures), str(figures.parent / "images")))[:4]
    sources = CopyPasteSources.from_records([records], [1.0], ())
    augmentation = FinderAugmentation(copy_paste=CopyPaste(share=1.0))
    one, same, other = (
        make_sample(records, SIZE, augmentation, np.random.default_rng(seed), sources) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], same[0])
    np.testing.assert_array_equal(one[1], same[1])
    assert (one[0] != other[0]).any()
