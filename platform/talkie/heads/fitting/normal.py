"""The cost of a fit and its normal equations: robust landmark errors, priors, smooth motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.heads.fitting.arrow import ArrowSystem
from talkie.heads.fitting.basis import JOINTS, LandmarkBasis
from talkie.heads.fitting.settings import FitSettings, landmark_weights
from talkie.heads.fitting.view import Unknowns, image_points, linearise, rotation_steps

_CHUNK = 64
"""Frames whose derivatives are in memory at a time (64 x 956 x ~100 float32 = 25 MB)."""

_ROUND = 0.05
"""Expression weight below which the sparse prior is rounded off, so that it has a curvature."""

_RIGHT_PUPIL, _LEFT_PUPIL = 468, 473


@dataclass(frozen=True)
class Observation:
    """What was seen: points (T, 478, 2) crop pixels, visible (T,) 0 or 1, K (T, 3, 3), and the camera's place."""

    points: Tensor
    visible: Tensor
    K: Tensor
    distance_m: float

    def part(self, frames: slice) -> Observation:
        return Observation(self.points[frames], self.visible[frames], self.K[frames], self.distance_m)

    def noise_px(self, share: float) -> Tensor:
        """Standard deviation of a landmark in pixels, (T,): a share of the clip's median pupil distance."""
        between = (self.points[:, _LEFT_PUPIL] - self.points[:, _RIGHT_PUPIL]).norm(dim=-1)
        return share * between[self.visible > 0].median().clamp_min(1e-3).expand(len(self.points))


def cost(basis: LandmarkBasis, unknowns: Unknowns, seen: Observation, settings: FitSettings) -> float:
    """Negative log posterior up to a constant."""
    error = image_points(basis, unknowns, seen.K, seen.distance_m) - seen.points
    scaled = error.norm(dim=-1) / seen.noise_px(settings.noise)[:, None]
    limit = settings.robust
    huber = torch.where(scaled <= limit, 0.5 * scaled**2, limit * (scaled - 0.5 * limit))
    data = (huber * _precision(seen, settings)).sum(dtype=torch.float64)
    weights = unknowns.expression
    outside = torch.where(weights < 0, weights, (weights - 1).clamp_min(0))
    prior = 0.5 * _identity_precision(seen, settings) * (unknowns.identity**2).sum(dtype=torch.float64)
    prior += ((weights**2 + _ROUND**2).sqrt() - _ROUND).sum(dtype=torch.float64) / settings.expression
    prior += 0.5 * (outside**2).sum(dtype=torch.float64) / settings.bound**2
    for joint, pose in unknowns.poses.items():
        prior += 0.5 * (pose**2).sum(dtype=torch.float64) / _joint_std(joint, settings) ** 2
    chain = _chain_precision(basis, settings)
    return float(data + prior + 0.5 * (_steps(unknowns) ** 2 * chain).sum(dtype=torch.float64))


def normal_equations(basis: LandmarkBasis, unknowns: Unknowns, seen: Observation, settings: FitSettings) -> ArrowSystem:
    """The Gauss-Newton system at `unknowns`: robust and sparse terms enter by reweighting (IRLS).

    The system of the whole clip is weighed by one noise level, so that `seen` may be cut into chunks."""
    noise = seen.noise_px(settings.noise)
    size = basis.expressions + 3 * (len(JOINTS) + 2)
    parts = [
        _data_terms(basis, unknowns, seen, settings, noise, slice(at, at + _CHUNK))
        for at in range(0, len(seen.points), _CHUNK)
    ]
    full = torch.cat([part[0] for part in parts]).double()
    right = torch.cat([part[1] for part in parts]).double()
    frame, frame_rhs = full[:, :size, :size].clone(), right[:, :size].clone()
    _add_priors(frame, frame_rhs, unknowns, settings)
    chain = _chain_precision(basis, settings).double()
    _add_chain(frame, frame_rhs, unknowns, chain)
    precision = _identity_precision(seen, settings)
    shared = full[:, size:, size:].sum(0) + precision * torch.eye(basis.identities, dtype=torch.float64)
    shared_rhs = right[:, size:].sum(0) - precision * unknowns.identity.double()
    return ArrowSystem(
        frame=frame.numpy(),
        chain=chain.numpy(),
        coupling=full[:, :size, size:].contiguous().numpy(),
        shared=shared.numpy(),
        frame_rhs=frame_rhs.numpy(),
        shared_rhs=shared_rhs.numpy(),
    )


def _data_terms(
    basis: LandmarkBasis,
    unknowns: Unknowns,
    seen: Observation,
    settings: FitSettings,
    noise: Tensor,
    frames: slice,
) -> tuple[Tensor, Tensor]:
    """J'WJ (t, P + I, P + I) and -J'We (t, P + I) of a run of frames, float32."""
    part = seen.part(frames)
    image, slopes = linearise(basis, unknowns.part(frames), part.K, part.distance_m)
    error = image - part.points
    scaled = error.norm(dim=-1) / noise[frames, None]
    huber = settings.robust / scaled.clamp_min(settings.robust)
    weight = (huber * _precision(part, settings)).sqrt() / noise[frames, None]
    slopes = (slopes * weight[..., None, None]).flatten(1, 2)
    right = -(error * weight[..., None]).flatten(1)
    across = slopes.transpose(-1, -2)
    return across @ slopes, (across @ right[..., None])[..., 0]


def _add_priors(frame: Tensor, rhs: Tensor, unknowns: Unknowns, settings: FitSettings) -> None:
    """Add the priors of the frames' own unknowns to their blocks, in place."""
    block = unknowns.blocks(unknowns.expression.shape[1])
    diagonal = frame.diagonal(dim1=1, dim2=2)
    weights = unknowns.expression.double()
    sparse = 1 / (settings.expression * (weights**2 + _ROUND**2).sqrt())
    outside = torch.where(weights < 0, weights, (weights - 1).clamp_min(0))
    wall = (outside != 0).double() / settings.bound**2
    diagonal[:, block["expression"]] += sparse + wall
    rhs[:, block["expression"]] -= sparse * weights + outside / settings.bound**2
    for joint, pose in unknowns.poses.items():
        precision = 1 / _joint_std(joint, settings) ** 2
        diagonal[:, block[joint]] += precision
        rhs[:, block[joint]] -= precision * pose.double()


def _add_chain(frame: Tensor, rhs: Tensor, unknowns: Unknowns, chain: Tensor) -> None:
    """Add the random walk between neighbours, in place: each frame has two, the first and last one."""
    diagonal = frame.diagonal(dim1=1, dim2=2)
    pull = _steps(unknowns).double() * chain
    diagonal[1:] += chain
    diagonal[:-1] += chain
    rhs[1:] -= pull
    rhs[:-1] += pull


def _steps(unknowns: Unknowns) -> Tensor:
    """Change of every unknown from frame to frame, (T - 1, P)."""
    pieces = [unknowns.expression, *(unknowns.poses[joint] for joint in JOINTS)]
    changes = [piece[1:] - piece[:-1] for piece in pieces]
    moved = unknowns.translation[1:] - unknowns.translation[:-1]
    return torch.cat([*changes, rotation_steps(unknowns.rotation), moved], dim=1)


def _chain_precision(basis: LandmarkBasis, settings: FitSettings) -> Tensor:
    """Precision (P,) of the step of every unknown of a frame."""
    steps = {"jaw": settings.jaw_step, "left_eye": settings.eye_step, "right_eye": settings.eye_step}
    triples = [*(steps[joint] for joint in JOINTS), settings.rotation_step, settings.translation_step]
    std = np.concatenate([np.full(basis.expressions, settings.expression_step), np.repeat(triples, 3)])
    return torch.as_tensor(1 / std**2, dtype=torch.float32)


def _identity_precision(seen: Observation, settings: FitSettings) -> float:
    """Precision of each identity weight's prior: 1, or more where many frames would drown it (see FitSettings)."""
    return max(1.0, float(seen.visible.sum()) / settings.independent_frames)


def _joint_std(joint: str, settings: FitSettings) -> float:
    return settings.jaw if joint == "jaw" else settings.eye


def _precision(seen: Observation, settings: FitSettings) -> Tensor:
    """How much each landmark of each frame counts, (T, L)."""
    weights = landmark_weights(seen.points.shape[1])
    return seen.visible[:, None] * weights * (settings.independent_points / len(weights))
