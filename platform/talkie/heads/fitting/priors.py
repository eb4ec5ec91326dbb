"""What is believed of a head before looking: sparse expression, resting joints, smooth motion, average identity."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.heads.fitting.basis import JOINTS
from talkie.heads.fitting.settings import FitSettings
from talkie.heads.fitting.view import Unknowns, rotation_steps

_ROUND = 0.05
"""Expression weight below which the sparse prior is rounded off, so that it has a curvature."""


def prior_cost(unknowns: Unknowns, settings: FitSettings, chain: Tensor, identity_precision: float) -> float:
    """Negative log of the priors up to a constant; chain (T - 1, P): precision of every step."""
    weights = unknowns.expression.double()
    total = 0.5 * identity_precision * (unknowns.identity.double() ** 2).sum()
    total += ((weights**2 + _ROUND**2).sqrt() - _ROUND).sum() / settings.expression
    total += 0.5 * (_outside(weights) ** 2).sum() / settings.bound**2
    for joint, pose in unknowns.poses.items():
        total += 0.5 * (pose.double() ** 2).sum() / _joint_std(joint, settings) ** 2
    if settings.focal:
        total += 0.5 * (unknowns.log_focal.double() / settings.focal) ** 2
    return float(total + 0.5 * (_steps(unknowns).double() ** 2 * chain).sum())


def add_frame_priors(frame: Tensor, rhs: Tensor, unknowns: Unknowns, settings: FitSettings) -> None:
    """Add the priors of the frames' own unknowns to their blocks (T, P, P) and right sides (T, P), in place."""
    block = unknowns.blocks(unknowns.expression.shape[1])
    diagonal = frame.diagonal(dim1=1, dim2=2)
    weights = unknowns.expression.double()
    outside = _outside(weights)
    sparse = 1 / (settings.expression * (weights**2 + _ROUND**2).sqrt())
    wall = (outside != 0).double() / settings.bound**2
    diagonal[:, block["expression"]] += sparse + wall
    rhs[:, block["expression"]] -= sparse * weights + outside / settings.bound**2
    for joint, pose in unknowns.poses.items():
        precision = 1 / _joint_std(joint, settings) ** 2
        diagonal[:, block[joint]] += precision
        rhs[:, block[joint]] -= precision * pose.double()


def add_chain(frame: Tensor, rhs: Tensor, unknowns: Unknowns, chain: Tensor) -> None:
    """Add the random walk between neighbours, in place: each frame has two, the first and last one."""
    diagonal = frame.diagonal(dim1=1, dim2=2)
    pull = _steps(unknowns).double() * chain
    diagonal[1:] += chain
    diagonal[:-1] += chain
    rhs[1:] -= pull
    rhs[:-1] += pull


def chain_precision(expressions: int, settings: FitSettings, gaps: np.ndarray) -> Tensor:
    """Precision (T - 1, P) float64 of the step of every unknown over `gaps` (T - 1,) frames: a random walk's
    variance grows with time."""
    steps = {"jaw": settings.jaw_step, "left_eye": settings.eye_step, "right_eye": settings.eye_step}
    triples = [*(steps[joint] for joint in JOINTS), settings.rotation_step, settings.translation_step]
    std = np.concatenate([np.full(expressions, settings.expression_step), np.repeat(triples, 3)])
    return torch.as_tensor(1 / (gaps[:, None] * std**2), dtype=torch.float64)


def _outside(weights: Tensor) -> Tensor:
    """By how much weights leave [0, 1], signed."""
    return torch.where(weights < 0, weights, (weights - 1).clamp_min(0))


def _steps(unknowns: Unknowns) -> Tensor:
    """Change of every unknown from frame to frame, (T - 1, P)."""
    pieces = [unknowns.expression, *(unknowns.poses[joint] for joint in JOINTS)]
    changes = [piece[1:] - piece[:-1] for piece in pieces]
    moved = unknowns.translation[1:] - unknowns.translation[:-1]
    return torch.cat([*changes, rotation_steps(unknowns.rotation), moved], dim=1)


def _joint_std(joint: str, settings: FitSettings) -> float:
    return settings.jaw if joint == "jaw" else settings.eye
