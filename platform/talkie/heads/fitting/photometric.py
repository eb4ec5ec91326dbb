"""Refines a fit by the pictures themselves: points of the skin keep their colour from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.linalg import blas
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads.fitting.appearance import Sample, explain, filtered, intensity, sample
from talkie.heads.fitting.arrow import ArrowSystem, solve_arrow
from talkie.heads.fitting.basis import JOINTS, LandmarkBasis, landmark_basis, vertex_basis
from talkie.heads.fitting.fit import Fit, finished, track_of
from talkie.heads.fitting.normal import Problem, State, evaluate, normal_equations, weighted_rows, whole_clip
from talkie.heads.fitting.observation import View, observe
from talkie.heads.fitting.settings import FitSettings
from talkie.heads.fitting.solve import moved
from talkie.heads.fitting.view import Unknowns, predict
from talkie.heads.model import HeadModel
from talkie.heads.track import pose_vertices

_LIMIT = 3.0
"""Residual, in its robust standard deviation, from which a point's weight falls (Huber)."""
_LEAST_NOISE = 0.004
"""Intensity below which differences are quantisation: one grey level of 255."""
_TRIES, _DAMPING, _DAMPING_CHANGE = 5, 1e-7, 64.0


class PhotometricSettings(BaseModel):
    """How pictures are compared. Blurs go from coarse to fine: a wide one catches what is pixels off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str = Field(default="face", description="the model's vertices that are compared")
    vertices: int = Field(default=1500, ge=50, description="at most as many, evenly taken")
    independent_vertices: float = Field(
        default=300.0, gt=0, description="as much as they tell: neighbours share a blur and a light that is too simple"
    )
    blurs_px: tuple[float, ...] = Field(default=(2.0, 1.0), min_length=1)
    steps: int = Field(default=4, ge=1, description="Gauss-Newton steps at each blur")
    least_cosine: float = Field(default=0.35, gt=0, lt=1, description="of normal and ray; flatter points are left out")


@dataclass(frozen=True)
class _Footage:
    """What does not change while a clip is refined: the landmarks' problem; the compared vertices, their numbers and
    their own problem; images (T, H, W) linear intensity."""

    model: HeadModel
    landmarks: Problem
    vertices: np.ndarray
    skin: Problem
    images: np.ndarray
    options: PhotometricSettings


@dataclass(frozen=True)
class _Reference:
    """What points are compared with: shading (T, N) predicted intensity; noise: robust standard deviation of the
    difference; precision (T, N): how much each point counts, 0 where it is not seen."""

    shading: np.ndarray
    noise: float
    precision: np.ndarray


def refine_photometric(
    model: HeadModel,
    fit: Fit,
    landmarks: np.ndarray,
    pictures: np.ndarray,
    *,
    visible: np.ndarray | None = None,
    settings: FitSettings | None = None,
    photometric: PhotometricSettings | None = None,
    basis: LandmarkBasis | None = None,
) -> Fit:
    """A fit of one view, moved so that each vertex of the skin keeps one albedo through the clip.

    landmarks: (T, 478, 2 or 3), visible: (T,) and settings as they were for `fit_clip`, which made `fit`; pictures:
    (T, H, W, 3) uint8 sRGB in the landmarks' pixels. The light is nine spherical harmonics a frame (matte skin), and
    is solved for together with the albedo; nothing is rendered. Then Gauss-Newton steps on landmarks, priors and
    the colours' constancy together, image gradients taken at the projected vertices (Lucas and Kanade 1981).

    What the clip's frames have in common, such as the identity, cannot be improved by constancy: it steadies motion
    and expression. The stated uncertainty includes the pictures. Raises BadInput for pictures of a wrong shape or
    type, an unknown region, and as `fit_clip`.
    """
    options, settings = photometric or PhotometricSettings(), settings or FitSettings()
    images = _checked(model, fit, pictures, options)
    track = fit.track
    seen = observe([View(landmarks, track.K, track.R, track.t, visible)])
    basis = basis or landmark_basis(model)
    problem = whole_clip(basis, seen, settings.model_copy(update={"focal": 0.0}).for_model(model))
    region = np.asarray(model.regions[options.region])
    chosen = region[:: -(-len(region) // options.vertices)]
    footage = _Footage(model, problem, chosen, _skin_problem(model, chosen, problem), images, options)
    state, steps = evaluate(problem, _unknowns(track, problem)), 0
    for blur in options.blurs_px:
        layers = filtered(images, blur)
        for _ in range(options.steps):
            reference = _reference(footage, state, layers)
            trial = _step(footage, state, layers, reference)
            if trial is None:
                break
            state, steps = trial, steps + 1
    reference = _reference(footage, state, layers)
    posterior = solve_arrow(_joint(footage, state, layers, reference), _DAMPING)
    refined = finished(model, basis, seen, state.unknowns, posterior, steps)
    return replace(refined, log_focal=fit.log_focal)


def _checked(model: HeadModel, fit: Fit, pictures: np.ndarray, options: PhotometricSettings) -> np.ndarray:
    pictures, frames = np.asarray(pictures), len(fit.track)
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or len(pictures) != frames:
        what = f"pictures of shape {pictures.shape} and type {pictures.dtype} for {frames} frames"
        raise BadInput(what, cure="give (T, H, W, 3) uint8, one picture a frame")
    if fit.track.model != model.name:
        raise BadInput(f"the fit was made with head model {fit.track.model!r}, not {model.name!r}")
    if len(fit.residuals) != 1:
        raise BadInput(f"a fit of {len(fit.residuals)} views", cure="refine the fit of one camera")
    if options.region not in model.regions:
        raise BadInput(f"no region {options.region!r}", where=model.name, cure=f"one of {sorted(model.regions)}")
    return intensity(pictures)


def _unknowns(track: HeadTrack, problem: Problem) -> Unknowns:
    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values).to(problem.noise)

    return Unknowns(
        identity=tensor(track.identity),
        expression=tensor(track.expression),
        poses={joint: tensor(getattr(track, joint)) for joint in JOINTS},
        rotation=tensor(track.rotation),
        translation=tensor(track.translation),
        log_focal=problem.noise.new_zeros(()),
    )


def _skin_problem(model: HeadModel, chosen: np.ndarray, problem: Problem) -> Problem:
    """The same frames and camera, with vertices in the landmarks' stead."""
    seen = problem.seen
    points = seen.points.new_zeros(1, seen.frames, len(chosen), 2)
    basis = vertex_basis(model, chosen).to(points.dtype)
    observed = replace(seen, points=points)
    return replace(problem, basis=basis, seen=observed, weights=points.new_ones(len(chosen)))


def _reference(footage: _Footage, state: State, layers: np.ndarray) -> _Reference:
    """Albedo and light that explain best what is seen now, and which points to trust."""
    prediction = predict(footage.skin.basis, state.unknowns, footage.skin.seen)
    seen = sample(layers, prediction.pixels[0].numpy())
    normals, cosine = _normals(footage, state)
    facing = (cosine > footage.options.least_cosine) & seen.seen & (footage.skin.seen.visible[0].numpy()[:, None] > 0)
    weight = facing * cosine
    # Twice: the second time without what the first could not explain (shadows, hair, what hides the face).
    for _ in range(2):
        shading = explain(seen.value, normals, weight).shaded(normals)
        difference = np.abs(seen.value - shading)
        noise = max(1.4826 * float(np.median(difference[facing])) if facing.any() else 0.0, _LEAST_NOISE)
        weight = facing * cosine * np.minimum(1, _LIMIT * noise / np.maximum(difference, 1e-12))
    share = footage.options.independent_vertices / len(footage.vertices)
    return _Reference(shading, noise, share * facing * cosine)


def _normals(footage: _Footage, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (T, N, 3) of the compared vertices in the world, and their cosine (T, N) with the ray."""
    seen = footage.landmarks.seen
    track = track_of(footage.model, seen, state.unknowns.clipped())
    world = torch.as_tensor(pose_vertices(footage.model, track))
    faces = footage.model.faces
    corners = world[:, faces]
    across = torch.linalg.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    normals = torch.zeros_like(world)
    for k in range(3):
        normals.index_add_(1, faces[:, k], across)
    chosen = torch.as_tensor(footage.vertices)
    unit = torch.nn.functional.normalize(normals[:, chosen], dim=-1)
    centre = -(seen.R[0].T @ seen.t[0]).float()
    ray = torch.nn.functional.normalize(centre - world[:, chosen], dim=-1)
    return unit.double().numpy(), (unit * ray).sum(-1).double().numpy()


def _difference(
    footage: _Footage, unknowns: Unknowns, layers: np.ndarray, reference: _Reference
) -> tuple[np.ndarray, Sample]:
    prediction = predict(footage.skin.basis, unknowns, footage.skin.seen)
    seen = sample(layers, prediction.pixels[0].numpy())
    return seen.value - reference.shading, seen


def _skin_cost(footage: _Footage, unknowns: Unknowns, layers: np.ndarray, reference: _Reference) -> float:
    difference, _ = _difference(footage, unknowns, layers, reference)
    scaled = np.abs(difference) / reference.noise
    huber = np.where(scaled <= _LIMIT, 0.5 * scaled**2, _LIMIT * (scaled - 0.5 * _LIMIT))
    return float((reference.precision * huber).sum())


def _joint(footage: _Footage, state: State, layers: np.ndarray, reference: _Reference) -> ArrowSystem:
    """The landmarks' normal equations and, on top, those of the colours' constancy."""
    system, size = normal_equations(footage.landmarks, state), footage.landmarks.frame_size
    difference, seen = _difference(footage, state.unknowns, layers, reference)
    huber = np.minimum(1, _LIMIT * reference.noise / np.maximum(np.abs(difference), 1e-12))
    root = np.sqrt(reference.precision * huber) / reference.noise
    prediction = predict(footage.skin.basis, state.unknowns, footage.skin.seen)
    plain = torch.ones_like(prediction.pixels[..., 0])
    bare = State(state.unknowns, prediction, torch.zeros_like(prediction.pixels), plain, 0.0)
    multiply = blas.dsyrk if footage.skin.noise.dtype == torch.float64 else blas.ssyrk
    shared, shared_rhs = system.shared.copy(), system.shared_rhs.copy()
    for t, _, rows in weighted_rows(footage.skin, bare):
        slope = (root[t][:, None] * seen.slope[t]).astype(rows.dtype)
        across = slope[:, :1] * rows[0::2] + slope[:, 1:] * rows[1::2]
        across[:, -1] = -root[t] * difference[t]
        products = multiply(1.0, across.T).T
        system.frame[t] += products[:size, :size]
        system.coupling[t] += products[size:-1, :size].T
        system.frame_rhs[t] += products[-1, :size]
        shared += products[size:-1, size:-1]
        shared_rhs += products[-1, size:-1]
    return replace(system, shared=shared, shared_rhs=shared_rhs)


def _step(footage: _Footage, state: State, layers: np.ndarray, reference: _Reference) -> State | None:
    """The state after one step, or None where no step lowers the cost under this reference."""
    system, damping = _joint(footage, state, layers, reference), _DAMPING
    before = state.cost + _skin_cost(footage, state.unknowns, layers, reference)
    for _ in range(_TRIES):
        solved = solve_arrow(system, damping)
        trial = evaluate(footage.landmarks, moved(state.unknowns, solved))
        if trial.cost + _skin_cost(footage, trial.unknowns, layers, reference) < before:
            return trial
        damping *= _DAMPING_CHANGE
    return None
