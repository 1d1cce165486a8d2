"""Photos and labels in a bucket, over a real S3 interface."""

import json
from pathlib import Path

import pytest

from annotator.cluster.attempts import Attempt
from annotator.cluster.merge import merge
from annotator.cluster.run import ShardedRun, begin
from annotator.cluster.shard_files import attempt_file
from annotator.cluster.storage import Photo, locate
from annotator.coco.surface_points import PointSampling
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.photos.reading import PhotoError
from annotator.runs.folder import annotate_folder
from tests.annotator.conftest import draw_photo

from .bad_photos import ODD_NAMES, bad_photos
from .conftest import BUCKET, content, keys, run_command, upload

LEFT, RIGHT = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200)
VOTES, SAMPLING = Settings(proposals="votes"), PointSampling()
PHOTOS, OUT = f"s3://{BUCKET}/photos", f"s3://{BUCKET}/out/labels.json"


def start(network: Network, **options) -> ShardedRun | None:
    return begin(PHOTOS, OUT, network, VOTES, SAMPLING, **options)


def failures(client) -> dict[str, str]:
    lines = content(client, "out/labels.json.failures.jsonl").splitlines()
    return {entry["file_name"]: entry["failure"] for entry in map(json.loads, lines)}


def test_bad_photos_of_a_bucket_are_named_as_those_of_a_folder(s3, tmp_path: Path, tiny_network: Network):
    folder, bad = tmp_path / "photos", dict(bad_photos())
    for name in ODD_NAMES:
        draw_photo(folder / "odd" / "plain.png", [LEFT, RIGHT]).rename(folder / "odd" / name)
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    assert len(bad) >= 50
    upload(s3, folder, "photos")
    local = tmp_path / "labels.json"
    annotate_folder(folder, local, tiny_network, VOTES)
    done = run_command("annotate", PHOTOS, "--out", OUT, "--model", tiny_network.path, "--proposals", "votes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(ODD_NAMES)} people on {len(ODD_NAMES)} photos: {OUT}" in done.stdout
    assert f"{len(bad)} photos could not be used: {OUT}.failures.jsonl" in done.stdout
    assert failures(s3).keys() == bad.keys()
    assert content(s3, "out/labels.json") == local.read_bytes()
    assert content(s3, "out/labels.json.failures.jsonl") == Path(f"{local}.failures.jsonl").read_bytes()
    # Where a folder was removed PyArrow makes sure that the one above it stays.
    assert {key for key in keys(s3) if not key.startswith("photos/")} - {"out/"} == {
        "out/labels.json", "out/labels.json.failures.jsonl",
    }  # fmt: skip
    again = run_command(
        "annotate", PHOTOS, "--out", OUT, "--model", tiny_network.path, "--proposals", "votes"
    )
    assert again.returncode == 0
    assert "is finished, with these photos, model and settings" in again.stdout


@pytest.mark.parametrize("is_again", [False, True], ids=["first", "after a death"])
def test_what_only_a_bucket_can_do_to_a_photo(s3, tmp_path: Path, tiny_network: Network, is_again: bool):
    data = draw_photo(tmp_path / "photo.png", [LEFT]).read_bytes()
    for key in ("good.png", "a//double.png", "gone.png", ".hidden/x.png", "a.jpg/inside.png"):
        s3.put_object(Bucket=BUCKET, Key=f"photos/{key}", Body=data)
    s3.put_object(Bucket=BUCKET, Key="photos/b.png/", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="photos/frozen.png", Body=data, StorageClass="GLACIER")
    run = start(tiny_network)
    s3.delete_object(Bucket=BUCKET, Key="photos/gone.png")
    if is_again:  # so that photos are fetched and labelled one by one
        Attempt(attempt_file(run.shards, 0))
    run.label(run.work(tiny_network, VOTES, SAMPLING))
    summary = merge(run)
    assert (summary.people, summary.photos - summary.failed) == (2, 2)
    named = failures(s3)
    assert named.keys() == {"a//double.png", "a.jpg", "b.png", "frozen.png", "gone.png"}
    assert named["a.jpg"] == named["b.png"] == "a folder, not a file"
    assert named["gone.png"] == "cannot be read: No such file or directory"
    for name in ("frozen.png", "a//double.png"):
        assert named[name].startswith("cannot be read: ")
        assert "\n" not in named[name]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "s3://no-such-bucket-here/photos",
            "s3://no-such-bucket-here/photos: cannot be listed: .*NO_SUCH_BUCKET",
        ),
        (f"s3://{BUCKET}/none", f"s3://{BUCKET}/none: no such folder"),
        (f"s3://{BUCKET}/texts", f"s3://{BUCKET}/texts: no photos in it"),
    ],
)
def test_a_folder_that_is_not_there_is_named(s3, tiny_network: Network, uri: str, message: str):
    s3.put_object(Bucket=BUCKET, Key="texts/a.txt", Body=b"text")
    with pytest.raises(PhotoError, match=message):
        begin(uri, OUT, tiny_network, VOTES, SAMPLING)
    assert keys(s3) == ["texts/a.txt"]


@pytest.mark.parametrize("uri", ["nonsense://bucket/photos", "s3://", "s3:///photos"])
def test_a_place_that_nothing_reaches_is_named(s3, tiny_network: Network, uri: str):
    with pytest.raises(OSError, match=f"^{uri}: "):
        begin(uri, OUT, tiny_network, VOTES, SAMPLING)


def test_files_of_other_systems_go_through_fsspec(tmp_path: Path):
    place = locate(f"memory://{tmp_path.name}/photos")
    (place / "a" / "b.png").write(b"photo")
    (place / "a-b.png").write(b"another")
    assert list(place.photos()) == [Photo("a/b.png", 5), Photo("a-b.png", 7)]
    assert (place / "a" / "b.png").read() == b"photo"
    assert place.names() >= {"a-b.png"}
    (place / "a-b.png").remove()
    assert not (place / "a-b.png").exists()
