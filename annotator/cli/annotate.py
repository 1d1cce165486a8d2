"""The command ``annotate``: label a folder of photos."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import add_sampling, add_settings, sampling_of, settings_of


def add_command(commands) -> None:
    parser = commands.add_parser(
        "annotate",
        help="label a folder of photos",
        description="Label all photos below a folder and write one COCO-DensePose file. A run that was stopped "
        "goes on where it was; one that is finished is left alone. Photos that cannot be used are listed in OUT.failures.jsonl.",
    )
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace JSON, whatever it holds")
    add_settings(parser)
    add_sampling(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from annotator.inference.network import DEFAULT_MODEL, Network
    from annotator.runs.folder import annotate_folder
    from annotator.runs.progress_bar import ProgressBar

    sampling = sampling_of(arguments)
    settings = settings_of(arguments)
    network = Network(arguments.model or DEFAULT_MODEL, arguments.device)
    print(f"{network.info.model_id} on {network.device}")
    with ProgressBar("image") as bar:
        summary = annotate_folder(
            arguments.photos,
            arguments.out,
            network,
            settings,
            sampling,
            bar.show,
            overwrite=arguments.overwrite,
        )
    if summary is None:
        print(
            f"{arguments.out}: is finished, with these photos, model and settings; --overwrite labels them again"
        )
        failures = Path(f"{arguments.out}.failures.jsonl")
        if failures.exists():
            print(f"photos that could not be used: {failures}")
        return 0
    print(f"{summary.people} people on {summary.photos - summary.failed} photos: {arguments.out}")
    if summary.failed:
        photos = "photo" if summary.failed == 1 else "photos"
        print(f"{summary.failed} {photos} could not be used: {arguments.out}.failures.jsonl")
    return 0 if summary.failed < summary.photos else 1
