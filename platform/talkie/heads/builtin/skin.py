"""The skin's mesh: points laid around mouth and eyes and in rows elsewhere, triangulated in the chart's plane.

One half is made and mirrored. Lips are closed and their two rims coincide; what lies behind them is in
`inside.py`, everything that is not skin in `parts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from talkie.heads.builtin import chart, features, surface

LIP_LEVELS = (0.0, 0.1, 0.28, 0.52, 0.77, 1.0, 1.3, 1.7, 2.2)
LIP_STEPS = 33
"""Points of half a ring around the mouth, from the top of the middle line to its bottom."""
LID_OFFSETS_M = (0.0, 0.0007, 0.0018, 0.0032, 0.0049, 0.0070)
LID_STEPS = 36
NOSTRIL_LEVELS = (0.28, 0.52, 0.76, 1.0, 1.22, 1.55)
NOSTRIL_STEPS = 14
NOSTRIL_DEPTH_M = np.array([-0.0010, 0.0075, -0.0045])
"""From the left nostril's opening to the end of its pocket: up, back and towards the septum."""
OPENING_DEG = 1.2
"""How far the plane holds the lips' rims apart, so that a triangulation of points sees the mouth as a hole."""


@dataclass(frozen=True)
class Skin:
    """Vertices of the whole skin with what the later steps need to know of them.

    positions: (V, 3) metres; plane: (V, 2), unrolled chart with the mouth held open; faces: (F, 3);
    lip_level, lid_offset, nostril_level: (V,) ring of the vertex, nan elsewhere (lid_offset in metres);
    upper: (V,) +1 above the contact line of the lips, -1 below, 0 on its corners;
    lip_rims: upper and lower rim from the right corner to the left, (N,) each, sharing their ends;
    lid_rims: left and right, closed loops (M,) from the outer corner over the top.
    """

    positions: np.ndarray
    plane: np.ndarray
    faces: np.ndarray
    lip_level: np.ndarray
    lid_offset: np.ndarray
    nostril_level: np.ndarray
    upper: np.ndarray
    lip_rims: tuple[np.ndarray, np.ndarray]
    lid_rims: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Points:
    """Half-face points: 3-d, in the plane, and their ring (nan where none)."""

    positions: np.ndarray
    plane: np.ndarray
    lip_level: np.ndarray
    lid_offset: np.ndarray
    nostril_level: np.ndarray
    upper: np.ndarray


def _lips() -> _Points:
    """Rings around the left half of the mouth. The rims' corner comes once, as the ring's middle point."""
    alpha = np.linspace(np.pi / 2, -np.pi / 2, LIP_STEPS)
    chunks = []
    for level in LIP_LEVELS:
        theta, s = features.lip_ring_deg(level, alpha)
        theta = np.where(np.abs(np.cos(alpha)) < 1e-9, 0.0, theta)
        points = surface.point(np.radians(theta), np.radians(s))
        # The spline smooths the lips over: roll their rims inward and round out the red.
        roll = -0.0020 * max(0.0, 1 - level / 0.42) ** 2
        full = 0.0016 * np.exp(-(((level - 0.5) / 0.32) ** 2)) * np.sqrt(np.abs(np.sin(alpha)))
        inward = (roll * (0.45 + 0.55 * np.abs(np.sin(alpha))) + full)[:, None]
        points = points + inward * np.array([0.0, 0.0, 1.0])
        held = np.radians(s) + np.radians(OPENING_DEG) * np.sin(alpha) * np.exp(-2 * level)
        sign = np.where(np.abs(alpha) < 1e-9, 0, np.sign(alpha))
        chunks.append((points, chart.to_plane(np.radians(theta), held), np.full(LIP_STEPS, level), sign))
    points, plane, level, sign = (np.concatenate(c) for c in zip(*chunks, strict=True))
    none = _unringed(len(level))
    return _Points(points, plane, level, none, none, sign)


def _lids() -> _Points:
    """Rings around the left eye, from the rims on the eyeball out to the plain skin."""
    beta = np.linspace(0, 2 * np.pi, LID_STEPS, endpoint=False)
    chunks = []
    for offset in LID_OFFSETS_M:
        x, y = features.eye_ring(offset, beta)
        ball = features.on_eyeball(x, y, features.EYE_RADIUS_M + features.LID_M)
        theta, s, _ = chart.locate(ball)
        plain = surface.point(theta, s)
        share = 1 - _smooth(offset / LID_OFFSETS_M[-1] * 1.05)
        inner = np.exp(-(((x + 0.0145) / 0.004) ** 2))
        share = share * (1 - 0.45 * inner)
        crease = 0.0011 * np.exp(-(((offset - 0.0047) / 0.0013) ** 2)) * np.clip(np.sin(beta), 0, 1)
        points = share[:, None] * ball + (1 - share)[:, None] * plain
        points[:, 2] -= crease
        chunks.append((points, chart.to_plane(theta, s), np.full(LID_STEPS, offset)))
    points, plane, offset = (np.concatenate(c) for c in zip(*chunks, strict=True))
    none = _unringed(len(points))
    return _Points(points, plane, none, offset, none, np.ones(len(points)))


def _nostrils() -> _Points:
    """Rings around and inside the left nostril: the pocket keeps its place in the chart and sinks into the nose."""
    gamma = np.linspace(0, 2 * np.pi, NOSTRIL_STEPS, endpoint=False)
    chunks = []
    for level in (0.0, *NOSTRIL_LEVELS):
        around = gamma[:1] if level == 0 else gamma
        theta, s = (np.radians(a) for a in features.nostril_ring_deg(level, around))
        # In space the pocket's walls stay steep: it narrows late, while its rings in the chart narrow evenly.
        wide = np.sin(0.5 * np.pi * min(level, 1.0)) ** 0.6 if level < 1 else level
        there = (np.radians(a) for a in features.nostril_ring_deg(wide, around))
        points = surface.point(*there) + _smooth((1.08 - level) / 0.8) * NOSTRIL_DEPTH_M
        # The wing's edge hangs over the opening and the sill stands out under it: the spline is too smooth for either.
        rim = np.exp(-(((level - 1.05) / 0.35) ** 2))
        points[:, 1] -= 0.0022 * rim * np.clip(np.sin(around) + 0.3, 0, 1)
        points[:, 2] += 0.0026 * rim * np.clip(0.2 - np.sin(around), 0, 1)
        chunks.append((points, chart.to_plane(theta, s), np.full(len(around), level)))
    points, plane, level = (np.concatenate(c) for c in zip(*chunks, strict=True))
    none = _unringed(len(points))
    return _Points(points, plane, none, none, level, np.ones(len(points)))


def _unringed(count: int) -> np.ndarray:
    """Levels of points that lie on no ring."""
    return np.full(count, np.nan)


def _smooth(x: np.ndarray | float) -> np.ndarray:
    """Cubic smoothstep of x clipped to [0, 1]."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _spacing_m(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Wanted distance between neighbouring points: fine on nose and face, coarse on skull and shoulders."""
    theta_deg, s_deg = np.degrees(np.abs(theta)), np.degrees(s)
    face = 0.0046 + 0.0110 * _smooth((theta_deg - 38) / 50) + 0.010 * _smooth((s_deg - 14) / 40)
    below = 0.006 * _smooth((-48 - s_deg) / 15) + 0.011 * _smooth((-78 - s_deg) / 15)
    nose = 0.0018 * np.exp(-((theta_deg / 9) ** 2) - ((s_deg + 13) / 9) ** 2)
    return face + below - nose


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and descent of points in staggered rows over the left half, ends included."""
    s, theta_all, s_all, index = np.pi / 2, [np.zeros(1)], [np.full(1, np.pi / 2)], 0
    s -= float(_spacing_m(np.zeros(1), np.array([s]))[0]) / 0.11
    while s > chart.LOWEST + 0.04:
        flat = float(np.hypot(*(surface.point(np.array([0.7]), np.array([s]))[0, [0, 2]])))
        theta, row = 0.0, [0.0]
        while theta < np.pi:
            theta += float(_spacing_m(np.array([theta]), np.array([s]))[0]) / max(flat, 0.02)
            row.append(theta)
        nodes = np.array(row) * (np.pi / row[-1])
        if index % 2 and len(nodes) > 3:
            nodes = np.concatenate([[0.0], (nodes[:-1] + nodes[1:]) / 2, [np.pi]])
        theta_all.append(nodes)
        s_all.append(np.full(len(nodes), s))
        speed = 0.11 if s > chart.NECK else 0.17
        s -= float(_spacing_m(np.zeros(1), np.array([s]))[0]) / speed
        index += 1
    theta_all.append(np.linspace(0, np.pi, 25))
    s_all.append(np.full(25, chart.LOWEST))
    return np.concatenate(theta_all), np.concatenate(s_all)


def _inside(plane: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Whether each point (N, 2) lies within a closed polygon (M, 2), by the even-odd rule."""
    x, y = plane[:, :1], plane[:, 1:]
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    crosses = (y0 > y) != (y1 > y)
    at = x0 + (y - y0) / np.where(y1 == y0, 1e-12, y1 - y0) * (x1 - x0)
    return (np.count_nonzero(crosses & (x < at), axis=1) % 2).astype(bool)


def _rest(rings: _Points, closed: tuple[np.ndarray, ...]) -> _Points:
    """The rows' points outside the outermost rings and not too near to any ring's point."""
    theta, s = _rows()
    points, plane = surface.point(theta, s), chart.to_plane(theta, s)
    # The skull makes room for the ear's bowl, which hides the dent.
    points[:, 0] -= features.ear_dent_m(points)
    plane[np.abs(theta - np.pi) < 1e-9, 0] = 0.0
    points[plane[:, 0] == 0, 0] = 0.0
    clear = ~np.any([_inside(plane, loop) for loop in closed], axis=0)
    clear &= cKDTree(rings.positions).query(points)[0] > 0.62 * _spacing_m(theta, s)
    upper = np.sign(features.mouth_coordinates(theta, s)[1])
    none = _unringed(int(clear.sum()))
    return _Points(points[clear], plane[clear], none, none, none, upper[clear])


def _joined(*sets: _Points) -> _Points:
    return _Points(*(np.concatenate(columns) for columns in zip(*(vars(p).values() for p in sets), strict=True)))


def _half() -> tuple[_Points, np.ndarray, np.ndarray, np.ndarray]:
    """All points of the left half, its triangles, and the point indices of lip and lid rims."""
    lips, lids, nostrils = _lips(), _lids(), _nostrils()
    n_lips = len(lips.positions)
    lip_hole = lips.plane[:LIP_STEPS]
    mouth = np.concatenate([lips.plane[-LIP_STEPS:], [[-0.05, lips.plane[-1, 1]], [-0.05, lips.plane[-LIP_STEPS, 1]]]])
    rings = _joined(lips, lids, nostrils)
    everything = _joined(rings, _rest(rings, (mouth, lids.plane[-LID_STEPS:], nostrils.plane[-NOSTRIL_STEPS:])))
    # A tiny fixed disturbance decides between equally good diagonals the same way everywhere.
    jitter = 1e-6 * np.sin(np.arange(len(everything.plane))[:, None] * np.array([12.9898, 78.233]))
    jitter[everything.plane[:, 0] == 0, 0] = 0.0
    triangles = Delaunay(everything.plane + jitter).simplices
    middle = everything.plane[triangles].mean(1)
    lip_loop = np.concatenate([lip_hole, [[-0.01, lip_hole[-1, 1]], [-0.01, lip_hole[0, 1]]]])
    hole = _inside(middle, lip_loop) | _inside(middle, lids.plane[:LID_STEPS])
    a, b, c = (everything.plane[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    hole |= np.abs(area) < 1e-9
    # Seen from outside the head the plane's orientation is the surface's: make all counter-clockwise.
    triangles = np.where((area < 0)[:, None], triangles[:, ::-1], triangles)[~hole]
    return everything, triangles, np.arange(LIP_STEPS), n_lips + np.arange(LID_STEPS)


def build_skin() -> Skin:
    """The whole skin, mirrored from its left half."""
    half, triangles, lip_rim, lid_rim = _half()
    n = len(half.positions)
    seam = half.plane[:, 0] == 0
    twin = np.full(n, -1)
    twin[seam] = np.flatnonzero(seam)
    twin[~seam] = n + np.arange(np.count_nonzero(~seam))
    flip = np.array([-1.0, 1.0, 1.0])
    positions = np.concatenate([half.positions, half.positions[~seam] * flip])
    positions[np.flatnonzero(seam), 0] = 0.0
    plane = np.concatenate([half.plane, half.plane[~seam] * np.array([-1.0, 1.0])])
    faces = np.concatenate([triangles, twin[triangles][:, ::-1]])
    ringed = (half.lip_level, half.lid_offset, half.nostril_level, half.upper)
    level, offset, nostril, upper = (np.concatenate([a, a[~seam]]) for a in ringed)
    middle = LIP_STEPS // 2
    top, bottom = lip_rim[: middle + 1], lip_rim[middle:][::-1]
    rims = tuple(np.concatenate([twin[r][::-1], r[1:]]) for r in (top, bottom))
    return Skin(positions, plane, faces, level, offset, nostril, upper, rims, (lid_rim, twin[lid_rim]))  # type: ignore[arg-type]
