"""A head model reduced to its 478 landmarks, as tensors that are linear in identity and expression."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.fitting.turns import turn_matrices
from talkie.heads.model import HeadModel

JOINTS = ("jaw", "left_eye", "right_eye")

_PROBE_RAD = 0.05
"""Small, so that pose correctives (of second order in the angle) stay out of the moments."""
_MISFIT_LIMIT_M = 1e-3
_STILL_M = 1e-6
"""A moment below it moves nothing: rounding of the probes."""
_BATCH = 16


@dataclass(frozen=True)
class LandmarkBasis:
    """Landmarks of a head as a function of its parameters, without its thousands of vertices.

    Linear blend skinning moves a vertex v by w (R - I)(v - j), with joint j and weight w; over the corners
    of a landmark's triangle the sum of it is (R - I) m, where the moment m is, like v itself, affine in
    identity and expression. So landmarks(identity, expression, poses) = rest + sum over joints (R - I) m.

    rest (C, L, 3) and moments[joint] (C, L, 3), metres, float32, with C = 1 + I + E rows: the mean, the
    identity axes, the expression shapes. `misfit_m`: largest error against the model on random parameters.
    """

    rest: Tensor
    moments: dict[str, Tensor]
    identities: int
    misfit_m: float

    @property
    def expressions(self) -> int:
        return len(self.rest) - 1 - self.identities

    def part(self, points: Tensor) -> LandmarkBasis:
        """The basis of some landmarks, by number."""
        moments = {name: moment[:, points].contiguous() for name, moment in self.moments.items()}
        return LandmarkBasis(self.rest[:, points].contiguous(), moments, self.identities, self.misfit_m)

    def to(self, dtype: torch.dtype) -> LandmarkBasis:
        """The same basis in another precision."""
        moments = {name: moment.to(dtype) for name, moment in self.moments.items()}
        return LandmarkBasis(self.rest.to(dtype), moments, self.identities, self.misfit_m)

    @cached_property
    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """Shapes landmark by landmark, rest and jaw moment of each: of expression alone (L, 6, E), and of expression
        and then identity (L, 6, E + I)."""
        both = torch.cat([self.rest[1:], self.moments["jaw"][1:]], dim=-1).permute(1, 2, 0)
        identity, expression = both[..., : self.identities], both[..., self.identities :]
        joined = torch.cat([expression, identity], dim=-1)
        return expression.contiguous().numpy(), joined.contiguous().numpy()

    @cached_property
    def moved_by(self) -> dict[str, Tensor]:
        """By joint, the landmarks (N,) int64 that it moves: an eye turns ten points, not all."""
        return {
            name: torch.nonzero(moment.abs().amax((0, 2)) > _STILL_M)[:, 0] for name, moment in self.moments.items()
        }

    def mixture(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Row weights (T, C) of identity (I,) and expression (T, E)."""
        frames = len(expression)
        return torch.cat([expression.new_ones(frames, 1), identity.expand(frames, -1), expression], dim=1)

    def posed_moments(self, mix: Tensor) -> dict[str, Tensor]:
        """Moments (T, L, 3) of each joint at the row weights `mix` (T, C)."""
        return {name: torch.tensordot(mix, moment, dims=1) for name, moment in self.moments.items()}

    def landmarks(self, identity: Tensor, expression: Tensor, poses: dict[str, Tensor]) -> Tensor:
        """(I,), (T, E) and axis-angle poses (T, 3) by joint -> (T, L, 3) metres in the head frame."""
        mix = self.mixture(identity, expression)
        points = torch.tensordot(mix, self.rest, dims=1)
        for name, moment in self.posed_moments(mix).items():
            points = points + moment @ turn(poses[name]).transpose(-1, -2)
        return points


def turn(pose: Tensor) -> Tensor:
    """R - I of axis-angle vectors: (..., 3) -> (..., 3, 3)."""
    return turn_matrices(pose) - torch.eye(3, dtype=pose.dtype)


def landmark_basis(model: HeadModel) -> LandmarkBasis:
    """Reduce a model to MediaPipe's points by probing it, so that any model that blends linearly can be fitted.

    Raises BadInput as `point_basis`.
    """
    return point_basis(model, model.landmarks)


def vertex_basis(model: HeadModel, vertices: np.ndarray) -> LandmarkBasis:
    """The same for vertices (N,) of the mesh. Raises BadInput as `point_basis`."""
    chosen = torch.as_tensor(vertices)
    return point_basis(model, lambda mesh: mesh[:, chosen])


def point_basis(model: HeadModel, points: Callable[[Tensor], Tensor]) -> LandmarkBasis:
    """Reduce a model to points of its surface: `points` maps vertices (B, V, 3) linearly to (B, L, 3).

    Raises BadInput where the reduction is off by more than 1 mm on random parameters (a model whose shapes
    depend on its pose).
    """
    count, identities = 1 + len(model.identity_names) + len(model.expression_names), len(model.identity_names)
    neutral = _probe(model, points, count, identities)
    rest = _differences(neutral)
    moments = {}
    for joint in JOINTS:
        about_x = _probe(model, points, count, identities, joint, (_PROBE_RAD, 0.0, 0.0)) - neutral
        about_y = _probe(model, points, count, identities, joint, (0.0, _PROBE_RAD, 0.0)) - neutral
        moments[joint] = _differences(_moment(about_x, about_y))
    basis = LandmarkBasis(rest, moments, identities, 0.0)
    misfit = _misfit(model, points, basis)
    if misfit > _MISFIT_LIMIT_M:
        raise BadInput(
            f"its landmarks are not linear in identity and expression (error {misfit * 1000:.1f} mm)",
            where=f"head model {model.name}",
            cure="fit with a model that uses linear blend skinning",
        )
    return LandmarkBasis(rest, moments, identities, misfit)


def _moment(about_x: Tensor, about_y: Tensor) -> Tensor:
    """Solve (R - I) m = displacement (..., 3) for m, from turns by the same angle about x and about y.

    A turn about x by a gives dy = (c-1) y - s z and dz = s y + (c-1) z; about y, dx = (c-1) x + s z and
    dz = -s x + (c-1) z. Each pair is a similarity with squared scale (c-1)^2 + s^2 = 2 (1 - c).
    """
    c, s = math.cos(_PROBE_RAD) - 1, math.sin(_PROBE_RAD)
    norm = -2 * c
    y = (c * about_x[..., 1] + s * about_x[..., 2]) / norm
    z_x = (-s * about_x[..., 1] + c * about_x[..., 2]) / norm
    x = (c * about_y[..., 0] - s * about_y[..., 2]) / norm
    z_y = (s * about_y[..., 0] + c * about_y[..., 2]) / norm
    return torch.stack([x, y, (z_x + z_y) / 2], dim=-1)


def _differences(values: Tensor) -> Tensor:
    """Rows of values at zero and at each unit weight -> the affine rows (mean, slopes...)."""
    return torch.cat([values[:1], values[1:] - values[:1]]).float().contiguous()


def _probe(
    model: HeadModel,
    points: Callable[[Tensor], Tensor],
    count: int,
    identities: int,
    joint: str | None = None,
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Tensor:
    """Points (C, L, 3) at zero weights and at each unit weight, with one joint turned."""
    unit = torch.eye(count)[:, 1:]
    rows = []
    with torch.no_grad():
        for at in range(0, count, _BATCH):
            part = unit[at : at + _BATCH]
            poses = {} if joint is None else {joint: torch.tensor(pose).expand(len(part), 3)}
            vertices = model.vertices(part[:, :identities], part[:, identities:], **poses)
            rows.append(points(vertices))
    return torch.cat(rows)


def _misfit(model: HeadModel, points: Callable[[Tensor], Tensor], basis: LandmarkBasis) -> float:
    """Largest distance in metres between the basis and the model over four random parameter sets."""
    generator = torch.Generator().manual_seed(0)
    identity = torch.randn(basis.identities, generator=generator)
    expression = torch.rand(4, basis.expressions, generator=generator) * 0.5
    poses = {name: torch.randn(4, 3, generator=generator) * 0.1 for name in JOINTS}
    with torch.no_grad():
        truth = points(model.vertices(identity.expand(4, -1), expression, **poses))
        return float((basis.landmarks(identity, expression, poses) - truth).norm(dim=-1).max())
