"""Whatever a COCO-DensePose file holds, it is read right, or refused in one line that names it; nothing that humans made is lost."""

import json
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annotator.coco.parsing import read_person
from annotator.coco.reader import CocoError, read_coco, read_sections
from annotator.coco.writer import CocoWriter
from annotator.labels.people import People, Provenance
from tests.annotator.conftest import draw_photo
from tests.annotator.people_samples import dense_person
from tests.robustness.coco_fuzzer import PHOTOS, CocoFuzzer, good_file

SIZE = (64, 48)
FEW, MANY = 240, 6000
"""Files: in the suite, and with ``--campaign``. The fifteenth part is imported into a dataset."""
MAX_LINE = 400
"""Characters of an error, the path of the file left out."""


@pytest.fixture(scope="session")
def seeds(campaign) -> range:
    return range(MANY if campaign else FEW)


@pytest.fixture
def folder(tmp_path) -> Path:
    """With the photos of the file."""
    for name in PHOTOS:
        draw_photo(tmp_path / name, [(8, 4, 30, 40, 100)], SIZE)
    return tmp_path


def assert_one_line(text: str, path: Path) -> None:
    assert text.startswith(f"{path}: "), text
    assert len(text.splitlines()) == 1, text
    assert text.isprintable(), text
    assert len(text.replace(str(path), "")) < MAX_LINE, text


def run(seeds: range, folder: Path, check: Callable[[Path], str]) -> Counter:
    """What became of the file of each seed, in the words of ``check``."""
    found: Counter = Counter()
    problems: dict[str, str] = {}
    for seed in seeds:
        path = folder / "labels.json"
        path.write_bytes(CocoFuzzer(seed).file())
        try:
            found[check(path)] += 1
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {where.filename}:{where.lineno}"
            problems.setdefault(kind, f"seed {seed}: {str(error)[:500]}")
            found[kind] += 1
    print(dict(found))
    assert not problems, json.dumps(problems, indent=1)
    return found


def test_the_good_file_is_good(folder):
    path = folder / "labels.json"
    path.write_text(json.dumps(good_file()))
    assert read_and_write(path) == "read"
    assert train(path) == "read"


def test_files_are_read_right_or_refused(folder, seeds):
    found = run(seeds, folder, read_and_write)
    assert min(found["read"], found["refused"]) > len(seeds) // 5


def test_files_to_learn_from_are_read_right_or_refused(folder, seeds):
    found = run(seeds, folder, train)
    assert min(found["read"], found["refused"]) > len(seeds) // 5


def read_and_write(path: Path) -> str:
    try:
        images = list(read_coco(path))
    except CocoError as error:
        assert_one_line(str(error), path)
        return "refused"
    for people in images:
        for person in people.people:
            x, y, w, h = person.box
            assert 0 <= x < x + w <= people.size[0]
            assert 0 <= y < y + h <= people.size[1]
            for array in (person.mask, person.parts):
                assert array is None or (array.shape == (h, w) and array.any() == bool(array.any()))
            assert person.mask is None or person.mask.any()
            for array in (person.keypoints, person.points):
                assert array is None or np.isfinite(array).all()
    copy = path.with_name("copy.json")
    with CocoWriter(copy, sections=read_sections(path)) as writer:
        for people in images:
            writer.add(people)
    again = list(read_coco(copy))
    assert [(p.id, p.size, p.file_name, p.extra) for p in again] == [
        (p.id, p.size, p.file_name, p.extra) for p in images
    ]
    for before, after in zip(images, again, strict=True):
        # The writer gives people a category that is a person, where they have none.
        assert [p.extra | {"category_id": 0} for p in after.people] == [
            p.extra | {"category_id": 0} for p in before.people
        ]
        assert [p.id for p in after.people] == [p.id for p in before.people]
    return "read"


def train(path: Path) -> str:
    from model.sources import Source, read_source

    try:
        for item in read_source(Source(str(path), str(path.parent))):
            for annotation in item.annotations:
                if (item.image["width"], item.image["height"]) == SIZE:
                    read_person(annotation, SIZE, path)
    except ValueError as error:
        assert_one_line(str(error), path)
        return "refused"
    return "read"


def test_imports_are_right_or_refused(dataset, folder, seeds):
    """Into a dataset with predictions and a person whom somebody has approved; what was imported is exported again."""
    import fiftyone as fo

    from annotator.dataset.fields import Fields, declare_fields
    from annotator.runs.dataset_export import export_samples
    from annotator.runs.dataset_import import import_labels
    from annotator.runs.dataset_run import Summary
    from annotator.runs.people_writing import write_people

    declare_fields(dataset, Fields())
    keys = dataset.add_samples([fo.Sample(filepath=str(folder / name)) for name in PHOTOS])
    for key, state in zip(keys, ("approved", "predicted", "predicted"), strict=True):
        person = dense_person(1, SIZE, provenance=Provenance("lite", state=state))
        write_people(dataset, {key: People(SIZE, [person])}, Fields(), folder / "maps", Summary())

    def people() -> dict:
        """Those of the first photo by their ids, without the number that an export gives them."""
        stored = dataset._sample_collection.find_one({"filepath": str(folder / PHOTOS[0])})["dp_people"]
        return {label.pop("_id"): label | {"annotation_id": None} for label in stored["detections"]}

    ((approved, before),) = people().items()

    def import_and_export(path: Path) -> str:
        try:
            summary = import_labels(dataset, path, folder, maps_dir=folder / "maps")
        except CocoError as error:
            assert_one_line(str(error), path)
            return "refused"
        finally:
            assert people()[approved] == before
        for reason in summary.failures.values():
            assert len(reason.splitlines()) == 1
            assert len(reason) < MAX_LINE
        export_samples(dataset, folder / "out.json")
        assert len(list(read_coco(folder / "out.json"))) == len(dataset)
        return "read"

    found = run(seeds[::15], folder, import_and_export)
    assert found["read"] > 0
