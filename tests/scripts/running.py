"""How the tests run the programs in ``scripts``."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run(script: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent), "KERAS_BACKEND": "tensorflow"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def call(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: object) -> int:
    """Run a script in this process, which has Keras already; returns its exit code."""
    path = str(SCRIPTS / script)
    monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
    return runpy.run_path(path)["main"]()
