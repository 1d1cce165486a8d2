"""What the disk is asked to do, in its order."""

import os
from pathlib import Path

import pytest


def record_disk_events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """A list that grows by ("sync", file or folder) and ("rename", new name), each of which is done as ever."""
    events = []
    sync, rename = os.fsync, os.replace

    def recorded_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)
        events.append(("sync", path))

    def recorded_rename(source: Path, target: Path) -> None:
        assert ("sync", Path(source).resolve()) in events, f"{source} is renamed before it is on the disk"
        rename(source, target)
        events.append(("rename", Path(target)))

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    return events


def are_lasting(events: list[tuple[str, Path]], paths: list[Path]) -> bool:
    """Whether each of these files was synced, got its name, and its folder was synced after that."""
    return all(("sync", path.parent) in events[events.index(("rename", path)) :] for path in paths)
