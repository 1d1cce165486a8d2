"""What is painted on people is the texture at their charts, U and V."""

import cv2
import numpy as np
import pytest

from annotator.labels.label_space import CHART_COLOURS
from annotator.labels.people import People, Person
from annotator.surface.texture import (
    COLUMNS,
    ROWS,
    checkerboard,
    paint_people,
    sample_texture,
    split_atlas,
)

SIDE = 200


def telling_atlas(alpha: int | None = None) -> np.ndarray:
    """An atlas as DensePose's notebook reads it: a pixel's red tells its chart, green and blue tell U and V."""
    channels = 3 if alpha is None else 4
    atlas = np.full((6 * SIDE, 4 * SIDE, channels), alpha or 0, np.uint8)
    steps = np.rint(np.arange(SIDE) / (SIDE - 1) * 255)
    for i in range(4):
        for j in range(6):
            tile = atlas[SIDE * j : SIDE * (j + 1), SIDE * i : SIDE * (i + 1)]
            tile[..., 0] = 10 * (6 * i + j + 1)
            tile[..., 1] = steps
            tile[..., 2] = 255 - steps[:, None]
    return atlas


def dressed(box=(10, 5, 48, 60), seed=0, **changes) -> Person:
    """A person with all charts side by side, U and V at random, and a hole."""
    w, h = box[2:]
    rng = np.random.default_rng(seed)
    charts = np.tile(np.repeat(np.arange(1, 25), w // 24), (h, 1)).astype(np.uint8)
    charts[20:30, 20:30] = 0
    u, v = rng.uniform(0, 1, (2, h, w)).astype(np.float16)
    u[0], v[0], u[1], v[1] = 0, 0, 1, 1
    return Person(box, mask=charts > 0, charts=charts, u=u, v=v, **changes)


def photo(size=(80, 90), seed=1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)


@pytest.mark.parametrize("alpha", [None, 255])
def test_painted_pixels_tell_chart_u_and_v(alpha):
    person, before = dressed(), photo()
    after = paint_people(before, People((80, 90), [person]), telling_atlas(alpha))
    x, y, w, h = person.box
    known = person.charts > 0
    painted = after[y : y + h, x : x + w][known]
    assert (painted[:, 0] == 10 * person.charts[known]).all()
    np.testing.assert_allclose(painted[:, 1] / 255, person.u[known], atol=1.5 / 255)
    np.testing.assert_allclose(painted[:, 2] / 255, person.v[known], atol=1.5 / 255)
    # The hole and the surroundings are the photo's, which itself is not changed.
    outside = np.ones((90, 80), bool)
    outside[y : y + h, x : x + w] = ~known
    assert (after[outside] == before[outside]).all()
    assert (before == photo()).all()


def test_tiles_do_not_bleed_into_each_other():
    atlas = np.zeros((6 * 3, 4 * 3, 4), np.uint8)
    for chart in range(1, 25):
        i, j = divmod(chart - 1, 6)
        atlas[3 * j : 3 * j + 3, 3 * i : 3 * i + 3] = (10 * chart, 0, 0, 255)
    charts = np.repeat(np.arange(1, 25), 9)
    corners = np.tile(np.stack(np.meshgrid([0, 0.5, 1], [0, 0.5, 1]), -1).reshape(-1, 2), (24, 1))
    u, v = corners.T
    # Also beyond the edges, where a network's U and V may be.
    for shift in (0, -0.1, 0.1):
        found = sample_texture(split_atlas(atlas), charts, u + shift, v + shift)
        np.testing.assert_allclose(found[:, 0], 10 * charts, rtol=1e-5)
        np.testing.assert_allclose(found[:, 3], 1)


def test_between_pixels_the_texture_is_interpolated():
    atlas = np.full((6 * 2, 4 * 2, 4), 255, np.uint8)
    atlas[0:2, 0:2, 0] = [[0, 100], [200, 40]]  # v = 1 is the upper row
    found = sample_texture(split_atlas(atlas), [1, 1, 1, 1], [0, 1, 0.25, 0.5], [1, 0, 1, 0.5])
    np.testing.assert_allclose(found[:, 0], [0, 40, 25, 85])


def test_transparent_pixels_show_the_photo():
    person, before = dressed(), photo()
    people = People((80, 90), [person])
    assert (paint_people(before, people, np.full((6, 4, 4), (255, 0, 0, 0), np.uint8)) == before).all()
    half = paint_people(before, people, np.full((6, 4, 4), (200, 100, 0, 51), np.uint8))
    x, y, w, h = person.box
    known = person.charts > 0
    expected = 0.8 * before[y : y + h, x : x + w][known] + 0.2 * np.array([200, 100, 0])
    np.testing.assert_allclose(half[y : y + h, x : x + w][known], expected, atol=0.51)
    # Without alpha, black is what nobody has drawn on.
    assert (paint_people(before, people, np.zeros((6, 4, 3), np.uint8)) == before).all()


def test_the_colour_of_transparent_pixels_does_not_show():
    texture = np.zeros((6 * 2, 4 * 2, 4), np.uint8)
    texture[:, ::2] = (0, 200, 0, 255)
    texture[:, 1::2] = (255, 0, 255, 0)
    found = sample_texture(split_atlas(texture), [3], [0.5], [0.5])
    np.testing.assert_allclose(found, [[0, 100, 0, 0.5]])


@pytest.mark.parametrize("size", [(7, 9), (1, 1), (300, 200 * 6), (6 * 5, 4 * 5 + 1)])
def test_another_image_is_laid_on_each_chart_as_a_whole(size):
    height, width = size
    texture = np.zeros((height, width, 4), np.uint8)
    texture[..., 0] = np.linspace(0, 255, width)
    texture[..., 1] = np.linspace(255, 0, height)[:, None]
    texture[..., 3] = 255
    charts, ends = np.arange(1, 25), np.tile([0, 1], 12)
    found = sample_texture(split_atlas(texture), charts, ends, 1 - ends)
    corners = np.array([texture[0, 0], texture[-1, -1]], np.float32)[ends]
    np.testing.assert_allclose(found[:, :3], corners[:, :3])


def test_shading_keeps_light_and_dark_of_the_photo():
    person = dressed()
    grey = np.full((90, 80, 3), 100, np.uint8)
    people, texture = People((80, 90), [person]), np.full((6, 4, 4), (120, 60, 20, 255), np.uint8)
    flat = paint_people(grey, people, texture, shading=True)
    assert (flat == paint_people(grey, people, texture)).all()
    dark = grey.copy()
    dark[:, :34] = 50
    shaded = paint_people(dark, people, texture, shading=True)
    left, right = shaded[40, 20].astype(float), shaded[40, 50].astype(float)
    np.testing.assert_allclose(left * 2, right, atol=2)
    assert left.sum() < 200 < right.sum()
    black = paint_people(np.zeros_like(grey), people, texture, shading=True)
    assert not black.any()


def test_the_most_certain_is_on_top_and_who_has_no_surface_stays():
    first, second = dressed(score=0.9), dressed(seed=2, score=0.8)
    unknown = Person((0, 0, 20, 20), mask=np.ones((20, 20), bool))
    before = photo()
    both = paint_people(before, People((80, 90), [first, second, unknown]), telling_atlas())
    assert (both == paint_people(before, People((80, 90), [first]), telling_atlas())).all()
    nothing = dressed()
    nothing.charts[:] = 0
    assert (paint_people(before, People((80, 90), [nothing]), telling_atlas(), shading=True) == before).all()


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 2), (0, 4, 3), (6, 4, 5)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="a texture is an array"):
        split_atlas(np.zeros(shape, np.uint8))


def test_the_checkerboard_shows_chart_u_and_v():
    atlas = checkerboard(32)
    assert atlas.shape == (ROWS * 32, COLUMNS * 32, 4)
    tiles = split_atlas(atlas)
    assert (tiles[..., 3] == 1).all()
    low = sample_texture(tiles, np.arange(1, 25), np.full(24, 0.03), np.full(24, 0.03))[:, :3]
    np.testing.assert_allclose(low, CHART_COLOURS[1:], atol=12)
    along_u, along_v = tiles[0, 20, ::8].astype(float).sum(axis=1), tiles[0, ::8, 2].astype(float).sum(axis=1)
    assert (np.diff(along_u) > 0).all()  # every second square, of one colour
    assert (np.diff(along_v) > 0).all()  # downwards, so that V falls


def test_the_checkerboard_of_the_panel_is_the_same():
    """Both draw squares of an eighth, by the same formula: see ``TEXTURE`` in fiftyone_plugin/panel/src/tiles.ts."""
    chart, u, v = 7, np.arange(16), np.arange(16)[:, None]
    dark = np.where(((u >> 1) + (v >> 1)) & 1, 0.5, 1) * (1 - 0.35 * (v / 15))
    panel = dark[..., None] * (
        CHART_COLOURS[chart] + 0.45 * (u / 15)[:, None] * (255.0 - CHART_COLOURS[chart])
    )
    own = split_atlas(checkerboard(16))[chart - 1, ::-1, :, :3]
    assert cv2.absdiff(own, panel.astype(np.float32)).max() < 10
