"""Random calls of the review panel, right and wrong ones, and what each may do to the database.

A call is applied, and then the database has what its answer says, or refused with one line, and then the database is as it
was before. Whatever happens, everybody in the database is a valid :class:`Person`.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import bson
import numpy as np

from annotator.dataset.fields import Fields
from annotator.labels.label_space import CHARTS, PARTS
from annotator.labels.people import BOX_ARRAYS, STATES, Person
from annotator.review.loaded_image import LoadedImage

FIELDS = Fields()
ODD = (
    None, True, False, 0, 1, -1, 0.5, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, -1e308, 1e-320, math.nan, math.inf,
    "", "x", "\x00", "\ud800", "a\nb", "0" * 24, "x" * 10_000, [], {}, [[]], [None], [0, 0], [math.nan] * 2,
    [1e308] * 4, {"": 1}, {"$set": {}}, {"a.b": 1}, [[1, 2]] * 5000,
)  # fmt: skip
"""Values that no field is meant for, or that are at its edge."""
MOST = {"parts": len(PARTS) - 1, "charts": len(CHARTS) - 1}
CHANGING = ("review_edit", "review_restore")
LONGEST = 500
"""Characters of what is said of a call that is refused."""


@dataclass
class Report:
    """What became of the calls."""

    applied: Counter = field(default_factory=Counter)
    """By operator or kind of edit."""
    refused: Counter = field(default_factory=Counter)
    conflicts: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, kind: str, answer: dict) -> None:
        if "conflict" in answer:
            self.conflicts += 1
        else:
            (self.refused if "error" in answer else self.applied)[kind] += 1

    def __str__(self) -> str:
        applied, refused = sum(self.applied.values()), sum(self.refused.values())
        return f"{applied} applied, {refused} refused, {self.conflicts} in conflict, {len(self.problems)} problems"


class Fuzzer:
    """Calls on one sample.

    Args:
        execute: calls an operator of the panel by its name, with its parameters as JSON has them.
        sample: with people; it is put back to what it was from time to time.
        seed: of all that is random.
    """

    def __init__(self, execute: Callable[[str, dict], dict], sample: Any, seed: int) -> None:
        self._execute = execute
        self._dataset, self._id = sample._dataset, sample.id
        self._random = random.Random(seed)
        self._first = self._document()
        self._tokens: list[str] = []
        self._again: tuple[str, dict] | None = None
        self.image = self._load()
        self.report = Report()

    def run(self, calls: int, each: int = 60) -> Report:
        """Make so many calls; the sample is put back after ``each``."""
        for number in range(calls):
            if number % each == 0:
                self._put_back()
            self._call(*self._random_call())
        return self.report

    def _put_back(self) -> None:
        later = self._document()["last_modified_at"] + timedelta(milliseconds=1)
        document = self._first | {"last_modified_at": later}
        self._dataset._sample_collection.replace_one({"_id": document["_id"]}, document)
        self._tokens, self._again, self.image = [], None, self._load()

    def _document(self) -> dict:
        return self._dataset._sample_collection.find_one({"_id": bson.ObjectId(self._id)})

    def _load(self) -> LoadedImage:
        return LoadedImage.load(self._dataset, FIELDS, self._id)

    # What is called.

    def _random_call(self) -> tuple[str, dict]:
        draw = self._random.random()
        if draw < 0.03 and self._again:
            return self._again
        if draw < 0.15 and self._tokens:
            name, values = "restore", {"token": self._random.choice(self._tokens), "versions": {}}
        elif draw < 0.2:
            name = self._random.choice(
                ["queue", "scores", "open", "spot_check", "approve_below", "take_back"]
            )
            values = {
                "order": "issue_score", "states": ["predicted"], "reasons": [], "samples": [], "issue_score": 0.3,
                "share": 0.5, "seed": 1,
            }  # fmt: skip
        else:
            name, edit = "edit", self._random_edit()
            values = {"edit": edit, "versions": self._versions(edit)}
        values |= {
            "sample": self._id,
            "prefix": "dp",
            "author": "Ada",
            "request_id": f"{self._random.getrandbits(64):016x}",
        }
        if self._random.random() < 0.5:
            values = self._spoilt(values)
        return f"review_{name}", values

    def _versions(self, edit: dict) -> dict[str, str]:
        versions = {key: data["version"] for key, data in self.image.data.items()} | dict.fromkeys(
            self.image.open_possible, "open"
        )
        named = json.dumps(edit)
        return {key: version for key, version in versions.items() if key in named}

    def _random_edit(self, depth: int = 0) -> dict:
        pick, kinds = self._random.choice, [*_KINDS, *(["together"] if depth < 2 else [])]
        kind = pick(kinds)
        keys = list(self.image.people) or ["0" * 24]
        if kind == "together":
            count = self._random.randint(1, 3)
            return {"kind": kind, "edits": [self._random_edit(depth + 1) for _ in range(count)]}
        edit = {"kind": kind} | _KINDS[kind](self)
        if kind == "merge":
            edit["people"] = self._random.sample(keys, min(len(keys), 2))
        elif kind in ("accept_possible", "dismiss_possible"):
            edit["possible"] = pick(list(self.image.open_possible) or ["0" * 24])
        elif kind not in ("add", "add_empty", "nobody"):
            edit["person"] = pick(keys)
        return edit

    def _number(self, low: float, high: float) -> float:
        draw = self._random.random()
        if draw < 0.1:
            return self._random.choice([low, high, low - 1, high + 1, 0, 0.5, -1e6, 1e6])
        return self._random.choice([round, float])(self._random.uniform(low, high))

    def _points(self, least: int) -> list[list[float]]:
        """A stroke: of one place, of places far away, of many, all on a line, the same again."""
        width, height = self.image.size
        count = self._random.choice([least, least + 1, 5, 40])
        points = [[self._number(-5, width + 5), self._number(-5, height + 5)] for _ in range(count)]
        return self._random.choice([points, points, points, points[:1] * count, [[x, 20] for x, _ in points]])

    def _box(self) -> list[float]:
        width, height = self.image.size
        return [
            self._number(-5, width),
            self._number(-5, height),
            self._number(0, width),
            self._number(0, height),
        ]

    def _parts(self) -> list[int] | None:
        return self._random.choice([None, None, [self._random.randint(1, 14)], [1, 2, 3]])

    def _corrections(self) -> list[list[float]]:
        person = self._random.choice(list(self.image.people.values()) or [None])
        rows = []
        for _ in range(self._random.randint(1, 3)):
            x, y, w, h = person.box if person else (0, 0, 80, 60)
            at = [self._random.uniform(x, x + w), self._random.uniform(y, y + h)]
            rows.append([*at, self._random.randint(1, 24), self._random.random(), self._random.random()])
        return rows

    def _spoilt(self, values: dict) -> dict:
        """The values with one to three leaves, or whole branches, replaced, removed or added."""
        values = deepcopy(values)
        for _ in range(self._random.choice([1, 1, 2, 3])):
            places = list(_places(values))
            # Deep ones are more, and those at the top matter, too.
            holder, key = self._random.choice(
                places if self._random.random() < 0.7 else places[: len(values)]
            )
            action = self._random.random()
            if action < 0.15 and isinstance(holder, dict):
                del holder[key]
            elif action < 0.25 and isinstance(holder, dict):
                holder[self._random.choice(["extra", "", "$x", "a.b"])] = self._odd()
            elif action < 0.3 and isinstance(holder, list):
                holder.append(self._odd())
            else:
                holder[key] = self._odd()
        return values

    def _odd(self) -> Any:
        return deepcopy(self._random.choice(ODD))

    # What it may do.

    def _call(self, name: str, values: dict) -> None:
        is_again = (name, values) == self._again
        sent = json.loads(json.dumps(values))
        before = bson.encode(self._document())
        try:
            answer = self._execute(name, sent)
            is_changed = bson.encode(self._document()) != before
            problems = [*self._wrong_answer(name, answer, is_changed, is_again)]
            if is_changed:
                self.image = self._load()
                problems += self._wrong_people()
            if name in CHANGING and not {"error", "conflict"} & answer.keys():
                problems += self._wrong_people_in(answer)
        except Exception as error:
            answer, problems = {}, [f"raised {type(error).__name__}: {error}"]
        self.report.count(_kind(name, sent), answer)
        for problem in problems:
            self.report.problems.append(f"{name} {json.dumps(values)[:600]}: {problem[:600]}")
        if problems:
            self._put_back()
        elif name in CHANGING and answer.get("undo"):
            self._tokens.append(answer["undo"])
            self._again = (name, values) if "request_id" in values else None
        else:
            self._again = None

    def _wrong_answer(self, name: str, answer: dict, is_changed: bool, is_again: bool) -> Iterator[str]:
        if (
            "error" in answer
            and not 0 < len(answer["error"].splitlines()[0]) == len(answer["error"]) <= LONGEST
        ):
            yield f"refused with no line, or more than one: {answer['error']!r}"
        if is_changed and ("error" in answer or "conflict" in answer):
            yield f"changed the database and answered {answer}"
        if is_changed and is_again:
            yield "asked for again under its name, and done again"
        if is_changed and name not in (*CHANGING, "review_approve_below", "review_take_back"):
            yield "changed the database"
        try:
            json.dumps(answer, allow_nan=False).encode()
        except ValueError as error:
            yield f"the answer is no JSON: {error}"

    def _wrong_people_in(self, answer: dict) -> Iterator[str]:
        for data in answer["people"]:
            if self.image.data.get(data["key"]) != data:
                yield f"the answer has another person {data['key']} than the database"
        if answer["order"] != list(self.image.data):
            yield "the answer has other people than the database"
        if set(answer["removed"]) & set(self.image.data):
            yield "somebody who was removed is there"
        if answer["possible"] != self.image.possible_data():
            yield "the answer has other possible people than the database"

    def _wrong_people(self) -> Iterator[str]:
        for key, person in self.image.people.items():
            yield from (f"{key}: {text}" for text in wrong(person, self.image.size))
        score = self.image.stored.sample[FIELDS.issue_score]
        if score is not None and not 0 <= score <= 1:
            yield f"issue score {score}"


def wrong(person: Person, size: tuple[int, int]) -> Iterator[str]:
    """What of a person is not as :class:`Person` says."""
    yield from _wrong_layers(person, size)
    yield from _wrong_keypoints(person, size)
    for name in ("points", "corrections"):
        rows = getattr(person, name)
        if rows is not None and len(rows):
            charts, shares = rows[:, 2], rows[:, 3:]
            if not np.isin(charts, np.arange(1, len(CHARTS))).all() or not _are_shares(shares):
                yield f"{name} {rows}"
    scores = {"score": person.score, **person.quality, **person.issues}
    yield from (f"{name} {value}" for name, value in scores.items() if not 0 <= value <= 1)
    made = person.provenance
    if made.state not in STATES or not all(
        isinstance(x, str) for x in (made.author, made.comment, made.time)
    ):
        yield f"{made}"


def _wrong_layers(person: Person, size: tuple[int, int]) -> Iterator[str]:
    x, y, w, h = person.box
    if not (x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= size[0] and y + h <= size[1]):
        yield f"box {person.box}"
    layers = {name: getattr(person, name) for name in BOX_ARRAYS if getattr(person, name) is not None}
    for name, layer in layers.items():
        if layer.shape != (h, w):
            yield f"{name} {layer.shape} in a box {person.box}"
        elif name in MOST and layer.max(initial=0) > MOST[name]:
            yield f"{name} {layer.max()}"
        elif name in MOST and person.mask is not None and layer[~person.mask].any():
            yield f"{name} off the mask"
        elif name in ("u", "v") and not _are_shares(layer[person.charts > 0]):
            yield f"{name} is not 0..1"


def _wrong_keypoints(person: Person, size: tuple[int, int]) -> Iterator[str]:
    if person.keypoints is None:
        return
    seen, rounding = person.seen(), 0.01
    at = person.keypoints[seen > 0, :2]
    if not ((at >= -rounding) & (at <= np.array(size) + rounding)).all():
        yield f"keypoints {at}"
    if person.keypoints[seen == 0].any() or not np.isin(seen, [0, 1, 2]).all():
        yield f"visibility {person.visibility}"
    if not _are_shares(person.keypoints[:, 2]):
        yield f"confidence {person.keypoints[:, 2]}"


def _are_shares(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every dict or list, with each of its keys or indices; those of the outermost come first."""
    items = list(values.items() if isinstance(values, dict) else enumerate(values))
    yield from ((values, key) for key, _ in items)
    for _, value in items:
        if isinstance(value, dict | list):
            yield from _places(value)


def _kind(name: str, values: dict) -> str:
    edit = values.get("edit")
    kind = edit.get("kind") if name == "review_edit" and isinstance(edit, dict) else None
    return kind if isinstance(kind, str) and kind in {*_KINDS, "together"} else name


_KINDS: dict[str, Callable[[Fuzzer], dict]] = {
    "set_keypoint": lambda f: {
        "keypoint": f._random.randint(0, 16), "visibility": f._random.randint(0, 2),
        "x": f._number(0, f.image.size[0]), "y": f._number(0, f.image.size[1]),
    },
    "paint": lambda f: {
        "layer": f._random.choice(["mask", "part"]), "erase": f._random.random() < 0.4, "part": f._random.randint(1, 14),
        "points": f._points(1), "radius": f._random.choice([0.1, 0.5, 3, 20, 1e6]),
    },
    "fill": lambda f: {
        "layer": f._random.choice(["mask", "part"]), "erase": f._random.random() < 0.4, "part": f._random.randint(1, 14),
        "points": f._points(3),
    },
    "fill_area": lambda f: {"x": f._number(0, 80), "y": f._number(0, 60), "part": f._random.randint(1, 14)},
    "split_by_line": lambda f: {"points": f._points(2)},
    "split_by_heads": lambda f: {"points": f._points(2)},
    "merge": lambda f: {},
    "delete": lambda f: {},
    "add": lambda f: {"box": f._box()},
    "add_empty": lambda f: {"box": f._box()},
    "accept_possible": lambda f: {},
    "dismiss_possible": lambda f: {},
    "correct_surface": lambda f: {"corrections": f._corrections()},
    "swap_sides": lambda f: {"parts": f._parts()},
    "swap_depth": lambda f: {"parts": f._parts()},
    "decide": lambda f: {"state": f._random.choice(STATES), "comment": f._random.choice([None, "good", ""])},
    "nobody": lambda f: {"nobody": f._random.random() < 0.5},
}  # fmt: skip
