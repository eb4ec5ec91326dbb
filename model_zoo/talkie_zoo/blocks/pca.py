"""Principal components of high-dimensional motion, as a torch module with fixed weights; what is learnt on top of
them lives with each system."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def principal_components(frames: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """Mean (D,) and orthonormal rows (K, D) of the leading components of frames (N, D), float32.

    K = min(components, numerical rank). Uses the N x N Gram matrix, since N << D for meshes; the sign of a row is
    fixed by its largest entry, so that equal data give equal components.
    """
    data = frames.double()
    mean = data.mean(0)
    centred = data - mean
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    order = values.argsort(descending=True)[:components]
    order = order[values[order] > values.max().clamp_min(0) * 1e-10]
    rows = (vectors[:, order] / values[order].sqrt()).T @ centred
    signs = rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
    return mean.float(), (rows * signs).float()


class PCA(nn.Module):
    """x = mean + f C with frozen C: codes (..., D) metres as (..., K) numbers of order one and back.

    `unit` (metres) is the standard deviation of the first coefficient: codes are f / unit.
    """

    mean: Tensor
    rows: Tensor
    unit: Tensor

    def __init__(self, components: int, dimensions: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("rows", torch.zeros(components, dimensions))
        self.register_buffer("unit", torch.ones(()))

    @classmethod
    def fit(cls, frames: Tensor, components: int) -> PCA:
        """The components of frames (N, D)."""
        mean, rows = principal_components(frames, components)
        pca = cls(len(rows), frames.shape[1])
        pca.mean.copy_(mean)
        pca.rows.copy_(rows)
        if len(rows):
            pca.unit.copy_(((frames - mean) @ rows[0]).std())
        return pca

    @property
    def components(self) -> int:
        return len(self.rows)

    @property
    def dimensions(self) -> int:
        return len(self.mean)

    def encode(self, x: Tensor) -> Tensor:
        return (x - self.mean) @ self.rows.T / self.unit

    def decode(self, codes: Tensor) -> Tensor:
        return self.mean + (codes * self.unit) @ self.rows

    def outside(self, x: Tensor) -> Tensor:
        """Squared distance (...,) of x from the span of the components: what no code can express."""
        centred = x - self.mean
        return (centred.square().sum(-1) - (centred @ self.rows.T).square().sum(-1)).clamp_min(0)

    def explained(self, x: Tensor) -> float:
        """Share of the variance of x (N, D) about its own mean that the components keep."""
        total = (x - x.mean(0)).square().sum()
        centred = x - self.mean
        lost = (centred - (centred @ self.rows.T) @ self.rows).square().sum()
        return float(1 - lost / total)
