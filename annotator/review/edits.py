"""What a human does to the people of an image, as data: one dict per edit, applied to people by key.

Coordinates are image pixels (see :mod:`annotator.labels.people`). ``person`` names a person by key; ``points`` is a
list of [x, y]. The kinds, and what they need:

- ``set_keypoint``: person, keypoint 0..16, visibility 0..2, and x, y unless visibility is 0 (then it is gone).
- ``paint``: person, points, radius, ``layer`` ``mask`` or ``part`` (then ``part`` 1..14), ``erase`` (optional).
- ``fill``: as paint, but ``points`` is the outline of a polygon.
- ``fill_area``: person, x, y, part: the connected pixels that have one part get another.
- ``split_by_line``: person, points. ``split_by_heads``: person, points (one per head).
- ``merge``: people, a list of keys; the first takes in the others. ``delete``: person.
- ``add``: box [x, y, w, h]; the network labels who is in it. ``add_empty``: box.
- ``correct_surface``: person, corrections, a list of [x, y, chart, U, V]; those given before hold on.
- ``swap_sides``, ``swap_depth``: person, and ``parts`` (optional, a list) to swap only those.
- ``decide``: person, state (``predicted``, ``edited``, ``approved`` or ``rejected``), comment (optional).
- ``together``: edits, a list of them, done one after another; if one cannot be done, none is.

Nothing is changed in place: an edit yields the people that are different afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

import numpy as np

from annotator.geometry import regions
from annotator.geometry.boxes import Box, around, clipped
from annotator.geometry.crops import recrop, tight
from annotator.labels.label_space import CHART_TO_PART, CHARTS, KEYPOINTS, PARTS, with_mirrored
from annotator.labels.people import STATES, Person
from annotator.labels.quality import find_issues
from annotator.surface.body import load_body
from annotator.surface.refit import refit, swap_depth, swap_sides

Changes = dict[str, Person | None]
"""By key: the person as it is afterwards; None for one who is gone."""

ROWS = ("points", "corrections")
"""Of a person: what is said of single pixels."""
LEAST_SIDE = 4
"""Pixels of the shorter side of a box that can hold a person."""


class EditError(ValueError):
    """An edit that cannot be done; the message names its kind and field.

    Attributes:
        problem: the message without these, for whoever made the edit by hand.
    """

    def __init__(self, kind: str, problem: str, field: str = ""):
        super().__init__(": ".join(filter(None, (kind, field, problem))))
        self.problem = problem


@dataclass(frozen=True)
class Scene:
    """The people of an image, and how the network labels another one."""

    size: tuple[int, int]
    """Width, height of the image in pixels."""
    people: Mapping[str, Person]
    label_box: Callable[[Box], Person | None] | None = None
    """The person that a box was drawn around."""


def apply_edit(scene: Scene, edit: Mapping[str, Any]) -> Changes:
    """The people that are different after an edit; the module's text lists the kinds.

    A label that was changed is ``edited``, whatever was decided before, and its issues are found anew. Only a
    rejected person who has merely lost pixels to another one stays ``rejected``.

    Raises:
        EditError: an unknown kind, a missing or wrong value, or nothing to do it to.
    """
    kind = edit.get("kind")
    if kind not in _KINDS:
        raise EditError("edit", f"kind is {kind!r}: use one of {', '.join(_KINDS)}")
    changes = _KINDS[kind](scene, _Values(kind, edit, scene))
    if kind in ("decide", "together"):
        return changes
    meant = edit["people"] if kind == "merge" else [edit.get("person")]
    bystanders = [key for key in _rejected(scene) if key not in meant]
    return {
        key: None if person is None else _changed(person, "rejected" if key in bystanders else "edited")
        for key, person in changes.items()
    }


class _Values:
    """An edit's values, checked as they are asked for."""

    def __init__(self, kind: str, edit: Mapping[str, Any], scene: Scene):
        self.kind, self.edit, self.scene = kind, edit, scene

    def error(self, name: str, problem: str) -> EditError:
        return EditError(self.kind, problem, name)

    def number(self, name: str) -> float:
        value = self.edit.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.error(name, f"must be a number, not {value!r}")
        return float(value)

    def index(self, name: str, low: int, high: int) -> int:
        value = self.number(name)
        if value != int(value) or not low <= value <= high:
            raise self.error(name, f"must be one of {low}..{high}, not {self.edit[name]!r}")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.edit.get(name)
        if value not in choices:
            raise self.error(name, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def rows(self, name: str, width: int, least: int = 1) -> np.ndarray:
        """(n, width) float64."""
        value = self.edit.get(name)
        try:
            array = np.array(value, np.float64)
        except (TypeError, ValueError):
            array = np.zeros(0)
        if array.ndim != 2 or array.shape[1] != width or not np.isfinite(array).all():
            raise self.error(name, f"must be a list of rows of {width} numbers")
        if len(array) < least:
            raise self.error(name, f"needs {least} or more rows, not {len(array)}")
        return array

    def box(self, name: str = "box") -> Box:
        (row,) = _Values(self.kind, {name: [self.edit.get(name)]}, self.scene).rows(name, 4)
        box = clipped(tuple(row), self.scene.size)
        if min(box[2:]) < LEAST_SIDE:
            raise self.error(name, f"the box must have {LEAST_SIDE} or more pixels each way inside the image")
        return box

    def parts(self) -> tuple[int, ...] | None:
        value = self.edit.get("parts")
        if value is None:
            return None
        known = range(1, len(PARTS))
        if not isinstance(value, list) or not value or any(part not in known for part in value):
            raise self.error("parts", f"must be a list of parts 1..{len(PARTS) - 1}, not {value!r}")
        return tuple(value)

    def key(self, value: Any, name: str = "person") -> str:
        if value not in self.scene.people:
            raise self.error(name, f"there is no person {value!r} on this image any more")
        return value

    def person(self) -> tuple[str, Person]:
        key = self.key(self.edit.get("person"))
        return key, self.scene.people[key]


def _rejected(scene: Scene) -> dict[str, Person]:
    return {key: person for key, person in scene.people.items() if person.provenance.state == "rejected"}


def _changed(person: Person, state: str) -> Person:
    border = {name: value for name, value in person.issues.items() if name == "mask_border"}
    return replace(
        person,
        issues=border | find_issues(person),
        provenance=replace(person.provenance, state=state, edited=True),
    )


def _set_keypoint(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    index, seen = values.index("keypoint", 0, len(KEYPOINTS) - 1), values.index("visibility", 0, 2)
    keypoints, visibility = _keypoints(person)
    keypoints[index] = (values.number("x"), values.number("y"), 1.0) if seen else 0.0
    if seen and not ((keypoints[index, :2] >= 0) & (keypoints[index, :2] <= scene.size)).all():
        raise values.error("x, y", "lie outside the image")
    visibility[index] = seen
    return {key: replace(person, keypoints=keypoints, visibility=visibility)}


def _keypoints(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Copies of a person's keypoints and visibility, blank ones where it has none."""
    blank = np.zeros((len(KEYPOINTS), 3), np.float32)
    return (blank if person.keypoints is None else person.keypoints.copy()), person.seen().copy()


def _paint(scene: Scene, values: _Values) -> Changes:
    points, radius = values.rows("points", 2), values.number("radius")
    if radius <= 0:
        raise values.error("radius", "must be above 0 pixels")
    return _draw(scene, values, points, radius, lambda box: regions.stroke(points, radius, box))


def _fill(scene: Scene, values: _Values) -> Changes:
    points = values.rows("points", 2, least=3)
    return _draw(scene, values, points, 0.0, lambda box: regions.polygon(points, box))


def _draw(
    scene: Scene, values: _Values, points: np.ndarray, margin: float, shape: Callable[[Box], np.ndarray]
) -> Changes:
    key, person = values.person()
    layer, erase = values.choice("layer", ("mask", "part")), bool(values.edit.get("erase"))
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    touched = clipped((*low, *(high - low)), scene.size)
    # Off the image, or a polygon that is a line.
    if not all(touched[2:]) or (high <= low).any():
        return {}
    if erase:
        touched = person.box
    person = recrop(_with_mask(person), around(person.box, touched))
    drawn = shape(person.box)
    if erase and layer == "mask":
        return {key: _without(person, drawn)}
    if erase:
        return {key: _with_parts(person, drawn & person.mask, 0)}
    fresh = drawn & ~person.mask
    person = replace(person, mask=person.mask | drawn)
    if layer == "part":
        person = _with_parts(person, drawn, values.index("part", 1, len(PARTS) - 1))
    # What is taken from the background may be another's.
    others = {other_key: other for other_key, other in scene.people.items() if other_key != key}
    taken = _taken(replace(person, mask=fresh), others)
    return {key: tight(_continued(person, fresh if layer == "mask" else drawn))} | taken


def _taken(taker: Person, others: Mapping[str, Person]) -> Changes:
    """A pixel is of one person: those of the others who have pixels of the taker's mask, without them."""
    changes: Changes = {}
    for key, other in others.items():
        if other.mask is not None and not other.crowd:
            taken = recrop(taker, other.box).mask & other.mask
            if taken.any():
                changes[key] = _without(other, taken)
    return changes


def _with_mask(person: Person) -> Person:
    """One who has none begins with all that has a part or a chart."""
    if person.mask is not None:
        return person
    labelled = [layer > 0 for layer in (person.parts, person.charts) if layer is not None]
    return replace(person, mask=np.any([np.zeros(person.box[3:1:-1], bool), *labelled], axis=0))


def _with_all_parts(person: Person) -> Person:
    """One who has none begins with those of the charts."""
    if person.parts is not None:
        return person
    blank = np.zeros(person.box[3:1:-1], np.uint8)
    return replace(person, parts=blank if person.charts is None else CHART_TO_PART[person.charts])


def _without(person: Person, gone: np.ndarray) -> Person:
    changes = {"mask": person.mask & ~gone}
    for name in ("parts", "charts", "u", "v"):
        array = getattr(person, name)
        if array is not None:
            changes[name] = np.where(gone, array.dtype.type(0), array)
    for name in ROWS:
        rows = getattr(person, name)
        changes[name] = None if rows is None else rows[~gone[_at(rows, person.box)]]
    return tight(replace(person, **changes))


def _with_parts(person: Person, where: np.ndarray, part: int) -> Person:
    person = _with_all_parts(person)
    changes = {"parts": np.where(where, np.uint8(part), person.parts)}
    if part == 0 and person.charts is not None:
        changes["charts"] = np.where(where, np.uint8(0), person.charts)
    for name in ROWS:
        rows = getattr(person, name)
        if rows is not None:
            # What was said of the surface of another part does not hold any more.
            same = CHART_TO_PART[rows[:, 2].astype(int)] == part
            changes[name] = rows[same | ~where[_at(rows, person.box)]]
    return replace(person, **changes)


def _continued(person: Person, where: np.ndarray) -> Person:
    """Carry the labels of a person on into pixels that were painted, from the nearest that have some.

    A painted part keeps its part and gets charts, U and V from the nearest pixel of the same part; a part
    that was nowhere before has none until its surface is corrected.
    """
    if person.parts is not None and person.parts.any():
        person = replace(person, parts=person.parts.copy())
        _carry(person.parts > 0, where & (person.parts == 0), person.parts)
    if person.charts is None or not person.charts.any():
        return person
    charts, u, v = person.charts.copy(), person.u.copy(), person.v.copy()
    of_charts = CHART_TO_PART[charts]
    parts = of_charts if person.parts is None else person.parts
    wrong = where & ((of_charts != parts) | (charts == 0))
    sources = np.where(wrong, np.uint8(0), of_charts)
    groups = np.unique(parts[wrong]) if person.parts is not None else np.zeros(1, np.uint8)
    for part in groups.tolist():
        here = wrong if person.parts is None else wrong & (parts == part)
        known = sources == part if part else sources > 0
        if known.any():
            _carry(known, here, charts, u, v)
        else:
            charts[here] = 0
    return replace(person, charts=charts, u=u, v=v)


def _carry(known: np.ndarray, where: np.ndarray, *layers: np.ndarray) -> None:
    """Give pixels the values of the nearest known ones, in place; none of them is known itself."""
    if where.any():
        rows, columns = (index[where] for index in regions.nearest_known(known, where))
        for layer in layers:
            layer[where] = layer[rows, columns]


def _fill_area(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    if person.mask is None:
        raise values.error("person", "this person has no mask to fill")
    column, row = (int(np.floor(values.number(name) - person.box[i])) for i, name in enumerate("xy"))
    if not (0 <= row < person.box[3] and 0 <= column < person.box[2] and person.mask[row, column]):
        raise values.error("x, y", "the place does not lie on the person")
    person = _with_all_parts(person)
    # Blank pixels inside the mask are an area, those outside are not.
    where = regions.area(np.where(person.mask, person.parts, np.uint8(255)), row, column)
    part = values.index("part", 1, len(PARTS) - 1)
    return {key: _continued(_with_parts(person, where, part), where)}


def _split_by_line(scene: Scene, values: _Values) -> Changes:
    points = values.rows("points", 2, least=2)
    _, person = values.person()
    if not np.linalg.norm(np.diff(points, axis=0), axis=1).all():
        raise values.error("points", "two neighbouring points are the same")
    return _split(values, regions.beyond(points, person.box).astype(int), 2)


def _split_by_heads(scene: Scene, values: _Values) -> Changes:
    points = values.rows("points", 2, least=2)
    _, person = values.person()
    if person.mask is None or not person.mask.any():
        raise values.error("person", "this person has no mask to split")
    return _split(values, regions.nearest_seed(person.mask, points - person.box[:2]), len(points))


def _split(values: _Values, owner: np.ndarray, count: int) -> Changes:
    """``owner`` (h, w) says which of the new people each pixel of the box belongs to."""
    key, person = values.person()
    if person.mask is None:
        raise values.error("person", "this person has no mask to split")
    pieces = [_without(person, owner != i) for i in range(count)]
    if not all(piece.mask.any() for piece in pieces):
        raise values.error(
            "points", "one side would be left without pixels: go through the middle of the person"
        )
    pieces = [_own_keypoints(piece, person, owner, i) for i, piece in enumerate(pieces)]
    first = max(range(count), key=lambda i: np.count_nonzero(pieces[i].mask))
    return {
        key if i == first else token_hex(12): piece if i == first else replace(piece, id=None, extra={})
        for i, piece in enumerate(pieces)
    }


def _at(points: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the box's pixel nearest to each point."""
    columns, rows = np.clip(np.floor(points[:, :2] - box[:2]), 0, np.array(box[2:]) - 1).astype(int).T
    return rows, columns


def _own_keypoints(piece: Person, person: Person, owner: np.ndarray, index: int) -> Person:
    """A keypoint goes with the piece whose pixels are nearest to it."""
    if person.keypoints is None:
        return piece
    keypoints, visibility = _keypoints(person)
    rows, columns = _at(keypoints, person.box)
    asked = np.zeros(person.mask.shape, bool)
    asked[rows, columns] = True
    nearest = regions.nearest_known(person.mask, asked)
    other = owner[nearest[0][rows, columns], nearest[1][rows, columns]] != index
    keypoints[other], visibility[other] = 0, 0
    return replace(piece, keypoints=keypoints, visibility=visibility)


def _merge(scene: Scene, values: _Values) -> Changes:
    keys = values.edit.get("people")
    if not isinstance(keys, list) or len(set(map(str, keys))) != len(keys) or len(keys) < 2:
        raise values.error("people", "must be a list of two or more different people")
    keys = [values.key(key, "people") for key in keys]
    merged = scene.people[keys[0]]
    for key in keys[1:]:
        merged = _merged(merged, scene.people[key])
    return {keys[0]: merged} | dict.fromkeys(keys[1:])


def _merged(person: Person, other: Person) -> Person:
    box = around(person.box, other.box)
    person, other = recrop(_with_mask(person), box), recrop(_with_mask(other), box)
    added = other.mask & ~person.mask
    changes: dict[str, Any] = {"mask": person.mask | other.mask}
    for name in ("parts", "charts", "u", "v"):
        ours, theirs = getattr(person, name), getattr(other, name)
        if theirs is not None:
            changes[name] = np.where(added, theirs, theirs.dtype.type(0) if ours is None else ours)
    if other.keypoints is not None:
        (ours, seen), (theirs, theirs_seen) = _keypoints(person), _keypoints(other)
        better = (theirs_seen > 0) & ((seen == 0) | (theirs[:, 2] > ours[:, 2]))
        changes["keypoints"] = np.where(better[:, None], theirs, ours)
        changes["visibility"] = np.where(better, theirs_seen, seen)
    for name in ROWS:
        rows = [rows for rows in (getattr(person, name), getattr(other, name)) if rows is not None]
        changes[name] = np.concatenate(rows) if rows else None
    return replace(person, **changes)


def _delete(scene: Scene, values: _Values) -> Changes:
    return {values.person()[0]: None}


def _add(scene: Scene, values: _Values) -> Changes:
    box = values.box()
    if scene.label_box is None:
        raise values.error("box", "there is no model to label the box")
    person = scene.label_box(box)
    if person is None:
        raise EditError("add", "nobody found in the box; draw it closer, or add an empty person and paint")
    mask, rejected = person.mask, _rejected(scene)
    for key, other in scene.people.items():
        if key not in rejected and other.mask is not None and not other.crowd:
            mask = mask & ~recrop(other, person.box).mask
    person = _without(person, ~mask)
    if not person.mask.any():
        raise EditError("add", "everybody in the box is labelled already; split a person instead")
    return {token_hex(12): person} | _taken(person, rejected)


def _add_empty(scene: Scene, values: _Values) -> Changes:
    box = values.box()
    return {token_hex(12): Person(box, mask=np.zeros(box[3:1:-1], bool))}


def _correct_surface(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    rows = values.rows("corrections", 5)
    if not (
        np.isin(rows[:, 2], range(1, len(CHARTS))).all() and ((rows[:, 3:] >= 0) & (rows[:, 3:] <= 1)).all()
    ):
        raise values.error("corrections", "charts are 1..24, U and V are 0..1")
    if person.mask is None or not _are_on(person, rows).all():
        raise values.error("corrections", "a point does not lie on the person")
    rows = rows.astype(np.float32)
    if person.corrections is not None:
        # A newer word on the same pixel replaces the older one; other tools may have taken the pixel away.
        again = (np.floor(person.corrections[:, None, :2]) == np.floor(rows[None, :, :2])).all(-1).any(1)
        rows = np.concatenate([person.corrections[~again & _are_on(person, person.corrections)], rows])
    return {key: _with_points_read(replace(refit(person, rows, load_body()), corrections=rows))}


def _with_points_read(person: Person) -> Person:
    """Surface points say what the dense labels at their pixels say, where these say anything."""
    if person.points is None or person.charts is None:
        return person
    points = person.points.copy()
    rows, columns = _at(points, person.box)
    here = _are_on(person, points) & (person.charts[rows, columns] > 0)
    dense = [layer[rows, columns] for layer in (person.charts, person.u, person.v)]
    points[here, 2:] = np.column_stack(dense)[here]
    return replace(person, points=points)


def _are_on(person: Person, points: np.ndarray) -> np.ndarray:
    """(n,) bool: which points lie on a pixel of the person's mask."""
    rows, columns = _at(points, person.box)
    inside = (np.floor(points[:, :2] - person.box[:2]) == np.column_stack([columns, rows])).all(axis=1)
    return inside & person.mask[rows, columns]


def _swap_sides(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    parts = values.parts()
    both = None if parts is None else with_mirrored(parts)
    return {key: replace(swap_sides(person, parts), corrections=_corrections_of_others(person, both))}


def _swap_depth(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    if person.charts is None:
        raise values.error("person", "this person has no charts to swap")
    parts = values.parts()
    swapped = swap_depth(person, load_body(), parts)
    return {key: _with_points_read(replace(swapped, corrections=_corrections_of_others(person, parts)))}


def _corrections_of_others(person: Person, parts: Collection[int] | None) -> np.ndarray | None:
    """(n, 5) the corrections that still hold once ``parts``, None for all, are swapped."""
    if parts is None or person.corrections is None:
        return None
    others = ~np.isin(CHART_TO_PART[person.corrections[:, 2].astype(int)], list(parts))
    return person.corrections[others] if others.any() else None


def _decide(scene: Scene, values: _Values) -> Changes:
    key, person = values.person()
    comment = values.edit.get("comment", person.provenance.comment)
    if not isinstance(comment, str):
        raise values.error("comment", f"must be a text, not {comment!r}")
    state = values.choice("state", STATES)
    if state == "approved" and person.mask is not None and not person.mask.any():
        raise values.error(
            "person", "this person has no pixels: delete it, or paint its mask before you approve it"
        )
    return {key: replace(person, provenance=replace(person.provenance, state=state, comment=comment))}


def _together(scene: Scene, values: _Values) -> Changes:
    edits = values.edit.get("edits")
    if not isinstance(edits, list) or not edits or not all(isinstance(edit, Mapping) for edit in edits):
        raise values.error("edits", "must be a list of edits")
    changes: Changes = {}
    for edit in edits:
        people = {key: person for key, person in {**scene.people, **changes}.items() if person is not None}
        changes |= apply_edit(replace(scene, people=people), edit)
    return changes


_KINDS: dict[str, Callable[[Scene, _Values], Changes]] = {
    "set_keypoint": _set_keypoint,
    "paint": _paint,
    "fill": _fill,
    "fill_area": _fill_area,
    "split_by_line": _split_by_line,
    "split_by_heads": _split_by_heads,
    "merge": _merge,
    "delete": _delete,
    "add": _add,
    "add_empty": _add_empty,
    "correct_surface": _correct_surface,
    "swap_sides": _swap_sides,
    "swap_depth": _swap_depth,
    "decide": _decide,
    "together": _together,
}
