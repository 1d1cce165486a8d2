"""What is known of all photos of a dataset before a run begins."""

from pathlib import Path

from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.stored_photos import StoredPhoto, chosen_photos, stored_photos

FIELDS = Fields("dp")


def add(dataset, path: Path, **values) -> str:
    import fiftyone as fo

    sample = fo.Sample(filepath=str(path), **values)
    dataset.add_sample(sample)
    return sample.id


def test_what_is_stored_of_each_photo(dataset, tmp_path):
    import fiftyone as fo

    bare = add(dataset, tmp_path / "bare.png")
    assert stored_photos(dataset, FIELDS) == {bare: StoredPhoto(f"{tmp_path}/bare.png", False, None, None)}
    declare_fields(dataset, FIELDS)
    photo = {"bytes": 12, "mtime_ns": 1_700_000_000_123_456_789, "digest": "0"}
    source = {"size": [4, 3], "photo": photo, "file_name": "a/b.png"}
    labelled = add(dataset, tmp_path / "labelled.png", dp_people=fo.Detections(), dp_source=source)
    odd = add(dataset, tmp_path / "odd.png", dp_people=fo.Detections(), dp_source={"file_name": ["b.png"]})
    stored = stored_photos(dataset, FIELDS)
    assert list(stored) == [bare, labelled, odd]
    assert stored[labelled] == StoredPhoto(
        f"{tmp_path}/labelled.png", True, "a/b.png", (12, 1_700_000_000_123_456_789)
    )
    assert stored[odd] == StoredPhoto(f"{tmp_path}/odd.png", True, None, None)

    view = dataset.select([odd, bare], ordered=True)
    assert chosen_photos(view, stored) == [odd, bare]
    assert chosen_photos(view.concat(view), stored) == [odd, bare]
    assert chosen_photos(dataset, stored) == list(stored)


def test_documents_are_not_read(dataset, tmp_path):
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    for number in range(20):
        add(dataset, tmp_path / f"{number}.png", dp_people=fo.Detections(), dp_source={"size": [4, 3]})
    stored_photos(dataset, FIELDS)
    database = dataset._sample_collection.database
    database.command("profile", 2)
    try:
        stored_photos(dataset, FIELDS)
    finally:
        database.command("profile", 0)
    name = f"{database.name}.{dataset._sample_collection_name}"
    (query,) = database["system.profile"].find({"ns": name, "op": "query"})
    assert (query["keysExamined"], query["docsExamined"]) == (20, 0)
