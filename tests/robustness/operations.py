"""The operations that write, each on a small state of its own: what is killed, starved of room and cut off from its database.

All functions are called in children of :mod:`tests.robustness.killing`, with a folder that is empty and a database that
is theirs.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from annotator.cli import main
from annotator.dataset.info import maps_folder
from annotator.inference.network import Network
from annotator.inference.pipeline import Annotated
from annotator.inference.settings import Settings
from annotator.retraining.corrections import write_corrections
from annotator.review.approvals import approve_below, take_back
from annotator.review.session import Review
from annotator.runs import people_writing
from annotator.runs.dataset_annotation import Annotation
from annotator.runs.dataset_export import Export
from annotator.runs.dataset_import import Import
from annotator.runs.folder import annotate_folder
from annotator.runs.tidy import SPARED_HOURS
from tests.annotator.conftest import draw_photo, tiny_model_proto

Acknowledge = Callable[[Any], None]
NAME = "people"
"""Of the dataset."""
LEFT, RIGHT, MIDDLE = (8, 20, 36, 60, 10), (70, 16, 40, 70, 200), (24, 20, 36, 60, 90)
VOTES = Settings(proposals="votes", batch_size=2)
"""The finder knows no people that are drawn as rectangles."""
APPROVAL = "00000000000000aa"


class Operation:
    """Something that a user starts. ``prepare`` makes the state before it from that of :func:`prepare_reviewed`, ``run`` does
    it, the first time and again.

    ``run`` acknowledges what a user may rely on: each image, or edit, that is done. It gets what it acknowledged before
    it was killed, for a browser outlives a server.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos, self.maps, self.out = folder / "photos", folder / "maps", folder / "labels.json"
        self.model = folder / "model.onnx"

    def prepare(self) -> None:
        """Nothing more."""

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        raise NotImplementedError

    def draw(self, name: str, people: list[tuple]) -> Path:
        return draw_photo(self.photos / f"{name}.png", people)

    @property
    def dataset(self) -> Any:
        import fiftyone as fo

        return fo.load_dataset(NAME)

    def samples(self) -> list[str]:
        return self.dataset.sort_by("filepath").values("id")

    def annotation(self, overwrite: str = "skip") -> Annotation:
        return _Following(self.dataset, self.model, settings=VOTES, overwrite=overwrite, maps_dir=self.maps)

    def review(self) -> Review:
        return Review(self.dataset, author="Ada", model=self.model, maps_dir=self.maps)


class _Following(Annotation):
    """One that saves the same samples at once in every run, however fast the model is."""

    def _save_all(self, results: Iterator[Annotated], finder: Any) -> Iterator[int]:
        return super()._save_all((replace(result, is_followed=True) for result in results), finder)


def add_photos(dataset: Any, paths: list[Path]) -> None:
    import fiftyone as fo

    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths])


def nose(key: str, x: float) -> dict:
    return {"kind": "set_keypoint", "person": key, "keypoint": 0, "visibility": 2, "x": x, "y": 30}


def edit(review: Review, sample: str, number: int, make: Callable[[list[str]], dict]) -> dict:
    """Make an edit as the panel asks for it; ``make`` gets the keys of the image's people, in their order."""
    versions = {person["key"]: person["version"] for person in review.open(sample)["people"]}
    return checked(review.edit(sample, make(list(versions)), versions, request_id(number)))


def request_id(number: int) -> str:
    return f"{number:016x}"


def checked(answer: dict) -> dict:
    assert "conflict" not in answer, answer["conflict"]
    return answer


class AnnotateFolder(Operation):
    def prepare(self) -> None:
        (self.photos / "bad.jpg").write_text("no photo")

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        network = Network(self.model, threads=1)
        annotate_folder(self.photos, self.out, network, VOTES)


class AnnotateDataset(Operation):
    """Three more photos of it."""

    def prepare(self) -> None:
        add_photos(self.dataset, [self.draw(name, [LEFT, RIGHT]) for name in "def"])

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        for done in self.annotation():
            acknowledge(done)


class Relabel(Operation):
    """As after a retraining: all that nobody reviewed is labelled again."""

    def prepare(self) -> None:
        # Everybody has moved, and a human says that the labels fit.
        for name in "abc":
            self.draw(name, [(12, 20, 36, 60, 10), (66, 20, 44, 70, 200)])
        for sample in self.samples():
            self.review().keep_labels(sample)

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        for done in self.annotation(overwrite="replace"):
            acknowledge(done)


class ExportFile(Operation):
    def prepare(self) -> None:
        self.out.write_text("labels of yesterday")

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        Export(self.dataset, self.out).run()


class ImportNew(Operation):
    def prepare(self) -> None:
        import fiftyone as fo

        Export(self.dataset, self.out).run()
        fo.delete_dataset(NAME)

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        import fiftyone as fo

        # Whoever repeats an import that made a dataset names that dataset.
        target = self.dataset if fo.dataset_exists(NAME) else NAME
        for done in Import(target, self.out, self.photos, maps_dir=self.folder / "imported"):
            acknowledge(done)


class ImportOver(Operation):
    """Into a dataset in which people were reviewed."""

    def prepare(self) -> None:
        Export(self.dataset, self.out).run()
        labels = json.loads(self.out.read_text())
        for annotation in labels["annotations"]:
            annotation["bbox"][0] += 1
        self.out.write_text(json.dumps(labels))

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        for done in Import(self.dataset, self.out, self.photos, maps_dir=self.maps):
            acknowledge(done)


class Approve(Operation):
    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        second = self.samples()[1]

        def approve(keys: list[str]) -> dict:
            return {"kind": "decide", "person": keys[1], "state": "approved", "comment": "good"}

        do_all(self.review(), [(second, approve)], acknowledge, before)


class Edit(Operation):
    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        first, second, third = self.samples()
        edits = [
            (first, lambda keys: nose(keys[1], 90)),
            (first, lambda keys: stroke(keys[1], "part", part=1)),
            (
                second,
                lambda keys: {"kind": "split_by_line", "person": keys[0], "points": [[0, 50], [128, 50]]},
            ),
            (second, lambda keys: {"kind": "merge", "people": [keys[-1], keys[0]]}),
            (first, lambda keys: {"kind": "delete", "person": keys[1]}),
            (third, lambda keys: stroke(keys[0], "mask")),
            (third, lambda keys: {"kind": "swap_sides", "person": keys[0]}),
        ]
        do_all(self.review(), edits, acknowledge, before)


def stroke(key: str, layer: str, **values: Any) -> dict:
    points = [[75, 40], [100, 44], [104, 60]]
    return {"kind": "paint", "person": key, "layer": layer, "points": points, "radius": 5, **values}


def do_all(
    review: Review, edits: list[tuple[str, Callable]], acknowledge: Acknowledge, before: list[Any]
) -> None:
    """Make edits one after another, each on what the answer to the one before said. A panel that was not answered goes on
    with what it has shown last, which it acknowledges."""
    if not before:
        opened = {sample: review.open(sample)["people"] for sample, _ in edits}
        before = [{sample: {p["key"]: p["version"] for p in people} for sample, people in opened.items()}]
        acknowledge(before[0])
    shown = before[-1]
    for number, (sample, make) in list(enumerate(edits))[len(before) - 1 :]:
        versions = shown[sample]
        wanted = make(list(versions))
        named = {key: versions[key] for key in wanted.get("people") or [wanted["person"]]}
        answer = checked(review.edit(sample, wanted, named, request_id(100 + number)))
        versions |= {person["key"]: person["version"] for person in answer["people"]}
        shown = shown | {sample: {key: versions[key] for key in answer["order"]}}
        acknowledge(shown)


class Undo(Operation):
    """Two edits are undone, and one of them is redone."""

    def prepare(self) -> None:
        review, (first, second, _) = self.review(), self.samples()
        tokens = [
            edit(review, first, 10, lambda keys: {"kind": "delete", "person": keys[0]})["undo"],
            edit(review, second, 11, lambda keys: stroke(keys[0], "mask"))["undo"],
        ]
        (self.folder / "tokens.json").write_text(json.dumps(tokens))

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        review, (first, second, _) = self.review(), self.samples()
        tokens = json.loads((self.folder / "tokens.json").read_text())
        redo = ""
        for number, (sample, token) in enumerate(zip((first, second), tokens, strict=True), 200):
            redo = checked(review.restore(sample, token, {}, request_id(number)))["undo"]
            acknowledge(redo)
        acknowledge(checked(review.restore(second, redo, {}, request_id(300)))["undo"])


class ApproveBelow(Operation):
    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        from annotator.dataset.fields import Fields

        folder = maps_folder(self.dataset, "dp", self.maps)
        for count in approve_below(self.dataset, Fields(), 1.0, "Ada", folder, APPROVAL):
            acknowledge(count)


class TakeBack(ApproveBelow):
    def prepare(self) -> None:
        ApproveBelow.run(self, lambda value: None, [])

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        from annotator.dataset.fields import Fields

        folder = maps_folder(self.dataset, "dp", self.maps)
        for count in take_back(self.dataset, Fields(), folder, APPROVAL):
            acknowledge(count)


class Tidy(Operation):
    def prepare(self) -> None:
        old = time.time() - (SPARED_HOURS + 1) * 3600
        for path in self.maps.rglob("*"):
            os.utime(path, (old, old))

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        told = io.BytesIO()
        with redirect_stderr(io.TextIOWrapper(told, write_through=True)):
            status = main(["tidy", NAME, "--maps-dir", str(self.maps)])
        if status:
            raise RuntimeError(told.getvalue().decode().rstrip("\n"))


class WriteCorrections(Operation):
    def prepare(self) -> None:
        for number, sample in enumerate(self.samples(), 20):
            edit(self.review(), sample, number, lambda keys: nose(keys[-1], 60))

    def run(self, acknowledge: Acknowledge, before: list[Any]) -> None:
        out = self.folder / "corrections"
        if not out.exists():
            write_corrections(self.dataset, out)


OPERATIONS = {
    "annotate a folder": AnnotateFolder,
    "annotate a dataset": AnnotateDataset,
    "label again": Relabel,
    "export": ExportFile,
    "import into a new dataset": ImportNew,
    "import over reviewed people": ImportOver,
    "approve": Approve,
    "edit": Edit,
    "undo and redo": Undo,
    "approve the rest": ApproveBelow,
    "take an approval back": TakeBack,
    "tidy": Tidy,
    "write corrections": WriteCorrections,
}


def prepare_reviewed(folder: Path, _: Acknowledge) -> None:
    """A dataset of three photos with labels: of six people one was approved, one edited, one added, one deleted by hand."""
    import fiftyone as fo

    base = Operation(folder)
    folder.mkdir()
    onnx.save(tiny_model_proto(), base.model)
    scenes = {"a": [LEFT, RIGHT], "b": [MIDDLE, RIGHT], "c": [RIGHT, LEFT]}
    add_photos(fo.Dataset(NAME, persistent=True), [base.draw(*scene) for scene in scenes.items()])
    base.annotation().run()
    review, (first, second, third) = base.review(), base.samples()
    edit(review, first, 0, lambda keys: {"kind": "decide", "person": keys[0], "state": "approved"})
    edit(review, second, 1, lambda keys: nose(keys[0], 30))
    edit(review, third, 2, lambda keys: {"kind": "add_empty", "box": [100, 70, 20, 20]})
    edit(review, third, 3, lambda keys: {"kind": "delete", "person": keys[0]})


def prepare(name: str, folder: Path, _: Acknowledge) -> None:
    """Make the state before an operation from that of :func:`prepare_reviewed`."""
    OPERATIONS[name](folder).prepare()


def run(name: str, folder: Path, before: list[Any], acknowledge: Acknowledge) -> None:
    """Do an operation; ``before`` is what it acknowledged until it was killed."""
    people_writing.AT_ONCE = 2  # of three photos
    OPERATIONS[name](folder).run(acknowledge, before)
