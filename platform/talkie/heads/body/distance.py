"""Signed distance from points to a closed triangle mesh, exact; knows neither hands nor faces."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _closest(px, py, pz, t):  # type: ignore[no-untyped-def]
    """Weights of corners b and c of the point of triangle `t` (3, 3) nearest to p, and where that point lies: 0 inside,
    1-3 on corner a, b, c, 4-6 on edge ab, bc, ca (Ericson, Real-Time Collision Detection, 2005, 5.1.5)."""
    ux, uy, uz = t[1, 0] - t[0, 0], t[1, 1] - t[0, 1], t[1, 2] - t[0, 2]
    vx, vy, vz = t[2, 0] - t[0, 0], t[2, 1] - t[0, 1], t[2, 2] - t[0, 2]
    ax, ay, az = px - t[0, 0], py - t[0, 1], pz - t[0, 2]
    d1, d2 = ux * ax + uy * ay + uz * az, vx * ax + vy * ay + vz * az
    if d1 <= 0 and d2 <= 0:
        return 0.0, 0.0, 1
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    d3, d4 = d1 - uu, d2 - uv
    if d3 >= 0 and d4 <= d3:
        return 1.0, 0.0, 2
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        return d1 / (d1 - d3), 0.0, 4
    d5, d6 = d1 - uv, d2 - vv
    if d6 >= 0 and d5 <= d6:
        return 0.0, 1.0, 3
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        return 0.0, d2 / (d2 - d6), 6
    va = d3 * d6 - d5 * d4
    if va <= 0 and (d4 - d3) >= 0 and (d5 - d6) >= 0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 1.0 - w, w, 5
    return vb / (va + vb + vc), vc / (va + vb + vc), 0


@njit(cache=True)
def _scan(points, corners, centre, reach, found, place, where):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        best = np.inf
        for f in range(corners.shape[0]):
            cx, cy, cz = px - centre[f, 0], py - centre[f, 1], pz - centre[f, 2]
            far = best + reach[f]
            if cx * cx + cy * cy + cz * cz >= far * far:
                continue
            t = corners[f]
            v, w, at = _closest(px, py, pz, t)
            qx = t[0, 0] + v * (t[1, 0] - t[0, 0]) + w * (t[2, 0] - t[0, 0])
            qy = t[0, 1] + v * (t[1, 1] - t[0, 1]) + w * (t[2, 1] - t[0, 1])
            qz = t[0, 2] + v * (t[1, 2] - t[0, 2]) + w * (t[2, 2] - t[0, 2])
            d = np.sqrt((px - qx) ** 2 + (py - qy) ** 2 + (pz - qz) ** 2)
            if d < best:
                best = d
                found[i], where[i] = f, at
                place[i, 0], place[i, 1], place[i, 2] = qx, qy, qz


def _pseudonormals(positions: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normals of faces (F, 3), angle-weighted ones of corners (V, 3), and sums over edges ab, bc, ca (F, 3, 3)."""
    a, b, c = (positions[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    corner = np.zeros_like(positions)
    for k in range(3):
        u = positions[faces[:, (k + 1) % 3]] - positions[faces[:, k]]
        v = positions[faces[:, (k + 2) % 3]] - positions[faces[:, k]]
        cosine = (u * v).sum(1) / np.maximum(np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1), 1e-30)
        np.add.at(corner, faces[:, k], np.arccos(np.clip(cosine, -1, 1))[:, None] * normal)
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], -1)
    key = np.sort(sides, -1).reshape(-1, 2)
    _, row = np.unique(key, axis=0, return_inverse=True)
    summed = np.zeros((row.max() + 1, 3))
    np.add.at(summed, row.ravel(), np.repeat(normal, 3, axis=0))
    return normal, corner, summed[row.ravel()].reshape(-1, 3, 3)


def signed_distance(
    points: np.ndarray, positions: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance of points (N, 3) to a closed mesh (V, 3), (F, 3): negative inside; units as given.

    Returns distance (N,), the nearest place on the mesh (N, 3) and the outward unit normal there (N, 3). The sign is
    that of the angle-weighted pseudonormal (Baerentzen and Aanaes, IEEE TVCG 2005), right for every closed mesh.
    """
    points, positions = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(positions, np.float64)
    faces = np.ascontiguousarray(faces, np.int64)
    corners = np.ascontiguousarray(positions[faces])
    centre = corners.mean(1)
    reach = np.linalg.norm(corners - centre[:, None], axis=2).max(1)
    found, where = np.zeros(len(points), np.int64), np.zeros(len(points), np.int64)
    place = np.zeros((len(points), 3))
    _scan(points, corners, centre, reach, found, place, where)
    face, corner, edge = _pseudonormals(positions, faces)
    normal = face[found]
    on_corner, on_edge = (where >= 1) & (where <= 3), where >= 4
    normal[on_corner] = corner[faces[found[on_corner], where[on_corner] - 1]]
    normal[on_edge] = edge[found[on_edge], where[on_edge] - 4]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    local = points - place
    distance = np.linalg.norm(local, axis=1)
    return np.where((local * normal).sum(1) < 0, -distance, distance), place, normal
