"""Where head and body meet: the head's neck goes down into the shirt's collar, its shoulders are tucked inside."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.heads.body.garments import NECK_CENTRE_Z, NECK_HALF_M
from talkie.heads.body.weights import neck_share
from talkie.heads.builtin.assembly import smoothstep

_FREE_M, _HELD_M, _DEEP_M = -0.098, -0.120, -0.200
"""Rest heights: above the first the neck is as the head model says, below the second it stays within the collar,
and at the third ends what is kept of it."""


def head_shares(template: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """What `tuck` and `attach` need of a head at rest (V, 3): share held, widest radius, share of the neck bone, (V,).

    The radius counts in neck radii: 1 at the collar, less below, so that nothing shows through the chest."""
    y = template[:, 1]
    held = smoothstep(y, _FREE_M, _HELD_M)
    widest = 1.0 - 0.45 * smoothstep(y, _HELD_M, _DEEP_M)
    return tuple(torch.tensor(v, dtype=torch.float32) for v in (held, widest, neck_share(y)))  # type: ignore[return-value]


def tuck(vertices: Tensor, held: Tensor, widest: Tensor) -> Tensor:
    """Head vertices (B, V, 3) in the head frame with everything below the collar inside the neck's column."""
    centre = vertices.new_tensor([0.0, 0.0, NECK_CENTRE_Z])
    half = vertices.new_tensor([NECK_HALF_M[0], 1.0, NECK_HALF_M[1]])
    flat = (vertices - centre) / half * vertices.new_tensor([1.0, 0.0, 1.0])
    radius = (flat * flat).sum(-1).clamp_min(1e-12).sqrt()
    limit = widest.to(vertices)
    # Inside the limit nothing moves.
    scale = torch.minimum(limit / radius, torch.ones_like(radius))
    y = vertices[..., 1].clamp_min(_DEEP_M)
    inside = torch.stack(
        [vertices[..., 0] * scale, y, NECK_CENTRE_Z + (vertices[..., 2] - NECK_CENTRE_Z) * scale], dim=-1
    )
    return vertices + held.to(vertices)[None, :, None] * (inside - vertices)
