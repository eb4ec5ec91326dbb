"""Inertial sensors on the face: what a nine-axis unit glued to the skin would report, with noise and drift.

Kinematics as for virtual sensors on body meshes (Huang et al., Deep Inertial Poser, 2018): a sensor rides on a
triangle, its frame is made of the triangle's edge and normal. Noise after the data sheet of a QMI8658 unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from talkie.clip import FPS
from talkie.heads import HeadModel

RATE_HZ = 60
GRAVITY = np.array([0.0, -9.81, 0.0])
"""Acceleration of free fall in the world, m/s^2."""

# Points of MediaPipe's face mesh over the muscles that the expression of a face is read from.
POINTS = {
    "frontalis_left": 299, "frontalis_right": 69, "orbicularis_left": 340, "orbicularis_right": 111,
    "zygomaticus_left": 425, "zygomaticus_right": 205, "buccinator_left": 432, "buccinator_right": 212,
    "mentalis": 199, "upper_lip": 164, "nose_bridge": 168,
}  # fmt: skip


@dataclass(frozen=True)
class ImuNoise:
    """Densities per square root of a hertz, walks per square root of a second. `jitter_m`: how far off its point a
    sensor is glued; `dropout`: share of lost samples; ranges and bits of the converters."""

    accelerometer: float = 1.5e-3
    gyroscope: float = 2.3e-4
    accelerometer_walk: float = 2e-3
    gyroscope_walk: float = 2e-4
    orientation_walk_rad: float = 5e-3
    jitter_m: float = 0.002
    dropout: float = 0.002
    accelerometer_range: float = 4 * 9.81
    gyroscope_range: float = 8.9
    bits: int = 16


SILENT = ImuNoise(0, 0, 0, 0, 0, 0, 0, bits=32)
"""No noise at all: for tests and for upper bounds."""


def attach(model: HeadModel, rng: np.random.Generator, jitter_m: float) -> tuple[np.ndarray, np.ndarray]:
    """The triangles (S,) and barycentric weights (S, 3) that the sensors ride on, each glued up to about `jitter_m`
    off its point (in the middle of the skin's triangle nearest to where it was meant to be)."""
    rest = model.template.numpy().astype(float)
    faces = model.faces.numpy()
    skin = np.flatnonzero((model.part[faces] == model.part_names.index("skin")).all(1))
    middles = rest[faces[skin]].mean(1)
    meant = model.landmarks(model.template[None])[0].numpy()[list(POINTS.values())]
    meant = meant + rng.normal(0, jitter_m / np.sqrt(3), meant.shape)
    nearest = np.linalg.norm(middles[None] - meant[:, None], axis=-1).argmin(1)
    return skin[nearest], np.full((len(POINTS), 3), 1 / 3)


def record_imu(
    model: HeadModel, vertices: np.ndarray, rng: np.random.Generator, noise: ImuNoise | None = None
) -> dict[str, np.ndarray]:
    """Signals of the face's sensors through a take: vertices (T, V, 3) world metres at 25 fps -> arrays of `imu.npz`.

    name (S,); time_s (N,) from the first frame's middle on; acceleration (N, S, 3) m/s^2, specific force in the
    sensor's frame (at rest it shows gravity, upwards); angular_rate (N, S, 3) rad/s in the sensor's frame; orientation
    (N, S, 4) wxyz, sensor to world, as its own filter believes it; valid (N, S). Truth: position_true (N, S, 3),
    orientation_true, triangle (S,), barycentric (S, 3). Between frames motion is a cubic spline."""
    noise = noise or ImuNoise()
    triangle, weights = attach(model, rng, noise.jitter_m)
    corners = vertices[:, model.faces.numpy()[triangle]]
    times = np.arange(len(vertices)) / FPS
    fine = np.arange(0, times[-1] + 1e-9, 1 / RATE_HZ)
    position = CubicSpline(times, np.einsum("tsck,sc->tsk", corners, weights))
    turns = _frames(corners)
    signals = [_signals(RotationSpline(times, Rotation.from_matrix(turns[:, s])), fine) for s in range(len(triangle))]
    orientation = np.stack([o for o, _ in signals], 1)
    rate = np.stack([r for _, r in signals], 1)
    force = np.einsum("nsji,nsj->nsi", orientation, position(fine, 2) - GRAVITY)
    shape = (len(fine), len(triangle))
    return {
        "name": np.array(list(POINTS)),
        "rate_hz": np.array(float(RATE_HZ)),
        "time_s": fine,
        "acceleration": _measured(force, noise.accelerometer, noise.accelerometer_walk, noise.accelerometer_range, rng,
                                  noise.bits).astype(np.float32),
        "angular_rate": _measured(rate, noise.gyroscope, noise.gyroscope_walk, noise.gyroscope_range, rng,
                                  noise.bits).astype(np.float32),
        "orientation": _drifted(orientation, noise.orientation_walk_rad, rng).astype(np.float32),
        "valid": rng.random(shape) >= noise.dropout,
        "position_true": position(fine).astype(np.float32),
        "orientation_true": _wxyz(orientation).astype(np.float32),
        "triangle": triangle,
        "barycentric": weights.astype(np.float32),
    }  # fmt: skip


def _frames(corners: np.ndarray) -> np.ndarray:
    """Rotations (T, S, 3, 3) of the sensors, sensor to world: x along the first edge, z along the normal."""
    x = corners[..., 1, :] - corners[..., 0, :]
    z = np.cross(x, corners[..., 2, :] - corners[..., 0, :])
    x, z = (a / np.linalg.norm(a, axis=-1, keepdims=True) for a in (x, z))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _signals(spline: RotationSpline, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orientation (N, 3, 3) and angular rate (N, 3) in the sensor's own frame, by a short symmetric difference."""
    step = 1e-4
    inside = np.clip(times, spline.times[0] + step, spline.times[-1] - step)
    between = spline(inside - step).inv() * spline(inside + step)
    return spline(times).as_matrix(), between.as_rotvec() / (2 * step)


def _measured(
    true: np.ndarray, density: float, walk: float, full_scale: float, rng: np.random.Generator, bits: int
) -> np.ndarray:
    """White noise of a density over half the rate's band, a bias that walks, saturation and quantisation."""
    white = rng.normal(size=true.shape) * density * np.sqrt(RATE_HZ / 2)
    bias = np.cumsum(rng.normal(size=true.shape), axis=0) * walk / np.sqrt(RATE_HZ)
    step = full_scale / 2 ** (bits - 1)
    return np.round(np.clip(true + white + bias, -full_scale, full_scale) / step) * step


def _drifted(orientation: np.ndarray, walk_rad: float, rng: np.random.Generator) -> np.ndarray:
    drift = np.cumsum(rng.normal(size=orientation.shape[:-1]), axis=0) * walk_rad / np.sqrt(RATE_HZ)
    turned = Rotation.from_rotvec(drift.reshape(-1, 3)).as_matrix().reshape(orientation.shape) @ orientation
    return _wxyz(turned)


def _wxyz(matrices: np.ndarray) -> np.ndarray:
    """Unit quaternions (N, S, 4), real part first, without sign flips from sample to sample."""
    flat = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat()[:, [3, 0, 1, 2]]
    quaternion = flat.reshape(*matrices.shape[:-2], 4)
    flips = np.cumprod(np.where((quaternion[1:] * quaternion[:-1]).sum(-1) < 0, -1.0, 1.0), axis=0)
    quaternion[1:] *= flips[..., None]
    return quaternion
