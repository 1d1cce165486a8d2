"""Facts about a whole dataset, by the prefix of its fields: the folder of its maps and, in FiftyOne's ``info``, the model
that labelled it last with its settings, all models that labelled it, the times of bulk approvals, and the sections of the
COCO file that was imported last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.coco.parsing import CocoError
from annotator.dataset.fields import require_fields
from annotator.labels.messages import short

if TYPE_CHECKING:
    import fiftyone as fo

MODELS, SETTINGS, RUNS, SECTIONS = "densepose_models", "densepose_settings", "densepose_runs", "densepose"
BULK_APPROVALS = "densepose_bulk_approvals"
"""Keys of ``info``; each holds a dict by prefix."""
MAX_INFO = 15 << 20
"""Bytes of ``info``: MongoDB's 16 MB are for the dataset's fields and views, too."""


def maps_folder(dataset: fo.Dataset, prefix: str, maps_dir: str | Path | None) -> Path:
    """The folder of a dataset's maps, which no other dataset shares, not even a later one of the same name.

    Args:
        dataset: the dataset.
        prefix: of the names of the label fields.
        maps_dir: folder of all datasets' maps; default: ``densepose`` in FiftyOne's default dataset folder.
    """
    import fiftyone as fo

    root = Path(maps_dir or Path(fo.config.default_dataset_dir) / "densepose")
    return root.expanduser().absolute() / str(dataset._doc.id) / prefix


def last_model(dataset: fo.Dataset, prefix: str) -> Path | None:
    """The file of the model that last labelled the dataset, if it is still there."""
    path = _recall(dataset, MODELS, prefix)
    return Path(path) if path and Path(path).is_file() else None


def remember_model(dataset: fo.Dataset, prefix: str, path: Path) -> None:
    """Store the model for :func:`last_model`."""
    _remember(dataset, MODELS, prefix, str(path.absolute()))


def last_settings(dataset: fo.Dataset, prefix: str) -> tuple[dict[str, Any], Path | None]:
    """What :func:`remember_settings` stored; nothing and ``None``, which stand for the defaults, in a dataset that was labelled by
    an earlier version."""
    stored = _recall(dataset, SETTINGS, prefix) or {}
    maps_dir = stored.get("maps_dir")
    return stored.get("settings", {}), Path(maps_dir) if maps_dir else None


def remember_settings(
    dataset: fo.Dataset, prefix: str, settings: dict[str, Any], maps_dir: str | Path | None
) -> None:
    """Store how the model labelled the dataset, so that the next one can label it again in the same way.

    Args:
        settings: of inference, of what JSON can hold.
        maps_dir: as of :func:`maps_folder`.
    """
    absolute = maps_dir and str(Path(maps_dir).expanduser().absolute())
    _remember(dataset, SETTINGS, prefix, {"settings": settings, "maps_dir": absolute})


def past_runs(dataset: fo.Dataset, prefix: str) -> list[dict[str, Any]]:
    """The models and settings that labelled photos of the dataset: dicts with ``id`` and ``license`` of the model, ``finder``
    and ``pose_estimator``, the same of these or ``None``, and ``settings`` of inference; the last one last. None of those of
    earlier versions."""
    return [dict(run) for run in _recall(dataset, RUNS, prefix) or []]


def remember_run(dataset: fo.Dataset, prefix: str, run: dict[str, Any]) -> None:
    """Store a run for :func:`past_runs`, in place of one of the same model, finder and settings."""
    _append(dataset, RUNS, prefix, run)


def bulk_approval_times(dataset: fo.Dataset, prefix: str) -> list[str]:
    """The ``time`` of the decisions that were made about many people unseen."""
    return _recall(dataset, BULK_APPROVALS, prefix) or []


def remember_bulk_approval(dataset: fo.Dataset, prefix: str, time: str) -> None:
    """Store a time for :func:`bulk_approval_times`."""
    _append(dataset, BULK_APPROVALS, prefix, time)


def imported_sections(dataset: fo.Dataset, prefix: str) -> dict[str, Any] | None:
    """The sections of the file that was imported last, as of :func:`annotator.coco.reader.read_sections`; ``None`` if
    none was."""
    text = _recall(dataset, SECTIONS, prefix)
    return None if text is None else json.loads(text)


def remember_sections(dataset: fo.Dataset, prefix: str, sections: dict[str, Any]) -> None:
    """Store the sections for :func:`imported_sections`, see :func:`check_sections`."""
    # As text: they may hold names and nestings that MongoDB refuses.
    _remember(dataset, SECTIONS, prefix, json.dumps(sections))


def check_sections(path: Path, sections: dict[str, Any], dataset: fo.Dataset | None, prefix: str) -> None:
    """Check that there is room for sections in a dataset, ``None`` for a new one.

    Args:
        path: of their file, for errors.

    Raises:
        CocoError: they are too large; names the largest.
    """
    from bson import encode

    sizes = {name: len(json.dumps(value)) for name, value in sections.items()}
    info = {} if dataset is None else dict(dataset.info)
    if SECTIONS in info:
        info[SECTIONS] = {other: text for other, text in info[SECTIONS].items() if other != prefix}
    if sum(sizes.values()) + len(encode(info)) > MAX_INFO:
        name = max(sizes, key=sizes.get)
        raise CocoError(
            f"{path}: {short(name)} takes {sizes[name] / 2**20:.1f} MB, and MongoDB keeps no more than 16 MB of all that "
            "concerns a dataset as a whole: remove the section from the file"
        )


def _recall(dataset: fo.Dataset, key: str, prefix: str) -> Any:
    """As it is in the database: what FiftyOne has in memory may be older."""
    from fiftyone.core.odm import get_db_conn

    found = get_db_conn().datasets.find_one({"_id": dataset._doc.id}, [f"info.{key}.{prefix}"]) or {}
    return ((found.get("info") or {}).get(key) or {}).get(prefix)


def _remember(dataset: fo.Dataset, key: str, prefix: str, value: Any) -> None:
    _update(dataset, key, prefix, {"$literal": value})


def _append(dataset: fo.Dataset, key: str, prefix: str, value: Any) -> None:
    """Add a value to a list, in which it is once, at the end."""
    value = {"$literal": value}
    known = {"$ifNull": [f"$info.{key}.{prefix}", []]}
    others = {"$filter": {"input": known, "cond": {"$ne": ["$$this", value]}}}
    _update(dataset, key, prefix, {"$concatArrays": [others, [value]]})


def _update(dataset: fo.Dataset, key: str, prefix: str, value: dict[str, Any]) -> None:
    """Set a value by one command of the database: others may write there at the same time."""
    from fiftyone.core.odm import get_db_conn

    require_fields(dataset)
    change = {"$set": {f"info.{key}.{prefix}": value, "last_modified_at": "$$NOW"}}
    get_db_conn().datasets.update_one({"_id": dataset._doc.id}, [change])
    # In memory, too, of which FiftyOne makes clones; not as a change, which it would save again.
    info = dataset.info
    dict.__setitem__(info, key, info.get(key, {}) | {prefix: _recall(dataset, key, prefix)})
