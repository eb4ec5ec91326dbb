"""Meshes of solids by naive surface nets (Gibson, MICCAI 1998), drawn onto the surface; no body parts here."""

from __future__ import annotations

import numpy as np

from talkie.heads.body.solids import Solid

_CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]


def _cell_points(values: np.ndarray, crossing: np.ndarray) -> np.ndarray:
    """For each crossing cell (N, 3 indices) the mean of its edges' zero crossings, in cell units (N, 3)."""
    corner = np.stack([values[tuple((crossing + c).T)] for c in _CORNERS], 1)
    total, count = np.zeros((len(crossing), 3)), np.zeros(len(crossing))
    for a, b in _EDGES:
        va, vb = corner[:, a], corner[:, b]
        cross = (va < 0) != (vb < 0)
        t = np.where(cross, va / np.where(cross, va - vb, 1.0), 0.0)[:, None]
        total += np.where(cross[:, None], _CORNERS[a] + t * (_CORNERS[b] - _CORNERS[a]), 0.0)
        count += cross
    return crossing + total / count[:, None]


def _quads(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(Q, 4) cells around every grid edge that the surface crosses, counter-clockwise from outside."""
    inside = values < 0
    quads = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        low = np.take(inside, range(values.shape[axis] - 1), axis)
        high = np.take(inside, range(1, values.shape[axis]), axis)
        at = np.argwhere(low != high)
        at = at[(at[:, u] > 0) & (at[:, v] > 0)]
        around = []
        for du, dv in ((-1, -1), (0, -1), (0, 0), (-1, 0)):
            cell = at.copy()
            cell[:, u] += du
            cell[:, v] += dv
            around.append(index[tuple(cell.T)])
        quad = np.stack(around, 1)
        outward = low[tuple(at.T)]
        quads.append(np.where(outward[:, None], quad, quad[:, ::-1]))
    return np.concatenate(quads)


def gradient(solid: Solid, points: np.ndarray, step_m: float = 2e-4) -> np.ndarray:
    """(N, 3) central differences of a solid."""
    axes = np.eye(3) * step_m
    return np.stack([(solid(points + e) - solid(points - e)) / (2 * step_m) for e in axes], 1)


def _onto(solid: Solid, points: np.ndarray, most_m: float) -> np.ndarray:
    """One Newton step towards the surface, at most `most_m` long."""
    slope = gradient(solid, points)
    move = -solid(points)[:, None] * slope / np.maximum((slope * slope).sum(1), 0.2)[:, None]
    length = np.linalg.norm(move, axis=1, keepdims=True)
    return points + move * np.minimum(1.0, most_m / np.maximum(length, 1e-12))


def _relaxed(points: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Every point at the mean of its neighbours along the quads' sides."""
    total, count = np.zeros_like(points), np.zeros(len(points))
    for k in range(4):
        a, b = quads[:, k], quads[:, (k + 1) % 4]
        np.add.at(total, a, points[b])
        np.add.at(count, a, 1)
    return total / count[:, None]


def mesh(
    solid: Solid, low: np.ndarray, high: np.ndarray, step_m: float, rounds: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Closed surface of a solid that lies within the box (low, high): points (V, 3), triangles (F, 3) int64.

    Triangles are counter-clockwise from outside. Points are evened out along the surface `rounds` times."""
    counts = np.ceil((high - low) / step_m).astype(int) + 3
    first = (low + high) / 2 - (counts - 1) * step_m / 2
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), -1)
    values = solid((first + grid * step_m).reshape(-1, 3)).reshape(tuple(counts))
    corners = np.stack([values[tuple(slice(c, n - 1 + c) for c, n in zip(o, counts, strict=True))] for o in _CORNERS])
    crossing = np.argwhere((corners < 0).any(0) & (corners >= 0).any(0))
    index = np.full(tuple(counts - 1), -1)
    index[tuple(crossing.T)] = np.arange(len(crossing))
    quads = _quads(values, index)
    points = first + _cell_points(values, crossing) * step_m
    for _ in range(rounds):
        points = _onto(solid, 0.5 * points + 0.5 * _relaxed(points, quads), step_m / 2)
    points = _onto(solid, points, step_m / 4)
    # Points on a plane of symmetry are on it, not a rounding error beside it.
    points[np.abs(points) < 1e-9] = 0.0
    across = np.linalg.norm(points[quads[:, 0]] - points[quads[:, 2]], axis=1)
    other = np.linalg.norm(points[quads[:, 1]] - points[quads[:, 3]], axis=1)
    one = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1)
    two = np.stack([quads[:, [0, 1, 3]], quads[:, [1, 2, 3]]], 1)
    faces = np.where((across <= other)[:, None, None], one, two)
    return points, faces.reshape(-1, 3).astype(np.int64)
