"""The progress of a run: its state, the checkpoint from which it resumes, and its log, each a file in the run's folder."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from annotator.photos.atomic_files import whole_file
from model.presets import STAGE_NETS
from model.validation import SCORES
from model.weights import CONFIG_KEY, WeightsError, save_arrays

START = {"stage": 1, "epoch": 0, "best": None, "best_epoch": 0, "reports": {}}
"""State of a run: the stage it is in, epochs of that which are done, the best :func:`~model.validation.rank` and its
epoch (0 for none), and the reports of the stages that are done."""
STATE_KEY = "state"
"""Of the state among a checkpoint's arrays; checkpoints of earlier versions lack it and the
network's config, whose name there is that in weights files."""
LOSSES = ["loss", *STAGE_NETS]
COLUMNS = ["stage", "epoch", "learning_rate", *LOSSES, *(f"val_{name}" for name in LOSSES), *SCORES]
"""Of the log."""


class TrainingProgress:
    """State, checkpoint and log of the run in a folder; what is killed while it writes leaves the last state.

    Args:
        columns: of the log.
    """

    def __init__(self, out: Path, columns: Sequence[str] = COLUMNS):
        self.out = out
        self.columns = columns
        path = out / "state.json"
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else START
        if (checkpoint := out / "checkpoint.npz").exists():
            with np.load(checkpoint) as file:
                # A kill between checkpoint and state: the epoch is done.
                if STATE_KEY in file.files:
                    state = max(state, json.loads(str(file[STATE_KEY])), key=_position)
        self.state: dict[str, Any] = dict(state)

    @property
    def begun(self) -> bool:
        """Whether an epoch is done."""
        return _position(self.state) > _position(START)

    def update(self, **changes) -> None:
        """Change the state and write it."""
        self.state |= changes
        with whole_file(self.out / "state.json") as temporary:
            temporary.write_text(json.dumps(self.state, indent=2), encoding="utf-8")

    def save(self, model: keras.Model, optimizer: keras.optimizers.Optimizer, **changes) -> None:
        """Write the checkpoint of an epoch that is done, and change the state."""
        arrays = {name: ops.convert_to_numpy(v) for name, v in _variables(model, optimizer).items()}
        # The state is in the checkpoint, too, which must say whose weights it holds.
        described = {STATE_KEY: self.state | changes, CONFIG_KEY: _config_of(model)}
        described = {name: np.array(json.dumps(value)) for name, value in described.items()}
        save_arrays(self.out / "checkpoint.npz", arrays | described)
        self.update(**changes)

    def load(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Fill a model and its optimizer from the checkpoint.

        Raises:
            WeightsError: it is one of another network.
        """
        path = self.out / "checkpoint.npz"
        with np.load(path) as file:
            stored = {name: file[name] for name in file.files}
        stored.pop(STATE_KEY, None)
        now = _config_of(model)
        then = json.loads(str(stored.pop(CONFIG_KEY))) if CONFIG_KEY in stored else now
        if then != now:
            other = ", ".join(name for name in now if then.get(name) != now[name])
            raise WeightsError(
                f"{path}: holds another network: {other} is another than here; use another --out"
            )
        variables = _variables(model, optimizer)
        if set(stored) != set(variables):
            # Other layers were frozen in the epoch before: the optimizer starts afresh, as it would have.
            variables = {name: v for name, v in variables.items() if name.startswith("model/")}
        for name, variable in variables.items():
            variable.assign(stored[name])

    def log(self, stage: int, epoch: int, rate: float, losses: dict[str, float]) -> None:
        """Add an epoch, counted from 1, to ``log.csv``."""
        path = self.out / "log.csv"
        rows = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        # A kill between log and checkpoint repeats an epoch: its old row goes.
        rows = [row for row in rows if (int(row.get("stage", 1)), int(row["epoch"])) < (stage, epoch)]
        values = {name: f"{value:.5g}" for name, value in losses.items() if name in self.columns}
        row = {"stage": stage, "epoch": epoch, "learning_rate": f"{rate:.3e}"} | values
        rows.append({name: row.get(name, "") for name in self.columns})
        with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)


def _position(state: dict[str, Any]) -> tuple[int, int]:
    return state["stage"], state["epoch"]


def _config_of(model: keras.Model) -> dict[str, Any]:
    """The config of a network as it comes back from JSON."""
    return json.loads(json.dumps(dataclasses.asdict(model.config)))


def _variables(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    """By their names in a checkpoint."""
    variables = {f"model/{v.path}": v for v in model.variables}
    return variables | {f"optimizer/{i}/{v.path}": v for i, v in enumerate(optimizer.variables)}
