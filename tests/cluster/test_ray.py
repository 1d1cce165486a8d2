"""A real Ray cluster on this machine. Each test has a time limit, so that a hang fails."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from annotator.cluster.attempts import REASON
from annotator.cluster.merge import merge, open_run
from annotator.cluster.ray_driver import ClusterError, Resources
from annotator.cluster.run import ShardedRun
from annotator.inference.backends.gpu import find_gpu
from annotator.inference.network import Network
from annotator.runs.folder import annotate_folder
from tests.annotator.conftest import draw_photo

from .conftest import BUCKET, PATIENCE, ROOT, Cluster, content, run_command, upload
from .label import VOTES

LEFT, RIGHT = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200)
SHARD = 2
"""Photos."""
FEW, MANY = 3, 200
"""Kills in the suite, and with ``--campaign``."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "photos"
    for number in range(120):
        draw_photo(
            folder / f"{number % 7}" / f"{number}.png", ([], [LEFT], [RIGHT], [LEFT, RIGHT])[number % 4]
        )
    (folder / "bad.jpg").write_text("no photo")
    (folder / "link.png").symlink_to(folder / "0" / "0.png")
    return folder


@pytest.fixture(scope="module")
def local(photos: Path, tiny_network: Network) -> Path:
    """The file of a run on one machine."""
    path = photos.parent / "local.json"
    annotate_folder(photos, path, tiny_network, VOTES)
    return path


def test_a_cluster_writes_the_file_of_one_machine(
    ray_cluster: Cluster,
    s3,
    photos: Path,
    local: Path,
    tiny_network: Network,
):
    (photos / "link.png").unlink()  # a bucket has none
    try:
        upload(s3, photos, "photos")
        here = photos.parent / "here.json"
        annotate_folder(photos, here, tiny_network, VOTES)
    finally:
        (photos / "link.png").symlink_to(photos / "0" / "0.png")
    out = f"s3://{BUCKET}/labels.json"
    options = [
        "--out",
        out,
        "--model",
        tiny_network.path,
        "--proposals",
        "votes",
        "--cluster",
        ray_cluster.address,
    ]
    done = run_command("annotate", f"s3://{BUCKET}/photos", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert content(s3, "labels.json") == here.read_bytes()
    assert content(s3, "labels.json.failures.jsonl") == Path(f"{here}.failures.jsonl").read_bytes()


def test_kills_of_driver_and_workers_lose_and_double_nothing(
    ray_cluster: Cluster,
    photos: Path,
    local: Path,
    tmp_path: Path,
    tiny_network: Network,
    campaign: bool,
):
    chosen, kills, runs = random.Random(26), 0, 0
    while kills < (MANY if campaign else FEW):
        out = tmp_path / f"{runs}.json"
        kills += label_and_kill(ray_cluster, photos, out, tiny_network, chosen)
        runs += 1
        merge(open_run(out))
        assert out.read_bytes() == local.read_bytes()
        assert Path(f"{out}.failures.jsonl").read_bytes() == Path(f"{local}.failures.jsonl").read_bytes()
        print(f"{kills} kills in {runs} runs", flush=True)


def label_and_kill(
    cluster: Cluster,
    photos: Path,
    out: Path,
    network: Network,
    chosen: random.Random,
) -> int:
    """Do a run, killing its driver or a worker again and again; no shard that is done may be done again. The number of kills."""
    kills, done = 0, {}
    driver = start_driver(cluster, photos, out, network)
    try:
        end = time.monotonic() + PATIENCE
        while driver.poll() is None:
            assert time.monotonic() < end, "it hangs"
            target = len(done) + chosen.randint(0, 12)
            while driver.poll() is None and len(written(out)) < target and time.monotonic() < end:
                time.sleep(0.05)
            is_worker = chosen.random() < 0.6
            victims = [driver.pid] if not is_worker else workers(cluster)
            if driver.poll() is not None or not victims:
                time.sleep(0.1)
                continue
            try:
                os.kill(chosen.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills += 1
            now = written(out)
            assert done.items() <= now.items(), "a shard was written again"
            done = now
            if not is_worker:
                driver.communicate()
                driver = start_driver(cluster, photos, out, network)
        said = driver.communicate()[0]
        assert driver.returncode == 0, said
        assert done.items() <= written(out).items(), "a shard was written again"
        return kills
    finally:
        driver.kill()
        driver.wait()


def test_a_photo_that_kills_every_worker_is_a_failure(
    ray_cluster: Cluster, photos: Path, local: Path, tmp_path: Path, tiny_network: Network
):
    out, killer = tmp_path / "labels.json", "57.png"
    driver = start_driver(ray_cluster, photos, out, tiny_network, killer)
    said = driver.communicate(timeout=PATIENCE)[0]
    assert driver.returncode == 0, said
    summary = merge(open_run(out))
    known = [json.loads(line) for line in Path(f"{local}.failures.jsonl").read_text().splitlines()]
    found = [json.loads(line) for line in Path(f"{out}.failures.jsonl").read_text().splitlines()]
    assert (summary.photos, summary.failed) == (122, len(known) + 1)
    assert [entry for entry in found if entry not in known] == [
        {"file_name": f"1/{killer}", "failure": REASON}
    ]


def start_driver(
    cluster: Cluster, photos: Path, out: Path, network: Network, *killer: str
) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.cluster.label"]
    command += [photos, out, network.path, cluster.address, SHARD, *killer]
    return subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def workers(cluster: Cluster) -> list[int]:
    """Processes of the actors that label."""
    found = []
    for process in psutil.Process(cluster.process).children(recursive=True):
        try:
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.NoSuchProcess:
            pass
    return found


def written(out: Path) -> dict[str, int]:
    """Shard files with their inodes, which are new ones when a file is written again."""
    found = {}
    for path in Path(f"{out}.shards").glob("*/shard-*.gz"):
        with suppress(FileNotFoundError):
            found[path.name] = path.stat().st_ino
    return found


def test_a_dataset_gets_the_labels_of_one_machine(
    ray_cluster: Cluster, dataset, photos: Path, tmp_path: Path, tiny_network: Network
):
    import fiftyone as fo
    import ray

    from annotator.cluster.dataset import ClusterAnnotation
    from annotator.dataset.fields import Fields
    from annotator.dataset.sample_people import read_people
    from annotator.runs.dataset_annotation import Annotation

    paths = [photos / "bad.jpg", *sorted((photos / "1").iterdir())[:6]]
    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths])
    options = {"model": tiny_network.path, "settings": VOTES}
    Annotation(dataset, prefix="here", maps_dir=tmp_path / "here", **options).run()
    maps, told = tmp_path / "there", []
    run = ClusterAnnotation(dataset, prefix="there", maps_dir=maps, cluster=ray_cluster.address, **options)
    steps = iter(run)
    assert [next(steps), next(steps)] == [0, 7]
    steps.close()  # as when somebody cancels it
    assert not ray.is_initialized()
    assert Path(f"{run.folder}.shards").exists()
    summary = run.run(lambda done: told.append(run.describe(done)))
    assert told[0] == "7 of 7 photos labelled on the cluster"
    assert told[1:] == [f"{done} of 7 photos written" for done in range(1, 8)]
    assert summary.samples == 6
    assert summary.failures == {str(paths[0]): "not an image, or of an unknown format"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]
    people = 0
    for sample in list(dataset)[1:]:
        here, there = (read_people(sample, Fields(prefix)) for prefix in ("here", "there"))
        assert (here.size, here.possible) == (there.size, there.possible)
        for one, other in zip(here.people, there.people, strict=True):
            assert (one.box, one.score, one.quality, one.issues) == (
                other.box,
                other.score,
                other.quality,
                other.issues,
            )
            for name in ("mask", "parts", "charts", "u", "v", "keypoints"):
                assert np.array_equal(getattr(one, name), getattr(other, name)), name
            people += 1
    assert people > 4


def test_a_worker_that_cannot_go_on_ends_the_run_with_one_line(
    ray_cluster: Cluster,
    photos: Path,
    tmp_path: Path,
    tiny_network: Network,
):
    out = tmp_path / "labels.json"
    driver = start_driver(ray_cluster, photos, out, tiny_network)
    while not Path(f"{out}.shards/manifest.jsonl.gz").exists() and driver.poll() is None:
        time.sleep(0.05)
    # The disk of the shard files is gone: a file lies where their folder is to be.
    Path(f"{out}.shards/{ShardedRun(out, open_run(out).manifest).manifest.key}").write_text("in the way")
    said, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1
    assert "once that is mended, the same command goes on" in said.splitlines()[-1]


@pytest.mark.skipif(find_gpu() is not None, reason="the device is there")
def test_a_device_that_the_workers_lack_ends_the_run_with_one_line(
    ray_cluster: Cluster, photos: Path, tmp_path: Path, tiny_network: Network
):
    options = ["--out", tmp_path / "x.json", "--model", tiny_network.path, "--proposals", "votes"]
    options += ["--device", "cuda", "--cluster", ray_cluster.address]
    done = run_command("annotate", photos, *options)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"densepose-annotator: {os.uname().nodename}: device cuda is not there: ")
    assert line.endswith("; once that is mended, the same command goes on")


def test_an_address_where_no_cluster_is_is_named(photos: Path, tmp_path: Path, tiny_network: Network):
    options = ["--out", tmp_path / "x.json", "--model", tiny_network.path, "--proposals", "votes"]
    done = run_command(
        "annotate",
        photos,
        *options,
        "--cluster",
        "127.0.0.1:1",
    )
    assert done.returncode == 1
    assert "densepose-annotator: no Ray cluster answers at 127.0.0.1:1: Connection refused" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "cluster", "fitted"),
    [
        (Resources(), {"CPU": 3}, Resources(1, 2, 0)),
        (Resources(), {"CPU": 2}, Resources(1, 1, 0)),
        (Resources(), {"CPU": 65}, Resources(32, 2, 0)),
        (Resources(), {"CPU": 65, "GPU": 8}, Resources(8, 8, 1)),
        (Resources(gpus=0.5), {"CPU": 65, "GPU": 8}, Resources(16, 4, 0.5)),
        (Resources(gpus=0), {"CPU": 65, "GPU": 8}, Resources(32, 2, 0)),
        (Resources(workers=4), {"CPU": 9}, Resources(4, 2, 0)),
        (Resources(workers=9), {"CPU": 3}, Resources(2, 1, 0)),
        (Resources(cpus=4), {"CPU": 65}, Resources(16, 4, 0)),
        (Resources(), {"CPU": 1}, None),
        (Resources(cpus=3), {"CPU": 3}, None),
        (Resources(gpus=1), {"CPU": 8}, None),
    ],
)
def test_workers_leave_a_cpu_to_ray(asked: Resources, cluster: dict[str, float], fitted: Resources | None):
    check_fitted(asked, [cluster], fitted)


@pytest.mark.parametrize(
    ("asked", "machines", "fitted"),
    [
        (Resources(workers=2), [{"CPU": 2}] * 4, Resources(2, 2, 0)),
        (Resources(), [{"CPU": 32}, *[{"CPU": 4, "GPU": 1}] * 4], Resources(4, 4, 1)),
        (Resources(), [{"CPU": 4, "GPU": 1}] * 4, Resources(4, 3, 1)),
        (Resources(), [{"CPU": 1}] * 4, Resources(3, 1, 0)),
        (Resources(gpus=0.5), [{"CPU": 8}, {"CPU": 8, "GPU": 1}], Resources(2, 4, 0.5)),
        (Resources(cpus=3), [{"CPU": 4}] * 3, Resources(3, 3, 0)),
        (Resources(cpus=3), [{"CPU": 2}] * 4, None),
        (Resources(gpus=2), [{"CPU": 8, "GPU": 1}] * 4, None),
        (Resources(gpus=1, cpus=5), [{"CPU": 8}, {"CPU": 4, "GPU": 1}], None),
    ],
)
def test_a_worker_fits_on_one_machine(
    asked: Resources, machines: list[dict[str, float]], fitted: Resources | None
):
    check_fitted(asked, machines, fitted)


def check_fitted(asked: Resources, machines: list[dict[str, float]], fitted: Resources | None) -> None:
    if fitted is None:
        with pytest.raises(ClusterError, match="too few for a worker of"):
            asked.fitted(machines)
    else:
        assert asked.fitted(machines) == fitted
