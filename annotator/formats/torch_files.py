"""Files of ``torch.save`` and pickles of tensors, read and written without PyTorch, and without running anything in them.

A pickle is a program that may call any function by its name. Here only the names in :meth:`_Unpickler.find_class` mean
anything: they become arrays and plain records; a file with any other name is refused. Storages are read from the file when an array is asked for,
so that memory does not grow with the file.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from annotator.formats.values import FormatError
from annotator.labels.messages import short

DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?", "BFloat16Storage": "bfloat16",
}  # fmt: skip
"""NumPy's name of the numbers in each of PyTorch's storages."""
MAGIC = 0x1950A86A20F9469CFC6C
"""What files of ``torch.save`` before PyTorch 1.6 start with."""
MAX_PICKLE = 1 << 30
"""Bytes of a pickle without the storages."""
_DAMAGED = (
    pickle.UnpicklingError, zipfile.BadZipFile, ArithmeticError, AttributeError, EOFError, LookupError, MemoryError,
    RuntimeError, TypeError, ValueError, struct.error,
)  # fmt: skip


class Record:
    """An object of a class that has only values; they are its attributes."""


@dataclass(frozen=True)
class StorageType:
    """A class of PyTorch's storages."""

    dtype: str


class Storage:
    """Numbers in a file."""

    __slots__ = ("count", "dtype", "read")

    def __init__(self, dtype: str, count: int, read: Callable[[], bytes]) -> None:
        self.dtype, self.count, self.read = dtype, count, read

    def array(self) -> np.ndarray:
        """(n,) of them.

        Raises:
            FormatError: the file has less.
        """
        kind = np.dtype("<u2" if self.dtype == "bfloat16" else self.dtype)
        try:
            data = self.read()
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise FormatError(f"the numbers of a tensor are damaged: {error}") from None
        if len(data) < self.count * kind.itemsize:
            raise FormatError(
                f"a tensor has {len(data)} of {self.count * kind.itemsize} bytes: the file is cut off"
            )
        numbers = np.frombuffer(data, kind, self.count)
        return (numbers.astype("<u4") << 16).view("<f4") if self.dtype == "bfloat16" else numbers


class Tensor:
    """A tensor in a file."""

    __slots__ = ("offset", "size", "storage", "stride")

    def __init__(self, storage: Storage, offset: int, size: tuple, stride: tuple, *_: object) -> None:
        whole = [offset, *size, *stride]
        if not isinstance(storage, Storage) or not all(type(n) is int and 0 <= n < 2**40 for n in whole):
            raise FormatError("holds a tensor that is none")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if len(size) > 8 or (
            min(size, default=1) and (last >= storage.count or np.prod(size, dtype=float) > storage.count)
        ):
            raise FormatError(f"holds a tensor of {short(size)} with {storage.count} numbers")
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self) -> np.ndarray:
        """The numbers, as an array of this shape."""
        numbers = self.storage.array()
        if not all(self.size):
            return np.zeros(self.size, numbers.dtype)
        steps = [step * numbers.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, steps).copy()


@contextmanager
def open_torch_file(path: Path, classes: Callable[[str, str], type | None]) -> Any:
    """What was saved, as a context: lists and dicts of it, and of :class:`Tensor` and records, which live as long as it.

    Args:
        path: of a file of ``torch.save``, of any age, or of ``pickle.dump``.
        classes: the subclass of :class:`Record` for a module and name; ``None`` for others.

    Raises:
        FormatError: a name that is not known, or a damaged file.
        OSError: no such file.
    """
    with path.open("rb") as file:
        try:
            root = _load(file, path, classes)
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from None
        except _DAMAGED as error:
            raise FormatError(
                f"{path}: no file of torch.save or pickle, or damaged: {short(str(error))}"
            ) from None
        yield root


def _load(file: IO[bytes], path: Path, classes: Callable[[str, str], type | None]) -> Any:
    if file.read(4) == b"PK\x03\x04":
        return _load_zip(zipfile.ZipFile(file), path, classes)
    file.seek(0)
    if path.stat().st_size > MAX_PICKLE:
        raise FormatError(
            f"larger than {MAX_PICKLE >> 20} MB: save it with torch.save of PyTorch 1.6 or later"
        )
    first = _Unpickler(file, classes).load()
    return _load_legacy(file, classes) if first == MAGIC else first


def _load_zip(archive: zipfile.ZipFile, path: Path, classes: Callable[[str, str], type | None]) -> Any:
    names = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
    if "data.pkl" not in names:
        raise FormatError("is a zip file, but none of torch.save: has no data.pkl")
    for name, entry in names.items():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
            raise FormatError(f"{short(name)} is compressed, which torch.save does not do: refused")
    if "byteorder" in names and archive.read(names["byteorder"]) != b"little":
        raise FormatError("byteorder: is not little")

    def storage(dtype: str, key: str, count: int) -> Storage:
        entry = names[f"data/{key}"]
        return Storage(dtype, count, lambda: archive.read(entry))

    return _Unpickler(io.BytesIO(archive.read(names["data.pkl"])), classes, storage).load()


def _load_legacy(file: IO[bytes], classes: Callable[[str, str], type | None]) -> Any:
    """What follows the magic number: two pickles about the system, one of what was saved, the keys of its storages, these."""
    for _ in range(2):
        _Unpickler(file, classes).load()
    places: dict[str, int] = {}
    known: dict[str, Storage] = {}

    def storage(dtype: str, key: str, count: int) -> Storage:
        def read() -> bytes:
            size = count * np.dtype("<u2" if dtype == "bfloat16" else dtype).itemsize
            file.seek(places[key])
            return file.read(size)

        return known.setdefault(key, Storage(dtype, count, read))

    root = _Unpickler(file, classes, storage).load()
    keys = _Unpickler(file, classes).load()
    end = file.seek(0, io.SEEK_END) if not keys else None
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        places[key] = file.tell()
        dtype = known[key].dtype
        if count != known[key].count:
            raise FormatError("a storage is not as long as the file says: damaged")
        end = file.seek(count * np.dtype("<u2" if dtype == "bfloat16" else dtype).itemsize, io.SEEK_CUR)
    if end is None or end > file.seek(0, io.SEEK_END):
        raise FormatError("cut off")
    return root


def _rebuild_tensor(*values: Any) -> Tensor:
    # A pickle can make an object of a class without calling its constructor.
    return Tensor(*values)


# The one written in Python: that in C makes room for as many objects as a damaged file says that there are.
class _Unpickler(pickle._Unpickler):
    """An unpickler that knows only the names in :meth:`find_class`."""

    def __init__(
        self,
        file: IO[bytes],
        classes: Callable[[str, str], type | None],
        storage: Callable[[str, str, int], Storage] | None = None,
    ) -> None:
        super().__init__(file)
        self._classes, self._storage = classes, storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in DTYPES:
            return StorageType(DTYPES[name])
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return self._load_from_bytes
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if (module, name) == ("torch", "Size"):
            return tuple
        found = self._classes(module, name)
        if found is None:
            raise FormatError(
                f"names {short(f'{module}.{name}')[1:-1]}, which is none of what is read from such a file: refused, nothing in it was run"
            )
        return found

    def persistent_load(self, pid: Any) -> Storage:
        kind, storage_type, key, _, count, *_ = pid
        if (
            kind != "storage"
            or not isinstance(storage_type, StorageType)
            or type(count) is not int
            or self._storage is None
        ):
            raise FormatError("refers to something outside, other than a tensor's numbers")
        return self._storage(storage_type.dtype, key, count)

    def load_build(self) -> None:
        """Give an object its attributes: only records, not the classes and functions of this module."""
        if not isinstance(self.stack[-2], Record):
            raise FormatError("sets attributes of something other than a result: refused")
        super().load_build()

    dispatch: ClassVar = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}

    def _load_from_bytes(self, data: bytes) -> Storage:
        """A storage inside of a plain pickle: a whole file of ``torch.save``, of the old kind."""
        file = io.BytesIO(data)
        if _Unpickler(file, self._classes).load() != MAGIC:
            raise FormatError("holds a storage that is none of torch.save")
        return _load_legacy(file, self._classes)


class TorchFileWriter:
    """Writer of a file of ``torch.save``: a list, item by item.

    Items are of None, bool, int, float, str, list, dict, NumPy arrays, which become tensors, and :class:`Instance`.
    """

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "x", zipfile.ZIP_STORED, allowZip64=True)
        self._archive.writestr("archive/version", "3\n")
        self._archive.writestr("archive/byteorder", "little")
        self._pieces = [b"\x80\x02]("]
        self._count = 0

    def add(self, item: Any) -> None:
        self._pieces.append(b"".join(self._pickled(item)))

    def close(self) -> None:
        """Write what is missing; before that the file is none."""
        self._archive.writestr("archive/data.pkl", b"".join([*self._pieces, b"e."]))
        self._archive.close()

    def abort(self) -> None:
        """Close the file as it is."""
        self._archive.close()

    def _pickled(self, value: Any) -> Iterable[bytes]:
        """Opcodes of pickle's protocol 2."""
        if value is None or isinstance(value, bool):
            yield {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif isinstance(value, int):
            yield b"\x8a\x08" + struct.pack("<q", value)
        elif isinstance(value, float):
            yield b"G" + struct.pack(">d", value)
        elif isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            yield b"X" + struct.pack("<I", len(data)) + data
        elif isinstance(value, tuple | list):
            yield b"(" if isinstance(value, tuple) else b"]("
            for item in value:
                yield from self._pickled(item)
            yield b"t" if isinstance(value, tuple) else b"e"
        elif isinstance(value, dict):
            yield b"}("
            for item in (item for pair in value.items() for item in pair):
                yield from self._pickled(item)
            yield b"u"
        elif isinstance(value, Instance):
            yield f"c{value.module}\n{value.name}\n)\x81".encode("latin-1")
            yield from self._pickled(value.values)
            yield b"b"
        else:
            yield from self._tensor(value)

    def _tensor(self, array: np.ndarray) -> Iterable[bytes]:
        name = next(
            name for name, dtype in DTYPES.items() if dtype != "bfloat16" and np.dtype(dtype) == array.dtype
        )
        key = str(self._count)
        self._count += 1
        self._archive.writestr(f"archive/data/{key}", np.ascontiguousarray(array).tobytes())
        yield b"ctorch._utils\n_rebuild_tensor_v2\n(("
        yield from self._pickled("storage")
        yield f"ctorch\n{name}\n".encode("ascii")
        for value in (key, "cpu", array.size):
            yield from self._pickled(value)
        yield b"tQ"
        strides = tuple(int(np.prod(array.shape[i + 1 :], dtype=np.int64)) for i in range(array.ndim))
        for value in (0, tuple(array.shape), strides, False):
            yield from self._pickled(value)
        yield b"ccollections\nOrderedDict\n)RtR"


@dataclass(frozen=True)
class Instance:
    """An object to write: the module and name of its class, and its attributes."""

    module: str
    name: str
    values: dict[str, Any]
