"""The records of runs, without the App."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from annotator.dataset.fields import Fields, declare_fields

from .test_failures import UNWRITABLE, labelled, messages
from .test_operators import ANNOTATE, PLUGIN, execute, photos, run_scheduled  # noqa: F401

FROM_THE_APP = {"sample_selection_style": {}}


def records(dataset):
    from fiftyone_plugin.run_records import Records

    return Records(dataset._doc.id)


def wait_for_the_end(dataset):
    """The record of the newest run, once it has ended."""
    for _ in range(9000):
        record = records(dataset).list()[0]
        if record.state != "running":
            return record
        time.sleep(0.1)
    raise TimeoutError(record)


def run_in_app(operator: str, dataset, **params) -> list[dict]:
    return messages(operator, {"dataset_name": dataset.name, "params": params} | FROM_THE_APP)


def test_a_run_of_the_app_goes_on_after_its_request(dataset, photos):  # noqa: F811
    bad = photos[0].with_name("bad.jpg")
    bad.write_text("no image")
    dataset.add_samples([type(dataset.first())(filepath=str(bad))])
    (only,) = run_in_app("annotate_people", dataset, **ANNOTATE)
    assert only["operator_uri"].endswith("open_panel")
    assert only["params"]["name"] == "densepose_runs"
    record = wait_for_the_end(dataset)
    dataset.reload()
    count = dataset.count("dp_people.detections")
    assert (record.state, record.label) == ("done", "Annotate people")
    assert record.sentence == f"{count} people on 3 photos; 1 photo failed."
    assert record.details == [["Why, the first ten", f"{bad}: not an image, or of an unknown format"]]
    assert record.refresh == {"name": dataset.name, "prefix": "dp"}
    assert (record.done, record.total, record.seen) == (4, 4, False)


def test_a_run_that_fails_says_why(dataset, photos):  # noqa: F811
    run_in_app("export_labels", dataset, **labelled(dataset))
    record = wait_for_the_end(dataset)
    assert (record.state, record.sentence) == ("failed", f"{UNWRITABLE}: No such file or directory")


def test_a_run_that_is_cancelled_keeps_what_is_done(dataset):
    from fiftyone.operators import types
    from fiftyone.operators.executor import ExecutionContext, Executor

    from fiftyone_plugin.running import Job, stream

    def steps() -> Iterator[int]:
        for done in range(1, 1000):
            yield done
            if done == 3:
                (record,) = records(dataset).list()
                assert record.is_running
                records(dataset).request_cancel(record.key)
            time.sleep(0.02)

    context = ExecutionContext({"dataset_name": dataset.name}, executor=Executor())
    job = Job(steps(), 1000, dict, lambda values: types.Property(types.Object()), panel="own")
    list(stream(context, lambda: job, "Count"))
    (record,) = records(dataset).list()
    assert record.state == "stopped"
    assert 3 <= record.done < 999
    assert record.sentence == "Stopped. What is done is kept. Done."


def test_scheduled_runs_and_those_of_python_have_records_too(dataset, photos, tmp_path):  # noqa: F811
    run_scheduled("annotate_people", dataset, ANNOTATE)
    (record,) = records(dataset).list()
    assert (record.state, record.done) == ("done", 3)
    execute("export_labels", dataset, prefix="dp", path=str(tmp_path / "a.json"), rejected=False)
    assert [record.label for record in records(dataset).list()] == [
        "Export labels",
        "Annotate people",
    ]
    assert ["File", str(tmp_path / "a.json")] in records(dataset).list()[0].details


def test_a_cluster_shows_the_photos_that_it_has_labelled(dataset, photos, monkeypatch):  # noqa: F811
    from annotator.cluster import dataset as cluster_dataset

    shown = []

    def label(run, work, *_) -> Iterator[int]:
        yield 0
        for done in (1, 2):  # as after a shard each
            yield done
            for _ in range(600):
                record = records(dataset).list()[0]
                if record.done == done:
                    break
                time.sleep(0.1)
            shown.append((record.done, record.total, record.describe()))
        run.label(replace(work, threads=1))
        yield 3

    monkeypatch.setattr(cluster_dataset, "label_on_cluster", label)
    run_in_app("annotate_people", dataset, **ANNOTATE, cluster="10.0.0.1:6379")
    record = wait_for_the_end(dataset)
    assert [each[:2] for each in shown] == [(1, 3), (2, 3)]
    assert shown[0][2].startswith("1 of 3 photos labelled on the cluster")
    assert shown[1][2].startswith("2 of 3 photos labelled on the cluster, about ")
    assert (record.state, record.done, record.text) == ("done", 3, "3 of 3 photos written")
    assert record.sentence.endswith(" on 3 photos.")


def test_only_the_last_runs_are_kept_and_a_dead_one_is_told_from_one_that_runs(dataset):
    from fiftyone_plugin.run_records import KEPT, Recorder

    for _ in range(KEPT + 2):
        Recorder(dataset._doc.id, "Annotate people", 4).end("done", "Nobody.")
    assert len(records(dataset).list()) == KEPT
    recorder = Recorder(dataset._doc.id, "Annotate people", 4)
    recorder.end("running", "")  # no thread keeps it alive any more
    record = records(dataset).list()[0]
    assert record.is_running
    record.updated -= 60
    assert not record.is_running


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 9, 3, "Starting, since 3 s"),
        (1, 5, 0, "1 of 5 photos"),
        (3, 5, 1, "3 of 5 photos, 2.0 per second, about 1 s left"),
        (3, 601, 10, "3 of 601 photos, 5.0 s each, about 50 min left"),
        (3, None, 1, "3 photos, 2.0 per second"),
        (101, 1_000_101, 10, "101 of 1000101 photos, 10.0 per second, about 27 h 47 min left"),
    ],
)
def test_how_far_a_run_is(database, done, total, seconds, text):
    from fiftyone_plugin.run_records import Record

    record = Record("key", "Annotate people", total, done=done, began=100.0, updated=100.0 + seconds)
    record.first = (1, 100.0) if done else None
    assert record.describe() == text


def shown(dataset, method: str = "on_load", **params) -> tuple[str, list[str]]:
    """What the panel shows after an event, and the operators that it asks the App for."""
    import fiftyone.operators as foo

    event = {"__method__": method, "panel_id": "panel", "panel_state": {}, "state": {}, "event_args": {}}
    done = foo.execute_operator(f"{PLUGIN}/densepose_runs", {"dataset": dataset, "params": event | params})
    requests = done.executor._requests
    asked = [r.operator_uri.split("/")[-1] for r in requests]
    return json.dumps([r.params for r in requests], default=str), asked


def test_the_panel_shows_a_run_and_then_its_labels(dataset):
    import fiftyone as fo
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService

    from fiftyone_plugin.run_records import Recorder

    text, asked = shown(dataset)
    assert "Nothing runs on this dataset." in text
    dataset.add_sample(fo.Sample(filepath="/photos/a.jpg"))
    request = {"dataset": dataset, "params": ANNOTATE, "request_delegation": True}
    scheduled = foo.execute_operator(f"{PLUGIN}/annotate_people", request).result["id"]
    assert "**Annotate people** is scheduled and waits." in shown(dataset)[0]
    DelegatedOperationService().delete_operation(scheduled)
    recorder = Recorder(dataset._doc.id, "Annotate people", 4)
    recorder.show(2, 4)
    recorder.end("running", "")
    text, asked = shown(dataset)
    assert "2 of 4 photos" in text
    assert "reload_dataset" not in asked
    (record,) = records(dataset).list()
    shown(dataset, "cancel", run=record.key)
    assert "Stops after the photo it is at" in shown(dataset)[0]
    recorder.end(
        "done",
        "7 people on 4 photos.",
        [["Why, the first ten", "a`.jpg: x\nb.jpg: y"]],
        {"name": dataset.name, "prefix": "dp"},
    )
    text, asked = shown(dataset)
    assert "7 people on 4 photos." in text
    assert "Why, the first ten:\\n    - `a .jpg: x`\\n    - `b.jpg: y`" in text
    assert "reload_dataset" in asked
    states = {"states": {record.key: "running"}}
    assert "reload_dataset" in shown(dataset, "refresh", panel_state=states)[1]
    states = {"states": {record.key: "done"}}
    assert "reload_dataset" not in shown(dataset, "refresh", panel_state=states)[1]
    shown(dataset, "remove", run=record.key)
    assert records(dataset).list() == []
    # Another view or dataset is shown to whoever asks for it, not to everybody who has the panel open.
    for refresh, message in (
        ({"name": dataset.name, "view": "[]"}, "set_view"),
        ({"name": "a new one"}, "open_dataset"),
    ):
        recorder = Recorder(dataset._doc.id, "Measure agreement", 1)
        recorder.end("done", "Done.", [], refresh)
        text, asked = shown(dataset)
        assert "Show" in text
        assert message not in asked
        (record,) = records(dataset).list()
        assert message in shown(dataset, "show", run=record.key)[1]
        shown(dataset, "remove", run=record.key)


def test_the_app_gets_the_colours_of_the_labels(dataset):
    from fiftyone_plugin.run_records import Recorder

    recorder = Recorder(dataset._doc.id, "Annotate people", 4)
    declare_fields(dataset, Fields())
    assert "use_colours" not in shown(dataset)[1]
    recorder.end("done", "7 people on 4 photos.", [], {"name": dataset.name, "prefix": "dp"})
    text, asked = shown(dataset)
    assert asked[:3] == ["use_colours", "reload_dataset", "set_active_fields"]
    assert '"path": "dp_people"' in text


def test_the_panel_opens_with_the_dataset_while_something_runs_or_ended_unseen(dataset):
    from fiftyone_plugin.run_records import Recorder

    assert opened(dataset) == []
    recorder = Recorder(dataset._doc.id, "Annotate people", 4)
    assert opened(dataset) == ["densepose_runs"]
    recorder.end("done", "Nobody.")
    assert opened(dataset) == ["densepose_runs"]
    records(dataset).mark_seen(records(dataset).list()[0])
    assert opened(dataset) == []


def opened(dataset) -> list[str]:
    import fiftyone.operators as foo

    done = foo.execute_operator(f"{PLUGIN}/show_runs", {"dataset": dataset})
    return [request.params["name"] for request in done.executor._requests]


def test_where_no_dataset_is_open_the_form_waits_for_the_run(database):
    from fiftyone.operators import types
    from fiftyone.operators.executor import ExecutionContext, Executor

    from fiftyone_plugin.running import Job, stream

    def steps() -> Iterator[int]:
        yield 1
        raise OSError(2, "No such file or directory", "/photos")

    context = ExecutionContext(dict(FROM_THE_APP), executor=Executor())
    job = Job(steps(), 2, dict, lambda values: types.Property(types.Object()))
    told = [message.to_json()["body"] for message in stream(context, lambda: job, "Import labels")]
    assert [message["operator_uri"].split("/")[-1] for message in told] == [
        "set_progress",
        "notify",
        "show_output",
    ]
    assert "/photos: No such file or directory" in json.dumps(told)


def test_where_all_is_read_only_nobody_cancels_or_dismisses_a_run(dataset):
    from annotator.team.settings import TeamSettings, save_settings
    from fiftyone_plugin.run_records import Recorder

    recorder = Recorder(dataset._doc.id, "Annotate people", 4)
    save_settings(dataset, TeamSettings(read_only=True))
    for method in ("cancel", "remove"):
        assert "read-only: " in shown(dataset, method, run=recorder.record.key)[0]
    assert [record.key for record in records(dataset).list()] == [recorder.record.key]
    assert not records(dataset).is_cancelled(recorder.record.key)
    recorder.end("done", "Nobody.")
