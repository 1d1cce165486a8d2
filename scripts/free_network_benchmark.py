"""The work of the processor around a network that costs nothing: ``scripts/benchmark --free-network``."""

import dataclasses
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmark_steps import WAYS, measure_steps, read_square, say

from annotator.inference.finder import Finder
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate, default_workers
from annotator.inference.pose_estimator import PoseEstimator, pose_estimator_beside
from annotator.inference.settings import Settings

FREE_BATCH = 32


class FreeModel:
    """A network, finder or pose estimator that remembers what it gave for each image, and then gives it at no cost.

    What looking it up takes is counted, to be taken off again.
    """

    def __init__(self, model: Network | Finder | PoseEstimator) -> None:
        self._model, self._known = model, {}
        self.path, self.info, self.side, self.backend = model.path, model.info, model.side, model.backend
        self.batch_size = FREE_BATCH
        self.seconds = 0.0
        """Of a processor, for looking up."""
        self.batches: list[list[int]] = []
        """The images of each batch, as their hashes."""

    def run(self, images: np.ndarray) -> Any:
        begin = time.thread_time()
        keys = [hash(image.tobytes()) for image in images]
        self.batches.append(keys)
        for key, image in zip(keys, images, strict=True):
            if key not in self._known:
                self._known[key] = self._model.run(image[None])
        found = [self._known[key] for key in keys]
        if isinstance(found[0], tuple):
            result = tuple(map(np.concatenate, zip(*found, strict=True)))
        else:
            kind = type(found[0])
            arrays = ([getattr(maps, name) for maps in found] for name in kind.__slots__)
            result = kind(*map(np.concatenate, arrays))
        self.seconds += time.thread_time() - begin
        return result


def measure_free(
    network: Network, finder: Finder, photos: list[Path], images: int, rounds: int
) -> dict[str, Any]:
    """Milliseconds of processor time per photo around the network, how many times the speed of one worker more
    have, and how full batches are."""
    pose = PoseEstimator(pose_estimator_beside(network.path), network.backend.name, network.threads)
    free, free_finder, free_pose = models = [FreeModel(model) for model in (network, finder, pose)]
    repeated = list(islice(cycle(photos), images))
    result: dict[str, Any] = {"batch_size": FREE_BATCH}
    for name in ("votes, one look", "votes", "normal"):
        way = dataclasses.replace(WAYS[name], batch_size=FREE_BATCH)

        def run(workers: int, way: Settings = way) -> tuple[float, float]:
            """Seconds of processor time and of the clock, per photo."""
            for model in models:
                model.batches.clear()
            looked_up = sum(model.seconds for model in models)
            cpu, clock = time.process_time(), time.perf_counter()
            settings = dataclasses.replace(way, workers=workers)
            for _ in annotate(repeated, free, settings, free_finder, pose=free_pose):
                pass
            looked_up = sum(model.seconds for model in models) - looked_up
            cpu, clock = time.process_time() - cpu - looked_up, time.perf_counter() - clock - looked_up
            return cpu / len(repeated), clock / len(repeated)

        # Fills the memory.
        list(annotate(photos, free, dataclasses.replace(way, workers=1), free_finder, pose=free_pose))
        counts = [k for k in (1, 2, 4, 8, 16) if k <= default_workers()]
        times = [{k: run(k) for k in counts} for _ in range(rounds)]
        of_way = {"cpu_ms_per_photo": 1000 * median(one[1][0] for one in times), "speed_of_workers": {}}
        say(f"processor time, {name}", f"{of_way['cpu_ms_per_photo']:.1f} ms/photo")
        for k in counts[1:]:
            of_way["speed_of_workers"][str(k)] = speed = median(one[1][1] / one[k][1] for one in times)
            say(f"{k} workers, {name}", f"{speed / k:.2f} × {k} times the speed of one")
        if way.zoom_in or way.uses_finder:
            first = {hash(read_square(photo, network.side)[1].tobytes()) for photo in photos}
            sizes = [len(keys) for keys in free.batches for key in keys if key not in first]
            of_way["mean_batch_of_second_looks"] = sum(sizes) / max(len(sizes), 1)
            say(
                f"mean batch of second looks, {name}",
                f"{of_way['mean_batch_of_second_looks']:.1f} of {FREE_BATCH}",
            )
        result[name] = of_way
    settings = dataclasses.replace(WAYS["votes, one look"])
    result["cpu_ms_per_step"] = measure_steps(free, repeated[: 2 * len(photos)], settings, time.thread_time)
    result["cpu_ms_per_step"].pop("network")
    for name, value in result["cpu_ms_per_step"].items():
        say(f"processor time, {name}", f"{value:.1f} ms/photo")
    return result
