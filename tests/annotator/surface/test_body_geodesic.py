import numpy as np

from annotator.surface.body_geodesic import load_body_surface


def test_everything_can_be_reached_and_the_body_is_as_large_as_a_body():
    surface = load_body_surface()
    right_hand, head = surface._vertices[3][:1], surface._vertices[23]
    from_hand = surface.distances(np.repeat(right_hand, len(surface._known)), np.arange(len(surface._known)))
    assert np.isfinite(from_hand).all()
    assert 0.6 < from_hand[head].min() < 1.2
    # From hand to the other hand it is farther than to the head, and to the feet farther still.
    assert from_hand[head].min() < from_hand[surface._vertices[4]].min() < 2
    assert from_hand[surface._vertices[5]].max() > 1.5


def test_neighbours_across_a_seam_are_near():
    surface = load_body_surface()
    # Front and back of the trunk meet along its sides.
    back, front = surface._vertices[1], surface._vertices[2]
    pairs = surface.distances(np.repeat(back, len(front)), np.tile(front, len(back)))
    nearest = pairs.reshape(len(back), len(front)).min(axis=1)
    assert nearest.min() < 0.04
    assert nearest.max() < 0.4
