"""The command ``densepose-annotator``, a module per subcommand. What a subcommand needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys

from annotator import __version__
from annotator.cli import annotate, app, evaluate, info, retrain, texture, tidy
from model.commands import add_commands

RESUMES = "the same command goes on from here"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors a user can mend are one line on standard error and exit code 1, with the environment's
    ``DENSEPOSE_ANNOTATOR_TRACEBACK`` set a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show is no reason to fail, least of all after the work is done.
        stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="densepose-annotator", description="COCO-DensePose labels of people"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (annotate, texture, evaluate, info, app, retrain, tidy):
        command.add_command(commands)
    add_commands(commands)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.run(parsed)
    except (ValueError, ImportError, OSError, FloatingPointError) as error:
        if os.environ.get("DENSEPOSE_ANNOTATOR_TRACEBACK"):
            raise
        print(f"densepose-annotator: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nstopped; {getattr(parsed, 'stopped', RESUMES)}", file=sys.stderr)
        return 130
