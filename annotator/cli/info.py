"""The command ``info``: describe a model file."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path


def add_command(commands) -> None:
    parser = commands.add_parser("info", help="say what a model or finder file is and where it would run")
    parser.add_argument("model", type=Path, nargs="?", help="ONNX file; default: the one of the package")
    parser.set_defaults(run=run, stopped="nothing was changed")


def run(arguments: argparse.Namespace) -> int:
    from annotator.inference.finder import Finder
    from annotator.inference.network import (
        DEFAULT_MODEL,
        FINDER_METADATA_KEY,
        METADATA_KEY,
        WHAT,
        Network,
        OnnxFile,
    )

    path = arguments.model or DEFAULT_MODEL
    is_finder = FINDER_METADATA_KEY in OnnxFile(path).metadata
    model = Finder(path) if is_finder else Network(path)
    kind = WHAT[FINDER_METADATA_KEY if is_finder else METADATA_KEY]
    described = {"file": model.path, "kind": kind, **asdict(model.info), **model.backend.describe()}
    for name, value in described.items():
        print(f"{name:>15}  {value}")
    return 0
