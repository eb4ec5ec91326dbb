"""Signed distance from points to a closed triangle mesh, exact; knows neither hands nor faces."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

_RUN = 16
"""Triangles that are passed over together where they lie too far away."""


# Triangles without area give no number here, and their neighbours, which share their edges, the right one.
@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def _scan(points, corners, balls, bounds, found, place, where):  # type: ignore[no-untyped-def]
    """balls: (F, 4) centre and radius of every triangle; bounds: (G, 4) those of each run of `_RUN` triangles."""
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        best, first = np.inf, 0
        for g in range(bounds.shape[0]):
            cx, cy, cz = px - bounds[g, 0], py - bounds[g, 1], pz - bounds[g, 2]
            far = cx * cx + cy * cy + cz * cz
            if far < best:
                best, first = far, g
        best = np.inf
        # The nearest run goes first: what it gives lets nearly all others be passed over.
        for k in range(-1, bounds.shape[0]):
            g = first if k < 0 else k
            cx, cy, cz = px - bounds[g, 0], py - bounds[g, 1], pz - bounds[g, 2]
            far = best + bounds[g, 3]
            if k == first or cx * cx + cy * cy + cz * cz >= far * far:
                continue
            for f in range(g * _RUN, min((g + 1) * _RUN, corners.shape[0])):
                cx, cy, cz = px - balls[f, 0], py - balls[f, 1], pz - balls[f, 2]
                far = best + balls[f, 3]
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


class Topology:
    """What a mesh's faces (F, 3) alone decide: which sides of triangles are one edge. Worth keeping while a mesh
    moves."""

    def __init__(self, faces: np.ndarray):
        self.faces = np.ascontiguousarray(faces, np.int64)
        count = int(self.faces.max(initial=-1)) + 1
        sides = np.stack([self.faces, np.roll(self.faces, -1, axis=1)], -1)
        key = sides.min(-1).ravel() * count + sides.max(-1).ravel()
        _, row = np.unique(key, return_inverse=True)
        self.edge = row.ravel()
        self.edges = int(self.edge.max(initial=-1)) + 1


def _summed(rows: np.ndarray, vectors: np.ndarray, count: int) -> np.ndarray:
    """(count, 3): sums of vectors (N, 3) that share a row."""
    return np.stack([np.bincount(rows, vectors[:, k], count) for k in range(3)], 1)


class ClosedSurface:
    """A closed triangle mesh as it lies now, ready to be asked for distances: positions (V, 3), its topology."""

    def __init__(self, positions: np.ndarray, topology: Topology):
        self.positions = np.ascontiguousarray(positions, np.float64)
        self._topology = topology
        corners = self.positions[topology.faces]
        centre = corners.mean(1)
        # Leaves of a k-d tree are contiguous in its order: runs of that order lie close together.
        self._order = cKDTree(centre, leafsize=_RUN).indices
        self._corners = np.ascontiguousarray(corners[self._order])
        centre = centre[self._order]
        self._balls = _balls(self._corners, centre)
        self._bounds = _bounds(centre, self._balls[:, 3])
        self._pseudonormals()

    def _pseudonormals(self) -> None:
        """Unit normals of faces, angle-weighted sums at corners, and sums over edges ab, bc, ca."""
        faces, topology = self._topology.faces, self._topology
        a, b, c = (self.positions[faces[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
        corner = np.zeros_like(self.positions)
        for k in range(3):
            u = self.positions[faces[:, (k + 1) % 3]] - self.positions[faces[:, k]]
            v = self.positions[faces[:, (k + 2) % 3]] - self.positions[faces[:, k]]
            cosine = (u * v).sum(1) / np.maximum(np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1), 1e-30)
            weighted = np.arccos(np.clip(cosine, -1, 1))[:, None] * normal
            corner += _summed(faces[:, k], weighted, len(corner))
        edge = _summed(topology.edge, np.repeat(normal, 3, axis=0), topology.edges)
        self._normals = normal, corner, edge

    def distance(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `signed_distance`."""
        points = np.ascontiguousarray(points, np.float64)
        found, where = np.zeros(len(points), np.int64), np.zeros(len(points), np.int64)
        place = np.zeros((len(points), 3))
        _scan(points, self._corners, self._balls, self._bounds, found, place, where)
        found = self._order[found]
        face, corner, edge = self._normals
        normal = face[found]
        on_corner, on_edge = (where >= 1) & (where <= 3), where >= 4
        normal[on_corner] = corner[self._topology.faces[found[on_corner], where[on_corner] - 1]]
        normal[on_edge] = edge[self._topology.edge[3 * found[on_edge] + where[on_edge] - 4]]
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
        local = points - place
        distance = np.linalg.norm(local, axis=1)
        return np.where((local * normal).sum(1) < 0, -distance, distance), place, normal

    def around(self, points: np.ndarray, margin: float) -> np.ndarray:
        """Indices of the points (N, 3) within `margin` of the box around the surface: no other lies nearer than it."""
        low, high = self.positions.min(0) - margin, self.positions.max(0) + margin
        return np.flatnonzero(((points >= low) & (points <= high)).all(1))

    def moved(self, shift: np.ndarray) -> ClosedSurface:
        """The same surface shifted by (3,), metres."""
        other = object.__new__(ClosedSurface)
        other.__dict__ |= self.__dict__
        other.positions = self.positions + shift
        other._corners = self._corners + shift
        step = np.append(shift, 0.0)
        other._balls, other._bounds = self._balls + step, self._bounds + step
        return other


def _balls(corners: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(F, 4): centre and radius of triangles."""
    return np.column_stack([centre, np.linalg.norm(corners - centre[:, None], axis=2).max(1)])


def _bounds(centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """(G, 4): a ball around each run of triangles."""
    starts = np.arange(0, len(centre), _RUN)
    count = np.diff([*starts, len(centre)])
    middle = np.add.reduceat(centre, starts) / count[:, None]
    far = np.linalg.norm(centre - np.repeat(middle, count, axis=0), axis=1) + radius
    return np.column_stack([middle, np.maximum.reduceat(far, starts)])


def signed_distance(
    points: np.ndarray, positions: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance of points (N, 3) to a closed mesh (V, 3), (F, 3): negative inside; units as given.

    Returns distance (N,), the nearest place on the mesh (N, 3) and the outward unit normal there (N, 3). The sign is
    that of the angle-weighted pseudonormal (Baerentzen and Aanaes, IEEE TVCG 2005), right for every closed mesh.
    """
    return ClosedSurface(positions, Topology(faces)).distance(points)
