"""What was before an edit is on disk, whole."""

import os
import time
from datetime import datetime

import bson
import numpy as np
import pytest

from annotator.labels.people import Person
from annotator.review import undo
from tests.annotator.people_samples import dense_person


def assert_same(a: Person, b: Person) -> None:
    for name in Person.__slots__:
        x, y = getattr(a, name), getattr(b, name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
        else:
            assert x == y, name


def test_people_come_back_as_they_were(tmp_path):
    person = dense_person(
        1,
        id=7,
        issues={"two_people": 0.5},
        corrections=np.array([[1, 2, 3, 0.4, 0.5]], np.float32),
        extra={"note": [1]},
    )
    bare = Person((0, 0, 3, 4))
    token = undo.save_people(tmp_path, {"a": person, "b": None, "c": bare})
    back = undo.load_people(tmp_path, token)
    assert list(back) == ["a", "b", "c"]
    assert back["b"] is None
    assert_same(person, back["a"])
    assert_same(bare, back["c"])


def test_documents_come_back(tmp_path):
    documents = {"a": {"tags": ["hard"], "owner": bson.ObjectId(), "seen": datetime(2026, 1, 1)}}
    token = undo.save_people(tmp_path, {"a": None}, documents=documents)
    assert undo.load_documents(tmp_path, token) == documents


def test_rows_come_back_one_by_one(tmp_path):
    rows = [["a", {"b": ["predicted", None]}], ["é\n", {}]]
    token = undo.save_rows(tmp_path, ["approved", "Ada"], iter(rows), "0123456789abcdef")
    header, count, found = undo.load_rows(tmp_path, token)
    assert (header, count, list(found)) == (["approved", "Ada"], 2, rows)
    token = undo.save_rows(tmp_path, None, iter(()), "0123456789abcdef")
    header, count, found = undo.load_rows(tmp_path, token)
    assert (header, count, list(found)) == (None, 0, [])


def test_rows_that_cannot_all_be_read_leave_no_file(tmp_path):
    def rows():
        yield 1
        raise OSError("the database is gone")

    with pytest.raises(OSError, match="gone"):
        undo.save_rows(tmp_path, None, rows(), "0123456789abcdef")
    assert not list(tmp_path.iterdir())


def test_an_edit_that_was_not_done_is_forgotten(tmp_path):
    token = undo.save_people(tmp_path, {"a": None}, "0123456789abcdef")
    undo.remove(tmp_path, token)
    assert undo.find_token(tmp_path, "0123456789abcdef") is None


@pytest.mark.parametrize("token", ["", "../../x", "0" * 28, None])
def test_an_unknown_token_is_refused(tmp_path, token):
    with pytest.raises(KeyError, match="nothing to undo"):
        undo.load_people(tmp_path, token)


def test_old_edits_are_forgotten_and_new_ones_are_not(tmp_path, monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - (undo.KEPT_DAYS + 1) * 86_400 * 10**9)
    old = undo.save_people(tmp_path, {"a": None})
    monkeypatch.setattr(time, "time_ns", lambda: now)
    new = [undo.save_people(tmp_path, {"a": None}) for _ in range(2)]
    assert sorted(os.listdir(tmp_path)) == sorted(f"{token}.npz" for token in new)
    with pytest.raises(KeyError):
        undo.load_people(tmp_path, old)


def test_an_edit_is_found_by_its_name(tmp_path):
    name = "0123456789abcdef"
    assert undo.find_token(tmp_path / "nothing yet", name) is None
    undo.save_people(tmp_path, {"a": None})
    token = undo.save_people(tmp_path, {"b": None}, name)
    assert undo.find_token(tmp_path, name) == token
    assert list(undo.load_people(tmp_path, token)) == ["b"]


@pytest.mark.parametrize("name", ["", "*", "../../../../etc", 7])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        undo.find_token(tmp_path, name)
