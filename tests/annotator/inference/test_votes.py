"""People come apart where the votes of their pixels do."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from annotator.inference.settings import VoteSettings
from annotator.inference.votes import GRID, group_by_votes, peaks


def scene(centres, noise: float = 0.002, seed: int = 0):
    """Mask and votes (128×128, stride 2) of people side by side whose heads are at ``centres``."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((128, 128), bool)
    head_vectors = rng.normal(0, 0.3, (128, 128, 2)).astype(np.float32)
    ground_truth = np.zeros((128, 128), int)
    for i, centre in enumerate(centres):
        x = 4 + i * 124 // len(centres)
        box = np.s_[20:110, x : x + 16]
        mask[box] = True
        ground_truth[box] = i + 1
        head_vectors[box] = np.array(centre) + rng.normal(0, noise, (90, 16, 2))
    return mask, head_vectors, ground_truth


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    return adjusted_rand_score(a.ravel(), b.ravel()) > 0.999


@pytest.mark.parametrize("count", [1, 2, 5])
def test_people_come_apart(count):
    mask, head_vectors, ground_truth = scene(
        [((12 + i * 124 // count) / 128 - 0.5, -0.3) for i in range(count)]
    )
    labels = group_by_votes(mask, head_vectors, VoteSettings(), 2)
    assert labels.max() == count
    assert same_partition(labels, ground_truth)


def test_touching_people_come_apart_where_votes_do():
    mask, head_vectors, _ = scene([(-0.4, 0.0)])
    head_vectors[20:110, 12:20] += 0.1
    labels = group_by_votes(mask, head_vectors, VoteSettings(), 2)
    assert labels.max() == 2
    assert labels[50, 5] != labels[50, 18]
    assert group_by_votes(mask, head_vectors, VoteSettings(min_distance=0.3), 2).max() == 1


def test_pixels_that_vote_for_nobody_join_their_person():
    mask, head_vectors, ground_truth = scene([(-0.4, 0.0), (0.1, 0.0)])
    head_vectors[60, 4:20] = (-0.3, 0.05)
    labels = group_by_votes(mask, head_vectors, VoteSettings(), 2)
    assert ((labels > 0) == mask).all()
    assert same_partition(labels, ground_truth)


def test_unsure_votes_do_not_shatter_a_person():
    mask, head_vectors, _ = scene([(-0.4, -0.3)], noise=0.001)
    # Three clumps a few pixels apart, as an unsure network gives them at head, body and legs.
    for rows, shift in ((slice(20, 40), -0.025), (slice(40, 90), 0), (slice(90, 110), 0.025)):
        head_vectors[rows, 4:20, 1] += shift
    assert group_by_votes(mask, head_vectors, VoteSettings(), 2).max() == 1


def test_far_pixels_do_not_outvote_near_ones():
    mask, head_vectors, _ = scene([(-0.45, -0.3)])
    # Feet that are sure of a head on the other side of the image, beside a body that knows better.
    head_vectors[90:110, 4:20] = (0.45, -0.3)
    assert group_by_votes(mask, head_vectors, VoteSettings(), 2).max() == 1
    assert group_by_votes(mask, head_vectors, VoteSettings(reach=10), 2).max() == 2


def test_region_of_stray_votes_is_a_person_if_large():
    mask, head_vectors, ground_truth = scene([(-0.4, -0.3), (0.3, 0.0)])
    head_vectors[ground_truth == 2] += np.random.default_rng(1).normal(
        0, 0.5, (int((ground_truth == 2).sum()), 2)
    )
    labels = group_by_votes(mask, head_vectors, VoteSettings(), 2)
    assert same_partition(labels, ground_truth)
    small = np.zeros_like(mask)
    small[20:23, 4:8] = True
    assert group_by_votes(small, head_vectors, VoteSettings(), 2).max() == 0


def test_nothing_in_nothing_out():
    labels = group_by_votes(np.zeros((8, 8), bool), np.zeros((8, 8, 2), np.float32), VoteSettings(), 2)
    assert labels.shape == (8, 8)
    assert not labels.any()


def test_all_votes_decide_whose_a_pixel_is():
    mask, head_vectors, ground_truth = scene([(-0.1, 0.0), (0.1, 0.0)], noise=0.05)
    _, pelvises, _ = scene([(-0.4, 0.3), (0.2, 0.3)])
    unsure = VoteSettings(blur=0.04, reach=1)
    alone = group_by_votes(mask, head_vectors, unsure, 2)
    both = group_by_votes(mask, np.dstack([head_vectors, pelvises]), unsure, 2)
    assert alone.max() == both.max() == 2
    score = {n: adjusted_rand_score(ground_truth[mask], found[mask]) for n, found in ((1, alone), (2, both))}
    assert score[1] < 0.99 < score[2]


def test_people_cheek_to_cheek_have_two_pelvises():
    mask, head_vectors, ground_truth = scene([(0.0, -0.3), (0.02, -0.3)])
    _, pelvises, _ = scene([(-0.4, 0.1), (0.2, 0.1)])
    assert group_by_votes(mask, head_vectors, VoteSettings(), 2).max() == 1
    labels = group_by_votes(mask, np.dstack([head_vectors, pelvises]), VoteSettings(), 2)
    assert same_partition(labels, ground_truth)
    # A few pixels that are wrong about the pelvis are nobody by themselves.
    _, one, _ = scene([(-0.1, 0.1), (-0.1, 0.1)])
    one[100:110, 4:8] = (-0.45, 0.4)
    assert group_by_votes(mask, np.dstack([head_vectors, one]), VoteSettings(), 2).max() == 1


def test_peaks_lie_where_points_pile_up_also_outside_the_image():
    rng = np.random.default_rng(0)
    places = np.array([[-0.6, -0.2], [0.1, 0.4], [0.3, 0.4]])
    points = np.concatenate([place + rng.normal(0, 0.01, (50, 2)) for place in places])
    found = peaks(points, np.ones(len(points)), VoteSettings(), 20)
    assert len(found) == 3
    for place in places:
        assert np.linalg.norm(found - place, axis=1).min() < 0.015
    assert len(peaks(points, np.full(len(points), 0.1), VoteSettings(), 20)) == 0


@pytest.mark.parametrize(
    ("cells", "gap", "found"),
    [(1, (1, 0), 1), (1, (1, 1), 2), (1, (2, 0), 2), (8, (8, 0), 1), (8, (7, 7), 2), (8, (9, 0), 2)],
)
def test_of_two_piles_the_lower_counts_if_it_is_farther_than_apart(cells, gap, found):
    place = np.array([0.1, 0.2])
    points = np.stack([place, place + np.array(gap) / GRID])
    split = VoteSettings(min_distance=cells / GRID, blur=0.002)
    assert len(peaks(points, np.array([100.0, 60.0]), split, 10)) == found
