"""What colours say: the drawing of the body has those of the photo, and a person who was swapped is seen before and after."""

import numpy as np
from playwright.sync_api import expect

from annotator.labels.label_space import CHART_COLOURS, PART_COLOURS
from tests.e2e.review.panel import Panel, assert_same


def body_colour(panel: Panel, across: float, down: float) -> list[int]:
    """The colour most frequent in a square of the drawing of the body, at a share of its width and height."""
    pixels = panel["body"].evaluate(
        """(canvas, [across, down]) => [...canvas.getContext("2d").getImageData(
            across * canvas.width - 12, down * canvas.height - 12, 24, 24).data]""",
        [across, down],
    )
    colours, counts = np.unique(np.reshape(pixels, (-1, 4))[:, :3], axis=0, return_counts=True)
    return colours[counts.argmax()].tolist()


FRONT, BACK = (0.25, 0.35), (0.75, 0.35)


def test_the_body_and_the_legend_follow_the_overlay(panel):
    # Front and back differ unless something else is asked for.
    expect(panel["fill"]).to_have_value("charts")
    expect(panel["legend"]).to_contain_text("stripes: back")
    assert body_colour(panel, *FRONT) == CHART_COLOURS[2].tolist()
    assert body_colour(panel, *BACK) == CHART_COLOURS[1].tolist()
    panel["fill"].select_option("parts")
    expect(panel["legend"]).to_contain_text("front and back look alike")
    assert body_colour(panel, *FRONT) == body_colour(panel, *BACK) == PART_COLOURS[1].tolist()
    panel["legend"].get_by_text("all colours").click()
    swatches = panel["legend"].locator(".dp-swatch")
    titles = set(swatches.evaluate_all("all => all.map(swatch => swatch.title)"))
    assert {"torso", "left hand", "right upper leg", "head"} <= titles
    assert len(titles) == 14
    x, y, w, h = panel.people()[0].box
    panel.click(x + w / 2, y + 0.3 * h)
    panel["fill"].select_option("mask")
    assert body_colour(panel, *FRONT) == [0xFF, 0x9F, 0x1C]  # the first person's
    for fill in ("texture", "u", "v", "none"):
        panel["fill"].select_option(fill)
        expect(panel["legend"]).to_have_attribute("data-fill", fill)
    assert body_colour(panel, *FRONT) == body_colour(panel, *BACK) != [0, 0, 0]


def test_a_swap_is_seen_before_and_after_and_is_undone_by_one_click(panel):
    first, second = panel.people()
    x, y, w, h = first.box
    panel.click(x + w / 2, y + 0.3 * h)
    panel["fill"].select_option("parts")
    panel.push("Front ↔ back")
    comparison = panel["comparison"]
    captions = comparison.locator("figcaption")
    expect(captions).to_have_count(2)
    expect(captions.nth(0)).to_have_text("beforefront, left side at the right")
    expect(captions.nth(1)).to_have_text("afterback, left side at the right")
    expect(panel["fill"]).to_have_value("charts")
    # It covers little of the person.
    card = comparison.bounding_box()
    (left, top), (right, bottom) = panel.at(x, y), panel.at(x + w, y + h)
    across = min(card["x"] + card["width"], right) - max(card["x"], left)
    down = min(card["y"] + card["height"], bottom) - max(card["y"], top)
    assert max(across, 0) * max(down, 0) < 0.25 * (right - left) * (bottom - top)
    # It stays while somebody looks around.
    panel.press("+", "0", "k")
    expect(comparison).to_be_visible()
    panel["undo-swap"].click()
    expect(comparison).to_be_hidden()
    assert_same(panel.people(), [first, second])
    panel.press("Shift+S")
    expect(captions.nth(1)).to_have_text("afterfront, left side at the left")
    panel.press("a")
    expect(comparison).to_be_hidden()
    panel.press("Control+z")
    panel.press("Control+z")
    assert_same(panel.people(), [first, second])


def test_the_large_body_never_covers_the_person(panel):
    x, y, w, h = panel.people()[0].box
    chest = x + w / 2, y + 0.3 * h
    panel.click(*chest)
    panel.press("u")

    def view() -> str:
        panel.page.wait_for_timeout(200)
        return panel["canvas"].get_attribute("data-view")

    for width, height in ((1400, 900), (900, 520), (600, 600), (420, 380)):
        style = f"position: fixed; left: 0; top: 0; z-index: 999; width: {width}px; height: {height}px"
        panel["review"].evaluate("(review, style) => review.style = style", style)
        for key in "0z":  # all of the photo, and the person as large as there is room
            panel.press(key)
            before = view()
            panel.click(*chest)
            expect(panel["hint"]).to_contain_text("Now click the place on the body")
            view()
            left, top = panel.at(x, y)
            right, bottom = panel.at(x + w, y + h)
            canvas, body = panel["canvas"].bounding_box(), panel["body"].bounding_box()
            # Of the person what is on the canvas.
            left, right = max(left, canvas["x"]), min(right, canvas["x"] + canvas["width"])
            top, bottom = max(top, canvas["y"]), min(bottom, canvas["y"] + canvas["height"])
            assert left < right
            assert top < bottom
            is_beside = body["x"] >= right - 1 or body["x"] + body["width"] <= left + 1
            is_above_or_below = body["y"] >= bottom - 1 or body["y"] + body["height"] <= top + 1
            assert is_beside or is_above_or_below, (width, height, key)
            assert body["width"] >= 150
            assert canvas["x"] <= panel.at(*chest)[0] <= canvas["x"] + canvas["width"]
            panel.press("Escape")
            assert view() == before
