"""A driver that does what is left of a run on a Ray cluster, in a process of its own, and merges nothing."""

import sys

from annotator.cluster.ray_driver import Resources, label_on_cluster
from annotator.cluster.run import begin
from annotator.coco.surface_points import PointSampling
from annotator.inference.network import Network
from annotator.inference.settings import Settings

VOTES, SAMPLING = Settings(proposals="votes"), PointSampling()


def main(photos: str, out: str, model: str, address: str, shard_size: str) -> None:
    network = Network(model, threads=1)
    run = begin(photos, out, network, VOTES, SAMPLING, shard_size=int(shard_size))
    resources = Resources(workers=2, cpus=1)
    label_on_cluster(run, run.work(network, VOTES, SAMPLING), address, resources)


if __name__ == "__main__":
    main(*sys.argv[1:])
