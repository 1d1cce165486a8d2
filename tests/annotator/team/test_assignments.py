"""Photos that are handed out: to one annotator each, in the order of the queue, and back when nobody works on them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from annotator.dataset.fields import Fields
from annotator.review.queue import Filter, queue
from annotator.review.session import Review
from annotator.team.assignments import leave, record_work, take, take_next
from annotator.team.listing import photo_work
from annotator.team.settings import TeamError, TeamSettings, save_settings
from annotator.team.stages import change_stage
from tests.annotator.team.team_photos import FIELDS, end_lease, listed


def holders(dataset) -> list[str | None]:
    return [photo_work(dataset, FIELDS, key)["holder"] for key in dataset.values("id")]


def test_each_is_given_the_worst_photo_that_nobody_has(team):
    ids = team.values("id")
    assert take_next(team, FIELDS, "Ada", listed(team)) == ids[0]
    assert take_next(team, FIELDS, "Bob", listed(team)) == ids[1]
    assert holders(team) == ["Ada", "Bob", None, None]
    # Not one of the view or of the filter: the candidates are those.
    assert take_next(team, FIELDS, "Cid", listed(team.skip(3))) == ids[3]
    assert take_next(team, FIELDS, "Dan", [*ids[:2], "nonsense", "0" * 24]) is None


@pytest.mark.parametrize("names", [2, 8])
def test_no_photo_is_given_to_two(dataset, names):
    import fiftyone as fo

    dataset.add_samples([fo.Sample(filepath=f"/photos/{number}.jpg") for number in range(200)])
    ids, start = dataset.values("id"), Barrier(names)

    def work(name: str) -> list[str]:
        start.wait()
        mine, last = [], None
        while (last := take_next(dataset, FIELDS, name, ids, leaving=last)) is not None:
            mine.append(last)
            change_stage(dataset, FIELDS, last, "send", name)
        return mine

    with ThreadPoolExecutor(names) as pool:
        served = [key for mine in pool.map(work, [f"Annotator {n}" for n in range(names)]) for key in mine]
    assert len(served) == 200
    assert set(served) == set(ids)
    assert [field for field in dataset.get_field_schema() if field.startswith("dp_")] == [
        "dp_stage",
        "dp_work",
    ]


def test_who_has_labelled_a_photo_is_not_given_its_second_labels(team):
    second, ids = Fields(f"{FIELDS.prefix}_second"), team.values("id")
    record_work(team, FIELDS, ids[0], "Ada")
    record_work(team, second, ids[1], "Ada")
    assert take_next(team, second, "Ada", ids) == ids[2]  # she has the one before
    assert take_next(team, second, "Bob", ids) == ids[0]
    assert take_next(team, FIELDS, "Ada", ids[1:2]) is None
    assert take_next(team, FIELDS, "Bob", ids[1:2]) == ids[1]
    assert take_next(team, Fields("a" * 40), "Ada", ids) == ids[0]


def test_an_abandoned_photo_is_handed_out_again_and_one_that_is_worked_on_is_not(team):
    first = take_next(team, FIELDS, "Ada", listed(team))
    end_lease(team, first)
    take(team, FIELDS, first, "Ada")  # nobody was faster
    assert take_next(team, FIELDS, "Bob", listed(team)) != first
    end_lease(team, first)
    record_work(team, FIELDS, first, "Ada")
    assert take_next(team, FIELDS, "Cid", listed(team)) != first
    end_lease(team, first)
    assert photo_work(team, FIELDS, first)["holder"] is None
    assert take_next(team, FIELDS, "Dan", listed(team)) == first
    take(team, FIELDS, first, "Ada")
    record_work(team, FIELDS, first, "Ada")  # nothing is lost, but it is Dan's now
    leave(team, FIELDS, first, "Ada")
    assert photo_work(team, FIELDS, first)["holder"] == "Dan"


def test_who_skips_a_photo_is_given_it_last(team):
    ids = team.values("id")
    for leaving, given in zip([None, *ids], [*ids, ids[0]], strict=True):
        assert take_next(team, FIELDS, "Ada", listed(team), leaving=leaving) == given
    assert holders(team) == ["Ada", None, None, None]
    assert take_next(team, FIELDS, "Bob", listed(team)) == ids[1]
    # There is no other one: the photo is kept.
    assert take_next(team, FIELDS, "Ada", ids[:1], leaving=ids[0]) is None
    assert holders(team)[0] == "Ada"


def test_who_comes_back_goes_on_with_the_same_photo(team):
    ids = team.values("id")
    assert take_next(team, FIELDS, "Ada", ids[1:]) == ids[1]
    assert take_next(team, FIELDS, "Ada", ids, resume=True) == ids[1]
    assert take_next(team, FIELDS, "Bob", ids, resume=True) == ids[0]


def test_a_photo_that_was_handed_back_is_for_its_annotator_and_first(team):
    ids = team.values("id")
    change_stage(team, FIELDS, ids[3], "send", "Ada")
    change_stage(team, FIELDS, ids[3], "hand_back", "Bob", "the left hand")
    assert take_next(team, FIELDS, "Bob", ids[3:]) is None
    assert take_next(team, FIELDS, "Ada", listed(team)) == ids[3]


def test_a_reviewer_is_not_given_photos_that_he_labelled(team):
    ids = team.values("id")
    review = Review(team, author="Cid")
    person = review.open(ids[0])["people"][0]["key"]
    review.edit(ids[0], {"kind": "decide", "person": person, "state": "approved"}, {})
    leave(team, FIELDS, ids[0], "Cid")
    for key in ids[:2]:
        change_stage(team, FIELDS, key, "send", "Ada")
    waiting = listed(team, work="review", author="Bob")
    assert waiting == ids[:2]
    assert take_next(team, FIELDS, "Ada", waiting, "review") is None
    assert take_next(team, FIELDS, "Cid", waiting, "review") == ids[1]
    assert take_next(team, FIELDS, "Bob", waiting, "review") == ids[0]
    leave(team, FIELDS, ids[0], "Bob")
    save_settings(team, TeamSettings(team=True, review_own=True))
    assert take_next(team, FIELDS, "Ada", waiting, "review") == ids[0]
    with pytest.raises(TeamError, match="to be labelled or to be reviewed"):
        take_next(team, FIELDS, "Ada", waiting, "done")


def test_nobody_is_given_both_labels_of_a_photo(team):
    from annotator.dataset.fields import Fields

    ids, second = team.values("id"), Fields("dp_second")
    for name, fields in (("Ada", FIELDS), ("Bob", second)):
        record_work(team, fields, ids[0], name)
        leave(team, fields, ids[0], name)
    assert take_next(team, second, "Ada", ids) == ids[1]
    assert take_next(team, FIELDS, "Bob", ids) == ids[1]
    assert take_next(team, second, "Cid", ids) == ids[0]


def test_only_who_has_a_name_is_given_photos(team):
    with pytest.raises(TeamError, match="write your name first"):
        take_next(team, FIELDS, " ", listed(team))


@pytest.mark.parametrize("name", ["$where", "a.b", 'O"Brien', "Ünal 李", "$$NOW"])
def test_any_name_will_do(team, name):
    first = take_next(team, FIELDS, name, listed(team))
    record_work(team, FIELDS, first, name)
    change_stage(team, FIELDS, first, "send", name)
    change_stage(team, FIELDS, first, "hand_back", "Bob", "$comment")
    work = photo_work(team, FIELDS, first)
    assert (work["annotators"], work["returned_to"], work["comment"]) == ([name], name, "$comment")
    assert queue(team, FIELDS, Filter(work="returned", author=name))["found"] == 1


def test_the_queue_says_who_works_on_what(team):
    ids = team.values("id")
    take_next(team, FIELDS, "Ada", ids)
    change_stage(team, FIELDS, ids[1], "send", "Ada")
    change_stage(team, FIELDS, ids[1], "done", "Bob")
    change_stage(team, FIELDS, ids[2], "send", "Bob")
    change_stage(team, FIELDS, ids[2], "hand_back", "Ada", "no")
    found = queue(team, FIELDS, Filter(author="Ada"))
    assert [(item["stage"], item["holder"]) for item in found["items"]] == [
        ("label", "Ada"),
        ("label", None),
        ("label", None),
        ("done", None),
    ]
    assert found["team"] == {"mine": 2, "returned": 0, "label": 3, "review": 0, "done": 1}
    assert listed(team, author="Bob", work="returned") == [ids[2]]
    assert listed(team, author="Ada", work="mine") == [ids[0], ids[1]]
    with pytest.raises(ValueError, match="work: 'theirs' is none of"):
        Filter(work="theirs")


def test_where_no_team_works_nothing_is_different(team):
    save_settings(team, TeamSettings())
    ids = team.values("id")
    review = Review(team, author="Ada")
    person = review.open(ids[0])["people"][0]["key"]
    review.edit(ids[0], {"kind": "decide", "person": person, "state": "approved"}, {})
    found = queue(team, FIELDS, Filter(work="mine", author="Ada"))
    assert found["team"] is None
    assert found["found"] == 4
    assert "stage" not in found["items"][0]
    assert photo_work(team, FIELDS, ids[0])["annotators"] == []
