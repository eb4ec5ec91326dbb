"""Where every texel of the skin's texture lies on the mean head; nothing is painted here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy.ndimage import zoom

from talkie.heads.builtin import chart, features, surface

WIDTH, HEIGHT = 1024, 768
"""Texels around the head (u, azimuth) and from the crown to below the shoulders (v, descent)."""
_COARSE = 4


@dataclass(frozen=True, eq=False)
class Chart:
    """Every texel's place: theta, s (H, W) radians; x, y, z (H, W) metres on the mean head; t, above (H, W): mouth
    coordinates, in half widths of the mouth and degrees above the contact line; ex, ey: metres from the nearer eye's
    centre, ex positive outward."""

    theta: np.ndarray
    s: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    t: np.ndarray
    above: np.ndarray
    ex: np.ndarray
    ey: np.ndarray


@lru_cache(maxsize=1)
def texel_chart() -> Chart:
    """The places of all texels; made once a process."""
    u = (np.arange(WIDTH) + 0.5) / WIDTH
    v = (np.arange(HEIGHT) + 0.5) / HEIGHT
    theta, s = np.meshgrid((u - 0.5) * 2 * np.pi, np.pi / 2 - v * (np.pi / 2 - chart.LOWEST))
    # The mean surface is smooth: its points on every fourth texel, interpolated, are exact to 0.1 mm.
    half = slice(_COARSE // 2, None, _COARSE)
    coarse = surface.point(theta[half, half], s[half, half])
    x, y, z = (zoom(coarse[..., i], _COARSE, order=1, mode="nearest", grid_mode=True) for i in range(3))
    t, above = features.mouth_coordinates(theta, s)
    ex, ey = np.abs(x) - features.EYE_CENTRE[0], y - features.EYE_CENTRE[1]
    theta, s, x, y, z, t, above, ex, ey = (a.astype(np.float32) for a in (theta, s, x, y, z, t, above, ex, ey))
    return Chart(theta, s, x, y, z, t, above, ex, ey)


@lru_cache(maxsize=1)
def face_chart() -> tuple[tuple[slice, slice], Chart]:
    """The rows and columns around the face, and their part of the chart: what is painted on a face touches no more."""
    c = texel_chart()
    face = (c.z > 0.03) & (c.y > -0.125) & (c.y < 0.11)
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return window, Chart(**{f.name: getattr(c, f.name)[window] for f in fields(Chart)})
