"""The sections ``info`` and ``licenses`` of a file that a dataset is exported to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from annotator import __version__

KEY = "densepose_annotator"
"""In ``info``: the version of this package, what was chosen for the export, and the models with people in the file::

    {"version": …, "export": {"state": …, "rejected": …, "polygons": …},
     "models": [{"id": …, "license": …, "finder": {"id": …, "license": …} or None,
      "pose_estimator": the same, "settings": of inference}]}
"""


def describe_file(
    sections: Mapping[str, Any] | None,
    models: Iterable[str],
    runs: Iterable[Mapping[str, Any]],
    export: Mapping[str, Any],
) -> dict[str, Any]:
    """``info`` and ``licenses`` of a file.

    What an imported file has there is kept; only :data:`KEY`, if it is a file of this package, is said anew. The date is the
    day of the first export (UTC), or that of the environment's ``SOURCE_DATE_EPOCH``, seconds since 1970.

    Args:
        sections: of the file that was imported last, as of :func:`annotator.dataset.info.imported_sections`.
        models: ids of the models with people in the file.
        runs: as of :func:`annotator.dataset.info.past_runs`. Of a model without a run, what the imported file says of it
            is kept.
        export: what was chosen for the export.
    """
    info, licenses = ((sections or {}).get(name) for name in ("info", "licenses"))
    imported = info.get(KEY) if isinstance(info, dict) else None
    if not info:
        day = _today()
        text = "Masks, parts, charts, U, V and keypoints of people, labelled with DensePose Annotator"
        info = {"description": text, "year": day.year, "date_created": day.strftime("%Y/%m/%d")}
        imported = {}
    described = []
    if isinstance(imported, dict):
        described = _describe_models(models, runs, imported.get("models"))
        info = info | {KEY: {"version": __version__, "export": dict(export), "models": described}}
    if not licenses:
        of_all = [
            of for entry in described for of in (entry, entry.get("finder"), entry.get("pose_estimator"))
        ]
        of_all = [of for of in of_all if isinstance(of, dict) and of.get("license")]
        names = {f"{of['license']} (model {of.get('id')})": None for of in of_all}
        licenses = [{"id": number, "name": name, "url": ""} for number, name in enumerate(names, 1)]
    return {"info": info, "licenses": licenses}


def _describe_models(
    models: Iterable[str], runs: Iterable[Mapping[str, Any]], imported: object
) -> list[dict[str, Any]]:
    """The entries of models, by what is known best: the runs of the dataset, what the ``imported`` file says, or no more than
    the id."""
    known = imported if isinstance(imported, list) else []
    earlier = [entry for entry in known if isinstance(entry, dict)]
    described = []
    for model in sorted(models):
        found = [dict(entry) for entry in runs if entry["id"] == model]
        described += found or [entry for entry in earlier if entry.get("id") == model] or [{"id": model}]
    return described


def _today() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)
