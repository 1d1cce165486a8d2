"""Reading and writing a file takes the same memory however long it is."""

import json
import subprocess
import sys
from pathlib import Path

from tests.annotator.people_samples import image, record

ROOT = Path(__file__).resolve().parents[3]
# Not getrusage: its maximum begins with the memory of the process that started this one.
COPY = r"""
import re, sys
from annotator.coco.reader import read_coco, read_sections
from annotator.coco.writer import CocoWriter
with CocoWriter(sys.argv[2], sections=read_sections(sys.argv[1])) as writer:
    for people in read_coco(sys.argv[1]):
        writer.add(people)
print(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read()).group(1))
"""


def write(path: Path, count: int) -> None:
    """Two annotations an image, all of them before the images and the first image's last."""
    fields = {"dp_masks": None, **dict.fromkeys(("dp_I", "dp_U", "dp_V", "dp_x", "dp_y"))}
    template = json.dumps(record(**fields, note="x" * 4000) | {"id": "ID", "image_id": "IMAGE"})
    with path.open("w") as file:
        file.write('{"annotations": [')
        file.write(
            ",".join(
                template.replace('"ID"', str(i)).replace('"IMAGE"', str(count // 2 - (i - 1) % (count // 2)))
                for i in range(1, count + 1)
            )
        )
        file.write('], "images": [')
        file.write(",".join(json.dumps(image(id=i)) for i in range(1, count // 2 + 1)))
        file.write("]}")


def peak_kilobytes(folder: Path, count: int) -> int:
    source, target = folder / f"{count}.json", folder / f"{count}.copy.json"
    write(source, count)
    run = subprocess.run(
        [sys.executable, "-c", COPY, str(source), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with target.open() as file:
        assert sum(line.startswith('{"id"') for line in file) == count + count // 2
    return int(run.stdout)


def test_memory_is_flat(tmp_path):
    """12,000 annotations, 60 MB of JSON, against 1,000."""
    small, large = (peak_kilobytes(tmp_path, count) for count in (1_000, 12_000))
    print(f"peak memory: {small / 1024:.1f} MB for 1,000 annotations, {large / 1024:.1f} MB for 12,000")
    # SQLite's cache fills up to its limit of 8 MB.
    assert large - small < 12 * 1024
