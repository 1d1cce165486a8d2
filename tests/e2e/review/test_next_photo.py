"""Two annotators are given photos by the hundred: none is given to both, and whoever reviews is given all that is left."""

import time

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People, Person
from annotator.team.fields import TeamFields
from annotator.team.settings import TeamSettings, save_settings
from tests.e2e.review.panel import FIELDS, Panel
from tests.e2e.review.test_team import shown, team_panel, wait_for, work

SIZE = (64, 48)
IMAGES = 203
"""More than the panel names at once to be given one of them."""
EACH, EACH_OF_MANY = 8, 100
"""Photos that each annotator is given, in the suite and with ``--campaign``."""


@pytest.fixture
def samples(dataset, tmp_path) -> list:
    """Tiny photos with one person each, the first the worst."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    mask = np.ones((40, 20), bool)
    samples = [fo.Sample(filepath=str(tmp_path / f"photo{number:03}.png")) for number in range(IMAGES)]
    for number, sample in enumerate(samples):
        cv2.imwrite(sample.filepath, np.full((*SIZE[::-1], 3), number, np.uint8))
    dataset.add_samples(samples)
    for number, sample in enumerate(samples):
        person = Person((20, 4, 20, 40), mask, score=0.9, issues={"mask_border": 0.9 - 0.004 * number})
        replace_predictions(sample, People(SIZE, [person]), FIELDS, tmp_path / "maps")
        sample.save()
    return samples


def send(panel: Panel) -> None:
    """Send the photo to review as soon as the panel knows its stage; nobody waits for the next one."""
    button = panel["team"].get_by_role("button", name="Send to review")
    expect(button).to_be_enabled()
    button.click()


def test_no_photo_is_given_twice_and_none_is_kept_back(dataset, samples, url, new_page, campaign):
    save_settings(dataset, TeamSettings(team=True))
    panels = [team_panel(new_page, url, samples, name) for name in ("Ada", "Bob")]
    count = EACH_OF_MANY if campaign else EACH
    given = [[samples[0].id], [samples[1].id]]
    for panel, (sample,) in zip(panels, given, strict=True):
        wait_for(panel, sample)  # Bob has looked at Ada's before he gave his name
    start = time.monotonic()
    for number in range(count - 1):
        # In turn, then at the same time.
        is_together = number >= count // 2
        for group in [(0, 1)] if is_together else [(0,), (1,)]:
            for i in group:
                send(panels[i])
            for i in group:
                expect(panels[i]["canvas"]).not_to_have_attribute("data-sample", given[i][-1])
                given[i].append(shown(panels[i]))
    print(f"{2 * count} photos in {time.monotonic() - start:.0f} s")
    # Each once, the worst first.
    assert sorted([*given[0], *given[1]]) == sorted(sample.id for sample in samples[: 2 * count])

    # All wait to be reviewed, and Ada has labelled more of them than are asked for at once; one waits to be labelled.
    names = TeamFields(FIELDS)
    photos = dataset._sample_collection
    photos.update_many({}, {"$set": {names.stage: "review", names.work: {"annotators": ["Ada"]}}})
    to_label, *_, first, second = samples
    others = {"_id": {"$in": [sample._id for sample in (first, second)]}}
    photos.update_many(others, {"$set": {f"{names.work}.annotators": ["Bob"]}})
    photos.update_one({"_id": to_label._id}, {"$set": {names.stage: "label", f"{names.work}.annotators": []}})
    photos.update_many({}, {"$currentDate": {"last_modified_at": True}})  # as FiftyOne does whenever it saves
    ada = panels[0]
    to_review = ada["work-filters"].get_by_role("button", name="to review")
    to_review.click()
    expect(to_review).to_have_text("to review 2")
    ada.press("Shift+N")
    wait_for(ada, first.id)
    to_review.click()
    expect(ada["queue"].get_by_text(f"{IMAGES} images", exact=True)).to_be_visible()
    done = ada["team"].get_by_role("button", name="Done")
    done.click()
    wait_for(ada, second.id)
    expect(done).to_be_enabled()
    done.click()
    wait_for(ada, to_label.id)
    expect(ada["message"]).to_contain_text(
        "Done. Nothing is left for you to review: this one is to be labelled."
    )
    assert [work(dataset, sample.id)["stage"] for sample in (first, second)] == ["done", "done"]
