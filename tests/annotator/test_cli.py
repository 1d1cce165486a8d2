import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from annotator import __version__
from annotator.cli import main
from annotator.coco.reader import read_coco
from tests.annotator.conftest import draw_photo
from tests.annotator.inference.tiny_finder import write_finder
from tests.annotator.inference.tiny_pose import write_pose_estimator

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, "-m", "annotator.cli"]
PERSON = (8, 20, 36, 60, 10)
UNKNOWN_USER = 12345
VOTES = ["--proposals", "votes"]
"""The finder knows no people that are drawn as rectangles."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    draw_photo(photos / "a.png", [PERSON])
    draw_photo(photos / "b" / "c.png", [PERSON, (70, 16, 40, 70, 200)])
    return photos


def run(
    *arguments: object, terminal: dict[str, str] | None = None, homeless: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command.

    Args:
        arguments: of it.
        terminal: variables of the environment.
        homeless: a folder to run it in, without a home and as a user whom the system does not know.
    """
    environment = {**os.environ, **(terminal or {}), "PYTHONPATH": str(ROOT)}
    if homeless:
        environment.pop("HOME", None)
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=homeless or ROOT,
        env=environment,
        # The real user counts; the effective one stays, for the interpreter may be in a folder of root's alone.
        preexec_fn=(lambda: os.setresuid(UNKNOWN_USER, 0, 0)) if homeless else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_annotate_writes_labels_and_shows_progress(folder: Path, tmp_path: Path, tiny_model: Path):
    out = tmp_path / "labels.json"
    result = run("annotate", folder, "--out", out, "--model", tiny_model, *VOTES)
    assert result.returncode == 0
    assert result.stdout.splitlines() == ["tiny-1 on CPU", f"3 people on 2 photos: {out}"]
    assert "2/2" in result.stderr
    assert "image/s" in result.stderr
    assert [len(image.people) for image in read_coco(out)] == [1, 2]


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("terminal", [{"PYTHONIOENCODING": "ascii"}, ASCII])
def test_names_that_the_terminal_cannot_show_are_written_and_printed(
    folder: Path, tmp_path: Path, tiny_model: Path, terminal: dict[str, str]
):
    (folder / "a.png").rename(folder / "süß 😀.png")
    (folder / "böse.jpg").write_text("no photo")
    out = tmp_path / "é.json"
    result = run("annotate", folder, "--out", out, "--model", tiny_model, *VOTES, terminal=terminal)
    assert result.returncode == 0, result.stderr
    # One byte of UTF-8 after another where Python does not know that names are UTF-8.
    shown = r"\udcc3\udca9" if terminal == ASCII else r"\xe9"
    assert f"3 people on 2 photos: {tmp_path}/{shown}.json" in result.stdout
    assert [image.file_name for image in read_coco(out)] == ["b/c.png", "süß 😀.png"]
    (failure,) = map(json.loads, Path(f"{out}.failures.jsonl").read_text().splitlines())
    assert failure["file_name"] == "böse.jpg"
    assert run("annotate", "--help", terminal=terminal).returncode == 0
    refused = run("annotate", folder / "nö", "--out", out, "--model", tiny_model, terminal=terminal)
    assert refused.returncode == 1
    assert ": no such folder" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user whom the system does not know")
def test_without_a_home_what_needs_none_works(folder: Path, tmp_path: Path, tiny_model: Path):
    out = tmp_path / "labels.json"
    annotate = ["annotate", folder, "--out", out, "--model", tiny_model, *VOTES]
    for arguments in (
        ["--help"],
        ["info", tiny_model],
        ["evaluate", "--help"],
        ["export-model", "--help"],
        annotate,
    ):
        result = run(*arguments, homeless=tmp_path)
        assert result.returncode == 0, result.stderr
    assert out.exists()
    for arguments in (["app", folder], ["retrain", "none", "--out", tmp_path / "new"], ["tidy", "none"]):
        result = run(*arguments, homeless=tmp_path)
        assert result.returncode == 1
        assert result.stderr.splitlines() == [
            "densepose-annotator: there is no home folder for FiftyOne's database: set HOME to a folder that stays"
        ]
    assert not (tmp_path / "~").exists()


def test_options_reach_the_run(folder: Path, tmp_path: Path, tiny_model: Path):
    out = tmp_path / "labels.json"
    command = ["annotate", str(folder), "--out", str(out), "--model", str(tiny_model), *VOTES]
    choices = ["--confidence", "0.2", "--threshold", "0.6", "--vote-threshold", "80", "--min-distance", "0.1"]
    choices += ["--batch", "2", "--device", "cpu", "--no-zoom-in"]
    assert main([*command, *choices, "--points-per-part", "2", "--point-method", "random"]) == 0
    for record in json.loads(out.read_text())["annotations"]:
        assert 0 < len(record["dp_I"]) <= 2 * 14
    command += ["--overwrite"]
    assert main([*command, "--vote-threshold", "99999"]) == 0
    assert json.loads(out.read_text())["annotations"] == []
    dbscan = ["--grouping", "dbscan", "--min-samples"]
    assert main([*command, *dbscan, "50", "--eps", "0.02"]) == 0
    assert len(json.loads(out.read_text())["annotations"]) == 3
    assert main([*command, *dbscan, "99999"]) == 0
    assert json.loads(out.read_text())["annotations"] == []


def test_a_finished_file_is_left_alone(folder: Path, tmp_path: Path, tiny_model: Path):
    out = tmp_path / "labels.json"
    command = ["annotate", folder, "--out", out, "--model", tiny_model, *VOTES]
    assert run(*command).returncode == 0
    before = out.read_bytes(), out.stat().st_mtime_ns
    again = run(*command)
    assert again.returncode == 0
    assert again.stdout.splitlines()[1:] == [
        f"{out}: is finished, with these photos, model and settings; --overwrite labels them again"
    ]
    other = run(*command, "--threshold", "0.4")
    assert other.returncode == 1
    assert other.stderr.splitlines() == [
        f"densepose-annotator: {out}: holds the labels of another run (settings.threshold: 0.4, was 0.5): choose "
        "another --out, or --overwrite it"
    ]
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before
    assert run(*command, "--threshold", "0.4", "--overwrite").returncode == 0
    assert out.read_bytes() != before[0]


def test_bad_photos_are_counted(
    folder: Path, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture
):
    (folder / "bad.jpg").write_text("no photo")
    out = tmp_path / "labels.json"
    assert main(["annotate", str(folder), "--out", str(out), "--model", str(tiny_model)]) == 0
    assert f"1 photo could not be used: {out}.failures.jsonl" in capsys.readouterr().out
    assert main(["annotate", str(folder), "--out", str(out), "--model", str(tiny_model)]) == 0
    *_, finished, failed = capsys.readouterr().out.splitlines()
    assert "is finished" in finished
    assert failed == f"photos that could not be used: {out}.failures.jsonl"


def test_a_folder_of_bad_photos_fails(tmp_path: Path, tiny_model: Path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no photo")
    out = tmp_path / "labels.json"
    result = run("annotate", tmp_path, "--out", out, "--model", tiny_model)
    assert result.returncode == 1
    assert f"2 photos could not be used: {out}.failures.jsonl" in result.stdout


def test_a_stopped_run_goes_on(folder: Path, tmp_path: Path, tiny_model: Path):
    for i in range(200):  # so many that the signal comes before the end
        shutil.copy(folder / "a.png", folder / f"copy{i:03}.png")
    command = [*COMMAND, "annotate", str(folder), *VOTES, "--model", str(tiny_model), "--out"]
    subprocess.run([*command, str(tmp_path / "whole.json")], cwd=ROOT, check=True, capture_output=True)
    out = tmp_path / "labels.json"
    journal = tmp_path / "labels.json.partial" / "journal.jsonl"
    # What a shell starts in the background, these tests say, inherits that Ctrl-C is switched off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, str(out)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (journal.exists() and journal.stat().st_size > 20_000):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert not out.exists()
    subprocess.run([*command, str(out)], cwd=ROOT, check=True, capture_output=True)
    assert out.read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.parametrize(
    ("command", "run", "words"),
    [
        (["info"], "annotator.cli.info.run", "nothing was changed"),
        (["export-model", "run", "m.onnx"], "model.commands.run_export", "nothing was changed"),
        (["train", "--out", "run"], "model.commands.run_train", "the same command goes on from here"),
        (["tidy", "people"], "annotator.cli.tidy.run", "the same command goes on from here"),
        (
            ["evaluate", "--data", "d", "--report", "r"],
            "annotator.cli.evaluate.run",
            "the report holds the data sets that were done",
        ),
    ],
)
def test_a_stopped_command_says_what_comes_of_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    command: list[str],
    run: str,
    words: str,
):
    def stop(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, stop)
    assert main(command) == 130
    assert capsys.readouterr().err == f"\nstopped; {words}\n"


def test_the_options_of_app_reach_it(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(
        "annotator.app.open_app", lambda photos, **options: seen.append((photos, options)) or 0
    )
    options = ["--quality", "draft", "--no-browser", "--port", "7", "--read-only"]
    assert main(["app", "photos", *options]) == 0
    options = {"name": None, "port": 7, "address": "localhost", "browser": False}
    assert seen == [(Path("photos"), options | {"quality": "draft", "read_only": True})]


def test_who_asks_for_it_sees_where_an_error_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DENSEPOSE_ANNOTATOR_TRACEBACK", "1")
    result = run("info", tmp_path / "x.onnx")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("x.onnx: no such model file")


def test_info_says_what_the_model_is(tiny_model: Path):
    result = run("info", tiny_model)
    assert result.returncode == 0
    said = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if len(line.split()) > 1)
    assert said["file"] == str(tiny_model)
    assert said["model_id"] == "tiny-1"
    assert said["input_size"] == "64"
    assert said["kind"] == "model"
    assert said["device"] == "CPU"


def test_info_says_what_a_pose_estimator_is(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["info", str(write_pose_estimator(tmp_path / "p.onnx"))]) == 0
    out = capsys.readouterr().out
    for text in ("kind  pose estimator", "model_id  dots", "license  CC0-1.0"):
        assert text in out


def test_info_says_what_a_finder_is(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["info", str(write_finder(tmp_path / "f.onnx"))]) == 0
    said = dict(
        line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1
    )
    assert said["file"] == str(tmp_path / "f.onnx")
    assert (said["kind"], said["model_id"], said["input_size"]) == ("person finder", "tiny-finder-1", "64")
    assert said["device"] == "CPU"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["annotate", "{tmp}/missing", "--out", "{tmp}/o.json", "--model", "{model}"],
            "missing: no such folder",
        ),
        (["annotate", "{tmp}/bare", "--out", "{tmp}/o.json", "--model", "{model}"], "bare: no photos in it"),
        (["annotate", "{tmp}/photos", "--out", "{tmp}/bare", "--model", "{model}"], "bare: is a folder"),
        (
            ["annotate", "{tmp}/photos", "--out", "{tmp}/o.json", "--model", "{tmp}/x.onnx"],
            "no such model file",
        ),
        (["annotate", "{tmp}/photos", "--out", "{tmp}/o.json", "--model", "{tmp}/text"], "cannot load it"),
        (["info", "{tmp}/x.onnx"], "x.onnx: no such model file"),
        (["info", "{tmp}/text"], "text: ONNX Runtime cannot load it"),
    ],
)
def test_mistakes_are_one_line_and_no_traceback(
    folder: Path, tmp_path: Path, tiny_model: Path, arguments: list[str], words: str
):
    (tmp_path / "bare").mkdir()
    (tmp_path / "text").write_text("no model")
    result = run(*(argument.format(tmp=tmp_path, model=tiny_model) for argument in arguments))
    assert result.returncode == 1
    (error,) = result.stderr.splitlines()  # no empty progress bar before it
    assert error.startswith("densepose-annotator: ")
    assert words in error
    assert not (tmp_path / "o.json").exists()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (["--confidence", "7"], "confidence"),
        (["--threshold", "-1"], "threshold"),
        (["--vote-threshold", "0"], "vote_threshold"),
        (["--min-distance", "-1"], "min_distance"),
        (["--grouping", "dbscan", "--eps", "0"], "eps must be between"),
        (["--grouping", "dbscan", "--min-samples", "0"], "min_samples must be 1 or more"),
        (["--eps", "0.01"], "--eps needs --grouping dbscan, not votes"),
        (["--min-samples", "90"], "--min-samples needs --grouping dbscan, not votes"),
        (
            ["--grouping", "dbscan", "--min-distance", "0.1"],
            "--min-distance needs --grouping votes, not dbscan",
        ),
        (["--batch", "0"], "batch_size"),
        (["--tiles", "0"], "tiles must be 1 to 4, not 0"),
        (["--tiles", "5"], "tiles must be 1 to 4, not 5"),
        (["--points-per-part", "-2"], "per_part"),
    ],
)
def test_impossible_options_are_refused(
    folder: Path,
    tmp_path: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture,
    choices: list[str],
    words: str,
):
    out = tmp_path / "labels.json"
    assert main(["annotate", str(folder), "--out", str(out), "--model", str(tiny_model), *choices]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["annotate"],
        ["annotate", "photos"],
        ["annotate", "photos", "--out", "o", "--vote-threshold", "1.5"],
        ["annotate", "photos", "--out", "o", "--grouping", "kmeans"],
        ["annotate", "photos", "--out", "o", "--proposals", "boxes"],
        ["annotate", "photos", "--out", "o", "--quality", "perfect"],
        ["app", "photos", "--quality", "perfect"],
        ["unknown"],
    ],
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: densepose-annotator" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *([*name.split(), "--help"] for name in ("annotate", "texture", "evaluate", "info", "dataset stats")),
    ],
)
def test_help_needs_no_heavy_package(arguments: list[str]):
    code = (
        "import sys, time\nfrom annotator.cli import main\n"
        f"try:\n    main({arguments!r})\nfinally:\n"
        "    heavy = {'keras', 'tensorflow', 'jax', 'fiftyone', 'onnxruntime', 'sklearn', 'cv2'}\n"
        "    print('heavy:', sorted(heavy & set(sys.modules)))\n"
        "    print(time.process_time())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *usage, heavy, seconds = result.stdout.splitlines()
    assert "usage: densepose-annotator" in "\n".join(usage)
    assert heavy == "heavy: []"
    # Of the processor: others may be busy with it, too.
    assert float(seconds) < 1
