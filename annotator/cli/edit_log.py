"""The commands ``dataset log`` and ``dataset forget``: the log of edits of a FiftyOne dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import load_dataset


def run_log(arguments: argparse.Namespace) -> int:
    from annotator.dataset.fields import Fields
    from annotator.team.export import check_path, write_log

    check_path(arguments.out)
    if arguments.out.exists() and not arguments.overwrite:
        raise FileExistsError(f"{arguments.out}: is there: choose another --out, or --overwrite it")
    count = write_log(load_dataset(arguments.dataset), Fields(arguments.prefix), arguments.out)
    print(f"{count} edits: {arguments.out}")
    return 0


def run_forget(arguments: argparse.Namespace) -> int:
    from annotator.dataset.fields import Fields
    from annotator.team.names import forget_name

    dataset, fields = load_dataset(arguments.dataset), Fields(arguments.prefix)
    alias, entries, people = forget_name(dataset, fields, arguments.name)
    print(f"{arguments.name} is {alias} now, in {entries} edits and on {people} people")
    return 0


def add_log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends in .csv or .parquet (needs PyArrow)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE, whatever it holds")


def add_forget_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="as it is in the log, the labels or the team's work")
