"""Corrections of a real dataset, written as data sets that training and evaluation read."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bson import ObjectId

from annotator.coco.parsing import CocoError
from annotator.dataset.fields import FieldError, Fields, declare_fields
from annotator.dataset.possible_people import decide_possible
from annotator.dataset.sample_people import read_people, replace_predictions
from annotator.evaluation.ground_truth import DataSet, find_data_sets, has_mask, read_ground_truth
from annotator.labels.people import People, PossiblePerson, Provenance
from annotator.retraining.corrections import (
    BY_HUMANS,
    BY_MODEL,
    NOT_REVIEWED,
    read_corrections,
    read_left_out,
    write_corrections,
)
from model.sources import Record, Source, read_source
from tests.annotator.labelled_photos import SIZE, figure_at
from tests.annotator.partial_views import PARTIAL_VIEWS

FIELDS = Fields()


def painted(record: Record):
    """What training reads."""
    from model.canvas import paint

    return paint(record, SIZE[::-1])


def add(dataset, folder, *states: str, by_hand: int = 0, **changes):
    """Add a photo with one person per state, and so many whom a human added, 40 pixels apart; returns the sample."""
    made = [Provenance("lite", "", state, "") for state in states]
    made += [Provenance("", "", "edited", "me", edited=True)] * by_hand
    people = [figure_at(5 + 40 * i, 10, provenance=one, **changes) for i, one in enumerate(made)]
    return add_people(dataset, folder, people)


def add_people(dataset, folder, people):
    """Add a photo with people; returns the sample."""
    import fiftyone as fo

    path = folder / f"{len(dataset)}.png"
    cv2.imwrite(str(path), np.random.default_rng(len(dataset)).integers(0, 9, (*SIZE[::-1], 3), np.uint8))
    sample = fo.Sample(filepath=str(path))
    dataset.add_sample(sample)
    declare_fields(dataset, FIELDS)
    replace_predictions(sample, People(SIZE, people), FIELDS, folder / "maps")
    sample.save()
    return sample


def read(part) -> dict:
    return json.loads((part.folder / "annotations.json").read_text())


def records_of(part) -> dict:
    """By sample id what training reads."""
    folder = part.folder
    source = Source(str(folder / "annotations.json"), str(folder / "images"), iuv=str(folder / "iuv"))
    return {record.path.stem: record for record in read_source(source)}


def test_people_edited_by_the_brush_of_the_app_teach_too(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved")
    brushed, untouched = (add(dataset, tmp_path, "predicted") for _ in range(2))
    mask = brushed[FIELDS.people].detections[0].mask.copy()
    mask[:4] = False
    brushed[FIELDS.people].detections[0].mask = mask
    brushed.save()
    parts = write_corrections(dataset, tmp_path / "out")
    names = {image["file_name"] for part in parts for image in read(part)["images"]}
    assert f"{brushed.id}.png" in names
    assert f"{untouched.id}.png" not in names


def test_only_people_that_a_human_answers_for(dataset, tmp_path):
    whole = add(dataset, tmp_path, "approved", "edited")
    other = add(dataset, tmp_path, "edited")
    mixed = add(dataset, tmp_path, "approved", "predicted", "rejected")
    add(dataset, tmp_path, "predicted")
    add(dataset, tmp_path, "rejected")
    parts = write_corrections(dataset, tmp_path / "out")
    assert [part.photos for part in parts] == [1, 1, 1]
    assert sum(part.people for part in parts) == 4
    images = {image["file_name"]: image for part in parts for image in read(part)["images"]}
    assert set(images) == {f"{sample.id}.png" for sample in (whole, other, mixed)}
    assert images[f"{whole.id}.png"].get("complete", True)
    assert images[f"{mixed.id}.png"]["complete"] is False


def test_a_photo_is_complete_once_nobody_may_be_missing(dataset, tmp_path):
    samples = [add(dataset, tmp_path, "approved") for _ in range(3)]
    for sample in samples:
        people = People(read_people(sample, FIELDS).size, possible=[PossiblePerson((0, 0, 4, 4), 0.5)])
        replace_predictions(sample, people, FIELDS, tmp_path / "maps")
        sample.save()
    (label,) = samples[0][FIELDS.possible].detections
    decide_possible(samples[0], FIELDS, {label.id: "dismissed"})
    samples[0].save()
    parts = write_corrections(dataset, tmp_path / "out")
    complete = {
        image["file_name"]: image.get("complete", True) for part in parts for image in read(part)["images"]
    }
    assert complete == {f"{sample.id}.png": sample is samples[0] for sample in samples}


def test_the_finder_learns_who_was_added_and_that_nobody_is_where_people_were_deleted(dataset, tmp_path):
    """Where all are reviewed; where some are not, it learns nothing about the rest."""
    import fiftyone as fo

    from model.finder.losses import IGNORED, PERSON
    from model.finder.samples import FinderAugmentation, make_sample

    whole = add(dataset, tmp_path, "approved", by_hand=1)
    mixed = add(dataset, tmp_path, "approved", "predicted", by_hand=1)
    added = add(dataset, tmp_path, by_hand=1)
    deleted = add(dataset, tmp_path, "approved", "predicted")
    deleted[FIELDS.people] = fo.Detections(detections=deleted[FIELDS.people].detections[:1])
    deleted.save()
    empty = add(dataset, tmp_path)
    empty[FIELDS.source] = {"nobody": {"author": "me", "time": ""}}
    empty.save()
    unseen = add(dataset, tmp_path)
    parts = write_corrections(dataset, tmp_path / "out")
    assert sum(part.by_humans for part in parts) == 3
    records = {key: record for part in parts for key, record in records_of(part).items()}
    assert empty.id in records_of(parts[0])
    assert unseen.id not in records
    plain, kinds = FinderAugmentation(mosaic=0, scale=(0.5, 0.5), flip=0), {}
    for key, record in records.items():
        _, labels = make_sample([record], max(SIZE), plain, np.random.default_rng(0))
        kinds[key] = [int(kind) for kind in labels[:, 4] if kind]
    assert kinds[whole.id] == [PERSON] * 2
    assert kinds[added.id] == kinds[deleted.id] == [PERSON]
    assert kinds[empty.id] == []
    # The whole of the photo is ignored, and who was not reviewed.
    assert sorted(kinds[mixed.id]) == [IGNORED] * 2 + [PERSON] * 2


def test_training_reads_every_pixel_as_it_was_corrected(dataset, tmp_path):
    samples = [add(dataset, tmp_path, "edited") for _ in range(3)]
    records = {}
    for part in write_corrections(dataset, tmp_path / "out"):
        records |= records_of(part)
    person = figure_at(5, 10)
    x, y, w, h = person.box
    for sample in samples:
        canvas = painted(records[sample.id])
        np.testing.assert_array_equal(canvas.labels[y : y + h, x : x + w, 2], person.charts)
        np.testing.assert_allclose(canvas.uv[y : y + h, x : x + w, 0] / 255, person.u, atol=0.003)


def test_who_was_not_reviewed_counts_nowhere(dataset, tmp_path):
    """Also where such a person stands in the surroundings of one who was."""
    import fiftyone as fo

    from model.label_values import IGNORE

    for _ in range(3):
        path = tmp_path / f"{len(dataset)}.png"
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), len(dataset), np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        declare_fields(dataset, FIELDS)
        approved, predicted = (
            figure_at(x, 10, provenance=Provenance("lite", "", state, ""))
            for x, state in ((5, "approved"), (36, "predicted"))
        )
        replace_predictions(sample, People(SIZE, [approved, predicted]), FIELDS, tmp_path / "maps")
        sample.save()
    parts = write_corrections(dataset, tmp_path / "out")
    assert [part.people for part in parts] == [1, 1, 1]
    (record,) = records_of(parts[0]).values()
    x, y, w, h = predicted.box
    labels = painted(record).labels
    assert (labels[y : y + h, x : x + w, 0] == IGNORE).all()
    (source,) = find_data_sets([parts[2].folder])
    (ground_truth,) = read_ground_truth(source)
    assert not ground_truth.maps().valid[y : y + h, x : x + w].any()


def test_whose_labels_are_the_models_own_is_left_out_of_a_file_of_the_last_part(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "edited", "approved", "predicted")
    part = write_corrections(dataset, tmp_path / "out")[2]
    assert (part.people, part.by_humans) == (2 * part.photos, part.photos)
    data = json.loads((part.folder / BY_HUMANS).read_text())
    flaws = Counter(annotation.get("flaw") for annotation in data["annotations"])
    assert flaws == Counter({None: part.photos, BY_MODEL: part.photos, NOT_REVIEWED: part.photos})
    assert all(image["complete"] is False for image in data["images"])
    for ground_truth in read_ground_truth(
        DataSet("x", part.folder / BY_HUMANS, part.folder / "images", part.folder / "iuv")
    ):
        assert ground_truth.maps().person.any() == any(map(has_mask, ground_truth.people))


def test_a_part_that_was_painted_teaches_and_is_measured(dataset, tmp_path):
    from model.label_values import SOME

    """Where the charts say another part, or nothing, the parts count."""
    whole = figure_at(5, 10)
    parts, charts = whole.parts.copy(), whole.charts.copy()
    parts[:10], charts[:5] = 4, 0
    for _ in range(3):
        add(dataset, tmp_path, "edited", parts=parts, charts=charts)
    first, _, last = write_corrections(dataset, tmp_path / "out")
    (record,) = records_of(first).values()
    x, y, w, h = whole.box
    labels = painted(record).labels[y : y + h, x : x + w]
    np.testing.assert_array_equal(labels[..., 1], parts)
    assert (labels[:10, :, 2] == SOME).all()
    np.testing.assert_array_equal(labels[10:, :, 2], charts[10:])
    (source,) = find_data_sets([last.folder])
    (ground_truth,) = read_ground_truth(source)
    maps = ground_truth.maps()
    np.testing.assert_array_equal(maps.parts[y : y + h, x : x + w], parts)
    assert not maps.charts[y : y + 10, x : x + w].any()


def test_people_of_two_files_have_ids_of_their_own(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved", "approved", id=7)
    for part in write_corrections(dataset, tmp_path / "out"):
        assert [annotation["id"] for annotation in read(part)["annotations"]] == [1, 2]


def test_evaluation_reads_them(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved")
    *_, held_out = write_corrections(dataset, tmp_path / "out")
    (source,) = find_data_sets([held_out.folder])
    (ground_truth,) = read_ground_truth(source)
    assert ground_truth.photo.resolve() in {path.resolve() for path in tmp_path.glob("*.png")}
    assert ground_truth.maps().charts.max() == 24


def test_people_without_charts_have_their_parts(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved", charts=None, u=None, v=None)
    part, *_ = write_corrections(dataset, tmp_path / "out")
    record = next(iter(records_of(part).values()))
    assert record.iuv is None
    assert painted(record).labels[40, 20, 1] == figure_at(5, 10).parts[30, 15]


@pytest.mark.parametrize("lacks", ["charts", "all of the surface", "dense labels, but has points"])
def test_one_without_charts_leaves_the_dense_labels_of_the_others(dataset, tmp_path, lacks: str):
    """Where both overlap, the first is in front; what the other lacks there is not the first one's."""
    from model.label_values import SOME

    whole, other = figure_at(5, 10), figure_at(25, 10)
    points = np.array([[40.5, 30.5, 2, 0.25, 0.75], [45.5, 50.5, 3, 0.5, 0.5]])
    nothing = {"charts": None, "u": None, "v": None}
    changes = {
        "charts": nothing,
        "all of the surface": nothing | {"parts": None},
        "dense labels, but has points": {"points": points},
    }[lacks]
    approved = Provenance("lite", "", "approved", "")
    first, second = (replace(person, provenance=approved) for person in (replace(other, **changes), whole))
    for _ in range(3):
        add_people(dataset, tmp_path, [first, second])
    train, _, held_out = write_corrections(dataset, tmp_path / "out")
    (record,) = records_of(train).values()
    canvas = painted(record)
    labels = canvas.labels[10:70]
    np.testing.assert_array_equal(labels[:, 5:25, 2], whole.charts[:, :20])
    np.testing.assert_array_equal(labels[:, 5:25, 1], whole.parts[:, :20])
    assert (labels[:, 5:55, 0] == 1).all()
    assert (labels[:, 25:55, 2] == SOME).all()
    if lacks == "charts":
        np.testing.assert_array_equal(labels[:, 35:55, 1], other.parts[:, 10:])
    elif lacks == "all of the surface":
        assert (labels[:, 35:55, 1] == SOME).all()
    else:
        (kept,) = (person.points for person in canvas.people if person.points is not None)
        np.testing.assert_allclose(kept[:2], points, atol=0.01)
    (source,) = find_data_sets([held_out.folder])
    (ground_truth,) = read_ground_truth(source)
    maps = ground_truth.maps()
    np.testing.assert_array_equal(maps.charts[10:70, 5:25], whole.charts[:, :20])
    assert not maps.charts[10:70, 25:55].any()
    assert maps.valid.all()


def test_a_held_out_photo_stays_held_out(dataset, tmp_path):
    for _ in range(12):
        add(dataset, tmp_path, "approved")
    *_, before = write_corrections(dataset, tmp_path / "first", held_out=0.5)
    for _ in range(12):
        add(dataset, tmp_path, "approved")
    parts = write_corrections(dataset, tmp_path / "second", held_out=0.5)
    was, *names = [{image["file_name"] for image in read(part)["images"]} for part in (before, *parts)]
    assert was <= names[2]
    assert min(map(len, names)) >= 1
    assert len(set.union(*names)) == sum(map(len, names)) == 24


def test_photos_that_are_moved_stay_in_their_parts(dataset, tmp_path):
    for _ in range(12):
        add(dataset, tmp_path, "approved")
    parts = write_corrections(dataset, tmp_path / "first", held_out=0.5)
    (tmp_path / "elsewhere").mkdir()
    paths = dataset.values("filepath")
    dataset.set_values("filepath", [shutil.move(path, tmp_path / "elsewhere") for path in paths])
    again = write_corrections(dataset, tmp_path / "second", held_out=0.5)
    assert [read(part)["images"] for part in again] == [read(part)["images"] for part in parts]


@pytest.mark.parametrize("view", PARTIAL_VIEWS)
def test_what_a_view_hides_is_no_correction(dataset, tmp_path, view):
    for _ in range(3):
        add(dataset, tmp_path, "predicted", "predicted")
    with pytest.raises(FieldError, match="there are 0"):
        write_corrections(view(dataset), tmp_path / "out")
    for _ in range(3):
        add(dataset, tmp_path, "approved", "predicted")
    parts = write_corrections(view(dataset), tmp_path / "out")
    assert sum(part.people for part in parts) == 3


@pytest.mark.parametrize("states", [(), ("predicted",) * 3, ("approved", "edited")])
def test_too_few_corrections(dataset, tmp_path, states):
    for state in states:
        add(dataset, tmp_path, state)
    with pytest.raises(FieldError, match=r"dp_people|at least 3"):
        write_corrections(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_corrections_that_cannot_be_read_leave_no_trace(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved")
    Path(dataset.values("dp_u.map_path")[1]).unlink()
    with pytest.raises(FieldError, match=r"1\.png cannot be used: .*missing"):
        write_corrections(dataset, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_what_a_killed_process_left_is_replaced(dataset, tmp_path):
    for _ in range(3):
        add(dataset, tmp_path, "approved")
    (tmp_path / "out.partial" / "train").mkdir(parents=True)
    parts = write_corrections(dataset, tmp_path / "out")
    assert [part.photos for part in parts] == [1, 1, 1]
    assert not (tmp_path / "out.partial").exists()
    assert read_corrections(tmp_path / "out") == parts


def test_two_samples_of_one_photo_are_refused(dataset, tmp_path):
    samples = [add(dataset, tmp_path, "approved") for _ in range(4)]
    (tmp_path / "link.png").symlink_to(samples[0].filepath)
    samples[3]["filepath"] = str(tmp_path / "link.png")
    samples[3].save()
    with pytest.raises(
        CocoError, match=r"link\.png is the photo of several samples, also as .*0\.png: take a view"
    ):
        write_corrections(dataset, tmp_path / "corrections")
    assert not (tmp_path / "corrections").exists()
    write_corrections(dataset[:3], tmp_path / "corrections")


def test_photos_and_labels_that_cannot_be_read_are_left_out_and_named(dataset, tmp_path):
    samples = [add(dataset, tmp_path, "approved") for _ in range(5)]
    bad = samples[0]
    box = f"{FIELDS.people}.detections.0.bounding_box"
    dataset._sample_collection.update_one({"_id": ObjectId(bad.id)}, {"$set": {box: [np.nan] * 4}})
    Path(samples[1].filepath).unlink()
    parts = write_corrections(dataset, tmp_path / "out")
    assert [part.photos for part in parts] == [1, 1, 1]
    left_out = read_left_out(tmp_path / "out")
    assert list(left_out) == [bad.filepath, samples[1].filepath]
    assert "bounding_box is [nan, nan, nan, nan]" in left_out[bad.filepath]
    assert "No such file" in left_out[samples[1].filepath]
    Path(samples[2].filepath).unlink()
    with pytest.raises(FieldError, match=r"there are 2; .*0\.png cannot be used: dp_people, label"):
        write_corrections(dataset, tmp_path / "again")
