"""Measures the mean skin's control numbers on ICT-FaceKit's scanned mean and writes `surface.json`.

    python -m talkie.heads.builtin.calibrate ict_facekit.npz

ICT-FaceKit (USC Institute for Creative Technologies, MIT licence) is only measured: what enters this
project is a few hundred smoothed distances along our own chart's rays, never a vertex, a triangle or a
texture of the scan. Ears are left out; the back of the neck is a plain elliptic tube.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from talkie.heads.builtin import chart, surface
from talkie.render.raster import rasterise_mesh

SHAPE = (440, 360)
"""Samples in descent and azimuth."""
TUBE_CENTRE_Z = -0.008
TUBE_AXES = (0.055, 0.053)
"""The neck's elliptic tube behind: centre in z, half width and half depth, metres."""
SMOOTHNESS = 3e-3


def _triangles(quads: np.ndarray) -> np.ndarray:
    """(F, 4) quads whose last column may be -1 -> (F', 3) triangles."""
    first = quads[:, :3]
    second = quads[quads[:, 3] >= 0][:, [0, 2, 3]]
    return np.concatenate([first, second])


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Descent and azimuth of the samples, each of SHAPE."""
    s = np.linspace(np.pi / 2 - 1e-3, chart.NECK, SHAPE[0])
    theta = np.linspace(0, np.pi, SHAPE[1])
    rows, columns = np.meshgrid(s, theta, indexing="ij")
    return rows, columns


def scanned_radius(vertices_m: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Distance (rows, columns) along each ray to the outermost hit of a mesh; nan where it has none.

    The z-buffer of the renderer does the work: image axes are (theta, s), nearness is distance."""
    theta, s, r = chart.locate(vertices_m)
    x = theta / np.pi * (SHAPE[1] - 1) + 0.5
    y = (np.pi / 2 - 1e-3 - s) / (np.pi / 2 - 1e-3 - chart.NECK) * (SHAPE[0] - 1) + 0.5
    across = np.ptp(x[triangles], axis=1) < SHAPE[1] / 2
    _, _, depth = rasterise_mesh(np.stack([x, y, 1.0 / r], axis=1), triangles[across], SHAPE)
    return np.where(np.isfinite(depth), 1.0 / depth, np.nan)


def tube_radius(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Distance along the rays to the vertical elliptic tube of the neck (the larger root of a quadratic)."""
    origin, direction = chart.ray(theta, s)
    ox, oz = origin[..., 0] / TUBE_AXES[0], (origin[..., 2] - TUBE_CENTRE_Z) / TUBE_AXES[1]
    dx, dz = direction[..., 0] / TUBE_AXES[0], direction[..., 2] / TUBE_AXES[1]
    a, b, c = dx * dx + dz * dz, ox * dx + oz * dz, ox * ox + oz * oz - 1
    return (-b + np.sqrt(b * b - a * c)) / np.maximum(a, 1e-12)


def fit(target: np.ndarray, theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Least-squares control grid (n_s, n_theta) of a radius map with holes (nan), by ridge on differences."""
    theta_sites, s_sites = surface.sites()
    known = np.isfinite(target)
    bs, bt = surface.basis(s[:, 0], s_sites), surface.basis(theta[0], theta_sites)
    n_s, n_t = len(s_sites), len(theta_sites)
    normal = np.zeros((n_s * n_t, n_s * n_t))
    right = np.zeros(n_s * n_t)
    for i in range(len(bs)):
        use = known[i]
        block = bt[use]
        normal += np.kron(np.outer(bs[i], bs[i]), block.T @ block)
        right += np.kron(bs[i], block.T @ target[i, use])
    for axis_sites, left, rightmost in ((s_sites, None, np.eye(n_t)), (theta_sites, np.eye(n_s), None)):
        second = np.diff(np.eye(len(axis_sites)), 2, axis=0)
        operator = np.kron(second, rightmost) if left is None else np.kron(left, second)
        normal += SMOOTHNESS * len(bs) * operator.T @ operator
    crown = np.kron(np.eye(n_s)[-1:], np.diff(np.eye(n_t), axis=0))
    normal += 1e3 * crown.T @ crown
    return np.linalg.solve(normal, right).reshape(n_s, n_t)


def main(path: str) -> None:
    """Measure and write."""
    with np.load(path) as scan:
        vertices = scan["vertices"].astype(float) * 0.01
        quads = scan["faces"]
    # Face, head with neck, and eyeballs: the ranges stand in the scan's own documentation.
    inside = (quads < 11248).all(1) | ((quads >= 21451) & (quads < 24591) | (quads < 0)).all(1)
    s, theta = _grid()
    target = scanned_radius(vertices, _triangles(quads[inside]))
    x, y, z = np.moveaxis(surface_points(theta, s, target), -1, 0)
    ear = (np.abs(x) > 0.062) & (y > -0.025) & (y < 0.062) & (z > -0.035) & (z < 0.026)
    target[ear] = np.nan
    behind = (s < np.radians(-52)) & (theta > np.radians(70))
    target[behind] = tube_radius(theta, s)[behind]
    target *= surface.horizontal_share(s)
    grid = fit(target, theta, s)
    fitted = surface.basis(s[:, 0], surface.sites()[1]) @ grid @ surface.basis(theta[0], surface.sites()[0]).T
    error = np.abs(fitted - target)[s > -1.7]
    print(f"mean |error| {np.nanmean(error) * 1e3:.2f} mm, 99 % {np.nanquantile(error, 0.99) * 1e3:.2f} mm")
    rows = np.round(grid * 1e4).astype(int).tolist()
    out = Path(__file__).with_name("surface.json")
    body = ",\n  ".join(json.dumps(row) for row in rows)
    out.write_text('{\n "radius_tenth_mm": [\n  ' + body + "\n ]\n}\n", encoding="utf-8")


def surface_points(theta: np.ndarray, s: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Points (..., 3) at distance r along the rays."""
    origin, direction = chart.ray(theta, s)
    return origin + r[..., None] * direction


if __name__ == "__main__":
    main(sys.argv[1])
