"""People written to samples, several at once: what is wrong with one of them concerns no other."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from bson import ObjectId

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.store import update_documents
from annotator.inference.pipeline import Annotated
from annotator.labels.people import People, Provenance
from annotator.runs import people_writing
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_run import Summary
from annotator.runs.people_writing import handfuls, write_people
from annotator.team.stages import change_stage
from tests.annotator.people_samples import SIZE, block
from tests.annotator.runs.conftest import VOTES, add, approve_elsewhere

FIELDS = Fields()


@pytest.fixture
def keys(dataset, tmp_path) -> list[str]:
    """The ids of six samples without people."""
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), i, np.uint8))
    add(dataset, paths)
    declare_fields(dataset, FIELDS)
    return dataset.values("id")


def people(*lefts: int, **changes) -> People:
    return People(SIZE, [block(left, **changes) for left in lefts])


def count_people(dataset) -> list[int | None]:
    return [labels and len(labels) for labels in dataset.values("dp_people.detections")]


def found(dataset, key: str) -> dict:
    return dataset._sample_collection.find_one({"_id": ObjectId(key)})


def test_samples_are_written_with_as_many_calls_as_one(dataset, keys, tmp_path, monkeypatch):
    from pymongo.collection import Collection

    calls = Counter()

    def count(name: str) -> None:
        call = getattr(Collection, name)

        def counted(*args, **options):
            calls[name] += 1
            return call(*args, **options)

        monkeypatch.setattr(Collection, name, counted)

    for name in ("find", "find_one", "update_one", "bulk_write"):
        count(name)
    write_people(dataset, {keys[0]: people(5)}, FIELDS, tmp_path / "maps", Summary())
    of_one = dict(calls)
    calls.clear()
    write_people(dataset, {key: people(5) for key in keys[1:]}, FIELDS, tmp_path / "maps", Summary())
    assert calls == of_one
    assert calls["bulk_write"] == 1
    assert count_people(dataset) == [1] * 6
    assert dataset.values("metadata.width") == [SIZE[0]] * 6


def test_what_is_wrong_with_one_sample_concerns_no_other(dataset, keys, tmp_path, monkeypatch):
    folder, summary = tmp_path / "maps", Summary()
    first = {key: people(5, 35) for key in keys[:4]}
    assert write_people(dataset, first, FIELDS, folder, summary) == {}
    dataset.delete_samples([keys[1]])
    approved = approve_elsewhere(dataset, keys[2])
    Path(found(dataset, keys[3])["filepath"]).unlink()
    before = found(dataset, keys[3])["dp_people"]
    large = people(5, provenance=Provenance("lite", "", comment="x" * 17 * 2**20))
    update, edited = people_writing.update_documents, []

    def edited_meanwhile(*arguments):
        if not edited:
            edited.append(approve_elsewhere(dataset, keys[0], 1))
        return update(*arguments)

    monkeypatch.setattr(people_writing, "update_documents", edited_meanwhile)
    written = dict(zip(keys, [people(5), people(5), people(5), people(5), large, people(5)], strict=True))
    summary = Summary()
    failures = write_people(dataset, written, FIELDS, folder, summary)
    assert list(failures) == [keys[1], keys[3], keys[4]]
    assert failures[keys[1]] == "the sample was deleted meanwhile"
    assert "cannot be read" in failures[keys[3]]
    assert "would take more than the 16 MB" in failures[keys[4]]
    # Of two people one was approved, the first of the third sample, which the new one is.
    assert (summary.samples, summary.people, summary.removed) == (3, 2, 2)
    assert (summary.kept, summary.dropped) == (2, 1)
    states = {str(p["_id"]): p["review"] for key in keys[::2] for p in people_of(found(dataset, key))}
    assert (states.pop(edited[0]), states.pop(approved)) == ("approved", "approved")
    assert list(states.values()) == ["predicted"]
    assert found(dataset, keys[3])["dp_people"] == before
    assert found(dataset, keys[4]).get("dp_people") is None
    assert len(people_of(found(dataset, keys[5]))) == 1


def test_a_photo_that_is_sent_to_review_meanwhile_is_left_alone(dataset, keys, tmp_path, monkeypatch):
    folder, pack = tmp_path / "maps", people_writing.replace_predictions
    write_people(dataset, {key: people(5) for key in keys[:2]}, FIELDS, folder, Summary())
    before = found(dataset, keys[0])["dp_people"]

    def send_and_pack(sample, *args, **options):
        if sample.filepath.endswith("0.png"):
            change_stage(dataset, FIELDS, keys[0], "send", "Ada")
        return pack(sample, *args, **options)

    monkeypatch.setattr(people_writing, "replace_predictions", send_and_pack)
    summary = Summary()
    assert write_people(dataset, {key: people(35) for key in keys[:2]}, FIELDS, folder, summary) == {}
    assert (summary.samples, summary.skipped, summary.removed) == (1, 1, 1)
    assert found(dataset, keys[0])["dp_people"] == before


def people_of(document: dict) -> list[dict]:
    return (document.get("dp_people") or {"detections": []})["detections"]


def test_of_several_updates_those_are_told_that_were_not_made(dataset, keys):
    """Somebody saves one sample, with the very time that the update has, and deletes another."""
    samples, time = (
        dataset._sample_collection,
        datetime(2100, 1, 1),
    )  # which FiftyOne, too, keeps without a zone
    samples.update_many({}, {"$set": {"last_modified_at": time}})
    documents = [found(dataset, key) for key in keys[:4]]
    updates = [(document, {"dp_source": {"edits": [str(i)]}}) for i, document in enumerate(documents)]
    theirs = {"dp_source": {"edits": ["theirs"]}, "last_modified_at": time + timedelta(milliseconds=1)}
    samples.update_one({"_id": documents[1]["_id"]}, {"$set": theirs})
    dataset.delete_samples([keys[2]])
    results = update_documents(dataset, updates, "dp_source")
    assert [result is not None for result in results] == [True, False, False, True]
    assert theirs.items() <= found(dataset, keys[1]).items()
    for i in (0, 3):
        assert found(dataset, keys[i])["dp_source"] == {"edits": [str(i)]}
        assert found(dataset, keys[i])["last_modified_at"] == results[i]["last_modified_at"]
    assert update_documents(dataset, [], "dp_source") == []


@pytest.mark.parametrize("is_followed", [True, False])
def test_photos_that_count_as_done_are_saved(dataset, keys, tmp_path, tiny_model, monkeypatch, is_followed):
    monkeypatch.setattr(people_writing, "AT_ONCE", 4)

    class Known(Annotation):
        def __iter__(self):
            return self._save_all(self._results(), None)

        def _results(self):
            for i, path in enumerate(self._photos()):
                failure = "too dark" if i == 1 else None
                yield Annotated(Path(path), None if failure else people(5), failure, is_followed=is_followed)

    run = Known(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    saved = []
    for _ in run:
        written = [
            bool(labels or failed)
            for labels, failed in zip(count_people(dataset), failed_of(dataset), strict=True)
        ]
        saved.append(sum(written))
        if len(saved) == 5:
            break  # as a run that is cancelled
    assert saved == ([4, 4, 4, 4, 6] if is_followed else [1, 2, 3, 4, 5])
    assert list(run.summary.failures.values()) == ["too dark"]
    assert run.summary.samples == saved[-1] - 1
    again = Known(dataset, tiny_model, settings=VOTES, maps_dir=tmp_path / "maps")
    assert len(again) == 6 - run.summary.samples


def failed_of(dataset) -> list[str | None]:
    return dataset.values("dp_failure")


@pytest.mark.parametrize(
    ("sides", "followed", "sizes"),
    [
        ([10] * 5, [True] * 5, [3, 2]),
        ([10] * 5, [True, False, True, True, False], [2, 3]),
        ([10, 5000, 10, 10], [True] * 4, [2, 2]),
        ([None, None], [True, True], [2]),
        ([], [], []),
    ],
)
def test_handfuls_are_small_and_wait_for_nobody(monkeypatch, sides, followed, sizes):
    monkeypatch.setattr(people_writing, "AT_ONCE", 3)
    items = list(zip(sides, followed, strict=True))
    lists = list(handfuls(items, lambda item: item[0] and People((item[0], item[0])), lambda item: item[1]))
    assert [len(handful) for handful in lists] == sizes
    assert list(chain(*lists)) == items


def test_what_came_before_an_error_is_in_a_handful():
    def items():
        yield 1
        raise OSError("gone")

    found = handfuls(items(), lambda _: None)
    assert next(found) == [1]
    with pytest.raises(OSError, match="gone"):
        next(found)
