"""The command ``densepose-annotator``. What a subcommand needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

from annotator import __version__
from model.commands import add_commands


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors a user can mend are one line on standard error and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="densepose-annotator", description="COCO-DensePose labels of people"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_annotate(commands)
    _add_info(commands)
    _add_app(commands)
    add_commands(commands)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.run(parsed)
    except (ValueError, ImportError, OSError, FloatingPointError) as error:
        if os.environ.get("DENSEPOSE_ANNOTATOR_TRACEBACK"):
            raise
        print(f"densepose-annotator: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130


def _add_annotate(commands) -> None:
    parser = commands.add_parser(
        "annotate",
        help="label a folder of photos",
        description="Label all photos below a folder and write one COCO-DensePose file. A run that was stopped "
        "goes on where it was. Photos that cannot be used are listed in OUT.failures.jsonl.",
    )
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON")
    parser.add_argument("--model", type=Path, help="ONNX file; default: the one that comes with the package")
    parser.add_argument("--person-pass", action="store_true", help="look at every person again at full size")
    parser.add_argument("--confidence", type=float, help="least score of a person, 0..1")
    parser.add_argument("--threshold", type=float, help="least person probability of a pixel, 0..1")
    parser.add_argument("--eps", type=float, help="DBSCAN's radius in head embeddings")
    parser.add_argument("--min-samples", type=int, help="DBSCAN's core size in pixels of the network's input")
    parser.add_argument("--merge", type=float, help="join people whose head points are nearer; 0 for never")
    parser.add_argument("--batch-size", type=int, help="photos per call of the network")
    parser.add_argument("--points-per-part", type=int, help="surface points written per part")
    parser.add_argument("--point-method", choices=("even", "random"), help="how they are spread")
    parser.set_defaults(run=run_annotate)


def run_annotate(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from annotator.folders import annotate_folder
    from annotator.network import DEFAULT_MODEL, Network
    from annotator.points import PointSampling

    chosen = {"per_part": arguments.points_per_part, "method": arguments.point_method}
    sampling = PointSampling(**{name: value for name, value in chosen.items() if value is not None})
    network = Network(arguments.model or DEFAULT_MODEL)
    print(f"{network.info.model_id} on {network.device}")
    with tqdm(unit="image", smoothing=0.05) as bar:

        def show(done: int, total: int) -> None:
            if bar.total is None:
                bar.total, bar.initial, bar.n = total, done, done
                bar.refresh()
            else:
                bar.update(done - bar.n)

        summary = annotate_folder(
            arguments.photos, arguments.out, network, _settings(arguments), sampling, show
        )
    print(f"{summary.people} people on {summary.photos - summary.failed} photos: {arguments.out}")
    if summary.failed:
        photos = "photo" if summary.failed == 1 else "photos"
        print(f"{summary.failed} {photos} could not be used: {arguments.out}.failures.jsonl")
    return 0 if summary.failed < summary.photos else 1


def _settings(arguments: argparse.Namespace):
    from annotator.decoding import Settings
    from annotator.instances import Split

    def given(*names: str) -> dict:
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}

    split = Split(**given("eps", "min_samples", "merge"))
    return Settings(**given("person_pass", "threshold", "confidence", "batch_size"), split=split)


def _add_info(commands) -> None:
    parser = commands.add_parser("info", help="say what a model file is and where it would run")
    parser.add_argument("model", type=Path, nargs="?", help="ONNX file; default: the one of the package")
    parser.set_defaults(run=run_info)


def run_info(arguments: argparse.Namespace) -> int:
    from annotator.network import DEFAULT_MODEL, Network

    network = Network(arguments.model or DEFAULT_MODEL)
    for name, value in {"file": network.path, **asdict(network.info), "device": network.device}.items():
        print(f"{name:>15}  {value}")
    return 0


def _add_app(commands) -> None:
    parser = commands.add_parser(
        "app",
        help="label a folder of photos and open the FiftyOne App on it",
        description="Label a folder of photos in a FiftyOne dataset and open the App with the plugin on it.",
    )
    parser.set_defaults(run=run_app)
    parser.add_argument(
        "photos", type=Path, nargs="?", metavar="PHOTOS_DIR", help="default: the example images"
    )
    parser.add_argument("--name", help="of the dataset; default: after the folder")
    parser.add_argument("--port", type=int, default=5151)
    parser.add_argument("--address", default="localhost")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.add_argument("--person-pass", action="store_true", help="look at every person again at full size")


def run_app(arguments: argparse.Namespace) -> int:
    from annotator.app import run

    return run(
        arguments.photos,
        name=arguments.name,
        port=arguments.port,
        address=arguments.address,
        browser=not arguments.no_browser,
        person_pass=arguments.person_pass,
    )


if __name__ == "__main__":
    sys.exit(main())
