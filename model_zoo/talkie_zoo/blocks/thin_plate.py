"""Random smooth deformations of the picture plane with known Jacobians: affine maps with thin-plate splines on top."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talkie_zoo.blocks.plane import grid, sample


@dataclass(frozen=True)
class ThinPlate:
    """T(z) = A z + a + sum_k w_k U(|z - c_k|), U(r) = r^2 log r (Bookstein 1989): affine (B, 2, 3), control points
    c (N, 2), weights w (B, N, 2). A picture warped by it shows at z what the original shows at T(z)."""

    affine: Tensor
    control: Tensor
    weights: Tensor

    @classmethod
    def draw(cls, batch: int, like: Tensor, affine: float = 0.05, bend: float = 0.005, points: int = 5) -> ThinPlate:
        """A map for each of a batch, by torch's generator: the affine part is N(identity, affine^2), the weights of
        points x points control points N(0, bend^2)."""
        made = torch.randn(batch, 2, 3).to(like) * affine + torch.eye(2, 3).to(like)
        weights = torch.randn(batch, points * points, 2).to(like) * bend
        axis = torch.linspace(-1, 1, points).to(like)
        return cls(made, torch.cartesian_prod(axis, axis), weights)

    def coordinates(self, z: Tensor) -> Tensor:
        """T of points (B, N, 2)."""
        straight = z @ self.affine[:, :, :2].transpose(1, 2) + self.affine[:, None, :, 2]
        r2 = self._away(z).square().sum(-1)
        # r^2 log r through r^2, and 0 at a control point.
        return straight + 0.5 * (r2 * (r2 + 1e-12).log()) @ self.weights

    def jacobian(self, z: Tensor) -> Tensor:
        """dT/dz at points (B, N, 2): (B, N, 2, 2), T's coordinate i by z's j. dU/dz = (2 log r + 1) (z - c)."""
        away = self._away(z)
        slope = ((away.square().sum(-1) + 1e-12).log() + 1)[..., None] * away
        bent = torch.einsum("bkni,bknj->bkij", self.weights[:, None].expand(-1, z.shape[1], -1, -1), slope)
        return self.affine[:, None, :, :2] + bent

    def picture(self, pictures: Tensor) -> Tensor:
        """Pictures (B, C, H, W) warped: edges are repeated outside."""
        height, width = pictures.shape[-2:]
        places = grid(height, width, pictures).flatten(0, 1).expand(len(pictures), -1, -1)
        return sample(pictures, self.coordinates(places).unflatten(1, (height, width)))

    def _away(self, z: Tensor) -> Tensor:
        return z[:, :, None] - self.control
