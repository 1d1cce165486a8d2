"""The photos that a view is about."""

import pytest

from annotator.dataset.views import photos_of


@pytest.fixture
def values(dataset) -> list[str]:
    """Six photos, by the value of the field ``of``."""
    import fiftyone as fo

    dataset.add_sample_field("of", fo.FloatField)
    found = {"a": 1, "b": 2.0, "c": 1.0, "d": float("nan"), "e": None, "f": float("nan")}
    dataset.add_samples([fo.Sample(filepath=f"/{name}.jpg", name=name, of=of) for name, of in found.items()])
    # A sample of an older schema lacks the field.
    sample = fo.Sample(filepath="/g.jpg", name="g")
    dataset.add_sample(sample)
    dataset._sample_collection.update_one({"name": "g"}, {"$unset": {"of": ""}})
    return [*found, "g"]


def names(samples) -> list[str]:
    return samples.values("name")


def test_a_dataset_is_its_own_photos(dataset, values):
    assert photos_of(dataset) is dataset
    assert names(photos_of(dataset.limit(2))) == ["a", "b"]


@pytest.mark.parametrize("options", [{}, {"order_by": "name"}, {"order_by": "name", "reverse": True}])
def test_groups_are_all_their_photos_whatever_their_value(dataset, values, options):
    groups = dataset.group_by("of", **options)
    assert len(groups) == 4
    assert names(photos_of(groups)) == values


@pytest.mark.parametrize(
    ("group", "photos"),
    [("a", ["a", "c"]), ("b", ["b"]), ("d", ["d", "f"]), ("e", ["e", "g"])],
)
def test_the_photos_of_chosen_groups(dataset, values, group, photos):
    groups = dataset.group_by("of")
    first = dict(zip(*groups.values(["name", "id"]), strict=True))
    assert names(photos_of(groups.select(first[group]))) == photos
    assert names(photos_of(groups.exclude(first[group]))) == [name for name in values if name not in photos]


def test_the_order_of_groups_and_the_fields_shown_are_of_no_account(dataset, values):
    groups = dataset.group_by("of").sort_by("name", reverse=True)
    assert names(photos_of(groups.select_fields("name"))) == values
    assert names(photos_of(groups.exclude_fields("of").limit(1))) == ["e", "g"]
