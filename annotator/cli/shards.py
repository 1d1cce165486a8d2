"""Runs of ``annotate`` on several machines, and the command ``merge``, which ends them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from annotator.cli.annotate import tell

if TYPE_CHECKING:
    from annotator.cluster.run import Part
    from annotator.coco.surface_points import PointSampling
    from annotator.inference.network import Network
    from annotator.inference.settings import Settings


def add_command(commands) -> None:
    parser = commands.add_parser(
        "merge",
        help="join what `annotate --shard` has labelled",
        description="Write the COCO-DensePose file of a run whose parts `annotate --shard K/N` has labelled, all of them.",
    )
    parser.add_argument("out", metavar="JSON", help="what --out of the parts says")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from annotator.cluster.merge import merge, open_run
    from annotator.cluster.run_lock import hold
    from annotator.runs.progress_bar import ProgressBar

    with hold(open_run(arguments.out).folder, _say), ProgressBar("image", "merging") as bar:
        summary = merge(open_run(arguments.out), bar.show)
    return tell(summary, arguments.out)


def annotate_in_shards(
    arguments: argparse.Namespace, network: Network, settings: Settings, sampling: PointSampling
) -> int:
    """Do what ``annotate`` says on a cluster, or a part of it, or all of it, here."""
    from annotator.cluster.run import WHOLE, folder_of
    from annotator.cluster.run_lock import hold
    from annotator.cluster.storage import locate

    if arguments.shard is not None:
        return _annotate(arguments, network, settings, sampling, part_of(arguments.shard, os.environ))
    with hold(folder_of(locate(arguments.out)), _say):
        return _annotate(arguments, network, settings, sampling, WHOLE)


def _annotate(
    arguments: argparse.Namespace, network: Network, settings: Settings, sampling: PointSampling, part: Part
) -> int:
    from annotator.cluster.merge import merge
    from annotator.cluster.run import begin
    from annotator.runs.progress_bar import ProgressBar

    sharded = begin(
        arguments.photos, arguments.out, network, settings, sampling, overwrite=arguments.overwrite
    )
    if sharded is None:
        return tell(None, arguments.out)
    work = sharded.work(network, settings, sampling, arguments.device)
    with ProgressBar("image") as bar:
        if arguments.cluster is not None:
            from annotator.cluster.ray_driver import Resources, label_on_cluster

            resources = Resources(arguments.cluster_workers, arguments.worker_cpus, arguments.worker_gpus)
            address = arguments.cluster or None
            for done in label_on_cluster(sharded, work, address, resources, _say):
                bar.show(done, sharded.manifest.count)
        else:
            sharded.label(work, part, bar.show)
    if arguments.shard is not None:
        left = len(sharded.left())
        rest = f"{left} shards of other parts are left" if left else f"merge {arguments.out} joins all parts"
        print(f"part {part.number} of {part.count} is done; {rest}")
        return 0
    return tell(merge(sharded), arguments.out)


def part_of(text: str, environment: Mapping[str, str]) -> Part:
    """The part that ``--shard`` names.

    Args:
        text: ``K/N``; ``auto/N`` for the index of a Kubernetes job or a Slurm task; ``auto`` for a Slurm array, which says how
            many there are.
        environment: of the process.

    Raises:
        ValueError: there is no such part, or the environment does not say.
    """
    from annotator.cluster.run import Part

    number, slash, count = text.partition("/")
    if number == "auto":
        if "JOB_COMPLETION_INDEX" in environment:
            index = _whole(environment, "JOB_COMPLETION_INDEX")
        elif "SLURM_ARRAY_TASK_ID" in environment:
            step = _whole(environment, "SLURM_ARRAY_TASK_STEP", 1)
            index = _whole(environment, "SLURM_ARRAY_TASK_ID") - _whole(
                environment, "SLURM_ARRAY_TASK_MIN", 0
            )
            index //= step
            if not slash and "SLURM_ARRAY_TASK_COUNT" in environment:
                count = environment["SLURM_ARRAY_TASK_COUNT"]
        else:
            raise ValueError("--shard auto: neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set")
        number = str(index + 1)
    try:
        return Part(int(number), int(count))
    except ValueError as error:
        if str(error).startswith("--shard"):
            raise
        raise ValueError(f"--shard must be K/N, auto/N or, in a Slurm array, auto; not {text!r}") from None


def _whole(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, default)
    try:
        return int(text)
    except (TypeError, ValueError):
        raise ValueError(f"--shard auto: {name} is {text!r}, not a number") from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
