"""The comparison of two models on the held-out corrections."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.evaluation.evaluate import evaluate, write_report
from annotator.evaluation.ground_truth import find_data_sets
from annotator.evaluation.report import comparison
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.retraining.corrections import BY_HUMANS, Subset

REPORT, REPORT_BY_HUMANS = "report.json", "report-by-humans.json"
"""Files in a run's folder."""


@dataclass
class Comparison:
    """Reports of two models, by model id, the old one first; each as of :func:`annotator.evaluation.evaluate.evaluate`."""

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    """On all people of the held-out photos."""
    reports_by_humans: dict[str, dict[str, Any]] = field(default_factory=dict)
    """On those whose labels a human made or changed; empty if there are none."""

    def measure(self, network: Network, held_out: Subset) -> None:
        """Add the reports of a model."""
        everybody, by_humans = find_data_sets([held_out.folder, held_out.folder / BY_HUMANS])
        name = network.info.model_id
        self.reports[name] = evaluate(everybody, network, Settings())
        if held_out.by_humans:
            self.reports_by_humans[name] = evaluate(by_humans, network, Settings())

    def tables(self, held_out: Subset) -> str:
        """Both models side by side, in Markdown."""
        text = (
            "People who were approved unchanged have the old model's labels, which count as right: on them the new model "
            f"can only lose.\n\n{comparison(self.reports)}\n"
        )
        if self.reports_by_humans:
            text += (
                f"\nOf them, the {held_out.by_humans} whose labels a human made or changed:\n\n"
                f"{comparison(self.reports_by_humans)}\n"
            )
        return text

    def write(self, folder: Path) -> None:
        """Write :data:`REPORT` and, if there are people for it, :data:`REPORT_BY_HUMANS`."""
        write_report(self.reports, folder / REPORT)
        if self.reports_by_humans:
            write_report(self.reports_by_humans, folder / REPORT_BY_HUMANS)

    @classmethod
    def read(cls, folder: Path) -> Comparison:
        """What :meth:`write` wrote."""
        reports, by_humans = folder / REPORT, folder / REPORT_BY_HUMANS
        return cls(
            json.loads(reports.read_text(encoding="utf-8")),
            json.loads(by_humans.read_text(encoding="utf-8")) if by_humans.exists() else {},
        )
