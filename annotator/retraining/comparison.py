"""The comparison of two models on the held-out corrections."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.evaluation.evaluate import evaluate, write_report
from annotator.evaluation.ground_truth import find_data_sets
from annotator.evaluation.report import comparison
from annotator.inference.network import Network
from annotator.inference.settings import Settings
from annotator.retraining.corrections import BY_HUMANS, Subset
from annotator.retraining.verdict import Scores, Verdict, judge

SCORES = "photo_scores"
"""In a report: of each photo, see :mod:`annotator.evaluation.photo_scores`."""
REPORT, REPORT_BY_HUMANS = "report.json", "report-by-humans.json"
"""Files in a run's folder."""


@dataclass
class Comparison:
    """Reports of two models, by model id, the old one first; each as of :func:`annotator.evaluation.evaluate.evaluate`."""

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    """On all people of the held-out photos."""
    reports_by_humans: dict[str, dict[str, Any]] = field(default_factory=dict)
    """On those whose labels a human made or changed; empty if there are none."""

    def measure(
        self, network: Network, held_out: Subset, progress: Callable[[float], None] = lambda share: None
    ) -> None:
        """Add the reports of a model, with finder and pose estimator that go with it, as it labels by default; ``progress`` is
        called with the share of the photos that are measured."""
        data_sets = find_data_sets([held_out.folder, held_out.folder / BY_HUMANS])
        todo = list(zip((self.reports, self.reports_by_humans), data_sets, strict=True))
        todo = todo if held_out.by_humans else todo[:1]
        count = max(held_out.photos, 1) * len(todo)
        for i, (reports, data) in enumerate(todo):
            scores: Scores = {}
            before = i * count // len(todo)

            def report(done: int, before: int = before) -> None:
                progress((before + done) / count)

            measured = evaluate(data, network, Settings(), progress=report, scores=scores)
            reports[network.info.model_id] = measured | {SCORES: scores}

    @property
    def verdict(self) -> Verdict:
        """On the people whose labels a human made or changed; where there are none, on everybody."""
        reports = list((self.reports_by_humans or self.reports).values())
        return judge(*(report.get(SCORES, {}) for report in reports)) if len(reports) == 2 else judge({}, {})

    def describe_verdict(self) -> str:
        """The verdict in a paragraph of its own, and what it rests on, in Markdown."""
        verdict = self.verdict
        whom = (
            "people whose labels a human made or changed"
            if self.reports_by_humans
            else "all people: a human has changed none of them, so that the old model's labels count as right"
        )
        rests_on = f"Mean scores of the held-out photos, 0 to 1, of {whom}. Intervals: photos drawn again."
        table = f"\n\n{rests_on}\n\n{verdict.table()}" if verdict.changes else ""
        return f"**{verdict.sentence()}**{table}"

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
