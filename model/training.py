"""The three training stages: batches, schedule, checkpoints, log.

A run lives in one folder: ``config.json``, ``log.csv``, ``state.json`` and ``checkpoint.npz`` (where a killed run
goes on), ``stage1.npz`` … ``stage3.npz`` (best weights of each stage), ``start3.npz`` (those that the third began with), plots
and the report.
"""

from __future__ import annotations

import csv
import json
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import keras
import numpy as np
from keras import ops

from annotator.photos.atomic_files import whole_file
from model.augmentation import Augmentation
from model.cascade import CONTEXT, POSE, PRESETS, STAGE_NETS, TRAINED_IN_STAGE, Cascade, CascadeConfig
from model.config import RunConfig, StagePlan, check_config, read_config
from model.evaluation import evaluate, write_report
from model.losses import Term, losses
from model.norms import folded, go_back, measure_norms
from model.pasting import Stock, stock_of
from model.plots import plot_run
from model.samples import View, make_sample
from model.sources import DataError, Record, Source, read_source
from model.weights import WeightsError, load_weights, save_arrays, save_weights

VALIDATION_SAMPLES = 400
"""At most so many samples decide which epoch was best."""
NORM_BATCHES = 2
"""Batches from which a pretrained backbone's batch norm takes its first statistics."""
START = {"stage": 1, "epoch": 0, "best": None, "best_epoch": 0, "reports": {}}
"""State of a run: the stage it is in, epochs of that which are done, the best validation loss and its epoch (0 for
none), and the reports of the stages that are done."""
STATE_KEY = "state"
"""Of the state among a checkpoint's arrays; checkpoints of earlier versions lack it."""
VERBOSITY = "auto" if sys.stdout.isatty() else 2
"""Of Keras: a progress bar in a terminal, one line an epoch in a log file."""


class Learner(keras.Model):
    """A cascade with its masked losses, for ``fit``."""

    def __init__(self, cascade: Cascade, terms: dict[str, Term]):
        super().__init__(name="learner")
        self.cascade = cascade
        self.terms = terms
        self.trackers = [keras.metrics.Mean(name=name) for name in terms if name in cascade.stage_nets]

    def call(self, images, training=None):
        return self.cascade(ops.cast(images, "float32"), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = losses(y, y_pred, self.terms)
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        return sum(terms.values())


class Batches(keras.utils.PyDataset):
    """Batches of one epoch; which samples and how they are augmented follow from (seed, stage, epoch)."""

    def __init__(
        self,
        picks: list[Record],
        batch: int,
        view: View,
        augmentation: Augmentation | None,
        seed: tuple[int, ...],
        workers: int,
        stock: Stock | None = None,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self.picks = picks
        self.batch = batch
        self.view = view
        self.augmentation = augmentation
        self.seed = seed
        self.stock = stock
        self.error: Exception | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.picks) / self.batch)

    def _sample(self, index: int):
        rng = np.random.default_rng((*self.seed, index))
        return make_sample(self.picks[index], self.view, self.augmentation, rng, self.stock)

    def __getitem__(self, index: int):
        start = index * self.batch
        try:
            samples = [self._sample(i) for i in range(start, min(start + self.batch, len(self.picks)))]
        except ValueError as error:
            self.error = error
            raise
        images = np.stack([image for image, _ in samples])
        return images, {name: np.stack([labels[name] for _, labels in samples]) for name in samples[0][1]}


@contextmanager
def errors_of(batches: Batches) -> Iterator[Batches]:
    """What went wrong with the data, which Keras hides in errors of its own."""
    try:
        yield batches
    except Exception:
        if batches.error is not None:
            raise batches.error from None
        raise


def make_optimizer(config: RunConfig, plan: StagePlan, cascade: Cascade) -> keras.optimizers.Optimizer:
    """The optimizer of a stage; the backbone follows at its own rate."""
    kind = type(keras.optimizers.get(config.optimizer))
    backbone = set(cascade.backbone_layers)

    class WithSlowBackbone(kind):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            # Keras has no learning rate by layer; here all backends still have Keras's own variables.
            slow = [v.path.split("/")[0] in backbone for v in trainable_variables]
            for of_backbone, rate in ((False, 1.0), (True, config.backbone_rate)):
                group = [
                    pair
                    for pair, is_slow in zip(zip(grads, trainable_variables, strict=True), slow, strict=True)
                    if is_slow == of_backbone
                ]
                if group:
                    super()._backend_update_step(*map(list, zip(*group, strict=True)), learning_rate * rate)

    return WithSlowBackbone(learning_rate=plan.learning_rate, clipnorm=config.clipnorm, name=config.optimizer)


def learning_rate(plan: StagePlan, progress: float) -> float:
    """Learning rate after ``progress`` epochs."""
    if plan.schedule == "cosine":
        warm = min(1.0, (progress + 0.05) / 0.5)
        fall = 0.5 * (1 + math.cos(math.pi * min(progress / plan.epochs, 1.0)))
        return plan.learning_rate * warm * (0.01 + 0.99 * fall)
    factors = [factor for epoch, factor in plan.drops if progress >= epoch]
    return plan.learning_rate / (factors[-1] if factors else 1.0)


def split(
    config: RunConfig, data: list[list[Record]] | None = None
) -> tuple[list[list[Record]], list[Record]]:
    """Training records by source, and validation records.

    Without validation sources a fixed share of the images is held out, chosen by a hash of file name, so
    that it stays the same when data is added.

    Args:
        data: the records of ``config.data``, where they have been read already.
    """
    if data is None:
        data = [read_source(source) for source in config.data]
    if not any(data):
        raise DataError("data: no images to train on")
    if config.validation:
        validation = [record for source in config.validation for record in read_source(source)]
        if not validation:
            raise DataError("validation: no images to measure on")
        return data, validation

    def held_out(record: Record) -> bool:
        return zlib.crc32(record.image["file_name"].encode()) / 2**32 < config.validation_share

    validation = [r for records in data for r in records if held_out(r)]
    data = [[r for r in records if not held_out(r)] for records in data]
    if not validation:
        several = [records for records in data if len(records) > 1]
        if not several:
            raise DataError("data: too few images to hold some out for validation; give `validation`")
        validation = [several[0].pop()]
    return data, validation


def shares_of(sources: Sequence[Source], records: Sequence[Sequence[Record]]) -> list[float]:
    """Relative shares of sources with these records: their weights, or what stands for 0 (:attr:`Source.weight`)."""
    total = sum(map(len, records))
    return [source.weight or len(some) / max(total, 1) for source, some in zip(sources, records, strict=True)]


def pick(
    config: RunConfig, plan: StagePlan, data: list[list[Record]], stage: int, epoch: int
) -> list[Record]:
    """The records of one epoch, sources mixed by their weights."""
    rng = np.random.default_rng((config.seed, stage, epoch))
    total = sum(map(len, data))
    count = plan.steps * plan.batch if plan.steps else total
    shares = np.array(shares_of(config.data, data), float)
    shares[[not records for records in data]] = 0
    if shares.sum() <= 0:
        raise DataError("data: no images")
    counts = np.floor(np.cumsum(shares / shares.sum()) * count + 0.5).astype(int)
    picks = []
    for records, number in zip(data, np.diff(counts, prepend=0), strict=True):
        rounds = math.ceil(number / len(records)) if records else 0
        order = np.concatenate([rng.permutation(len(records)) for _ in range(rounds)]) if rounds else []
        picks += [records[i] for i in order[:number]]
    rng.shuffle(picks)
    return picks


class Run:
    """One training run in its folder; :meth:`train` goes on where it stopped.

    Args:
        data: see :func:`split`.

    Raises:
        DataError: in config or data, naming file and field; or the folder holds a run with another config that has
            learnt something already.
    """

    def __init__(self, config: RunConfig, out: str | Path, data: list[list[Record]] | None = None):
        check_config(config)
        self.config = config
        self.out = Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.state = self._read_state()
        written = self.out / "config.json"
        begun = _place(self.state) > _place(START) and written.exists()
        # Not its text: fields that came later have their defaults.
        if (
            begun
            and written.read_text(encoding="utf-8") != config.to_json()
            and read_config(written) != config
        ):
            raise DataError(f"{written}: this folder holds a run with another config; use another --out")
        self.data, self.validation = split(config, data)
        self.stock = _stock(config, self.data, self.validation)
        if not begun:
            with whole_file(written) as temporary:
                temporary.write_text(config.to_json(), encoding="utf-8")

    def _read_state(self) -> dict:
        path = self.out / "state.json"
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else START
        path = self.out / "checkpoint.npz"
        if path.exists():
            with np.load(path) as file:
                # A kill between checkpoint and state: the epoch is done.
                if STATE_KEY in file.files:
                    state = max(state, json.loads(str(file[STATE_KEY])), key=_place)
        return dict(state)

    def _write_state(self, **changes) -> None:
        self.state |= changes
        with whole_file(self.out / "state.json") as temporary:
            temporary.write_text(json.dumps(self.state, indent=2), encoding="utf-8")

    def train(self) -> dict:
        """Run all stages that are left; returns the report."""
        for _ in self.epochs():
            pass
        return self.state["reports"]

    def epochs(self) -> Iterator[int]:
        """As :meth:`train`; yields after each epoch how many are done, of all stages, those before included."""
        before = [0, *accumulate(plan.epochs for plan in self.config.stages)]
        while self.state["stage"] <= 3:
            stage = self.state["stage"]
            for epoch in self._stage(stage):
                yield before[stage - 1] + epoch

    def _cascade(self, stage: int) -> Cascade:
        nets = sum((TRAINED_IN_STAGE[s] for s in range(1, stage + 1)), ())
        config, fresh = self.config, stage == 1 and self.state["epoch"] == 0
        # Of new nets: a run that is killed before its first epoch is done begins as it did.
        keras.utils.set_random_seed((config.seed + stage) % 2**32)
        backbone = config.backbone_weights if config.backbone_share or not config.start_weights else None
        if backbone == "imagenet" and not fresh:
            backbone = None
        cascade = _build(PRESETS[config.preset], nets, backbone)
        if config.start_weights:
            past = folded(cascade)
            load_weights(cascade, config.start_weights)
            if backbone and fresh:
                go_back(cascade, past, config.backbone_share)
        if backbone and fresh:
            batches = self.batches(stage, config.stages[0], 0)
            count = min(len(batches), NORM_BATCHES)
            measure_norms(cascade, np.concatenate([batches[i][0] for i in range(count)]))
        if stage > 1:
            load_weights(cascade, self.out / f"stage{stage - 1}.npz")
        return cascade

    def _stage(self, stage: int) -> Iterator[int]:
        """Train a stage; yields after each epoch its number from 1."""
        plan = self.config.stages[stage - 1]
        cascade = self._cascade(stage)
        if stage == 3 and self.state["epoch"] == 0:
            save_weights(cascade, self.out / "start3.npz")
        learner = Learner(cascade, plan.terms)
        best = self.out / f"stage{stage}.npz"
        compiled = None
        for epoch in range(self.state["epoch"], plan.epochs):
            if plan.patience and epoch - self.state["best_epoch"] >= plan.patience:
                break
            frozen, settled = plan.frozen_at(epoch), plan.settled_at(epoch)
            if (frozen, settled) != compiled:
                self.compile(learner, stage, plan, frozen=frozen, settled=settled)
                if compiled is None and epoch > 0:
                    self._load_checkpoint(learner)
                compiled = (frozen, settled)
            elif plan.size_at(epoch) != plan.size_at(epoch - 1):
                # A graph for the new size: one for any size is slower, and Keras cannot resize in it.
                learner.make_train_function(force=True)
            print(
                f"stage {stage}, epoch {epoch + 1} of {plan.epochs}{' (frozen)' if frozen else ''}",
                flush=True,
            )
            with errors_of(self.batches(stage, plan, epoch)) as batches:
                schedule = _Schedule(plan, epoch)
                fitted = learner.fit(batches, callbacks=[schedule], shuffle=False, verbose=VERBOSITY)
            row = {name: float(values[-1]) for name, values in fitted.history.items()}
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(f"stage {stage}, epoch {epoch + 1}: the loss is {row['loss']}")
            row |= self._validate(learner, plan)
            improved = self.state["best"] is None or row["val_loss"] < self.state["best"]
            if improved:
                save_weights(cascade, best)
            self._log(stage, epoch, row, learning_rate(plan, epoch + 1))
            changes = {"best": row["val_loss"], "best_epoch": epoch + 1} if improved else {}
            self._save_progress(learner, epoch=epoch + 1, **changes)
            plot_run(self.out)
            yield epoch + 1
        if self.state["best_epoch"]:
            load_weights(cascade, best)
        else:  # a stage of 0 epochs hands on what it was given
            save_weights(cascade, best)
        reports = {
            **self.state["reports"],
            str(stage): evaluate(cascade, self.validation, cascade.config.input_size),
        }
        write_report(self.out, self.config, reports)
        self._write_state(stage=stage + 1, epoch=0, best=None, best_epoch=0, reports=reports)

    def compile(self, learner: Learner, stage: int, plan: StagePlan, *, frozen: bool, settled: bool) -> None:
        """Make a learner ready for an epoch: its optimizer, and what of the cascade learns.

        Raises:
            DataError: nothing does.
        """
        cascade = learner.cascade
        if stage == 1 and not plan.learning:
            old = set(cascade.backbone_layers)
        else:
            # The context net reads what the third stage adds, and the pose net adds to it.
            added = (*TRAINED_IN_STAGE[stage], CONTEXT, POSE) if stage == 3 else TRAINED_IN_STAGE[stage]
            nets = plan.learning or added
            new = tuple(f"{name}_" for name in nets)
            old = {
                layer.name
                for layer in cascade.layers
                if not layer.name.startswith(new) and layer.name not in nets
            }
        for layer in cascade.layers:
            layer.trainable = not (frozen and layer.name in old)
            if settled and isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        if not learner.trainable_variables:
            raise DataError(
                f"stages[{stage - 1}].learning: stage {stage} has no {', '.join(plan.learning)}: name nets of it "
                "or of an earlier stage, or none"
            )
        optimizer = make_optimizer(self.config, plan, cascade)
        # XLA's convolutions are slow on a CPU under TensorFlow; JAX knows no other way.
        learner.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")
        optimizer.build(learner.trainable_variables)

    def _view(self, size: int) -> View:
        preset = PRESETS[self.config.preset]
        views = (self.config.person_view, self.config.window_view)
        return View(size, preset.output_stride, preset.input_size, preset.votes, *views)

    def batches(self, stage: int, plan: StagePlan, epoch: int) -> Batches:
        """The training data of one epoch."""
        picks = pick(self.config, plan, self.data, stage, epoch)
        view = self._view(plan.size_at(epoch))
        seed = (self.config.seed, stage, epoch)
        return Batches(
            picks, plan.batch, view, self.config.augmentation, seed, self.config.workers, self.stock
        )

    def _validate(self, learner: Learner, plan: StagePlan) -> dict[str, float]:
        """Losses on whole images at the stage's last size, so that epochs can be compared."""
        step = math.ceil(len(self.validation) / VALIDATION_SAMPLES)
        view = self._view(plan.size_at(plan.epochs))
        batches = Batches(self.validation[::step], plan.batch, view, None, (0,), self.config.workers)
        with errors_of(batches):
            losses = learner.evaluate(batches, return_dict=True, verbose=0)
        return {f"val_{name}": float(value) for name, value in losses.items()}

    def _log(self, stage: int, epoch: int, row: dict[str, float], rate: float) -> None:
        names = ["loss", *STAGE_NETS]
        columns = ["stage", "epoch", "learning_rate", *names, *(f"val_{name}" for name in names)]
        path = self.out / "log.csv"
        # A kill between log and checkpoint repeats an epoch: its old row goes.
        rows = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [
                    r for r in csv.DictReader(file) if (int(r["stage"]), int(r["epoch"])) < (stage, epoch + 1)
                ]
        rows.append({"stage": stage, "epoch": epoch + 1, "learning_rate": f"{rate:.3e}"} | {
            name: f"{value:.5g}" for name, value in row.items() if name in columns
        })  # fmt: skip
        with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def _save_progress(self, learner: Learner, **changes) -> None:
        """Write checkpoint and state; the checkpoint has the state in it, because it must say whose weights it holds."""
        state = np.array(json.dumps(self.state | changes))
        save_arrays(self.out / "checkpoint.npz", _checkpoint(learner) | {STATE_KEY: state})
        self._write_state(**changes)

    def _load_checkpoint(self, learner: Learner) -> None:
        path = self.out / "checkpoint.npz"
        with np.load(path) as file:
            stored = {name: file[name] for name in file.files if name != STATE_KEY}
        variables = _checkpoint_variables(learner)
        if set(stored) - set(variables) or len(stored) != len(variables):
            # The epoch before was the last of its kind: the optimizer starts afresh, as it would have.
            variables = {name: v for name, v in variables.items() if name.startswith("model/")}
        for name, variable in variables.items():
            variable.assign(stored[name])


def _stock(config: RunConfig, data: list[list[Record]], validation: list[Record]) -> Stock:
    empty = [r for records in data for r in records if r.complete and not r.annotations]
    # What `split` has held out is not pasted either.
    apart = set() if config.validation else {record.path.resolve() for record in validation}
    donors = [[r for r in read_source(source) if r.path.resolve() not in apart] for source in config.donors]
    return stock_of(donors, shares_of(config.donors, donors), empty)


def _place(state: dict) -> tuple[int, int]:
    return state["stage"], state["epoch"]


def _checkpoint_variables(learner: Learner) -> dict:
    model = {f"model/{v.path}": v for v in learner.cascade.variables}
    return model | {f"optimizer/{i}/{v.path}": v for i, v in enumerate(learner.optimizer.variables)}


def _checkpoint(learner: Learner) -> dict[str, np.ndarray]:
    return {name: ops.convert_to_numpy(v) for name, v in _checkpoint_variables(learner).items()}


class _Schedule(keras.callbacks.Callback):
    """Sets the learning rate before every batch."""

    def __init__(self, plan: StagePlan, epoch: int):
        super().__init__()
        self.plan = plan
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        progress = self.epoch + batch / self.params["steps"]
        self.model.optimizer.learning_rate = learning_rate(self.plan, progress)


def _build(preset: CascadeConfig, nets: tuple[str, ...], backbone_weights: str | None) -> Cascade:
    if backbone_weights not in (None, "imagenet"):
        cascade = Cascade(preset, nets)
        try:
            load_weights(cascade, backbone_weights)
        except WeightsError as error:
            raise DataError(f"backbone_weights: {error}. scripts/convert-movenet makes one") from error
        return cascade
    try:
        return Cascade(preset, nets, imagenet=backbone_weights is not None)
    except Exception as error:  # Keras reports a failed download with the base class
        if backbone_weights is None:
            raise
        raise DataError(
            f"backbone_weights: {backbone_weights} cannot be loaded: {error}. Give a weights file, as "
            "scripts/convert-movenet makes it, or none for a random start"
        ) from error


def train(config: RunConfig, out: str | Path) -> dict:
    """Train all three stages into a folder, or go on with the run that is there.

    Returns:
        The report: stage (as a string) → table of :func:`model.evaluation.evaluate`.

    Raises:
        DataError: in config or data, naming file and field.
    """
    return Run(config, out).train()
