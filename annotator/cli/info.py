"""The command ``info``: describe a model file."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path


def add_command(commands) -> None:
    parser = commands.add_parser("info", help="say what a model file is and where it would run")
    parser.add_argument("model", type=Path, nargs="?", help="ONNX file; default: the one of the package")
    parser.set_defaults(run=run, stopped="nothing was changed")


def run(arguments: argparse.Namespace) -> int:
    from annotator.inference.network import DEFAULT_MODEL, Network

    network = Network(arguments.model or DEFAULT_MODEL)
    for name, value in {"file": network.path, **asdict(network.info), "device": network.device}.items():
        print(f"{name:>15}  {value}")
    return 0
