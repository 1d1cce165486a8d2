"""A real S3 interface (moto's server) and a real Ray cluster, both on this machine alone."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.annotator.conftest import tiny_model, tiny_network  # noqa: F401
from tests.conftest import end_with_parent, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900
"""Seconds within which a command must end: a hang fails, a slow machine does not."""
BUCKET = "photos-of-people"
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """Environment variables with which S3 is a server of this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield KEYS | {"AWS_ENDPOINT_URL": f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"}
    server.stop()


@pytest.fixture
def s3(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """A client of it, and an empty bucket, :data:`BUCKET`."""
    import boto3

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    if left := [{"Key": key} for key in keys(client)]:
        client.delete_objects(Bucket=BUCKET, Delete={"Objects": left})
    client.delete_bucket(Bucket=BUCKET)


def keys(client) -> list[str]:
    """Of all objects in the bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [found["Key"] for page in pages for found in page.get("Contents", ())]


def upload(client, folder: Path, prefix: str) -> None:
    """Put the files below a folder into the bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            client.put_object(
                Bucket=BUCKET, Key=f"{prefix}/{path.relative_to(folder).as_posix()}", Body=path.read_bytes()
            )


def content(client, key: str) -> bytes:
    return client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def run_command(
    *options: object, environment: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess:
    """``densepose-annotator`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "annotator.cli", *map(str, options)],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **more,
    )


@dataclass(frozen=True)
class Cluster:
    """A cluster on this machine."""

    address: str
    process: int
    """Parent of all its processes."""


@pytest.fixture(scope="session")
def ray_cluster(s3_environment: dict[str, str], tmp_path_factory) -> Iterator[Cluster]:
    """A Ray cluster of three logical CPUs: one for Ray, two for workers."""
    # Ray runs workers at the lowest priority, where a busy machine forgets them.
    os.environ["RAY_AUTH_MODE"] = "disabled"  # also of the drivers
    environment = os.environ | s3_environment | {"RAY_worker_niceness": "0"}
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=3"]
    command += [
        f"--port={address.partition(':')[2]}",
        "--include-dashboard=false",
        "--object-store-memory=100000000",
    ]
    command += ["--disable-usage-stats"]
    log = tmp_path_factory.mktemp("ray") / "log"
    with log.open("w") as said:
        head = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            preexec_fn=end_with_parent,  # noqa: PLW1509
        )
        try:
            end = time.monotonic() + PATIENCE
            while "Ray runtime started" not in log.read_text():
                assert head.poll() is None, log.read_text()
                assert time.monotonic() < end, "it does not start"
                time.sleep(0.2)
            yield Cluster(address, head.pid)
        finally:
            children = psutil.Process(head.pid).children(recursive=True)
            head.send_signal(signal.SIGTERM)
            for process in psutil.wait_procs([psutil.Process(head.pid), *children], timeout=60)[1]:
                process.kill()
            head.wait()
