"""Run-length codes against pycocotools, and what broken ones are answered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from annotator.coco.rle import decode_labels, decode_mask, encode_labels, encode_mask, encode_polygons

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=20)


@st.composite
def placed_masks(draw):
    """A mask and its box inside an image."""
    mask = draw(arrays(bool, SHAPES))
    left, top, right, bottom = (draw(st.integers(0, 3)) for _ in range(4))
    h, w = mask.shape
    return mask, (left, top, w, h), (left + w + right, top + h + bottom)


def whole(mask, box, size):
    image = np.zeros(size[::-1], np.uint8)
    x, y, w, h = box
    image[y : y + h, x : x + w] = mask
    return image


@given(placed_masks())
def test_crop_encodes_as_pycocotools_encodes_the_image(placed):
    expected = coco_mask.encode(np.asfortranarray(whole(*placed)))
    assert encode_mask(*placed) == {"size": expected["size"], "counts": expected["counts"].decode()}


@pytest.mark.parametrize("box", [(1, 2, 3, 0), (1, 2, 0, 3)])
def test_an_empty_crop_is_an_empty_mask(box):
    code = encode_mask(np.zeros(box[:1:-1], bool), box, (5, 6))
    assert not decode_mask(code, (5, 6)).any()


@given(placed_masks())
def test_crop_comes_back(placed):
    mask, box, size = placed
    assert np.array_equal(decode_mask(encode_mask(mask, box, size), size, box), mask)
    assert np.array_equal(decode_mask(encode_mask(mask, box, size), size), whole(*placed))


@given(placed_masks(), placed_masks())
def test_decoding_any_box_is_decoding_all_and_cutting(placed, other):
    image = whole(*placed)
    size = placed[2]
    x, y = (min(other[1][i], size[i] - 1) for i in (0, 1))
    w, h = min(other[1][2], size[0] - x), min(other[1][3], size[1] - y)
    assert np.array_equal(decode_mask(encode_mask(*placed), size, (x, y, w, h)), image[y : y + h, x : x + w])


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 4)))
def test_labels_encode_as_their_masks(labels):
    size = labels.shape[::-1]
    codes = encode_labels(labels, 4)
    assert len(codes) == 4
    for label, code in enumerate(codes, 1):
        mask = labels == label
        assert code == (encode_mask(mask, (0, 0, *size), size) if mask.any() else [])
    assert np.array_equal(decode_labels(codes, size), labels)


@given(placed_masks())
def test_uncompressed_counts(placed):
    image = whole(*placed)
    flat = image.T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=0))
    counts = np.diff(np.r_[0, edges, flat.size]).tolist()
    code = {"size": list(image.shape), "counts": counts}
    assert np.array_equal(decode_mask(code, placed[2]), image)


def test_large_masks_with_long_runs():
    mask = np.zeros((2000, 3000), bool)
    mask[100:1900, 500:2500] = True
    mask[700:710, ::7] ^= True
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(
        decode_mask({"size": [2000, 3000], "counts": code["counts"].decode()}, (3000, 2000)), mask
    )


def test_polygons_are_united():
    squares = [[1, 1, 4, 1, 4, 4, 1, 4], [3, 3, 8, 3, 8, 8, 3, 8]]
    mask = decode_mask(encode_polygons(squares, (10, 9)), (10, 9))
    assert mask.sum() == 3 * 3 + 5 * 5 - 1
    assert mask[1, 1]
    assert mask[7, 7]
    assert not mask[7, 1]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (7, "must be an object"),
        ({"counts": "04"}, "must be an object"),
        ({"size": [2, 2]}, "must be an object"),
        ({"size": [2, 3], "counts": "04"}, r"size \[2, 3\] is not \[height, width\] = \[2, 2\]"),
        ({"size": None, "counts": "04"}, "size None"),
        ({"size": [2, 2], "counts": ""}, "empty"),
        ({"size": [2, 2], "counts": "é"}, "character"),
        ({"size": [2, 2], "counts": "P"}, "cut off"),
        ({"size": [2, 2], "counts": "PPPPPPPPPPPPP0"}, "impossible"),
        ({"size": [2, 2], "counts": "0"}, "cover 0 of 4"),
        ({"size": [2, 2], "counts": "5"}, "impossible"),
        ({"size": [2, 2], "counts": "O5"}, "impossible"),
        ({"size": [2, 2], "counts": [1, 2]}, "cover 3 of 4"),
        ({"size": [2, 2], "counts": [5, -1]}, "impossible"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "whole numbers"),
        ({"size": [2, 2], "counts": []}, "whole numbers"),
        ({"size": [2, 2], "counts": None}, "whole numbers"),
    ],
)
def test_broken_codes(code, message):
    with pytest.raises(ValueError, match=message):
        decode_mask(code, (2, 2))


@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=40))
def test_random_text_is_a_mask_or_an_error(text):
    try:
        mask = decode_mask({"size": [5, 4], "counts": text}, (4, 5))
    except ValueError:
        return
    assert np.array_equal(mask, coco_mask.decode({"size": [5, 4], "counts": text}))
