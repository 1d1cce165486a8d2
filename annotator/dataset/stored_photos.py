"""What a dataset knows of each photo, read from an index: documents with labels are large, and a run needs little of all of them
before it begins."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from annotator.dataset.fields import Fields
from annotator.dataset.photo_index import is_whole
from annotator.dataset.store import object_ids
from annotator.dataset.views import photos_of

if TYPE_CHECKING:
    import fiftyone as fo

    Samples = fo.core.collections.SampleCollection

AT_ONCE = 1000
"""Samples that the database is asked for at once."""


class StoredPhoto(NamedTuple):
    """A photo of a dataset, without its labels."""

    path: str
    is_labelled: bool
    """Whether it has people, of whom there may be none."""
    file_name: str | None
    """In the file that its labels were imported from."""
    stamp: tuple[int, int] | None
    """Of the file that was labelled, see :func:`annotator.dataset.photo_file.file_stamp`; ``None`` if it is not known."""


def stored_photos(dataset: fo.Dataset, fields: Fields) -> dict[str, StoredPhoto]:
    """All photos of a dataset by the ids of their samples, in the order of the ids."""
    labels, source = f"{fields.people}._cls", fields.source
    columns = ["filepath", labels, f"{source}.file_name"]
    columns += [f"{source}.photo.{name}" for name in ("bytes", "mtime_ns")]
    index = [(name, 1) for name in ("_id", *columns)]
    samples = dataset._sample_collection
    samples.create_index(index)
    with _paused_collection():
        photos = {str(row["_id"]): _stored(row, fields) for row in samples.find({}, columns, hint=index)}
    if dataset.has_sample_field(fields.people):
        # What another tool has left there instead of people is not in the index: it is a failure of its photo.
        others = [key for key, photo in photos.items() if not photo.is_labelled]
        for i in range(0, len(others), AT_ONCE):
            among = {"_id": {"$in": object_ids(others[i : i + AT_ONCE])}, fields.people: {"$ne": None}}
            for row in samples.find(among, ["_id"]):
                photos[str(row["_id"])] = photos[str(row["_id"])]._replace(is_labelled=True)
    return photos


def chosen_photos(samples: Samples, stored: dict[str, StoredPhoto]) -> list[str]:
    """The ids of the photos of a dataset or view, in its order, each once."""
    photos = photos_of(samples)
    if is_whole(photos):
        return list(stored)
    return [key for key in dict.fromkeys(photos.values("id")) if key in stored]


def _stored(row: dict[str, Any], fields: Fields) -> StoredPhoto:
    source = _record(row.get(fields.source))
    name, photo = source.get("file_name"), _record(source.get("photo"))
    stamp = photo.get("bytes"), photo.get("mtime_ns")
    return StoredPhoto(
        row["filepath"],
        _record(row.get(fields.people)).get("_cls") is not None,
        # One that is none is a failure of its photo, once that is read.
        name if isinstance(name, str) else None,
        None if None in stamp else stamp,
    )


@contextmanager
def _paused_collection() -> Iterator[None]:
    """Python's garbage collector would look at all objects again and again while so many are made, none of which is garbage: that
    takes several times as long as the rest."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
