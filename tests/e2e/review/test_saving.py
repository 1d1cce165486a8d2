"""Two who edit the same person, edits that wait, servers that go away: nothing is lost."""

import numpy as np
import pytest
from playwright.sync_api import expect

from annotator.review.session import Review
from tests.e2e.conftest import app_server, free_port
from tests.e2e.review.panel import MINUTE, Panel, assert_exported, assert_same, edits_held, in_conflict


def test_two_browsers(panel, new_page, dataset, tmp_path):
    second = panel.people()[1]
    other, nose = in_conflict(panel, new_page)
    assert "Ada changed person 1 meanwhile" in other["conflict"].inner_text()
    ada = panel.people()[0]
    assert ada.keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)
    assert ada.provenance.author == "Ada"
    other.page.get_by_role("button", name="Do mine on top").click()
    bob = other.people()[0]
    assert bob.keypoints[0, 0] == pytest.approx(nose[0] - 20, abs=2)
    assert bob.provenance.author == "Bob"
    # Of another person Ada's panel is not behind.
    panel.press("q")
    at = second.keypoints[0, :2]
    panel.click(at[0], at[1] + 30)
    panel.press("k")
    panel.drag(tuple(at), (at[0], at[1] + 15))
    people = panel.people()
    assert not panel["conflict"].count()
    assert_same(people[:1], [bob])
    assert people[1].keypoints[0, :2] == pytest.approx((at[0], at[1] + 15), abs=2)
    assert [person.provenance.author for person in people] == ["Bob", "Ada"]
    assert_exported(panel, dataset, tmp_path / "labels.json")


def test_an_edit_of_somebody_who_was_deleted_is_told(panel, new_page):
    other = Panel(new_page(), panel.url, panel.samples)
    other.open("Bob")
    for one in (panel, other):
        one.show(0)
        one.click(120 + 100, 80 + 150)
    other.press("Delete")
    other.saved()
    panel.press("Shift+S")
    panel["conflict"].get_by_text("somebody has deleted that person").wait_for()
    assert not panel["conflict"].get_by_role("button", name="Do mine on top").count()
    panel.push("Dismiss")
    assert not panel["conflict"].count()
    assert len(panel.people()) == 1


def test_a_killed_server_loses_nothing(dataset, samples, page):
    port = free_port()
    panel = Panel(page, f"http://127.0.0.1:{port}/datasets/{dataset.name}", samples)
    with app_server(port):
        panel.open("Ada")
        panel.show(0)
        nose = panel.people()[0].keypoints[0, :2]
        panel.click(nose[0], nose[1] + 30)
        panel.press("k")
        # The App leaves the page as soon as it misses its server: first only the panel does not reach it.
        page.route("**/operators/execute", lambda route: route.abort())
        panel.drag(tuple(nose), (nose[0] + 20, nose[1]))
        panel["saving"].get_by_text("not saved yet").wait_for(timeout=MINUTE)
    page.get_by_text("you are not connected to a session").wait_for(timeout=MINUTE)
    page.unroute("**/operators/execute")
    with app_server(port):
        panel.open("")
        panel.show(0)
        assert panel.people()[0].keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)


def test_edits_behind_a_conflict_share_its_fate(panel, new_page):
    other = Panel(new_page(), panel.url, panel.samples)
    other.open("Bob")
    other.show(0)
    nose, shoulder = panel.people()[0].keypoints[[0, 5], :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    panel.drag(tuple(nose), (nose[0] + 20, nose[1]))
    panel.saved()
    other.page.route("**/operators/execute", lambda route: route.abort())
    other.click(nose[0], nose[1] + 30)
    other.press("k")
    other.drag(tuple(nose), (nose[0] - 20, nose[1]))
    other.drag(tuple(shoulder), (shoulder[0], shoulder[1] + 15))
    other["saving"].get_by_text("not saved yet").wait_for(timeout=MINUTE)
    other.page.unroute("**/operators/execute")
    other["conflict"].wait_for(timeout=MINUTE)
    other.saved()
    person = panel.people()[0]
    assert person.keypoints[5, 1] == pytest.approx(shoulder[1], abs=0.5)
    assert person.keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)
    other.page.get_by_role("button", name="Do mine on top").click()
    person = other.people()[0]
    assert person.keypoints[5, 1] == pytest.approx(shoulder[1] + 15, abs=2)
    assert person.keypoints[0, 0] == pytest.approx(nose[0] - 20, abs=2)


def test_an_edit_whose_answer_is_lost_is_done_once(panel):
    first = panel.people()[0]
    x, y, w, h = first.box
    panel.click(x + w / 2, y + 0.3 * h)
    lost = []

    def lose_answer(route):
        answer = route.fetch()
        if "review_edit" in (route.request.post_data or "") and not lost:
            lost.append(answer)
            route.abort()
        else:
            route.fulfill(response=answer)

    panel.page.route("**/operators/execute", lose_answer)
    panel.press("x")
    panel.drag((x - 10, y + h / 2), (x + w + 10, y + h / 2))
    assert len(panel.people()) == 3
    assert len(lost) == 1
    panel.press("Control+z")
    (restored, _) = panel.people()
    np.testing.assert_array_equal(restored.mask, first.mask)


def test_an_edit_that_waits_can_be_undone_by_mouse(panel):
    nose = panel.people()[0].keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    panel.page.route("**/operators/execute", lambda route: route.abort())
    undo, redo = (panel["review"].get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    assert undo.is_disabled()
    panel.drag(tuple(nose), (nose[0] + 20, nose[1]))
    undo.click()
    redo.click()
    undo.click()
    panel.page.unroute("**/operators/execute")
    assert panel.people()[0].keypoints[0, 0] == pytest.approx(nose[0], abs=0.1)
    assert redo.is_enabled()


def test_leaving_is_asked_about_while_an_edit_waits(panel):
    nose = panel.people()[0].keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    panel.page.route("**/operators/execute", lambda route: route.abort())
    panel.drag(tuple(nose), (nose[0] + 20, nose[1]))
    panel["saving"].get_by_text("not saved yet").wait_for(timeout=MINUTE)
    asked = []

    def leave(dialog):
        asked.append(dialog.type)
        dialog.accept()

    panel.page.once("dialog", leave)
    panel.page.reload()
    assert asked == ["beforeunload"]
    panel.page.unroute("**/operators/execute")
    panel.open("")
    assert panel.people()[0].keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)
    panel.page.reload()  # nothing waits, nothing is asked


def test_a_conflict_is_there_after_a_reload(panel, new_page):
    shoulder = panel.people()[0].keypoints[5, :2]
    other, nose = in_conflict(panel, new_page)
    other["conflict"].wait_for(timeout=MINUTE)
    other.page.once("dialog", lambda dialog: dialog.accept())
    other.page.reload()
    other.open("")
    other.show(0)
    assert "Ada changed" in other["conflict"].inner_text()
    other.page.get_by_role("button", name="Keep theirs").click()
    # Theirs is what can be taken hold of now.
    other.click(nose[0], nose[1] + 30)
    other.press("k")
    other.drag((nose[0] + 20, nose[1]), (nose[0] + 20, nose[1] + 15))
    other.drag(tuple(shoulder), (shoulder[0], shoulder[1] + 15))
    person = other.people()[0]
    assert person.keypoints[0, :2] == pytest.approx((nose[0] + 20, nose[1] + 15), abs=2)
    assert person.keypoints[5, 1] == pytest.approx(shoulder[1] + 15, abs=2)


def test_what_is_refused_is_told_and_what_may_pass_is_tried_again(panel):
    answers = [{"error": "that cannot be"}, {"unavailable": "The database does not answer."}]
    nose = panel.people()[0].keypoints[0, :2]

    def answer(route):
        if "review_edit" in (route.request.post_data or "") and answers:
            route.fulfill(json={"result": answers.pop(0)})
        else:
            route.continue_()

    panel.page.route("**/operators/execute", answer)
    panel.click(nose[0], nose[1] + 30)
    panel.press("Delete")
    expect(panel["refusal"]).to_contain_text("photo0.png: not saved: that cannot be")
    expect(panel["person"]).to_have_count(2)
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    panel.drag(tuple(nose), (nose[0] + 20, nose[1]))
    panel["saving"].get_by_text("not saved yet").wait_for(timeout=MINUTE)
    assert panel.people()[0].keypoints[0, 0] == pytest.approx(nose[0] + 20, abs=2)
    panel.show(1)
    panel.push("Dismiss")
    expect(panel["refusal"]).to_have_count(0)


def test_undo_never_takes_back_what_was_done_before(panel):
    """An undo that waits behind an edit is of that edit, and of nothing if that edit is refused."""
    first = panel.people()[0]
    nose = first.keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("Shift+S")
    (swapped, _) = panel.people()
    assert (swapped.charts != first.charts).any()
    with edits_held(panel):
        panel.press("x")
        panel.drag((10, 10), (20, 500))  # cuts nobody
        panel.press("Control+z")
    expect(panel["refusal"]).to_contain_text("not saved")
    assert_same(panel.people()[:1], [swapped])
    with edits_held(panel):
        panel.press("Shift+F", "Control+z")
    assert_same(panel.people()[:1], [swapped])
    panel.press("Control+z")
    assert_same(panel.people()[:1], [first])
    # Approving nobody is nothing that could be undone.
    panel.press("Shift+A")
    panel.wait_for_image(2)
    panel.show(0)
    panel.press("Shift+A")
    panel.wait_for_image(2)
    panel.press("Control+z")
    panel["message"].get_by_text("There is nothing to undo.").wait_for()
    assert [person.provenance.state for person in panel.people()] == ["approved", "approved"]


def test_after_theirs_was_kept_undo_goes_on_before_it(panel, dataset, tmp_path):
    first, second = panel.people()
    for at in (second.keypoints[0], first.keypoints[0]):
        panel.click(at[0], at[1] + 30)
        panel.press("Shift+S")
    keys = [label.id for label in panel.samples[0].dp_people.detections]
    panel.saved()
    bob = Review(dataset, author="Bob", maps_dir=tmp_path / "maps")
    bob.edit(panel.samples[0].id, {"kind": "decide", "person": keys[0], "state": "rejected"}, {})
    panel.press("Control+z")
    panel.push("Keep theirs")
    panel.press("Control+z")
    now = panel.people()
    assert now[0].provenance.state == "rejected"
    assert_same(now[1:], [second])
