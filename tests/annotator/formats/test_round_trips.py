"""Labels that go out in each format and come back: keypoints within 0.01 pixels, masks with an IoU of at least 0.995."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.geometry.crops import person_iou
from annotator.labels.people import People, Person, Provenance
from tests.annotator.people_samples import dense_person

SIZE = (160, 120)
OTHERS = [name for name in FORMATS if name != COCO]


def blob(seed: int) -> Person:
    """A person whose mask is in pieces, one of them a single pixel, with holes and steps."""
    rng = np.random.default_rng(seed)
    person = dense_person(seed, SIZE)
    w, h = 70, 90
    noise = cv2.GaussianBlur(rng.random((h, w)), (0, 0), 4)
    mask = noise > np.median(noise)
    mask[2:40, 5:40] = True
    mask[10:13, 10:14] = mask[20, 20] = False
    mask[-3:, -3:], mask[-2, -2] = False, True
    charts = np.where(mask, rng.integers(1, 25, (h, w)), 0).astype(np.uint8)
    u, v = rng.random((2, h, w)).astype(np.float16)
    box = (int(rng.integers(0, SIZE[0] - w)), int(rng.integers(0, SIZE[1] - h)), w, h)
    return replace(
        person, box=box, mask=mask, charts=charts, parts=None, u=u, v=v, points=None, corrections=None
    )


def photos(folder: Path, *names: str) -> Path:
    """A folder with photos of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    return folder


def round_trip(name: str, images: list[People], tmp_path: Path):
    """What comes back, and the writer."""
    folder = photos(tmp_path / "photos", *(people.file_name for people in images))
    path = tmp_path / f"out{FORMATS[name].suffix}"
    with FORMATS[name].writer(path, folder) as writer:
        for people in images:
            writer.add(people)
    return list(FORMATS[name].read(path, folder, None)), writer


@pytest.mark.parametrize("name", OTHERS)
def test_people_come_back(name, tmp_path):
    images = [People(SIZE, [blob(3 * seed), blob(3 * seed + 1)], f"set/{seed}.jpg") for seed in range(4)] + [
        People(SIZE, [], "nobody é.jpg")
    ]
    found, _ = round_trip(name, images, tmp_path)
    found = {people.file_name: people for people in found}
    assert set(found) == {people.file_name for people in images}
    holds = FORMATS[name].holds
    for people in images:
        back = found[people.file_name]
        assert back.size == SIZE
        assert len(back.people) == len(people.people)
        for person, now in zip(people.people, back.people, strict=True):
            if "mask" in holds:
                assert (
                    person_iou(person, now) == 1 if name != "yolo-seg" else person_iou(person, now) >= 0.995
                )
            else:
                assert now.mask is None
                assert now.box == person.box
            if "keypoints" in holds:
                # Unsure keypoints are no labels.
                labelled = person.labelled()
                np.testing.assert_array_equal(now.visibility, labelled)
                places = np.where(labelled[:, None] > 0, person.keypoints[:, :2], 0)
                np.testing.assert_allclose(now.keypoints[:, :2], places, atol=0.01)
            else:
                assert now.keypoints is None
            if "charts" in holds:
                np.testing.assert_array_equal(now.charts, person.charts)
                for mine, theirs in ((person.u, now.u), (person.v, now.v)):
                    np.testing.assert_array_equal(np.where(person.charts > 0, mine, 0), theirs)
                assert now.parts is not None
            else:
                assert now.charts is None


@pytest.mark.parametrize("name", ["cvat", "label-studio", "labelme"])
def test_what_was_decided_and_said_comes_back(name, tmp_path):
    person = replace(
        blob(1),
        score=0.75,
        provenance=Provenance(state="approved", comment='thumb <"hidden"> & blurred\nsee é'),
    )
    (people,), writer = round_trip(
        name, [People(SIZE, [person, replace(blob(2), score=0.5)], "a.jpg")], tmp_path
    )
    assert [p.provenance.state for p in people.people] == ["approved", "edited"]
    assert people.people[0].provenance.comment == person.provenance.comment
    assert [p.score for p in people.people] == [0.75, 0.5]
    assert writer.lost == {"charts, U and V": 2}


@pytest.mark.parametrize("name", OTHERS)
def test_people_without_a_mask_or_without_keypoints(name, tmp_path):
    only_box = Person((10, 20, 30, 40), score=0.5)
    only_mask = replace(blob(5), keypoints=None, visibility=None)
    found, writer = round_trip(name, [People(SIZE, [only_box, only_mask], "a.jpg")], tmp_path)
    (people,) = found
    if name == "yolo-seg":
        (now,) = people.people
        assert person_iou(now, only_mask) >= 0.995
        assert writer.lost["people without a mask"] == 1
        return
    box, mask = people.people
    assert (box.box, box.mask, box.keypoints) == ((10, 20, 30, 40), None, None)
    assert mask.keypoints is None


def test_every_writer_says_what_it_left_out(tmp_path):
    person = blob(1)
    lost = {}
    for name in OTHERS:
        (tmp_path / name).mkdir()
        _, writer = round_trip(name, [People(SIZE, [person], "a.jpg")], tmp_path / name)
        lost[name] = set(writer.lost)
    assert lost == {
        "cvat": {"charts, U and V"},
        "label-studio": {"charts, U and V"},
        "labelme": {"charts, U and V"},
        "yolo-pose": {"masks", "charts, U and V", "review states and comments"},
        "yolo-seg": {"keypoints", "charts, U and V", "review states and comments"},
        "densepose-dump": {"keypoints", "review states and comments"},
    }


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_left_of_a_file_that_was_not_finished(name, tmp_path):
    folder = photos(tmp_path / "photos", "a.jpg")

    def stop_after_one():
        with FORMATS[name].writer(tmp_path / "out.x", folder) as writer:
            writer.add(People(SIZE, [blob(1)], "a.jpg"))
            raise KeyError

    with pytest.raises(KeyError):
        stop_after_one()
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_results_as_json_keep_charts_and_u_v_in_steps(tmp_path):
    folder, person = photos(tmp_path / "photos", "a.jpg"), blob(4)
    with FORMATS["densepose-dump"].writer(tmp_path / "out.json", folder) as writer:
        writer.add(People(SIZE, [person], "a.jpg"))
    ((now,),) = (
        people.people for people in FORMATS["densepose-dump"].read(tmp_path / "out.json", folder, None)
    )
    np.testing.assert_array_equal(now.charts, person.charts)
    np.testing.assert_allclose(now.u, np.where(person.charts > 0, person.u, 0), atol=0.5 / 255 + 1e-3)
