"""Settings that were written down, and come back."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from annotator.inference.settings import Settings, VoteSettings


def test_settings_survive_json():
    settings = Settings.of_quality("best", votes=VoteSettings(blur=3))
    assert Settings.from_dict(json.loads(json.dumps(asdict(settings)))) == settings
    assert Settings.from_dict({}) == Settings()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"zoom": 3}, "another version cannot be used: .* 'zoom'"),
        ({"votes": {"blurred": 3}}, "another version cannot be used: .* 'blurred'"),
        ({"votes": 3}, "another version cannot be used"),
        ({"confidence": "high"}, "another version cannot be used"),
        ({"confidence": 3}, "confidence"),
    ],
)
def test_settings_that_there_are_not_are_refused(values: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        Settings.from_dict(values)
