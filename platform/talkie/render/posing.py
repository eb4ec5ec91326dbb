"""What moves with a body: the kernels that place what hangs on it and dim what lies in its mouth or under its lids."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def hang(vertices, anchors, weights, turn, offset, normal, tangent, points, normals, tangents):  # type: ignore[no-untyped-def]
    """Place X bound vertices: points (X, 3) at their anchors plus the turned offset; unit normals and tangents turned
    alike, or zero. turn: (3, 3) the linear map of the body's steady part."""
    for v in range(anchors.shape[0]):
        a, b, c = anchors[v, 0], anchors[v, 1], anchors[v, 2]
        wa, wb, wc = weights[v, 0], weights[v, 1], weights[v, 2]
        for k in range(3):
            root = wa * vertices[a, k] + wb * vertices[b, k] + wc * vertices[c, k]
            points[v, k] = root + turn[k, 0] * offset[v, 0] + turn[k, 1] * offset[v, 1] + turn[k, 2] * offset[v, 2]
        _turned(turn, normal, normals, v)
        _turned(turn, tangent, tangents, v)


@njit(cache=True, fastmath=True)
def _turned(turn, vectors, out, v):  # type: ignore[no-untyped-def]
    x, y, z = vectors[v, 0], vectors[v, 1], vectors[v, 2]
    i = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
    j = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
    k = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
    scale = 1.0 / max(np.sqrt(i * i + j * j + k * k), 1e-12)
    out[v, 0], out[v, 1], out[v, 2] = i * scale, j * scale, k * scale


@njit(cache=True, fastmath=True)
def under_lids(vertices, eyeball, contour, reach, strength, share):  # type: ignore[no-untyped-def]
    """Dim share (V,) at the vertices eyeball (N,) by the nearest of the lids' contour (M, 3), each point of which takes
    strength * exp(-(distance / reach)^2) of the light."""
    for n in range(eyeball.shape[0]):
        v, most = eyeball[n], 0.0
        for m in range(contour.shape[0]):
            x, y, z = vertices[v, 0] - contour[m, 0], vertices[v, 1] - contour[m, 1], vertices[v, 2] - contour[m, 2]
            far = (x * x + y * y + z * z) / (reach[m] * reach[m])
            # Beyond e^-7, under a thousandth, nothing is seen.
            if far < 7.0:
                most = max(most, strength[m] * np.exp(-far))
        share[v] *= 1.0 - most


@njit(cache=True, fastmath=True)
def project(points, K, R, t):  # type: ignore[no-untyped-def]
    """(N, 3): pixels and depth. A point in the camera's plane or behind it gets no pixel: the raster leaves it out."""
    out = np.empty(points.shape)
    for v in range(points.shape[0]):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        i = R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0]
        j = R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1]
        k = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
        near = 1.0 / k if k > 0.0 else 0.0
        out[v, 0] = (K[0, 0] * i + K[0, 1] * j) * near + K[0, 2]
        out[v, 1] = (K[1, 0] * i + K[1, 1] * j) * near + K[1, 2]
        out[v, 2] = k
    return out


@njit(cache=True)
def mark(triangles, shown):  # type: ignore[no-untyped-def]
    """Set shown (F,) for every triangle in a picture (H, W)."""
    last = -1
    for y in range(triangles.shape[0]):
        for x in range(triangles.shape[1]):
            f = triangles[y, x]
            if f >= 0 and f != last:
                last = f
                shown[f] = True
