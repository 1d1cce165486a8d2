"""The commands ``dataset annotate``, ``dataset import``, ``dataset export``, ``dataset stats``, those of labels of
two annotators and of the log of edits: what the plugin's operators do, for FiftyOne datasets by name."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.cli.agreement import (
    add_agreement_options,
    add_second_options,
    run_agreement,
    run_label_twice,
)
from annotator.cli.edit_log import add_forget_options, add_log_options, run_forget, run_log
from annotator.cli.options import (
    LAST_MODEL,
    add_sampling,
    add_settings,
    load_dataset,
    model_of,
    sampling_of,
    settings_of,
)
from annotator.formats.names import COCO, LABELS
from annotator.labels.people import EXPORT_CHOICES

if TYPE_CHECKING:
    from annotator.dataset.store import Samples
    from annotator.runs.dataset_run import DatasetRun, Summary

OVERWRITE = ("skip", "replace")
COUNTS = {
    "skipped": "photos left alone",
    "removed": "predicted people removed, whom nobody had reviewed",
    "kept": "reviewed people kept as they are",
    "dropped": "people left out",
    "unfinished": "photos left out, on which somebody is not yet as chosen",
    "all_left_out": "photos left out, whose people are all left out",
}
"""What is said of a run's counts that are not 0."""


def add_command(commands) -> None:
    group = commands.add_parser(
        "dataset",
        help="annotate, import, export, count: FiftyOne datasets by name",
        description="What the plugin's operators do, for FiftyOne datasets by name.",
    ).add_subparsers(metavar="COMMAND", required=True)

    annotate = _add(group, "annotate", run_annotate, "label the photos of a dataset", view=True)
    annotate.add_argument(
        "--overwrite",
        choices=OVERWRITE,
        default="skip",
        help="photos with labels: skip them (default), or replace the predictions that nobody reviewed",
    )
    annotate.add_argument(
        "--relabel-changed",
        action="store_true",
        help="label photos whose file has changed anew, also where people worked on the labels: that is deleted",
    )
    _add_maps_dir(annotate)
    annotate.add_argument(
        "--cluster",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="label on a Ray cluster that has the photos under the same paths (docs/scale.md)",
    )
    add_settings(annotate, LAST_MODEL)

    importing = _add(group, "import", run_import, "read people from COCO-DensePose or another format")
    importing.add_argument("file", type=Path, metavar="FILE", help="or a folder, of labelme and YOLO")
    _add_format(importing)
    importing.add_argument("--new", action="store_true", help="make the dataset")
    importing.add_argument(
        "--images-dir",
        type=Path,
        metavar="DIR",
        help="what the file names in the file are relative to, or that has all photos in it and below; default: the file's folder",
    )
    importing.add_argument(
        "--overwrite",
        choices=OVERWRITE,
        default="replace",
        help="photos with labels: replace the predictions that nobody reviewed (default), or skip them",
    )
    _add_maps_dir(importing)
    importing.set_defaults(
        stopped="what was read is in the dataset; the same command, without --new, reads all"
    )

    export = _add(
        group, "export", run_export, "write people as COCO-DensePose or in another format", view=True
    )
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="or a new folder, of labelme and YOLO"
    )
    _add_format(export)
    export.add_argument("--overwrite", action="store_true", help="replace FILE, whatever it holds")
    export.add_argument(
        "--state",
        choices=tuple(EXPORT_CHOICES),
        default="all",
        help="write approved people, approved and edited ones (reviewed), or all (default); a photo with others on it is "
        "left out",
    )
    export.add_argument("--rejected", action="store_true", help="write rejected people, too")
    export.add_argument(
        "--images-dir",
        type=Path,
        metavar="DIR",
        help="what file names are relative to; default: the folder that imported names are relative to, or the deepest "
        "one of all photos",
    )
    export.add_argument(
        "--polygons", action="store_true", help="of coco: masks as polygons; holes are filled"
    )
    add_sampling(export)
    export.set_defaults(stopped="nothing was written")

    stats = _add(
        group, "stats", run_stats, "count people and photos by review state, issue and model", view=True
    )
    stats.add_argument("--json", action="store_true", help="print one JSON object")

    add_second_options(
        _add(group, "label-twice", run_label_twice, "give a share of the photos to a second annotator")
    )
    add_agreement_options(_add(group, "agreement", run_agreement, "measure how far two annotators agree"))
    add_log_options(_add(group, "log", run_log, "write the log of edits to a file"))
    add_forget_options(
        _add(group, "forget", run_forget, "replace a name in the log of edits and in the labels")
    )


def _add(group, name: str, run, help: str, *, view: bool = False) -> argparse.ArgumentParser:
    parser = group.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.add_argument("dataset", help="name of the FiftyOne dataset")
    parser.add_argument("--prefix", default="dp", help="of the label fields")
    if view:
        parser.add_argument("--view", metavar="NAME", help="saved view of the dataset; default: all of it")
    parser.set_defaults(run=run)
    return parser


def _add_format(parser: argparse.ArgumentParser) -> None:
    words = ", ".join(f"{name} ({label})" for name, label in LABELS.items())
    parser.add_argument("--format", choices=tuple(LABELS), default=COCO, help=f"{words}; default: {COCO}")


def _add_maps_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps-dir", type=Path, metavar="DIR", help="of all datasets' charts, U and V")


def run_annotate(arguments: argparse.Namespace) -> int:
    from annotator.runs.dataset_annotation import Annotation

    kind, options = Annotation, {}
    if arguments.cluster is not None:
        from annotator.cluster.dataset import ClusterAnnotation

        kind, options = ClusterAnnotation, {"cluster": arguments.cluster}
    samples = _samples(arguments)
    run = kind(
        samples,
        model_of(arguments, samples._dataset),
        prefix=arguments.prefix,
        settings=settings_of(arguments),
        overwrite=arguments.overwrite,
        changed="relabel" if arguments.relabel_changed else "refuse",
        maps_dir=arguments.maps_dir,
        device=arguments.device,
        **options,
    )
    where = run.network.device if arguments.cluster is None else "a cluster"
    print(f"{run.network.info.model_id} on {where}")
    return _report(_do(run, len(run)), arguments.dataset, "photos changed and were labelled anew")


def run_import(arguments: argparse.Namespace) -> int:
    from annotator.dataset.store import check_home, connect
    from annotator.runs.dataset_import import Import

    if arguments.new:
        check_home()
        connect()
    run = Import(
        arguments.dataset if arguments.new else load_dataset(arguments.dataset),
        arguments.file,
        arguments.images_dir or (arguments.file if arguments.file.is_dir() else arguments.file.parent),
        format=arguments.format,
        prefix=arguments.prefix,
        overwrite=arguments.overwrite,
        maps_dir=arguments.maps_dir,
    )
    summary = _do(run, None)
    for name, count in summary.other_classes.items():
        print(f"{count} annotations of {name}, not imported")
    for words, count in summary.lost.items():
        print(f"{words} of {count} people are gone, as the file has others")
    return _report(summary, arguments.dataset, "photos changed and were labelled anew")


def run_export(arguments: argparse.Namespace) -> int:
    from annotator.formats.registry import find_format
    from annotator.runs.dataset_export import Export

    out = arguments.out
    is_folder = find_format(arguments.format).is_folder
    if out.is_dir() and not is_folder:
        raise IsADirectoryError(f"{out}: is a folder; name a file to write")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: no such folder")
    if out.exists() and not arguments.overwrite and not is_folder:
        raise FileExistsError(f"{out}: is there: choose another --out, or --overwrite it")
    if arguments.images_dir and not arguments.images_dir.is_dir():
        raise FileNotFoundError(f"{arguments.images_dir}: no such folder")
    run = Export(
        _samples(arguments),
        out,
        format=arguments.format,
        prefix=arguments.prefix,
        images_dir=arguments.images_dir,
        state=arguments.state,
        rejected=arguments.rejected,
        sampling=sampling_of(arguments),
        polygons=arguments.polygons,
    )
    summary = _do(run, len(run))
    for words, count in summary.lost.items():
        print(f"{words} of {count} people left out, which {run.format.label} has no place for")
    return _report(summary, str(out), "photos written, though they are others of the same size")


def run_stats(arguments: argparse.Namespace) -> int:
    from annotator.dataset.stats import dataset_stats

    stats = dataset_stats(_samples(arguments), arguments.prefix)
    if arguments.json:
        print(json.dumps(stats, indent=2))
        return 0
    for title, counts in stats.items():
        if not isinstance(counts, dict):
            continue
        print(title.replace("_", " "))
        for name, count in counts.items():
            print(f"{count:>9}  {name.replace('_', ' ')}")
    for run in stats["runs"]:
        of = f"{run['id']} ({run['license'] or 'no licence stated'})"
        print(f"labelled by {of}, settings {json.dumps(run['settings'])}")
    return 0


def _samples(arguments: argparse.Namespace) -> Samples:
    """
    Raises:
        ValueError: there is no such dataset or saved view.
        OSError: FiftyOne's database does not start.
    """
    dataset = load_dataset(arguments.dataset)
    if not arguments.view:
        return dataset
    if not dataset.has_saved_view(arguments.view):
        raise ValueError(f"{arguments.dataset!r} has no saved view {arguments.view!r}")
    return dataset.load_saved_view(arguments.view)


def _do(run: DatasetRun, total: int | None) -> Summary:
    from annotator.runs.progress_bar import ProgressBar

    with ProgressBar("photo") as bar:
        bar.show(0, total)
        return run.run(lambda done: bar.show(done, total))


def _report(summary: Summary, target: str, changed: str) -> int:
    """Print a run's counts, and on standard error its failures; the exit code."""
    print(f"{summary.people} people on {summary.samples} photos: {target}")
    for name, words in COUNTS.items():
        if count := getattr(summary, name):
            print(f"{count} {words}")
    for path in summary.changed:
        print(f"{changed}: {path}")
    for path, reason in summary.failures.items():
        print(f"{path}: {reason}", file=sys.stderr)
    if failed := len(summary.failures):
        print(f"{failed} {'photo' if failed == 1 else 'photos'} failed", file=sys.stderr)
    done = summary.samples + summary.skipped
    return 0 if done or not summary.failures else 1
