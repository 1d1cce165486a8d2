"""The command ``evaluate``: measure a model on labelled photos."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import add_settings, settings_of
from annotator.labels.messages import listed, short


def add_command(commands) -> None:
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
    parser.add_argument(
        "--view", choices=("scene", "person", "both"), default="both", help="what is measured; default: both"
    )
    add_settings(parser)
    parser.set_defaults(run=run, stopped="the report holds the data sets that were done")


def run(arguments: argparse.Namespace) -> int:
    from annotator.evaluation.evaluate import VIEWS, describe, evaluate, write_report
    from annotator.evaluation.ground_truth import check_data_set, find_data_sets
    from annotator.evaluation.report import table
    from annotator.inference.network import DEFAULT_MODEL, Network
    from annotator.runs.progress_bar import ProgressBar
    from annotator.surface.geodesic import Surface

    if arguments.limit is not None and arguments.limit < 1:
        raise ValueError(f"--limit must be 1 or more images, not {arguments.limit}")
    if arguments.report.is_dir():
        raise ValueError(f"{arguments.report}: is a folder; --report names a file")
    sources = find_data_sets(arguments.data, arguments.images)
    settings = settings_of(arguments)
    network = Network(arguments.model or DEFAULT_MODEL, arguments.device)
    surface = Surface(arguments.surface) if arguments.surface else None
    views = VIEWS if arguments.view == "both" else (arguments.view,)
    print(f"{network.info.model_id} on {network.device}")
    totals = [check_data_set(source, arguments.limit) for source in sources]
    report = describe(network, settings, surface) | {"data": {}}
    write_report(report, arguments.report)
    for source, total in zip(sources, totals, strict=True):
        with ProgressBar("image", source.name) as bar:
            bar.show(0, total)

            def show(done: int, bar: ProgressBar = bar, total: int = total) -> None:
                bar.show(done, total)

            found = evaluate(source, network, settings, surface, views, arguments.limit, show)
        report["data"][source.name] = found
        failed = len(found["failures"])
        print(f"\n{source.name}: {found['images']} images, {found['people']} people, {failed} not usable")
        if others := found["other_classes"]:
            names = listed([f"{short(name)} {count}" for name, count in others.items()])
            print(f"annotations of other classes, passed over: {sum(others.values())} ({names})")
        print(table(found))
        write_report(report, arguments.report)
    return 0 if any(len(d["failures"]) < d["images"] for d in report["data"].values()) else 1
