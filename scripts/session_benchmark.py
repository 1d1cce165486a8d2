"""Bare sessions of ONNX Runtime, and one look at each photo against them: ``scripts/benchmark --sessions``."""

import argparse
import dataclasses
import time
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmark_steps import copy_photos, read_square, timed

from annotator.inference.backends.gpu import batch_sizes
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.runs.folder import annotate_folder


def per_second(action, count: int, seconds: float) -> float:
    """Images per second of an action that takes ``count`` of them, repeated for some seconds after a first time."""
    action()
    times = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not times:
        action()
        times += 1
    return count * times / spent


def run_bound(backend, images: np.ndarray):
    """A call of the session whose images and outputs stay on the device: what it would be without the way there and back."""
    import onnxruntime

    device = "cpu" if backend.name == "cpu" else "cuda"
    binding = backend.session.io_binding()
    binding.bind_ortvalue_input("images", onnxruntime.OrtValue.ortvalue_from_numpy(images, device, 0))
    for output in backend.session.get_outputs():
        binding.bind_output(output.name, device)

    def run() -> None:
        backend.session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run


def measure_sessions(arguments: argparse.Namespace, photos: list[Path], folder: Path) -> dict[str, Any]:
    """Bare sessions in float32 and float16, and one look at each photo with each; printed as they are measured."""
    from model.float16 import convert

    files = {"float32": arguments.model, "float16": folder / "float16.onnx"}
    side = Network(arguments.model, "cpu").side
    squares = np.stack([read_square(photo, side)[1] for photo in islice(cycle(photos), 64)])
    show = partial(print, flush=True)
    parity = convert(files["float32"], files["float16"], squares[: len(photos)][:6])
    show(f"float16 against the file, on the CPU:\n{parity.table()}")
    results: dict[str, Any] = {"float16": dataclasses.asdict(parity)}
    count = arguments.images or 60
    copies = copy_photos(photos, count, folder / "photos")
    settings = Settings(proposals="votes", zoom_in=False, batch_size=arguments.batch)
    for precision, path in files.items():
        network, opened = timed(Network, path, arguments.device)
        backend = network.backend
        largest = backend.full_batch = arguments.batch or backend.batch_size
        _, warmed = timed(backend.warm_up)
        result = {
            **backend.describe(),
            "seconds_to_open": opened,
            "seconds_to_warm_up": warmed,
            "batches": {},
        }
        show(f"\n{precision} on {network.device}, {result['onnxruntime']}")
        show(f"  opened in {opened:.1f} s, warmed up in {warmed:.1f} s; batch {largest}")
        names = [output.name for output in backend.session.get_outputs()]
        for size in batch_sizes(arguments.batch or max(largest, 8)):
            images = np.ascontiguousarray(squares[:size])
            bare = per_second(partial(backend.run, names, images), size, arguments.seconds)
            bound = per_second(run_bound(backend, images), size, arguments.seconds)
            result["batches"][size] = {"images_per_second": bare, "without_copies": bound}
            show(f"  bare, batch {size:>2}: {bare:>8.1f} images/s, without copies {bound:>8.1f}")
        ratios, looks = [], []
        images = np.ascontiguousarray(squares[: min(largest, len(squares))])
        for _ in range(arguments.rounds):
            out = folder / f"{precision}.json"
            seconds = timed(partial(annotate_folder, overwrite=True), copies, out, network, settings)[1]
            looks.append(count / seconds)
            ratios.append(
                looks[-1] / per_second(partial(backend.run, names, images), len(images), arguments.seconds)
            )
            show(f"  one look at each photo: {looks[-1]:.1f} photos/s, {ratios[-1]:.2f} of the bare session")
        results[precision + "_session"] = result | {
            "photos_per_second": median(looks),
            "ratio": median(ratios),
        }
    return results
