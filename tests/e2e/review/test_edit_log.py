"""What the log of edits has of a review in the browser: the tool, and seconds that were worked."""

from annotator.team import edit_log


def entries(samples) -> list[dict]:
    found = edit_log.collection().find({"dataset": samples[0]._dataset._doc.id})
    return list(found.sort([("time", 1), ("_id", 1)]))


def wait_for(panel, kind: str) -> dict:
    for _ in range(600):
        if found := [entry for entry in entries(panel.samples) if entry["kind"] == kind]:
            return found[-1]
        panel.page.wait_for_timeout(200)
    raise AssertionError(f"no {kind}: {[entry['kind'] for entry in entries(panel.samples)]}")


def test_edits_are_logged_with_their_tool_and_time(panel, samples):
    page = panel.page
    panel["canvas"].hover()
    page.keyboard.press("k")
    page.mouse.move(*panel.at(120, 120))
    page.wait_for_timeout(2500)
    (key,) = [person.id for person in samples[0]["dp_people"].detections[:1]]
    page.mouse.move(*panel.at(*nose_of(samples[0])))
    page.mouse.down()
    page.mouse.move(*panel.at(140, 110), steps=4)
    page.mouse.up()
    moved = wait_for(panel, "set_keypoint")
    assert (moved["author"], moved["tool"], moved["targets"], moved["corrects"]) == (
        "Ada",
        "keypoints",
        ["nose"],
        1,
    )
    assert moved["person"] in {key, samples[0]["dp_people"].detections[1].id}
    assert 2.4 <= moved["seconds"] < 120
    page.keyboard.press("Control+z")
    undone = wait_for(panel, "undo")
    assert (undone["person"], undone["corrects"], undone["tool"]) == (moved["person"], -1, "")
    assert undone["seconds"] < 120
    # Looked at, and left without an edit.
    panel.show(1)
    page.mouse.move(*panel.at(200, 200))
    page.wait_for_timeout(1500)
    panel.show(0)
    seen = wait_for(panel, "view")
    assert seen["sample"] == str(samples[1].id)
    assert seen["seconds"] >= 1
    page.keyboard.press("a")
    approved = wait_for(panel, "approve")
    assert (approved["done"], approved["tool"], approved["state"]) == (1, "", "predicted")


def nose_of(sample) -> tuple[float, float]:
    (x, y), *_ = sample["dp_keypoints"].keypoints[0].points
    width, height = 900, 600
    return x * width, y * height
