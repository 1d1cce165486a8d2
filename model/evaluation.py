"""The thesis's table: IoU of the person mask and of every part, after each training stage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from keras import ops

from annotator.labels.label_space import CHART_TO_PART, PARTS
from annotator.photos.atomic_files import whole_file
from model.cascade import Cascade
from model.config import RunConfig
from model.label_values import IGNORE, SOME
from model.samples import View, make_sample
from model.sources import Record

THESIS_IOU = {
    "person": (0.832, 0.841, 0.841),
    "torso": (0.564, 0.592, 0.599),
    "right hand": (0.218, 0.267, 0.276),
    "left hand": (0.194, 0.239, 0.253),
    "left foot": (0.070, 0.093, 0.099),
    "right foot": (0.071, 0.096, 0.103),
    "right upper leg": (0.230, 0.263, 0.266),
    "left upper leg": (0.237, 0.262, 0.273),
    "right lower leg": (0.150, 0.183, 0.190),
    "left lower leg": (0.157, 0.187, 0.196),
    "left upper arm": (0.299, 0.335, 0.342),
    "right upper arm": (0.322, 0.362, 0.370),
    "left lower arm": (0.232, 0.281, 0.294),
    "right lower arm": (0.252, 0.300, 0.312),
    "head": (0.684, 0.702, 0.704),
}
"""The thesis's results after stages 1, 2, 3, on 600 images of COCO with one labelled person."""


def measure_stage(cascade: Cascade, records: list[Record], size: int, batch: int = 8) -> dict:
    """IoU on whole images, over all pixels that carry a label.

    Parts are those of the charts once the cascade has these, as at run time.

    Returns:
        ``images``, ``iou``: name → IoU, or None where no pixel of it is labelled or predicted, and
        ``chart_accuracy``: share of labelled chart pixels and points that are right (from stage 2).
    """
    config = cascade.config
    view = View(size, config.output_stride, config.input_size, config.head_vector_targets, person_view=0.0)
    both = np.zeros(15)
    either = np.zeros(15)
    right = seen = 0
    for start in range(0, len(records), batch):
        samples = [
            make_sample(r, view, None, np.random.default_rng(0)) for r in records[start : start + batch]
        ]
        images = np.stack([image for image, _ in samples]).astype("float32")
        maps = {k: ops.convert_to_numpy(v) for k, v in cascade(images, training=False).items()}
        labels = {k: np.stack([label[k] for _, label in samples]) for k in ("person", "parts", "charts")}
        mask = maps["person"][..., 0] > 0
        counted = labels["person"] != IGNORE
        both[0] += (mask & (labels["person"] == 1))[counted].sum()
        either[0] += (mask | (labels["person"] == 1))[counted].sum()
        charts = maps["charts"][..., 1:].argmax(-1) + 1 if "charts" in maps else None
        parts = maps["parts"][..., 1:].argmax(-1) + 1 if charts is None else CHART_TO_PART[charts]
        parts = np.where(mask, parts, 0)
        counted = counted & (labels["parts"] < SOME)
        for part in range(1, 15):
            predicted, true = (parts == part)[counted], (labels["parts"] == part)[counted]
            both[part] += (predicted & true).sum()
            either[part] += (predicted | true).sum()
        if charts is not None:
            known = (labels["charts"] > 0) & (labels["charts"] < SOME)
            right += (charts == labels["charts"])[known].sum()
            seen += known.sum()
    names = ("person", *PARTS[1:])
    iou = {n: float(b / e) if e else None for n, b, e in zip(names, both, either, strict=True)}
    return {"images": len(records), "iou": iou, "chart_accuracy": float(right / seen) if seen else None}


def write_stage_report(out: Path, config: RunConfig, reports: dict[str, dict]) -> None:
    """Write ``report.json`` and ``report.md`` of the stages that are done."""
    images = next(iter(reports.values()))["images"]
    described = {"preset": config.model.preset, "validation_images": images, "stages": reports}
    with whole_file(out / "report.json") as temporary:
        temporary.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    stages = sorted(reports)
    lines = [
        f"# IoU after each training stage ({config.model.preset}, {images} validation images)",
        "",
        "| | " + " | ".join(f"stage {s}" for s in stages) + " | thesis 1 / 2 / 3 |",
        "|---" * (len(stages) + 2) + "|",
    ]
    for name, thesis in THESIS_IOU.items():
        values = [reports[s]["iou"][name] for s in stages]
        cells = ["–" if v is None else f"{v:.3f}" for v in values]
        lines.append(f"| {name} | {' | '.join(cells)} | {' / '.join(f'{v:.3f}' for v in thesis)} |")
    accuracy = [reports[s]["chart_accuracy"] for s in stages]
    cells = ["–" if v is None else f"{v:.3f}" for v in accuracy]
    lines += [
        f"| chart accuracy | {' | '.join(cells)} | – |",
        "",
        "The thesis's results are of other images: COCO.",
    ]
    with whole_file(out / "report.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
