import gzip
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from annotator.cluster.manifest import Manifest, ManifestError
from annotator.cluster.storage import Photo, locate

MODEL = {"model": {"model_id": "lite"}, "finder": None, "settings": {"tiles": 1}, "sampling": {}}
PHOTOS = [Photo(f"a/{i} ü\udcff\n.jpg", i, None if i else "first.jpg") for i in range(7)]


def manifest(photos=PHOTOS, model=MODEL, shard_size=3) -> Manifest:
    return Manifest.of("/photos", iter(photos), model, shard_size)


def test_photos_are_in_shards_in_their_order():
    made = manifest()
    assert made.count == 7
    assert [made.size_of(shard) for shard in range(3)] == [3, 3, 1]
    assert [photo for shard in range(3) for photo in made.photos(shard)] == PHOTOS


def test_it_is_read_as_it_was_written(tmp_path: Path):
    file = locate(tmp_path / "manifest.jsonl.gz")
    made = manifest()
    file.write(made.to_bytes())
    read = Manifest.read(file)
    assert asdict(read) == asdict(made)
    assert read.key == made.key
    lines = gzip.decompress(file.read()).splitlines()
    assert [json.loads(line)[0] for line in lines[1:]] == [photo.name for photo in PHOTOS]


def test_the_same_photos_give_the_same_bytes():
    assert manifest().to_bytes() == manifest().to_bytes()


@pytest.mark.parametrize(
    "other",
    [
        manifest(PHOTOS[1:]),
        manifest([*PHOTOS[:-1], Photo(PHOTOS[-1].name, 99)]),
        manifest(model=MODEL | {"settings": {"tiles": 2}}),
        manifest(model=MODEL | {"model": {"model_id": "thesis"}}),
        manifest(shard_size=4),
    ],
    ids=["fewer", "size", "settings", "model", "shard size"],
)
def test_shards_of_other_runs_have_another_key(other: Manifest):
    assert other.key != manifest().key


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", manifest().to_bytes()[:-9], manifest().to_bytes() + b"x", gzip.compress(b"[1]")],
    ids=["empty", "not compressed", "cut off", "longer", "a list"],
)
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes):
    file = locate(tmp_path / "manifest.jsonl.gz")
    file.write(data)
    with pytest.raises(ManifestError, match=r"manifest\.jsonl\.gz: is damaged: delete its folder"):
        Manifest.read(file)


def test_another_version_is_named(tmp_path: Path, monkeypatch):
    file = locate(tmp_path / "manifest.jsonl.gz")
    monkeypatch.setattr("annotator.cluster.manifest.FORMAT_VERSION", 2)
    file.write(manifest().to_bytes())
    monkeypatch.undo()
    with pytest.raises(ManifestError, match="was written by another version"):
        Manifest.read(file)


def test_another_run_may_not_continue_it():
    manifest().check("/photos", MODEL, locate("/out.shards"))
    with pytest.raises(
        ManifestError, match=r"another folder, model or settings \(settings.tiles: 2, was 1\)"
    ):
        manifest().check("/photos", MODEL | {"settings": {"tiles": 2}}, locate("/out.shards"))
