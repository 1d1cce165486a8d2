"""A photo's way through a team: labelled, reviewed, done or handed back; what else changes its stage, and what does not."""

import cv2
import numpy as np
import pytest

from annotator.review.approvals import approve_below, take_back
from annotator.review.queue import Filter, queue
from annotator.review.session import Review
from annotator.runs.dataset_annotation import annotate_samples
from annotator.runs.dataset_export import export_samples
from annotator.runs.dataset_import import import_labels
from annotator.team.assignments import take, take_next
from annotator.team.listing import photo_work
from annotator.team.names import find_names, forget_name
from annotator.team.settings import TeamError, TeamSettings, save_settings
from annotator.team.stages import change_stage
from tests.annotator.people_samples import SIZE
from tests.annotator.team.team_photos import FIELDS, listed


def stages(dataset) -> list[str | None]:
    dataset.reload()
    return dataset.values("dp_stage")


def history(dataset, key: str) -> list[tuple]:
    return [(e["author"], e["action"], e["comment"]) for e in photo_work(dataset, FIELDS, key)["history"]]


def test_a_photo_goes_to_the_reviewer_and_back_and_who_did_what_is_kept(team):
    key = take_next(team, FIELDS, "Ada", listed(team))
    for action, author, comment in (
        ("send", "Ada", ""),
        ("hand_back", "Bob", "the left hand"),
        ("send", "Ada", "like this?"),
        ("done", "Bob", ""),
    ):
        take(team, FIELDS, key, author)
        change_stage(team, FIELDS, key, action, author, comment)
        work = photo_work(team, FIELDS, key)
        assert work["holder"] is None
        assert work["comment"] == comment
        assert work["returned_to"] == ("Ada" if action == "hand_back" else None)
    assert work["stage"] == "done"
    assert history(team, key) == [
        ("Ada", "send", ""),
        ("Bob", "hand_back", "the left hand"),
        ("Ada", "send", "like this?"),
        ("Bob", "done", ""),
    ]
    times = [entry["time"] for entry in work["history"]]
    assert times == sorted(times)
    assert times[0].endswith("Z")


def test_what_cannot_be_done_is_said(team):
    key = team.first().id
    cases = [
        ("done", "Bob", "", "not done: the photo is at the stage “label” by now"),
        ("hand_back", "Bob", " ", "comment: is missing"),
        ("finish", "Bob", "", "action: 'finish' is none of send, done, hand_back"),
        ("send", "", "", "write your name first"),
    ]
    for action, author, comment, words in cases:
        with pytest.raises(TeamError, match=words):
            change_stage(team, FIELDS, key, action, author, comment)
    change_stage(team, FIELDS, key, "send", "Ada")
    change_stage(team, FIELDS, key, "send", "Ada")  # its answer was lost
    with pytest.raises(TeamError, match="you have labelled this photo yourself"):
        change_stage(team, FIELDS, key, "done", "Ada")
    with pytest.raises(TeamError, match="at the stage “review” by now: Ada was faster"):
        change_stage(team, FIELDS, key, "send", "Bob")
    assert history(team, key) == [("Ada", "send", "")]
    save_settings(team, TeamSettings(team=True, review_own=True))
    change_stage(team, FIELDS, key, "done", "Ada")
    with pytest.raises(TeamError, match="has no sample"):
        change_stage(team, FIELDS, "0" * 24, "send", "Ada")


def test_a_photo_that_is_edited_when_it_was_done_is_reviewed_again(team):
    key = team.first().id
    change_stage(team, FIELDS, key, "send", "Ada")
    review = Review(team, author="Bob")
    person = review.open(key)["people"][0]
    edit = {"kind": "swap_sides", "person": person["key"]}
    done = review.edit(key, edit, {person["key"]: person["version"]})
    assert stages(team)[0] == "review"
    change_stage(team, FIELDS, key, "done", "Bob")
    conflict = review.edit(key, edit, {person["key"]: "another version"})
    assert "conflict" in conflict
    assert stages(team)[0] == "done"
    review.restore(key, done["undo"], {})
    assert stages(team)[0] == "review"
    assert history(team, key)[-1] == ("Bob", "reopen", "")
    # Who only reviews has not become an annotator.
    change_stage(team, FIELDS, key, "done", "Bob")


def test_images_to_be_reviewed_come_worst_first_also_when_everybody_is_decided(team, tmp_path):
    ids = team.values("id")
    for _ in approve_below(team, FIELDS, 1.0, "Ada", tmp_path / "maps", "0123456789abcdef"):
        pass
    assert queue(team, FIELDS, Filter())["done"] == 4
    for key in reversed(ids[:3]):
        change_stage(team, FIELDS, key, "send", "Ada")
    found = queue(team, FIELDS, Filter(work="review", author="Bob"))
    assert [item["id"] for item in found["items"]] == ids[:3]
    assert found["items"][0]["issue_score"] == pytest.approx(0.9)


def test_an_approval_of_many_and_its_taking_back_leave_the_stages(team, tmp_path):
    ids = team.values("id")
    change_stage(team, FIELDS, ids[0], "send", "Ada")
    before = stages(team)
    maps = tmp_path / "maps"
    assert sum(approve_below(team, FIELDS, 1.0, "Eve", maps, "0123456789abcdef")) == 4
    assert stages(team) == before
    assert sum(take_back(team, FIELDS, maps, "0123456789abcdef")) == 4
    assert stages(team) == before


def test_runs_leave_photos_alone_that_were_sent_to_review(team, tiny_model, tmp_path):
    ids = team.values("id")
    change_stage(team, FIELDS, ids[0], "send", "Ada")
    change_stage(team, FIELDS, ids[1], "send", "Ada")
    change_stage(team, FIELDS, ids[1], "done", "Bob")
    path = tmp_path / "labels.json"
    export_samples(team, path)
    maps = tmp_path / "maps"
    before = [team[key].dp_people.detections for key in ids[:2]]
    imported = import_labels(team, path, tmp_path, maps_dir=maps)
    assert (imported.samples, imported.skipped, imported.failures) == (2, 2, {})
    annotated = annotate_samples(team, tiny_model, overwrite="replace", maps_dir=maps)
    assert (annotated.samples, annotated.skipped, annotated.failures) == (2, 2, {})
    team.reload()
    assert [[p.id for p in team[key].dp_people.detections] for key in ids[:2]] == [
        [p.id for p in people] for people in before
    ]
    assert stages(team)[:2] == ["review", "done"]


def test_a_photo_that_was_replaced_and_labelled_anew_begins_anew(team, tiny_model, tmp_path):
    sample = team.first()
    change_stage(team, FIELDS, sample.id, "send", "Ada")
    cv2.imwrite(sample.filepath, np.full((*SIZE[::-1], 3), 7, np.uint8))
    summary = annotate_samples(
        team, tiny_model, overwrite="replace", changed="relabel", maps_dir=tmp_path / "maps"
    )
    assert summary.changed == [sample.filepath]
    work = photo_work(team, FIELDS, sample.id)
    assert (work["stage"], work["annotators"]) == ("label", [])
    assert [(e["author"], e["action"]) for e in work["history"]] == [("Ada", "send"), ("", "relabel")]


def test_a_name_is_forgotten_there_too(team):
    ids = team.values("id")
    take_next(team, FIELDS, "Ada", ids, leaving=take_next(team, FIELDS, "Ada", ids[1:]))
    take(team, FIELDS, ids[3], "Bob")
    change_stage(team, FIELDS, ids[0], "send", "Ada")
    change_stage(team, FIELDS, ids[0], "hand_back", "Bob", "Ada's hand")
    take(team, FIELDS, ids[0], "Ada")
    before = photo_work(team, FIELDS, ids[0])
    assert find_names(team, FIELDS) == ["Ada", "Bob"]
    alias, _, _ = forget_name(team, FIELDS, "Ada")
    assert [work for work in team.values("dp_work") if "'Ada'" in str(work)] == []
    after = photo_work(team, FIELDS, ids[0])
    assert (after["holder"], after["annotators"], after["returned_to"]) == (alias, [alias], alias)
    assert [entry["author"] for entry in after["history"]] == [alias, "Bob"]
    assert after["comment"] == before["comment"]
    assert photo_work(team, FIELDS, ids[3])["holder"] == "Bob"


def test_a_clone_has_the_stages_and_a_view_filters_by_them(team):
    ids = team.values("id")
    change_stage(team, FIELDS, ids[0], "send", "Ada")
    team.reload()
    assert team.match({"dp_stage": "review"}).values("id") == ids[:1]
    clone = team.clone()
    try:
        assert history(clone, clone.first().id) == [("Ada", "send", "")]
        change_stage(clone, FIELDS, clone.first().id, "done", "Bob")
        assert stages(team)[0] == "review"
        assert queue(clone, FIELDS, Filter())["team"]["done"] == 1
    finally:
        clone.delete()
