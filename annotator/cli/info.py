"""The command ``info``: describe a model file."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path


def add_command(commands) -> None:
    parser = commands.add_parser(
        "info", help="say what a model, finder or pose estimator file is and where it would run"
    )
    parser.add_argument("model", type=Path, nargs="?", help="ONNX file; default: the one of the package")
    parser.set_defaults(run=run, stopped="nothing was changed")


def run(arguments: argparse.Namespace) -> int:
    from annotator.inference.finder import Finder
    from annotator.inference.network import (
        DEFAULT_MODEL,
        FINDER_METADATA_KEY,
        METADATA_KEY,
        POSE_METADATA_KEY,
        WHAT,
        Network,
        OnnxFile,
    )
    from annotator.inference.pose_estimator import PoseEstimator

    path = arguments.model or DEFAULT_MODEL
    metadata = OnnxFile(path).metadata
    others = {FINDER_METADATA_KEY: Finder, POSE_METADATA_KEY: PoseEstimator}
    key = next((key for key in others if key in metadata), METADATA_KEY)
    model = others.get(key, Network)(path)
    described = {"file": model.path, "kind": WHAT[key], **asdict(model.info), **model.backend.describe()}
    for name, value in described.items():
        print(f"{name:>15}  {value}")
    return 0
