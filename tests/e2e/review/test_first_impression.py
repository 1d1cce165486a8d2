"""What helps whoever is new: the tour, pictures in the queue, and what to do where nothing is shown."""

from playwright.sync_api import expect

from tests.e2e.review.panel import Panel

SEEN = "localStorage.getItem('densepose-tour')"


def test_the_tour_comes_once_and_again_from_help(samples, url, page):
    page.add_init_script("localStorage.removeItem('densepose-tour')")
    panel = Panel(page, url, samples)
    panel.open("Ada")
    expect(panel["tour"]).to_contain_text("1 of 5")
    assert page.evaluate(SEEN) is None
    # The panel is used meanwhile, and Escape ends the tour.
    panel.press("a")
    panel.wait_for_image(0)
    panel.push("Next")
    expect(panel["tour"]).to_contain_text("2 of 5")
    panel.press("Escape")
    expect(panel["tour"]).to_have_count(0)
    assert page.evaluate(SEEN) == "seen"
    panel.press("?")
    panel.push("Show the tour", "Next", "Next", "Back", "Next", "Next", "Next")
    expect(panel["tour"]).to_contain_text("5 of 5")
    panel.push("Start")
    expect(panel["tour"]).to_have_count(0)


def test_pictures_and_what_to_do_where_nothing_is_shown(panel):
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    expect(panel["thumbnail"]).to_have_count(3)
    assert panel["thumbnail"].evaluate_all("all => all.map(image => image.naturalWidth)") == [72, 72, 72]
    # Who is the worst of those to be decided is another one once the worst is decided.
    picture = panel["item"].filter(has_text="photo0.").locator("img")
    before = picture.get_attribute("src")
    panel.press("a")
    expect(picture).not_to_have_attribute("src", before)
    panel.press("Control+z")
    expect(picture).to_have_attribute("src", before)
    panel["queue"].get_by_role("button", name="rejected 0").click()
    expect(panel["queue"].get_by_text("Nobody matches the filters")).to_be_visible()
    expect(panel["item"]).to_have_count(0)
    panel["queue"].get_by_role("button", name="Show all images").click()
    expect(panel["item"]).to_have_count(3)
    panel.press("Shift+A")
    panel.wait_for_image(2)
    panel.press("a")
    panel.wait_for_image(1)
    panel.press("a")
    expect(panel["done"]).to_have_text("3 of 3 images done")
    panel.page.get_by_role("button", name="Queue", exact=True).click()
    expect(panel["queue"].get_by_role("button", name="Export")).to_be_visible()
