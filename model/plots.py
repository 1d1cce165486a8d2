"""Pictures of a training run from its log."""

from __future__ import annotations

import csv
from pathlib import Path

from annotator.photos.atomic_files import whole_file
from model.validation import SCORE, SCORES


def plot_run(out: Path) -> None:
    """Draw ``losses.png``, ``learning_rate.png`` and, once there are any, ``scores.png`` of ``log.csv``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with (out / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [n for n in rows[0] if f"val_{n}" in rows[0] and any(r[n] for r in rows)]
    figure, axes = pyplot.subplots(
        1, len(names), figsize=(3.2 * len(names), 3), squeeze=False, layout="tight"
    )
    for axis, name in zip(axes[0], names, strict=True):
        for column, label in ((name, "training"), (f"val_{name}", "validation")):
            at = [i for i, row in enumerate(rows) if row[column]]
            axis.plot([i + 1 for i in at], [float(rows[i][column]) for i in at], label=label)
        _mark_stages(axis, rows)
        axis.set_title(name)
        axis.set_xlabel("epoch")
    axes[0][0].legend()
    _save(figure, out / "losses.png")

    figure, axis = pyplot.subplots(figsize=(5, 3), layout="tight")
    axis.plot(range(1, len(rows) + 1), [float(row["learning_rate"]) for row in rows])
    axis.set(yscale="log", xlabel="epoch", title="learning rate after the epoch")
    _mark_stages(axis, rows)
    _save(figure, out / "learning_rate.png")

    at = [i for i, row in enumerate(rows) if row.get(SCORE)]
    if not at:
        return
    figure, axis = pyplot.subplots(figsize=(5, 3), layout="tight")
    for name in (name for name in SCORES if rows[at[-1]][name]):
        axis.plot(
            [i + 1 for i in at],
            [float(rows[i][name]) for i in at],
            label=name.removeprefix("val_"),
            linewidth=2 if name == SCORE else 1,
        )
    axis.set(xlabel="epoch", title="people in true boxes")
    axis.legend()
    _save(figure, out / "scores.png")


def _save(figure, path: Path) -> None:
    from matplotlib import pyplot

    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    pyplot.close(figure)


def _mark_stages(axis, rows: list[dict]) -> None:
    for i in range(1, len(rows)):
        if rows[i]["stage"] != rows[i - 1]["stage"]:
            axis.axvline(i + 0.5, color="0.7", linewidth=1)
