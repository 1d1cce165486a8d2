"""The command ``densepose-annotator``, a module per subcommand. What a subcommand needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys

from annotator import __version__
from annotator.cli import annotate, app, dataset, evaluate, info, retrain, shards, texture, tidy
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
    for command in (annotate, shards, texture, evaluate, info, app, dataset, retrain, tidy):
        command.add_command(commands)
    add_commands(commands)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.run(parsed)
    except (ValueError, ImportError, OSError, FloatingPointError, *_database_failures()) as error:
        if os.environ.get("DENSEPOSE_ANNOTATOR_TRACEBACK"):
            raise
        text = str(error)
        if isinstance(error, _database_failures()):
            reason = text.split(",", maxsplit=1)[0]
            text = f"FiftyOne's database does not answer ({reason}); once it does, run the command again"
        print(f"densepose-annotator: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nstopped; {getattr(parsed, 'stopped', RESUMES)}", file=sys.stderr)
        return 130


def _database_failures() -> tuple[type[Exception], ...]:
    """The errors of a database that went away; none where nothing has asked one."""
    pymongo = sys.modules.get("pymongo.errors")
    return (pymongo.ConnectionFailure,) if pymongo else ()
