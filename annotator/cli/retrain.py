"""The command ``retrain``: fine-tune a model on what people corrected."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import LAST_MODEL, load_dataset, model_of


def add_command(commands) -> None:
    parser = commands.add_parser(
        "retrain",
        help="fine-tune a model on what people corrected",
        description="Fine-tune a model, its person finder and its pose estimator on the edited and approved people of a FiftyOne "
        "dataset, export it under a new id, and compare it with the old one on photos that were held out. A run that was stopped "
        "goes on where it was. The old model and all labels stay as they are, unless --relabel asks for more.",
    )
    parser.add_argument("dataset", help="name of the FiftyOne dataset")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the run")
    parser.add_argument("--prefix", default="dp", help="of the label fields")
    parser.add_argument("--model", type=Path, help=f"ONNX file to start from; default: {LAST_MODEL}")
    parser.add_argument("--weights", type=Path, help="its weights (.npz); default: beside it")
    parser.add_argument("--model-id", help="of the new model; default: the old one's and the folder's name")
    parser.add_argument(
        "--base", type=Path, metavar="CONFIG", help="config of a training run, whose data are mixed in"
    )
    parser.add_argument("--share", type=float, help="of the corrections among the samples, with --base")
    parser.add_argument(
        "--held-out", type=float, help="share of the corrected photos kept for the comparison"
    )
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--finder-epochs", type=int, help="of the person finder")
    parser.add_argument("--pose-epochs", type=int, help="of the pose estimator")
    parser.add_argument("--steps", type=int, help="batches per epoch")
    parser.add_argument("--batch", type=int, help="samples per batch")
    parser.add_argument("--size", type=int, help="side of the samples in pixels, a multiple of 32")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument(
        "--relabel",
        action="store_true",
        help="then label again, with the new model, the people that nobody reviewed; also afterwards, once you "
        "have seen the comparison",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from annotator.retraining.fine_tuning import FineTuning, Retraining
    from annotator.retraining.status import read_status

    dataset = load_dataset(arguments.dataset)
    names = (
        "epochs",
        "finder_epochs",
        "pose_epochs",
        "steps",
        "batch",
        "size",
        "learning_rate",
        "share",
        "base",
        "held_out",
    )
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    begun = read_status(arguments.out)
    if begun is not None and arguments.model is None and begun.arguments:
        arguments.model = Path(begun.arguments["model"])  # the dataset may have another one since
    outcome = Retraining(
        dataset,
        arguments.out,
        prefix=arguments.prefix,
        model=model_of(arguments, dataset),
        weights=arguments.weights,
        model_id=arguments.model_id,
        plan=FineTuning(**given),
        relabel=arguments.relabel,
    ).run()
    print(f"{outcome.to_markdown()}\nnew model: {outcome.model}")
    print(
        outcome.relabelled_text()
        or "all labels are as they were; to accept the new model, repeat the command with --relabel"
    )
    return 0
