"""Gaussians onto the image: centres, inverse covariances and depths in pixels; no compositing."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.render.pinhole import Camera
from talkie.render.splats.definition import FRUSTUM_MARGIN, LOW_PASS, NEAR


def project_gaussians(
    means: Tensor, scales: Tensor, quats: Tensor, camera: Camera
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First-order perspective projection of 3-D Gaussians (Zwicker et al. 2001, EWA splatting, section 4).

    means: (..., N, 3) world metres; scales: (..., N, 3) standard deviations along the Gaussian's own axes, metres;
    quats: (..., N, 4) w, x, y, z of its axes in the world, of any length but zero; "..." is an axis of frames where the
    camera has one. Returns centres (..., N, 2) pixels, conics (..., N, 3) the entries xx, xy, yy of the inverse image
    covariance (1 / square pixels), covariances (..., N, 3) likewise, depths (..., N) metres. The Jacobian is taken at
    the centre, or where the centre leaves the picture by more than FRUSTUM_MARGIN of half of it, at that border: beyond
    it the first order grows without bound. Centres nearer than NEAR are projected as if at NEAR; the caller leaves them
    out by their depth.
    """
    K, R, t = camera.like(means)
    x, y, depth = (means @ R.mT + t[..., None, :]).unbind(-1)
    safe = depth.clamp(min=NEAR)
    fx, fy, cx, cy = (K[..., i, j, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    slope_x, slope_y = x / safe, y / safe
    centres = torch.stack([fx * slope_x + cx, fy * slope_y + cy], -1)
    # A square root B = J R A of the image covariance, A = axes * scales.
    axes = rotation(quats) * scales[..., None, :]
    right, down, forward = (row[..., None, :] for row in R.unbind(-2))
    across = (fx / safe)[..., None] * (right - _inside(slope_x, camera.width, fx, cx)[..., None] * forward)
    along = (fy / safe)[..., None] * (down - _inside(slope_y, camera.height, fy, cy)[..., None] * forward)
    root_x, root_y = (torch.stack([across, along], -2) @ axes).unbind(-2)
    xx = root_x.square().sum(-1) + LOW_PASS
    xy = (root_x * root_y).sum(-1)
    yy = root_y.square().sum(-1) + LOW_PASS
    # det(B B^T + p I) = |b1 x b2|^2 + p (tr + p) never cancels, unlike xx yy - xy^2 of a needle in float32.
    cross = torch.linalg.cross(root_x, root_y).square().sum(-1)
    determinant = cross + LOW_PASS * (xx + yy - LOW_PASS)
    conics = torch.stack([yy, -xy, xx], -1) / determinant[..., None]
    return centres, conics, torch.stack([xx, xy, yy], -1), depth


def rotation(quats: Tensor) -> Tensor:
    """(..., 4) w, x, y, z of any length but zero -> (..., 3, 3) rotations of column vectors (Shuster 1993, eq. 97 with
    the transposed sense: it turns vectors, not axes)."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    entries = torch.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ],
        -1,
    )  # fmt: skip
    return entries.unflatten(-1, (3, 3))


def _inside(slope: Tensor, size: int, focal: Tensor, centre: Tensor) -> Tensor:
    margin = FRUSTUM_MARGIN * 0.5 * size / focal
    return slope.clamp(min=-centre / focal - margin, max=(size - centre) / focal + margin)
