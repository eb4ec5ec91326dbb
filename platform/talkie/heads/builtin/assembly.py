"""Puts the pieces of the built-in head together: one neutral mesh with parts, regions, texture coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from talkie.heads.builtin import chart, features
from talkie.heads.builtin.inside import Patch, lid_edges, mouth_bag, rim_share
from talkie.heads.builtin.parts import ears, eyeballs, gums, teeth, tongue
from talkie.heads.builtin.skin import Skin, build_skin

PARTS = (
    "skin", "mouth_bag", "lid_edges", "left_eyeball", "right_eyeball", "upper_teeth", "lower_teeth",
    "upper_gum", "lower_gum", "tongue", "left_ear", "right_ear",
)  # fmt: skip
"""Part names; a vertex's part id is its place in this tuple."""

JAW_JOINT = np.array([0.0, -0.0055, 0.0182])
"""Middle of the axis through the temporomandibular joints."""
NECK_JOINT = np.array([0.0, -0.060, -0.010])


@dataclass(frozen=True)
class NeutralMesh:
    """The mean head at rest.

    positions: (V, 3) metres; faces: (F, 3) int64; part: (V,) uint8 into PARTS; plane: (V, 2) unrolled chart
    (mouth held open) for skin, nan elsewhere; theta, s: (V,) chart coordinates of every vertex; uv: (F, 3, 2)
    texture coordinates of corners in [0, 1], u = azimuth and v = descent; jaw, neck: (V,) bone shares;
    skin: the skin this mesh begins with.
    """

    positions: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    plane: np.ndarray
    theta: np.ndarray
    s: np.ndarray
    uv: np.ndarray
    jaw: np.ndarray
    neck: np.ndarray
    skin: Skin

    def part_vertices(self, *names: str) -> np.ndarray:
        """Sorted vertex indices of the named parts."""
        return np.flatnonzero(np.isin(self.part, [PARTS.index(n) for n in names]))


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Cubic step from 0 at `low` to 1 at `high` (which may lie below `low`)."""
    u = np.clip((x - low) / (high - low), 0, 1)
    return u * u * (3 - 2 * u)


def skin_jaw_share(skin: Skin) -> np.ndarray:
    """Share (V,) of the jaw bone in the skin: 1 on lower lip and chin, 0 above the line from lips to ears.

    At the contact line it jumps from 0 to 1 in the middle of the mouth, and not at all beyond its corners."""
    theta, s, _ = chart.locate(skin.positions)
    t, above = features.mouth_coordinates(theta, s)
    upper = np.where(np.isfinite(skin.lip_level), skin.upper, np.sign(above))
    at_rim = rim_share(np.clip(t, -1, 1), upper)
    # Away from the rims the share settles at 0 or 1 over a distance that grows towards the ears.
    reach = 7.0 + 9.0 * smoothstep(np.abs(t), 0.5, 2.5)
    far = np.clip(np.abs(above) / reach, 0, 1)
    far = far * far * (3 - 2 * far)
    settled = np.where(upper > 0, 0.0, 1.0)
    share = at_rim * (1 - far) + settled * far
    side = smoothstep(np.abs(np.degrees(theta)), 75, 38)
    under = smoothstep(np.degrees(s), -68, -50)
    return share * side * under


def neck_share(positions: np.ndarray) -> np.ndarray:
    """Share (V,) of the neck joint's rotation: 1 on the head, fading to 0 down the neck."""
    _, y, z = positions.T
    # The chin hangs lower than the neck's own top: count height along a line that rises towards the front.
    return smoothstep(y + 0.35 * (z + 0.01), -0.140, -0.085)


def texture_coordinates(theta: np.ndarray, s: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Corner coordinates (F, 3, 2); triangles across the back's seam and at the crown are unwrapped."""
    corner = theta[faces]
    crown = s[faces] > np.pi / 2 - 1e-6
    known = np.where(crown, np.nan, corner)
    mean = np.angle(np.nanmean(np.exp(1j * known), axis=1))[:, None]
    corner = np.where(crown, mean, mean + np.angle(np.exp(1j * (corner - mean))))
    u = 0.5 + corner / (2 * np.pi)
    v = (np.pi / 2 - s[faces]) / (np.pi / 2 - chart.LOWEST)
    return np.stack([u, v], axis=-1)


def _patches(skin: Skin) -> list[Patch]:
    bag = mouth_bag(skin)
    edges = lid_edges(skin, len(skin.positions) + len(bag.positions))
    return [
        bag, edges, *eyeballs(), teeth(upper=True), teeth(upper=False), gums(upper=True), gums(upper=False),
        tongue(), *ears(),
    ]  # fmt: skip


@cache
def neutral_mesh() -> NeutralMesh:
    """The assembled mean head; built once a process."""
    skin = build_skin()
    positions, faces = [skin.positions], [skin.faces]
    part, jaw = [np.zeros(len(skin.positions), np.uint8)], [skin_jaw_share(skin)]
    first = len(skin.positions)
    for patch in _patches(skin):
        positions.append(patch.positions)
        faces.append(patch.faces if patch.sewn else patch.faces + first)
        part.append(np.full(len(patch.positions), PARTS.index(patch.name), np.uint8))
        jaw.append(patch.jaw)
        first += len(patch.positions)
    points = np.concatenate(positions)
    triangles = np.concatenate(faces).astype(np.int64)
    theta, s, _ = chart.locate(points)
    n = len(skin.positions)
    # The skin's own chart coordinates, from its plane: below the neck the loft leaves the rays.
    radius = np.hypot(*skin.plane.T)
    on_cone = np.tan((np.pi / 2 - chart.TURN) / 2)
    s[:n] = np.where(
        radius <= on_cone,
        np.pi / 2 - 2 * np.arctan(np.minimum(radius, on_cone)),
        chart.TURN - np.log(np.maximum(radius / on_cone, 1.0)) * 0.09 / chart.SINK_M,
    )
    theta[:n] = np.arctan2(skin.plane[:, 0], -skin.plane[:, 1])
    plane = np.full((len(points), 2), np.nan)
    plane[:n] = skin.plane
    neck = neck_share(points)
    neck[np.concatenate(part) > 0] = 1.0
    uv = texture_coordinates(theta, s, triangles)
    return NeutralMesh(points, triangles, np.concatenate(part), plane, theta, s, uv, np.concatenate(jaw), neck, skin)
