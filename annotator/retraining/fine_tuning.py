"""Retraining: fine-tune a model, with its person finder and pose estimator, on corrections, export it, and compare it with the
old one.

Everything lies in one folder:

- ``train/``, ``validation/``, ``held_out/`` and ``corrections.json``: see :mod:`annotator.retraining.corrections`,
- ``run/``, ``finder/`` and ``pose/``: the trainings of the three, the first with plots,
- ``model.onnx``, ``finder.onnx`` and ``pose.onnx``: the new model, and with ``.npz`` the weights of each,
- ``status.json``: what it is doing, see :mod:`annotator.retraining.status`,
- ``report.json``, ``report-by-humans.json`` and ``report.md``: see :mod:`annotator.retraining.comparison`.

The old model stays as it is; labels change only when somebody annotates with the new one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import Fields, check_people, require_fields
from annotator.dataset.info import last_settings
from annotator.dataset.views import photos_of
from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.inference.settings import Settings
from annotator.photos.atomic_files import whole_file
from annotator.retraining.comparison import Comparison
from annotator.retraining.corrections import (
    Subset,
    read_corrections,
    read_left_out,
    write_corrections,
)
from annotator.retraining.lock import only_run_in
from annotator.retraining.outcome import Outcome
from annotator.retraining.parts import MODEL, export, parts_of, trainings
from annotator.retraining.progress import Progress, last_run, remember_run
from annotator.retraining.status import STATUS, StatusWriter, read_status

if TYPE_CHECKING:
    import fiftyone as fo
    import keras

    from annotator.dataset.store import Samples
    from annotator.runs.dataset_annotation import Annotation
    from model.one_stage import OneStageRun
    from model.training import Run


@dataclass(frozen=True)
class FineTuning:
    """How long and on what to train.

    Raises:
        ValueError: a value out of range.
    """

    epochs: int = 5
    steps: int = 50
    """Batches per epoch."""
    batch: int = 16
    size: int = 256
    """Side of the samples in pixels."""
    learning_rate: float = 1e-4
    share: float = 0.5
    """Share of the samples that are corrections, where there is base data to keep the model from forgetting."""
    base: Path | None = None
    """Config of a training run, whose data are the rest."""
    held_out: float = 0.2
    """Share of the corrected photos that only serve for the comparison."""
    finder_epochs: int = 2
    """Epochs of the person finder, which learns from the boxes of the same data, see :mod:`model.finder.fine_tuning`."""
    pose_epochs: int = 2
    """Epochs of the pose estimator, which learns masks and charts from the same data, see :mod:`model.pose.fine_tuning`."""

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch", "finder_epochs", "pose_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("share", "held_out"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.size < 32 or self.size % 32:
            raise ValueError(f"size must be a multiple of 32, not {self.size}")


class Retraining:
    """A retraining in a folder.

    Finder and pose estimator are those that go with the model, see :func:`annotator.inference.finder.finder_beside` and
    :func:`annotator.inference.pose_estimator.pose_estimator_beside`. The finder learns where people are that it missed, and
    that nobody is where people were deleted, in photos whose people are all reviewed; the pose estimator learns masks and charts, and stays
    as it is where nobody who is trained on has a mask of their own.

    The constructor checks its arguments and writes nothing. Iterating does the work, and yields how many of
    ``len(self)`` steps are done; :meth:`run` does all of it. A failure before the first epoch leaves no trace. A run
    that was stopped later goes on in the same folder, with the corrections it began with; one that is finished has
    its outcome at once.

    Args:
        samples: a dataset or view with corrected people.
        out: the folder.
        prefix: of the names of the label fields.
        model: the ONNX file that made the labels.
        weights: its weights; default: the ``.npz`` beside it, or those of the package's model.
        model_id: of the new model; default: the old id and the folder's name.
        plan: how to train.
        relabel: at the end annotate the samples again, with the new model and the settings and folder of maps with which they
            were last annotated: people that nobody reviewed.

    Raises:
        FieldError: no people of that prefix; in the iteration, too few of them are corrected.
        ValueError: no weights, an id that is the old one's, or a folder that holds something else; in the iteration,
            a base config that does not fit, or another retraining at work in the folder.
        ImportError: in the iteration, what training needs is not installed.
    """

    def __init__(
        self,
        samples: Samples,
        out: str | Path,
        *,
        prefix: str = "dp",
        model: str | Path = DEFAULT_MODEL,
        weights: str | Path | None = None,
        model_id: str | None = None,
        plan: FineTuning | None = None,
        relabel: bool = False,
    ):
        check_people(samples, Fields(prefix))
        self.samples, self.prefix, self.relabel = photos_of(samples), prefix, relabel
        self.out, self.plan, self.old = Path(out).absolute(), plan or FineTuning(), Network(model)
        self.parts = parts_of(self.old, Path(weights) if weights else None, self.plan)
        self.model_id = model_id or f"{self.old.info.model_id}+{self.out.name}"
        if self.model_id == self.old.info.model_id:
            raise ValueError(f"model id {self.model_id!r} is the old model's: choose another")
        if not self.progress.is_free:
            raise ValueError(f"{self.out}: holds something else than a retraining: choose a new folder")
        self.outcome: Outcome | None = None
        """Set when the new model is compared."""

    @property
    def progress(self) -> Progress:
        """As its folder says, also of a run that another process does."""
        return Progress(self.out)

    def __len__(self) -> int:
        """Epochs of all parts, the export, two evaluations, and the photos to annotate again."""
        return self._epochs + 3 + self.relabel * len(self.samples)

    @property
    def _epochs(self) -> int:
        return sum(part.epochs for part in self.parts)

    def run(self, progress: Callable[[int], None] | None = None) -> Outcome:
        """Do all of it; ``progress`` is called with the number of steps done after each."""
        for done in self:
            if progress:
                progress(done)
        return self.outcome

    def describe(self, done: int) -> str:
        """What the last of so many steps was; of an epoch with its losses."""
        for part in self.parts:
            if done <= part.epochs:
                return part.describe(done, self.progress.losses_of(part.folder)[-1])
            done -= part.epochs
        if done > 3:
            return f"{done - 3} of {len(self.samples)} photos labelled again"
        return ("exported", "old model measured", "both models measured")[done - 1]

    def __iter__(self) -> Iterator[int]:
        if self.progress.finished:
            remember_run(self.samples._dataset, self.out)
            self.outcome = self._outcome(read_corrections(self.out), Comparison.read(self.out))
            yield self._epochs + 3
        else:
            with only_run_in(self.out):
                yield from self._retrain()
        if self.relabel:
            yield from self._relabel()

    def _retrain(self) -> Iterator[int]:
        status = StatusWriter(self.out, self._stages(), self._arguments())
        try:
            yield from self._do_stages(status)
        finally:
            status.forget_stop()

    def _do_stages(self, status: StatusWriter) -> Iterator[int]:
        runs, subsets = self._begin(status)
        done = sum(len(self.progress.losses_of(part.folder)) for part in self.parts)
        status.begin_stage(1 + done, first=True)
        callback, before = _show_batches(status, self.plan.steps), 0
        for part, run in zip(self.parts, runs, strict=True):
            if run is not None:
                run.callbacks = [callback]
                for epoch in run.epochs():
                    status.begin_stage(1 + before + epoch)
                    yield before + epoch
            before += part.epochs
        status.begin_stage(1 + self._epochs)
        outcome = self._outcome(subsets, Comparison())
        export(self.parts, outcome.trained_on, self.out, self.model_id)
        yield self._epochs + 1
        for done, network in enumerate((self.old, Network(outcome.model)), self._epochs + 2):
            status.begin_stage(done)
            outcome.comparison.measure(network, outcome.held_out, partial(status.show, ""))
            yield done
        self._write_report(outcome)
        self.outcome = outcome

    def _stages(self) -> list[tuple[str, float]]:
        """Names of the stages, and about how long each takes, of 100."""
        epochs = [stage for part in self.parts for stage in part.stages()]
        rest = [
            ("exporting the new model", 3.0),
            ("measuring the old model", 5.0),
            ("measuring the new model", 5.0),
        ]
        return [("reading the corrected photos", 2.0), *epochs, *rest]

    def _arguments(self) -> dict[str, Any]:
        """To make this retraining again, as JSON."""
        plan = asdict(self.plan) | {"base": self.plan.base and str(self.plan.base)}
        paths = {"model": str(self.old.path), "weights": str(self.parts[0].weights)}
        view = (
            self.samples._serialize() if self.relabel and self.samples is not self.samples._dataset else None
        )
        facts = {"prefix": self.prefix, "model_id": self.model_id, "relabel": self.relabel, "view": view}
        return facts | paths | {"plan": plan}

    def _begin(
        self, status: StatusWriter
    ) -> tuple[list[Run | OneStageRun | None], tuple[Subset, Subset, Subset]]:
        """The trainings of the parts, and their data; if that fails, nothing that was written for it stays."""
        dataset, begun = self.samples._dataset, self.progress.begun
        last = last_run(dataset)
        remember_run(dataset, self.out)
        try:
            return self._read_data(begun)
        except BaseException:
            if not begun:
                status.remove()
                remember_run(dataset, last and last.folder)
            raise

    def _read_data(self, begun: bool) -> tuple[list[Run | OneStageRun | None], tuple[Subset, Subset, Subset]]:
        from model.commands import prepare_keras

        check_packages()
        prepare_keras("tensorflow")

        if not begun:
            write_corrections(self.samples, self.out, self.prefix, self.plan.held_out)
        try:
            subsets = read_corrections(self.out)
            return trainings(self.parts, self.plan, subsets, self.out), subsets
        except BaseException:
            if not begun:
                shutil.rmtree(self.out)
            raise

    def _outcome(self, subsets: tuple[Subset, Subset, Subset], comparison: Comparison) -> Outcome:
        left_out, keeps_masks = read_left_out(self.out), self.progress.keeps_masks
        return Outcome(self.out / MODEL, self.model_id, *subsets, comparison, left_out, keeps_masks)

    def _write_report(self, outcome: Outcome) -> None:
        outcome.comparison.write(self.out)
        # Last: it says that the run is finished.
        with whole_file(self.progress.report_file) as temporary:
            title = f"# {self.old.info.model_id} and {self.model_id}"
            temporary.write_text(f"{title}\n\n{outcome.to_markdown()}", encoding="utf-8")

    def _relabel(self) -> Iterator[int]:
        run = relabelling(self.samples, self.prefix, self.outcome.model)
        for done in run:
            yield self._epochs + 3 + done
        self.outcome.relabelled = run.summary


def relabelling(samples: Samples, prefix: str, model: Path) -> Annotation:
    """The run that labels everybody again whom nobody reviewed, with a new model and as they were labelled last.

    Raises:
        FieldError: there are no people of that prefix.
    """
    from annotator.runs.dataset_annotation import Annotation

    require_fields(samples._dataset, [Fields(prefix).people])
    settings, maps_dir = last_settings(samples._dataset, prefix)
    return Annotation(
        samples,
        model,
        prefix=prefix,
        settings=Settings.from_dict(settings),
        overwrite="replace",
        maps_dir=maps_dir,
    )


def resume(dataset: fo.Dataset, folder: Path) -> Retraining:
    """The retraining of a dataset, or a view of it, that was begun in a folder, to go on.

    Raises:
        ValueError: the folder does not say how it was begun, or as :class:`Retraining`.
    """
    import fiftyone as fo

    status = read_status(folder)
    if status is None:
        raise ValueError(
            f"{folder / STATUS}: cannot be read: start the retraining again with the same values"
        )
    arguments = dict(status.arguments)
    plan = arguments.pop("plan")
    base = plan.pop("base")
    samples = fo.DatasetView._build(dataset, view) if (view := arguments.pop("view", None)) else dataset
    return Retraining(samples, folder, plan=FineTuning(**plan, base=base and Path(base)), **arguments)


def _show_batches(status: StatusWriter, steps: int) -> keras.callbacks.Callback:
    """Keeps the status while epochs go on."""
    import keras

    def show(batch: int, logs: dict[str, float] | None) -> None:
        is_last = batch + 1 == steps
        text = "choosing the best epoch" if is_last else f"batch {batch + 1} of {steps}"
        status.show(text, 0.9 * (batch + 1) / steps, now=is_last)

    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: status.show("preparing the network", now=True), on_train_batch_end=show
    )


def check_packages() -> None:
    """Check that what a retraining needs is installed.

    Raises:
        ImportError: it is not; the message says how to install it.
    """
    from model.commands import check_training_packages

    check_training_packages("tensorflow", exports=True)
