"""Metrics of an evaluation, each a value and the number of things it rests on, and tables of them."""

from __future__ import annotations

from typing import Any

NOTHING = "nothing of it is labelled"


def metric(value: float | None, reason: str = NOTHING, **rests_on: int) -> dict[str, Any]:
    """A metric for the report.

    Args:
        value: ``None`` where it is not known.
        reason: why, then.
        rests_on: numbers of people, images, points, pixels or predictions that the value is of.
    """
    if value is None:
        return {"value": None, "reason": reason, **rests_on}
    return {"value": round(float(value), 6), **rests_on}


def share(part: float, whole: float, **rests_on: int) -> dict[str, Any]:
    """``part / whole`` as a metric, null where ``whole`` is 0."""
    return metric(part / whole if whole else None, **rests_on)


def table(report: dict[str, Any]) -> str:
    """The main metrics of one data set's report as text, its views side by side."""
    views = [view for view in ("scene", "person") if view in report]
    lines = [f"{'':<38}" + "".join(f"{view:>26}" for view in views)]
    for label, path, places in ROWS:
        cells = [_cell(_find(report[view], path), places) for view in views]
        if any(cells):
            lines.append(f"{label:<38}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def comparison(reports: dict[str, dict[str, Any]]) -> str:
    """The main metrics of several reports of one data set as a Markdown table, side by side for each view.

    Args:
        reports: by the names for the table's head.
    """
    views = [view for view in ("scene", "person") if all(view in report for report in reports.values())]
    columns = [(view, name) for view in views for name in reports]
    lines = [
        "| | " + " | ".join(f"{view}, {name}" for view, name in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for label, path, places in ROWS:
        cells = [_cell(_find(reports[name][view], path), places) for view, name in columns]
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cell or "–" for cell in cells) + " |")
    return "\n".join(lines)


ROWS: tuple[tuple[str, str, int], ...] = (
    ("person mask IoU, mean", "mask.iou", 3),
    ("person mask IoU, median", "mask.median_iou", 3),
    ("mask IoU of boxes from 90 px, mean", "mask.large.iou", 3),
    ("area on images without people", "mask.false_area", 4),
    ("person IoU, all pixels", "parts.person", 3),
    ("mean IoU of parts", "parts.mean", 3),
    ("right chart, points", "points.accuracy", 3),
    ("right chart, dense", "dense.accuracy", 3),
    ("U, V error, points", "points.uv_error", 3),
    ("within 5 cm, points", "points.within_5cm", 3),
    ("within 10 cm, points", "points.within_10cm", 3),
    ("median distance in m, points", "points.median_distance", 3),
    ("within 10 cm, dense", "dense.within_10cm", 3),
    ("mask AP", "precision.mask", 3),
    ("mask AP50", "precision.mask_50", 3),
    ("GPS AP", "precision.gps", 3),
    ("GPSm AP", "precision.gpsm", 3),
    ("keypoint AP", "precision.keypoints", 3),
    ("OKS, mean", "keypoints.oks", 3),
    ("OKS of well labelled people, mean", "keypoints.well_labelled_oks", 3),
    ("PCK@0.1", "keypoints.pck", 3),
    ("people with swapped keypoints", "sides.all.keypoints", 3),
    ("people with swapped keypoints, front", "sides.front.keypoints", 3),
    ("people with swapped keypoints, behind", "sides.behind.keypoints", 3),
    ("people with swapped keypoints, side", "sides.side.keypoints", 3),
    ("limb pixels on the wrong side", "sides.all.limb_pixels", 3),
    ("limb pixels on the wrong side, front", "sides.front.limb_pixels", 3),
    ("limb pixels on the wrong side, behind", "sides.behind.limb_pixels", 3),
    ("limb pixels on the wrong side, side", "sides.side.limb_pixels", 3),
    ("people found at mask IoU 0.5", "finding.all", 3),
    ("… a fifth of the photo's height and taller", "finding.tall", 3),
    ("… a tenth to a fifth", "finding.middle", 3),
    ("… less than a tenth", "finding.small", 3),
    ("predictions that are nobody", "finding.wrong", 3),
    ("people counted right", "counting.right", 3),
    ("people miscounted by, mean", "counting.error", 3),
    ("network, ms", "speed.network_ms", 1),
    ("everything, ms", "speed.all_ms", 1),
)
"""Of each line of a table: label, path in a view's report, decimal places."""


def _find(report: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("."):
        report = report.get(name, {})
    return report


def _cell(found: dict[str, Any], places: int) -> str:
    """Value and what it rests on; empty for a metric that is missing or null."""
    if found.get("value") is None:
        return ""
    counts = [f"{count:,} {name}" for name, count in found.items() if name != "value"]
    return f"{found['value']:.{places}f}  {counts[0]}" if counts else f"{found['value']:.{places}f}"
