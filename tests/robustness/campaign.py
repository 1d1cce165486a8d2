"""An operation that is disturbed: the state before it, the states it may leave, and what became of it."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.robustness import observing, operations
from tests.robustness.killing import Ended, Forks
from tests.robustness.observing import Image, State


@dataclass(frozen=True)
class Problem:
    """Something that went wrong; ``kind`` is ``lost``, ``doubled``, ``half``, ``changed``, ``not resumed`` or ``not told``."""

    kind: str
    text: str


@dataclass(frozen=True)
class Snapshot:
    """A state of a database and a folder."""

    documents: dict[str, list]
    """By the name of their collection."""
    folder: Path
    """A copy."""


class Place:
    """Children that work in one folder and with one database.

    Args:
        forks: who make the children.
        database: of the children, as pymongo has it.
        folder: for theirs.
    """

    def __init__(self, forks: Forks, database: Any, folder: Path) -> None:
        self.forks, self.database, self._root = forks, database, folder
        self.folder = folder / "now"
        self._campaigns: dict[str, Campaign] = {}
        forks.done(operations.prepare_reviewed, self.folder)
        self.reviewed = self.snapshot("reviewed")

    def campaign(self, name: str) -> Campaign:
        """That of an operation."""
        if name not in self._campaigns:
            self._campaigns[name] = Campaign(name, self)
        return self._campaigns[name]

    def snapshot(self, name: str) -> Snapshot:
        names = self.database.list_collection_names()
        documents = {name: list(self.database[name].find()) for name in names}
        copy = self._root / name
        shutil.copytree(self.folder, copy, symlinks=True)
        return Snapshot(documents, copy)

    def restore(self, snapshot: Snapshot) -> None:
        for name in self.database.list_collection_names():
            if name in snapshot.documents:
                self.database[name].delete_many({})
            else:
                self.database.drop_collection(name)
        for name, documents in snapshot.documents.items():
            if documents:
                self.database[name].insert_many(documents)
        shutil.rmtree(self.folder)
        shutil.copytree(snapshot.folder, self.folder, symlinks=True)

    def observe(self) -> State:
        return observing.observe(self.database, self.folder)


class Campaign:
    """One operation, to be disturbed again and again.

    Args:
        name: of the operation.
        place: where.
    """

    def __init__(self, name: str, place: Place) -> None:
        self.name, self.place = name, place
        place.restore(place.reviewed)
        place.forks.done(operations.prepare, name, place.folder)
        first = place.observe()
        self._before = place.snapshot(name)
        undisturbed = place.forks.call(observing.run_and_observe, name, place.folder, folder=place.folder)
        assert not undisturbed.error, undisturbed.error
        self.states: list[State] = [first, *undisturbed.result]
        """Before, after each thing that the operation acknowledges, and at the end."""
        assert not any(state.broken or state.doubled for state in self.states)
        self.writes = undisturbed.writes
        self._known = {key for image in first.images.values() for key, _ in image.people}

    def kill(self, write: int) -> list[Problem]:
        """Kill the operation before a write, and do it again."""
        self.restore()
        ended = self.run(write)
        assert not ended.error, ended.error
        return self.problems(ended)

    def restore(self) -> None:
        """Make the state before the operation."""
        self.place.restore(self._before)

    def run(self, at: int | None = None, process: int = 0, number: int = signal.SIGKILL) -> Ended:
        """Do the operation; before a write a process, 0 for its own, gets a signal."""
        folder, call = self.place.folder, self.place.forks.call
        return call(operations.run, self.name, folder, [], folder=folder, at=at, stroke=(process, number))

    def problems(self, ended: Ended) -> list[Problem]:
        """What is wrong after the operation ended, and after it was done again.

        First each image and each file is as before the step that it was at, or as after it; then all is as after an
        undisturbed run.
        """
        place, acknowledged = self.place, ended.acknowledged
        steps = len(acknowledged)
        problems = list(self._compare(place.observe(), self.states[steps : steps + 2]))
        again = place.forks.call(operations.run, self.name, place.folder, acknowledged)
        if again.error or again.killed:
            return [*problems, Problem("not resumed", again.error or "killed")]
        last = place.observe()
        for problem in self._compare(last, self.states[-1:]):
            kind = "not resumed" if problem.kind == "changed" else problem.kind
            problems.append(Problem(kind, f"at the end {problem.text}"))
        partial = [name for name in last.left if ".partial/" in name]
        return [*problems, *(Problem("half", f"at the end {name}") for name in partial)]

    def _compare(self, state: State, allowed: list[State]) -> Iterator[Problem]:
        """What of a state is as in none of the ``allowed`` ones, which follow each other."""
        yield from (Problem("half", text) for text in state.broken)
        yield from (Problem("doubled", photo) for photo in state.doubled)
        unread = {text.split(":")[0] for text in state.broken}
        yield from (Problem("lost", name) for name in allowed[0].images.keys() - state.images.keys() - unread)
        for photo, image in state.images.items():
            was = [one.images.get(photo, Image([], {})) for one in allowed]
            yield from (Problem(kind, f"{photo}: {text}") for kind, text in self._compare_image(image, was))
        always = set.intersection(*(set(one.files) for one in allowed))
        yield from (Problem("lost", name) for name in always - state.files.keys())
        for name, digest in state.files.items():
            known = [one.files.get(name) for one in allowed]
            if digest not in known and not _may_be_left(name):
                yield Problem("half" if "no JSON" in digest else "changed", f"{name}: {digest}, not {known}")

    def _compare_image(self, image: Image, allowed: list[Image]) -> Iterator[tuple[str, str]]:
        kept = set.intersection(*(set(one.humans.items()) for one in allowed))
        lost = {one for one in kept if one[0] in self._known} - set(image.humans.items())
        yield from (("lost", f"person {key}") for key, _ in lost)
        now, *known = ([(self._key(key), digest) for key, digest in one.people] for one in (image, *allowed))
        if now not in known:
            # The same person more often than ever.
            more = [
                Counter(digest for _, digest in now) - Counter(digest for _, digest in one) for one in known
            ]
            is_double = all(
                one.keys() & dict(other).keys()
                for one, other in zip(more, map(_by_digest, known), strict=True)
            )
            yield "doubled" if is_double else "changed", f"people {now}, not {known}"
        for name in ("failure", "id"):
            if getattr(image, name) not in [getattr(one, name) for one in allowed]:
                yield "changed", f"{name} {getattr(image, name)}"
        for place, number in enumerate(image.ids):  # People get theirs one after another.
            if number not in [one.ids[place] for one in allowed if place < len(one.ids)]:
                yield "changed", f"ids {image.ids}, not {[one.ids for one in allowed]}"

    def _key(self, key: str) -> str:
        """New people have other keys each time."""
        return key if key in self._known else "new"


def _by_digest(people: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(digest, key) for key, digest in people]


def _may_be_left(name: str) -> bool:
    """Whether a file may be there though nothing refers to it: maps, which are named by their content, and what undo keeps
    of an edit that was not made."""
    return name.endswith((".png", ".npz")) or "/history/" in name
