"""The progress of a retraining, read from the files in its folder."""

from pathlib import Path

import pytest

from annotator.retraining.corrections import CORRECTIONS
from annotator.retraining.progress import MASKS_KEPT, REPORT, Progress

LOG = "stage,epoch,loss,val_loss\n3,1,0.5,0.7\n3,2,0.25,0.625\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spring" / "run").mkdir(parents=True)
    (tmp_path / "spring" / CORRECTIONS).write_text("[]")
    return tmp_path / "spring"


def test_a_run_that_has_not_learned_yet(folder: Path):
    progress = Progress(folder)
    assert (progress.begun, progress.finished, progress.losses) == (True, False, [])
    assert progress.describe() == f"`{folder}`: the first epoch is not done yet."


def test_a_run_that_learns(folder: Path):
    (folder / "run" / "log.csv").write_text(LOG)
    (folder / "pose").mkdir()
    progress = Progress(folder)
    assert progress.curves == {"training": [0.5, 0.25], "held out of training": [0.7, 0.625]}
    said = progress.describe()
    assert said.startswith(f"`{folder}`: epoch 2 done at ")
    assert said.endswith(", loss 0.250, held out of training 0.625.")
    (folder / "finder").mkdir()
    (folder / "finder" / "log.csv").write_text("epoch,loss,val_ap50\n1,0.75,0.5\n")
    assert progress.describe() == f"{said} Of the person finder: epoch 1, loss 0.750."
    assert progress.finder_losses == [{"epoch": 1, "loss": 0.75, "val_ap50": 0.5}]
    (folder / "pose" / "log.csv").write_text("epoch,loss,val_quality\n1,0.5,0.25\n2,0.375,\n")
    assert progress.describe().endswith(" Of the pose estimator: epoch 2, loss 0.375.")
    assert progress.pose_losses == [
        {"epoch": 1, "loss": 0.5, "val_quality": 0.25},
        {"epoch": 2, "loss": 0.375},
    ]


def test_a_run_without_masks_to_learn_from(folder: Path):
    (folder / "run" / "log.csv").write_text(LOG)
    assert Progress(folder).describe().endswith(f"held out of training 0.625. {MASKS_KEPT}")


def test_a_finished_run(folder: Path):
    (folder / "run" / "log.csv").write_text(LOG)
    (folder / REPORT).write_text("# old and new")
    assert Progress(folder).finished
    assert Progress(folder).describe() == f"`{folder}` is finished."


def test_where_a_run_may_start_or_go_on(folder: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    free = {path: Progress(path).is_free for path in (folder, tmp_path / "new", tmp_path / "empty")}
    assert all(free.values())
    assert not Progress(tmp_path).is_free
    assert not Progress(tmp_path / "notes.txt").is_free
