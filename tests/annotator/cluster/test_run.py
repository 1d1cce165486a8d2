"""Runs in shards on this machine: they end as a run over the folder does, whatever stops them."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from annotator.cluster.manifest import ManifestError
from annotator.cluster.merge import merge, open_run
from annotator.cluster.run import Part, ShardedRun, begin
from annotator.cluster.shard_files import shard_name
from annotator.cluster.worker import Work, Worker
from annotator.inference.network import ModelError, Network
from annotator.photos.reading import PhotoError
from tests.annotator.conftest import draw_photo
from tests.annotator.inference.tiny_pose import write_pose_estimator

from .conftest import LEFT, SAMPLING, SHARD, VOTES, failures


def start(photos: Path, out: Path, network: Network, **options) -> ShardedRun | None:
    options = {"settings": VOTES, "sampling": SAMPLING, "shard_size": SHARD} | options
    return begin(photos, out, network, **options)


def work(run: ShardedRun, network: Network) -> Work:
    return replace(run.work(network, VOTES, SAMPLING), threads=1)


def files(run: ShardedRun) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.shards.path.iterdir()}


def test_parts_are_merged_to_the_file_of_one_machine(
    photos: Path, out: Path, local: Path, tiny_network: Network
):
    for number in (3, 1, 2):
        run = start(photos, out, tiny_network)
        run.label(work(run, tiny_network), Part(number, 3))
    summary = merge(open_run(out))
    assert (summary.photos, summary.people, summary.failed) == (13, 8, 4)
    assert out.read_bytes() == local.read_bytes()
    assert failures(out) == failures(local)
    assert {path.name for path in out.parent.iterdir()} == {
        "local", "photos", "labels.json", "labels.json.failures.jsonl",
    }  # fmt: skip


def test_a_finished_file_is_left_alone(photos: Path, out: Path, local: Path, tiny_network: Network):
    shutil.copy(local, out)
    (Path(f"{out}.shards") / "old").mkdir(parents=True)
    assert start(photos, out, tiny_network) is None
    assert not Path(f"{out}.shards").exists()
    draw_photo(photos / "new.png", [LEFT])
    with pytest.raises(FileExistsError, match=r"another run \(photos.count: 14, was 13\)"):
        start(photos, out, tiny_network)
    assert start(photos, out, tiny_network, overwrite=True).manifest.count == 14


def test_only_what_is_missing_is_done_again(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    assert run.left() == [0, 1, 2, 3, 4]
    assert run.label(work(run, tiny_network)) == 13
    before = files(run)
    (run.shards.path / shard_name(2)).unlink()
    again = start(photos, out, tiny_network)
    assert again.left() == [2]
    calls = []
    assert again.label(work(run, tiny_network), progress=lambda *call: calls.append(call)) == 3
    assert calls == [(10, 13), (11, 13), (12, 13), (13, 13), (13, 13)]
    assert files(again) == before


def test_photos_that_come_during_a_run_are_left_to_the_next(
    photos: Path, out: Path, local: Path, tiny_network: Network
):
    run = start(photos, out, tiny_network)
    run.label(work(run, tiny_network), Part(1, 2))
    draw_photo(photos / "a" / "new.png", [LEFT])
    run = start(photos, out, tiny_network)
    run.label(work(run, tiny_network))
    merge(run)
    assert out.read_bytes() == local.read_bytes()


def test_a_photo_that_goes_during_a_run_is_listed(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    (photos / "a" / "3 ü.png").unlink()
    run.label(work(run, tiny_network))
    assert merge(run).failed == 5
    assert (
        b'{"file_name": "a/3 \\u00fc.png", "failure": "cannot be read: No such file or directory"}'
        in failures(out)
    )


def test_a_merge_names_the_shards_that_are_missing(photos: Path, out: Path, tiny_network: Network):
    with pytest.raises(ManifestError, match="no unfinished run of"):
        open_run(out)
    run = start(photos, out, tiny_network)
    run.label(work(run, tiny_network), Part(1, 2))
    with pytest.raises(
        ManifestError, match=r"2 of 5 shards are not there \(shard-000001.jsonl.gz, shard-000003"
    ):
        merge(run)
    assert not out.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other", "short"])
def test_a_shard_that_is_damaged_or_of_another_run_is_refused(
    photos: Path, out: Path, tiny_network: Network, damage: str
):
    run = start(photos, out, tiny_network)
    run.label(work(run, tiny_network))
    file = run.shards.path / shard_name(1)
    if damage == "other":
        other = start(photos, out.with_name("other.json"), tiny_network, shard_size=4)
        Worker(work(other, tiny_network))
        other.label(work(other, tiny_network))
        shutil.copy(other.shards.path / shard_name(1), file)
        reason = r"is not of this run \(run: '\w+', was '\w+'; photos: 3, was 4\)"
    else:
        data = file.read_bytes()
        short = (run.shards.path / shard_name(4)).read_bytes()
        file.write_bytes({"cut": data[:-20], "empty": b"", "text": b"labels", "short": short}[damage])
        reason = r"is not of this run \(shard: 1, was 4" if damage == "short" else "is damaged"
    with pytest.raises(
        ManifestError, match=rf"shard-000001\.jsonl\.gz: {reason}.*: delete it and repeat the run"
    ):
        merge(run)
    assert not out.exists()
    file.unlink()
    run.label(work(run, tiny_network))
    merge(run)
    assert out.exists()


def test_a_machine_with_another_model_is_refused(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    other = work(run, tiny_network)
    with pytest.raises(ModelError, match=r"is not that of the run .*: install the same version"):
        Worker(replace(other, settings=replace(VOTES, threshold=0.6)))


def test_the_model_goes_to_machines_that_do_not_have_it(photos: Path, out: Path, tiny_network: Network):
    run = start(photos, out, tiny_network)
    sent = work(run, tiny_network).for_others(threads=1)
    assert sent.model == Path("tiny.onnx")
    assert Worker(sent).network.info == tiny_network.info


def test_a_pose_estimator_of_the_models_own_goes_with_it(photos: Path, tmp_path: Path, tiny_network: Network):
    network = Network(shutil.copy(tiny_network.path, tmp_path / "tiny.onnx"), threads=1)
    write_pose_estimator(tmp_path / "pose.onnx")
    settings, out = replace(VOTES, pose_estimator=True), tmp_path / "out" / "labels.json"
    run = start(photos, out, network, settings=settings)
    assert run.manifest.run["pose_estimator"]["model_id"] == "dots"
    sent = run.work(network, settings, SAMPLING).for_others(threads=1)
    assert set(sent.files) == {"tiny.onnx", "pose.onnx"}
    assert run.label(replace(sent, model=network.path)) == 13
    with pytest.raises(ModelError, match=r"is not that of the run \(pose_estimator"):
        Worker(replace(sent, files={"tiny.onnx": sent.files["tiny.onnx"]}))


def test_without_photos_there_is_no_run(tmp_path: Path, out: Path, tiny_network: Network):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match="empty: no photos in it"):
        start(tmp_path / "empty", out, tiny_network)
    with pytest.raises(PhotoError, match="none: no such folder"):
        start(tmp_path / "none", out, tiny_network)
    assert not Path(f"{out}.shards").exists()


def test_local_runs_import_neither_ray_nor_pyarrow(photos: Path, out: Path, tiny_network: Network):
    code = f"""
import sys
sys.modules |= dict.fromkeys(("fsspec", "pyarrow", "ray"))  # importing them fails
from annotator.cli import main
options = [{str(photos)!r}, "--out", {str(out)!r}, "--model", {str(tiny_network.path)!r}, "--proposals", "votes"]
assert main(["annotate", *options]) == 0
assert main(["annotate", *options, "--overwrite", "--shard", "1/1"]) == 0
assert main(["merge", {str(out)!r}]) == 0
assert main(["annotate", "s3://bucket/photos", *options[1:]]) == 1
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "s3://bucket/photos: needs PyArrow: pip install 'densepose-annotator[cluster]'" in done.stderr
