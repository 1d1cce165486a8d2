import pytest

from annotator.cli import main
from annotator.cli.annotate import tell
from annotator.cli.shards import part_of
from annotator.cluster.run import Part
from annotator.runs.labels_file import FolderSummary
from tests.annotator.conftest import draw_photo, tiny_model  # noqa: F401

KUBERNETES = {"JOB_COMPLETION_INDEX": "0"}
SLURM = {
    "SLURM_ARRAY_TASK_ID": "7",
    "SLURM_ARRAY_TASK_MIN": "1",
    "SLURM_ARRAY_TASK_STEP": "2",
    "SLURM_ARRAY_TASK_COUNT": "5",
}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("1/4", {}, Part(1, 4)),
        ("4/4", KUBERNETES, Part(4, 4)),
        ("auto/8", KUBERNETES, Part(1, 8)),
        ("auto/8", {"JOB_COMPLETION_INDEX": "7"}, Part(8, 8)),
        ("auto", SLURM, Part(4, 5)),
        ("auto/9", {"SLURM_ARRAY_TASK_ID": "3"}, Part(4, 9)),
        ("0/4", {}, "--shard must be K/N with 1 ≤ K ≤ N, not 0/4"),
        ("5/4", {}, "with 1 ≤ K ≤ N, not 5/4"),
        ("3", {}, "must be K/N, auto/N or, in a Slurm array, auto; not '3'"),
        ("a/b", {}, "must be K/N"),
        ("auto", KUBERNETES, "must be K/N"),
        ("auto", {}, "neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x', not a number"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "4"}, "not 5/4"),
    ],
)
def test_the_part_of_a_job(text: str, environment: dict[str, str], expected: Part | str):
    if isinstance(expected, Part):
        assert part_of(text, environment) == expected
    else:
        with pytest.raises(ValueError, match=expected.replace("(", r"\(")):
            part_of(text, environment)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cluster-workers", "2"], "--cluster-workers needs --cluster"),
        (["--worker-gpus", "1"], "--worker-gpus needs --cluster"),
        (["--cluster", "--shard", "1/2"], "--shard is for jobs without a cluster"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, capsys, options: list[str], message: str):
    assert main(["annotate", str(tmp_path), "--out", str(tmp_path / "labels.json"), *options]) == 1
    assert message in capsys.readouterr().err


def test_the_driver_of_a_cluster_needs_not_the_device_of_its_workers(tmp_path, capsys, tiny_model):  # noqa: F811
    draw_photo(tmp_path / "photos" / "1.png", [(8, 20, 36, 60, 10)])
    options = ["--out", str(tmp_path / "labels.json"), "--model", str(tiny_model), "--proposals", "votes"]
    command = ["annotate", str(tmp_path / "photos"), *options, "--cluster", "127.0.0.1:1", "--device", "cuda"]
    assert main(command) == 1
    said = capsys.readouterr()
    assert said.out == "tiny-1 on a cluster\n"
    # It has come as far as the cluster.
    assert "no Ray cluster answers at 127.0.0.1:1" in said.err or "--cluster needs Ray" in said.err


def test_files_may_be_named_by_uris(tmp_path, capsys, tiny_model):  # noqa: F811
    draw_photo(tmp_path / "photos" / "1.png", [(8, 20, 36, 60, 10)])
    out = tmp_path / "labels.json"
    options = ["--model", str(tiny_model), "--proposals", "votes"]
    assert main(["annotate", f"file://{tmp_path}/photos", "--out", f"file://{out}", *options]) == 0
    assert f"1 people on 1 photos: file://{out}" in capsys.readouterr().out
    assert out.exists()


def test_the_list_of_failures_has_the_query_of_the_uri_at_its_end(capsys):
    query = "?endpoint_override=127.0.0.1:9&region=us-east-1&scheme=http"
    assert tell(FolderSummary(photos=2, people=1, failed=1), f"s3://bucket/labels.json{query}") == 0
    assert f": s3://bucket/labels.json.failures.jsonl{query}\n" in capsys.readouterr().out
