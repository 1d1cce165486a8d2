"""The review panel in a page, and what the database has of what is done in it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Locator, Page
from pycocotools.coco import COCO

from annotator.dataset.fields import Fields
from annotator.dataset.sample_people import read_people
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person, Provenance
from annotator.runs.dataset_export import export_samples
from annotator.surface.body import load_body

FIELDS = Fields()


SIZE = (900, 600)


MINUTE = 60_000


def body_person(x: int, y: int, **changes) -> Person:
    """Somebody who looks like the drawing of the body, at a place."""
    view = load_body().views[0]
    charts = view[..., 0]
    rows, columns = np.flatnonzero(charts.any(axis=1)), np.flatnonzero(charts.any(axis=0))
    view = view[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    charts = np.ascontiguousarray(view[..., 0])
    h, w = charts.shape
    at = {0: (0.5, 0.08), 5: (0.61, 0.22), 6: (0.39, 0.22), 11: (0.55, 0.5), 12: (0.45, 0.5)}
    keypoints = np.zeros((17, 3), np.float32)
    for index, (across, down) in at.items():
        keypoints[index] = x + across * w, y + down * h, 0.8
    values = {
        "box": (x, y, w, h),
        "mask": charts > 0,
        "parts": CHART_TO_PART[charts],
        "charts": charts,
        "u": (view[..., 1] / 255).astype(np.float16),
        "v": (view[..., 2] / 255).astype(np.float16),
        "keypoints": keypoints,
        "visibility": (keypoints[:, 2] > 0).astype(np.uint8) * 2,
        "score": 0.9,
        "issues": {"mask_border": 0.0},
        "provenance": Provenance("lite", "2026-01-01T00:00:00+00:00"),
    }
    return Person(**(values | changes))


@dataclass
class Panel:
    """The panel in a page."""

    page: Page
    url: str
    samples: list

    def open(self, author: str) -> None:
        page = self.page
        page.goto(self.url)
        # The panels that were open before are there before the samples are.
        page.locator("[data-cy=looker]").first.wait_for(timeout=2 * MINUTE)
        if not self["canvas"].count():
            page.locator("[data-cy=new-panel-btn]").first.click()
            page.get_by_text("Review people", exact=True).first.click()
        self.wait_for_image()
        if author:
            self["author"].fill(author)

    def __getitem__(self, name: str) -> Locator:
        return self.page.locator(f"[data-testid=dp-{name}]")

    def wait_for_image(self, number: int | None = None) -> None:
        wanted = "" if number is None else str(self.samples[number].id)
        self.page.wait_for_function(
            """wanted => {
                const shown = document.querySelector('[data-testid=dp-canvas]')?.dataset.sample;
                return wanted ? shown === wanted : shown;
            }""",
            arg=wanted,
            timeout=3 * MINUTE,
        )

    def show(self, number: int) -> None:
        """Open an image from the queue."""
        if not self["queue"].is_visible():
            self.page.get_by_role("button", name="Queue", exact=True).click()
        self["item"].filter(has_text=f"photo{number}.").click()
        self.wait_for_image(number)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page an image point is."""
        box = self["canvas"].bounding_box()
        left, top, scale = map(float, self["canvas"].get_attribute("data-view").split())
        return box["x"] + left + float(x) * scale, box["y"] + top + float(y) * scale

    def click(self, x: float, y: float, **options) -> None:
        self.page.mouse.click(*self.at(x, y), **options)

    def drag(self, *points: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=6)
        mouse.up()

    def push(self, *names: str) -> None:
        """Click the buttons with these words."""
        for name in names:
            self["review"].get_by_role("button", name=name, exact=True).click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self["review"].press(key)

    def saved(self) -> None:
        """Wait until the server has all."""
        self.page.wait_for_timeout(150)
        self["saving"].get_by_text("saved", exact=True).wait_for(timeout=MINUTE)

    def people(self, number: int = 0) -> list[Person]:
        """What the database has, once everything is saved."""
        self.saved()
        sample = self.samples[number]
        sample.reload(hard=True)
        return read_people(sample, FIELDS).people


def pixel(person: Person, x: float, y: float) -> tuple[int, int]:
    return int(y) - person.box[1], int(x) - person.box[0]


def covers(person: Person, x: float, y: float) -> bool:
    row, column = pixel(person, x, y)
    h, w = person.mask.shape
    return 0 <= row < h and 0 <= column < w and bool(person.mask[row, column])


def assert_same(people: list[Person], expected: list[Person]) -> None:
    """All labels, whoever made them and when."""
    for person, other in zip(people, expected, strict=True):
        assert person.box == other.box
        for name in ("mask", "parts", "charts", "u", "v", "visibility"):
            np.testing.assert_array_equal(getattr(person, name), getattr(other, name), name)
        np.testing.assert_allclose(person.keypoints, other.keypoints, atol=0.01)


def assert_exported(panel: Panel, dataset, path) -> None:
    """A COCO file of the dataset says of the first photo's people what the database says."""
    people = panel.people()
    export_samples(dataset, path)
    coco = COCO(path)
    (image,) = (i for i in coco.dataset["images"] if i["file_name"] == "photo0.png")
    annotations = coco.imgToAnns[image["id"]]
    for annotation, person in zip(annotations, people, strict=True):
        mask = coco.annToMask(annotation) > 0
        x, y, w, h = person.box
        np.testing.assert_array_equal(mask[y : y + h, x : x + w], person.mask)
        assert mask.sum() == annotation["area"] == person.mask.sum()
        keypoints = np.array(annotation["keypoints"]).reshape(-1, 3)
        np.testing.assert_array_equal(keypoints[:, 2], person.visibility)
        there = person.visibility > 0
        np.testing.assert_allclose(keypoints[there, :2], person.keypoints[there, :2], atol=0.51)
        said = annotation["dp_provenance"]
        assert (said["state"], said["author"]) == (person.provenance.state, person.provenance.author)


def in_conflict(panel: Panel, new_page) -> tuple[Panel, np.ndarray]:
    """Bob's panel, in which he has moved the nose to the left while Ada moved it to the right; where it was."""
    other = Panel(new_page(), panel.url, panel.samples)
    other.open("Bob")
    other.show(0)
    nose = panel.people()[0].keypoints[0, :2]
    move_apart(panel, other, nose)
    return other, nose


def move_apart(first: Panel, second: Panel, nose: np.ndarray) -> None:
    """Both move a nose before the server hears of it; the first one's edit comes first."""
    # Else the second panel could show the first one's edit before it makes its own.
    with edits_held(second):
        with edits_held(first):
            for panel, shift in ((first, 20), (second, -20)):
                panel.click(nose[0], nose[1] + 30)
                panel.press("k")
                panel.drag(tuple(nose), (nose[0] + shift, nose[1]))
        first.saved()
    second.saved()


@contextmanager
def held(panel: Panel, operator: str) -> Iterator[None]:
    """The server gets the panel's calls of an operator only after the block."""
    routes, is_over = [], False

    def hold(route):
        if operator in (route.request.post_data or "") and not is_over:
            routes.append(route)
        else:
            route.continue_()

    panel.page.route("**/operators/execute", hold)
    yield
    is_over = True
    for route in routes:
        route.continue_()


def edits_held(panel: Panel) -> AbstractContextManager[None]:
    """The server gets edits only after the block."""
    return held(panel, "review_edit")
