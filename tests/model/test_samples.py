"""Labels follow the photo through every view, and every missing label leaves its own region out."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.coco.reader import CocoError
from annotator.labels.label_space import CHART_MIRROR, KEYPOINT_MIRROR, PART_MIRROR
from model.augmentation import Augmentation, sample_matrix
from model.canvas import paint
from model.label_values import IGNORE, KEYPOINT_PEAK, SOME
from model.samples import View, make_sample
from model.sources import DataError, Record, Source, read_source
from tests.model.conftest import HEIGHT, WIDTH, figure

VIEW = View(size=128, output_stride=2, input_size=256, person_view=0.0)
PLAIN = Augmentation(geometry=0.0, flip=0.0, photometric="thesis")
FLIPPED = Augmentation(geometry=0.0, flip=1.0, photometric="thesis")


def record(figures: Path, *annotations: dict, **image) -> Record:
    described = {"id": 1, "file_name": "0.png", "width": WIDTH, "height": HEIGHT} | image
    return Record(described, annotations, figures.parent / "images" / "0.png", None, "train.json")


def person(**changes) -> dict:
    annotation = figure(1, 1, (10, 10, 40, 60)) | changes
    return {k: v for k, v in annotation.items() if v is not None}


def sample(figures, *annotations, augmentation=None, seed=0, **image):
    rng = np.random.default_rng(seed)
    return make_sample(record(figures, *annotations, **image), VIEW, augmentation, rng)


def crop(labels: np.ndarray) -> np.ndarray:
    """The person's box in the 64×64 labels of the plain view: image 120×100 in a square of 120."""
    scale = 64 / WIDTH
    y0, y1 = (round((10 + 10 + 60 * t) * scale) for t in (0.05, 0.95))
    return labels[y0:y1, int(12 * scale) + 1 : int(48 * scale)]


def test_everything_labelled(figures):
    image, labels = sample(figures, person())
    assert image.shape == (128, 128, 3)
    assert (crop(labels["person"]) == 1).all()
    assert set(np.unique(labels["person"])) == {0, 1}
    assert set(np.unique(crop(labels["parts"]))) == {1, 14}
    assert labels["parts"][0, 0] == 0
    assert (labels["charts"] == 2).sum() == (labels["charts"] == 23).sum() == 1
    assert set(np.unique(labels["charts"])) == {0, 2, 23, 24, SOME}
    y, x = np.argwhere(labels["charts"] == 2)[0]
    np.testing.assert_allclose(labels["uv"][y, x] / 255, (0.5, 0.25), atol=0.003)
    assert labels["keypoints"][..., 0].max() > 0.9 * KEYPOINT_PEAK


def test_a_crowd_of_people_is_painted(figures):
    """More than a byte can tell apart."""
    people = [person(id=number) for number in range(300)]
    canvas = paint(record(figures, *people), (HEIGHT, WIDTH))
    assert len(canvas.people) == 300
    assert (canvas.labels[12:68, 12:48, 0] == 1).all()


def test_head_vectors_point_at_the_head(figures):
    _, labels = sample(figures, person())
    inside = labels["head_vectors"][..., 2] == 1
    assert (inside == (labels["person"] == 1)).all()
    rows, columns = np.nonzero(inside)
    head = (
        np.stack([columns + 0.5, rows + 0.5], 1) + labels["head_vectors"][inside][:, :2] * VIEW.input_size / 2
    )
    # Mean of nose and eyes, in the square of 120 pixels that the image is padded to.
    expected = np.array([30, 10 + 60 / 8 + 10]) * 64 / WIDTH
    np.testing.assert_allclose(head, np.broadcast_to(expected, head.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "image", "at_person", "at_corner"),
    [
        ({"dp_masks": None}, {}, {"person": {1}, "parts": {SOME}}, {"person": 0, "parts": 0}),
        ({"dp_I": None, "dp_x": None, "dp_y": None, "dp_U": None, "dp_V": None}, {}, {"charts": {SOME}}, {}),
        (
            {"segmentation": None, "dp_masks": None},
            {},
            {"person": {IGNORE}, "parts": {IGNORE}},
            {"person": 0},
        ),
        ({"iscrowd": 1}, {}, {"person": {IGNORE}, "parts": {IGNORE}}, {"person": 0, "charts": 0}),
        ({"flaw": "hole"}, {}, {"person": {IGNORE}, "keypoints": {IGNORE}}, {"person": 0, "keypoints": 0}),
        ({}, {"complete": False}, {"person": {1}}, {"person": IGNORE, "parts": IGNORE}),
        ({"keypoints": None, "num_keypoints": 0}, {}, {"keypoints": {IGNORE}}, {"keypoints": 0}),
    ],
)
def test_loss_regions_of_missing_labels(figures, changes, image, at_person, at_corner):
    _, labels = sample(figures, person(**changes), **image)
    for name, expected in at_person.items():
        assert set(np.unique(crop(labels[name]))) == expected, name
    for name, expected in at_corner.items():
        # Inside the photo, away from the person's box.
        assert (labels[name][50, 60] == expected).all(), name


@pytest.mark.parametrize("changes", [{"flaw": "hole"}, {"iscrowd": 1}])
def test_points_of_a_person_who_does_not_count_teach_nothing(figures, changes):
    for mask in ({}, {"segmentation": None}):
        _, labels = sample(figures, person(**changes, **mask))
        assert set(np.unique(crop(labels["charts"]))) == {IGNORE}
        assert not labels["uv"].any()


def test_unlabelled_keypoints_count_nowhere_on_their_person(figures):
    _, labels = sample(figures, person())
    assert (crop(labels["keypoints"])[..., 15] == IGNORE).all()
    assert (crop(labels["keypoints"])[..., 0] != IGNORE).all()
    assert (labels["keypoints"][50, 60] == 0).all()


def test_a_person_without_a_mask_says_where_joints_are_not(figures):
    _, labels = sample(figures, person(segmentation=None, dp_masks=None))
    assert set(np.unique(crop(labels["person"]))) == {IGNORE}
    nose, ankle = (crop(labels["keypoints"])[..., i] for i in (0, 15))
    assert nose.max() > 0.9 * KEYPOINT_PEAK
    assert (nose != IGNORE).all()
    assert (nose == 0).any()
    assert (ankle == IGNORE).all(), "not labelled"


def test_views_show_their_region_alone(figures):
    """As at run time, where a box is cut out of the photo."""
    other = figure(1, 2, (60, 10, 40, 60))
    view = dataclasses.replace(VIEW, person_view=1.0)
    for seed in range(6):
        both = record(figures, person(), other)
        image, labels = make_sample(both, view, PLAIN, np.random.default_rng(seed))
        # A box of 40×60 with a margin of 6 all around, in a square of 72 pixels: ten of padding left and right.
        border = round(10 * 64 / 72) - 1
        for edge, shoulder in ((np.s_[:, :border], 5), (np.s_[:, -border:], 6)):
            assert np.ptp(image[::2, ::2][edge], axis=(0, 1)).max() < 30, "padding, blurred a little"
            for name in ("person", "parts", "charts", "head_vectors"):
                assert not labels[name][edge].any(), name
            assert set(np.unique(labels["keypoints"][edge][..., shoulder])) <= {0, IGNORE}, "the neighbour's"
        assert (labels["keypoints"][..., 0] == KEYPOINT_PEAK).sum() <= 1
        assert labels["person"][32, 32] == 1


def test_an_unreadable_photo_is_named(figures):
    broken = record(figures, person())
    broken = dataclasses.replace(broken, path=figures.parent / "broken.png")
    broken.path.write_bytes(b"")
    with pytest.raises(DataError, match=r"train\.json: image 1: .*broken\.png: "):
        make_sample(broken, VIEW, None, np.random.default_rng(0))


def test_second_vectors_point_at_the_pelvis(figures):
    keypoints = np.array(person()["keypoints"]).reshape(17, 3)
    keypoints[11], keypoints[12] = (20, 50, 2), (40, 54, 1)
    view = dataclasses.replace(VIEW, head_vector_targets=("head", "pelvis"))
    for visible in (2, 0):
        keypoints[11, 2] = visible
        labelled = record(figures, person(keypoints=keypoints.ravel().tolist()))
        _, labels = make_sample(labelled, view, None, np.random.default_rng(0))
        inside = labels["person"] == 1
        assert (labels["head_vectors"][inside][:, 2] == 1).all()
        assert (labels["head_vectors"][inside][:, 5] == (visible > 0)).all()
        if visible:
            rows, columns = np.nonzero(inside)
            vectors = labels["head_vectors"][inside][:, 3:5] * VIEW.input_size / VIEW.output_stride
            at = np.stack([columns + 0.5, rows + 0.5], 1) + vectors
            # The image, 120×100, lies in a square of 120.
            np.testing.assert_allclose(at, np.tile([30, 62], (len(at), 1)) * 64 / WIDTH, atol=1e-3)


def test_no_head_vectors_without_a_head(figures):
    _, labels = sample(figures, person(keypoints=None, num_keypoints=0))
    assert not labels["head_vectors"].any()
    _, labels = sample(figures, person(keypoints=None, num_keypoints=0) | {"head_points": None})
    assert not labels["head_vectors"].any()
    points = {"neck": [30.0, 30.0, 2], "head_top": [30.0, 10.0, 2]}
    _, labels = sample(figures, person(keypoints=None, num_keypoints=0, head_points=points))
    assert (labels["head_vectors"][..., 2] == (labels["person"] == 1)).all()


def test_flip_mirrors_every_label(figures):
    image, labels = sample(figures, person(), augmentation=PLAIN)
    flipped_image, flipped = sample(figures, person(), augmentation=FLIPPED)
    assert np.abs(flipped_image[:, ::-1].astype(int) - image).mean() < 12  # brightness may differ

    def swap(values, mirror):
        table = np.arange(256)
        table[: len(mirror)] = mirror
        return table[values]

    np.testing.assert_array_equal(flipped["person"][:, ::-1], labels["person"])
    np.testing.assert_array_equal(flipped["parts"][:, ::-1], swap(labels["parts"], PART_MIRROR))
    charts = {c: np.argwhere(flipped["charts"] == c)[0] for c in (23, 24)}
    # What was the right half of the face is now the left half, on the other side of the picture.
    assert charts[24][1] > charts[23][1]
    u = flipped["uv"][tuple(charts[24])][0] / 255
    assert u == pytest.approx(1 - 0.9, abs=0.01)
    assert CHART_MIRROR[23] == 24
    for keypoint in (0, 1, 5):
        here = np.unravel_index(labels["keypoints"][..., keypoint].argmax(), (64, 64))
        there = np.unravel_index(flipped["keypoints"][..., KEYPOINT_MIRROR[keypoint]].argmax(), (64, 64))
        assert here[0] == there[0]
        assert abs(here[1] + there[1] - 63) <= 1
    seen = labels["head_vectors"][..., 2] > 0
    mirrored = flipped["head_vectors"][:, ::-1]
    np.testing.assert_allclose(mirrored[seen][:, 0], -labels["head_vectors"][seen][:, 0], atol=1e-3)
    np.testing.assert_allclose(mirrored[seen][:, 1], labels["head_vectors"][seen][:, 1], atol=1e-3)


def test_flipping_twice_is_the_identity_of_the_matrix():
    rng = np.random.default_rng(0)
    matrix, flip = sample_matrix((0, 0, 100, 50), 64, FLIPPED, rng)
    assert flip
    plain, _ = sample_matrix((0, 0, 100, 50), 64, None, rng)
    point = np.array([20.0, 7.0, 1.0])
    assert (matrix @ point)[0] == pytest.approx(64 - (plain @ point)[0])
    assert (matrix @ point)[1] == pytest.approx((plain @ point)[1])


@pytest.mark.parametrize("coarse", [0.0, 1.0])
def test_geometry_moves_photo_and_labels_together(figures, coarse):
    """The bright figure stays under its mask at every draw."""
    augmentation = Augmentation(geometry=1.0, coarse=coarse, photometric="thesis")
    for seed in range(6):
        image, labels = make_sample(
            record(figures, person()), VIEW, augmentation, np.random.default_rng(seed)
        )
        small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).max(axis=-1).astype(float)
        mask = labels["person"] == 1
        core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0
        ring = ~cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))).astype(bool)
        if core.any():
            assert small[core].mean() > small[ring].mean() + 60


def test_person_view_fills_the_sample(figures):
    view = View(128, 2, 256, person_view=1.0)
    _, labels = make_sample(record(figures, person()), view, PLAIN, np.random.default_rng(0))
    rows = np.flatnonzero((labels["person"] == 1).any(axis=1))
    assert len(rows) > 0.75 * 64


def test_window_view_shows_the_person_and_what_is_around(figures):
    view = View(128, 2, 256, person_view=0.0, window_view=1.0)
    shares = []
    for seed in range(12):
        _, labels = make_sample(record(figures, person()), view, PLAIN, np.random.default_rng(seed))
        mask = labels["person"] == 1
        rows, columns = np.nonzero(mask)
        shares.append(mask.mean())
        # All of the figure, 40 wide and 60 high, is there.
        assert np.ptp(rows) / np.ptp(columns) == pytest.approx(60 / 40, rel=0.2)
    whole = 40 * 60 / 120**2
    assert min(shares) == pytest.approx(whole, rel=0.2)
    assert max(shares) > 1.3 * whole


def test_dense_labels_fill_charts_and_parts(figures, tmp_path):
    dense = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    dense[10:70, 10:50] = (2, 16384, 49151)
    cv2.imwrite(str(tmp_path / "0.png"), dense)
    plain = record(figures, person())
    canvas = paint(Record(*plain_fields(plain, tmp_path / "0.png")), (HEIGHT, WIDTH))
    inside = canvas.labels[12:68, 12:48]
    assert (inside[..., 2] == 2).all()
    assert (inside[..., 1] == 1).all()
    np.testing.assert_allclose(canvas.uv[40, 30] / 255, (0.25, 0.75), atol=0.003)


def plain_fields(plain: Record, iuv: Path):
    return plain.image, plain.annotations, plain.path, iuv, plain.annotation_file


def test_a_wrong_dense_label_names_its_file(figures, tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((5, 5, 3), np.uint16))
    plain = record(figures, person())
    with pytest.raises(CocoError, match=r"0\.png: must be a 16-bit PNG"):
        paint(Record(*plain_fields(plain, tmp_path / "0.png")), (HEIGHT, WIDTH))


def test_coarse_samples_have_softer_edges(figures):
    def highest_steps(coarse: float) -> list[float]:
        augmentation = dataclasses.replace(PLAIN, coarse=coarse)
        images = [sample(figures, person(), augmentation=augmentation, seed=seed)[0] for seed in range(9)]
        assert {image.shape for image in images} == {(128, 128, 3)}
        return [np.abs(np.diff(image.astype(float), axis=1)).max() for image in images]

    # The median, as a fifth of the photos are blurred anyway.
    assert np.median(highest_steps(1.0)) < 0.8 * np.median(highest_steps(0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("images"), "needs the lists"),
        (lambda d: d["images"][0].pop("width"), "image 1: no field `width`"),
        (
            lambda d: d["images"][0].update(file_name="none.png"),
            "image 1: file_name: 'none.png' in .*images: no such photo",
        ),
        (lambda d: d["annotations"][0].update(image_id=99), "annotation 1: image_id 99"),
    ],
)
def test_broken_sources_name_file_and_field(figures, tmp_path, change, message):
    data = json.loads(figures.read_text())
    change(data)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"broken\.json.*" + message):
        read_source(Source(str(path), str(figures.parent / "images")))


def test_missing_and_malformed_files(tmp_path):
    with pytest.raises(DataError, match="no such annotation file"):
        read_source(Source(str(tmp_path / "no.json"), str(tmp_path)))
    for text in ('{"images": [', f'{{"images": [{{"id": {"9" * 5000}}}]}}'):
        (tmp_path / "half.json").write_text(text)
        with pytest.raises(DataError, match=r"half\.json: not a JSON file"):
            read_source(Source(str(tmp_path / "half.json"), str(tmp_path)))


def test_a_photo_of_another_size_than_the_file_says_is_named(figures):
    with pytest.raises(
        DataError, match=rf"train.json: image 1: width, height: 50 × {HEIGHT}, but .*0.png has"
    ):
        sample(figures, person(), width=50)


def test_other_categories_are_no_people(figures, tmp_path):
    data = json.loads(figures.read_text())
    before = sum(
        len(r.annotations) for r in read_source(Source(str(figures), str(figures.parent / "images")))
    )
    data["categories"] = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    data["annotations"][0]["category_id"] = 18
    mixed = tmp_path / "mixed.json"
    mixed.write_text(json.dumps(data))
    records = read_source(Source(str(mixed), str(figures.parent / "images")))
    assert sum(len(record.annotations) for record in records) == before - 1


def test_a_photo_is_shown_as_the_network_will_see_it(figures, tmp_path):
    # Stripes of a pixel each: skipping pixels would show them, averaging shows grey.
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    image = {"id": 1, "file_name": "stripes.png", "width": 1024, "height": 1024}
    shown, _ = make_sample(
        Record(image, (), tmp_path / "stripes.png", None, "x.json"), VIEW, None, np.random.default_rng(0)
    )
    assert np.abs(shown.astype(int) - 127.5).max() < 2
