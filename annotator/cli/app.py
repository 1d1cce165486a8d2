"""The command ``app``: label a folder of photos and open the FiftyOne App on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import add_quality


def add_command(commands) -> None:
    parser = commands.add_parser(
        "app",
        help="label a folder of photos and open the FiftyOne App on it",
        description="Label a folder of photos in a FiftyOne dataset and open the App with the plugin on it.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "photos", type=Path, nargs="?", metavar="PHOTOS_DIR", help="default: the example images"
    )
    parser.add_argument("--name", help="of the dataset; default: after the folder")
    parser.add_argument("--port", type=int, default=5151)
    parser.add_argument("--address", default="localhost")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.add_argument(
        "--read-only",
        action="store_true",
        help="show a dataset as it is, in an App whose plugin changes nothing (for customers and auditors)",
    )
    add_quality(parser)


def run(arguments: argparse.Namespace) -> int:
    from annotator.app import open_app

    return open_app(
        arguments.photos,
        name=arguments.name,
        port=arguments.port,
        address=arguments.address,
        browser=not arguments.no_browser,
        quality=arguments.quality,
        read_only=arguments.read_only,
    )
