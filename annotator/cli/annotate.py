"""The command ``annotate``: label a folder of photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.cli.options import add_sampling, add_settings, sampling_of, settings_of

if TYPE_CHECKING:
    from annotator.runs.labels_file import FolderSummary


def add_command(commands) -> None:
    parser = commands.add_parser(
        "annotate",
        help="label a folder of photos",
        description="Label all photos below a folder or in a bucket and write one COCO-DensePose file. A run that was stopped "
        "goes on where it was; one that is finished is left alone. Photos that cannot be used are listed in OUT.failures.jsonl.",
    )
    parser.add_argument(
        "photos", metavar="PHOTOS", help="folder, or URI such as s3://bucket/photos (extra `cluster`)"
    )
    parser.add_argument("--out", required=True, metavar="JSON", help="file to write, or its URI")
    parser.add_argument("--overwrite", action="store_true", help="replace JSON, whatever it holds")
    add_settings(parser)
    add_sampling(parser)
    add_sharding(parser)
    parser.set_defaults(run=run)


def add_sharding(parser: argparse.ArgumentParser) -> None:
    """Options of runs on several machines."""
    machines = parser.add_argument_group("several machines (docs/scale.md)")
    machines.add_argument(
        "--cluster",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="label on a Ray cluster; without ADDRESS on that of RAY_ADDRESS, or else on this machine's cores and GPUs",
    )
    machines.add_argument(
        "--cluster-workers", type=int, help="with --cluster: at most so many; default: as many as fit"
    )
    machines.add_argument("--worker-cpus", type=int, help="with --cluster: CPUs of each worker")
    machines.add_argument(
        "--worker-gpus", type=float, help="with --cluster: GPUs of each worker, such as 0.5"
    )
    machines.add_argument(
        "--shard",
        metavar="K/N",
        help="label the K-th of N equal parts, 1/N to N/N, without a cluster; `merge` joins them. K, or all of it, may be "
        "`auto`: the index that Kubernetes or Slurm gives to the job",
    )


def run(arguments: argparse.Namespace) -> int:
    from annotator.cluster.storage import is_uri
    from annotator.inference.network import DEFAULT_MODEL, Network

    check_sharding(arguments)
    sampling, settings = sampling_of(arguments), settings_of(arguments)
    is_cluster = arguments.cluster is not None
    # This machine only says which model it is; that of a cluster's driver may have no GPU.
    network = Network(arguments.model or DEFAULT_MODEL, "cpu" if is_cluster else arguments.device)
    print(f"{network.info.model_id} on {'a cluster' if is_cluster else network.device}", flush=True)
    if is_cluster or arguments.shard is not None or is_uri(arguments.photos) or is_uri(arguments.out):
        from annotator.cli.shards import annotate_in_shards

        return annotate_in_shards(arguments, network, settings, sampling)
    from annotator.runs.folder import annotate_folder
    from annotator.runs.progress_bar import ProgressBar

    with ProgressBar("image") as bar:
        summary = annotate_folder(
            Path(arguments.photos),
            Path(arguments.out),
            network,
            settings,
            sampling,
            bar.show,
            overwrite=arguments.overwrite,
        )
    return tell(summary, arguments.out)


def check_sharding(arguments: argparse.Namespace) -> None:
    """
    Raises:
        ValueError: options that do not go together.
    """
    if arguments.cluster is None:
        for option in ("cluster_workers", "worker_cpus", "worker_gpus"):
            if getattr(arguments, option) is not None:
                raise ValueError(f"--{option.replace('_', '-')} needs --cluster")
    elif arguments.shard is not None:
        raise ValueError("--shard is for jobs without a cluster: leave out it or --cluster")


def tell(summary: FolderSummary | None, out: str) -> int:
    """Say how a run ended; the command's exit code."""
    from annotator.cluster.storage import is_uri, locate
    from annotator.runs.labels_file import FAILURES_SUFFIX

    file = locate(out) + FAILURES_SUFFIX
    # A URI may have a query at its end; a path is said as it was given.
    failures = file if is_uri(out) else f"{out}{FAILURES_SUFFIX}"
    if summary is None:
        print(f"{out}: is finished, with these photos, model and settings; --overwrite labels them again")
        if file.exists():
            print(f"photos that could not be used: {failures}")
        return 0
    print(f"{summary.people} people on {summary.photos - summary.failed} photos: {out}")
    if summary.failed:
        photos = "photo" if summary.failed == 1 else "photos"
        print(f"{summary.failed} {photos} could not be used: {failures}")
    return 0 if summary.failed < summary.photos else 1
