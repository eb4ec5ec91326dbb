"""Real spherical harmonics of degree 0 to 3: view-dependent colours of Gaussians; no rendering."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.render.pinhole import Camera

DEGREE_OF = {1: 0, 4: 1, 9: 2, 16: 3}


def spherical_harmonics(coefficients: Tensor, directions: Tensor) -> Tensor:
    """Sum of K basis functions: coefficients (..., K, C), unit directions (..., 3) -> (..., C).

    K = (degree + 1)^2 of degree 0 to 3; the k-th function has order l and m with k = l^2 + l + m, normalised to
    unit square integral over the sphere, with the Condon-Shortley phase (Sloan 2013, Efficient Spherical Harmonic
    Evaluation), as 3-D Gaussian splatting stores them. Raises BadInput on another K.
    """
    count = coefficients.shape[-2]
    if count not in DEGREE_OF:
        cure = "a degree of 0, 1, 2 or 3 has 1, 4, 9 or 16"
        raise BadInput(f"{count} coefficients", where="coefficients", cure=cure)
    return (_basis(directions, DEGREE_OF[count])[..., None] * coefficients).sum(-2)


def harmonic_colours(harmonics: Tensor, means: Tensor, camera: Camera) -> Tensor:
    """(..., N, K, C) coefficients -> (..., N, C) colours at `means` (..., N, 3) as the camera sees them."""
    _, R, t = camera.like(means)
    directions = torch.nn.functional.normalize(means + t[..., None, :] @ R, dim=-1)
    return (spherical_harmonics(harmonics, directions) + 0.5).clamp(min=0)


def _basis(directions: Tensor, degree: int) -> Tensor:
    """(..., 3) unit -> (..., (degree + 1)^2)."""
    x, y, z = directions.unbind(-1)
    columns = [torch.full_like(x, 0.28209479177387814)]
    if degree >= 1:
        columns += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree >= 2:
        columns += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (3 * z * z - 1),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
        ]
    if degree >= 3:
        columns += [
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (5 * z * z - 1),
            0.3731763325901154 * z * (5 * z * z - 3),
            -0.4570457994644658 * x * (5 * z * z - 1),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ]
    return torch.stack(columns, -1)
