"""The whole path as a user walks it: the App's server, Chromium, real photos, the operators from the browser."""

import json
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page
from pycocotools.coco import COCO

from annotator.labels.label_space import PART_COLOURS

# One large person each, so that a weak model finds it, too.
PHOTOS = ("ccp/images/0003.jpg", "ccp/images/0005.jpg", "ccp/images/0007.jpg")
MINUTE = 60_000

READ_CANVASES = """
() => [...document.querySelectorAll('[data-cy=looker] canvas')].map(canvas => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (const value of pixels.data) text += String.fromCharCode(value);
    return [canvas.width, canvas.height, btoa(text)];
})
"""


@dataclass
class App:
    """A page with the App on a dataset."""

    page: Page
    url: str

    def open(self) -> None:
        self.page.goto(self.url)
        self.page.wait_for_selector("[data-cy=looker] canvas", timeout=2 * MINUTE)
        # The images are drawn once their canvases have got a size and no thumbnail is loading.
        self.page.wait_for_timeout(3000)

    def images(self) -> list[np.ndarray]:
        """What is drawn of each sample: (h, w, 3) uint8 RGB, in the order of the grid."""
        import base64

        return [
            np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]
            for width, height, text in self.page.evaluate(READ_CANVASES)
        ]

    def show(self, *fields: str) -> None:
        """Tick these label fields in the sidebar and no others."""
        boxes = self.page.locator("[data-cy^='checkbox-dp_']")
        boxes.first.wait_for(timeout=2 * MINUTE)
        for i in range(boxes.count()):
            box = boxes.nth(i)
            name = box.get_attribute("data-cy").removeprefix("checkbox-")
            if box.locator("input").is_checked() != (name in fields):
                box.click()
                # The App loses masks when several fields change at once.
                self.page.wait_for_timeout(1500)
        self.page.wait_for_timeout(2000)

    def form(self, operator: str) -> Locator:
        """Open an operator's form from the operator browser."""
        page = self.page
        search = page.locator("[data-cy=operators-browser-search]")
        form = page.locator("[data-cy=operators-prompt-modal]")
        for _ in range(30):
            # Operators are loaded some time after the page.
            page.keyboard.press("`")
            search.wait_for(timeout=MINUTE)
            search.fill(operator)
            page.wait_for_timeout(500)
            if page.get_by_text(operator, exact=True).count():
                break
            page.keyboard.press("Escape")
            search.wait_for(state="detached")
            page.wait_for_timeout(1000)
        page.keyboard.press("Enter")
        form.get_by_role("button", name="Execute").wait_for(timeout=MINUTE)
        return form

    def run(self, operator: str, values: dict[str, str], choices: tuple[str, ...] = ()) -> dict[str, int]:
        """Fill in an operator's form, execute it and return the numbers of its result."""
        form = self.form(operator)
        for label, value in values.items():
            field(form, label).fill(value)
        for choice in choices:
            form.get_by_text(choice, exact=True).click()
        self.page.wait_for_timeout(1500)
        form.get_by_role("button", name="Execute").click()
        form.wait_for(state="detached")
        result = self.result(operator)
        # The panel takes half of the grid.
        self.page.get_by_role("button", name="Dismiss").click()
        self.close_panel("Runs")
        self.page.wait_for_timeout(3000)
        return result

    def result(self, operator: str) -> dict[str, int]:
        """The numbers of the result that the panel *Runs* shows once the run is done."""
        done = self.page.get_by_text(f"{operator}, done at")
        done.wait_for(timeout=3 * MINUTE)
        text = done.locator("xpath=ancestor::*[.//button[contains(., 'Dismiss')]][1]").inner_text()
        people, photos = re.search(r"(\d+) p\w+ on (\d+) photo", text).groups()
        alone = re.search(r"Photos left alone: (\d+)", text)
        return {
            "People": int(people),
            "Photos": int(photos),
            "Photos left alone": int(alone[1]) if alone else 0,
        }

    def close_panel(self, label: str) -> None:
        tab = self.page.locator("[data-cy^=panel-tab-]", has_text=label)
        tab.get_by_role("button").last.click()
        tab.wait_for(state="detached")


def field(form: Locator, label: str) -> Locator:
    return form.get_by_text(label, exact=True).locator("xpath=following::input[1]")


@pytest.fixture
def photos(shared, tmp_path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    return [Path(shutil.copy(shared / "data/real" / name, folder)) for name in PHOTOS]


@pytest.fixture
def app(dataset, photos, url, page, tmp_path) -> Iterator[App]:
    """What it showed last stays in the test's folder as ``last.png``."""
    import fiftyone as fo

    dataset.add_samples([fo.Sample(filepath=str(path)) for path in photos])
    app = App(page, url)
    app.open()
    yield app
    page.screenshot(path=tmp_path / "last.png")


def change_in_app(app: App, dataset, sample, label_id: str, operations: list[dict[str, Any]]) -> None:
    """What the App's own tools send when a label of ``dp_people`` was edited."""
    root = app.url.split("/datasets/")[0]
    request = urllib.request.Request(
        f"{root}/dataset/{dataset._doc.id}/sample/{sample.id}/dp_people.detections/{label_id}",
        data=json.dumps(operations).encode(),
        headers={
            "Content-Type": "application/json",
            "If-Match": f'"{sample.last_modified_at.isoformat()}"',
        },
        method="PATCH",
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def people_mask(people, size: tuple[int, int]) -> np.ndarray:
    """Where people are, on an image of ``size`` (width, height)."""
    width, height = size
    covered = np.zeros((height, width), bool)
    for person in people:
        x, y, w, h = (round(v * size[i % 2]) for i, v in enumerate(person.bounding_box))
        w, h = min(w, width - x), min(h, height - y)
        mask = cv2.resize(person.mask.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0
        covered[y : y + h, x : x + w] |= mask
    return covered


def test_photos_become_labels_in_the_app_and_a_coco_file(app, dataset, photos, tmp_path):
    bare = app.images()
    assert len(bare) == 3

    result = app.run("Annotate people", {"Confidence": "0.05"})
    assert result["Photos"] == 3
    dataset.reload()
    people = dataset.values("dp_people.detections")
    assert result["People"] == sum(map(len, people)) >= 3
    assert all(people)
    for sample in dataset:
        assert sample.dp_parts.detections
        assert len(sample.dp_keypoints.keypoints) == len(sample.dp_people.detections)
        assert Path(sample.dp_charts.mask_path).exists()
        assert Path(sample.dp_u.map_path).exists()

    assert_labels_are_drawn(app, dataset, bare)
    assert_edits_survive(app, dataset)

    # The export is what pycocotools reads.
    path = tmp_path / "labels.json"
    exported = app.run("Export labels", {"File to write": str(path)})
    coco = COCO(path)
    assert [image["file_name"] for image in coco.dataset["images"]] == [photo.name for photo in photos]
    assert len(coco.anns) == exported["People"] == len(ids(dataset))
    for annotation in coco.anns.values():
        assert coco.annToMask(annotation).sum() == annotation["area"]
        assert len(annotation["dp_masks"]) == 14
        assert len(annotation["dp_I"]) == len(annotation["dp_U"]) > 0
    states = sorted(annotation["dp_provenance"]["state"] for annotation in coco.anns.values())
    assert states.count("edited") == 1


def ids(dataset) -> set[str]:
    return {person.id for labels in dataset.values("dp_people.detections") for person in labels}


def assert_labels_are_drawn(app: App, dataset, bare: list[np.ndarray]) -> None:
    """``bare`` are the samples as they looked without labels."""
    app.show("dp_people")
    end = time.monotonic() + 2 * MINUTE / 1000
    while True:
        try:
            assert_people_are_drawn(app.images(), dataset, bare)
            break
        except AssertionError:  # a slow App is still loading
            if time.monotonic() > end:
                raise
            app.page.wait_for_timeout(1000)

    # So are parts, charts, and U and V in two scales.
    views = {}
    for name in ("dp_parts", "dp_charts", "dp_u", "dp_v"):
        app.show(name)
        views[name] = app.images()
    for one, other in ((bare, "dp_parts"), (bare, "dp_charts"), (bare, "dp_u"), (views["dp_u"], "dp_v")):
        for before, after, sample in zip(one, views[other], dataset, strict=True):
            difference = np.abs(after.astype(int) - before).max(axis=-1)
            assert (
                difference[people_mask(sample.dp_people.detections, before.shape[1::-1])] > 12
            ).mean() > 0.5, other
    assert_blended(bare, views["dp_parts"], dataset)


def assert_people_are_drawn(drawn: list[np.ndarray], dataset, bare: list[np.ndarray]) -> None:
    """Where they are, in their colours."""
    assert len(drawn) == len(bare)
    for before, after, sample in zip(bare, drawn, dataset, strict=True):
        assert after.shape == before.shape
        people, size = sample.dp_people.detections, before.shape[1::-1]
        mask = people_mask(people, size)
        inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0
        changed = np.abs(after.astype(int) - before).max(axis=-1) > 12
        assert changed[inside].mean() > 0.9
        around = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) > 0
        assert changed[~around].mean() < 0.1
        # Orange over the photo: more red than blue.
        first = people_mask([person for person in people if person.index == 1], size)
        assert (after[first].astype(int) @ [1, 0, -1]).mean() > (
            before[first].astype(int) @ [1, 0, -1]
        ).mean() + 40


def assert_edits_survive(app: App, dataset) -> None:
    """What somebody edits in the App survives the next run; the rest is replaced."""
    sample = dataset.first()
    edited = sample.dp_people.detections[0]
    x, y, w, h = edited.bounding_box
    box = [x, y, 0.9 * w, h]
    change_in_app(app, dataset, sample, edited.id, [{"op": "replace", "path": "/bounding_box", "value": box}])
    rest = ids(dataset) - {edited.id}
    app.open()
    second = app.run(
        "Annotate people", {"Confidence": "0.05"}, ("Draft", "Replace predictions that nobody reviewed")
    )
    assert second["Photos"] == 3
    sample.reload(hard=True)
    dataset.reload()
    kept = next(person for person in sample.dp_people.detections if person.id == edited.id)
    assert kept.bounding_box == box
    assert kept.review == "edited"
    np.testing.assert_array_equal(kept.mask, edited.mask)
    after = ids(dataset)
    assert edited.id in after
    assert not rest & after
    third = app.run("Annotate people", {"Confidence": "0.05"})
    assert (third["Photos"], third["Photos left alone"]) == (0, 3)
    dataset.reload()
    assert ids(dataset) == after


def assert_blended(bare: list[np.ndarray], drawn: list[np.ndarray], dataset) -> None:
    """Most pixels of the torso are the photo's, blended with the torso's colour."""
    for before, after, sample in zip(bare, drawn, dataset, strict=True):
        torsos = [part for part in sample.dp_parts.detections if part.label == "torso"]
        height, width = before.shape[:2]
        for part in torsos[:1]:
            x, y, w, h = (round(v * (width, height)[i % 2]) for i, v in enumerate(part.bounding_box))
            mask = cv2.resize(part.mask.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST)
            inside = np.s_[y : y + h, x : x + w]
            mask = cv2.erode(mask, np.ones((3, 3)))[: height - y, : width - x] > 0
            colour = PART_COLOURS[1].astype(float)
            old, new = (image[inside][mask].astype(float) for image in (before, after))
            share = ((new - old) * (colour - old)).sum() / ((colour - old) ** 2).sum()
            error = np.abs(new - (old + share * (colour - old))).max(axis=-1)
            assert 0.2 < share < 1
            assert (error < 30).mean() > 0.7


def test_a_form_says_what_is_wrong(app, tmp_path):
    form = app.form("Annotate people")
    field(form, "Field prefix").fill("My labels")
    form.get_by_text("use 1 to 40 small letters").wait_for(timeout=MINUTE)
    field(form, "Field prefix").fill("dp")
    field(form, "Model").fill(str(tmp_path / "none.onnx"))
    form.get_by_text("none.onnx: no such model file").wait_for(timeout=MINUTE)
    assert form.get_by_role("button", name="Execute").is_disabled()
    field(form, "Confidence").press("Escape")
    app.page.keyboard.press("Escape")
    form.wait_for(state="detached")
    form = app.form("Export labels")
    form.get_by_text("Annotate or import people first.").first.wait_for(timeout=MINUTE)
