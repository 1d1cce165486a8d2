"""The benchmark of large collections: ``scripts/benchmark --collection``.

The samples and their people are copies, with ids, paths and issue scores of their own, of photos that a model has labelled; they are
inserted into a database of FiftyOne of its own, which is deleted at the end.
"""

import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timezone
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

GOALS = {
    "queue_page_s": 0.3,
    "queue_page_kb": 100,
    "queue_after_an_edit_s": 0.3,
    "score_table_page_s": 1.0,
    "open_a_photo_s": 0.5,
    "start_of_annotate_people_s": 5.0,
    "export_photos_per_s": 100,
    "export_of_dense_labels_photos_per_s": 30,
}
"""At most so much, but for the speeds: at least."""
PREFIX = "dp"
BATCH = 200
"""Samples that are inserted at once."""
REPEATS = 5
"""Of each measurement, of which the median counts."""
EXPORTED = 400
"""Samples whose export is measured, at most: those of the collection share eight photos, and have none of their own."""


def measure_collection(photos: Path, model: Path, samples: int, people: int, file: Path) -> dict[str, Any]:
    """Print the figures as they come, and write them to a JSON file."""
    with tempfile.TemporaryDirectory(prefix="densepose-benchmark-") as folder:
        port, mongod = _start_database(Path(folder))
        # Before FiftyOne is imported.
        os.environ |= {
            "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{port}",
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DEFAULT_DATASET_DIR": f"{folder}/datasets",
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        }
        try:
            figures = _measure(Path(folder), photos, model, samples, people, file)
        finally:
            mongod.kill()
            mongod.wait()
    print(f"\n{file}")
    return figures


def _start_database(folder: Path) -> tuple[int, subprocess.Popen]:
    """A mongod of FiftyOne's with 1 GB of cache: its port and process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "database").mkdir()
    program = Path(find_spec("fiftyone").origin).parent / "db" / "bin" / "mongod"
    options = ["--dbpath", f"{folder}/database", "--logpath", f"{folder}/mongod.log", "--port", str(port)]
    options += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "1"]
    return port, subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL)


def _measure(
    folder: Path, photos: Path, model: Path, samples: int, people: int, file: Path
) -> dict[str, Any]:
    import fiftyone as fo

    from annotator.dataset.fields import Fields

    dataset = fo.Dataset("benchmark", persistent=True)
    templates = _label(dataset, photos, model)
    figures: dict[str, Any] = {"cores": os.cpu_count(), "people_per_photo": people / samples}
    sizes = sorted({min(10_000, samples), samples})
    for size in sizes:
        _say(f"{size} samples")
        start = time.perf_counter()
        _insert(dataset, templates, size, people / samples, folder)
        _say(f"inserted in {time.perf_counter() - start:.0f} s")
        of_size = figures[str(size)] = _measure_panel(dataset, Fields(PREFIX), templates)
        of_size |= _measure_start(dataset, model)
        of_size["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _say(f"memory: {of_size['memory_mb']:.0f} MB at most")
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    figures[str(samples)] |= _measure_export(dataset, templates, people / samples, folder)
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    _print_goals(figures[str(samples)])
    return figures


def _label(dataset: Any, photos: Path, model: Path) -> list[dict[str, Any]]:
    """The documents of some photos with people, labelled by the model."""
    import fiftyone as fo

    from annotator.photos.finding import find_photos
    from annotator.runs.dataset_annotation import annotate_samples

    dataset.add_samples([fo.Sample(filepath=str(path)) for path in find_photos(photos)[:8]])
    annotate_samples(dataset, model)
    found = list(dataset._sample_collection.find({f"{PREFIX}_people.detections.0": {"$exists": True}}))
    dataset.delete_samples(dataset)
    if not found:
        raise ValueError(f"{photos}: nobody was found on the first photos: choose others")
    kilobytes = sum(map(_size, found)) / len(found) / 1024
    _say(f"{len(found)} labelled photos, {kilobytes:.0f} kB each")
    return found


def _size(document: dict[str, Any]) -> int:
    from bson import encode

    return len(encode(document))


def _insert(dataset: Any, templates: list[dict[str, Any]], count: int, people: float, folder: Path) -> None:
    """Insert copies until there are so many samples."""
    from pymongo import WriteConcern

    collection = dataset._sample_collection.with_options(write_concern=WriteConcern(w=1))
    numbers = iter(range(collection.estimated_document_count(), count))
    shown = time.perf_counter()
    while batch := list(islice(numbers, BATCH)):
        collection.insert_many([_copy(templates, number, people, folder) for number in batch], ordered=False)
        if time.perf_counter() - shown > 10:
            shown = time.perf_counter()
            _say(f"  {batch[-1] + 1} samples")


def _copy(templates: list[dict[str, Any]], number: int, people: float, folder: Path) -> dict[str, Any]:
    """A sample with ``people`` on average, between half and one and a half of it."""
    from bson import ObjectId

    rng = random.Random(number)
    template = templates[number % len(templates)]
    document = {name: value for name, value in template.items() if not name.startswith(f"{PREFIX}_")}
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    path = f"{folder}/camera{number // 10_000:03}/frame{number:07}{Path(template['filepath']).suffix}"
    document |= {"_id": ObjectId(), "filepath": path, "created_at": now, "last_modified_at": now}
    for name in ("charts", "u", "v", "image_id", "failure", "source"):
        document[f"{PREFIX}_{name}"] = template.get(f"{PREFIX}_{name}")
    labels = template[f"{PREFIX}_people"]["detections"]
    wanted = round(people * (0.6 + 0.8 * rng.random()))
    found, ids = [], {}
    for i in range(wanted):
        label = dict(labels[i % len(labels)])
        ids.setdefault(str(label["_id"]), label["_id"])
        if i >= len(labels):
            label |= {"_id": ObjectId(), "index": 100 + i}
        score = rng.random() ** 2
        label |= {"issue_score": score, "issue_two_people": score, "review": "predicted"}
        label["reasons"] = ["two people in one"] if score > 0.3 else []
        found.append(label)
    document[f"{PREFIX}_people"] = {"_cls": "Detections", "detections": found}
    instances = {_instance(label) for label in found}
    for name, key, kind in (("parts", "detections", "Detections"), ("keypoints", "keypoints", "Keypoints")):
        own = [label for label in template[f"{PREFIX}_{name}"][key] if _instance(label) in instances]
        document[f"{PREFIX}_{name}"] = {"_cls": kind, key: own}
    document[f"{PREFIX}_possible"] = None
    document[f"{PREFIX}_issue_score"] = 0.5
    source = deepcopy(document[f"{PREFIX}_source"])
    source["people"] = {key: of for key, of in source["people"].items() if key in ids}
    document[f"{PREFIX}_source"] = source
    return document


def _instance(label: dict[str, Any]) -> str:
    return str((label.get("instance") or {}).get("_id"))


def _measure_panel(dataset: Any, fields: Any, templates: list[dict[str, Any]]) -> dict[str, float]:
    from annotator.review.photo_before import sample_before
    from annotator.review.queue import OVERLAP, Filter, queue
    from annotator.review.score_table import score_table
    from annotator.review.session import Review

    figures: dict[str, float] = {}
    first, figures["first_queue_s"] = _timed(lambda: queue(dataset, fields, Filter()))
    _say(f"the first queue, for which all is summarized: {figures['first_queue_s']:.1f} s")

    def measure(name: str, action: Callable[[], Any]) -> Any:
        results = [_timed(action) for _ in range(REPEATS)]
        figures[name] = median(seconds for _, seconds in results)
        _say(f"{name}: {figures[name]:.3f}")
        return results[-1][0]

    page = measure("queue_page_s", lambda: queue(dataset, fields, Filter()))
    figures["queue_page_kb"] = len(json.dumps(page)) / 1024
    _say(f"queue_page_kb: {figures['queue_page_kb']:.0f}")
    measure("queue_second_page_s", lambda: queue(dataset, fields, Filter(), after=page["next"]))
    reason = Filter(reasons=("two people in one",))
    measure("queue_of_one_reason_s", lambda: queue(dataset, fields, reason))
    measure("queue_by_file_s", lambda: queue(dataset, fields, Filter(order="file")))
    # The photos themselves are needed where one is opened.
    review = Review(dataset, PREFIX, "Ada")
    shown = iter(page["items"])
    photos = list(islice(shown, 2 * REPEATS))
    for item in photos:
        _provide_photo(item["filepath"], templates)
    opened = iter([item["id"] for item in photos])
    measure("open_a_photo_s", lambda: review.open(next(opened)))
    edited: Iterator[dict[str, Any]] = iter(photos[:REPEATS])

    def edit() -> None:
        person = review.open(key := next(edited)["id"])["people"][0]["key"]
        review.edit(key, {"kind": "decide", "person": person, "state": "approved"}, {})

    time.sleep(OVERLAP.total_seconds() + 1)  # what was just inserted is not what was edited
    answer, seconds, changed = first, [], []
    for _ in range(REPEATS):
        edit()
        answer, of = _timed(partial(queue, dataset, fields, Filter(), since=answer["time"]))
        seconds.append(of)
        changed.append(len(json.dumps(answer)) / 1024)
    figures["queue_after_an_edit_s"], figures["queue_after_an_edit_kb"] = median(seconds), median(changed)
    _say(f"queue_after_an_edit_s: {median(seconds):.3f}, {median(changed):.1f} kB")
    _timed(lambda: score_table(dataset, fields, "quality_charts"))  # makes an index
    measure("score_table_page_s", lambda: score_table(dataset, fields))
    measure("score_table_other_page_s", lambda: score_table(dataset, fields, "quality_charts", 200))
    last = page["items"][-1]["id"]
    measure("photo_before_s", lambda: sample_before(dataset, fields, last))
    return figures


def _provide_photo(path: str, templates: list[dict[str, Any]]) -> None:
    """The photo of a copy."""
    number = int(Path(path).stem.removeprefix("frame"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy2(templates[number % len(templates)]["filepath"], path)


def _measure_start(dataset: Any, model: Path) -> dict[str, float]:
    from annotator.runs.dataset_annotation import Annotation

    _, seconds = _timed(lambda: Annotation(dataset, model))
    _say(f"start_of_annotate_people_s: {seconds:.2f}")
    return {"start_of_annotate_people_s": seconds}


def _measure_export(
    dataset: Any, templates: list[dict[str, Any]], people: float, folder: Path
) -> dict[str, float]:
    """How long an export of everything takes to start, and the speed of one of some samples, whose people have their ids."""
    import fiftyone as fo

    from annotator.dataset.fields import Fields, declare_fields
    from annotator.dataset.ids import assign_ids
    from annotator.runs.dataset_export import Export

    figures, fields = {}, Fields(PREFIX)
    everything, seconds = _timed(lambda: Export(dataset, folder / "all.json"))
    figures["start_of_export_s"] = seconds
    _say(f"start of an export of {len(everything)} samples: {seconds:.1f} s")
    some = fo.Dataset("export", persistent=True)
    declare_fields(some, fields)
    for number in range(min(EXPORTED, len(everything))):
        document = _copy(templates, number, people, folder / "export") | {"_dataset_id": some._doc.id}
        _provide_photo(document["filepath"], templates)
        some._sample_collection.insert_one(document)
    assign_ids(some, fields)
    for name in ("export_of_dense_labels", "export"):
        # In a process of its own, whose memory is the export's.
        command = [sys.executable, __file__, some.name, f"{folder}/{name}.json"]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        of_export = json.loads(answer.splitlines()[-1])
        figures |= {f"{name}_{of}": value for of, value in of_export.items()}
        _say(f"{name}: {of_export['photos_per_s']:.1f} photos/s, {of_export['memory_mb']:.0f} MB at most")
        some._sample_collection.update_many(
            {}, {"$set": {fields.charts: None, fields.u: None, fields.v: None}}
        )
    return figures


def _export(name: str, path: str) -> dict[str, float]:
    """The speed of an export of a dataset, and the most memory that this process has taken.

    Raises:
        ValueError: photos could not be written.
    """
    import fiftyone as fo

    from annotator.runs.dataset_export import Export

    dataset = fo.load_dataset(name)
    Export(dataset.limit(REPEATS), path).run()  # what is imported once
    export = Export(dataset, path)
    summary, seconds = _timed(export.run)
    if summary.failures:
        raise ValueError(f"photos were not exported: {summary.failures}")
    # Not as the resource module says, which counts what the process had that started this one.
    memory = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    return {"photos_per_s": len(export) / seconds, "memory_mb": int(memory) / 1024}


def _timed(action: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


def _say(text: str) -> None:
    print(text, flush=True)


def _print_goals(figures: dict[str, float]) -> None:
    print("\n| measure | value | goal |\n|---|---|---|")
    for name, goal in GOALS.items():
        if name in figures:
            sign = "≥" if name.endswith("per_s") else "≤"
            print(f"| {name} | {figures[name]:.2f} | {sign} {goal} |")


if __name__ == "__main__":
    print(json.dumps(_export(*sys.argv[1:])))
