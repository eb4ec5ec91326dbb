"""Levenberg-Marquardt over a clip, from a few key frames to all of them; what is minimised is `normal`'s."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from talkie.heads.fitting.arrow import Elimination, solve_arrow
from talkie.heads.fitting.basis import JOINTS
from talkie.heads.fitting.normal import Problem, State, evaluate, normal_equations
from talkie.heads.fitting.pose import initial_poses
from talkie.heads.fitting.turns import turn_matrices, turn_vectors
from talkie.heads.fitting.view import Unknowns

_KEYS = 24
"""Key frames: identity and camera are settled on them before all frames are looked at."""

_HELD_STEPS = 2
"""Steps of all frames under the key frames' identity; a third gains no more than the joint step that follows."""

_DAMPING, _DAMPING_CHANGE, _TRIES = 1e-7, 8.0, 9
"""Gauss-Newton steps almost always succeed here, so damping begins as small as rounding allows."""


@dataclass(frozen=True)
class Minimum:
    """Where the search ended: the state; the elimination of the undamped normal equations at its last step but one,
    whose inverse is the posterior covariance; the steps taken on the whole clip."""

    state: State
    posterior: Elimination
    steps: int


def minimise(problem: Problem) -> Minimum:
    """Fit every frame of the problem.

    A long clip is fitted on key frames first; then all frames under the identity found there, which takes half the
    work of a step; then everything together: those steps are few."""
    tolerance, limit = problem.settings.tolerance, problem.settings.iterations
    frames = np.flatnonzero(problem.seen.seen.numpy())
    if len(frames) < 2 * _KEYS:
        return descend(problem, evaluate(problem, start(problem)), tolerance, limit)
    keys = frames[np.unique(np.linspace(0, len(frames) - 1, _KEYS).round().astype(int))]
    few = problem.part(keys)
    coarse = descend(few, evaluate(few, start(few)), tolerance, limit).state
    between = evaluate(problem, _between(coarse.unknowns, keys, problem.seen.frames))
    held = descend(replace(problem, held=True), between, tolerance, _HELD_STEPS).state
    return descend(problem, held, tolerance, limit)


def start(problem: Problem) -> Unknowns:
    """Mean identity, neutral face, poses of the visible frames; hidden frames start at their neighbour's."""
    seen, basis = problem.seen, problem.basis
    index = torch.nonzero(seen.seen)[:, 0]
    nearest = index[(torch.arange(seen.frames)[:, None] - index[None]).abs().argmin(1)]
    rotation, translation = initial_poses(basis, seen.part(index))
    at = torch.searchsorted(index, nearest)
    zeros = basis.rest.new_zeros
    return Unknowns(
        identity=zeros(basis.identities),
        expression=zeros(seen.frames, basis.expressions),
        poses={joint: zeros(seen.frames, 3) for joint in JOINTS},
        rotation=rotation[at],
        translation=translation[at],
        log_focal=zeros(()),
    )


def descend(problem: Problem, state: State, tolerance: float, limit: int) -> Minimum:
    """Levenberg-Marquardt (Marquardt 1963) from `state` until a step lowers the cost by less than the share
    `tolerance`, or for `limit` steps."""
    damping, steps, settled = _DAMPING, 0, False
    while steps < limit and not settled:
        system = normal_equations(problem, state)
        posterior = None
        for _ in range(_TRIES):
            solved = solve_arrow(system, damping)
            posterior = posterior or (solved if damping == _DAMPING else None)
            trial = evaluate(problem, moved(state.unknowns, solved))
            if trial.cost < state.cost:
                break
            damping *= _DAMPING_CHANGE
        else:
            break  # no step of any length helps: this is the minimum
        settled = state.cost - trial.cost < tolerance * state.cost
        state, damping, steps = trial, max(damping / _DAMPING_CHANGE, _DAMPING), steps + 1
    return Minimum(state, posterior or solve_arrow(system, _DAMPING), steps)


def moved(unknowns: Unknowns, solved: Elimination) -> Unknowns:
    """The unknowns after a solved step."""
    frames, shared = (torch.as_tensor(step, dtype=unknowns.identity.dtype) for step in (solved.frames(), solved.shared))
    return unknowns.moved(frames, shared)


def _between(coarse: Unknowns, keys: np.ndarray, frames: int) -> Unknowns:
    """Unknowns of every frame from those of the key frames: weights and places on straight lines, rotations on
    the shortest arcs."""
    time = np.arange(frames)
    right = np.clip(np.searchsorted(keys, time, side="right"), 1, len(keys) - 1)
    before, after = keys[right - 1], keys[right]
    share = torch.as_tensor(np.clip((time - before) / (after - before), 0, 1), dtype=coarse.identity.dtype)[:, None]
    left = torch.as_tensor(right - 1)

    def line(values: Tensor) -> Tensor:
        return values[left] + share * (values[left + 1] - values[left])

    matrices = turn_matrices(coarse.rotation)
    arc = turn_vectors(matrices[left + 1] @ matrices[left].transpose(-1, -2))
    rotation = turn_vectors(turn_matrices(share * arc) @ matrices[left])
    poses = {name: line(pose) for name, pose in coarse.poses.items()}
    return Unknowns(
        coarse.identity, line(coarse.expression), poses, rotation, line(coarse.translation), coarse.log_focal
    )
