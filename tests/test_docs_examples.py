"""The Python on the pages of the documentation runs as it is printed there, for whoever has just run `scripts/run`."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotator.app import dataset_name, open_dataset
from annotator.coco.reader import read_coco
from annotator.examples import EXAMPLES
from annotator.photos.finding import find_photos
from annotator.review.session import Review
from annotator.runs.dataset_annotation import annotate_samples

ROOT = Path(__file__).resolve().parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW_DATASET = "a new dataset"
"""Which the examples make."""


def python_blocks(page: Path) -> list[str]:
    return PYTHON.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def labelled(database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The dataset of `scripts/run`, on four of whose photos everybody was approved. Beside it, in the working
    folder, ``photos/`` with the same photos."""
    import fiftyone as fo

    shutil.copytree(EXAMPLES, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    folder = EXAMPLES.resolve()
    dataset = open_dataset(dataset_name(folder), find_photos(folder))
    assert not annotate_samples(dataset).failures
    review = Review(dataset)
    for sample_id in dataset.values("id")[:4]:
        for person in review.open(sample_id)["people"]:
            edit = {"kind": "decide", "person": person["key"], "state": "approved"}
            review.edit(sample_id, edit, {person["key"]: person["version"]})
    yield dataset
    dataset.delete()
    if fo.dataset_exists(NEW_DATASET):
        fo.delete_dataset(NEW_DATASET)


def approved_people(dataset: Any) -> list[tuple[str, bool | None, str]]:
    """Of each: the id, whether a human has changed the labels, and the box."""
    return [
        (person.id, person["edited"], str(person.bounding_box))
        for people in dataset.values("dp_people.detections")
        for person in people
        if person["review"] == "approved"
    ]


def run_examples(page: Path) -> dict[str, Any]:
    """Run the blocks of a page one after another; returns the variables that they leave."""
    variables: dict[str, Any] = {}
    text = page.read_text(encoding="utf-8")
    for match in PYTHON.finditer(text):
        # Lines of a traceback are the page's.
        code = "\n" * text.count("\n", 0, match.start(1)) + match.group(1)
        exec(compile(code, page.name, "exec"), variables)
    return variables


def test_the_readme_labels_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(EXAMPLES, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    assert len(python_blocks(ROOT / "README.md")) == 1
    run_examples(ROOT / "README.md")
    photos = [path.as_posix() for path in find_photos(Path("photos"))]
    images = list(read_coco("labels.json"))
    assert [image.file_name for image in images] == photos
    assert all(image.people for image in images)


# In the process of the other trainings, where TensorFlow is loaded already.
@pytest.mark.xdist_group("retraining")
def test_the_plugin_reviews_annotates_exports_imports_and_retrains(labelled):
    import fiftyone as fo

    approved = set(approved_people(labelled))
    assert approved
    found = run_examples(ROOT / "fiftyone_plugin" / "README.md")
    assert found["dataset"].name == labelled.name
    # The edit was undone, and nobody who was approved was overwritten.
    labelled.reload()
    assert set(approved_people(labelled)) == approved
    assert found["summary"].people > 0
    assert found["summary"].failures == {}
    images = list(read_coco("labels.json"))
    assert [image.file_name for image in images] == [path.name for path in find_photos(EXAMPLES)]
    assert len(fo.load_dataset(NEW_DATASET)) == len(images)
    outcome = found["outcome"]
    assert outcome.model.is_file()
    assert outcome.trained_on.photos + outcome.validation.photos + outcome.held_out.photos == 4
    assert found["network"].info.model_id in outcome.to_markdown()


def test_pages_in_docs(labelled):
    for page in sorted((ROOT / "docs").glob("*.md")):
        run_examples(page)
