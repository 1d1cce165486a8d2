"""The commands ``dataset label-twice`` and ``dataset agreement``: photos of two annotators, and how far the two agree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from annotator.cli.options import load_dataset


def add_second_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--share", type=float, default=0.05, help="of the photos, 0 to 1; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw")


def add_agreement_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="CSV", help="a line for each person")
    parser.add_argument("--overwrite", action="store_true", help="replace CSV, whatever it holds")
    parser.add_argument(
        "--surface", type=Path, metavar="NPZ", help="body surface for GPS; default: the one that comes along"
    )


def run_label_twice(arguments: argparse.Namespace) -> int:
    from annotator.dataset.second_labels import second_fields
    from annotator.runs.second_labels import SecondLabels

    dataset = load_dataset(arguments.dataset)
    run = SecondLabels(dataset, prefix=arguments.prefix, share=arguments.share, seed=arguments.seed)
    summary = run.run()
    _print_failures(summary.failures)
    prefix = second_fields(run.fields).prefix
    print(f"{summary.people} people on {summary.samples} photos for a second annotator: prefix {prefix}")
    if summary.skipped:
        print(f"{summary.skipped} photos left alone: given before, or somebody has worked on them")
    return 0 if summary.samples or not summary.failures else 1


def run_agreement(arguments: argparse.Namespace) -> int:
    from annotator.runs.agreement import Agreement, write_rows
    from annotator.surface.geodesic import Surface

    out = arguments.out
    if out and not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: no such folder")
    if out and out.exists() and not arguments.overwrite:
        raise FileExistsError(f"{out}: is there: choose another --out, or --overwrite it")
    surface = Surface(arguments.surface) if arguments.surface else None
    run = Agreement(load_dataset(arguments.dataset), prefix=arguments.prefix, surface=surface)
    _print_failures(run.run().failures)
    print(run.describe())
    if out:
        write_rows(run.rows, out)
    return 0 if run.rows or not run.summary.failures else 1


def _print_failures(failures: dict[str, str]) -> None:
    for path, reason in failures.items():
        print(f"{path}: {reason}", file=sys.stderr)
