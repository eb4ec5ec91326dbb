"""The curves around which the skin is laid: lip contact line and vermilion borders, eyelid openings.

Lip curves live in the chart (degrees), eye curves in the frontal plane of the eyeball (metres). The sizes are
adult means as in Farkas, Anthropometry of the Head and Face (1994), rounded. No mesh is made here.
"""

from __future__ import annotations

import numpy as np

from talkie.heads.builtin import chart

MOUTH_HALF_DEG = 15.2
"""Azimuth of the mouth's corner."""
EYE_CENTRE = np.array([0.0315, 0.0353, 0.0818])
"""Centre of the left eyeball."""
EYE_RADIUS_M = 0.0130
LID_M = 0.0013
"""Thickness of the eyelids over the eyeball."""
IRIS_RADIUS_M = 0.0059
NOSTRIL_DEG = (5.5, -16.5)
"""Azimuth and descent of the middle of the left nostril's opening."""
NOSTRIL_HALF_DEG = (2.2, 1.8)
"""Its half sizes in azimuth and descent: about 9 mm across and 10 mm from tip to lip on the nose's underside."""
NOSTRIL_LEAN = 0.30

EAR_ANCHOR = np.array([0.0815, 0.010, 0.003])
"""Middle of the left ear's plane."""
EAR_HALF_M = (0.0200, 0.0300)
"""Half width and half height: 40 and 60 mm less what the head hides (Farkas 1994: 35 and 62 mm)."""
EAR_DENT_M = 0.010
EAR_FLARE_DEG, EAR_LEAN_DEG = 30.0, 17.0
"""How far the ear stands off the head, and its top leans back."""


def slit_deg(theta_deg: np.ndarray) -> np.ndarray:
    """Descent of the line on which the closed lips meet, and of its continuation beyond the corners."""
    t = np.abs(np.asarray(theta_deg, float)) / MOUTH_HALF_DEG
    return -31.0 - 2.6 * np.minimum(t, 1) ** 2 - 1.2 * np.maximum(t - 1, 0)


def lip_ring_deg(level: float, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and descent (degrees) of the closed curve `level` around the mouth.

    Level 0 is the contact line run round twice, level 1 the vermilion border, more lies on the skin around.
    alpha: radians, pi/2 at the top of the middle line, 0 at the left corner, -pi/2 at the bottom.
    """
    across = np.cos(alpha)
    theta = (MOUTH_HALF_DEG + 0.9 * level**1.5) * across
    height = np.abs(np.sin(alpha))
    bow = 5.6 - 0.7 * np.exp(-((across / 0.16) ** 2)) - 0.6 * across**2
    inside = np.where(alpha >= 0, bow * height, -(4.2 - 0.7 * across**2) * height)
    beyond = np.where(alpha >= 0, 2.6, -3.6) * height
    return theta, slit_deg(theta) + inside * min(level, 1.0) + beyond * max(level - 1.0, 0.0)


def nostril_ring_deg(level: float, gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and descent (degrees) of the closed curve `level` around the left nostril; level 1 is its rim.

    gamma: radians, 0 at the wing, pi/2 towards the tip. The opening leans: its front lies nearer to the septum."""
    lean = -NOSTRIL_LEAN * level * np.sin(gamma)
    theta = NOSTRIL_DEG[0] + NOSTRIL_HALF_DEG[0] * (level * np.cos(gamma) + lean)
    return theta, NOSTRIL_DEG[1] + NOSTRIL_HALF_DEG[1] * level * np.sin(gamma)


def nostril_level(theta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Level of the nostril's curve through chart points (radians): 0 in the pocket's end, 1 on the rim; both sides.

    The inverse of `nostril_ring_deg`."""
    across = (np.degrees(np.abs(theta)) - NOSTRIL_DEG[0]) / NOSTRIL_HALF_DEG[0]
    up = (np.degrees(s) - NOSTRIL_DEG[1]) / NOSTRIL_HALF_DEG[1]
    return np.hypot(across + NOSTRIL_LEAN * up, up)


def mouth_coordinates(theta: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(t, d): lateral position in units of the mouth's half width (signed) and degrees above the contact line."""
    theta_deg = np.degrees(theta)
    return theta_deg / MOUTH_HALF_DEG, np.degrees(s) - slit_deg(theta_deg)


def lid_curves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights (upper, lower) in metres of the lid rims over the frontal coordinate x of the left eyeball.

    x: metres from the eyeball's centre, positive outward. Outside the corners both are the line through them."""
    u = np.clip((np.asarray(x, float) - 0.0002) / 0.0128, -1, 1)
    base = -0.0016 + 0.0008 * u
    arch = np.sqrt(np.maximum(1 - u * u, 0))
    upper = 0.0062 * arch ** (1.15 + 0.15 * u)
    lower = 0.0031 * arch ** (1.1 - 0.2 * u)
    return base + upper, base - lower


def eye_ring(offset_m: float, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frontal coordinates (x, y) in metres of the closed curve `offset_m` outside the lid rims, left eye.

    beta: radians, 0 at the outer corner, pi/2 at the top."""
    x0 = 0.0002 + 0.0128 * np.cos(beta)
    upper, lower = lid_curves(x0)
    y0 = np.where(np.sin(beta) >= 0, upper, lower)
    return x0 + 0.85 * offset_m * np.cos(beta), y0 + offset_m * np.sin(beta)


def ear_dent_m(points: np.ndarray) -> np.ndarray:
    """How far (N,) the skull at points (N, 3) gives way to the nearer ear's bowl; it depends on height and depth only,
    by the distance from the ear's middle seen from the side, 1 on its outline."""
    lean = np.radians(EAR_LEAN_DEG)
    up, back = points[:, 1] - EAR_ANCHOR[1], EAR_ANCHOR[2] - points[:, 2]
    along = up * np.cos(lean) + back * np.sin(lean)
    across = back * np.cos(lean) - up * np.sin(lean)
    oval = np.hypot(across / (EAR_HALF_M[0] * np.cos(np.radians(EAR_FLARE_DEG))), along / EAR_HALF_M[1])
    edge = np.clip((1.1 - oval) / 0.5, 0, 1)
    return EAR_DENT_M * edge * edge * (3 - 2 * edge) * (np.abs(points[:, 0]) > 0.05)


def on_eyeball(x: np.ndarray, y: np.ndarray, radius_m: float) -> np.ndarray:
    """Point (..., 3) in front of the left eyeball's centre at frontal (x, y) on a sphere of `radius_m`.

    Beyond 0.93 of the radius the sphere goes on as its tangent cone, so that the point exists for every (x, y)."""
    edge = 0.93 * radius_m
    flat = np.hypot(x, y)
    z = np.sqrt(radius_m**2 - np.minimum(flat, edge) ** 2)
    slope = edge / np.sqrt(radius_m**2 - edge**2)
    z = z - slope * np.maximum(flat - edge, 0)
    return EYE_CENTRE + np.stack([x, y, z], axis=-1)


def plane_of(points: np.ndarray) -> np.ndarray:
    """Plane coordinates (..., 2) of the chart ray through each point."""
    theta, s, _ = chart.locate(points)
    return chart.to_plane(theta, s)
