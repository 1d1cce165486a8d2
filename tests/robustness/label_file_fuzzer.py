"""Label files of other tools, broken at random."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import numpy as np

from annotator.formats.registry import FORMATS
from annotator.labels.people import BOX_ARRAYS, People

VALUES = [
    "", "0", "-1", "1e400", "nan", "-inf", "99999999999999999999", "0.5", "é\ud800", "[", "null", "true", "../../etc/passwd",
    "1,2;3", "person", "&x;", "<a/>", "\0",
]  # fmt: skip
JSON_VALUES = [
    None,
    True,
    -1,
    0.5,
    1e300,
    2**70,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [1, 2, 3],
    "nose",
    float("inf"),
]


def label_files(path: Path) -> list[Path]:
    """The files of one label file or folder that can be broken."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in (".json", ".txt", ".yaml"))


def break_file(file: Path, rng: random.Random) -> None:
    """Break a file: cut it off, change bytes, values or the structure of JSON."""
    data = bytearray(file.read_bytes())
    if file.suffix == ".pkl" and rng.random() < 0.7:
        _break_pickle(file, rng)
        return
    kind = rng.choice(["cut", "bytes", "words", "json", "json"])
    if kind == "json" and file.suffix == ".json":
        root = json.loads(data)
        for _ in range(rng.randint(1, 3)):
            _break_value(root, rng)
        file.write_text(json.dumps(root))
        return
    if kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "bytes" or file.suffix == ".pkl":
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(len(data))
            data[place] = rng.randrange(256)
    else:
        text = data.decode("utf-8", "replace")
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(text))
            text = text[:start] + rng.choice(VALUES) + text[start + rng.randint(0, 12) :]
        data = text.encode("utf-8", "surrogatepass")
    file.write_bytes(data)


def _break_pickle(file: Path, rng: random.Random) -> None:
    """Change bytes of the pickle in a file of torch.save, whose checksums then hold again."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    data = entries["archive/data.pkl"]
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data))
        data[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, bytes(content))


def _break_value(root: object, rng: random.Random) -> None:
    """Replace, remove or double one value somewhere below."""
    place = root
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(place[key], dict | list) and rng.random() < 0.8:
            place = place[key]
            continue
        action = rng.choice(["replace", "replace", "remove", "double"])
        if action == "remove":
            del place[key]
        elif action == "double" and isinstance(place, list):
            place.append(place[key])
        else:
            place[key] = rng.choice(JSON_VALUES)
        return


def read_all(name: str, path: Path, images_dir: Path) -> list[People]:
    """What is read of a file, checked to be people as the rest of the package expects them."""
    failures: dict[str, str] = {}
    found = list(FORMATS[name].read(path, images_dir, failures))
    for people in found:
        for person in people.people:
            x, y, w, h = person.box
            assert x >= 0 < w
            assert y >= 0 < h
            assert x + w <= people.size[0]
            assert y + h <= people.size[1]
            for array in (getattr(person, name) for name in BOX_ARRAYS):
                assert array is None or array.shape == (h, w)
            assert person.keypoints is None or np.isfinite(person.keypoints).all()
            assert 0 <= person.score <= 1
    assert all("\n" not in reason and len(reason) < 1000 for reason in failures.values())
    return found
