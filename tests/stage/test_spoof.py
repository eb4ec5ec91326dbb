"""Attacks are what they claim to be: one plane that moves as a whole, a still or a moving picture on it."""

import numpy as np
import pytest

from talkie.errors import BadConfig
from talkie.stage.spoof import present


def checkerboard(frames: int, size: int = 64) -> np.ndarray:
    """A board whose upper left quarter brightens with time."""
    y, x = np.mgrid[:size, :size] // 16
    board = np.repeat((np.where((x + y) % 2, 200, 40).astype(np.uint8))[None, ..., None], frames, 0).repeat(3, -1)
    for number in range(frames):
        board[number, :16, :16] = 40 + number * 200 // frames
    return board


@pytest.mark.parametrize("kind", ["print", "replay"])
def test_the_sheet_lies_where_its_homography_says(kind):
    attack = present(kind, checkerboard(4), np.random.default_rng(0))
    corners = attack.homography[0] @ np.array([[0.02, 0.02, 1], [0.98, 0.02, 1], [0.5, 0.5, 1]], float).T
    x, y = corners[:2] / corners[2]
    frame = attack.frames[0].astype(float).mean(-1)
    border = 230 if kind == "print" else 5
    for k in (0, 1):
        if 1 <= x[k] < 63 and 1 <= y[k] < 63:
            assert abs(frame[int(y[k]), int(x[k])] - border) < 60


def test_a_print_shows_one_still_and_a_replay_shows_the_motion():
    def corner_brightness(kind):
        attack = present(kind, checkerboard(8), np.random.default_rng(2))
        at = attack.homography @ np.array([0.16, 0.16, 1.0])
        x, y = (at[:, :2] / at[:, 2:]).astype(int).T
        values = [f[max(b - 3, 0) : b + 3, max(a - 3, 0) : a + 3].mean() for f, a, b in
                  zip(attack.frames, x, y, strict=True)]  # fmt: skip
        return values[-1] - values[0]

    assert corner_brightness("replay") > 60
    assert abs(corner_brightness("print")) < 15


def test_the_plane_trembles_smoothly_and_the_rng_decides_all():
    first, again = (present("replay", checkerboard(10), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.frames, again.frames)
    centre = first.homography @ np.array([0.5, 0.5, 1.0])
    path = centre[:, :2] / centre[:, 2:]
    assert 0 < np.abs(np.diff(path, axis=0)).max() < 3


def test_another_kind_is_refused():
    with pytest.raises(BadConfig, match="mask"):
        present("mask", checkerboard(1), np.random.default_rng(0))
