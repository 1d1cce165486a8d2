"""Files and folders wherever they are: on this machine, or in a bucket through PyArrow (and fsspec behind it).

Local paths need neither package.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from annotator.photos.atomic_files import make_folder, whole_file
from annotator.photos.finding import find_photo_names, folder_order, has_photo_name
from annotator.photos.identity import photo_identity
from annotator.photos.reading import PhotoError

COPY_BYTES = 8 << 20
"""Of a large file that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo below a folder."""

    name: str
    """Its path below that, with ``/``; bytes that are not UTF-8 as Python's ``surrogateescape``."""
    size: int
    """Of its file in bytes; -1 if it is out of reach."""
    same_as: str | None = None
    """The name of an earlier one that is the same file, by a link say."""


class Location(ABC):
    """A file or folder. ``str(location)`` is what :func:`locate` makes it of, on any machine.

    All methods raise ``OSError``, its message naming the file.
    """

    @abstractmethod
    def __truediv__(self, name: str) -> Location:
        """What lies below it."""

    @abstractmethod
    def __add__(self, suffix: str) -> Location:
        """What lies beside it, with a longer name."""

    @abstractmethod
    def photos(self) -> Iterator[Photo]:
        """All photos below a folder, as :func:`annotator.photos.finding.find_photos` finds and orders them.

        Raises:
            PhotoError: there is no such folder, or one in it cannot be listed.
        """

    @abstractmethod
    def names(self) -> set[str]:
        """Of the files in a folder; none if it is not there."""

    @abstractmethod
    def exists(self) -> bool: ...

    @abstractmethod
    def is_folder(self) -> bool: ...

    @abstractmethod
    def open(self) -> BinaryIO:
        """The file, for reading."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write the file, whole or not at all; folders are made. A file that is there is replaced."""

    @abstractmethod
    def put(self, path: Path) -> None:
        """As :meth:`write`, of a local file that may be larger than memory."""

    @abstractmethod
    def remove(self) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""

    def read(self) -> bytes:
        """What is in the file."""
        with self.open() as file:
            return file.read()


def locate(uri: str | Path) -> Location:
    """A path, or a URI such as ``s3://bucket/photos``.

    Raises:
        ImportError: PyArrow is not installed, which a URI needs.
        OSError: there is no file system for it.
    """
    scheme, separator, rest = str(uri).partition("://")
    if not separator:
        return Local(Path(os.path.realpath(uri)))
    if scheme == "file":
        return Local(Path(os.path.realpath(rest)))
    return Remote.of(str(uri))


def is_uri(uri: str | Path) -> bool:
    """Whether it is a URI, and not a path."""
    return "://" in str(uri)


@dataclass(frozen=True)
class Local(Location):
    """On this machine, or where all machines have it under this path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> Local:
        return Local(self.path / os.fsdecode(name.encode("utf-8", "surrogateescape")))

    def __add__(self, suffix: str) -> Local:
        return Local(self.path.with_name(self.path.name + suffix))

    def photos(self) -> Iterator[Photo]:
        first: dict[Hashable, str] = {}
        for spelled in find_photo_names(self.path):
            path = self.path / spelled
            name = os.fsencode(spelled).decode("utf-8", "surrogateescape")
            same = first.setdefault(photo_identity(path), name)
            try:
                size = path.stat().st_size
            except OSError:  # a link to nowhere, or out of reach
                size = -1
            yield Photo(name, size, same if same != name else None)

    def names(self) -> set[str]:
        return set(os.listdir(self.path)) if self.path.is_dir() else set()

    def exists(self) -> bool:
        return self.path.exists()

    def is_folder(self) -> bool:
        return self.path.is_dir()

    def open(self) -> BinaryIO:
        return self.path.open("rb")

    def write(self, data: bytes) -> None:
        make_folder(self.path.parent)
        with whole_file(self.path) as temporary:
            temporary.write_bytes(data)

    def put(self, path: Path) -> None:
        make_folder(self.path.parent)
        with whole_file(self.path) as temporary:
            shutil.copyfile(path, temporary)

    def remove(self) -> None:
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


class Remote(Location):
    """Somewhere that PyArrow or fsspec reaches.

    Args:
        uri: of the file or folder, without a query.
        query: what follows a question mark in the URI, such as ``endpoint_override``.
        filesystem: PyArrow's.
        path: in it.
    """

    def __init__(self, uri: str, query: str, filesystem: Any, path: str) -> None:
        self.uri, self.query, self.filesystem, self.path = uri, query, filesystem, path

    @classmethod
    def of(cls, uri: str) -> Remote:
        try:
            from pyarrow import fs
        except ImportError:
            raise ImportError(f"{uri}: needs PyArrow: pip install 'densepose-annotator[cluster]'") from None
        plain, _, query = uri.partition("?")
        plain = plain.rstrip("/")
        try:
            scheme = uri.partition("://")[0]
            # PyArrow would take what follows a % or a # for something else.
            head, _, rest = plain.partition("://")[2].partition("/")
            if not head:
                raise OSError("names no bucket or host")
            if scheme in ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss"):
                filesystem, root = fs.FileSystem.from_uri(f"{scheme}://{head}{'?' * bool(query)}{query}")
                path = f"{root.rstrip('/')}/{rest}".rstrip("/")
            else:
                filesystem, path = _fsspec_filesystem(plain)
        except (OSError, ValueError) as error:  # pyarrow.ArrowInvalid is a ValueError
            raise OSError(f"{uri}: {_first_line(error)}") from None
        return cls(plain, query, filesystem, path)

    def __str__(self) -> str:
        return f"{self.uri}{'?' * bool(self.query)}{self.query}"

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.uri}/{name}", self.query, self.filesystem, f"{self.path}/{name}")

    def __add__(self, suffix: str) -> Remote:
        return Remote(self.uri + suffix, self.query, self.filesystem, self.path + suffix)

    def photos(self) -> Iterator[Photo]:
        from pyarrow import fs

        try:
            listed = self.filesystem.get_file_info(fs.FileSelector(self.path, recursive=True))
        except FileNotFoundError:
            raise PhotoError(f"{self}: no such folder") from None
        except (OSError, ValueError) as error:
            raise PhotoError(f"{self}: cannot be listed: {_first_line(error)}") from None
        start = len(self.path) + 1
        found = [
            (info.path[start:], -1 if info.size is None else info.size)
            for info in listed
            if has_photo_name(info.path) and "/." not in f"/{info.path[start:]}"
        ]
        del listed
        for name, size in sorted(found, key=lambda each: folder_order(each[0])):
            yield Photo(name, size)

    def names(self) -> set[str]:
        from pyarrow import fs

        selector = fs.FileSelector(self.path, allow_not_found=True)
        try:
            return {info.base_name for info in self.filesystem.get_file_info(selector)}
        except OSError as error:
            self._fail(error)

    def exists(self) -> bool:
        from pyarrow import fs

        try:
            return self.filesystem.get_file_info(self.path).type != fs.FileType.NotFound
        except OSError as error:
            self._fail(error)

    def is_folder(self) -> bool:
        from pyarrow import fs

        try:
            return self.filesystem.get_file_info(self.path).type == fs.FileType.Directory
        except OSError as error:
            self._fail(error)

    def open(self) -> BinaryIO:
        try:
            return self.filesystem.open_input_stream(self.path, compression=None)
        except (OSError, ValueError) as error:
            self._fail(error)

    def read(self) -> bytes:
        try:
            return super().read()
        except OSError as error:
            self._fail(error)

    def write(self, data: bytes) -> None:
        # In one call, and closed only if that went well: an exception between two writes would leave half an object.
        try:
            stream = self.filesystem.open_output_stream(self.path, compression=None)
            stream.write(data)
            stream.close()
        except (OSError, ValueError) as error:
            self._fail(error)

    def put(self, path: Path) -> None:
        try:
            with (
                path.open("rb") as file,
                self.filesystem.open_output_stream(self.path, compression=None) as stream,
            ):
                while data := file.read(COPY_BYTES):
                    stream.write(data)
        except BaseException as error:
            self.remove()  # what was written so far, which would pass for the file
            if isinstance(error, OSError | ValueError):
                self._fail(error)
            raise

    def remove(self) -> None:
        from pyarrow import fs

        try:
            kind = self.filesystem.get_file_info(self.path).type
            if kind == fs.FileType.Directory:
                self.filesystem.delete_dir(self.path)
            elif kind == fs.FileType.File:
                self.filesystem.delete_file(self.path)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"{self}: no such file") from None
        raise OSError(f"{self}: {_first_line(error)}") from None


def _fsspec_filesystem(uri: str) -> tuple[Any, str]:
    """fsspec's file system of a URI as PyArrow's, and the path in it."""
    from pyarrow import fs

    try:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        raise OSError(f"no file system for it: {_first_line(error)}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
