"""The nearest points of a triangle mesh; nothing here knows heads."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

CANDIDATES = 32
"""Triangles tried for a point: those with the nearest centroids."""


def closest_on_mesh(
    points: np.ndarray, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For points (N, 3): rows (N,) of `faces`, barycentric weights (N, 3) >= 0 and distances (N,).

    Exact where the nearest triangle is among the CANDIDATES with the nearest centroids."""
    corners = vertices[faces]
    count = min(CANDIDATES, len(faces))
    _, near = cKDTree(corners.mean(1)).query(points, k=count)
    near = near.reshape(len(points), count)
    weights, distance = closest_on_triangles(points[:, None], corners[near])
    best = distance.argmin(1)
    rows = np.arange(len(points))
    return near[rows, best], weights[rows, best], distance[rows, best]


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (..., 3) and distances (...) of the points nearest to points (..., 3) on triangles (..., 3, 3).

    The orthogonal foot where it lies inside, else the nearest of the three edges' feet."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    options = [np.stack([1 - v - w, v, w], axis=-1)]
    inside = (options[0] >= 0).all(-1)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., i, :], corners[..., j, :] - corners[..., i, :]
        share = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-30)
        share = np.clip(share, 0, 1)
        option = np.zeros((*share.shape, 3))
        option[..., i], option[..., j] = 1 - share, share
        options.append(option)
    stacked = np.stack(options)
    feet = (stacked[..., None] * corners[None]).sum(-2)
    distance = np.linalg.norm(feet - points, axis=-1)
    distance[0] = np.where(inside, distance[0], np.inf)
    best = distance.argmin(0)
    weights = np.take_along_axis(stacked, best[None, ..., None], 0)[0]
    return weights, np.take_along_axis(distance, best[None], 0)[0]
