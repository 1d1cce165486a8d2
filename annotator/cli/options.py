"""Options that several commands have, and what they stand for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.inference.backends import DEVICES
from annotator.inference.settings import (
    GROUPINGS,
    PROPOSALS,
    QUALITIES,
    DbscanSettings,
    Settings,
    VoteSettings,
)

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.coco.surface_points import PointSampling


LAST_MODEL = (
    "the model that last labelled the dataset or was accepted since, else the one that comes with the package"
)


def add_settings(
    parser: argparse.ArgumentParser, default_model: str = "the one that comes with the package"
) -> None:
    """The options of :func:`settings_of` and the model's."""
    parser.add_argument("--model", type=Path, help=f"ONNX file; default: {default_model}")
    add_quality(parser)
    parser.add_argument(
        "--proposals",
        choices=PROPOSALS,
        help="who says where people are: the person finder, the votes of the whole photo's pixels (thesis), or both; "
        "default: what --quality says",
    )
    parser.add_argument(
        "--tiles",
        type=int,
        help="the finder also looks at so many overlapping tiles along each side of the photo, for tiny people",
    )
    parser.add_argument(
        "--zoom-in",
        action=argparse.BooleanOptionalAction,
        help="where votes propose: predict again, at full input size, people who are small in the photo and, turned "
        "upright, those who lie or are upside down (default)",
    )
    parser.add_argument(
        "--flip-augment",
        action=argparse.BooleanOptionalAction,
        help="average with the predictions on the mirror image: twice the time",
    )
    parser.add_argument(
        "--pose-estimator",
        action=argparse.BooleanOptionalAction,
        help="predict masks and charts also by the pose estimator, and keypoints and the sides of limbs again: the default except with "
        "--quality draft",
    )
    parser.add_argument("--confidence", type=float, help="minimum score of a person, 0..1")
    parser.add_argument("--threshold", type=float, help="minimum person probability of a pixel, 0..1")
    parser.add_argument(
        "--grouping",
        choices=GROUPINGS,
        default="votes",
        help="how people in one view are told apart: peaks of the votes for heads and pelvises (default), or the thesis's "
        "DBSCAN of head vectors",
    )
    parser.add_argument(
        "--vote-threshold",
        type=int,
        help="with --grouping votes: pixels' worth of votes that make a head or a pelvis; the higher, the fewer people",
    )
    parser.add_argument(
        "--min-distance",
        type=float,
        help="with --grouping votes: minimum distance of two heads or pelvises, as a share of the image, 0..1",
    )
    parser.add_argument(
        "--eps",
        type=float,
        help="with --grouping dbscan: distance of neighbouring head vectors, as a share of the image",
    )
    parser.add_argument(
        "--min-samples",
        type=int,
        help="with --grouping dbscan: pixels, of a 256×256 image, with neighbouring head vectors that make a person",
    )
    parser.add_argument(
        "--workers",
        type=int,
        help="photos that are read or decoded at the same time; default: as many as there are processor cores",
    )
    parser.add_argument(
        "--batch",
        type=int,
        metavar="N",
        dest="batch_size",
        help="views per call of the network; default: what the device and its memory are good for",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        help="where the network runs; default: cuda where there is a GPU and ONNX Runtime for it, else cpu",
    )


def add_quality(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quality",
        choices=tuple(QUALITIES),
        default="normal",
        help="from fast to thorough (default: normal)",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What the options of :func:`add_settings` say.

    Raises:
        ValueError: a value out of range, or an option of the other grouping.
    """
    own = {"votes": ("vote_threshold", "min_distance"), "dbscan": ("eps", "min_samples")}
    for grouping, names in own.items():
        if grouping != arguments.grouping and (given := _given(arguments, *names)):
            option = f"--{next(iter(given)).replace('_', '-')}"
            raise ValueError(f"{option} needs --grouping {grouping}, not {arguments.grouping}")
    names = ("proposals", "tiles", "zoom_in", "flip_augment", "pose_estimator")
    names += ("threshold", "confidence", "grouping", "batch_size", "workers")
    return Settings.of_quality(
        arguments.quality,
        **_given(arguments, *names),
        votes=VoteSettings(**_given(arguments, *own["votes"])),
        dbscan=DbscanSettings(**_given(arguments, *own["dbscan"])),
    )


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """The options of :func:`sampling_of`."""
    parser.add_argument("--points-per-part", type=int, help="surface points written per part")
    parser.add_argument("--point-method", choices=("even", "random"), help="how they are spread")


def sampling_of(arguments: argparse.Namespace) -> PointSampling:
    """What the options of :func:`add_sampling` say.

    Raises:
        ValueError: a value out of range.
    """
    from annotator.coco.surface_points import PointSampling

    chosen = {"per_part": arguments.points_per_part, "method": arguments.point_method}
    return PointSampling(**{name: value for name, value in chosen.items() if value is not None})


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def load_dataset(name: str) -> fo.Dataset:
    """
    Raises:
        ValueError: there is none of that name.
        OSError: FiftyOne's database does not start.
    """
    from annotator.dataset.store import check_home, connect

    check_home()
    import fiftyone as fo

    connect()
    if not fo.dataset_exists(name):
        raise ValueError(f"there is no dataset {name!r}")
    return fo.load_dataset(name)


def model_of(arguments: argparse.Namespace, dataset: fo.Dataset) -> Path:
    """The model of a command's options, as the plugin's forms propose it: :data:`LAST_MODEL`."""
    from annotator.dataset.info import last_model
    from annotator.inference.network import DEFAULT_MODEL

    return arguments.model or last_model(dataset, arguments.prefix) or DEFAULT_MODEL
