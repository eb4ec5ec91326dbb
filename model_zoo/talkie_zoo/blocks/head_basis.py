"""A head model restricted to some of its vertices, for losses that need many frames and few points. The heads
themselves live in `talkie.heads`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.heads import HeadModel
from talkie.heads.rotations import axis_angle_to_matrix

PROBES = torch.tensor([[0.4, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.4]])
"""Jaw poses (radians) from which each vertex's lever and skinning weight are recovered."""
TOLERANCE_M = 1e-5


class RestrictedHead(nn.Module):
    """Offsets of chosen vertices of the average identity as a closed form of (expression, jaw).

    Under linear blend skinning, a vertex x of weight w about a joint p moves by w (R - I)(x - p). With the shape offset
    d = e D and the constant u = w (x0 - p): offset = d + (R - I)(u + w d); a head with pose correctives of the jaw
    (`jaw_basis`, linear in R - I) adds them to d. D, u and w are recovered from the model's own answers, and the form
    is checked against it once. Raises BadInput for a head that does not move this way.
    """

    deltas: Tensor
    anchor: Tensor
    weight: Tensor
    corrective: Tensor

    def __init__(self, head: HeadModel, vertices: np.ndarray):
        super().__init__()
        # On the CPU whatever the default device is: the form is computed from the head and not learnt.
        with torch.device("cpu"):
            self._recover(head, torch.as_tensor(vertices, dtype=torch.long))

    def _recover(self, head: HeadModel, points: Tensor) -> None:
        expressions = len(head.expression_names)
        with torch.no_grad():
            rest = head.vertices(expression=torch.zeros(1, expressions))[0, points]
            deltas = head.vertices(expression=torch.eye(expressions))[:, points] - rest
            basis = getattr(head, "jaw_basis", torch.zeros(9, 1, 3).expand(-1, head.template.shape[0], -1))
            corrective = basis[:, points].to(rest)
            fuller = torch.tensordot(_turn(PROBES).flatten(1), corrective, 1)
            still = head.vertices(jaw=PROBES)[:, points] - rest
            probes = torch.rand(len(PROBES), expressions, generator=torch.Generator().manual_seed(0))
            shape = torch.einsum("pe,enc->pnc", probes, deltas)
            moved = head.vertices(expression=probes, jaw=PROBES)[:, points] - rest
            weight = _weights(shape, moved - still)
            carried = torch.einsum("pij,pnj->pni", _turn(PROBES), weight[:, None] * fuller)
            anchor = _anchors(still - fuller - carried)
        # Not persistent: they follow from the head model, which is named in the constants.
        self.register_buffer("deltas", deltas.flatten(1), persistent=False)
        self.register_buffer("anchor", anchor, persistent=False)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("corrective", corrective.flatten(1), persistent=False)
        self._check(head, points, rest)

    def forward(self, expression: Tensor, jaw: Tensor) -> Tensor:
        """expression (..., E), jaw (..., 3) radians -> offsets (..., n, 3) metres."""
        turn = _turn(jaw)
        shape = (expression @ self.deltas + turn.flatten(-2) @ self.corrective).unflatten(-1, self.anchor.shape)
        carried = self.anchor + self.weight[:, None] * shape
        return shape + carried @ turn.transpose(-1, -2)

    @torch.no_grad()
    def _check(self, head: HeadModel, points: Tensor, rest: Tensor) -> None:
        expression = torch.linspace(0, 1, len(head.expression_names))[None]
        jaw = torch.tensor([[0.2, 0.05, -0.05]])
        true = head.vertices(expression=expression, jaw=jaw)[:, points] - rest
        error = float((self(expression, jaw) - true).norm(dim=-1).max())
        if error > TOLERANCE_M:
            raise BadInput(f"the jaw of {head.name} is no linear blend skinning (off by {error * 1e3:.3f} mm)")


def _turn(jaw: Tensor) -> Tensor:
    """R - I of axis-angle vectors (..., 3): (..., 3, 3)."""
    return axis_angle_to_matrix(jaw) - torch.eye(3, dtype=jaw.dtype, device=jaw.device)


def _anchors(moved: Tensor) -> Tensor:
    """u (n, 3) with (R_p - I) u = moved_p for every probe, least squares over moved (P, n, 3)."""
    system = _turn(PROBES.double()).flatten(0, 1)
    targets = moved.double().permute(0, 2, 1).flatten(0, 1)
    return torch.linalg.lstsq(system, targets).solution.T.float().contiguous()


def _weights(shape: Tensor, gained: Tensor) -> Tensor:
    """Skinning weights w (n,) from probes with shape offsets (P, n, 3) and what these add to the turned head's offsets
    (P, n, 3); 0 where no expression moves a vertex."""
    turn = _turn(PROBES)
    carried = torch.einsum("pij,pnj->pni", turn, shape)
    left = gained - shape
    energy = carried.square().sum((0, 2))
    return ((left * carried).sum((0, 2)) / energy.clamp_min(1e-14)).clamp(0, 1)


def spread(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices, evenly spaced."""
    picks = np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)
    return np.asarray(indices)[np.unique(picks)]
