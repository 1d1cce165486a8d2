"""The driver's memory and the merge's, each measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

MEGABYTE = 1 << 20
ROOT = Path(__file__).resolve().parents[3]


def peak(code: str) -> int:
    """Megabytes that a program takes at most."""
    # Not `ru_maxrss`, in which the kernel counts what the parent had at the fork.
    measured = (
        "from pathlib import Path\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{measured}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_the_memory_for_a_manifest(tmp_path: Path, campaign: bool):
    rows = 1_000_000 if campaign else 100_000
    used = peak(f"""
from annotator.cluster.manifest import Manifest
from annotator.cluster.run import ShardedRun, manifest_of, folder_of
from annotator.cluster.shard_files import shard_header
from annotator.cluster.storage import Photo, locate
out = {str(tmp_path / "labels.json")!r}
names = sorted(f"{{i // 1000:04}}/some-photo-of-people-{{i:08}}.jpg" for i in range({rows}))  # as they are listed
photos = (Photo(name, 123456) for name in names)
model = {{"model": {{"model_id": "lite"}}, "finder": None, "settings": {{}}, "sampling": {{}}}}
file = manifest_of(folder_of(locate(out)))
file.write(Manifest.of("s3://bucket/photos", photos, model).to_bytes())
run = ShardedRun(out, Manifest.read(file))
assert len(run.left()) == -(-{rows} // 256)
items = [{{"header": shard_header(run.manifest, i), "photos": run.manifest.blocks[i]}} for i in run.left()]
""")
    print(f"{rows} rows: {used} MB")
    assert used < 1000


def test_the_memory_for_a_merge_does_not_grow(tmp_path: Path, campaign: bool):
    few, many = (merge_of(people, tmp_path) for people in (10_000, 1_000_000 if campaign else 60_000))
    print(f"10,000 people: {few} MB, more: {many} MB")
    assert many - few < 50


def merge_of(people: int, folder: Path) -> int:
    """Megabytes for the merge of a run over so many people, two on each photo."""
    return peak(f"""
from annotator.cluster.manifest import Manifest
from annotator.cluster.merge import merge
from annotator.cluster.run import ShardedRun, folder_of, manifest_of
from annotator.cluster.shard_files import encode_shard, shard_header, shard_name
from annotator.cluster.storage import Photo, locate
out = {str(folder / f"{people}.json")!r}
model = {{"model": {{"model_id": "lite"}}, "finder": None, "settings": {{}}, "sampling": {{}}}}
manifest = Manifest.of("/photos", (Photo(f"{{i:08}}.jpg", 1) for i in range({people // 2})), model)
manifest_of(folder_of(locate(out))).write(manifest.to_bytes())
run = ShardedRun(out, manifest)
points = {{name: [i / 16 for i in range(16)] for name in ("dp_I", "dp_U", "dp_V", "dp_x", "dp_y")}}
person = points | {{"category_id": 1, "bbox": [1, 2, 30, 40], "area": 9, "iscrowd": 0, "segmentation": [], "score": 0.9}}
run.shards.path.mkdir()
for shard in range(len(manifest.blocks)):
    entries = [
        {{
            "file_name": photo.name,
            "image": {{"file_name": photo.name, "width": 640, "height": 480}},
            "annotations": [person, person],
        }}
        for photo in manifest.photos(shard)
    ]
    data = encode_shard(shard_header(manifest, shard), entries)
    (run.shards.path / shard_name(shard)).write_bytes(data)  # not Location.write, which waits for the disk
summary = merge(run)
assert summary.people == {people}, summary
""")
