"""Datasets annotated, with a real MongoDB and ONNX Runtime; errors of all runs over a dataset."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.dataset.fields import FieldError, Fields
from annotator.dataset.photo_index import PhotoIndex
from annotator.dataset.sample_people import read_people
from annotator.inference.network import DEFAULT_MODEL, ModelError, Network
from annotator.photos.reading import photo_size
from annotator.runs import dataset_run, people_writing
from annotator.runs.dataset_annotation import Annotation, annotate_samples
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import import_labels
from tests.annotator.conftest import draw_photo
from tests.annotator.disk_events import are_lasting, record_disk_events
from tests.annotator.inference.failing import GREY, write_failing
from tests.annotator.photos.odd_photos import write_odd_photos
from tests.annotator.runs.conftest import SETTINGS, VOTES, add, approve_elsewhere, people

ROOT = Path(__file__).resolve().parents[3]


def test_photos_are_annotated_and_bad_ones_listed(dataset, photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    add(dataset, [photos[0], bad, *photos[1:]])
    run = Annotation(dataset, settings=SETTINGS)
    assert (len(run), list(run)) == (4, [1, 2, 3, 4])
    summary = run.summary
    assert summary.samples == 3
    assert summary.people == len(people(dataset)) > 0
    assert summary.failures == {str(bad): "the file is empty"}
    failed = dataset.match({"dp_failure": {"$ne": None}})
    assert failed.values("filepath") == [str(bad)]
    assert failed.first().dp_people is None
    for person in people(dataset):
        assert person.review == "predicted"
        assert person.model
        assert person.time
        assert 0 <= person.quality_mask <= 1


def test_photos_are_summarized_for_the_review_while_they_are_annotated(
    dataset, photos, tmp_path, monkeypatch, tiny_model
):
    monkeypatch.setattr(dataset_run, "SUMMARIZE_EVERY", 2)
    monkeypatch.setattr(people_writing, "AT_ONCE", 1)
    (tmp_path / "bad.jpg").write_bytes(b"")
    add(dataset, [tmp_path / "bad.jpg", *photos])
    summarized = []
    for _ in Annotation(dataset, tiny_model, settings=VOTES):
        summarized.append(PhotoIndex(dataset, Fields()).photos.count_documents({}))
    assert summarized == [0, 1, 1, 3]


def test_a_photo_on_which_the_model_fails_is_listed_and_tried_again(dataset, tmp_path, tiny_model):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((96, 128, 3), GREY, np.uint8))
    good = [draw_photo(tmp_path / f"{i}.png", [(8, 20, 36, 60, 10)]) for i in range(2)]
    add(dataset, [good[0], tmp_path / "grey.png", good[1]])
    model = write_failing(tiny_model, tmp_path / "m.onnx", on_grey="nan", largest_batch=1)
    summary = annotate_samples(dataset, model, settings=replace(VOTES, batch_size=4))
    assert (summary.samples, summary.people) == (2, 2)
    failure = "output `person` has values that are NaN or infinite"
    assert summary.failures == {str(tmp_path / "grey.png"): failure}
    assert dataset.values("dp_failure") == [None, failure, None]
    assert annotate_samples(dataset, tiny_model, settings=VOTES).samples == 1
    assert dataset.values("dp_failure") == [None] * 3


def test_a_model_that_fails_on_every_photo_ends_the_run(dataset, tmp_path, tiny_model):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((96, 128, 3), GREY, np.uint8))
    copies = [shutil.copy(tmp_path / "grey.png", tmp_path / f"{i}.png") for i in range(40)]
    add(dataset, copies)
    run = Annotation(dataset, write_failing(tiny_model, tmp_path / "m.onnx", on_grey="fails"), settings=VOTES)
    with pytest.raises(
        ModelError, match=r"m\.onnx: it or its finder fails on every photo: ONNX Runtime failed"
    ):
        run.run()
    assert len(run.summary.failures) < 20


def test_a_view_restricts_the_run(dataset, photos):
    add(dataset, photos)
    summary = annotate_samples(dataset[:1], settings=SETTINGS)
    assert summary.samples == 1
    assert len(dataset.exists("dp_people")) == 1


def test_photos_with_labels_are_skipped(dataset, photos):
    add(dataset, photos)
    annotate_samples(dataset[:2], settings=SETTINGS)
    ids = [person.id for person in people(dataset)]
    summary = annotate_samples(dataset, settings=SETTINGS)
    assert (summary.samples, summary.skipped) == (1, 2)
    assert ids == [person.id for person in people(dataset)][: len(ids)]


def test_replacing_leaves_the_people_of_humans(dataset, photos):
    add(dataset, photos)
    annotate_samples(dataset, settings=SETTINGS)
    sample = dataset.first()
    touched = max(sample.dp_people.detections, key=lambda d: d.bounding_box[2] * d.bounding_box[3])
    touched.mask = np.ones_like(touched.mask)
    sample.save()
    untouched = {d.id for d in people(dataset)} - {touched.id}
    summary = annotate_samples(dataset, settings=SETTINGS, overwrite="replace")
    assert summary.kept == 1
    assert summary.dropped >= 1
    after = {d.id: d for d in people(dataset)}
    assert after[touched.id].mask.all()
    assert after[touched.id].review == "edited"
    assert not untouched & set(after)


def test_an_edit_is_kept_that_a_sample_in_memory_does_not_know(dataset, sample, tiny_model, tmp_path):
    approved = approve_elsewhere(dataset, sample.id)
    assert sample.dp_people.detections[0].review == "predicted"
    summary = annotate_samples(dataset, tiny_model, overwrite="replace", maps_dir=tmp_path / "maps")
    assert summary.kept == 1
    assert [(person.id, person.review) for person in people(dataset)] == [(approved, "approved")]


def test_an_edit_is_kept_that_is_saved_while_people_are_replaced(
    dataset, sample, tiny_model, tmp_path, monkeypatch
):
    replace_predictions, approved = people_writing.replace_predictions, []

    def replace_slowly(*args, **options):
        replaced = replace_predictions(*args, **options)
        if not approved:
            approved.append(approve_elsewhere(dataset, sample.id))
        return replaced

    monkeypatch.setattr(people_writing, "replace_predictions", replace_slowly)
    summary = annotate_samples(dataset, tiny_model, overwrite="replace", maps_dir=tmp_path / "maps")
    assert (summary.samples, summary.kept) == (1, 1)
    assert [(person.id, person.review) for person in people(dataset)] == [(approved[0], "approved")]


def test_what_is_wrong_with_one_image_stops_no_other(dataset, sample, tiny_model, tmp_path):
    approve_elsewhere(dataset, sample.id)
    (lost,) = dataset.values("dp_u.map_path")
    Path(lost).unlink()
    good, gone = (draw_photo(tmp_path / f"{name}.png", [(30, 20, 40, 50, 100)]) for name in ("good", "gone"))
    add(dataset, [gone, good])
    before = dataset.values("dp_people.detections.id")[0]
    run = Annotation(dataset, tiny_model, settings=VOTES, overwrite="replace", maps_dir=tmp_path / "maps")
    dataset.delete_samples(dataset.match({"filepath": str(gone)}))
    assert list(run) == [1, 2, 3]
    assert run.summary.samples == 1
    assert list(run.summary.failures) == [sample.filepath, str(gone)]
    reason = run.summary.failures[sample.filepath]
    assert reason.startswith(f"{lost}: missing")
    assert run.summary.failures[str(gone)] == "the sample was deleted meanwhile"
    assert dataset.values("dp_failure") == [reason, None]
    now = dataset.values("dp_people.detections.id")
    assert now[0] == before
    assert len(now[1]) == 1
    assert dataset.last().metadata.width == 128


def test_the_size_is_that_of_the_upright_photo(dataset, tiny_model, tmp_path):
    names = list(write_odd_photos(tmp_path))
    add(dataset, [tmp_path / name for name in names])
    dataset.compute_metadata()  # FiftyOne's own: PNG and AVIF files are not turned, JPEGs by XMP, too
    annotate_samples(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    for sample in dataset:
        size = photo_size(sample.filepath)
        assert (sample.metadata.width, sample.metadata.height) == size, sample.filepath
        assert read_people(sample, Fields("dp")).size == size, sample.filepath
    export_samples(dataset, tmp_path / "labels.json", images_dir=tmp_path)
    imported = import_labels(dataset, tmp_path / "labels.json", tmp_path, prefix="again")
    assert (imported.samples, imported.failures) == (len(names), {})


def test_maps_are_on_the_disk_before_the_label_that_refers_to_them(
    dataset, tiny_model, tmp_path, monkeypatch
):
    add(dataset, [draw_photo(tmp_path / "a.png", [(30, 20, 40, 50, 100)])])
    events, update, saved = record_disk_events(monkeypatch), people_writing.update_documents, []

    def recorded_update(dataset, updates, mark):
        for _, values in updates:
            maps = [Path(values[f"dp_{name}"]["map_path"]) for name in ("u", "v")]
            maps.append(Path(values["dp_charts"]["mask_path"]))
            saved.append(are_lasting(events, maps))
        return update(dataset, updates, mark)

    monkeypatch.setattr(people_writing, "update_documents", recorded_update)
    annotate_samples(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    assert saved == [True]


def test_two_prefixes_do_not_meet(dataset, photos):
    add(dataset, photos[:1])
    for prefix in ("dp", "other"):
        annotate_samples(dataset, settings=SETTINGS, prefix=prefix)
    assert len(people(dataset)) == len(people(dataset, "other")) > 0
    sample = dataset.first()
    assert Path(sample.dp_charts.mask_path).parent != Path(sample.other_charts.mask_path).parent


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_killed_run_goes_on_where_it_stopped(dataset, photos, at_once):
    dataset.persistent = True
    add(dataset, photos)
    code = (
        "import sys, fiftyone as fo\n"
        "from dataclasses import replace\n"
        "from annotator.runs import people_writing\n"
        "from annotator.runs.dataset_annotation import Annotation\n"
        "from annotator.inference.decoding import Settings\n"
        "class Following(Annotation):\n"
        "    def _save_all(self, results, finder):\n"
        "        return super()._save_all((replace(r, is_followed=True) for r in results), finder)\n"
        f"people_writing.AT_ONCE = {at_once}\n"
        f"run = Following(fo.load_dataset({dataset.name!r}), settings=Settings(confidence=0.05))\n"
        "for done in run:\n"
        "    print(done, flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # FiftyOne may print notices of its own first.
    while (line := child.stdout.readline()) and line.strip() != "1":
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    dataset.reload()
    assert len(dataset.exists("dp_people")) == len(dataset.exists("dp_source")) == at_once
    before = dataset.exists("dp_people").first().to_dict()["dp_people"]
    summary = annotate_samples(dataset, settings=SETTINGS)
    assert (summary.samples, summary.skipped) == (3 - at_once, at_once)
    assert dataset.first().to_dict()["dp_people"] == before


def test_errors_name_what_is_wrong(dataset, photos, tmp_path):
    add(dataset, photos)
    with pytest.raises(FieldError, match="no field 'dp_people'"):
        export_samples(dataset, tmp_path / "labels.json")
    with pytest.raises(ValueError, match="overwrite: 'all'"):
        annotate_samples(dataset, overwrite="all")
    with pytest.raises(FileNotFoundError, match=r"none\.json: no such file"):
        import_labels(dataset, tmp_path / "none.json", tmp_path)
    assert "dp_people" not in dataset.get_field_schema()


def test_a_run_that_is_not_started_writes_nothing(dataset, photos, tmp_path):
    add(dataset, photos)
    schema = dataset.get_field_schema(flat=True).keys()
    assert len(Annotation(dataset, maps_dir=tmp_path / "maps")) == 3
    dataset.reload()
    assert dataset.get_field_schema(flat=True).keys() == schema
    assert dataset.info == {}
    assert not (tmp_path / "maps").exists()


def test_a_model_that_cannot_run_leaves_no_trace(dataset, photos, tmp_path):
    class Broken(Network):
        def run(self, images):
            raise RuntimeError("the device is gone")

    add(dataset, photos)
    run = Annotation(dataset, maps_dir=tmp_path / "maps")
    run.network = Broken(run.network.path)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run.run()
    dataset.reload()
    assert "dp_people" not in dataset.get_field_schema()
    assert dataset.info == {}


def test_a_run_says_how_far_it_is(dataset, photos):
    add(dataset, photos)
    steps = []
    summary = Annotation(dataset, settings=SETTINGS).run(steps.append)
    assert (summary.samples, steps) == (3, [1, 2, 3])


def test_a_run_can_be_stopped_and_says_how_long_it_is(dataset, photos, monkeypatch):
    monkeypatch.setattr(people_writing, "AT_ONCE", 1)
    add(dataset, photos)
    run = Annotation(dataset, DEFAULT_MODEL, settings=SETTINGS)
    assert len(run) == 3
    steps = iter(run)
    next(steps)
    start = time.monotonic()
    steps.close()
    assert time.monotonic() - start < 10
    assert len(dataset.exists("dp_people")) == 1


def test_people_added_in_review_are_labelled_by_the_model_that_labelled_the_rest(
    dataset, photos, tiny_model, tmp_path
):
    from annotator.inference.network import DEFAULT_MODEL
    from annotator.review.session import Review

    mine = Path(shutil.copy(tiny_model, tmp_path / "mine.onnx"))
    add(dataset, photos)
    annotate_samples(dataset, mine, maps_dir=tmp_path / "maps")
    assert Review(dataset).model == mine
    assert Review(dataset, model=tiny_model).model == tiny_model
    mine.unlink()
    assert Review(dataset).model == DEFAULT_MODEL
