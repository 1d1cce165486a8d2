"""The part of a form that asks for the format of a label file, and where to write it."""

from __future__ import annotations

from pathlib import Path

import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.formats.names import COCO
from annotator.formats.registry import FORMATS
from annotator.formats.writer import KINDS

from .forms import refuse, show_notice, show_warning

SUFFIXES = {".json", ".xml", ".pkl"}
"""Of label files."""
ALSO = {"densepose-dump": {".pkl", ".json"}}
"""Other suffixes than that of the format, where there are some."""


def format_input(ctx: foo.ExecutionContext, inputs: types.Object) -> str:
    """The chosen format, by its name."""
    choices = types.Dropdown()
    for name, kind in FORMATS.items():
        choices.add_choice(name, label=kind.label)
    inputs.enum("format", choices.values(), default=COCO, label="Format", view=choices)
    chosen = ctx.params.get("format") or COCO
    return chosen if chosen in FORMATS else COCO


def path_input(ctx: foo.ExecutionContext, inputs: types.Object, format_name: str, default: Path) -> None:
    """Where to write labels of a format, with a confirmation before a file is replaced."""
    kind = FORMATS[format_name]
    lacks = [words for name, words in KINDS.items() if name not in kind.holds]
    if lacks:
        show_notice(
            inputs, "lacks", f"{kind.label} has no place for {', '.join(lacks)}: these are not written."
        )
    what = "Folder to write" if kind.is_folder else "File to write"
    default = default.with_suffix(kind.suffix)
    path = inputs.str("path", default=str(default), required=True, label=what)
    chosen = Path(ctx.params.get("path") or default).expanduser()
    suffix = chosen.suffix.lower()
    if kind.is_folder and suffix in SUFFIXES:
        refuse(path, f"{kind.label} is a folder: choose a name without {suffix}")
    elif not kind.is_folder and suffix in SUFFIXES - ALSO.get(format_name, {kind.suffix}):
        refuse(path, f"A file of {kind.label} ends on {kind.suffix}, not on {suffix}")
    elif kind.is_folder and chosen.exists() and (not chosen.is_dir() or any(chosen.iterdir())):
        refuse(path, f"{chosen} is there already: choose a new folder")
    elif not kind.is_folder and chosen.is_dir():
        refuse(path, f"{chosen} is a folder: add a file name")
    elif not chosen.parent.is_dir():
        refuse(path, f"{chosen.parent}: no such folder")
    elif not kind.is_folder and chosen.exists():
        show_warning(inputs, "exists", "The file exists", f"{chosen} will be replaced.")
        replace = inputs.bool("replace", default=False, label="Replace the file")
        if not ctx.params.get("replace"):
            refuse(replace, "Confirm, or choose another file")
