"""Smooth scalar fields over the head from which displacements are made: bumps, halves of the mouth, eye masks.

A field takes points (N, 3) of the neutral head and gives (N,) weights; nothing here knows a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.heads.builtin import chart, features

MIRROR = np.array([-1.0, 1.0, 1.0])
KINDS = ("plain", "above", "below", "upper", "lower")


@dataclass(frozen=True)
class Place:
    """Points with what fields need to know: positions (N, 3), lateral mouth position t and degrees above the
    lips' contact line (N,), side (N,): +1 upper, -1 lower, which at the line itself only the mesh knows."""

    positions: np.ndarray
    t: np.ndarray
    above: np.ndarray
    side: np.ndarray

    @staticmethod
    def of(positions: np.ndarray, side: np.ndarray | None = None) -> Place:
        theta, s, _ = chart.locate(positions)
        t, above = features.mouth_coordinates(theta, s)
        return Place(positions, t, above, np.sign(above) if side is None else side)


def smooth(x: np.ndarray) -> np.ndarray:
    """Cubic smoothstep of x clipped to [0, 1]."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def bump(points: np.ndarray, anchor: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
    """Gaussian (N,) around `anchor`, 1 there; sigma in metres, one or three (per axis)."""
    offset = (points - anchor) / sigma
    return np.exp(-0.5 * (offset * offset).sum(-1))


def mouth_half(place: Place, kind: str) -> np.ndarray:
    """Which half of the mouth a field may move, (N,).

    `above` / `below` vanish at the contact line, so that closed lips stay closed; `upper` / `lower` jump there
    in the middle of the mouth and are continuous at its corners, so that lips part."""
    if kind == "plain":
        return np.ones(len(place.t))
    if kind == "above":
        return smooth(place.above / 5.0) * (place.side > 0)
    if kind == "below":
        return smooth(-place.above / 5.0) * (place.side < 0)
    sign = 1.0 if kind == "upper" else -1.0
    part = np.sqrt(np.clip(1 - place.t**2, 0, 1)) ** 1.2
    near = part * np.clip(1 - np.abs(place.above) / 6.0, 0, 1)
    own = 0.5 + 0.5 * near + 0.5 * (1 - near) * smooth(np.abs(place.above) / 9.0)
    return np.where(place.side * sign > 0, own, 1 - own)


def eye_mask(points: np.ndarray, start: float = 1.0, end: float = 1.9) -> np.ndarray:
    """1 on either eyeball and its lid rims, falling to 0 on the plain skin around, (N,)."""
    local = points * np.sign(points[:, :1] + 1e-12) ** np.array([1, 0, 0]) - features.EYE_CENTRE
    reach = np.hypot(local[:, 0] / 0.0150, local[:, 1] / 0.0088)
    deep = smooth((local[:, 2] + 0.022) / 0.008)
    return (1 - smooth((reach - start) / (end - start))) * deep
