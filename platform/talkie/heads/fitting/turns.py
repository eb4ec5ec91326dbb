"""Rotations of a whole clip as axis-angle vectors and matrices, without derivatives: what the fit turns things by.

`talkie.heads.rotations` says the same in twenty tensor operations, through which gradients flow; a clip's few hundred
rotations take it fifty times as long."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor


def turn_matrices(vectors: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) radians, by Rodrigues' formula."""
    flat = vectors.detach().reshape(-1, 3).numpy()
    out = np.empty((len(flat), 3, 3), flat.dtype)
    _matrices(flat, out)
    return torch.from_numpy(out).reshape(*vectors.shape, 3)


def turn_vectors(matrices: Tensor) -> Tensor:
    """Axis-angle vectors (..., 3) of rotation matrices (..., 3, 3), angle in [0, pi], through the unit quaternion of
    largest component (Shepperd 1978)."""
    flat = matrices.detach().reshape(-1, 3, 3).numpy()
    out = np.empty((len(flat), 3), flat.dtype)
    _vectors(flat, out)
    return torch.from_numpy(out).reshape(matrices.shape[:-1])


@njit(cache=True)
def _matrices(vectors, out):  # type: ignore[no-untyped-def]
    for n in range(len(vectors)):
        x, y, z = float(vectors[n, 0]), float(vectors[n, 1]), float(vectors[n, 2])
        square = x * x + y * y + z * z
        if square < 1e-12:
            first, second = 1 - square / 6, 0.5 - square / 24
        else:
            angle = math.sqrt(square)
            first, second = math.sin(angle) / angle, 2 * math.sin(angle / 2) ** 2 / square
        out[n, 0, 0] = 1 - second * (y * y + z * z)
        out[n, 1, 1] = 1 - second * (x * x + z * z)
        out[n, 2, 2] = 1 - second * (x * x + y * y)
        out[n, 0, 1], out[n, 1, 0] = second * x * y - first * z, second * x * y + first * z
        out[n, 0, 2], out[n, 2, 0] = second * x * z + first * y, second * x * z - first * y
        out[n, 1, 2], out[n, 2, 1] = second * y * z - first * x, second * y * z + first * x


@njit(cache=True)
def _vectors(matrices, out):  # type: ignore[no-untyped-def]
    part = np.empty(4)
    for n in range(len(matrices)):
        m = matrices[n]
        a, b, c = float(m[0, 0]), float(m[1, 1]), float(m[2, 2])
        scale = (1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c)
        best = 0
        for k in range(1, 4):
            if scale[k] > scale[best]:
                best = k
        wx, wy, wz = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
        xy, xz, yz = m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] + m[1, 2]
        if best == 0:
            part[0], part[1], part[2], part[3] = scale[0], wx, wy, wz
        elif best == 1:
            part[0], part[1], part[2], part[3] = wx, scale[1], xy, xz
        elif best == 2:
            part[0], part[1], part[2], part[3] = wy, xy, scale[2], yz
        else:
            part[0], part[1], part[2], part[3] = wz, xz, yz, scale[3]
        length = math.sqrt(part[0] ** 2 + part[1] ** 2 + part[2] ** 2 + part[3] ** 2)
        sign = -1.0 if part[0] < 0 else 1.0
        sine = math.sqrt(part[1] ** 2 + part[2] ** 2 + part[3] ** 2) / length
        angle = 2 * math.atan2(sine, sign * part[0] / length)
        factor = sign * (angle / sine if sine > 1e-12 else 2.0) / length
        for k in range(3):
            out[n, k] = factor * part[k + 1]
