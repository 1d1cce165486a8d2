"""Many workers on one or more machines, by Ray Data: one actor per worker, which is sent one shard after another.

Shards go out as the names of their photos and come back as receipts: no pixel and no label passes through Ray's object store.
An actor that dies is replaced and its shard done again; whatever ends the driver, the same command goes on.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from annotator.cluster.manifest import unpack_photos
from annotator.cluster.run import ShardedRun
from annotator.cluster.shard_files import shard_header, shard_name
from annotator.cluster.worker import Receipt, Work, Worker
from annotator.inference.backends.base import DeviceError, ModelError

SILENCE = 120
"""Seconds without a shard done after which the driver says what it waits for, and after each again."""
RESERVED_CPUS = 1
"""Logical CPUs that Ray Data needs for itself: with all of them given to actors it waits for ever."""
OBJECT_STORE = 200 << 20
"""Bytes of it where a cluster is started here, which is plenty for names and receipts."""
START_ATTEMPTS = 3
"""On a busy machine Ray gives up to start after half a minute."""
CONNECT_SECONDS = 20
MAX_CPUS = 8
"""A worker takes no more unless it is told to: its decoding does not use more."""


class ClusterError(ValueError):
    """A cluster that cannot do the run, or a worker that could not go on; the message says why."""


@dataclass(frozen=True)
class Resources:
    """What each worker takes of a cluster, and how many there are at most; ``None`` for what suits it: a worker per GPU, or
    per two CPUs where there is none.

    Raises:
        ValueError: a value out of range.
    """

    workers: int | None = None
    cpus: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("workers", 1), ("cpus", 1), ("gpus", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                option = "--cluster-workers" if name == "workers" else f"--worker-{name}"
                raise ValueError(f"{option} must be {least} or more, not {value}")

    def fitted(self, machines: Sequence[dict[str, float]]) -> Resources:
        """With all values, for what a cluster has.

        Args:
            machines: ``CPU`` and ``GPU`` of each; a worker runs on one of them.

        Raises:
            ClusterError: not even one worker has room.
        """
        each = [(int(of.get("CPU", 0)), of.get("GPU", 0)) for of in machines]
        has_cpus, has_gpus = (sum(of) for of in zip(*each, strict=True))
        gpus = self.gpus if self.gpus is not None else float(has_gpus > 0)

        def room(cpus: int) -> int:
            """Workers of so many CPUs that there is room for."""
            of_machines = sum(
                min(own // cpus, int(own_gpus // gpus) if gpus else own) for own, own_gpus in each
            )
            return min(of_machines, (has_cpus - RESERVED_CPUS) // cpus)

        if self.cpus is not None:
            cpus = self.cpus
        elif wanted := self.workers or (sum(int(of // gpus) for _, of in each) if gpus else 0):
            wanted = min(wanted, room(1))
            cpus = next(cpus for cpus in range(MAX_CPUS, 0, -1) if cpus == 1 or room(cpus) >= wanted > 0)
        else:
            cpus = 2 if room(2) else 1
        if not room(cpus):
            where = "1 machine" if len(each) == 1 else f"{len(each)} machines"
            raise ClusterError(
                f"the cluster has {has_cpus} CPUs and {has_gpus:g} GPUs on {where}: too few for a worker of {cpus} CPUs and "
                f"{gpus:g} GPUs on one of them, beside the {RESERVED_CPUS} CPU that Ray needs: give smaller --worker-cpus or "
                "--worker-gpus, or larger machines, or more"
            )
        return Resources(min(self.workers or room(cpus), room(cpus)), cpus, gpus)


def label_on_cluster(
    run: ShardedRun,
    work: Work,
    address: str | None = None,
    resources: Resources | None = None,
    say: Callable[[str], object] = print,
) -> Iterator[int]:
    """Do what is left of a run on a Ray cluster; the number of photos that are done, at the start and after each shard.

    Closing the iterator ends the workers.

    Args:
        run: whose ``out`` and photos all machines reach under the same names.
        work: of it.
        address: of a cluster, as of ``ray.init``; default: the environment's, or one on this machine, which is started and
            ended here.
        resources: of the workers.
        say: is told what the driver waits for.

    Raises:
        ImportError: Ray is not installed.
        ClusterError: no cluster answers, it is too small, or a worker could not go on.
    """
    left = run.left()
    done = run.manifest.count - run.photos_in(left)
    yield done
    if not left:
        return
    with _cluster(address) as ray:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        fitted = (resources or Resources()).fitted(machines)
        with (
            _watchdog(ray, fitted, say) as hear,
            closing(_receipts(run, work.for_others(fitted.cpus), left, fitted)) as rows,
        ):
            for receipt in _checked(rows):
                hear()
                done += receipt.photos
                yield done
    if missing := run.left():
        raise ClusterError(
            f"{run.shards / shard_name(missing[0])}: a worker has written it, and it is not there: --out must be where all "
            "machines of the cluster reach it under the same name, as in a bucket"
        )


class _cluster:
    """Ray, connected; a cluster that was started here ends with the block."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def __enter__(self) -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Ray's own processes write to this one's standard error, also what they warn of needlessly.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray
            import ray.data
        except ImportError:
            raise ImportError(
                "--cluster needs Ray: pip install 'densepose-annotator[cluster]' on all its machines"
            ) from None
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        is_new = address == "local"
        _check_answers(address)
        if is_new:
            # One logical CPU more than there are, so that the workers may have them all.
            cpus = len(os.sched_getaffinity(0)) + RESERVED_CPUS
            options |= {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": OBJECT_STORE}
        for _ in range(START_ATTEMPTS if is_new else 1):
            try:
                ray.init(address=address, **options)
                return ray
            except Exception as error:  # Ray's own have no class when it is slow to start
                ray.shutdown()
                failed = next(iter(str(error).splitlines()), type(error).__name__)
        where = "no Ray cluster starts on this machine" if is_new else f"no Ray cluster answers at {address}"
        hint = (
            ""
            if is_new or "RAY_AUTH_MODE" in os.environ
            else " (if it asks for a token: RAY_AUTH_MODE=token)"
        )
        raise ClusterError(f"{where}: {failed}{hint}")

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()


def _check_answers(address: str) -> None:
    """See whether anything listens at HOST:PORT; Ray itself would try for many minutes.

    Raises:
        ClusterError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error.strerror or error}") from None


def _receipts(run: ShardedRun, work: Work, left: list[int], fitted: Resources) -> Iterator[dict[str, Any]]:
    """Of each shard, in the order in which they are done: a receipt, or ``error``."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    manifest = run.manifest
    items = [{"header": shard_header(manifest, shard), "photos": manifest.blocks[shard]} for shard in left]
    shards = ray.data.from_items(items, override_num_blocks=len(items))
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=fitted.workers, max_tasks_in_flight_per_actor=2)
    done = shards.map(
        ShardActor,
        fn_constructor_args=(work,),
        compute=pool,
        num_cpus=fitted.cpus,
        num_gpus=fitted.gpus or None,
    )
    rows = iter(done.iter_rows())
    try:
        yield from rows
    finally:
        # Ray Data stops its threads when nobody holds the iterator; before that `ray.shutdown` waits for them for ever.
        del rows, done, shards
        gc.collect()


class ShardActor:
    """A :class:`~annotator.cluster.worker.Worker` in an actor. What ends it comes back as a row: an exception of the
    constructor would have Ray try again for ever."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._worker: Worker | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            self._worker = self._worker or Worker(self._work)
            receipt = self._worker.label(row["header"], unpack_photos(row["photos"]))
        except (ModelError, DeviceError, OSError, ImportError) as error:
            failed = Receipt(row["header"]["shard"], 0, 0, 0)
            return {**asdict(failed), "error": f"{os.uname().nodename}: {error}"}
        return {**asdict(receipt), "error": ""}


def _checked(rows: Iterator[dict[str, Any]]) -> Iterator[Receipt]:
    """The receipts of all shards.

    Raises:
        ClusterError: a worker could not go on.
    """
    from ray.exceptions import RayError

    try:
        for row in rows:
            if row["error"]:
                raise ClusterError(f"{row['error']}; once that is mended, the same command goes on")
            yield Receipt(**{name: row[name] for name in Receipt.__dataclass_fields__})
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1] if lines else type(error).__name__
        raise ClusterError(f"Ray ended the run: {reason}; the same command goes on") from error


@contextmanager
def _watchdog(ray: Any, fitted: Resources, say: Callable[[str], object]) -> Iterator[Callable[[], None]]:
    """A function to call for every receipt; what the driver waits for is said when none comes for long."""
    heard, is_over = threading.Event(), False

    def watch() -> None:
        while not is_over:
            if heard.wait(SILENCE):
                heard.clear()
            else:
                say(_waiting(ray, fitted))

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield heard.set
    finally:
        is_over = True
        heard.set()


def _waiting(ray: Any, fitted: Resources) -> str:
    free, nodes = ray.available_resources(), sum(node["Alive"] for node in ray.nodes())
    machines = "1 machine" if nodes == 1 else f"{nodes} machines"
    return (
        f"no shard was done in {SILENCE} seconds. The cluster has {machines}, {free.get('CPU', 0):g} CPUs and "
        f"{free.get('GPU', 0):g} GPUs free; up to {fitted.workers} workers take {fitted.cpus} CPUs and {fitted.gpus:g} GPUs each. "
        "If no worker is running, `ray status` says why; if they are, a shard takes them longer than that"
    )
