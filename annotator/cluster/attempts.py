"""Attempts at a shard, noted in a file, so that a photo that kills one worker after another ends as a failure of its own."""

from __future__ import annotations

import json
from contextlib import suppress

from annotator.cluster.storage import Location, Photo

REASON = "two workers died at it, one after the other: it is too large for their memory, or a decoder crashes on it"


class Attempt:
    """One attempt at a shard, which begins with the object.

    The first one writes the file, and no more. One that finds the file, since another worker has begun the shard and not
    finished it, is careful: it has one photo in hand at a time, and notes which. A worker that is killed for another reason
    leaves a photo in the file, too; so the next one begins with that photo, and only a second death there counts.

    Args:
        file: of the notes.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, file: Location) -> None:
        self.file = file
        self.is_careful = True
        self.suspect: str | None = None
        """The photo at which the last worker died."""
        self.given_up: set[str] = set()
        """The photos at which two did."""
        try:
            noted = json.loads(file.read())
        except FileNotFoundError:
            self.is_careful = False
            self.note(None)
            return
        self.given_up |= set(noted["given_up"])
        if noted["was_suspect"]:
            self.given_up.add(noted["photo"])
        else:
            self.suspect = noted["photo"]

    def order(self, photos: list[Photo]) -> list[Photo]:
        """Those that may be tried, the suspect first."""
        tried = (photo for photo in photos if photo.name not in self.given_up)
        return sorted(tried, key=lambda photo: photo.name != self.suspect)

    def note(self, photo: str | None) -> None:
        """Note the photo that is the only one in hand from now on, or that none is."""
        was_suspect = photo is not None and photo == self.suspect
        noted = {"photo": photo, "was_suspect": was_suspect, "given_up": sorted(self.given_up)}
        self.file.write(json.dumps(noted).encode())

    def stop(self) -> None:
        """Note that this worker does not finish the shard and has not died."""
        with suppress(OSError):  # which may be why it stops
            if self.given_up:
                self.note(None)
            else:
                self.file.remove()
