"""What an error shows of a value."""

import pytest

from annotator.labels.messages import MAX_LENGTH, short


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), ("a\nb", r"'a\nb'"), ([1, [2]], "[1, [2]]"), (None, "None")]
)
def test_a_short_value_is_shown_whole(value, text):
    assert short(value) == text


def test_a_long_value_is_cut():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for value in ("a" * 5000, 10**500, list(range(5000)), {"a" * 500: "b" * 500}, [["x" * 60] * 9] * 9, deep):
        assert len(short(value)) <= MAX_LENGTH
