import numpy as np
import pytest

from model.augmentation import augment_pixels


def test_pixels_are_augmented_alike_with_the_same_seed_whatever_came_before():
    image = np.full((32, 32, 3), 128, np.uint8)
    seeds = range(20)
    once = [augment_pixels(image, "strong", np.random.default_rng(seed)) for seed in seeds]
    again = [augment_pixels(image, "strong", np.random.default_rng(seed)) for seed in reversed(seeds)]
    np.testing.assert_array_equal(once, again[::-1])
    assert len({pixels.tobytes() for pixels in once}) == len(seeds)
    with pytest.raises(ValueError, match="use 'thesis' or 'strong'"):
        augment_pixels(image, "wild", np.random.default_rng(0))
