"""Edits as JSON has them: what is wrong is refused, by kind and field, in one line."""

import numpy as np
import pytest

from annotator.review.edits import EditError, parse_edit

CLICK = {"kind": "set_keypoint", "person": "a", "keypoint": 1, "visibility": 2, "x": 20, "y": 30}
STROKE = {"kind": "paint", "person": "a", "layer": "mask", "points": [[20, 30]], "radius": 3}
CORRECTION = {"kind": "correct_surface", "person": "a"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "p" * 5000}, r"edit: kind must be one of .*, not 'p{79}$"),
        ({"kind": "delete", "person": "1", "x" * 5000: 1}, r"delete: x{80}: is not a field"),
        ({"kind": "paintt"}, r"edit: kind must be one of 'set_keypoint', 'paint', .*, not 'paintt'"),
        ({"person": "a"}, "edit: kind is missing"),
        ({"kind": "delete"}, "delete: person: is missing"),
        ({"kind": "delete", "person": "a", "people": ["a"]}, "delete: people: is not a field of this edit"),
        ({"kind": "together"}, "together: edits: is missing"),
        ({"kind": "together", "edits": []}, "together: edits: must have 1 or more items, not 0"),
        ({"kind": "together", "edits": ["delete"]}, r"together: edits\[0\]: must be an object"),
        ({"kind": "together", "edits": [{"kind": "delete", "person": "a"}, CLICK | {"x": "1"}]},
         r"together: edits\[1\].set_keypoint.x: must be a valid number, not '1'"),
        (CLICK | {"keypoint": 17}, "set_keypoint: keypoint: must be less than or equal to 16, not 17"),
        (CLICK | {"visibility": 3}, "set_keypoint: visibility: must be less than or equal to 2, not 3"),
        (CLICK | {"x": "1"}, "set_keypoint: x: must be a valid number, not '1'"),
        (CLICK | {"y": None}, "set_keypoint: y: is missing"),
        (STROKE | {"points": []}, "paint: points: must have 1 or more items, not 0"),
        (STROKE | {"points": [[1, None]]}, r"paint: points\[0\]\[1\]: must be a valid number, not None"),
        (STROKE | {"points": [[1, 2, 3]]}, r"paint: points\[0\]: must have at most 2 items, not 3"),
        (STROKE | {"layer": "hat"}, "paint: layer: must be 'mask' or 'part', not 'hat'"),
        (STROKE | {"layer": "part"}, "paint: part: is missing"),
        (STROKE | {"radius": 0}, "paint: radius: must be greater than 0, not 0"),
        ({"kind": "fill", "person": "a", "layer": "mask", "points": [[1, 2], [3, 4]]}, "points: must have 3 or more"),
        ({"kind": "merge", "people": ["a", "a"]}, "merge: people: must be two or more different people"),
        ({"kind": "merge", "people": ["a"]}, "merge: people: must have 2 or more items, not 1"),
        ({"kind": "add", "box": [1, 2, 3]}, r"add: box\[3\]: is missing"),
        (CORRECTION | {"corrections": [[20, 30, 25, 0, 0]]}, r"corrections\[0\]\[2\]: must be less than or equal to 24"),
        (CORRECTION | {"corrections": [[20, 30, 2.5, 0, 0]]}, r"corrections\[0\]\[2\]: must be a multiple of 1, not 2.5"),
        (CORRECTION | {"corrections": [[20, 30, 2, 0, 1.5]]}, r"corrections\[0\]\[4\]: must be less than or equal to 1"),
        ({"kind": "swap_sides", "person": "a", "parts": [15]}, r"parts\[0\]: must be less than or equal to 14, not 15"),
        ({"kind": "swap_sides", "person": "a", "parts": []}, "parts: must have 1 or more items"),
        ({"kind": "decide", "person": "a", "state": "perfect"}, "state: must be 'predicted', 'edited', .*, not 'perfect'"),
        ({"kind": "decide", "person": "a", "state": "approved", "comment": 3}, "comment: must be a valid string, not 3"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_name(values, message):
    with pytest.raises(EditError, match=f"^.*{message}") as refused:
        parse_edit(values)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [None, "delete", ["delete"], 7])
def test_what_is_no_object_is_no_edit(value):
    with pytest.raises(EditError, match="edit: must be an object"):
        parse_edit(value)


HUGE = 10**400
"""No float can hold it."""
TOO_LONG = pytest.param(10**5000, id="more digits than Python writes")


@pytest.mark.parametrize(
    "value", [HUGE, -HUGE, 1e308, np.nan, np.inf, True, "3", [3], {}, b"3", TOO_LONG], ids=repr
)
@pytest.mark.parametrize(
    "edit_with",
    [
        lambda value: STROKE | {"radius": value},
        lambda value: STROKE | {"points": [[value, 30]]},
        lambda value: STROKE | {"points": [value]},
        lambda value: STROKE | {"layer": "part", "part": value},
        lambda value: CLICK | {"x": value},
        lambda value: CLICK | {"keypoint": value},
        lambda value: CLICK | {"visibility": value},
        lambda value: {"kind": "fill_area", "person": "a", "x": value, "y": 30, "part": 1},
        lambda value: {"kind": "split_by_line", "person": "a", "points": [[value, 1], [20, 40]]},
        lambda value: {"kind": "add_empty", "box": [value, 1, 20, 20]},
        lambda value: CORRECTION | {"corrections": [[20, 27, value, 0.1, 0.1]]},
        lambda value: CORRECTION | {"corrections": [[20, 27, 2, value, 0.1]]},
        lambda value: {"kind": "swap_sides", "person": "a", "parts": [value]},
    ],
    ids=range(13),
)
def test_what_is_no_number_of_this_world_is_refused(edit_with, value):
    with pytest.raises(EditError):
        parse_edit(edit_with(value))


@pytest.mark.parametrize("value", [["a"], {}, 1, True, None, b"a"], ids=repr)
def test_what_is_no_text_is_refused(value):
    for values in (
        {"kind": "delete", "person": value},
        {"kind": "merge", "people": ["b", value]},
        {"kind": "decide", "person": "a", "state": value},
        STROKE | {"layer": value},
        {"kind": value, "person": "a"},
    ):
        with pytest.raises(EditError):
            parse_edit(values)


@pytest.mark.parametrize("value", [1, 0, "yes", None, [True]])
def test_erase_is_true_or_false(value):
    with pytest.raises(EditError, match="paint: erase: must be a valid boolean"):
        parse_edit(STROKE | {"erase": value})


def test_edits_nested_too_deeply_are_refused():
    values = {"kind": "delete", "person": "a"}
    for _ in range(3000):
        values = {"kind": "together", "edits": [values]}
    with pytest.raises(EditError):
        parse_edit(values)
