"""What the README shows works as it stands there."""

import re
import shutil
from pathlib import Path

import pytest

from annotator.coco.reader import read_coco
from annotator.examples import EXAMPLES
from annotator.photos.finding import find_photos

README = Path(__file__).resolve().parent.parent.parent / "README.md"


def test_the_example_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    shutil.copytree(EXAMPLES, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, README.name, "exec"), {})
    photos = [path.as_posix() for path in find_photos(Path("photos"))]
    images = list(read_coco("labels.json"))
    assert [image.file_name for image in images] == photos
    assert all(image.people for image in images)
