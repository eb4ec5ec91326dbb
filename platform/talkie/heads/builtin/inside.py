"""What continues the skin inward: the inner side of the lips with the mouth's bag, and the lids' thickness."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from talkie.heads.builtin import features
from talkie.heads.builtin.skin import Skin

BAG_STEPS = 9
"""Rows from the lips' rims to the throat."""
THROAT = np.array([0.0, -0.036, 0.030])


@dataclass(frozen=True)
class Patch:
    """A piece of mesh. positions: (V, 3); faces: (F, 3) into its own vertices, or into the vertices of skin
    and patch where `sewn` says so; jaw: (V,) share of the jaw bone; name: the part's name."""

    name: str
    positions: np.ndarray
    faces: np.ndarray
    jaw: np.ndarray
    sewn: bool = False


def rim_share(t: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Jaw share of the lips' rims at lateral position t (1 at the corner): 0 above, 1 below, 1/2 at the corners."""
    return 0.5 - 0.5 * np.sign(upper) * np.sqrt(np.clip(1 - t * t, 0, 1)) ** 1.2


def _bag_row(rim: np.ndarray, upper: float, q: float) -> np.ndarray:
    """Row at depth q in (0, 1] behind a rim (N, 3) that runs from corner to corner."""
    t = rim[:, 0] / np.abs(rim[:, 0]).max()
    room = np.sqrt(np.clip(1 - t * t, 0, 1)) ** 0.7
    # First straight back behind the lip, then out to the size of the bag, then in to the throat.
    wide = 1 + 0.45 * np.sin(np.pi * min(q * 1.1, 1.0)) - 0.75 * q**3
    # The lips stay together for their first millimetres: the walls part only behind them.
    parting = min(q / 0.16, 1.0) ** 2
    height = (0.0265 if upper > 0 else -0.027) * np.sin(np.pi * q**0.62) ** 0.8 * parting
    x = rim[:, 0] * wide
    y = rim[:, 1] + height * room
    z = rim[:, 2] * (1 - q) + THROAT[2] * q - 0.004 * np.sin(np.pi * q)
    y = y * (1 - q**3) + THROAT[1] * q**3
    return np.stack([x, y, z], axis=1)


def mouth_bag(skin: Skin) -> Patch:
    """Inner lips and bag, sewn to both rims; its walls meet at the corners and at the throat."""
    first = len(skin.positions)
    positions: list[np.ndarray] = []
    jaws: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    depths = (0.035, 0.08, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)[:BAG_STEPS]
    for rim, upper in zip(skin.lip_rims, (1.0, -1.0), strict=True):
        points = skin.positions[rim]
        t = points[:, 0] / np.abs(points[:, 0]).max()
        rows = [rim]
        for q in depths:
            row = _bag_row(points, upper, q)
            rows.append(first + sum(len(p) for p in positions) + np.arange(len(row)))
            positions.append(row)
            share = rim_share(t, np.full(len(t), upper))
            jaws.append(share * (1 - q**2) + 0.5 * q**2)
        for near, far in pairwise(rows):
            a, b, c, d = near[:-1], near[1:], far[1:], far[:-1]
            quad = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
            faces.append(quad if upper < 0 else quad[:, ::-1])
    return Patch("mouth_bag", np.concatenate(positions), np.concatenate(faces), np.concatenate(jaws), sewn=True)


def lid_edges(skin: Skin, first: int) -> Patch:
    """The lids' thickness: from each rim a ring that dips into the eyeball, sewn to the skin.

    first: number of vertices that stand before this patch."""
    positions: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for side, rim in zip((1.0, -1.0), skin.lid_rims, strict=True):
        outer = skin.positions[rim] * np.array([side, 1, 1])
        centre = features.EYE_CENTRE
        inward = outer - centre
        distance = np.linalg.norm(inward, axis=1, keepdims=True)
        goal = centre + inward / distance * np.minimum(distance, features.EYE_RADIUS_M - 0.0008)
        ring = first + sum(len(p) for p in positions) + np.arange(len(rim))
        positions.append(goal * np.array([side, 1, 1]))
        a, b, c, d = rim, np.roll(rim, -1), np.roll(ring, -1), ring
        quad = np.concatenate([np.stack([a, c, b], 1), np.stack([a, d, c], 1)])
        faces.append(quad if side < 0 else quad[:, ::-1])
    stacked = np.concatenate(positions)
    return Patch("lid_edges", stacked, np.concatenate(faces), np.zeros(len(stacked)), sewn=True)
