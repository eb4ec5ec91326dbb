"""Parameters of one head as those of another: names where they match, fits to the face's surface for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads.correspondence import Correspondence, correspond, has_joint
from talkie.heads.model import ARKIT_NAMES, HeadModel
from talkie.heads.rigid import rigid_motion
from talkie.heads.rotations import axis_angle_to_matrix, matrix_to_axis_angle

POSES = ("jaw", "neck", "left_eye", "right_eye")
FINEST_MM = 0.02
"""Below this a face's residual counts as rounding."""
EFFECTIVE_POINTS = 200
"""Vertices of a face that are worth this many independent measurements: their residuals are smooth."""
TIE_MM = 0.15
"""RMS millimetres over the face that it costs to move one weight by 1 away from the source's weight of that name."""
ROUNDS = 4
GAUSS_NEWTON = 10
BATCH = 32


@dataclass(frozen=True)
class Conversion:
    """A track of the target head and how far its face is from the source's.

    error_mm: RMS distance between corresponding points of the face over all frames, in the world; frame_mm: (T,)
    the same by frame; shape_mm: of the neutral faces alone, which no expression can mend."""

    track: HeadTrack
    error_mm: float
    shape_mm: float
    frame_mm: np.ndarray


def weights_by_name(expression: np.ndarray, source: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Expression weights (T, E) by the source's names -> (T, E') by the target's; names that only one has are 0 or
    dropped. Heads differ in what weight 1 means (jawOpen is 25 degrees in ICT-FaceKit, 17 in the built-in head);
    `convert_track` sees to that. Raises BadInput where no name matches."""
    if not set(source) & set(target):
        raise BadInput("no expression of one head has the name of one of the other", cure="use convert_track")
    if expression.ndim != 2 or expression.shape[1] != len(source):
        raise BadInput(f"expression of shape {expression.shape}, expected (T, {len(source)})")
    place = {name: k for k, name in enumerate(source)}
    out = np.zeros((len(expression), len(target)), expression.dtype)
    for k, name in enumerate(target):
        if name in place:
            out[:, k] = expression[:, place[name]]
    return out


@torch.no_grad()
def convert_track(track: HeadTrack, source: HeadModel, target: HeadModel) -> Conversion:
    """A track of the head `source` as a track of the head `target`, with its error in millimetres.

    Points correspond as in `correspond`. Identity and the place of one head's frame in the other's are fitted to
    the neutral face (ridge towards the mean). Jaw, neck and eyes turn alike where the target has the joint. The
    weights of each frame are fitted to the displacements from the neutral face, those of ARKit's names within
    [0, 1], and tied weakly to the source's weights of the same names. Rotation and translation are such that the
    neutral faces lie nearest in the world. `residual` grows by the error as the camera sees it. Raises BadInput
    for a track of another head."""
    if track.model != source.name:
        raise BadInput(f"the track was made with head model {track.model!r}, not {source.name!r}")
    pairs = correspond(source, target)
    rest = pairs.on_source(source.vertices(_tensor(track.identity)[None]))[0]
    identity, turn, shift = _fit_identity(pairs, target, rest)
    neutral = pairs.on_target(target.vertices(identity[None]))[0]
    shape = rest - (neutral @ turn.T + shift)
    poses = {n: getattr(track, n) if has_joint(target, n) else np.zeros((len(track), 3)) for n in POSES}
    moved = _face(pairs.on_source, source, _tensor(track.identity), track.expression, {"jaw": track.jaw}) - rest
    expression = _fit_expression(pairs, target, identity, moved @ turn, poses["jaw"], _prior(track, source, target))
    new = replace(
        track,
        identity=identity.numpy(),
        expression=expression,
        model=target.name,
        **{n: np.asarray(p, np.float32) for n, p in poses.items()},
    )
    new = _placed(new, track, pairs, source, target)
    error = _world(pairs.on_source, source, track) - _world(pairs.on_target, target, new)
    frame = error.square().sum(-1).mean(-1).sqrt().numpy()
    distance = np.linalg.norm(track.translation @ track.R.T + track.t, axis=1)
    pixels = frame * track.K[:, 0, 0] / np.maximum(distance, 1e-6)
    new = replace(new, residual=np.hypot(track.residual, pixels).astype(np.float32))
    rms = float(np.sqrt((frame**2).mean()) * 1e3)
    return Conversion(new, rms, float(shape.square().sum(-1).mean().sqrt() * 1e3), frame * 1e3)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def _face(read, head: HeadModel, identity: Tensor, expression: np.ndarray, poses: dict[str, np.ndarray]) -> Tensor:  # type: ignore[no-untyped-def]
    """(T, N, 3) corresponding points of a head in its own frame; only joints that it has are turned."""
    chunks = []
    for at in range(0, len(expression), BATCH):
        part = slice(at, at + BATCH)
        turned = {n: _tensor(p[part]) for n, p in poses.items() if np.any(p)}
        chunks.append(read(head.vertices(identity[None], _tensor(expression[part]), **turned)))
    return torch.cat(chunks)


def _world(read, head: HeadModel, track: HeadTrack) -> Tensor:  # type: ignore[no-untyped-def]
    poses = {n: getattr(track, n) for n in ("jaw", "neck")}
    points = _face(read, head, _tensor(track.identity), track.expression, poses)
    turn = axis_angle_to_matrix(torch.tensor(track.rotation, dtype=torch.float64))
    return points @ turn.transpose(-1, -2) + torch.tensor(track.translation, dtype=torch.float64)[:, None]


def _fit_identity(pairs: Correspondence, target: HeadModel, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Identity (I,) float32 and the rotation and shift from the target's frame to the source's, float64.

    Gauss-Newton on all of it at once. Identity is pulled to the mean as its standard normal prior demands for a
    noise of the size of the residual itself: weakly where the target can take the shape, more where it cannot."""
    count = len(target.identity_names)
    mean = pairs.on_target(target.vertices())[0]
    basis = torch.cat([pairs.on_target(target.vertices(row)) for row in torch.eye(count).split(BATCH)]) - mean
    weights = torch.zeros(count, dtype=mean.dtype)
    turn, shift = rigid_motion(mean, wanted)
    ridge = torch.diag(torch.cat([torch.ones(count, dtype=mean.dtype), torch.full((6,), 1e-6, dtype=mean.dtype)]))
    for _ in range(GAUSS_NEWTON):
        points = mean + torch.tensordot(weights, basis, 1)
        left = ((wanted - shift) @ turn - points).reshape(-1)
        noise = max(float(left.square().mean()), (FINEST_MM * 1e-3) ** 2)
        certainty = EFFECTIVE_POINTS / len(mean) / noise
        # Small turns about the frame's axes and small shifts of the target, in its own frame.
        axes = torch.linalg.cross(torch.eye(3, dtype=mean.dtype)[:, None].expand(-1, len(mean), -1), points[None])
        moves = torch.eye(3, dtype=mean.dtype)[:, None].expand(-1, len(mean), -1)
        rows = torch.cat([basis, axes, moves]).reshape(count + 6, -1)
        pull = torch.cat([weights, torch.zeros(6, dtype=mean.dtype)])
        step = torch.linalg.solve(certainty * rows @ rows.T + ridge, certainty * rows @ left - ridge @ pull)
        weights = weights + step[:count]
        shift = shift + turn @ step[count + 3 :]
        turn = turn @ axis_angle_to_matrix(step[count : count + 3])
    return weights.float(), turn, shift


def _prior(track: HeadTrack, source: HeadModel, target: HeadModel) -> np.ndarray:
    """(T, E') the source's weights by the target's names, zero where names do not match."""
    if set(source.expression_names) & set(target.expression_names):
        return weights_by_name(track.expression, source.expression_names, target.expression_names)
    return np.zeros((len(track), len(target.expression_names)), np.float32)


def _fit_expression(
    pairs: Correspondence, target: HeadModel, identity: Tensor, wanted: Tensor, jaw: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Weights (T, E) float32 whose displacements from the neutral face come nearest to `wanted` (T, N, 3).

    The shapes at rest stand for those on the turned jaw; ROUNDS of correction by the true face make up for it."""
    count = len(target.expression_names)
    neutral = pairs.on_target(target.vertices(identity[None]))[0]
    shapes = [pairs.on_target(target.vertices(expression=row)) for row in torch.eye(count).split(BATCH)]
    flat = (torch.cat(shapes) - pairs.on_target(target.vertices())[0]).reshape(count, -1).numpy()
    scale = 1e6 / len(neutral)
    form = scale * flat @ flat.T + TIE_MM**2 * np.eye(count)
    arkit = np.isin(target.expression_names, ARKIT_NAMES)
    low, high = np.where(arkit, 0.0, -np.inf), np.where(arkit, 1.0, np.inf)
    weights = np.clip(prior.astype(np.float64), low, high)
    for _ in range(ROUNDS):
        have = _face(pairs.on_target, target, identity, weights.astype(np.float32), {"jaw": jaw}) - neutral
        missing = (wanted - have).reshape(len(weights), -1).numpy()
        right = scale * (missing @ flat.T + weights @ (flat @ flat.T)) + TIE_MM**2 * prior
        weights = bounded_least_squares(form, right, weights, low, high)
    return weights.astype(np.float32)


def bounded_least_squares(
    form: np.ndarray, right: np.ndarray, start: np.ndarray, low: np.ndarray, high: np.ndarray, sweeps: int = 200
) -> np.ndarray:
    """Rows (T, E) that minimise w form w / 2 - right w within bounds, by cyclic coordinate descent from `start`."""
    weights = start.copy()
    for _ in range(sweeps):
        largest = 0.0
        for k in range(len(form)):
            step = (right[:, k] - weights @ form[k]) / form[k, k]
            new = np.clip(weights[:, k] + step, low[k], high[k])
            largest = max(largest, float(np.abs(new - weights[:, k]).max(initial=0)))
            weights[:, k] = new
        if largest < 1e-6:
            break
    return weights


def _placed(new: HeadTrack, track: HeadTrack, pairs: Correspondence, source: HeadModel, target: HeadModel) -> HeadTrack:
    """The new track with the rotation and translation at which its neutral face, neck turned, lies on the old."""
    still = np.zeros_like(track.expression), np.zeros_like(new.expression)
    theirs = _face(pairs.on_source, source, _tensor(track.identity), still[0], {"neck": track.neck})
    ours = _face(pairs.on_target, target, _tensor(new.identity), still[1], {"neck": new.neck})
    turn, shift = rigid_motion(ours, theirs)
    outer = axis_angle_to_matrix(torch.tensor(track.rotation, dtype=torch.float64))
    translation = (outer @ shift[..., None])[..., 0].numpy() + track.translation
    rotation = matrix_to_axis_angle(outer @ turn).numpy()
    return replace(new, rotation=rotation.astype(np.float32), translation=translation.astype(np.float32))
