"""Texture coordinates of the body: one tile of the unit square a piece, unrolled around the piece's axis."""

from __future__ import annotations

import numpy as np

_MARGIN = 0.5
"""Radians by which an unrolled piece may go on beyond its seam, so that no triangle is torn."""


def _turns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (F, 3) of corners as shares in [0, 1], each triangle in one piece across the seam."""
    angle = np.arctan2(a, b)
    mean = np.angle(np.exp(1j * angle).mean(1))[:, None]
    unrolled = mean + np.angle(np.exp(1j * (angle - mean)))
    return np.clip((unrolled + np.pi + _MARGIN) / (2 * np.pi + 2 * _MARGIN), 0, 1)


def _span(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low)


def _around(corners: np.ndarray, axis: int) -> np.ndarray:
    """(F, 3, 2): azimuth about a line along `axis` through the piece's middle, and position along it."""
    other = [k for k in range(3) if k != axis]
    middle = (corners.min((0, 1)) + corners.max((0, 1))) / 2
    local = corners - middle
    return np.stack([_turns(local[..., other[0]], local[..., other[1]]), _span(-corners[..., axis])], -1)


def _flat(corners: np.ndarray) -> np.ndarray:
    """(F, 3, 2): seen along the vertical axis."""
    return np.stack([_span(corners[..., 0]), _span(corners[..., 2])], -1)


def _pieces(part: str, corners: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Splits the faces of a part: (mask (F,), how it is unrolled)."""
    x, y, _ = corners.mean(1).T
    if part == "shirt":
        return [(np.abs(x) <= 0.2, "y"), (x > 0.2, "x"), (x < -0.2, "x")]
    if part == "trousers":
        low = y < -0.78
        return [(~low, "y"), (low & (x >= 0), "y"), (low & (x < 0), "y")]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return [(normal[:, 1] >= 0, "flat"), (normal[:, 1] < 0, "flat")]


def texture_coordinates(points: np.ndarray, faces: np.ndarray, part: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(F, 3, 2) in [0, 1] of points (V, 3) at rest, faces (F, 3), part (V,) indices into `names`.

    Tiles are squares of a 4 x 4 board in the order of parts and pieces, with a seam of 1/64 of a tile's side."""
    uv = np.zeros((*faces.shape, 2))
    tile = 0
    for k, name in enumerate(names):
        own = np.flatnonzero(part[faces[:, 0]] == k)
        corners = points[faces[own]]
        for mask, how in _pieces(name, corners):
            piece = corners[mask]
            local = _flat(piece) if how == "flat" else _around(piece, "xyz".index(how))
            corner = np.array([tile % 4, tile // 4])
            uv[own[mask]] = (corner + 1 / 64 + local * (1 - 2 / 64)) / 4
            tile += 1
    return uv
