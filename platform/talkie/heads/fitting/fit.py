"""Gauss-Newton over a whole clip: head parameters from 478 tracked landmarks a frame, with a robust loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads.fitting.arrow import ArrowSolution, solve_arrow
from talkie.heads.fitting.basis import JOINTS, LandmarkBasis, landmark_basis
from talkie.heads.fitting.normal import Observation, cost, normal_equations
from talkie.heads.fitting.pose import FLIP, initial_poses
from talkie.heads.fitting.settings import FitSettings
from talkie.heads.fitting.view import Unknowns, image_points
from talkie.heads.model import HeadModel


@dataclass(frozen=True)
class Fit:
    """A fitted clip with the uncertainty of its parameters.

    track: residual is the RMS distance in crop pixels over all 478 points. expression_std (T, E) and
    identity_std (I,): posterior standard deviations under FitSettings' assumptions; those of expression are
    given the identity and the frames before, and narrower at a bound. steps: Gauss-Newton steps taken.
    """

    track: HeadTrack
    expression_std: np.ndarray
    identity_std: np.ndarray
    steps: int


def fit_head(
    model: HeadModel,
    landmarks: np.ndarray,
    K: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    distance_m: float = 1.0,
    settings: FitSettings | None = None,
) -> HeadTrack:
    """The parameters of `fit_clip` without their uncertainty."""
    return fit_clip(model, landmarks, K, visible=visible, distance_m=distance_m, settings=settings).track


def fit_clip(
    model: HeadModel,
    landmarks: np.ndarray,
    K: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    distance_m: float = 1.0,
    settings: FitSettings | None = None,
    basis: LandmarkBasis | None = None,
) -> Fit:
    """Fit `model` to landmarks (T, 478, 2 or 3) in crop pixels; only x and y are used.

    K: intrinsics of the crop, (3, 3) or (T, 3, 3). The camera stands in front of the person at `distance_m`:
    R = diag(1, -1, -1), t = (0, 0, distance_m). visible (T,) bool: frames that count (default all); in the
    others motion's smoothness fills in. `basis`: landmark_basis(model), where the caller keeps it.

    Levenberg-Marquardt on identity, expression, jaw, eyes, rotation and translation of all frames together,
    identity shared (see `arrow`). The neck stays at zero: in landmarks of the face alone it cannot be told
    from the rotation of the head. Depth and size share one degree of freedom, which the identity prior and
    the assumed focal length decide.

    Raises BadInput for no visible frame, wrong shapes, or landmarks that are not finite.
    """
    settings = settings or FitSettings()
    if "jawOpen" in model.expression_names:
        # Two ways to open the mouth cannot be told apart; what is trained and served is the shape.
        settings = settings.model_copy(update={"jaw": settings.jaw_beside_shape})
    basis = basis or landmark_basis(model)
    seen = _observe(landmarks, K, visible, distance_m)
    unknowns = _start(basis, seen)
    value = cost(basis, unknowns, seen, settings)
    damping, steps = 1e-3, 0
    for _ in range(settings.iterations):
        system = normal_equations(basis, unknowns, seen, settings)
        for _ in range(8):
            trial = _moved(unknowns, solve_arrow(system.damped(damping)))
            trial_value = cost(basis, trial, seen, settings)
            if trial_value < value:
                break
            damping *= 8
        else:
            break  # no step of any length helps: this is the minimum
        settled = value - trial_value < settings.tolerance * value
        unknowns, value, damping, steps = trial, trial_value, max(damping / 8, 1e-7), steps + 1
        if settled:
            break
    last = solve_arrow(normal_equations(basis, unknowns, seen, settings).damped(1e-9))
    return Fit(
        track=_track(model, basis, unknowns, seen),
        expression_std=np.sqrt(last.frame_variance[:, : basis.expressions]),
        identity_std=np.sqrt(last.shared_variance),
        steps=steps,
    )


def _observe(landmarks: np.ndarray, K: np.ndarray, visible: np.ndarray | None, distance_m: float) -> Observation:
    frames = len(landmarks)
    if landmarks.ndim != 3 or landmarks.shape[1] != 478 or frames == 0:
        raise BadInput(f"landmarks of shape {landmarks.shape}", cure="give (T, 478, 2) or (T, 478, 3)")
    shown = np.ones(frames, bool) if visible is None else np.asarray(visible, bool)
    if not shown.any():
        raise BadInput("no visible frame to fit a head to")
    if not np.isfinite(landmarks[shown]).all():
        raise BadInput("landmarks of a visible frame are not finite")
    points = np.where(shown[:, None, None], landmarks[..., :2], 0.0)
    return Observation(
        points=torch.as_tensor(points, dtype=torch.float32),
        visible=torch.as_tensor(shown, dtype=torch.float32),
        K=torch.as_tensor(np.broadcast_to(K, (frames, 3, 3)).copy(), dtype=torch.float32),
        distance_m=distance_m,
    )


def _start(basis: LandmarkBasis, seen: Observation) -> Unknowns:
    """Mean identity, neutral face, poses of the visible frames; hidden frames start at their neighbour's."""
    index = torch.nonzero(seen.visible)[:, 0]
    nearest = index[(torch.arange(len(seen.points))[:, None] - index[None]).abs().argmin(1)]
    rotation, translation = initial_poses(basis, seen.points[nearest], seen.K[nearest], seen.distance_m)
    frames = len(seen.points)
    return Unknowns(
        identity=torch.zeros(basis.identities),
        expression=torch.zeros(frames, basis.expressions),
        poses={joint: torch.zeros(frames, 3) for joint in JOINTS},
        rotation=rotation,
        translation=translation,
    )


def _moved(unknowns: Unknowns, step: ArrowSolution) -> Unknowns:
    return unknowns.moved(
        torch.as_tensor(step.frames, dtype=torch.float32), torch.as_tensor(step.shared, dtype=torch.float32)
    )


def _track(model: HeadModel, basis: LandmarkBasis, unknowns: Unknowns, seen: Observation) -> HeadTrack:
    """The clip's head.npz; weights are clipped to [0, 1] and the residual measured after that."""
    clipped = Unknowns(
        unknowns.identity,
        unknowns.expression.clamp(0, 1),
        unknowns.poses,
        unknowns.rotation,
        unknowns.translation,
    )
    gap = image_points(basis, clipped, seen.K, seen.distance_m) - seen.points
    residual = (gap**2).sum(-1).mean(-1).sqrt() * seen.visible

    def array(values: Tensor) -> np.ndarray:
        return values.numpy().astype(np.float32)

    return HeadTrack(
        identity=array(clipped.identity),
        expression=array(clipped.expression),
        jaw=array(clipped.poses["jaw"]),
        neck=np.zeros((len(seen.points), 3), np.float32),
        left_eye=array(clipped.poses["left_eye"]),
        right_eye=array(clipped.poses["right_eye"]),
        rotation=array(clipped.rotation),
        translation=array(clipped.translation),
        K=array(seen.K),
        R=array(FLIP),
        t=np.array([0.0, 0.0, seen.distance_m], np.float32),
        residual=array(residual),
        model=model.name,
    )
