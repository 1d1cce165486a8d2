"""Possible people: boxes that one key turns into labelled people, or dismisses."""

import shutil
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.examples import EXAMPLES
from annotator.geometry.boxes import box_iou
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import Settings
from annotator.labels.people import People, PossiblePerson
from tests.e2e.review.panel import FIELDS, MINUTE, Panel

NOBODY = (2.0, 2.0, 60.0, 90.0)
"""A box in a corner."""
PHOTO = EXAMPLES / "hall.jpg"


@pytest.fixture(scope="module")
def everybody() -> People:
    """The people whom the network finds on the photo, the largest first."""
    (annotated,) = annotate([PHOTO], Network(DEFAULT_MODEL), Settings())
    people = sorted(annotated.people.people, key=lambda person: -person.mask.sum())
    assert len(people) > 1
    return replace(annotated.people, people=people)


def predict(sample, people: People, folder) -> None:
    replace_predictions(sample, people, FIELDS, folder)
    sample.save()


@pytest.fixture
def lacking(everybody) -> People:
    """Without the largest person, who is possible, and with a possible person who is nobody."""
    missing, *others = everybody.people
    possible = [PossiblePerson(tuple(map(float, missing.box)), 0.62), PossiblePerson(NOBODY, 0.21)]
    return replace(everybody, people=others[:1], possible=possible)


@pytest.fixture
def samples(dataset, tmp_path, lacking) -> list:
    """Three times the same photo: with people and possible people, with possible people only, with people only."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    scenes = [lacking, replace(lacking, people=[]), replace(lacking, possible=[])]
    for number, people in enumerate(scenes):
        path = tmp_path / f"photo{number}.jpg"
        shutil.copy(PHOTO, path)
        dataset.add_sample(fo.Sample(filepath=str(path)))
        predict(dataset.last(), people, tmp_path / "maps")
    return list(dataset)


def selected(panel: Panel):
    return panel.page.locator("[data-testid=dp-people] .dp-on[data-key]")


def test_a_possible_person_becomes_a_labelled_one_by_one_key(panel, lacking, tmp_path):
    missing = lacking.possible[0].box
    expect(panel["possible-count"]).to_have_text("Perhaps 2 more people here")
    expect(panel["possible"]).to_have_count(2)
    expect(panel["item"].filter(has_text="photo0.")).to_contain_text("1/1 +2?")
    x, y, w, h = missing
    panel.click(x + w / 2, y + h / 2)
    expect(selected(panel)).to_contain_text("62 %")
    panel.page.screenshot(path=tmp_path / "selected.png")
    panel.press("a")
    expect(panel["person"]).to_have_count(2, timeout=MINUTE)
    expect(panel["possible"]).to_have_count(1)
    other, added = panel.people()
    assert box_iou(added.box, missing) > 0.5
    assert (added.provenance.state, added.provenance.author) == ("edited", "Ada")
    assert added.mask.any()
    assert added.charts.any()
    # Who was labelled is selected, to be looked at and approved.
    expect(selected(panel)).to_have_attribute("data-state", "edited")
    panel.page.screenshot(path=tmp_path / "labelled.png")

    panel.press("Control+z")
    expect(panel["possible"]).to_have_count(2)
    expect(selected(panel)).to_contain_text("62 %")
    assert [person.box for person in panel.people()] == [other.box]
    panel.press("Control+Shift+Z")
    expect(panel["possible"]).to_have_count(1)
    assert [person.box for person in panel.people()] == [other.box, added.box]


def test_who_was_dismissed_stays_so(panel, lacking, tmp_path):
    # Two keys to the possible people, from the only person.
    panel.press(".", ".")
    expect(selected(panel)).to_contain_text("21 %")
    panel.press("r")
    expect(panel["possible"]).to_have_count(1)
    expect(selected(panel)).to_contain_text("62 %")
    panel.saved()
    panel.page.reload()
    panel.open("")
    panel.show(0)
    expect(panel["possible"]).to_have_count(1)
    # Nor does a new prediction bring it back.
    sample = panel.samples[0]
    sample.reload(hard=True)
    predict(sample, lacking, tmp_path / "maps")
    panel.show(2)
    panel.show(0)
    expect(panel["possible"]).to_have_count(1)
    # After a reload, too, it can be taken back.
    panel.press("Control+z")
    expect(panel["possible"]).to_have_count(2)


def test_an_image_is_open_until_its_possible_people_are_decided(panel):
    expect(panel["done"]).to_have_text("0 of 3 images done")
    panel.press("a")  # the only person; a possible one is next
    expect(selected(panel)).to_contain_text("62 %")
    panel.saved()
    panel.show(1)
    panel.show(0)
    expect(panel["item"].filter(has_text="photo0.")).to_contain_text("+2?")
    panel.press("Shift+A")
    panel.page.wait_for_function(
        "photo => document.querySelector('[data-testid=dp-canvas]').dataset.sample !== photo",
        arg=str(panel.samples[0].id),
    )
    assert [person.provenance.state for person in panel.people()] == ["approved"]
    panel.show(0)
    expect(panel["possible"]).to_have_count(0)
    expect(panel["item"].filter(has_text="photo0.")).to_contain_text("✓")
    panel.press("Control+z")
    expect(panel["possible"]).to_have_count(2)


def test_nobody_is_here_dismisses_all(panel, tmp_path):
    panel.show(1)
    expect(selected(panel)).to_contain_text("62 %")
    panel.page.screenshot(path=tmp_path / "nobody.png")
    panel.push("Nobody is here")
    panel.saved()
    panel.show(1)
    expect(panel["possible"]).to_have_count(0)
    panel.press("o")
    expect(panel["possible"]).to_have_count(2)
    # One after the other, and then nobody is left to decide about.
    panel.press("r", "r")
    expect(panel["possible"]).to_have_count(0)
    expect(panel["item"].filter(has_text="photo1.")).to_contain_text("nobody?", timeout=MINUTE)
    panel.wait_for_image(1)


def test_of_two_reviewers_the_second_is_told(panel, new_page):
    other = Panel(new_page(), panel.url, panel.samples)
    other.open("Bob")
    other.show(0)
    for each in (panel, other):
        each.press(".")
        expect(selected(each)).to_contain_text("62 %")
    other.press("r")
    other.saved()
    panel.press("a")
    expect(panel["conflict"]).to_contain_text("somebody has decided about that possible person meanwhile")
    expect(panel["possible"]).to_have_count(1)
    assert len(panel.people()) == 1
