import numpy as np
import pytest

from model.augmentation import augment_pixels


def test_pixels_are_augmented_alike_with_the_same_seed():
    image = np.full((32, 32, 3), 128, np.uint8)
    once, again = (augment_pixels(image, "strong", np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    with pytest.raises(ValueError, match="use 'thesis' or 'strong'"):
        augment_pixels(image, "wild", np.random.default_rng(0))
