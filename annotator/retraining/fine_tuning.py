"""From corrections to a better model: fine-tune, export under a new id, compare with the old one.

Everything lies in one folder: ``train/``, ``validation/`` and ``held_out/`` (the corrections), ``run/`` (training,
with its plots), the new ``model.onnx`` with its weights ``model.npz``, and ``report.json``, ``report-by-humans.json`` and
``report.md`` (both models on the held-out photos, and on those of their people whose labels are not a model's). The
old model stays what it is; labels change only when somebody annotates with the new one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.inference.network import DEFAULT_MODEL, Network
from annotator.photos.atomic_files import whole_file
from annotator.retraining.corrections import BY_HUMANS, Subset, write_corrections
from model.pretrained import weights_of

if TYPE_CHECKING:
    import fiftyone as fo

    from annotator.dataset.store import Samples
    from annotator.runs.dataset_run import Summary
    from model.config import RunConfig
    from model.sources import Record

REPORT, REPORT_BY_HUMANS = "report.json", "report-by-humans.json"


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

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("share", "held_out"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.size < 32 or self.size % 32:
            raise ValueError(f"size must be a multiple of 32, not {self.size}")


@dataclass
class Outcome:
    """What came of a retraining."""

    model: Path
    """The new ONNX file."""
    model_id: str
    trained_on: Subset
    validation: Subset
    """What says which epoch is best."""
    held_out: Subset
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By model id, the old one first: :func:`annotator.evaluation.evaluate` on the held-out photos."""
    reports_by_humans: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The same on those of their people whose labels a human made or changed; empty if there are none."""
    relabelled: Summary | None = None
    """What labelling again did, where it was asked for."""

    @property
    def losses(self) -> list[dict[str, float]]:
        """Per epoch the columns of the training's log, ``loss`` and ``val_loss`` among them."""
        return losses(self.model.parent)

    def text(self) -> str:
        """Both models side by side, in Markdown."""
        from annotator.evaluation.report import comparison

        text = (
            f"Trained on {self.trained_on.people} people of {self.trained_on.photos} photos; compared on "
            f"{self.held_out.people} people of {self.held_out.photos} other photos. Of whom the old model labelled, "
            "and nobody changed before approving, its labels count as right: there the new model can only lose.\n\n"
            f"{comparison(self.reports)}\n"
        )
        if self.reports_by_humans:
            text += (
                f"\nOf them, the {self.held_out.by_humans} whose labels a human made or changed:\n\n"
                f"{comparison(self.reports_by_humans)}\n"
            )
        return text


class Retraining:
    """A run; iterating it does the work and yields how many of ``len(self)`` steps are done.

    One that was stopped goes on in the same folder, with the corrections it began with; one that is finished has its
    outcome at once.

    Args:
        samples: a dataset or view with corrected people.
        out: the folder.
        prefix: of the names of the label fields.
        model: the ONNX file that made the labels.
        weights: its weights; default: the ``.npz`` beside it, or those of the package's model.
        model_id: of the new model; default: the folder's name after the old id.
        plan: how to train.
        relabel: label the samples again at the end, with the new model: people whom no human has touched.

    Raises:
        ValueError: no corrections, no weights, or an id that is the old one's; the message says which.
        ImportError: what training needs is not installed.
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
        from model.commands import prepare_keras

        prepare_keras("tensorflow")
        self.samples, self.prefix, self.relabel = samples, prefix, relabel
        self.out, self.plan, self.old = Path(out).absolute(), plan or FineTuning(), Network(model)
        self.weights = Path(weights) if weights else weights_of(Path(model))
        if not self.weights.is_file():
            raise ValueError(
                f"{self.weights}: no such weights; {model} was exported from an .npz file: name it"
            )
        self.model_id = model_id or f"{self.old.info.model_id}+{self.out.name}"
        if self.model_id == self.old.info.model_id:
            raise ValueError(f"model id {self.model_id!r} is the old model's: choose another")
        begun = self.out / "corrections.json"
        if not begun.exists():
            subsets = write_corrections(samples, self.out, prefix, self.plan.held_out)
            with whole_file(begun) as temporary:
                described = [asdict(subset) | {"folder": subset.folder.name} for subset in subsets]
                temporary.write_text(json.dumps(described), encoding="utf-8")
        subsets = [
            Subset(**subset | {"folder": self.out / subset["folder"]})
            for subset in json.loads(begun.read_text())
        ]
        self.outcome = Outcome(self.out / "model.onnx", self.model_id, *subsets)

    def __len__(self) -> int:
        """Epochs, the export, two evaluations, and the photos to label again."""
        return self.plan.epochs + 3 + self.relabel * len(self.samples)

    def words(self, done: int) -> str:
        """What the last of so many steps was; of an epoch with its losses."""
        epochs = self.plan.epochs
        if done > epochs + 3:
            return f"{done - epochs - 3} of {len(self.samples)} photos labelled again"
        if done > epochs:
            return ("exported", "old model measured", "both models measured")[done - epochs - 1]
        losses = self.outcome.losses[-1]
        return f"epoch {done} of {epochs}: loss {losses['loss']:.3f}, validation {losses['val_loss']:.3f}"

    def __iter__(self) -> Iterator[int]:
        _remember_run(self.samples._dataset, self.out)
        yield from self._retrain()
        if self.relabel:
            from annotator.runs.dataset_annotation import Annotation

            run = Annotation(self.samples, self.outcome.model, prefix=self.prefix, overwrite="replace")
            for done in run:
                yield self.plan.epochs + 3 + done
            self.outcome.relabelled = run.summary

    def _retrain(self) -> Iterator[int]:
        from model.training import Run

        if finished_report(self.out).exists():
            self.outcome.reports = json.loads((self.out / REPORT).read_text(encoding="utf-8"))
            if (by_humans := self.out / REPORT_BY_HUMANS).exists():
                self.outcome.reports_by_humans = json.loads(by_humans.read_text(encoding="utf-8"))
            yield self.plan.epochs + 3
            return
        config, data = self._config()
        yield from Run(config, self.out / "run", data).epochs()
        self._export()
        yield self.plan.epochs + 1
        for done, network in enumerate((self.old, Network(self.outcome.model)), self.plan.epochs + 2):
            self._measure(network)
            yield done
        self._write_report()

    def _config(self) -> tuple[RunConfig, list[list[Record]]]:
        """How to train, and the records of its data."""
        from model.fine_tuning import fine_tuning_config

        return fine_tuning_config(
            self.weights,
            self.outcome.trained_on.folder,
            self.outcome.validation.folder,
            epochs=self.plan.epochs,
            steps=self.plan.steps,
            batch=self.plan.batch,
            size=self.plan.size,
            learning_rate=self.plan.learning_rate,
            share=self.plan.share,
            base=self.plan.base,
        )

    def _export(self) -> None:
        from annotator.photos.finding import find_photos
        from model.fine_tuning import export_fine_tuned

        export_fine_tuned(
            self.out / "run",
            self.outcome.model,
            find_photos(self.outcome.trained_on.folder / "images"),
            side=self.old.side,
            model_id=self.model_id,
            weights_license=self.old.info.license,
        )

    def _measure(self, network: Network) -> None:
        from annotator.evaluation.evaluate import evaluate
        from annotator.evaluation.ground_truth import find_data_sets
        from annotator.inference.settings import Settings

        folder, name = self.outcome.held_out.folder, network.info.model_id
        everybody, by_humans = find_data_sets([folder, folder / BY_HUMANS])
        self.outcome.reports[name] = evaluate(everybody, network, Settings())
        if self.outcome.held_out.by_humans:
            self.outcome.reports_by_humans[name] = evaluate(by_humans, network, Settings())

    def _write_report(self) -> None:
        from annotator.evaluation.evaluate import write_report

        text = f"# {self.old.info.model_id} and {self.model_id}\n\n{self.outcome.text()}"
        write_report(self.outcome.reports, self.out / REPORT)
        if self.outcome.reports_by_humans:
            write_report(self.outcome.reports_by_humans, self.out / REPORT_BY_HUMANS)
        # Last: it says that the run is finished.
        with whole_file(finished_report(self.out)) as temporary:
            temporary.write_text(text, encoding="utf-8")


def losses(folder: Path) -> list[dict[str, float]]:
    """Of a run's folder, per epoch that is done the columns of the training's log, also while it trains."""
    log = folder / "run" / "log.csv"
    if not log.is_file():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def last_run(dataset: fo.Dataset) -> Path | None:
    """The folder in which people of this dataset were learnt from last."""
    folder = dataset.info.get("densepose_retraining")
    return folder and Path(folder)


def _remember_run(dataset: fo.Dataset, folder: Path) -> None:
    dataset.info["densepose_retraining"] = str(folder)
    dataset.save()


def finished_report(folder: Path) -> Path:
    """Where a finished run's comparison is, in Markdown; one that is not finished has none."""
    return folder / "report.md"
