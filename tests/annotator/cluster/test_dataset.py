"""Datasets that are labelled through shards, whose workers run in this process here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fiftyone as fo
import pytest

from annotator.cluster import dataset as cluster_dataset
from annotator.cluster import run_lock
from annotator.cluster.dataset import ClusterAnnotation
from annotator.cluster.manifest import ManifestError
from annotator.cluster.run import ShardedRun
from annotator.cluster.storage import locate
from annotator.cluster.worker import Work
from annotator.inference.network import Network
from tests.annotator.conftest import draw_photo

from .conftest import LEFT, RIGHT, VOTES


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """What the workers were given."""
    given = []

    def label(run: ShardedRun, work: Work, *_: object) -> Iterator[int]:
        given.append(work)
        yield run.manifest.count - run.photos_in(run.left())
        yield run.label(replace(work, threads=1, device="cpu"))

    monkeypatch.setattr(cluster_dataset, "label_on_cluster", label)
    return given


def test_samples_get_the_people_of_their_own_photo_however_its_path_is_spelled(
    dataset, works: list[Work], tmp_path: Path, tiny_network: Network
):
    for name, people in (("one", [LEFT]), ("two", [LEFT, RIGHT]), ("none", [])):
        draw_photo(tmp_path / f"{name}.png", people)
    names = ["one", "two", "one", "none", "two"]
    dataset.add_samples([fo.Sample(filepath=str(tmp_path / f"{name}.png")) for name in names])
    # As FiftyOne keeps them where somebody sets many at once.
    dataset.set_values(
        "filepath", [f"{tmp_path}{'/' * (1 + i % 2)}{name}.png" for i, name in enumerate(names)]
    )
    run = ClusterAnnotation(
        dataset, tiny_network.path, settings=VOTES, maps_dir=tmp_path / "maps", device="cuda"
    )
    assert run.network.device == "CPU"  # this machine labels nothing
    shards, told = Path(f"{run.folder}.shards"), []
    for done in run:
        told.append(run.describe(done))
        assert shards.exists()  # until all are saved
    assert run.summary.samples == 5
    assert not shards.exists()
    assert told[:2] == [f"{done} of 5 photos labelled on the cluster" for done in (0, 5)]
    assert told[2:] == [f"{done} of 5 photos written" for done in range(1, 6)]
    found = [people and len(people.detections) for people in dataset.values("dp_people")]
    assert found == [1, 2, 1, 0, 2]
    assert [work.device for work in works] == ["cuda"]


def test_a_second_run_on_the_same_fields_is_refused_and_leaves_its_shards(
    dataset, works: list[Work], tmp_path: Path, tiny_network: Network, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_lock, "BEAT", 0.5)
    draw_photo(tmp_path / "one.png", [LEFT])
    dataset.add_samples([fo.Sample(filepath=str(tmp_path / "one.png"))])
    run = ClusterAnnotation(dataset, tiny_network.path, settings=VOTES, maps_dir=tmp_path / "maps")
    shards = Path(f"{run.folder}.shards")
    shards.mkdir(parents=True)
    (shards / "of another run").write_text("labels")
    with (
        run_lock.hold(locate(shards)),
        pytest.raises(ManifestError, match=f"{shards}: another run is at work on it"),
    ):
        run.run()
    assert (shards / "of another run").exists()
    assert not works
