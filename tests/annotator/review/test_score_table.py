"""The table of scores of a real collection."""

import pytest

from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from annotator.review.score_table import SCORES, score_table
from annotator.review.session import Review
from tests.annotator.people_samples import SIZE, block
from tests.annotator.review.conftest import FIELDS


def test_the_table_of_scores_begins_with_the_worst(collection, tmp_path):
    sample = collection.last()
    people = [block(x, quality={"charts": sure}, issues={}) for x, sure in ((10, 0.9), (40, 0.3))]
    replace_predictions(sample, People(SIZE, people), FIELDS, tmp_path / "maps")
    sample.save()
    table = score_table(collection, FIELDS)
    assert [column["name"] for column in table["columns"]] == list(SCORES)
    issue_score, charts = (list(SCORES).index(name) for name in ("issue_score", "quality_charts"))
    assert [row["scores"][issue_score] for row in table["rows"]] == [0.9, 0.5, 0.2, 0, None, None]
    assert (table["people"], sum(table["columns"][issue_score]["histogram"])) == (6, 4)
    table = score_table(collection, FIELDS, "quality_charts")
    assert [row["scores"][charts] for row in table["rows"]] == [0.3, 0.9, None, None, None, None]
    assert [(row["sample"], row["number"]) for row in table["rows"][:2]] == [(sample.id, 2), (sample.id, 1)]
    assert sum(table["columns"][charts]["histogram"]) == 2
    key = table["rows"][0]["key"]
    review = Review(collection, maps_dir=tmp_path / "maps")
    review.edit(sample.id, {"kind": "decide", "person": key, "state": "rejected"}, {})
    assert score_table(collection, FIELDS)["people"] == 5
    with pytest.raises(ValueError, match="'size' is none of"):
        score_table(collection, FIELDS, "size")
