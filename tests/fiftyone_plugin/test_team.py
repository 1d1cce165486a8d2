"""What the server lets a team do, and nobody where all is read-only."""

from types import SimpleNamespace

import bson
import pytest

from annotator.team.listing import photo_work
from annotator.team.settings import READ_ONLY_VARIABLE, TeamSettings, read_settings, save_settings
from tests.annotator.team.team_photos import FIELDS, team  # noqa: F401
from tests.fiftyone_plugin.test_operators import PLUGIN, execute, form

READERS = {
    "review_error_rate",
    "review_open",
    "review_photo",
    "review_photo_before",
    "review_progress",
    "review_queue",
    "review_scores",
    "review_second",
    "review_setup",
    "review_spot_check",
    "review_thumbnails",
    "team_take",
}
"""The operators of the panel that change nothing."""
FORMS = (
    "annotate_people",
    "export_edit_log",
    "export_labels",
    "forget_annotator",
    "give_second_labels",
    "import_labels",
    "measure_agreement",
    "retrain_model",
)


def call(name: str, dataset, user=None, /, **params) -> dict:
    """The answer that the panel gets."""
    from fiftyone.operators.executor import ExecutionContext
    from fiftyone.operators.registry import OperatorRegistry

    operator = OperatorRegistry().get_operator(f"{PLUGIN}/{name}")
    context = ExecutionContext({"dataset_name": dataset.name, "params": {"prefix": "dp", **params}})
    context.user = user
    return operator.execute(context)


def panel_calls() -> list[str]:
    """The names of all operators of the panel."""
    from fiftyone.operators.registry import OperatorRegistry

    operators = [o for o in OperatorRegistry().list_operators() if o.plugin_name == PLUGIN]
    return [operator.name for operator in operators if hasattr(operator, "Values")]


def documents(dataset) -> list[bytes]:
    return list(map(bson.encode, dataset._sample_collection.find()))


@pytest.mark.parametrize("by", ["dataset", "environment"])
def test_where_all_is_read_only_each_operator_that_writes_is_refused(team, monkeypatch, by, tmp_path):  # noqa: F811
    from fiftyone.operators.executor import ExecutionError

    person = call("review_open", team, sample=team.first().id)["people"][0]
    if by == "dataset":
        save_settings(team, TeamSettings(team=True, read_only=True))
    else:
        monkeypatch.setenv(READ_ONLY_VARIABLE, "1")
    before, key = documents(team), team.first().id
    writers = set(panel_calls()) - READERS
    assert {"review_edit", "review_restore", "review_approve_below", "team_next", "team_stage"} <= writers
    edit = {"kind": "decide", "person": person["key"], "state": "approved"}
    for name in writers:
        answer = call(name, team, sample=key, author="Ada", edit=edit, action="send")
        assert answer["error"].startswith("read-only: "), name
    assert call("team_take", team, sample=key, author="Ada")["holder"] is None
    assert call("review_queue", team, author="Ada")["read_only"].startswith("read-only: ")
    assert len(call("review_open", team, sample=key)["people"]) == 1
    for name in FORMS:
        assert form(name, team)["refused"].error_message.startswith("read-only: ")
    for name in ("export_edit_log", "forget_annotator"):
        answer = call(name, team, name="Ada", path=str(tmp_path / "log.csv"))
        assert answer["error"].startswith("read-only: "), name
    export = {
        "prefix": "dp",
        "path": str(tmp_path / "labels.json"),
        "format": "coco",
        "state": "all",
        "rejected": False,
    }
    with pytest.raises(ExecutionError, match="read-only: "):
        execute("export_labels", team, **export)
    assert documents(team) == before
    if by == "dataset":
        execute("team_settings", team, read_only=False)
        assert read_settings(team) == TeamSettings(team=True)
    else:
        with pytest.raises(ExecutionError, match="--read-only"):
            execute("team_settings", team, read_only=False)
        assert "--read-only" in form("team_settings", team)["refused"].error_message


def test_a_run_that_was_scheduled_before_is_refused_too(team, tmp_path):  # noqa: F811
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService

    params = {
        "prefix": "dp",
        "path": str(tmp_path / "labels.json"),
        "format": "coco",
        "state": "all",
        "rejected": False,
    }
    context = {"dataset": team, "params": params, "request_delegation": True}
    scheduled = foo.execute_operator(f"{PLUGIN}/export_labels", context)
    save_settings(team, TeamSettings(read_only=True))
    service = DelegatedOperationService()
    service.execute_queued_operations(limit=1, log=False)
    done = service.get(scheduled.result["id"])
    assert done.run_state == "failed"
    assert "read-only: nothing can be changed" in done.result.error
    assert not (tmp_path / "labels.json").exists()


def test_two_annotators_and_a_reviewer(team):  # noqa: F811
    ids = team.values("id")
    ada = call("team_next", team, author="Ada", candidates=ids, stage="label")["sample"]
    bob = call("team_next", team, author="Bob", candidates=ids, stage="label")["sample"]
    assert [ada, bob] == ids[:2]
    assert call("team_take", team, sample=ada, author="Bob", leaving=bob)["holder"] == "Ada"
    assert photo_work(team, FIELDS, bob)["holder"] is None
    assert call("team_stage", team, sample=ada, author="Ada", action="send")["stage"] == "review"
    back = call("team_stage", team, sample=ada, author="Eve", action="hand_back", comment="hand")
    assert (back["stage"], back["returned_to"], back["comment"]) == ("label", "Ada", "hand")
    assert "not done" in call("team_stage", team, sample=ada, author="Eve", action="done")["error"]
    assert "action" in call("team_stage", team, sample=ada, author="Eve", action="finish")["error"]


def test_a_team_must_know_who_edits(team):  # noqa: F811
    key = team.first().id
    person = call("review_open", team, sample=key)["people"][0]["key"]
    edit = {"sample": key, "edit": {"kind": "decide", "person": person, "state": "approved"}}
    assert "write your name first" in call("review_edit", team, author=" ", **edit)["error"]
    assert "write your name first" in call("team_next", team, candidates=[key], stage="label")["error"]
    call("team_take", team, sample=key)
    assert photo_work(team, FIELDS, key)["holder"] is None
    save_settings(team, TeamSettings())
    assert "error" not in call("review_edit", team, **edit)
    assert "no team works" in call("team_next", team, author="A", candidates=[key], stage="label")["error"]


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (None, "Ada"),
        (SimpleNamespace(id=7, name="Eve", email="eve@example.com"), "Eve"),
        (SimpleNamespace(id=7, name=None, email="eve@example.com"), "eve@example.com"),
        (SimpleNamespace(id=7), "7"),
    ],
)
def test_an_app_with_users_says_who_works(team, user, name):  # noqa: F811
    key = team.first().id
    assert call("review_setup", team, user)["user"] == (name if user else "")
    person = call("review_open", team, sample=key)["people"][0]["key"]
    edit = {"kind": "decide", "person": person, "state": "approved"}
    answer = call("review_edit", team, user, sample=key, edit=edit, author=" Ada ")
    assert answer["people"][0]["author"] == name
    assert photo_work(team, FIELDS, key)["holder"] == name


def test_the_settings_are_those_of_the_form(team):  # noqa: F811
    assert form("team_settings", team)["team"].default is True
    execute("team_settings", team, team=True, review_own=True, read_only=False)
    assert read_settings(team) == TeamSettings(team=True, review_own=True)
    assert "who" in form("team_settings", team, read_only=True)
