"""Spherical harmonics up to order two and the Lambert light they stand for, in numpy and torch; no picture here.

Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps" (2001): a matte surface
under a distant environment sees, to about one per cent, nine numbers a colour.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BAND_SHARE = (1.0, 2.0 / 3.0, 0.25)
"""A_l / pi for l = 0, 1, 2 (their equation 8): Lambert's cosine lobe as a low-pass filter, over pi because a
reflectance of one returns irradiance / pi."""
_SCALES = np.array([0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
_BANDS = np.array([BAND_SHARE[0]] + [BAND_SHARE[1]] * 3 + [BAND_SHARE[2]] * 5)
LAMBERT_SCALES = _SCALES * _BANDS
"""(9,) factors on the polynomials of `basis` by which coefficients become Lambert light."""


def basis(directions: np.ndarray) -> np.ndarray:
    """Real harmonics Y_lm (..., 9) at unit directions (..., 3), in the order (0,0), (1,-1), (1,0), (1,1), (2,-2),
    (2,-1), (2,0), (2,1), (2,2), with the paper's polynomials in x, y, z (their equation 3)."""
    x, y, z = np.moveaxis(np.asarray(directions, float), -1, 0)
    return np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1) * _SCALES


def project_radiance(directions: np.ndarray, radiance: np.ndarray) -> np.ndarray:
    """Coefficients (9, 3) of radiance (N, 3) at N unit directions spread evenly over the sphere."""
    return 4 * np.pi / len(directions) * basis(directions).T @ np.asarray(radiance, float)


def lambert(normals: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Reflected radiance (..., 3) of a matte surface of reflectance one: irradiance / pi, not below zero.

    normals: (..., 3) unit, world frame; coefficients: (9, 3) of the environment's radiance."""
    return np.maximum(basis(normals) @ (_BANDS[:, None] * np.asarray(coefficients, float)), 0.0)


def lambert_torch(normals: Tensor, coefficients: Tensor) -> Tensor:
    """`lambert` as a differentiable torch function, of (..., 3) normals and (9, 3) coefficients."""
    x, y, z = normals.unbind(-1)
    terms = torch.stack([torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], dim=-1)
    scale = torch.as_tensor(LAMBERT_SCALES, dtype=normals.dtype, device=normals.device)
    return ((terms * scale) @ coefficients).clamp_min(0.0)


def hemisphere(sky: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Coefficients (9, 3) whose Lambert light is sky / 2 (1 + n_y) + ground / 2 (1 - n_y), the hemispheric ambient."""
    sky, ground = np.asarray(sky, float), np.asarray(ground, float)
    out = np.zeros((9, 3))
    out[0] = (sky + ground) / 2 / (BAND_SHARE[0] * _SCALES[0])
    out[1] = (sky - ground) / 2 / (BAND_SHARE[1] * _SCALES[1])
    return out
