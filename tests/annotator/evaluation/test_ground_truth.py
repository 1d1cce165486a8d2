import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.coco.reader import CocoError
from annotator.coco.rle import encode_mask
from annotator.evaluation.ground_truth import (
    UNKNOWN,
    DataSet,
    area,
    check_data_set,
    find_data_sets,
    has_mask,
    labelled_keypoints,
    read_ground_truth,
)
from annotator.labels.label_space import CHART_TO_PART
from tests.annotator.labelled_photos import SIZE, figure_at, one, write_data


def box(array: np.ndarray, x: int, y: int, w: int, h: int) -> np.ndarray:
    return array[y : y + h, x : x + w]


def everything_but(x: int, y: int, w: int, h: int) -> np.ndarray:
    mask = np.ones(SIZE[::-1], bool)
    box(mask, x, y, w, h)[:] = False
    return mask


def test_a_complete_image_counts_everywhere(tmp_path: Path):
    ground_truth = one(write_data(tmp_path, [[figure_at(10, 20)]]))
    maps = ground_truth.maps()
    assert maps.valid.all()
    assert maps.person.sum() == 30 * 60
    assert box(maps.person, 10, 20, 30, 60).all()
    assert not maps.parts[~maps.person].any()
    assert not maps.charts.any()


def test_an_incomplete_image_counts_around_people_with_a_mask(tmp_path: Path):
    people = [figure_at(10, 20), figure_at(80, 20, mask=None)]
    ground_truth = one(write_data(tmp_path, [people], image={"complete": False}))
    # A tenth of the width and of the height on each side.
    assert (ground_truth.maps().valid == ~everything_but(7, 14, 36, 72)).all()


@pytest.mark.parametrize(
    ("changes", "fields", "uncounted"),
    [
        ({"crowd": True}, {}, (70, 20, 30, 60)),
        ({}, {"flaw": "two people"}, (70, 20, 30, 60)),
        ({"mask": None}, {}, (67, 14, 36, 72)),
    ],
)
def test_unknown_regions_do_not_count(tmp_path: Path, changes: dict, fields: dict, uncounted: tuple):
    people = [figure_at(10, 20), figure_at(70, 20, **changes)]
    ground_truth = one(write_data(tmp_path, [people], people=[{}, fields]))
    maps = ground_truth.maps()
    assert (maps.valid == everything_but(*uncounted)).all()
    assert maps.person.sum() == 30 * 60


def test_a_known_person_in_front_of_a_crowd_counts(tmp_path: Path):
    people = [figure_at(10, 20), figure_at(5, 15, 60, 70, crowd=True)]
    maps = one(write_data(tmp_path, [people])).maps()
    assert box(maps.valid, 10, 20, 30, 60).all()
    assert maps.valid.sum() == SIZE[0] * SIZE[1] - 60 * 70 + 30 * 60


def test_what_is_carried_counts_neither_as_person_nor_as_background(tmp_path: Path):
    bag = encode_mask(np.ones((20, 20), bool), (30, 40, 20, 20), SIZE)
    maps = one(write_data(tmp_path, [[figure_at(10, 20)]], people=[{"carried": bag}])).maps()
    assert (maps.valid == everything_but(30, 40, 20, 20)).all()
    assert maps.person.sum() == 30 * 60 - 10 * 20


def test_dense_labels_go_before_part_masks(tmp_path: Path):
    person = figure_at(10, 20)
    ground_truth = one(write_data(tmp_path, [[person]], dense=True))
    maps = ground_truth.maps()
    assert (box(maps.charts, *person.box) == person.charts).all()
    assert (box(maps.parts, *person.box) == CHART_TO_PART[person.charts]).all()
    assert box(maps.u, *person.box) == pytest.approx(person.u, abs=1e-4)


def test_a_person_without_parts_has_unknown_ones(tmp_path: Path):
    people = [figure_at(10, 20), figure_at(70, 20, parts=None, charts=None)]
    maps = one(write_data(tmp_path, [people])).maps()
    assert (box(maps.parts, 70, 20, 30, 60) == UNKNOWN).all()
    assert (box(maps.parts, 10, 20, 30, 60) != UNKNOWN).all()


@pytest.mark.parametrize("dense", [False, True])
def test_one_person_alone(tmp_path: Path, dense: bool):
    people = [figure_at(10, 20), figure_at(40, 20)]
    ground_truth = one(write_data(tmp_path, [people], dense=dense))
    maps = ground_truth.maps()
    alone = maps.only(ground_truth.people[0], (20, 10, 60, 40))
    assert alone.person.shape == (40, 60)
    assert (alone.person == (np.mgrid[:40, :60][1] < 20) & (np.mgrid[:40, :60][0] >= 10)).all()
    assert (alone.parts[alone.person] == maps.parts[10:50, 20:80][alone.person]).all()
    assert not alone.parts[~alone.person].any()
    assert (alone.charts > 0).any() == dense
    assert not alone.charts[~alone.person].any()
    assert alone.valid.all()


def test_keypoints_of_a_teacher_are_not_labelled(tmp_path: Path):
    flags = [1] * 5 + [0] * 12
    visibility = np.array([2, 1, 0] * 5 + [2, 0], np.uint8)
    keypoints = figure_at(10, 20).keypoints * (visibility[:, None] > 0)
    person = figure_at(10, 20, keypoints=keypoints, visibility=visibility)
    ground_truth = one(write_data(tmp_path, [[person]], people=[{"keypoints_pseudo": flags}]))
    assert labelled_keypoints(ground_truth.people[0]).tolist() == [
        v > 0 and i >= 5 for i, v in enumerate(visibility)
    ]


def test_area_is_the_files_else_the_masks(tmp_path: Path):
    fields = [{"area": 99.5}, {"area": None}, {"area": None, "segmentation": []}]
    ground_truth = one(write_data(tmp_path, [[figure_at(10, 20)] * 3], people=fields))
    assert [area(person) for person in ground_truth.people] == [99.5, 1800, 1800]
    assert [has_mask(person) for person in ground_truth.people] == [True, True, False]


def test_data_sets_by_folder_or_file(tmp_path: Path):
    folder = write_data(tmp_path / "a" / "photos", [[]])
    other = write_data(tmp_path / "b" / "photos", [[]])
    assert (folder.name, folder.images) == ("photos", tmp_path / "a" / "photos" / "images")
    labels = (tmp_path / "labels.json").resolve()
    labels.write_bytes(folder.annotations.read_bytes())
    paths = [folder.annotations.parent, other.annotations, labels]
    (tmp_path / "images").mkdir()
    names = [source.name for source in find_data_sets(paths)]
    assert names == ["photos", "photos-2", "labels"]
    (moved,) = find_data_sets([labels], [folder.images])
    assert (moved.annotations, moved.images) == (labels, folder.images)


def test_data_that_is_not_there(tmp_path: Path):
    source = write_data(tmp_path / "data", [[]])
    (tmp_path / "bare").mkdir()
    with pytest.raises(CocoError, match=r"bare/annotations\.json: no such annotation file"):
        find_data_sets([tmp_path / "bare"])
    with pytest.raises(CocoError, match="2 --data but 1 --images"):
        find_data_sets([tmp_path / "data"] * 2, [source.images])
    lonely = tmp_path / "bare" / "labels.json"
    lonely.write_bytes(source.annotations.read_bytes())
    with pytest.raises(CocoError, match=r"bare/images: no such folder, where the photos of .*labels\.json"):
        find_data_sets([lonely])


def test_a_bad_field_is_named_with_its_file(tmp_path: Path):
    source = write_data(tmp_path, [[figure_at(10, 20)]], people=[{"bbox": [1, 2, 3]}])
    with pytest.raises(CocoError, match=r"annotations\.json: annotation 1: bbox: has 3 numbers, not 4"):
        check_data_set(source)


@pytest.mark.parametrize(
    ("iuv", "words"),
    [
        (np.zeros((*SIZE[::-1], 3), np.uint8), "must be a 16-bit PNG with 3 channels, 128 × 96 pixels"),
        (np.zeros((9, 9, 3), np.uint16), "must be a 16-bit PNG"),
        (np.full((*SIZE[::-1], 3), 39, np.uint16), "channel 0: 39 is not a chart"),
    ],
)
def test_bad_dense_labels_are_named(tmp_path: Path, iuv: np.ndarray, words: str):
    source = write_data(tmp_path, [[figure_at(10, 20)]], dense=True)
    assert check_data_set(source) == 1
    assert cv2.imwrite(str(tmp_path / "iuv" / "0.png"), iuv)
    with pytest.raises(CocoError, match=rf"0\.png: {words}"):
        check_data_set(source)


def test_two_photos_with_one_dense_label(tmp_path: Path):
    source = write_data(tmp_path, [[figure_at(10, 20)], []], dense=True)
    data = json.loads(source.annotations.read_text())
    data["images"][1]["file_name"] = "again/0.jpg"
    source.annotations.write_text(json.dumps(data))
    with pytest.raises(CocoError, match=r"image 1: file_name: .*iuv/0\.png is the dense label of 0\.png"):
        check_data_set(source)


def test_the_limit(tmp_path: Path):
    source = write_data(tmp_path, [[], [], [figure_at(10, 20)]])
    assert check_data_set(source) == 3
    assert check_data_set(source, 2) == 2
    assert [ground_truth.photo.name for ground_truth in read_ground_truth(source, 2)] == ["0.png", "1.png"]


def test_no_images(tmp_path: Path):
    (tmp_path / "x.json").write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(CocoError, match=r"x\.json: images: there are none"):
        check_data_set(DataSet("x", tmp_path / "x.json", tmp_path, tmp_path / "iuv"))


def test_a_photo_of_two_images_is_refused(tmp_path: Path):
    source = write_data(tmp_path, [[figure_at(10, 20)], []])
    data = json.loads(source.annotations.read_text())
    data["images"][1]["file_name"] = "./0.png"
    source.annotations.write_text(json.dumps(data))
    with pytest.raises(
        CocoError, match=r"annotations\.json: image 0: file_name: the photo of the images 0, 1: give"
    ):
        one(source)


def test_a_name_that_no_dense_label_can_have_is_named(tmp_path: Path):
    source = write_data(tmp_path, [[figure_at(10, 20)]], dense=True, image={"file_name": "a" * 300 + ".png"})
    with pytest.raises(CocoError, match=r"annotations\.json: image 0: .*File name too long"):
        one(source)
