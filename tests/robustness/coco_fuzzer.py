"""Broken COCO-DensePose files, made at random from a good one that has every field."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from annotator.coco.categories import PERSON_CATEGORY
from annotator.labels.label_space import KEYPOINT_MIRROR
from tests.annotator.people_samples import image, record

PHOTOS = ("a.png", "sub/b.png", "c.png")
DEEP = "@deep {}"
"""Stands for that many lists in each other, which JSON's own encoder cannot write."""
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        0.5,
        -0.5,
        0.1,
        1e-300,
        1e308,
        2**31,
        2**63 - 1,
        -(2**63),
        2**63,
        10**400,
        64,
        65537,
    ),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        "1",
        "person",
        "a\nb",
        "a\u2028b",
        "é",
        "e\u0301",
        "\0",
        "\ud800",
        "x" * 3000,
        "images\\a.png",
        "/etc/passwd",
        "../a.png",
    ),
    *([], {}, [[]], [None], [0] * 4, [0.5] * 51, [1] * 17, ["nose"], [[1, 2, 3, 4, 5, 6]], list(range(3000))),
    *(
        {"": 1},
        {"$a.b": {"\0": 1}},
        {"\0": 0.5},
        {"size": [48, 64], "counts": [48 * 64]},
        {"size": [48, 64], "counts": "0"},
    ),
    *(DEEP.format(depth) for depth in (60, 95, 101, 5000)),
)
SWAPPED = [PERSON_CATEGORY["keypoints"][index] for index in KEYPOINT_MIRROR]


def good_file() -> dict[str, Any]:
    """A file of three photos with people of all kinds and a dog."""
    person = PERSON_CATEGORY | {"id": 3, "keypoints": SWAPPED}
    rle = {"size": [48, 64], "counts": [48 * 20 + 10, *[20, 28] * 11, 20, 48 * 32 + 18]}
    provenance = {
        "model": "lite",
        "time": "",
        "state": "predicted",
        "author": "",
        "comment": "",
        "edited": False,
    }
    return {
        "info": {"year": 2026, "deep": {"a": [1, {"b": None}]}},
        "licenses": [{"id": 1}],
        "categories": [PERSON_CATEGORY, {"id": 2, "name": "dog"}, person],
        "images": [image(id=i, file_name=name, complete=i > 1, url="http://a") for i, name in enumerate(PHOTOS, 1)],
        "annotations": [
            record(id=1, image_id=1, keypoints_pseudo=[0] * 16 + [1], dp_keypoint_scores=[0.5] * 17, score=0.9),
            record(id=2, image_id=1, category_id=3, segmentation=rle, dp_quality={"mask": 0.5}, dp_provenance=provenance),
            record(id=3, image_id=2, iscrowd=1, carried=rle, group=True, flaw="", mine={"deep": [1, "x"]}),
            {"id": 4, "image_id": 2, "category_id": 2, "bbox": [1, 1, 9, 9]},
            record(id=5, image_id=3, category_id=3, head_points={"neck": [20, 10, 2]}, segmentation=[[]], dp_masks=[]),
        ],
    }  # fmt: skip


class CocoFuzzer:
    """One file per seed: the same seed makes the same file."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def file(self) -> bytes:
        choose = self.random.choice
        data = json.loads(json.dumps(good_file()))
        for _ in range(choose((0, 1, 1, 1, 2, 4))):
            choose((self._replace, self._replace, self._remove, self._repeat, self._swap, self._scale))(data)
        text = json.dumps(data)
        text = re.sub(r'"@deep (\d+)"', lambda found: "[" * int(found[1]) + "]" * int(found[1]), text)
        if self.random.random() < 0.1:
            text = self._repeat_name(text)
        content = text.encode()
        if self.random.random() < 0.3:
            for _ in range(choose((1, 1, 3))):
                content = choose(DAMAGES)(content, self.random)
        return content

    def _place(self, data: Any) -> tuple[Any, Any]:
        """An object or list of the file and a name or number in it."""
        place = None
        while isinstance(data, dict | list) and data and (place is None or self.random.random() < 0.75):
            key = self.random.choice(list(data) if isinstance(data, dict) else range(len(data)))
            place, data = (data, key), data[key]
        return place

    def _replace(self, data: Any) -> None:
        parent, key = self._place(data)
        parent[key] = self.random.choice(ODD)

    def _remove(self, data: Any) -> None:
        parent, key = self._place(data)
        del parent[key]
        if not data:
            data["images"] = []

    def _repeat(self, data: Any) -> None:
        parent, key = self._place(data)
        value = json.loads(json.dumps(parent[key]))
        if isinstance(parent, list):
            parent.insert(key, value)
        else:
            parent[f"{key}{self.random.choice(['2', ' ', '.', 'x' * 500])}"] = value

    def _swap(self, data: Any) -> None:
        # Copied, so that nothing comes to lie in itself.
        (parent, key), (other, name) = self._place(data), self._place(data)
        first, second = (json.loads(json.dumps(value)) for value in (parent[key], other[name]))
        parent[key], other[name] = second, first

    def _scale(self, data: Any) -> None:
        for _ in range(20):
            parent, key = self._place(data)
            if type(parent[key]) in (int, float):
                parent[key] = parent[key] * self.random.choice((-1, 0, 0.01, 1.5, 10, 1e6, 1e12))
                return

    def _repeat_name(self, text: str) -> str:
        """A name twice in one object."""
        pairs = list(re.finditer(r'"[a-z_]+": [-0-9.]+', text))
        if not pairs:
            return text
        pair = self.random.choice(pairs)
        return f"{text[: pair.end()]}, {pair[0]}{text[pair.end() :]}"


def _cut_off(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return content
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    pieces = (
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"{",
        b"]",
        b",",
        b'"',
        b"\n",
        b"1e999",
        b"\\ud800",
        bytes(rng.randbytes(9)),
    )
    return content[:at] + rng.choice(pieces) + content[at:]


def _cut_out(content: bytes, rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:first] + content[min(last, first + 200) :]


def _double(content: bytes, rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:last] + content[first:]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut_off,
    _flip,
    _flip,
    _insert,
    _insert,
    _cut_out,
    _double,
    lambda content, _: b"\xef\xbb\xbf" + content,
    lambda content, _: content.decode("utf-8", "replace").encode("utf-16"),
)
"""What becomes of bytes on broken disks, in editors, and in downloads that end early."""
