"""Processes that are killed, or lose their database, before their n-th write, be it to a file or to the database.

:func:`main` is a parent that has imported everything and is connected to nothing. It forks a
child for each call, which connects by itself, so that a call costs a fraction of a second.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300
"""Seconds after which a child that does not end is killed."""
FILE_EVENTS = (
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
)
FILE_METHODS = ("flush", "imwrite", "sendfile", "truncate", "write", "writelines")
"""Functions in C that write to files that are open, of which Python tells no audit hook."""
COMMANDS = (
    "bulkWrite",
    "create",
    "createIndexes",
    "delete",
    "drop",
    "dropIndexes",
    "findAndModify",
    "insert",
    "renameCollection",
    "update",
)
"""Of MongoDB, those that write."""


@dataclass
class Ended:
    """How a child ended."""

    killed: bool
    acknowledged: list[Any]
    """What the call acknowledged before that."""
    result: Any = None
    error: str = ""
    """Of a call that raised: the class and the message."""
    writes: list[str] = field(default_factory=list)
    """Of a call that was to be counted."""


class Forks:
    """The parent of the children, which ends with the block.

    Args:
        environment: its variables, beside those of this process.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __enter__(self) -> Forks:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", "from tests.robustness.killing import main; main()"],
            cwd=ROOT,
            env={**os.environ, **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()

    def call(
        self,
        function: Callable,
        *args: Any,
        folder: Path | None = None,
        at: int | None = None,
        stroke: tuple[int, int] = (0, signal.SIGKILL),
    ) -> Ended:
        """Call a function of a module in a child.

        Args:
            function: its last argument is a function that sends one value to us at once.
            args: the others.
            folder: count the writes to files below it and to the database.
            at: the write, the first being 1, before which the stroke falls.
            stroke: process, 0 for the child itself, and the signal that it gets.
        """
        request = function.__module__, function.__qualname__, args, folder, at, stroke
        pickle.dump(request, self._parent.stdin)
        self._parent.stdin.flush()
        return pickle.load(self._parent.stdout)

    def done(self, function: Callable, *args: Any) -> Any:
        """The result of a call that must succeed."""
        ended = self.call(function, *args)
        assert not ended.error, ended.error
        assert not ended.killed
        return ended.result


class Writes:
    """Counts the writes of this process; sends a signal before one of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._folder = ""
        self._at: int | None = None
        self._stroke = (0, 0)
        self._guard = threading.Lock()

    def start(self, folder: Path, at: int | None, stroke: tuple[int, int]) -> None:
        """Count from now on, in all threads that start from now on, too."""
        self._folder, self._at, self._stroke = str(folder), at, stroke
        sys.addaudithook(self._audit)
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)
        self._folder = ""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is written in the block does not count."""
        folder, self._folder = self._folder, ""
        yield
        self._folder = folder

    def add(self, name: str) -> None:
        if not self._folder:
            return
        with self._guard:
            self.names.append(name)
            if len(self.names) == self._at:
                process, number = self._stroke
                os.kill(process or os.getpid(), number)

    def _audit(self, event: str, args: tuple) -> None:
        if event == "open":
            path, _, flags = args
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
            if isinstance(flags, int) and flags & writes and self._is_ours(path):
                self.add(f"open {path}")
        elif event in FILE_EVENTS and self._is_ours(args[0]):
            self.add(f"{event} {args[0]}")

    def _is_ours(self, path: Any) -> bool:
        return (
            bool(self._folder)
            and isinstance(path, str | os.PathLike)
            and os.fspath(path).startswith(self._folder)
        )

    def _profile(self, frame: Any, event: str, arg: Any) -> None:
        if not self._folder or event != "c_call" or arg.__name__ not in FILE_METHODS:
            return
        file = arg.__self__
        is_file = isinstance(file, io.IOBase) and not isinstance(file, io.BytesIO | io.StringIO)
        if arg.__name__ == "imwrite" or (is_file and file not in (sys.stdout, sys.stderr)):
            self.add(f"{arg.__name__} {getattr(file, 'name', '')}")


WRITES = Writes()
"""Of this process."""


def _listener() -> Any:
    from pymongo.monitoring import CommandListener

    class Listener(CommandListener):
        def started(self, event: Any) -> None:
            if event.command_name in COMMANDS:
                WRITES.add(f"{event.command_name} {event.command.get(event.command_name)}")

        def succeeded(self, event: Any) -> None:
            pass

        def failed(self, event: Any) -> None:
            pass

    return Listener()


def _child(request: tuple, answers: BinaryIO) -> None:
    """Do what is asked, and write to ``answers`` as it goes: (name of a field of :class:`Ended`, value)."""
    signal.alarm(PATIENCE)
    module, name, args, folder, at, stroke = request

    def tell(field: str, value: Any) -> None:
        # In one write, past the hooks that count.
        os.write(answers.fileno(), pickle.dumps((field, value)))

    function = getattr(importlib.import_module(module), name)
    if folder is not None:
        WRITES.start(folder, at, stroke)
    try:
        result = function(*args, lambda value: tell("acknowledged", value))
        WRITES.stop()
        answers.write(pickle.dumps(("result", result)))
    except Exception as error:
        WRITES.stop()
        answers.write(pickle.dumps(("error", f"{type(error).__name__}: {error}")))
    answers.write(pickle.dumps(("writes", WRITES.names)))
    answers.flush()


def main() -> None:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What the children print is no reply.
    import fiftyone  # noqa: F401
    import pymongo.monitoring

    import tests.robustness.operations  # noqa: F401

    pymongo.monitoring.register(_listener())
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        read, write = os.pipe()
        if not (child := os.fork()):
            os.close(read)
            with os.fdopen(write, "wb") as answers:
                _child(request, answers)
                answers.flush()
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answers:
            told = list(_pickles(answers))
        status = os.waitpid(child, 0)[1]
        ended = Ended(killed=os.WIFSIGNALED(status), acknowledged=[])
        for name, value in told:
            if name == "acknowledged":
                ended.acknowledged.append(value)
            else:
                setattr(ended, name, value)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            ended.error = f"ended by signal {os.WTERMSIG(status)}"
        pickle.dump(ended, replies)
        replies.flush()


def _pickles(file: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(file)
        except (EOFError, pickle.UnpicklingError):
            return
