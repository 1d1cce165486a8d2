"""The result of a retraining, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.labels.messages import MAX_LISTED
from annotator.retraining.comparison import Comparison
from annotator.retraining.corrections import Subset
from annotator.retraining.progress import MASKS_KEPT

if TYPE_CHECKING:
    from annotator.runs.dataset_run import Summary


@dataclass
class Outcome:
    """The result of a retraining."""

    model: Path
    """The new ONNX file."""
    model_id: str
    trained_on: Subset
    validation: Subset
    """What says which epoch is best."""
    held_out: Subset
    comparison: Comparison
    left_out: dict[str, str] = field(default_factory=dict)
    """Why photos could not be used, by their paths."""
    keeps_masks: bool = False
    """As :attr:`annotator.retraining.progress.Progress.keeps_masks`."""
    relabelled: Summary | None = None
    """Of annotating the samples again, where that was asked for."""

    def to_markdown(self) -> str:
        """On what was trained and compared, and both models side by side."""
        left_out = _listed(self.left_out)
        left_out = left_out and f"\nPhotos that could not be used: {len(self.left_out)}\n{left_out}\n"
        masks = f"{MASKS_KEPT} " if self.keeps_masks else ""
        return (
            f"{self.comparison.describe_verdict()}\n\n"
            f"Trained on {self.trained_on.people} people of {self.trained_on.photos} photos; compared on "
            f"{self.held_out.people} people of {self.held_out.photos} other photos. {masks}"
            f"{self.comparison.tables(self.held_out)}{left_out}"
        )

    def relabelled_text(self) -> str | None:
        """What annotating again did; ``None`` where it was not asked for."""
        again = self.relabelled
        return again and (
            f"{again.people} people labelled again, {again.kept} reviewed people kept"
            + _listed(again.failures)
        )


def _listed(reasons: dict[str, str]) -> str:
    """Why photos failed, by their paths, as a list in Markdown of the first :data:`MAX_LISTED` of them."""
    lines = [f"\n- {path}: {reason}" for path, reason in islice(reasons.items(), MAX_LISTED)]
    more = len(reasons) - len(lines)
    return "".join(lines) + (f"\n- and {more} more" if more else "")
