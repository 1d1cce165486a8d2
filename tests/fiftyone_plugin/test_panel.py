"""The review panel's files: the bundle is that of the sources, which import each other one way only; labels and types of
edits are those of the package."""

import hashlib
import json
import re
import runpy
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from annotator.dataset.fields import MIN_ISSUE_SCORE, PERSON_COLOURS
from annotator.labels import label_space as densepose
from annotator.labels.people import DECIDED
from annotator.review.edits.add_delete import MIN_BOX_SIDE
from annotator.review.panel_data import MASK_BIT

PLUGIN = Path(__file__).resolve().parents[2] / "fiftyone_plugin"
SOURCES = PLUGIN / "panel" / "src"
# A folder imports from itself and from those after it; panel/.oxlintrc.json says the same.
FOLDERS = ("views", "input", "tools", "canvas", "state", "api")
IMPORT = re.compile(
    r"""^\s*(?:import|export)\b[^;"']*?["'](\.{1,2}/[^"']+)["']|import\(["'](\.{1,2}/[^"']+)["']\)""",
    re.MULTILINE,
)


def imports() -> dict[str, set[str]]:
    """What each source imports of the others, imports of types included."""
    found = {}
    for path in SOURCES.rglob("*.ts*"):
        names = {(path.parent / (a or b)).resolve() for a, b in IMPORT.findall(path.read_text("utf-8"))}
        found[name_of(path)] = {name_of(source_at(name)) for name in names}
    return found


def source_at(module: Path) -> Path:
    candidates = (module, module.with_suffix(".ts"), module.with_suffix(".tsx"))
    return next(path for path in candidates if path.is_file())


def name_of(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def test_the_bundle_is_that_of_the_sources():
    digest = hashlib.sha256()
    for name in sorted(name_of(path) for path in SOURCES.rglob("*") if path.is_file()):
        digest.update(name.encode())
        digest.update((SOURCES / name).read_bytes())
    first = (PLUGIN / "dist" / "index.umd.js").open(encoding="utf-8").readline()
    assert digest.hexdigest() in first, "run `npm ci && npm run build` in fiftyone_plugin/panel"


def test_no_source_imports_itself_through_others():
    TopologicalSorter(imports()).prepare()  # a CycleError names the files of the cycle


def test_each_source_is_imported_but_the_entry():
    sources = imports()
    assert sources.keys() - set().union(*sources.values()) == {"index.tsx"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_from_itself_and_those_after_it(folder):
    allowed = FOLDERS[FOLDERS.index(folder) :]
    sources = {name: names for name, names in imports().items() if name.startswith(f"{folder}/")}
    assert sources
    against = {
        (name, other)
        for name, names in sources.items()
        for other in names
        if other.split("/")[0] not in allowed
    }
    assert not against


def test_each_source_is_in_a_folder_of_the_order():
    folders = {path.parent.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*") if path.is_file()}
    assert folders == {".", *FOLDERS}
    assert [path.name for path in SOURCES.iterdir() if path.is_file()] == ["index.tsx"]


def test_the_types_of_edits_are_those_of_the_models():
    script = runpy.run_path(str(PLUGIN.parent / "scripts" / "make-panel-types"))
    committed = (SOURCES / "api" / "edit_types.ts").read_text("utf-8")
    assert committed == script["edit_types"](), "run scripts/make-panel-types"


def test_the_labels_are_those_of_the_package():
    labels = json.loads((SOURCES / "state" / "labels.json").read_text())
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
    assert (labels["minIssueScore"], labels["minBoxSide"], labels["maskBit"]) == (
        MIN_ISSUE_SCORE,
        MIN_BOX_SIDE,
        MASK_BIT,
    )
