"""Labels that leave a real dataset for another tool and come back."""

import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.info import maps_folder
from annotator.dataset.sample_people import read_people
from annotator.formats.cvat import decode_rle, encode_rle
from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.formats.values import FormatError
from annotator.labels.people import People, Provenance
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import import_labels
from annotator.runs.dataset_run import Summary
from annotator.runs.people_writing import write_people
from tests.annotator.people_samples import SIZE, block
from tests.annotator.runs.conftest import add

OTHERS = [name for name in FORMATS if name != COCO]


@pytest.fixture
def labelled(dataset, tmp_path) -> Path:
    """The folder of two photos of the dataset: on a.png two predicted people and one whom somebody has approved, on b.png
    nobody."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "ab":
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((*SIZE[::-1], 3), np.uint8))
    add(dataset, [folder / "a.png", folder / "b.png"])
    declare_fields(dataset, Fields())
    approved = Provenance("lite", "2026-01-01T00:00:00+00:00", "approved", "Ada")
    crowd = [block(0), block(25), block(50, provenance=approved)]
    for sample, people in zip(dataset, (crowd, []), strict=True):
        folder_of_maps = maps_folder(dataset, "dp", None)
        write_people(dataset, {sample.id: People(SIZE, people)}, Fields(), folder_of_maps, Summary())
    return folder


def write(dataset, path: Path, name: str) -> Path:
    path = path / f"labels{FORMATS[name].suffix}"
    summary = export_samples(dataset, path, format=name)
    assert summary.failures == {}
    assert (summary.samples, summary.people) == (2, 3)
    return path


def found(dataset) -> list:
    """Everybody on the first photo, from left to right."""
    return sorted(read_people(dataset.first(), Fields()).people, key=lambda person: person.box)


@pytest.mark.parametrize("name", OTHERS)
def test_who_comes_back_as_they_were_has_lost_nothing(dataset, labelled, tmp_path, name):
    was = found(dataset)
    summary = import_labels(dataset, write(dataset, tmp_path, name), labelled, format=name)
    assert summary.failures == {}
    assert (summary.people, summary.kept, summary.dropped, summary.lost) == (2, 1, 1, {})
    now = found(dataset)
    assert [p.provenance.state for p in now] == ["predicted", "predicted", "approved"]
    for before, after in zip(was, now, strict=True):
        for label in ("mask", "parts", "charts", "u", "v", "visibility"):
            np.testing.assert_array_equal(getattr(after, label), getattr(before, label))
        np.testing.assert_allclose(after.keypoints, before.keypoints, atol=0.02)
        assert after.box == before.box
    models = {p.provenance.model for p in now[:2]}
    assert models == {"labels.pkl" if name == "densepose-dump" else "lite"}


def change_mask(path: Path, left: int, change) -> None:
    """Change the mask of a CVAT file that starts at a column."""
    tree = ElementTree.parse(path)
    (element,) = (mask for mask in tree.iter("mask") if mask.get("left") == str(left))
    mask = decode_rle(element.get("rle"), 20, 40)
    change(mask)
    element.set("rle", encode_rle(mask))
    tree.write(path)


def test_who_was_changed_elsewhere_counts_as_edited_and_keeps_the_charts_that_fit(
    dataset, labelled, tmp_path
):
    path = write(dataset, tmp_path, "cvat")
    change_mask(path, 25, lambda mask: mask[:2].fill(False))
    was = found(dataset)[1]
    summary = import_labels(dataset, path, labelled, format="cvat")
    first, second, _ = found(dataset)
    assert summary.lost == {}
    assert (first.provenance.state, second.provenance.state) == ("predicted", "edited")
    assert not second.mask[:2].any()
    np.testing.assert_array_equal(second.charts[2:], was.charts[2:])
    assert not second.charts[:2].any()


def test_charts_that_do_not_fit_any_more_are_counted(dataset, labelled, tmp_path):
    path = write(dataset, tmp_path, "cvat")
    change_mask(path, 25, lambda mask: mask[:15].fill(False))
    summary = import_labels(dataset, path, labelled, format="cvat")
    assert summary.lost == {"charts, U and V": 1}
    assert summary.to_dict()["lost"] == {"charts, U and V": 1}
    assert found(dataset)[1].charts is None or not found(dataset)[1].charts.any()


def test_an_export_says_what_the_format_has_no_place_for(dataset, labelled, tmp_path):
    summary = export_samples(dataset, tmp_path / "yolo", format="yolo-seg")
    assert summary.lost == {"keypoints": 3, "parts": 3, "charts, U and V": 3, "review states and comments": 1}
    assert export_samples(dataset, tmp_path / "a.json").lost == {}


@pytest.mark.parametrize("name", ["label-studio", "yolo-seg", "densepose-dump"])
def test_a_new_dataset_is_made_of_a_file(dataset, labelled, tmp_path, name, request):
    import fiftyone as fo

    path = write(dataset, tmp_path, name)
    new = f"{dataset.name}-{name}"
    request.addfinalizer(lambda: fo.delete_dataset(new) if fo.dataset_exists(new) else None)
    summary = import_labels(new, path, labelled, format=name)
    assert (summary.samples, summary.people, summary.failures) == (2, 3, {})
    assert sorted(Path(p).name for p in fo.load_dataset(new).values("filepath")) == ["a.png", "b.png"]


def test_a_bad_image_is_its_own_failure(dataset, labelled, tmp_path):
    path = write(dataset, tmp_path, "cvat")
    path.write_text(re.sub(r'rle="[^"]*"', 'rle="1, 2"', path.read_text(), count=1))
    summary = import_labels(dataset, path, labelled, format="cvat")
    (photo, reason), *others = summary.failures.items()
    assert not others
    assert photo == str(labelled / "a.png")
    assert reason.startswith(f"{path}: image 'a.png': mask number 0: rle: does not fill")
    assert len(found(dataset)) == 3


def test_a_photo_that_a_file_has_twice_is_read_once(dataset, labelled, tmp_path):
    path = write(dataset, tmp_path, "cvat")
    text = path.read_text()
    image = re.search(r"  <image .*?</image>\n", text, re.DOTALL).group()
    path.write_text(text.replace(image, image + image.replace("a.png", "./a.png")))
    summary = import_labels(dataset, path, labelled, format="cvat")
    assert list(summary.failures.values()) == [
        "the file has its photo twice, also as a.png: the first was imported"
    ]
    assert (summary.people, summary.samples) == (2, 2)


def test_a_file_without_a_photo_makes_no_dataset(labelled, dataset, tmp_path):
    import fiftyone as fo

    path = write(dataset, tmp_path, "label-studio")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="no new dataset: none of its 2 photos could be imported"):
        import_labels("none", path, tmp_path / "empty", format="label-studio")
    assert not fo.dataset_exists("none")


def test_what_is_there_is_not_replaced_by_a_folder(dataset, labelled, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(FormatError, match="is there already"):
        export_samples(dataset, tmp_path / "out", format="labelme")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"format": "voc"}, "format: 'voc' is none of coco, cvat"),
        ({"format": "cvat", "polygons": True}, "polygons: only for COCO-DensePose"),
    ],
)
def test_what_cannot_be_chosen_is_refused(dataset, labelled, tmp_path, arguments, words):
    with pytest.raises(FormatError, match=words):
        export_samples(dataset, tmp_path / "x", **arguments)
