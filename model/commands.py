"""The commands ``train``, ``train-finder``, ``train-pose`` and ``export-model``. Keras is imported only when one of them runs."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def add_commands(commands) -> None:
    """Register them at argparse's ``add_subparsers()`` object."""
    train = commands.add_parser(
        "train",
        help="train the cascade in three stages",
        description="Train the cascade on COCO-DensePose files, all three stages, or go on with a run that was "
        "stopped. Give the data with --data and --images (repeatable, in pairs), or everything with --config.",
    )
    train.add_argument("--config", type=Path, help="run configuration (JSON); the other options change it")
    train.add_argument("--data", type=Path, action="append", default=[], metavar="JSON")
    train.add_argument("--images", type=Path, action="append", default=[], metavar="DIR")
    train.add_argument(
        "--iuv", type=Path, action="append", default=[], metavar="DIR", help="dense labels of --data"
    )
    train.add_argument(
        "--validation", type=Path, metavar="JSON", help="default: a share of --data is held out"
    )
    train.add_argument("--validation-images", type=Path, metavar="DIR")
    train.add_argument("--preset", help="lite (default), base or thesis")
    train.add_argument("--backbone", metavar="WEIGHTS", help="'imagenet', 'none' or a weights file (.npz)")
    train.add_argument("--start", type=Path, metavar="WEIGHTS", help="trained weights (.npz) to go on from")
    train.add_argument("--epochs", type=int, nargs=3, metavar=("E1", "E2", "E3"), help="epochs of the stages")
    train.add_argument("--steps", type=int, help="batches per epoch; 0 (default): once through the data")
    train.add_argument("--batch", type=int, help="samples per batch")
    train.add_argument("--size", type=int, help="side of the samples in pixels, a multiple of 32")
    train.add_argument("--learning-rate", type=float, help="of all stages, at its highest")
    train.add_argument("--seed", type=int)
    train.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="GPUs that share each batch, with --backend jax; 0 for all; default: 1",
    )
    _add_run(train)
    train.set_defaults(run=run_train)

    finder = commands.add_parser(
        "train-finder",
        help="train the person finder",
        description="Train the person finder on COCO files, or go on with a run that was stopped. Only boxes are learnt; "
        "masks are needed to copy and paste people.",
    )
    _add_one_stage(finder, "finder", run_train_finder)
    pose = commands.add_parser(
        "train-pose",
        help="train the pose estimator's masks and charts",
        description="Train the pose estimator to outline its person and to say which chart, U and V each pixel shows, on COCO files "
        "with masks, or go on with a run that was stopped. What predicts keypoints stays as it is.",
    )
    _add_one_stage(pose, "pose estimator", run_train_pose)

    export = commands.add_parser(
        "export-model",
        help="write a trained run as one ONNX file",
        description="Write a cascade's, a finder's or a pose estimator's weights as ONNX, decoding and description inside, and check "
        "the file against Keras on real images. Fails, and writes nothing, if they disagree.",
    )
    export.add_argument(
        "run_folder",
        type=Path,
        metavar="RUN",
        help="folder of a run, or a weights file (.npz); with --fp16 also an ONNX file",
    )
    export.add_argument("onnx", type=Path, help="file to write")
    export.add_argument(
        "--photos", type=Path, help="folder of photos for the check; default: the example images"
    )
    export.add_argument(
        "--size", type=int, help="side of the graph's input, a multiple of 32; default: the network's"
    )
    export.add_argument("--model-id", help="name under which its labels are known; default: the run's folder")
    export.add_argument("--license", default="", help="licence of the weights, for the file's description")
    precision = export.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="compute in float16 (GPUs)")
    precision.add_argument(
        "--fp16-weights", action="store_true", help="store weights as float16: half the size"
    )
    export.add_argument("--raw", action="store_true", help="undecoded maps, for evaluation")
    export.set_defaults(run=run_export, stopped="nothing was changed")


def _add_one_stage(
    parser: argparse.ArgumentParser, network: str, run: Callable[[argparse.Namespace], int]
) -> None:
    parser.add_argument("--config", type=Path, required=True, help="run configuration (JSON)")
    parser.add_argument(
        "--start",
        type=Path,
        metavar="WEIGHTS",
        help=f"{network}'s weights (.npz) to start from; default: the config's",
    )
    _add_run(parser)
    parser.set_defaults(run=run)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), help="default: KERAS_BACKEND or tensorflow"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")


def prepare_keras(backend: str | None = None) -> None:
    """Choose Keras's backend, before anything imports Keras.

    Raises:
        ImportError: what training needs is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow switches oneDNN on by itself only where there is AVX-512; with AVX2 it saves a third of a step, too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = backend or os.environ.get("KERAS_BACKEND", "tensorflow")
    check_training_packages(os.environ["KERAS_BACKEND"])


def check_training_packages(backend: str, *, exports: bool = False) -> None:
    """Check, without importing anything, that what training needs is installed.

    Args:
        backend: of Keras.
        exports: whether the trained model is exported, too.

    Raises:
        ImportError: it is not; the message says how to install it.
    """
    names = ["keras", "imgaug", backend, *(["tf2onnx"] if exports else [])]
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ImportError(f"training needs {', '.join(missing)}, not installed yet: {_how_to_install()}")


def _how_to_install() -> str:
    root = Path(__file__).resolve().parents[1]
    if Path(sys.prefix) == root / ".venv" and (root / "scripts" / "environment.sh").is_file():
        return f"run cd {root} && bash -c 'source scripts/environment.sh && install_package train'"
    return (
        "run pip install 'densepose-annotator[train]', or 'densepose-annotator[train-gpu]' on an NVIDIA GPU, and "
        "pip install --no-deps 'imaug>=0.4.3,<0.5'"
    )


def run_train(arguments: argparse.Namespace) -> int:
    prepare_keras(arguments.backend)
    from model.config import config_from_dict, make_config, read_config
    from model.devices import data_parallel
    from model.sources import DataError
    from model.training import train

    changes = _changes(arguments)
    if arguments.config:
        if arguments.preset:
            raise DataError(f"--preset: {arguments.config} says it: leave it out")
        config = read_config(arguments.config)
    elif arguments.data:
        config = make_config(arguments.preset or "lite")
    else:
        raise DataError("train needs --config, or --data with --images")
    given = dataclasses.asdict(config)
    stages = [plan | _stage_changes(arguments, i) for i, plan in enumerate(given["stages"])]
    with data_parallel(arguments.devices):
        train(config_from_dict(given | changes | {"stages": stages}), arguments.out)
    print((arguments.out / "report.md").read_text(encoding="utf-8"))
    print(f"weights: {arguments.out / 'stage3.npz'}")
    return 0


def run_train_finder(arguments: argparse.Namespace) -> int:
    prepare_keras(arguments.backend)
    from model.finder.training import WEIGHTS, FinderRunConfig, train_finder

    config = FinderRunConfig.read(arguments.config, **_start(arguments))
    best = train_finder(config, arguments.out)
    measured = "" if best is None else f" (AP50 of the boxes: {best:.3f})"
    print(f"weights: {arguments.out / WEIGHTS}{measured}")
    return 0


def run_train_pose(arguments: argparse.Namespace) -> int:
    prepare_keras(arguments.backend)
    from model.pose.training import WEIGHTS, PoseRunConfig, train_pose

    config = PoseRunConfig.read(arguments.config, **_start(arguments))
    best = train_pose(config, arguments.out)
    measured = "" if best is None else f" (mean of masks' IoU and charts' accuracy: {best:.3f})"
    print(f"weights: {arguments.out / WEIGHTS}{measured}")
    return 0


def _start(arguments: argparse.Namespace) -> dict[str, str]:
    """The field of a config that ``--start`` sets."""
    return {"start_weights": str(arguments.start)} if arguments.start else {}


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fields of the config that the options set."""
    from model.sources import DataError

    changes = {}
    if len(arguments.data) != len(arguments.images):
        raise DataError(
            f"{len(arguments.data)} --data but {len(arguments.images)} --images: give them in pairs"
        )
    if arguments.iuv and len(arguments.iuv) != len(arguments.data):
        raise DataError("give --iuv for every --data or for none")
    iuv = arguments.iuv or [""] * len(arguments.data)
    if arguments.data:
        changes["data"] = [
            {"annotations": str(annotations), "images": str(images), "weight": 0.0, "iuv": str(dense)}
            for annotations, images, dense in zip(arguments.data, arguments.images, iuv, strict=True)
        ]
    if arguments.validation:
        if not arguments.validation_images:
            raise DataError("--validation needs --validation-images")
        source = {"annotations": str(arguments.validation), "images": str(arguments.validation_images)}
        changes["validation"] = [source]
    if arguments.backbone:
        changes["backbone_weights"] = None if arguments.backbone == "none" else arguments.backbone
    changes |= _start(arguments)
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    return changes


def _stage_changes(arguments: argparse.Namespace, index: int) -> dict[str, Any]:
    """Fields of a stage, counted from 0, that the options set."""
    given = {name: getattr(arguments, name) for name in ("steps", "batch", "size", "learning_rate")}
    given["epochs"] = arguments.epochs and arguments.epochs[index]
    return {name: value for name, value in given.items() if value is not None}


def run_export(arguments: argparse.Namespace) -> int:
    if arguments.run_folder.suffix == ".onnx":
        return _convert_onnx(arguments)
    prepare_keras("tensorflow")
    from annotator.examples import EXAMPLES
    from annotator.photos.finding import find_photos
    from model.export import export_onnx
    from model.finder.export import export_finder
    from model.finder.weights import is_finder, open_finder
    from model.parity import ExportError, read_images
    from model.pose.export import export_pose_estimator
    from model.pose.weights import is_pose_estimator, open_pose_estimator
    from model.weights import open_cascade

    if arguments.size is not None and (arguments.size < 32 or arguments.size % 32):
        raise ExportError(f"--size must be a multiple of 32, not {arguments.size}")
    weights = _weights_in(arguments.run_folder)
    kind, read, export = "cascade", open_cascade, partial(export_onnx, raw=arguments.raw)
    if is_finder(weights):
        kind, read, export = "finder", open_finder, export_finder
    elif is_pose_estimator(weights):
        kind, read, export = "pose estimator", open_pose_estimator, export_pose_estimator
    if kind != "cascade" and (arguments.raw or arguments.fp16):
        raise ExportError(f"{weights}: a {kind} has no {'--raw' if arguments.raw else '--fp16'}")
    network = read(weights)
    photos = find_photos(arguments.photos or EXAMPLES)[:16]
    if not photos:
        raise ExportError(f"{arguments.photos}: no photos for the check")
    # The run's report measures its last weights, not others that lie beside them, such as a mean.
    report = weights.parent / "report.json" if weights.name == "stage3.npz" else None
    precision = "float16" if arguments.fp16 else "float16-weights" if arguments.fp16_weights else "float32"
    parity = export(
        network,
        arguments.onnx,
        read_images(photos, arguments.size or network.config.input_size),
        model_id=arguments.model_id or weights.resolve().parent.name,
        report=report.read_bytes() if report and report.is_file() else b"",
        weights_license=arguments.license,
        precision=precision,
    )
    if parity:
        print(f"Keras and ONNX Runtime on {len(photos)} photos:\n{parity.table()}")
    print(f"wrote {arguments.onnx} ({arguments.onnx.stat().st_size / 1e6:.1f} MB, {precision})")
    return 0


def _convert_onnx(arguments: argparse.Namespace) -> int:
    """Write an ONNX file anew in float16, which needs no Keras."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError("onnx is not installed: pip install onnx") from None
    from annotator.examples import EXAMPLES
    from annotator.inference.network import Network
    from annotator.photos.finding import find_photos
    from model.float16 import convert
    from model.parity import ExportError, read_images

    source = arguments.run_folder
    others = {"--raw": arguments.raw, "--fp16-weights": arguments.fp16_weights, "--size": arguments.size}
    others |= {"--model-id": arguments.model_id, "--license": arguments.license}
    if not arguments.fp16 or any(others.values()):
        wrong = next((name for name, value in others.items() if value), "no option")
        raise ExportError(f"{source}: an ONNX file is written anew with --fp16 alone, not with {wrong}")
    photos = find_photos(arguments.photos or EXAMPLES)[:16]
    if not photos:
        raise ExportError(f"{arguments.photos}: no photos for the check")
    parity = convert(source, arguments.onnx, read_images(photos, Network(source, "cpu").side))
    print(f"float16 and {source} on {len(photos)} photos:\n{parity.table()}")
    print(f"wrote {arguments.onnx} ({arguments.onnx.stat().st_size / 1e6:.1f} MB, float16)")
    return 0


def _weights_in(run: Path) -> Path:
    """The weights file that a training run leaves in its folder, or the file itself."""
    from model.finder import training as finder
    from model.pose import training as pose

    if run.is_file():
        return run
    of_cascade = run / "stage3.npz"
    there = [path for path in (of_cascade, run / finder.WEIGHTS, run / pose.WEIGHTS) if path.is_file()]
    return there[0] if there else of_cascade
