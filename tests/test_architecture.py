"""The order of imports between packages, as setup.cfg states it."""

from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]


def test_imports_keep_the_order_of_the_packages(capsys):
    assert lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True) == 0, capsys.readouterr().out
