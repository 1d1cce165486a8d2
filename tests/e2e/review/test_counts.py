"""How far the work has come is shown together with the decision, and is right whatever becomes of it."""

import json

from playwright.sync_api import expect

from tests.e2e.review.panel import MINUTE, Panel, edits_held

WATCH = """() => {
    window.seen = [];
    const text = () => [...document.querySelectorAll('[data-testid=dp-done], .dp-chip')].map(e => e.textContent).join('; ');
    const note = () => window.seen.at(-1) !== text() && window.seen.push(text());
    note();
    new MutationObserver(note).observe(document.querySelector('[data-testid=dp-queue]'),
        {subtree: true, childList: true, characterData: true});
}"""


def counts(panel: Panel) -> str:
    return panel.page.evaluate(
        "[...document.querySelectorAll('[data-testid=dp-done], .dp-chip')].map(e => e.textContent).join('; ')"
    )


def summary(done: int, predicted: int, approved: int, rejected: int = 0) -> str:
    states = f"predicted {predicted}; edited 0; approved {approved}; rejected {rejected}"
    return f"{done} of 3 images done; {states}; left and right swapped 1"


def test_counts_change_with_the_decision_and_never_flicker(panel):
    page = panel.page
    page.evaluate(WATCH)
    assert counts(panel) == summary(0, 3, 0)
    with edits_held(panel):
        # The server knows of nothing yet.
        panel.press("a")
        assert counts(panel) == summary(0, 2, 1)
        panel.press("a")
        panel.wait_for_image(2)
        assert counts(panel) == summary(1, 1, 2)
    panel.saved()
    page.wait_for_timeout(3000)  # the queue was asked for anew
    panel.press("a")  # that nobody is there
    panel.wait_for_image(1)
    assert counts(panel) == summary(2, 1, 2)
    panel.saved()
    panel.press("Control+z")
    panel.wait_for_image(2)
    panel.saved()
    panel.show(0)
    panel.press("Control+z")
    panel.saved()
    expect(panel["done"]).to_have_text("0 of 3 images done")
    page.wait_for_timeout(3000)
    steps = [(0, 3, 0), (0, 2, 1), (1, 1, 2), (2, 1, 2), (1, 1, 2), (0, 2, 1)]
    assert page.evaluate("window.seen") == [summary(*step) for step in steps]


def test_counts_after_what_was_not_saved(panel, new_page):
    def refuse(route):
        if "review_edit" in (route.request.post_data or ""):
            route.fulfill(
                body=json.dumps({"result": {"error": "it cannot be"}}), content_type="application/json"
            )
        else:
            route.continue_()

    page = panel.page
    page.route("**/operators/execute", refuse)
    panel.press("Shift+A")
    panel.wait_for_image(2)
    panel["refusal"].get_by_text("it cannot be").wait_for(timeout=MINUTE)
    expect(panel["done"]).to_have_text("0 of 3 images done")
    assert counts(panel) == summary(0, 3, 0)
    page.unroute("**/operators/execute", refuse)
    # Somebody else has decided meanwhile, about people of an image that is not open any more.
    other = Panel(new_page(), panel.url, panel.samples)
    other.open("Bob")
    other.show(1)
    panel.show(1)
    with edits_held(panel):
        panel.press("a")
        panel.wait_for_image(0)
        assert "approved 1" in counts(panel)
        other.press("r")
        other.wait_for_image(0)
        assert [person.provenance.state for person in other.people(1)] == ["rejected"]
    panel["conflict"].wait_for(timeout=MINUTE)
    expect(panel["done"]).to_have_text("1 of 3 images done")
    expect(panel["queue"].locator(".dp-chip")).to_have_text(
        ["predicted 2", "edited 0", "approved 0", "rejected 1", "left and right swapped 1"]
    )
