"""How a face looks in a clip: one albedo a vertex, nine light coefficients a frame; geometry is given, not sought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

_ROUNDS = 6
_RIDGE = 1e-5
"""Of the light's coefficients, relative to their normal equations: keeps those that a pose does not show near 0."""


@dataclass(frozen=True)
class Sample:
    """Pictures at projected points: value (T, N) linear intensity in [0, 1], slope (T, N, 2) its change a pixel along
    x and y, seen (T, N) bool: points in the picture."""

    value: np.ndarray
    slope: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class Appearance:
    """albedo (N,), mean 1; light (T, 9) coefficients of `harmonics`."""

    albedo: np.ndarray
    light: np.ndarray

    def shaded(self, normals: np.ndarray) -> np.ndarray:
        """Predicted intensity (T, N) of points with unit normals (T, N, 3)."""
        return np.asarray(self.albedo * np.einsum("tnk,tk->tn", harmonics(normals), self.light))


def intensity(pictures: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) uint8 sRGB -> (T, H, W) float32 linear intensity, display gamma 2.2."""
    table = (np.arange(256) / 255) ** 2.2
    return np.asarray(table[pictures].mean(-1), np.float32)


def filtered(images: np.ndarray, blur_px: float) -> np.ndarray:
    """(3, T, H, W): images (T, H, W) under a Gaussian, and the derivatives of that along x and y."""
    orders = ((0, 0, 0), (0, 0, 1), (0, 1, 0))
    return np.stack([gaussian_filter(images, (0, blur_px, blur_px), order=o, mode="nearest") for o in orders])


def sample(layers: np.ndarray, pixels: np.ndarray) -> Sample:
    """What `filtered` pictures (3, T, H, W) show at pixels (T, N, 2); pixel centres at half integers."""
    at = np.zeros((3, *layers.shape[1:2], pixels.shape[1]))
    for t, place in enumerate(pixels):
        for layer in range(3):
            at[layer, t] = map_coordinates(layers[layer, t], place.T[::-1] - 0.5, order=1, mode="nearest")
    size = np.array(layers.shape[:1:-1])
    return Sample(at[0], np.moveaxis(at[1:], 0, -1), ((pixels > 2) & (pixels < size - 2)).all(-1))


def harmonics(normals: np.ndarray) -> np.ndarray:
    """Real spherical harmonics up to degree 2, unnormalised: unit normals (..., 3) -> (..., 9).

    They carry all but a percent of the light that a matte surface returns (Ramamoorthi and Hanrahan 2001)."""
    x, y, z = np.moveaxis(normals, -1, 0)
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], axis=-1)


def explain(value: np.ndarray, normals: np.ndarray, weight: np.ndarray) -> Appearance:
    """Least-squares albedo and light of intensities (T, N) seen with weights (T, N) >= 0.

    Bilinear in the two, so solved in turns, each linearly; a point that is never seen gets albedo 1."""
    basis = harmonics(normals)
    albedo, light = np.ones(value.shape[1]), np.zeros((len(value), 9))
    for _ in range(_ROUNDS):
        rows = basis * albedo[:, None]
        normal = np.einsum("tnj,tn,tnk->tjk", rows, weight, rows)
        right = np.einsum("tnj,tn->tj", rows, weight * value)
        ridge = _RIDGE * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(9) + 1e-12 * np.eye(9)
        light = np.linalg.solve(normal + ridge, right[..., None])[..., 0]
        shade = np.einsum("tnk,tk->tn", basis, light)
        seen = (weight * shade**2).sum(0)
        albedo = np.where(seen > 0, (weight * shade * value).sum(0) / np.maximum(seen, 1e-12), 1.0)
        albedo /= max(float(albedo.mean()), 1e-6)
    return Appearance(albedo, light)
