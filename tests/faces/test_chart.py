"""The shade of a mouth: closed forms on painted faces, and what focus does to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from talkie.faces.chart import chart, mouth_shade

SKIN, MOUTH = 180, 40
LIPS = [13, 14, 82, 87, 312, 317, 81, 178, 311, 402]


def face(half_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey face of 120 pixels with a mouth 40 wide and open by twice half_gap, and its landmarks."""
    frame = np.full((200, 200, 3), SKIN, np.uint8)
    y, x = np.mgrid[:200, :200]
    frame[(abs(x - 100) <= 20) & (abs(y - 130) <= half_gap)] = MOUTH
    points = np.zeros((478, 3), np.float32)
    angle = np.linspace(0, 2 * np.pi, 478)
    points[:, 0], points[:, 1] = 100 + 58 * np.cos(angle), 100 + 58 * np.sin(angle)
    for row, place in {50: (65, 105), 280: (135, 105), 205: (70, 112), 425: (130, 112), 101: (75, 95)}.items():
        points[row, :2] = place
    for row, place in {330: (125, 95), 4: (100, 100), 6: (100, 80), 197: (100, 90)}.items():
        points[row, :2] = place
    points[LIPS, :2] = np.stack([100 + np.linspace(-8, 8, len(LIPS)), np.full(len(LIPS), 130.0)], 1)
    return frame, points


def test_the_shade_is_the_logarithm_of_the_ratio_of_light():
    light = [(value / 255) ** 2.2 + 0.01 for value in (SKIN, MOUTH)]
    assert mouth_shade(*face(12)) == pytest.approx(np.log(light[0] / light[1]), abs=1e-3)
    assert mouth_shade(*face(-1)) == pytest.approx(0, abs=1e-6)


def test_a_mouth_out_of_focus_still_darkens_where_it_opens():
    blurred = []
    for gap in (0, 1, 2, 4):
        frame, points = face(gap)
        blurred.append(mouth_shade(gaussian_filter(frame, (5, 5, 0)), points))
    assert np.diff(blurred).min() > 0.05


def test_rows_of_a_chart_are_the_charts_rows():
    frame, points = face(4)
    np.testing.assert_array_equal(chart(frame, points, LIPS), chart(frame, points)[LIPS])
