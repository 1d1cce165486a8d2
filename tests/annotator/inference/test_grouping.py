"""People are grouped in the way that the settings say."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.inference.box_prompt import label_boxes
from annotator.inference.grouping import group_people, person_in_box
from annotator.inference.network import Network
from annotator.inference.pipeline import annotate
from annotator.inference.settings import GROUPINGS, DbscanSettings, Settings, VoteSettings
from annotator.inference.zoom_in import zoom_in
from annotator.labels.people import People, Person
from annotator.photos.reading import read_photo
from tests.annotator.conftest import draw_photo

SIZE, LEFT, RIGHT = (256, 160), (20, 30, 60, 100, 10), (150, 40, 70, 90, 200)


FEW = {"votes": VoteSettings(vote_threshold=15), "dbscan": DbscanSettings(min_samples=15)}
"""So many pixels are somebody."""


def two_people() -> tuple[np.ndarray, np.ndarray]:
    """Mask and head vectors (64×64) of two people apart from each other, of 200 and of 20 pixels."""
    mask, head_vectors = np.zeros((64, 64), bool), np.zeros((64, 64, 2), np.float32)
    mask[20:40, 5:15] = mask[20:30, 40:42] = True
    head_vectors[:, :32], head_vectors[:, 32:] = (-0.34, -0.1), (0.14, -0.1)
    return mask, head_vectors


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_people_come_apart_in_either_way(grouping):
    mask, head_vectors = two_people()
    labels = group_people(mask, head_vectors, Settings(grouping=grouping, **FEW), 2)
    assert labels.dtype == np.int32
    assert sorted(np.bincount(labels.ravel())[1:]) == [20, 200]
    assert ((labels > 0) == mask).all()


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize(
    ("min_area", "stride", "found"), [(80, 2, 2), (81, 2, 1), (20, 1, 2), (21, 1, 1), (801, 2, 0)]
)
def test_people_of_few_input_pixels_are_dropped(grouping, min_area, stride, found):
    settings = Settings(grouping=grouping, **FEW, min_area=min_area)
    assert group_people(*two_people(), settings, stride).max() == found


def test_the_grouping_is_that_of_the_settings():
    # Two clumps nearer than heads can be: two dense clusters, but one pile of votes.
    mask, head_vectors = np.zeros((64, 64), bool), np.zeros((64, 64, 2), np.float32)
    mask[20:40, 5:25] = True
    head_vectors[:, :15], head_vectors[:, 15:] = (-0.29, -0.1), (-0.25, -0.1)

    def count(**settings) -> int:
        return group_people(mask, head_vectors, Settings(**settings), 2).max()

    assert count() == 1
    assert count(grouping="dbscan") == 2
    assert count(grouping="dbscan", dbscan=DbscanSettings(eps=0.05)) == 1
    assert count(grouping="dbscan", dbscan=DbscanSettings(min_samples=99999)) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Settings(grouping="kmeans"), "grouping must be votes or dbscan, not 'kmeans'"),
        (lambda: DbscanSettings(eps=0), "eps must be between 0.0001 and 1, not 0"),
        (lambda: DbscanSettings(eps=1.5), "eps must be between 0.0001 and 1, not 1.5"),
        (lambda: DbscanSettings(eps=float("nan")), "eps must be between 0.0001 and 1, not nan"),
        (lambda: DbscanSettings(min_samples=0), "min_samples must be 1 or more pixels, not 0"),
    ],
)
def test_impossible_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw_photo(tmp_path / "a.png", [LEFT, RIGHT], (256, 160))


def boxes(people: Iterable[Person]) -> list[tuple[int, int, int, int]]:
    return sorted(person.box for person in people)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_people_in_photos_zoom_ins_and_boxes_are_grouped_as_the_settings_say(
    photo: Path, tiny_network: Network, grouping: str
):
    settings = Settings(proposals="votes", grouping=grouping, pose_estimator=False)
    (whole,) = annotate([photo], tiny_network, replace(settings, zoom_in=False))
    (both,) = annotate([photo], tiny_network, settings)
    closer = zoom_in(read_photo(photo), People(SIZE, [_block(LEFT), _block(RIGHT)]), tiny_network, settings)
    in_boxes = label_boxes(read_photo(photo), [LEFT[:4], RIGHT[:4]], tiny_network, settings)
    for people in (whole.people.people, both.people.people, closer.people, in_boxes):
        np.testing.assert_allclose(boxes(people), [LEFT[:4], RIGHT[:4]], atol=3)


def test_where_dbscan_finds_nobody_nobody_is_labelled(photo: Path, tiny_network: Network):
    settings = Settings(proposals="votes", grouping="dbscan", dbscan=DbscanSettings(min_samples=99999))
    (result,) = annotate([photo], tiny_network, settings)
    assert result.people.people == []
    first = People(SIZE, [_block(LEFT)])
    assert zoom_in(read_photo(photo), first, tiny_network, settings).people == first.people
    assert label_boxes(read_photo(photo), [LEFT[:4]], tiny_network, settings) == [None]


def _block(box: tuple[int, ...]) -> Person:
    return Person(box[:4], mask=np.ones(box[3:1:-1], bool))


def test_a_box_gathers_its_person_and_nobody_else():
    labels = np.zeros((100, 100), int)
    labels[10:50, 20:40] = 1  # a body
    labels[50:90, 20:30] = 2  # its leg, which the votes broke off
    labels[30:60, 40:80] = 3  # somebody who reaches into the box
    labels[20:24, 22:26] = 4  # a crumb that makes no difference to the extent
    mine = person_in_box(labels, (19.5, 10, 25, 80))
    assert (mine == ((labels == 1) | (labels == 2))).all()
    # The box's edges are where the person ends.
    assert not person_in_box(labels, (19.5, 10, 25, 30))[40:].any()
    # Without a middle, whoever is in the box; without anybody, nobody.
    assert person_in_box(labels, (70, 20, 30, 30))[30:50, 70:80].all()
    assert person_in_box(labels, (85, 5, 10, 10)) is None
