"""What the distribution contains, what importing it costs, and what its two commands say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("annotator", "model", "fiftyone_plugin", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""


def python(code: str, *, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run code in a new interpreter, in which the packages ``without`` are not installed."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(names=without) + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built from a copy so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("sources")
    ignore = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignore)
        else:
            shutil.copy(source, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True, timeout=120)
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.parametrize(
    "pattern",
    [
        r"annotator/py\.typed",
        r"annotator/models/lite\.onnx",
        r"annotator/models/.+\.md",
        r"annotator/examples/astronaut\.jpg",
        r"annotator/examples/README\.md",
        r"annotator/plugin/fiftyone\.yml",
        r"annotator/plugin/__init__\.py",
        r"model/py\.typed",
        r".+\.dist-info/licenses/LICENSE|.+\.dist-info/LICENSE",
    ],
)
def test_wheel_contains(wheel: zipfile.ZipFile, pattern: str):
    assert [name for name in wheel.namelist() if re.fullmatch(pattern, name)]


def test_wheel_contains_every_module_and_nothing_foreign(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    for package in ("annotator", "model"):
        for path in (ROOT / package).glob("**/*.py"):
            assert path.relative_to(ROOT).as_posix() in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"annotator", "model"}


def test_metadata(wheel: zipfile.ZipFile):
    import annotator

    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = HeaderParser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "densepose-annotator"
    assert metadata["Version"] == annotator.__version__
    assert "3.10" in metadata["Requires-Python"]
    assert {"cpu", "gpu", "heif", "train", "test"} <= set(metadata.get_all("Provides-Extra"))
    (entry,) = (n for n in wheel.namelist() if n.endswith(".dist-info/entry_points.txt"))
    scripts = ConfigParser()
    scripts.read_string(wheel.read(entry).decode())
    assert dict(scripts["console_scripts"]) == {"densepose-annotator": "annotator.cli:main"}


def test_no_extra_brings_both_onnxruntime_packages():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {name: text.split() for name, text in setup["options.extras_require"].items()}
    always = setup["options"]["install_requires"]
    assert "onnxruntime" not in always
    for name in ("train", "test"):
        assert not [r for r in extras[name] if r.startswith("onnxruntime")]
    assert not [r for r in extras["cpu"] if r.startswith("onnxruntime-gpu")]


LEARNING = ("jax", "keras", "tensorflow", "torch")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            ("annotator", "annotator.labels", "annotator.coco"),
            ("cv2", "fiftyone", "onnxruntime", "pycocotools", "sklearn", *LEARNING),
        ),
        (
            ("annotator.coco.reader", "annotator.coco.writer"),
            ("fiftyone", "onnxruntime", "sklearn", *LEARNING),
        ),
        (
            ("annotator.labels.maps", "annotator.photos.reading"),
            ("fiftyone", "onnxruntime", "sklearn", *LEARNING),
        ),
        (("annotator.inference.network", "annotator.inference.pipeline"), ("fiftyone", *LEARNING)),
        (("annotator.evaluation.evaluate", "annotator.retraining.fine_tuning"), LEARNING),
    ],
    ids=["package", "coco", "labels", "inference", "retraining"],
)
def test_import_is_light(modules: tuple[str, ...], absent: tuple[str, ...]):
    done = python(f"import {', '.join(modules)}\nprint([m for m in {absent!r} if m in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_import_is_quick():
    done = python(
        "import time; start = time.process_time(); import annotator\nprint(time.process_time() - start)"
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1


def test_annotator_works_without_keras_and_tensorflow():
    done = python(
        "import importlib, pkgutil, annotator\n"
        "for found in pkgutil.walk_packages(annotator.__path__, 'annotator.'):\n"
        "    if not found.name.endswith('__main__'):\n"  # importing that runs the command
        "        importlib.import_module(found.name)\n"
        "print('annotator.review.session' in sys.modules)",
        without=("jax", "keras", "tensorflow", "tf2onnx", "torch", "imgaug"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


def test_missing_onnxruntime_names_the_extras():
    done = python("from annotator.inference.network import Network; Network()", without=("onnxruntime",))
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert "densepose-annotator[cpu]" in last
    assert "[gpu]" in last


def test_missing_onnxruntime_is_one_line_on_the_command_line(tmp_path: Path):
    shutil.copy(ROOT / "annotator/examples/astronaut.jpg", tmp_path)
    done = python(
        "from annotator.cli import main\n"
        f"sys.exit(main(['annotate', {str(tmp_path)!r}, '--out', {str(tmp_path / 'labels.json')!r}]))",
        without=("onnxruntime",),
    )
    assert done.returncode not in (0, None)
    assert "densepose-annotator[cpu]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The scripts in a folder without the environment that they make."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path / "scripts"


def run_script(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [path, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("name", ["run", "test"])
def test_scripts_say_what_they_do(scripts: Path, name: str):
    done = run_script(scripts / name, "--help")
    assert done.returncode == 0
    assert f"scripts/{name} [" in done.stdout
    assert "Installs what is missing" in done.stdout
    assert not (scripts.parent / ".venv").exists()


@pytest.mark.parametrize("name", ["run", "test"])
def test_scripts_fail_with_a_line_for_an_unsupported_python(scripts: Path, name: str):
    done = run_script(scripts / name, PYTHON="/usr/bin/false")
    assert done.returncode == 1
    assert done.stderr == f"scripts/{name}: PYTHON=/usr/bin/false is not Python 3.10, 3.11, 3.12 or 3.13.\n"


def test_scripts_fail_with_a_line_without_packages(scripts: Path):
    # An environment that has the pip of this Python takes a tenth of the time of one with its own.
    make = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", scripts.parent / ".venv"]
    subprocess.run(make, check=True)
    # No index and no local packages: what pip meets on a machine without network, only sooner.
    done = run_script(
        scripts / "run", PYTHON=sys.executable, PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL=""
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "scripts/run: pip could not install densepose-annotator[cpu]"
    )


def test_ci_runs_the_test_command():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[-1].endswith('/scripts/test"')
    assert os.access(ROOT / ".ci/run", os.X_OK)
