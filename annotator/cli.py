"""The command ``densepose-annotator``. What a subcommand needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from annotator import __version__
from model.commands import add_commands

RESUMES = "the same command goes on from here"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors a user can mend are one line on standard error and exit code 1, with the environment's
    ``DENSEPOSE_ANNOTATOR_TRACEBACK`` set a traceback."""
    parser = argparse.ArgumentParser(
        prog="densepose-annotator", description="COCO-DensePose labels of people"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_annotate(commands)
    _add_evaluate(commands)
    _add_info(commands)
    _add_app(commands)
    _add_retrain(commands)
    _add_tidy(commands)
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
        print(f"\nstopped; {getattr(parsed, 'stopped', RESUMES)}", file=sys.stderr)
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
    _add_settings(parser)
    parser.add_argument("--points-per-part", type=int, help="surface points written per part")
    parser.add_argument("--point-method", choices=("even", "random"), help="how they are spread")
    parser.set_defaults(run=run_annotate)


def run_annotate(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from annotator.coco.surface_points import PointSampling
    from annotator.inference.network import DEFAULT_MODEL, Network
    from annotator.runs.folder import annotate_folder

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


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """The options of :func:`_settings` and the model's."""
    parser.add_argument("--model", type=Path, help="ONNX file; default: the one that comes with the package")
    _add_zoom_in(parser)
    parser.add_argument(
        "--flip-augment", action="store_true", help="look at the mirror image, too: twice the time"
    )
    parser.add_argument("--confidence", type=float, help="least score of a person, 0..1")
    parser.add_argument("--threshold", type=float, help="least person probability of a pixel, 0..1")
    parser.add_argument(
        "--vote-threshold",
        type=int,
        help="pixels' worth of votes that make a head or a pelvis: fewer people if more",
    )
    parser.add_argument(
        "--min-distance",
        type=float,
        help="least distance of two heads or pelvises, as a share of the image, 0..1",
    )
    parser.add_argument("--batch-size", type=int, help="photos per call of the network")


def _add_zoom_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--zoom-in",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look again at people who are small in the photo, at full input size, and at those who lie or are upside "
        "down, turned upright",
    )


def _settings(arguments: argparse.Namespace):
    from annotator.inference.settings import Settings, VoteSettings

    def given(*names: str) -> dict:
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}

    votes = VoteSettings(**given("vote_threshold", "min_distance"))
    return Settings(**given("zoom_in", "flip_augment", "threshold", "confidence", "batch_size"), votes=votes)


def _add_evaluate(commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a model on labelled photos",
        description="Measure a model on labelled photos, each data set by itself: on whole images as annotate "
        "labels them (scene), and on each labelled person's box (person). Photos that cannot be used are listed in "
        "the report.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="PATH",
        help="folder with annotations.json, images/ and perhaps iuv/, or a COCO-DensePose file with these "
        "folders beside it; repeatable",
    )
    parser.add_argument(
        "--images", type=Path, action="append", metavar="DIR", help="photos of each --data, if elsewhere"
    )
    parser.add_argument("--report", type=Path, required=True, metavar="JSON", help="file to write")
    parser.add_argument("--surface", type=Path, metavar="NPZ", help="body surface, for distances on the body")
    parser.add_argument("--limit", type=int, metavar="N", help="images per data set")
    parser.add_argument("--view", choices=("scene", "person", "both"), default="both")
    _add_settings(parser)
    parser.set_defaults(run=run_evaluate, stopped="the report holds the data sets that were done")


def run_evaluate(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from annotator.evaluation.evaluate import VIEWS, describe, evaluate, write_report
    from annotator.evaluation.ground_truth import check_data_set, find_data_sets
    from annotator.evaluation.report import table
    from annotator.inference.network import DEFAULT_MODEL, Network
    from annotator.surface.geodesic import Surface

    if arguments.limit is not None and arguments.limit < 1:
        raise ValueError(f"--limit must be 1 or more images, not {arguments.limit}")
    if arguments.report.is_dir():
        raise ValueError(f"{arguments.report}: is a folder; --report names a file")
    sources = find_data_sets(arguments.data, arguments.images)
    settings = _settings(arguments)
    network = Network(arguments.model or DEFAULT_MODEL)
    surface = Surface(arguments.surface) if arguments.surface else None
    views = VIEWS if arguments.view == "both" else (arguments.view,)
    print(f"{network.info.model_id} on {network.device}")
    totals = [check_data_set(source, arguments.limit) for source in sources]
    report = describe(network, settings, surface) | {"data": {}}
    write_report(report, arguments.report)
    for source, total in zip(sources, totals, strict=True):
        with tqdm(desc=source.name, total=total, unit="image", smoothing=0.05) as bar:

            def show(done: int, bar: tqdm = bar) -> None:
                bar.update(done - bar.n)

            found = evaluate(source, network, settings, surface, views, arguments.limit, show)
        report["data"][source.name] = found
        failed = len(found["failures"])
        print(f"\n{source.name}: {found['images']} images, {found['people']} people, {failed} not usable")
        print(table(found))
        write_report(report, arguments.report)
    return 0 if any(len(d["failures"]) < d["images"] for d in report["data"].values()) else 1


def _add_info(commands) -> None:
    parser = commands.add_parser("info", help="say what a model file is and where it would run")
    parser.add_argument("model", type=Path, nargs="?", help="ONNX file; default: the one of the package")
    parser.set_defaults(run=run_info, stopped="nothing was changed")


def run_info(arguments: argparse.Namespace) -> int:
    from annotator.inference.network import DEFAULT_MODEL, Network

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
    _add_zoom_in(parser)


def run_app(arguments: argparse.Namespace) -> int:
    from annotator.app import run

    return run(
        arguments.photos,
        name=arguments.name,
        port=arguments.port,
        address=arguments.address,
        browser=not arguments.no_browser,
        zoom_in=arguments.zoom_in,
    )


def _add_retrain(commands) -> None:
    parser = commands.add_parser(
        "retrain",
        help="fine-tune a model on what people corrected",
        description="Fine-tune a model on the edited and approved people of a FiftyOne dataset, export it under a "
        "new id, and compare it with the old one on photos that were held out. A run that was stopped goes on "
        "where it was. The old model and all labels stay as they are, unless --relabel asks for more.",
    )
    parser.add_argument("dataset", help="name of the FiftyOne dataset")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the run")
    parser.add_argument("--prefix", default="dp", help="of the label fields")
    parser.add_argument("--model", type=Path, help="ONNX file to start from; default: the package's")
    parser.add_argument("--weights", type=Path, help="its weights (.npz); default: beside it")
    parser.add_argument("--model-id", help="of the new model; default: the old one's and the folder's name")
    parser.add_argument(
        "--base", type=Path, metavar="CONFIG", help="config of a training run, whose data are mixed in"
    )
    parser.add_argument("--share", type=float, help="of the corrections among the samples, with --base")
    parser.add_argument(
        "--held-out", type=float, help="share of the corrected photos kept for the comparison"
    )
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, help="batches per epoch")
    parser.add_argument("--batch", type=int, help="samples per batch")
    parser.add_argument("--size", type=int, help="side of the samples in pixels, a multiple of 32")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument(
        "--relabel",
        action="store_true",
        help="then label again, with the new model, the people that no human has touched; also afterwards, once "
        "you have seen the comparison",
    )
    parser.set_defaults(run=run_retrain)


def run_retrain(arguments: argparse.Namespace) -> int:
    from annotator.inference.network import DEFAULT_MODEL
    from annotator.retraining.fine_tuning import FineTuning, Retraining

    dataset = _load_dataset(arguments.dataset)
    names = ("epochs", "steps", "batch", "size", "learning_rate", "share", "base", "held_out")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    run = Retraining(
        dataset,
        arguments.out,
        prefix=arguments.prefix,
        model=arguments.model or DEFAULT_MODEL,
        weights=arguments.weights,
        model_id=arguments.model_id,
        plan=FineTuning(**given),
        relabel=arguments.relabel,
    )
    for _ in run:
        pass
    print(f"{run.outcome.text()}\nnew model: {run.outcome.model}")
    if again := run.outcome.relabelled:
        print(f"{again.people} people labelled again, {again.kept} of humans kept")
    else:
        print("all labels are as they were; to accept the new model, repeat the command with --relabel")
    return 0


def _add_tidy(commands) -> None:
    parser = commands.add_parser(
        "tidy",
        help="remove files that edits left behind",
        description="Remove the files of charts, U and V of a FiftyOne dataset that no label refers to any more, "
        "neither of this dataset nor of another one in the same database (those of the last day stay), and the "
        "files of edits that are too old to be undone.",
    )
    parser.add_argument("dataset", help="name of the FiftyOne dataset")
    parser.add_argument("--prefix", default="dp", help="of the label fields")
    parser.add_argument(
        "--maps-dir", type=Path, help="folder of all datasets' maps, if it is not the default"
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be removed")
    parser.set_defaults(run=run_tidy)


def run_tidy(arguments: argparse.Namespace) -> int:
    from annotator.dataset.info import maps_folder
    from annotator.runs.tidy import old_edits, superseded_maps

    folder = maps_folder(_load_dataset(arguments.dataset), arguments.prefix, arguments.maps_dir)
    files, size = superseded_maps(folder) + old_edits(folder), 0
    for path in files:
        with suppress(FileNotFoundError):  # whoever works in the App meanwhile removes old edits, too
            size += path.stat().st_size
            if not arguments.dry_run:
                path.unlink()
    verb = "would be removed" if arguments.dry_run else "removed"
    print(f"{len(files)} files, {size / 1e6:.1f} MB, {verb} from {folder}")
    return 0


def _load_dataset(name: str):
    import fiftyone as fo

    from annotator.dataset.store import connect

    connect()
    if not fo.dataset_exists(name):
        raise ValueError(f"there is no dataset {name!r}")
    return fo.load_dataset(name)


if __name__ == "__main__":
    sys.exit(main())
