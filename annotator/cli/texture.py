"""The command ``texture``: paint a texture on the people of a photo."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.cli.options import add_settings, settings_of

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""What is written, by the file's extension."""


def add_command(commands) -> None:
    parser = commands.add_parser(
        "texture",
        help="paint a texture on the people of a photo",
        description="Label the people of a photo as annotate does, and paint a texture on them through their charts, U "
        "and V.",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument(
        "--texture",
        type=Path,
        metavar="IMAGE",
        help="atlas as DensePose's (6 rows and 4 columns of square tiles), or any image, which is laid on each chart as a "
        "whole; default: a checkerboard in the charts' colours",
    )
    parser.add_argument(
        "--out", type=Path, metavar="IMAGE", help="file to write; default: PHOTO-texture.png beside the photo"
    )
    parser.add_argument(
        "--shading", action="store_true", help="make the texture as light and dark as the photo is"
    )
    add_settings(parser)
    parser.set_defaults(run=run, stopped="nothing was written")


def run(arguments: argparse.Namespace) -> int:
    from PIL import Image

    from annotator.inference.network import DEFAULT_MODEL, Network
    from annotator.inference.pipeline import annotate
    from annotator.photos.atomic_files import whole_file
    from annotator.photos.reading import PhotoError, read_photo, read_texture
    from annotator.surface.texture import checkerboard, paint_people

    photo = arguments.photo
    out = arguments.out or photo.with_name(f"{photo.stem}-texture.png")
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"{out}: --out names a file that ends in {', '.join(FORMATS)}")
    if out.resolve() in {path.resolve() for path in (photo, arguments.texture) if path}:
        raise ValueError(f"{out}: is read; --out names another file")
    try:
        texture = checkerboard() if arguments.texture is None else read_texture(arguments.texture)
    except PhotoError as error:
        raise ValueError(f"{arguments.texture}: {error}") from None
    settings = settings_of(arguments)
    network = Network(arguments.model or DEFAULT_MODEL, arguments.device)
    (result,) = annotate([photo], network, settings)
    if result.people is None:
        raise ValueError(f"{photo}: {result.failure}")
    painted = paint_people(read_photo(photo), result.people, texture, arguments.shading)
    with whole_file(out) as temporary:
        Image.fromarray(painted).save(temporary, FORMATS[out.suffix.lower()], quality=95)
    count = len(result.people.people)
    print(f"{count} {'person' if count == 1 else 'people'}: {out}")
    return 0
