"""A driver that does what is left of a run on a Ray cluster, in a process of its own, and merges nothing."""

from __future__ import annotations

import sys

from annotator.cluster import ray_driver
from annotator.cluster.ray_driver import Resources, ShardActor, label_on_cluster
from annotator.cluster.run import begin
from annotator.cluster.worker import Work
from annotator.coco.surface_points import PointSampling
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from tests.annotator.cluster.killed_command import kill_at

VOTES, SAMPLING = Settings(proposals="votes"), PointSampling()


def main(photos: str, out: str, model: str, address: str, shard_size: str, killer: str | None = None) -> None:
    """
    Args:
        killer: name of a photo that kills each worker that opens it.
    """

    class KilledActor(ShardActor):
        def __init__(self, work: Work) -> None:
            kill_at([killer])
            super().__init__(work)

    if killer:
        ray_driver.ShardActor = KilledActor
    network = Network(model, threads=1)
    run = begin(photos, out, network, VOTES, SAMPLING, shard_size=int(shard_size))
    resources = Resources(workers=2, cpus=1)
    for _ in label_on_cluster(run, run.work(network, VOTES, SAMPLING), address, resources):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
