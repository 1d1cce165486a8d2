from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from annotator.surface.geodesic import Surface, SurfaceError


def strip() -> dict[str, np.ndarray]:
    """24 charts, each a square of one metre and two triangles, side by side; neighbours share an edge.

    Chart c spans x from c − 1 to c; its U runs along x, V along y. Body vertices 2 · x + y.
    """
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    x = np.concatenate([corners[:, 0] + c for c in range(24)])
    y = np.tile(corners[:, 1], 24)
    first = np.repeat(4 * np.arange(24), 2)[:, None]
    return {
        "faces": (first + np.tile([[0, 1, 2], [0, 2, 3]], (24, 1))).astype(np.int32),
        "chart": np.repeat(np.arange(1, 25), 2).astype(np.uint8),
        "u": np.tile(corners[:, 0], 24).astype(np.float32),
        "v": np.tile(corners[:, 1], 24).astype(np.float32),
        "smpl_vertex": (2 * x + y).astype(np.int32),
        "position": np.stack([x, y, np.zeros_like(x)], axis=1).astype(np.float32),
    }


@pytest.fixture
def flat(tmp_path: Path) -> Surface:
    np.savez(tmp_path / "flat.npz", **strip())
    return Surface(tmp_path / "flat.npz")


@pytest.fixture(scope="module")
def body(shared: Path) -> Surface:
    path = shared / "densepose" / "surface.npz"
    if not path.is_file():
        pytest.skip(f"needs the body surface {path}")
    return Surface(path)


def test_nearest_vertex_is_one_of_the_chart(flat: Surface):
    charts = np.array([1, 1, 2, 24, 0])
    u, v = np.array([0.1, 0.9, 0.1, 0.8, 0.5]), np.array([0.2, 0.2, 0.7, 0.6, 0.5])
    assert flat.nearest(charts, u, v).tolist() == [0, 2, 3, 49, -1]


def test_distances_cross_charts_and_follow_edges(flat: Surface):
    a, b = np.array([0, 0, 0, 4, 0, -1]), np.array([0, 2, 48, 0, -1, 3])
    assert flat.distances(a, b).tolist() == pytest.approx([0, 1, 24, 2, np.inf, np.inf])
    # The diagonal that is an edge, and the one that is not.
    assert flat.distances(np.array([0, 1]), np.array([3, 2])).tolist() == pytest.approx([2**0.5, 2])


def test_nothing_asked_nothing_said(flat: Surface):
    nothing = np.zeros(0, np.int64)
    assert flat.nearest(nothing, nothing, nothing).shape == (0,)
    assert flat.distances(nothing, nothing).shape == (0,)


def test_the_body_is_as_large_as_people(body: Surface):
    # Head to foot, from hand to hand, and along the front of one leg.
    charts = np.array([23, 3, 9, 9])
    u, v = np.array([0.5, 0.25, 0.0, 1.0]), np.array([1.0, 1.0, 0.5, 0.5])
    crown, hand, knee, hip = body.nearest(charts, u, v)
    other_hand, sole = body.nearest(np.array([4, 5]), np.array([0.75, 0.5]), np.array([1.0, 0.0]))
    a, b = np.array([crown, hand, knee]), np.array([sole, other_hand, hip])
    height, span, thigh = body.distances(a, b)
    assert 1.5 < height < 2.2
    assert 1.2 < span < 2.2
    assert 0.25 < thigh < 0.6
    assert body.distances(b, a) == pytest.approx([height, span, thigh], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"u": None}, "u: missing"),
        ({"faces": np.zeros((3, 4), np.int32)}, r"faces: has shape \(3, 4\), not \(3, 3\)"),
        ({"v": np.zeros(5)}, r"v: has shape \(5,\), not \(96,\)"),
        ({"u": np.full(96, 2.0)}, "u: must be numbers in 0..1"),
        ({"u": np.full(96, np.nan)}, "u: must be numbers in 0..1"),
        ({"chart": np.zeros(48, np.uint8)}, "chart: must be numbers in 1..24"),
        ({"chart": np.ones(48, np.uint8)}, "chart: no face of chart 2"),
        ({"smpl_vertex": np.zeros(96)}, "smpl_vertex: must be whole numbers"),
        ({"faces": np.full((48, 3), 96)}, "faces: must be numbers in 0..95"),
    ],
)
def test_a_bad_file_is_named_with_its_array(tmp_path: Path, changes: dict, words: str):
    arrays = {name: array for name, array in (strip() | changes).items() if array is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(SurfaceError, match=rf"bad\.npz: {words}"):
        Surface(tmp_path / "bad.npz")


@pytest.mark.parametrize("damage", ["data", "method"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str):
    path = tmp_path / "bad.npz"
    np.savez_compressed(path, **strip())
    data = bytearray(path.read_bytes())
    with ZipFile(path) as file:
        start = file.getinfo("u.npy").header_offset
    if damage == "data":
        data[start + 60 : start + 80] = b"\xff" * 20
    else:
        data[data.index(b"PK\1\2") + 10] = 99
    path.write_bytes(data)
    with pytest.raises(SurfaceError, match=r"bad\.npz: not an \.npz file"):
        Surface(path)


def test_what_is_no_surface_file(tmp_path: Path):
    with pytest.raises(SurfaceError, match=r"none\.npz: no such surface file"):
        Surface(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no arrays")
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(SurfaceError, match=rf"{name}: not an \.npz file"):
            Surface(tmp_path / name)
