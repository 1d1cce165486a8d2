"""The manifest of a run: its photos in shards, and what labels them. It is written once, before the first shard."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from annotator.cluster.storage import Location, Photo
from annotator.runs.differences import differences
from annotator.runs.labels_file import describe_photos

SHARD_SIZE = 256
"""Photos in a shard, which is what a worker that dies has to do again."""
FORMAT_VERSION = 1


class ManifestError(ValueError):
    """A run that cannot be begun, continued or merged; the message says how to go on."""


@dataclass(frozen=True)
class Manifest:
    """The photos of a run; those of a shard are compressed until they are asked for.

    The file is gzip: a line of JSON with what it says of the run, then one with name, size and perhaps ``same_as`` of each
    photo.
    """

    folder: str
    """Where the photos are, as :func:`~annotator.cluster.storage.locate` takes it."""
    run: dict[str, Any]
    """Photos, model, finder, settings and sampling, as the finished file will say."""
    blocks: list[bytes]
    """By shard."""
    shard_size: int = SHARD_SIZE

    @classmethod
    def of(
        cls, folder: str, photos: Iterable[Photo], model: dict[str, Any], shard_size: int = SHARD_SIZE
    ) -> Manifest:
        """
        Args:
            folder: of the photos.
            photos: in order.
            model: of :func:`~annotator.runs.labels_file.describe_model`.
        """
        blocks: list[bytes] = []

        def packed() -> Iterator[tuple[str, int]]:
            remaining = iter(photos)
            while some := list(islice(remaining, shard_size)):
                blocks.append(pack_photos(some))
                yield from ((photo.name, photo.size) for photo in some)

        described = describe_photos(packed())
        return cls(folder, {"photos": described} | model, blocks, shard_size)

    @property
    def count(self) -> int:
        """Photos."""
        return self.run["photos"]["count"]

    @property
    def key(self) -> str:
        """Of all that decides what is in a shard file: files of different keys may not be mixed."""
        described = json.dumps([FORMAT_VERSION, self.shard_size, self.folder, self.run], sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()[:16]

    def size_of(self, shard: int) -> int:
        """Photos in a shard."""
        return min(self.shard_size, self.count - shard * self.shard_size)

    def photos(self, shard: int) -> list[Photo]:
        """Those of a shard."""
        return unpack_photos(self.blocks[shard])

    def to_bytes(self) -> bytes:
        header = {
            "format_version": FORMAT_VERSION,
            "shard_size": self.shard_size,
            "folder": self.folder,
            "run": self.run,
            "blocks": [len(block) for block in self.blocks],
        }
        return b"".join([_pack([header]), *self.blocks])

    @classmethod
    def read(cls, location: Location) -> Manifest:
        """
        Raises:
            ManifestError: the file is none, or of another version.
            OSError: it cannot be read.
        """
        data = location.read()
        try:
            # The first member of the gzip file; its length is nowhere said.
            decompressor = zlib.decompressobj(31)
            header = json.loads(decompressor.decompress(data))
            if header["format_version"] != FORMAT_VERSION:
                raise ManifestError(
                    f"{location}: was written by another version of densepose-annotator: finish the run with that, or "
                    "delete its folder to start over"
                )
            blocks, at = [], len(data) - len(decompressor.unused_data)
            for length in header["blocks"]:
                blocks.append(data[at : at + length])
                at += length
            if at != len(data):
                raise EOFError
        except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
            if isinstance(error, ManifestError):
                raise
            raise ManifestError(f"{location}: is damaged: delete its folder to start over") from None
        return cls(header["folder"], header["run"], blocks, header["shard_size"])

    def check(self, folder: str, model: dict[str, Any], where: Location) -> None:
        """See whether an unfinished run may be continued.

        Args:
            folder, model: of the run that is to continue it, as of :meth:`of`.
            where: the folder of the unfinished run.

        Raises:
            ManifestError: it has other photos, another model or other settings.
        """
        was = {"folder": self.folder} | {name: self.run.get(name) for name in model}
        if different := differences(was, json.loads(json.dumps({"folder": folder} | model))):
            raise ManifestError(
                f"{where} is of an unfinished run with another folder, model or settings ({different}): repeat that run "
                "to finish it, or delete that folder to start over"
            )


def pack_photos(photos: list[Photo]) -> bytes:
    """Photos as a gzip file of JSON Lines."""
    return _pack([value for value in asdict(photo).values() if value is not None] for photo in photos)


def unpack_photos(block: bytes) -> list[Photo]:
    """The photos of :func:`pack_photos`."""
    return [Photo(*json.loads(line)) for line in gzip.decompress(block).splitlines()]


def _pack(lines: Iterable[Any]) -> bytes:
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(text.encode(), 6, mtime=0)
