"""The log of edits as a table, CSV or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields
from annotator.photos.atomic_files import whole_file
from annotator.team.edit_log import collection
from annotator.team.report import Period

if TYPE_CHECKING:
    import fiftyone as fo

BATCH = 10_000
"""Rows that are written at once."""
COLUMNS = {
    "edit": "Id of the entry, the same in every export.",
    "time": "When the edit was saved, UTC.",
    "author": "Who made it, as the panel knows the name.",
    "kind": "What was done: `set_keypoint`, `paint`, `approve`, `undo` …",
    "tool": "Tool of the panel it was made with; empty for keys and buttons.",
    "seconds": "Active work since the author's edit before on that photo.",
    "sample": "Id of the photo's sample in FiftyOne.",
    "photo": "Path of the photo, when it was edited.",
    "person": "Id of the person's label; empty where it is about nobody, or about all.",
    "people": "Ids of all people it names, as of a merge.",
    "targets": "Keypoints, parts or charts it is about, or `mask`.",
    "state": "The person's review state before: `predicted` if nobody had edited it.",
    "issue": "The person's worst issue before; that of the model where `state` is `predicted`.",
    "issue_score": "Its score, 0 to 1.",
    "issues": "Scores of all its issues.",
    "corrects": "1 if it says that a label was wrong, -1 if it takes such an edit back, else 0.",
    "done": "Number of people whose review it ended; negative if it opened one again.",
    "undoes": "Request id of the edit that was undone or redone; empty otherwise.",
}
"""What each column holds, in their order."""
_LISTS = ("people", "targets")
_NUMBERS = {"seconds": "double", "issue_score": "double", "corrects": "int8", "done": "int32"}


def write_log(dataset: fo.Dataset, fields: Fields, path: Path, period: Period | None = None) -> int:
    """Write the log to a file, which appears whole or not at all; one that is there is replaced.

    Args:
        dataset: whose log.
        fields: of the people.
        path: ends in ``.csv`` or ``.parquet``. In CSV lists are separated by semicolons, and issues are JSON.
        period: which entries; default: all.

    Returns:
        The number of rows.

    Raises:
        ValueError: the path ends otherwise.
        ImportError: Parquet needs PyArrow, which is not installed.
        FileNotFoundError: there is no such folder.
    """
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix.lower() not in writers:
        raise ValueError(f"{path}: must end in .csv or .parquet")
    rows = _rows((period or Period()).query(dataset, fields))
    with whole_file(path) as temporary:
        return writers[path.suffix.lower()](rows, temporary)


def check_path(path: Path) -> None:
    """
    Raises:
        ValueError, ImportError, FileNotFoundError: as :func:`write_log`, before anything is read.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ValueError(f"{path}: must end in .csv or .parquet")
    if path.suffix.lower() == ".parquet":
        _pyarrow()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")


def _rows(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in collection().find(query).sort([("time", 1), ("_id", 1)]).allow_disk_use(True):
        values = entry | {"edit": entry["_id"].partition("-")[2], "photo": entry["filepath"]}
        yield {name: values.get(name, "") for name in COLUMNS}


def _write_csv(rows: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    # With the mark at the beginning by which spreadsheets know UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007
            lists = {name: ";".join(row[name]) for name in _LISTS}
            time = row["time"].isoformat(timespec="milliseconds") + "Z"
            writer.writerow(row | lists | {"time": time, "issues": json.dumps(row["issues"])})
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path) -> int:
    arrow, parquet = _pyarrow()
    kinds = {
        "time": arrow.timestamp("ms", tz="UTC"),
        "issues": arrow.map_(arrow.string(), arrow.float64()),
        **dict.fromkeys(_LISTS, arrow.list_(arrow.string())),
        **{name: arrow.type_for_alias(kind) for name, kind in _NUMBERS.items()},
    }
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := [row | {"issues": list(row["issues"].items())} for row in islice(rows, BATCH)]:
            writer.write_table(arrow.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError(
            "Parquet needs PyArrow: pip install 'densepose-annotator[parquet]', or choose a file that ends in .csv"
        ) from None
    return pyarrow, parquet
