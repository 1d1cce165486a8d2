"""The shape of a report, and its table."""

from pathlib import Path

from annotator.evaluation.report import ROWS, metric, share, table
from annotator.surface.geodesic import Surface
from tests.annotator.evaluation.conftest import LEFT, RIGHT, every_metric, measure, measure_people
from tests.annotator.labelled_photos import write_data


def test_every_metric_has_one_shape(tmp_path: Path, surface: Surface):
    source = write_data(tmp_path, [[LEFT], []], dense=True)
    for report in (measure(source, [[LEFT], []], surface), measure_people(source, [None], None)):
        metrics = list(every_metric(report))
        assert len(metrics) > 60
        for entry in metrics:
            rest = set(entry) - {"value", "reason"}
            assert rest <= {"images", "people", "points", "pixels", "parts", "predictions"}
            assert rest
            assert (entry["value"] is None) == ("reason" in entry)


def test_a_metric():
    assert metric(0.5, people=2) == {"value": 0.5, "people": 2}
    assert metric(None, "why", people=0) == {"value": None, "reason": "why", "people": 0}
    assert share(1, 4, images=4)["value"] == 0.25
    assert share(0, 0, images=0)["value"] is None


def test_the_table_has_a_line_per_known_metric(tmp_path: Path, surface: Surface):
    source = write_data(tmp_path, [[LEFT, RIGHT]])
    report = {"scene": measure(source, [[LEFT, RIGHT]], surface)}
    lines = table(report).splitlines()
    assert "person" not in lines[0]
    assert next(line for line in lines if line.startswith("GPS AP")).split() == [
        "GPS", "AP", "1.000", "2", "people"
    ]  # fmt: skip
    assert not any("dense" in line for line in lines)
    report["person"] = measure_people(source, [LEFT, RIGHT], surface)
    lines = table(report).splitlines()
    assert any(line.split()[-6:] == ["1.000", "1", "images", "1.000", "2", "people"] for line in lines)
    assert len({label for label, _, _ in ROWS}) == len(ROWS)
