"""The review panel's files: the bundle is that of the sources, the labels are those of the package."""

import hashlib
import json
from pathlib import Path

from annotator.dataset.fields import MIN_ISSUE_SCORE, PERSON_COLOURS
from annotator.dataset.sample_people import DECIDED
from annotator.labels import label_space as densepose
from annotator.review.edits import LEAST_SIDE
from annotator.review.panel_data import MASK_BIT

PLUGIN = Path(__file__).resolve().parents[2] / "fiftyone_plugin"


def test_the_bundle_is_that_of_the_sources():
    digest = hashlib.sha256()
    for path in sorted((PLUGIN / "panel" / "src").iterdir()):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    first = (PLUGIN / "dist" / "index.umd.js").open(encoding="utf-8").readline()
    assert digest.hexdigest() in first, "run `npm ci && npm run build` in fiftyone_plugin/panel"


def test_the_labels_are_those_of_the_package():
    labels = json.loads((PLUGIN / "panel" / "src" / "labels.json").read_text())
    assert labels["parts"] == list(densepose.PARTS)
    assert labels["charts"] == list(densepose.CHARTS)
    assert labels["keypoints"] == list(densepose.KEYPOINTS)
    assert labels["skeleton"] == [list(limb) for limb in densepose.SKELETON]
    assert labels["chartToPart"] == densepose.CHART_TO_PART.tolist()
    assert labels["keypointMirror"] == densepose.KEYPOINT_MIRROR.tolist()
    for name, colours in (("part", densepose.PART_COLOURS), ("chart", densepose.CHART_COLOURS)):
        assert labels[f"{name}Colours"] == ["#" + bytes(c.tolist()).hex() for c in colours]
    assert labels["personColours"] == list(PERSON_COLOURS)
    assert labels["decided"] == list(DECIDED)
    assert (labels["leastDoubt"], labels["leastSide"], labels["maskBit"]) == (
        MIN_ISSUE_SCORE,
        LEAST_SIDE,
        MASK_BIT,
    )
