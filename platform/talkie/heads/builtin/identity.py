"""Identity axes: named, symmetric displacement fields whose weights are standard normal.

An axis is a sum of terms (bump or linear ramp times a vector); sizes are about the standard deviations of the
adult measures they are named after (Farkas 1994), so weights drawn from N(0, 1) look human. Eyeballs with
their lids, and teeth, move as wholes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.heads.builtin import features, fields
from talkie.heads.builtin.assembly import JAW_JOINT, NeutralMesh

MM = 1e-3


@dataclass(frozen=True)
class Term:
    """A bump at `at` (metres; mirrored where off the middle) of width `sigma` pushing by `push` millimetres."""

    at: tuple[float, float, float]
    sigma: float | tuple[float, float, float]
    push: tuple[float, float, float]


@dataclass(frozen=True)
class Stretch:
    """Displacement rate * (p - centre) per axis, faded by a smooth window along y where one is given."""

    rate: tuple[float, float, float]
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    above: float | None = None
    below: float | None = None
    fade: float = 0.05


AXES: dict[str, tuple[Term | Stretch, ...]] = {
    "overall_scale": (Stretch((0.03, 0.03, 0.03)),),
    "head_width": (Stretch((0.04, 0.0, 0.0)),),
    "head_height": (Stretch((0.0, 0.03, 0.0)),),
    "head_depth": (Stretch((0.0, 0.0, 0.035), (0, 0, 0.02)),),
    "cranium_height": (Stretch((0.0, 0.06, 0.0), (0, 0.06, 0), above=0.06),),
    "cranium_width": (Stretch((0.05, 0.0, 0.0), above=0.045),),
    "occiput": (Term((0, 0.05, -0.085), 0.045, (0, 0, -5)),),
    "forehead_slope": (Term((0, 0.10, 0.09), (0.06, 0.022, 0.05), (0, 0, -4)),),
    "forehead_bulge": (Term((0, 0.075, 0.105), (0.04, 0.016, 0.04), (0, 0, 2.5)),),
    "temple_width": (Term((0.068, 0.065, 0.055), 0.025, (3, 0, 0)),),
    "brow_ridge": (
        Term((0.024, 0.053, 0.103), (0.024, 0.008, 0.02), (0, 0, 2.2)),
        Term((0, 0.053, 0.107), (0.012, 0.008, 0.02), (0, 0, 1.2)),
    ),
    "brow_height": (Term((0.028, 0.060, 0.100), (0.022, 0.010, 0.02), (0, 2.2, 0)),),
    "brow_tilt": (Term((0.048, 0.058, 0.09), 0.011, (0, 1.8, 0)), Term((0.014, 0.056, 0.106), 0.010, (0, -1.5, 0))),
    "eye_distance": (Term((0.0315, 0.0353, 0.09), (0.016, 0.018, 0.03), (1.7, 0, 0)),),
    "eye_height": (Term((0.0315, 0.0353, 0.09), (0.020, 0.018, 0.03), (0, 1.6, 0)),),
    "eye_depth": (Term((0.0315, 0.0353, 0.09), (0.018, 0.016, 0.03), (0, 0, 1.6)),),
    "eye_size": (),
    "eye_width": (),
    "eye_opening": (),
    "eye_tilt": (),
    "cheekbone_width": (Term((0.060, 0.012, 0.065), (0.02, 0.02, 0.03), (3, 0, 0)),),
    "cheekbone_prominence": (Term((0.042, 0.012, 0.090), 0.015, (0.8, 0, 2)),),
    "cheekbone_height": (Term((0.046, 0.010, 0.088), 0.018, (0, 2.5, 0)),),
    "cheek_fullness": (Term((0.046, -0.025, 0.082), 0.021, (2.2, 0, 2)),),
    "under_eye_depth": (Term((0.030, 0.018, 0.097), 0.010, (0, 0, -1.2)),),
    "nose_length": (Term((0, 0.0, 0.120), (0.016, 0.020, 0.03), (0, -2.6, 0)),),
    "nose_protrusion": (Term((0, 0.003, 0.126), (0.011, 0.016, 0.03), (0, 0, 2.2)),),
    "nose_width": (Term((0.014, -0.006, 0.108), (0.008, 0.011, 0.02), (1.6, 0, 0)),),
    "nose_tip_up": (Term((0, 0.002, 0.128), 0.011, (0, 2, 0)),),
    "nose_tip_width": (Term((0.008, 0.004, 0.122), 0.008, (1.3, 0, 0)),),
    "nose_bridge_height": (Term((0, 0.030, 0.111), (0.008, 0.014, 0.02), (0, 0, 1.6)),),
    "nose_bridge_width": (Term((0.008, 0.030, 0.105), (0.006, 0.014, 0.02), (1.2, 0, 0.3)),),
    "nose_hump": (Term((0, 0.018, 0.119), (0.008, 0.008, 0.02), (0, 0, 1.3)),),
    "nose_base_height": (Term((0, -0.010, 0.113), (0.016, 0.008, 0.03), (0, 1.6, 0)),),
    "philtrum_length": (Term((0, -0.034, 0.108), (0.028, 0.014, 0.04), (0, -1.7, 0)),),
    "mouth_width": (Term((0.024, -0.035, 0.101), (0.012, 0.012, 0.03), (2.2, 0, 0)),),
    "mouth_protrusion": (Term((0, -0.035, 0.112), (0.022, 0.016, 0.03), (0, 0, 2.2)),),
    "mouth_height": (Term((0, -0.034, 0.110), (0.030, 0.016, 0.04), (0, 1.6, 0)),),
    "mouth_tilt": (Term((0.025, -0.035, 0.100), 0.009, (0, 1.2, 0)),),
    "upper_lip_fullness": (Term((0, -0.0270, 0.117), (0.014, 0.0042, 0.02), (0, 1.1, 0.8)),),
    "lower_lip_fullness": (Term((0, -0.0415, 0.114), (0.013, 0.0048, 0.02), (0, -1.2, 0.9)),),
    "chin_height": (Term((0, -0.080, 0.095), (0.038, 0.022, 0.05), (0, -3.2, 0)),),
    "chin_protrusion": (Term((0, -0.070, 0.108), (0.020, 0.014, 0.03), (0, 0, 2.6)),),
    "chin_width": (Term((0.018, -0.070, 0.100), (0.014, 0.016, 0.03), (2.6, 0, 0)),),
    "chin_cleft": (Term((0, -0.068, 0.110), (0.005, 0.008, 0.02), (0, 0, -0.7)),),
    "under_lip_depth": (Term((0, -0.053, 0.110), (0.014, 0.006, 0.02), (0, 0, -1.1)),),
    "jaw_angle_width": (Term((0.060, -0.038, 0.045), 0.026, (3.4, 0, 0)),),
    "jaw_angle_height": (Term((0.058, -0.045, 0.050), 0.026, (0, -3.2, 0)),),
    "jaw_line_width": (Term((0.042, -0.055, 0.078), 0.020, (2.8, 0, 0.6)),),
    "face_width": (Stretch((0.045, 0.0, 0.0), above=-0.11, below=0.075, fade=0.04),),
    "midface_height": (Stretch((0.0, 0.05, 0.0), (0, 0.035, 0), above=-0.10, below=0.035, fade=0.03),),
    "face_flatness": (Term((0, 0.0, 0.115), (0.030, 0.045, 0.04), (0, 0, 2.4)),),
    "face_convexity": (Term((0.050, 0.01, 0.075), (0.018, 0.05, 0.03), (0, 0, 2.4)),),
    "neck_width": (Stretch((0.07, 0.0, 0.05), (0, 0, -0.008), below=-0.085, fade=0.03),),
    "double_chin": (Term((0, -0.088, 0.075), (0.030, 0.012, 0.025), (0, -3, 1)),),
    "ear_size": (),
    "ear_flare": (Term((0.090, 0.016, -0.01), (0.010, 0.03, 0.02), (2.5, 0, -0.5)),),
}  # fmt: skip


def _window(y: np.ndarray, term: Stretch) -> np.ndarray:
    """Smooth 0-1 window along y of a stretch."""
    window = np.ones_like(y)
    if term.above is not None:
        window *= fields.smooth((y - term.above) / term.fade + 0.5)
    if term.below is not None:
        window *= fields.smooth((term.below - y) / term.fade + 0.5)
    return window


def _evaluate(terms: tuple[Term | Stretch, ...], points: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) in metres of an axis at points (N, 3)."""
    total = np.zeros_like(points)
    for term in terms:
        if isinstance(term, Stretch):
            total += _window(points[:, 1], term)[:, None] * np.array(term.rate) * (points - np.array(term.centre))
            continue
        at, push = np.array(term.at), np.array(term.push) * MM
        sigma = np.array(term.sigma) if isinstance(term.sigma, tuple) else term.sigma
        if term.at[0] == 0:
            total += fields.bump(points, at, sigma)[:, None] * push
        else:
            total += fields.bump(points, at, sigma)[:, None] * push
            total += fields.bump(points, at * fields.MIRROR, sigma)[:, None] * push * fields.MIRROR
    return total


def _eye_axis(name: str, mesh: NeutralMesh) -> np.ndarray:
    """Displacements (V, 3) of the axes that change an eye itself: size, width, opening and tilt of its lids."""
    points = mesh.positions
    sign = np.where(points[:, :1] < 0, fields.MIRROR, 1.0)
    local = points * sign - features.EYE_CENTRE
    mask = fields.eye_mask(points)[:, None]
    ball = np.isin(np.arange(len(points)), mesh.part_vertices("left_eyeball", "right_eyeball"))[:, None]
    if name == "eye_size":
        out = 0.035 * local * np.where(ball, 1.0, mask)
    elif name == "eye_width":
        out = np.where(ball, 0.0, mask) * local * np.array([0.05, 0.0, 0.0])
        out[:, 2] -= np.where(ball[:, 0], 0.0, mask[:, 0]) * 0.05 * local[:, 0] ** 2 / features.EYE_RADIUS_M
    elif name == "eye_opening":
        out = np.where(ball, 0.0, mask) * local * np.array([0.0, 0.09, 0.0])
        out[:, 2] -= np.where(ball[:, 0], 0.0, mask[:, 0]) * 0.09 * local[:, 1] ** 2 / features.EYE_RADIUS_M
    else:
        turn = np.stack([-local[:, 1], local[:, 0], np.zeros(len(local))], axis=1)
        out = np.where(ball, 0.0, mask) * 0.055 * turn
    return out * sign


def _ear_size(mesh: NeutralMesh) -> np.ndarray:
    out = np.zeros_like(mesh.positions)
    for name, side in (("left_ear", 1.0), ("right_ear", -1.0)):
        index = mesh.part_vertices(name)
        root = (features.EAR_ANCHOR - np.array([0.008, 0.0, 0.0])) * np.array([side, 1.0, 1.0])
        out[index] = 0.08 * (mesh.positions[index] - root)
    return out


def whole_field(mesh: NeutralMesh, terms: tuple[Term | Stretch, ...]) -> np.ndarray:
    """Displacements (V, 3) of terms over the mesh. Eyes with lids see the field of the eyeball's centre, teeth and
    tongue that of the closed lips' middle: they move as wholes."""
    points = mesh.positions
    side = np.where(points[:, :1] < 0, fields.MIRROR, 1.0)
    balls = np.zeros(len(points))
    balls[mesh.part_vertices("left_eyeball", "right_eyeball", "lid_edges")] = 1.0
    eye = np.maximum(fields.eye_mask(points), balls)[:, None]
    inner = np.zeros((len(points), 1))
    inner[mesh.part_vertices("upper_teeth", "lower_teeth", "upper_gum", "lower_gum", "tongue")] = 1.0
    gaze_point = (features.EYE_CENTRE + np.array([0, 0, 0.010])) * side
    lips = np.broadcast_to([0.0, -0.034, 0.108], points.shape)
    own = _evaluate(terms, points)
    whole = eye * _evaluate(terms, gaze_point) + (1 - eye) * own
    stretches = tuple(t for t in terms if isinstance(t, Stretch))
    bumps = tuple(t for t in terms if isinstance(t, Term))
    rigid = _evaluate(stretches, points) + _evaluate(bumps, lips) * np.array([0.0, 1.0, 1.0])
    return inner * rigid + (1 - inner) * whole


def identity_fields(mesh: NeutralMesh) -> np.ndarray:
    """Displacements (I, V, 3) in metres per standard deviation, in the order of AXES."""
    out = []
    for name, terms in AXES.items():
        if name == "ear_size":
            out.append(_ear_size(mesh))
        else:
            out.append(whole_field(mesh, terms) if terms else _eye_axis(name, mesh))
    return np.stack(out)


def joint_fields() -> np.ndarray:
    """Displacements (I, 3) of the jaw's joint per standard deviation."""
    point = JAW_JOINT[None]
    return np.stack([_evaluate(terms, point)[0] if terms else np.zeros(3) for terms in AXES.values()])
