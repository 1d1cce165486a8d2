"""A training run: three stages, each with its own epochs, frozen nets and losses.

A run lives in one folder: ``config.json``, ``log.csv``, ``state.json`` and ``checkpoint.npz`` (from which a killed run
resumes), ``stage1.npz`` … ``stage3.npz`` (best weights of each stage), ``start3.npz`` (those that the third began with), plots
and the report.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from annotator.photos.atomic_files import whole_file
from model.batches import Batches, backgrounds_of, copy_paste_sources, errors_of, fill_up, pick, split
from model.cascade import Cascade
from model.config import RunConfig, StagePlan, read_config
from model.devices import device_count, dtype_policy
from model.evaluation import measure_stage, write_stage_report
from model.losses import Term, losses
from model.norms import folded_convolutions, interpolate_backbone, recalibrate_batch_norm
from model.plots import plot_run
from model.presets import CONTEXT, POSE, TRAINED_IN_STAGE, CascadeConfig, net_of
from model.progress import TrainingProgress
from model.sample_pool import SamplePool
from model.samples import View, make_sample
from model.schedule import LearningRate, averaged_weights, learning_rate, make_optimizer
from model.sources import DataError, Record
from model.validation import PeopleInBoxes, rank
from model.weights import WeightsError, load_backbone, load_weights, save_weights

VALIDATION_SAMPLES = 400
"""At most so many samples are validated after an epoch."""
NORM_BATCHES = 2
"""Batches from which a pretrained backbone's batch norm takes its first statistics."""
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


class Run:
    """One training run in its folder; :meth:`train` goes on where it stopped.

    Args:
        data: see :func:`model.batches.split`.

    Raises:
        DataError: in config or data, naming file and field; or the folder holds a run with another config that has
            finished an epoch already.
    """

    def __init__(self, config: RunConfig, out: str | Path, data: list[list[Record]] | None = None):
        self.config = config
        self.out = Path(out)
        self.callbacks: list[keras.callbacks.Callback] = []
        """Of the calls of ``fit``, besides the schedule's."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.progress = TrainingProgress(self.out)
        written = self.out / "config.json"
        begun = self.progress.begun and written.exists()
        # Not its text: fields that came later have their defaults.
        if begun and written.read_text(encoding="utf-8") != config.to_json():
            before = read_config(written)
            changed = [f.name for f in fields(config) if getattr(before, f.name) != getattr(config, f.name)]
            if changed:
                raise DataError(
                    f"{written}: this folder holds a run with another config ({', '.join(changed)}); use another --out"
                )
        for i, plan in enumerate(config.stages):
            if plan.batch % device_count():
                raise DataError(
                    f"stages[{i}].batch is {plan.batch}: must be a multiple of the {device_count()} devices that share it"
                )
        self.data, self.validation = split(config, data)
        self.people_in_boxes = PeopleInBoxes(self.validation)
        held_out = () if config.validation else self.validation
        pasted = copy_paste_sources(config.copy_paste_sources, backgrounds_of(self.data), held_out)
        self.pool = SamplePool(config.workers, pasted)
        if not begun:
            with whole_file(written) as temporary:
                temporary.write_text(config.to_json(), encoding="utf-8")

    @property
    def state(self) -> dict[str, Any]:
        """See :data:`model.progress.START`."""
        return self.progress.state

    def train(self) -> dict:
        """Run all stages that are left; returns the report."""
        for _ in self.epochs():
            pass
        return self.state["reports"]

    def epochs(self) -> Iterator[int]:
        """As :meth:`train`; yields after each epoch how many are done, of all stages, those before included."""
        before = [0, *accumulate(plan.epochs for plan in self.config.stages)]
        try:
            while self.state["stage"] <= 3:
                stage = self.state["stage"]
                for epoch in self._stage(stage):
                    yield before[stage - 1] + epoch
        finally:
            self.pool.close()

    def _cascade(self, stage: int) -> Cascade:
        nets = sum((TRAINED_IN_STAGE[s] for s in range(1, stage + 1)), ())
        config, fresh = self.config, stage == 1 and self.state["epoch"] == 0
        # For new nets: a run that is killed before its first epoch is done starts the same again.
        keras.utils.set_random_seed((config.seed + stage) % 2**32)
        backbone = config.backbone_weights if config.backbone_share or not config.start_weights else None
        if backbone == "imagenet" and not fresh:
            backbone = None
        with dtype_policy(config.precision):
            cascade = _build(config.model, nets, backbone)
        if config.start_weights:
            past = folded_convolutions(cascade)
            load_weights(cascade, config.start_weights)
            if backbone and fresh:
                interpolate_backbone(cascade, past, config.backbone_share)
        if backbone and fresh:
            batches = self.batches(stage, config.stages[0], 0)
            count = min(len(batches), NORM_BATCHES)
            recalibrate_batch_norm(cascade, np.concatenate([batches[i][0] for i in range(count)]))
        if stage > 1:
            load_weights(cascade, self.out / f"stage{stage - 1}.npz")
        return cascade

    def _stage(self, stage: int) -> Iterator[int]:
        """Train a stage; yields after each epoch its number from 1."""
        plan = self.config.stages[stage - 1]
        cascade = self._cascade(stage)
        if stage == 3 and self.state["epoch"] == 0:
            save_weights(cascade, self.out / "start3.npz")
        with dtype_policy(self.config.precision):
            learner = Learner(cascade, plan.terms)
        best = self.out / f"stage{stage}.npz"
        compiled = None
        for epoch in range(self.state["epoch"], plan.epochs):
            if plan.patience and epoch - self.state["best_epoch"] >= plan.patience:
                break
            frozen, frozen_batch_norm = plan.frozen_at(epoch), plan.frozen_batch_norm_at(epoch)
            if (frozen, frozen_batch_norm) != compiled:
                self.compile(learner, stage, plan, frozen=frozen, frozen_batch_norm=frozen_batch_norm)
                if compiled is None and epoch > 0:
                    self.progress.load(cascade, learner.optimizer)
                compiled = (frozen, frozen_batch_norm)
            elif plan.size_at(epoch) != plan.size_at(epoch - 1):
                # A graph for the new size: one for any size is slower, and Keras cannot resize in it.
                learner.make_train_function(force=True)
            print(
                f"stage {stage}, epoch {epoch + 1} of {plan.epochs}{' (frozen)' if frozen else ''}",
                flush=True,
            )
            with errors_of(self.batches(stage, plan, epoch)) as batches:
                schedule = LearningRate(partial(learning_rate, plan), epoch)
                fitted = learner.fit(
                    batches, callbacks=[schedule, *self.callbacks], shuffle=False, verbose=VERBOSITY
                )
            row = {name: float(values[-1]) for name, values in fitted.history.items()}
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(f"stage {stage}, epoch {epoch + 1}: the loss is {row['loss']}")
            with averaged_weights(learner.optimizer):
                row |= self._validate(learner, plan)
                if stage == 3:  # earlier stages lack outputs that a person needs
                    row |= self.people_in_boxes.measure(cascade)
                improved = self.state["best"] is None or rank(row) < self.state["best"]
                if improved:
                    save_weights(cascade, best)
            self.progress.log(stage, epoch + 1, learning_rate(plan, epoch + 1), row)
            changes = {"best": rank(row), "best_epoch": epoch + 1} if improved else {}
            self.progress.save(cascade, learner.optimizer, epoch=epoch + 1, **changes)
            plot_run(self.out)
            yield epoch + 1
        if self.state["best_epoch"]:
            load_weights(cascade, best)
        else:  # no epochs: the stage leaves the weights as they are
            save_weights(cascade, best)
        reports = {
            **self.state["reports"],
            str(stage): measure_stage(cascade, self.validation, cascade.config.input_size),
        }
        write_stage_report(self.out, self.config, reports)
        self.progress.update(stage=stage + 1, epoch=0, best=None, best_epoch=0, reports=reports)

    def compile(
        self, learner: Learner, stage: int, plan: StagePlan, *, frozen: bool, frozen_batch_norm: bool
    ) -> None:
        """Prepare a learner for an epoch: its optimizer, and which layers are trainable.

        Raises:
            DataError: none is.
        """
        cascade = learner.cascade
        if stage == 1 and not plan.learning:
            old = set(cascade.backbone_layers)
        else:
            # The context net reads what the third stage adds, and the pose net adds to it.
            added = (*TRAINED_IN_STAGE[stage], CONTEXT, POSE) if stage == 3 else TRAINED_IN_STAGE[stage]
            nets = plan.learning or added
            old = {layer.name for layer in cascade.layers if net_of(layer.name) not in nets}
        for layer in cascade.layers:
            layer.trainable = not (frozen and layer.name in old)
            if frozen_batch_norm and isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        if not learner.trainable_variables:
            raise DataError(
                f"stages[{stage - 1}].learning: stage {stage} has no {', '.join(plan.learning)}: name nets of it "
                "or of an earlier stage, or none"
            )
        jit = self.config.jit_compile
        if jit is None:
            jit = keras.backend.backend() == "jax"
        learner.compile(optimizer=make_optimizer(self.config, plan, cascade), jit_compile=jit)
        cascade.jit_compile = jit  # predicts for itself in the validation
        # Not the one that was made: with mixed_float16 it is inside one that scales the loss.
        learner.optimizer.build(learner.trainable_variables)

    def _view(self, size: int) -> View:
        network = self.config.model
        views = (self.config.person_view, self.config.window_view)
        return View(size, network.output_stride, network.input_size, network.head_vector_targets, *views)

    def batches(self, stage: int, plan: StagePlan, epoch: int) -> Batches:
        """The training data of one epoch."""
        seed = (self.config.seed, stage, epoch)
        count = plan.steps * plan.batch if plan.steps else sum(map(len, self.data))
        picks = pick(self.config.data, self.data, count, np.random.default_rng(seed))
        view = self._view(plan.size_at(epoch))
        make = partial(make_sample, view=view, augmentation=self.config.augmentation)
        return Batches(make, fill_up(picks, device_count()), plan.batch, seed, self.pool)

    def _validate(self, learner: Learner, plan: StagePlan) -> dict[str, float]:
        """Losses on whole images at the stage's last size, so that epochs can be compared."""
        step = math.ceil(len(self.validation) / VALIDATION_SAMPLES)
        view = self._view(plan.size_at(plan.epochs))
        records = fill_up(self.validation[::step], device_count())
        make = partial(make_sample, view=view, augmentation=None)
        batches = Batches(make, records, plan.batch, (0,), self.pool)
        with errors_of(batches):
            losses = learner.evaluate(batches, return_dict=True, verbose=0)
        return {f"val_{name}": float(value) for name, value in losses.items()}


def _build(config: CascadeConfig, nets: tuple[str, ...], backbone_weights: str | None) -> Cascade:
    if backbone_weights not in (None, "imagenet"):
        cascade = Cascade(config, nets)
        try:
            load_backbone(cascade, backbone_weights)
        except WeightsError as error:
            raise DataError(f"backbone_weights: {error}. scripts/convert-movenet makes one") from error
        return cascade
    try:
        return Cascade(config, nets, imagenet=backbone_weights is not None)
    except Exception as error:  # Keras reports a failed download with the base class
        if backbone_weights is None:
            raise
        raise DataError(
            f"backbone_weights: {backbone_weights} cannot be loaded: {error}. Where there is no network, put that file "
            "into ~/.keras/models, give a weights file (.npz), or none for a random start"
        ) from error


def train(config: RunConfig, out: str | Path) -> dict:
    """Train all three stages into a folder, or go on with the run that is there.

    Returns:
        The report: stage (as a string) → table of :func:`model.evaluation.measure_stage`.

    Raises:
        DataError: in config or data, naming file and field.
    """
    return Run(config, out).train()
