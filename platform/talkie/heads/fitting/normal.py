"""The cost of a fit and its normal equations: robust landmark errors in every view, and priors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import blas
from torch import Tensor

from talkie.heads.fitting.arrow import ArrowSystem
from talkie.heads.fitting.basis import LandmarkBasis
from talkie.heads.fitting.kernel import fill_rows
from talkie.heads.fitting.landmarks import chosen_landmarks
from talkie.heads.fitting.observation import Observation
from talkie.heads.fitting.priors import add_chain, add_frame_priors, chain_precision, prior_cost
from talkie.heads.fitting.settings import FitSettings
from talkie.heads.fitting.view import POSE_COLUMNS, Prediction, Unknowns, lenses, predict

_DOUBLE_BELOW = 0.005
"""Noise, in inter-ocular distances, below which single precision's rounding of the normal equations (1e-7 of their
largest entry) is no longer small beside the priors."""


@dataclass(frozen=True)
class Problem:
    """What a fit minimises. basis, seen: of the L landmarks that count; weights (L,): precision of each relative to
    the average of all 478; gaps (T - 1,): frames between the rows of `seen`, 1 in a whole clip; noise (V,): pixels;
    held: identity and focal length are given, not sought."""

    basis: LandmarkBasis
    seen: Observation
    settings: FitSettings
    weights: Tensor
    gaps: np.ndarray
    noise: Tensor
    held: bool = False

    @property
    def frame_size(self) -> int:
        """P, unknowns of one frame."""
        return self.basis.expressions + POSE_COLUMNS

    @property
    def shared_size(self) -> int:
        """S, unknowns that all frames share."""
        return 0 if self.held else self.basis.identities + (self.settings.focal > 0)

    @cached_property
    def chain(self) -> Tensor:
        return chain_precision(self.basis.expressions, self.settings, self.gaps)

    @property
    def identity_precision(self) -> float:
        """Precision of each identity weight's prior: 1, or more where many frames would drown it (see FitSettings)."""
        return max(1.0, float(self.seen.seen.sum()) / self.settings.independent_frames)

    def part(self, frames: np.ndarray) -> Problem:
        """The problem of some frames of the clip, in rising order."""
        gaps = np.diff(np.concatenate([[0], np.cumsum(self.gaps)])[frames])
        return replace(self, seen=self.seen.part(torch.as_tensor(frames)), gaps=gaps)


def whole_clip(basis: LandmarkBasis, seen: Observation, settings: FitSettings) -> Problem:
    """The problem of fitting every frame of `seen`, by the landmarks that the settings ask for."""
    dtype = torch.float64 if settings.noise < _DOUBLE_BELOW else torch.float32
    points, weights = chosen_landmarks(basis.rest[0], settings.points)
    return Problem(
        basis=basis.part(points).to(dtype),
        seen=seen.landmarks(points).to(dtype),
        settings=settings,
        weights=weights.to(dtype) * (settings.independent_points / len(basis.rest[0])),
        gaps=np.ones(seen.frames - 1),
        noise=seen.noise_px(settings.noise).to(dtype),
    )


@dataclass(frozen=True)
class State:
    """A point of the search: unknowns, what they predict, the robust weight of each landmark and the cost.

    gap (V, T, L, 2): observed minus predicted pixels; scale (V, T, L): square root of each landmark's precision."""

    unknowns: Unknowns
    prediction: Prediction
    gap: Tensor
    scale: Tensor
    cost: float


def evaluate(problem: Problem, unknowns: Unknowns) -> State:
    """Predict, compare, weigh (Huber 1964, by reweighting) and add the priors: the negative log posterior."""
    seen, limit = problem.seen, problem.settings.robust
    prediction = predict(problem.basis, unknowns, seen)
    gap = seen.points - prediction.pixels
    scaled = gap.norm(dim=-1) / problem.noise[:, None, None]
    precision = seen.visible[..., None] * problem.weights
    huber = torch.where(scaled <= limit, 0.5 * scaled**2, limit * (scaled - 0.5 * limit))
    scale = (precision * limit / scaled.clamp_min(limit)).sqrt() / problem.noise[:, None, None]
    # A hidden frame may be predicted behind a camera; what is not seen costs nothing, not nan.
    data = torch.where(precision > 0, huber * precision, 0.0).sum(dtype=torch.float64)
    prior = prior_cost(unknowns, problem.settings, problem.chain, problem.identity_precision)
    return State(unknowns, prediction, gap, scale, float(data) + prior)


def normal_equations(problem: Problem, state: State) -> ArrowSystem:
    """The Gauss-Newton system at `state`: robust and sparse terms enter by reweighting (IRLS)."""
    size, shared_size = problem.frame_size, problem.shared_size
    frames = problem.seen.frames
    frame, rhs = np.zeros((frames, size, size)), np.zeros((frames, size))
    coupling, shared = np.zeros((frames, size, shared_size)), np.zeros((shared_size + 1, shared_size + 1))
    multiply = blas.dsyrk if problem.noise.dtype == torch.float64 else blas.ssyrk
    for t, _, rows in weighted_rows(problem, state):
        # The lower triangle of [J r]' W [J r] holds everything.
        products = multiply(1.0, rows.T).T
        frame[t] += products[:size, :size]
        coupling[t] += products[size:-1, :size].T
        rhs[t] += products[-1, :size]
        shared += products[size:, size:]
    unknowns = state.unknowns
    add_frame_priors(torch.from_numpy(frame), torch.from_numpy(rhs), unknowns, problem.settings)
    add_chain(torch.from_numpy(frame), torch.from_numpy(rhs), unknowns, problem.chain)
    prior = np.full(shared_size, problem.identity_precision)
    prior[problem.basis.identities :] = 1 / max(problem.settings.focal, 1e-12) ** 2
    place = np.append(unknowns.identity.double().numpy(), float(unknowns.log_focal))[:shared_size]
    return ArrowSystem(
        frame=frame,
        chain=problem.chain.numpy(),
        coupling=coupling,
        shared=shared[:-1, :-1] + np.diag(prior),
        frame_rhs=rhs,
        shared_rhs=shared[-1, :-1] - prior * place,
    )


def weighted_rows(problem: Problem, state: State) -> Iterator[tuple[int, int, np.ndarray]]:
    """(t, v, rows (2 L, P + S + 1)) of every visible frame and view: the Jacobian of its pixels and, last, their gap,
    both times the square root of each landmark's precision. The buffer is the same each time.

    The small effect of identity and expression on the eyes' joints is left out of the derivatives (not of the
    prediction), as is usual for Gauss-Newton."""
    rows = np.zeros((2 * state.scale.shape[2], problem.frame_size + problem.shared_size + 1), state.scale.numpy().dtype)
    shapes = problem.basis.packed[0 if problem.held else 1]
    lens, to_camera = lenses(state.unknowns, problem.seen).numpy(), problem.seen.R.numpy()
    arms, gap, scale = (a.numpy() for a in (state.prediction.arms, state.gap, state.scale))
    camera, rotated = state.prediction.camera.numpy(), state.prediction.rotated.numpy()
    turn, jaw = state.prediction.turn.numpy(), state.prediction.jaw.numpy()
    for t, v in np.argwhere(problem.seen.visible.numpy().T > 0):
        fill_rows(
            shapes, problem.basis.expressions, arms[:, t], rotated[t], camera[v, t], gap[v, t],
            scale[v, t], lens[v, t], to_camera[v], turn[t], jaw[t], rows,
        )  # fmt: skip
        yield t, v, rows
