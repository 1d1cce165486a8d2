"""The command ``tidy``: remove files that edits left behind."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import load_dataset


def add_command(commands) -> None:
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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from annotator.dataset.info import maps_folder
    from annotator.runs.tidy import old_edits, remove, remove_superseded, superseded_maps

    folder = maps_folder(load_dataset(arguments.dataset), arguments.prefix, arguments.maps_dir)
    maps, edits = superseded_maps(folder), old_edits(folder)
    if arguments.dry_run:
        sizes = [path.stat().st_size for path in maps + edits if path.exists()]
    else:
        # Whoever works in the App meanwhile removes edits, and needs maps again.
        removed = [remove_superseded(path) for path in maps] + [remove(path) for path in edits]
        sizes = [size for size in removed if size is not None]
    verb = "would be removed" if arguments.dry_run else "removed"
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, {verb} from {folder}")
    return 0
