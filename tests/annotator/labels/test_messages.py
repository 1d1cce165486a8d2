"""What an error shows of a value."""

import pytest

from annotator.labels.messages import MAX_LENGTH, short, table_cell


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), ("a\nb", r"'a\nb'"), ([1, [2]], "[1, [2]]"), (None, "None")]
)
def test_a_short_value_is_shown_whole(value, text):
    assert short(value) == text


@pytest.mark.parametrize("value", [10**5000, [10**5000], {"a": -(10**5000)}], ids=["alone", "list", "dict"])
def test_a_number_that_python_does_not_write_is_no_error(value):
    assert short(value) == "a number of too many digits"


def test_a_long_value_is_cut():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for value in ("a" * 5000, 10**500, list(range(5000)), {"a" * 500: "b" * 500}, [["x" * 60] * 9] * 9, deep):
        assert len(short(value)) <= MAX_LENGTH


def test_a_name_does_not_break_a_table():
    assert table_cell("Ada | Bob\n\\|") == "Ada \\| Bob \\\\\\|"
