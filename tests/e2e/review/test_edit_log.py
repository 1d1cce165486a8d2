"""What the log of edits has of a review in the browser: the tool, and seconds that were worked."""

from annotator.team import edit_log


def entries(samples) -> list[dict]:
    found = edit_log.collection().find({"dataset": samples[0]._dataset._doc.id})
    return list(found.sort([("time", 1), ("_id", 1)]))


def wait_for(panel, kind: str, number: int = 0) -> dict:
    sample = str(panel.samples[number].id)
    for _ in range(600):
        if found := [e for e in entries(panel.samples) if (e["kind"], e["sample"]) == (kind, sample)]:
            return found[-1]
        panel.page.wait_for_timeout(200)
    raise AssertionError(f"no {kind}: {[entry['kind'] for entry in entries(panel.samples)]}")


def test_edits_are_logged_with_their_tool_and_time(panel, samples):
    page = panel.page
    nose = panel.people()[0].keypoints[0, :2]
    panel.click(nose[0], nose[1] + 30)
    panel.press("k")
    page.wait_for_timeout(2500)
    panel.drag(tuple(nose), (nose[0] + 25, nose[1] + 12))
    moved = wait_for(panel, "set_keypoint")
    assert (moved["author"], moved["tool"], moved["targets"], moved["corrects"]) == (
        "Ada",
        "keypoints",
        ["nose"],
        1,
    )
    assert moved["person"] == samples[0]["dp_people"].detections[0].id
    assert 2.4 <= moved["seconds"] < 120
    panel.press("Control+z")
    undone = wait_for(panel, "undo")
    assert (undone["person"], undone["corrects"], undone["tool"]) == (moved["person"], -1, "")
    assert undone["seconds"] < 120
    # Looked at, and left without an edit.
    panel.show(1)
    page.mouse.move(*panel.at(200, 200))
    page.wait_for_timeout(1500)
    panel.show(0)
    assert 1 <= wait_for(panel, "view", 1)["seconds"] < 120
    panel.press("a")
    approved = wait_for(panel, "approve")
    assert (approved["done"], approved["tool"], approved["state"]) == (1, "", "predicted")
