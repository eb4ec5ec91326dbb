"""Everything that is neither skin nor sewn to it: eyeballs, teeth, gums, tongue and ears, from formulae.

Each maker returns a `Patch` in the head frame, metres. Nothing here moves.
"""

from __future__ import annotations

import numpy as np

from talkie.heads.builtin import features
from talkie.heads.builtin.inside import Patch

ARCH_CENTRE_Z = 0.058
TEETH = 14
TOOTH_COLUMNS = 5
EYE_RINGS, EYE_SECTORS = 15, 24
EAR_ANCHOR = np.array([0.0725, 0.016, -0.002])


def grid_faces(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Triangles (F, 3) of a (rows, columns) grid of vertices; `closed` joins the last column to the first."""
    index = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(index, -1, axis=1) if closed else index[:, 1:]
    left = index if closed else index[:, :-1]
    a, b, c, d = left[:-1], right[:-1], right[1:], left[1:]
    return np.concatenate([np.stack([a, d, b], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])


def _mirror(patch: Patch, name: str) -> Patch:
    return Patch(name, patch.positions * np.array([-1.0, 1, 1]), patch.faces[:, ::-1], patch.jaw)


def eyeballs() -> tuple[Patch, Patch]:
    """Left and right eyeball: sphere with a low corneal dome, rings dense around the iris.

    Ring 0 is the pupil's centre (one vertex a sector, all at one place)."""
    angle = np.pi * np.linspace(0, 1, EYE_RINGS) ** 1.6
    turn = np.linspace(0, 2 * np.pi, EYE_SECTORS, endpoint=False)
    polar, azimuth = np.meshgrid(angle, turn, indexing="ij")
    limbus = np.arcsin(features.IRIS_RADIUS_M / features.EYE_RADIUS_M)
    dome = 0.0005 * np.clip(1 - (polar / (1.15 * limbus)) ** 2, 0, 1)
    r = features.EYE_RADIUS_M + dome
    unit = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    points = (features.EYE_CENTRE + r[..., None] * unit).reshape(-1, 3)
    left = Patch("left_eyeball", points, grid_faces(EYE_RINGS, EYE_SECTORS, closed=True), np.zeros(len(points)))
    return left, _mirror(left, "right_eyeball")


def _arch(u: np.ndarray, half_width: float, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Dental arch at u in [-1, 1] by arc-like parameter: position (x, z) and outward unit normal (N, 2)."""
    phi = u * np.radians(78)
    x, z = half_width * np.sin(phi), ARCH_CENTRE_Z + depth * np.cos(phi) - depth * 0.02
    normal = np.stack([np.sin(phi) / half_width, np.cos(phi) / depth], axis=-1)
    return np.stack([x, z], axis=-1), normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def _tooth_widths() -> np.ndarray:
    """Right borders of the teeth along the arch in [-1, 1], incisors wider than the lower's, molars widest."""
    half = np.cumsum([0.86, 0.68, 0.78, 0.72, 0.72, 1.0, 1.0])
    half = half / half[-1]
    return np.concatenate([-half[::-1], [0.0], half])


def teeth(upper: bool) -> Patch:
    """One row of 14 teeth with relief: rows run from the gum over the edge to the back."""
    borders = _tooth_widths()
    inner = np.linspace(0, 1, TOOTH_COLUMNS)
    u = np.concatenate([borders[i] + (borders[i + 1] - borders[i]) * inner for i in range(TEETH)])
    f = np.tile(2 * inner - 1, TEETH)
    number = np.abs(np.repeat(np.arange(TEETH), TOOTH_COLUMNS) - (TEETH - 1) / 2)
    half_width, depth = (0.0285, 0.0450) if upper else (0.0270, 0.0420)
    place, normal = _arch(u, half_width, depth)
    bulge = 0.0011 * (np.sqrt(np.clip(1 - f**4, 0, 1)) - 0.5)
    molar = np.clip((number - 2) / 3, 0, 1)
    length = 0.0098 - 0.0022 * molar + np.where(np.abs(number - 2.5) < 0.1, 0.0004, 0) - 0.0005 * (number == 1.5)
    length = length - 0.0006 * f**4
    sign = -1.0 if upper else 1.0
    gum_y = -0.0273 if upper else -0.0446
    thick = 0.0022 + 0.0050 * molar
    rows = []
    profile = [
        (0.0, 0.0, -0.6),
        (0.35, 0.0, 1.0),
        (0.75, 0.0, 0.6),
        (1.0, 0.35, 0.0),
        (0.98, 0.8, 0.0),
        (0.2, 1.2, 0.0),
    ]
    for down, back, relief in profile:
        out = bulge * relief + 0.0006 * (relief > 0) - back * thick
        xz = place + normal * out[:, None]
        rows.append(np.stack([xz[:, 0], gum_y + sign * length * down, xz[:, 1]], axis=1))
    points = np.concatenate(rows)
    faces = grid_faces(len(profile), len(u))
    return Patch(
        "upper_teeth" if upper else "lower_teeth",
        points,
        faces if upper else faces[:, ::-1],
        np.zeros(len(points)) if upper else np.ones(len(points)),
    )


def gums(upper: bool) -> Patch:
    """The gum above (below) a row of teeth: from the teeth's necks out, up and over to the palate (floor)."""
    u = np.linspace(-1, 1, 43)
    half_width, depth = (0.0285, 0.0450) if upper else (0.0270, 0.0420)
    place, normal = _arch(u, half_width, depth)
    sign = 1.0 if upper else -1.0
    scallop = 0.0009 * np.cos(u * np.pi * TEETH)
    gum_y = -0.0273 if upper else -0.0446
    rows = []
    for up, out in (
        (-0.0012, 0.0006),
        (0.0012, 0.0014),
        (0.0050, 0.0004),
        (0.0075, -0.005),
        (0.0060, -0.012),
        (-0.001, -0.009),
    ):
        xz = place + normal * out
        y = gum_y + sign * up + (sign * scallop if up == -0.0012 else 0)
        rows.append(np.stack([xz[:, 0], np.broadcast_to(y, u.shape), xz[:, 1]], axis=1))
    points = np.concatenate(rows)
    faces = grid_faces(len(rows), len(u))
    return Patch(
        "upper_gum" if upper else "lower_gum",
        points,
        faces[:, ::-1] if upper else faces,
        np.full(len(points), 0.0 if upper else 1.0),
    )


def tongue() -> Patch:
    """The tongue as a closed flat body behind the lower teeth, its tip rounded, a furrow along the middle."""
    rows, columns = 15, 16
    v = np.linspace(0, 1, rows)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    along, around = np.meshgrid(v, turn, indexing="ij")
    girth = np.sqrt(np.clip(1 - along**4, 0, 1)) * (0.85 + 0.15 * np.cos(np.pi * along))
    x = 0.0195 * girth * np.cos(around)
    up = np.sin(around)
    thick = np.where(up > 0, 0.0055, 0.0075) * girth
    furrow = 0.0012 * np.exp(-((x / 0.003) ** 2)) * (up > 0) * girth
    spine_y = -0.0430 + 0.004 * np.sin(np.pi * along) - 0.002 * along
    spine_z = 0.040 + 0.054 * along
    points = np.stack([x, spine_y + thick * up - furrow, spine_z], axis=-1).reshape(-1, 3)
    faces = grid_faces(rows, columns, closed=True)
    return Patch("tongue", points, faces[:, ::-1], np.full(len(points), 0.9) * (0.4 + 0.6 * along.ravel()))


def _ear_relief(r: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Height in metres over the ear's plane at polar (r in [0, 1], angle): helix, antihelix, concha, lobe."""
    lobe = np.exp(-(((angle + np.pi / 2 - 0.25) / 0.45) ** 2))
    front = np.exp(-(((np.abs(angle) - np.pi) / 0.7) ** 2))
    helix = 0.0042 * np.exp(-(((r - 0.9) / 0.09) ** 2)) * (1 - 0.8 * lobe) * (1 - 0.5 * front)
    groove = -0.002 * np.exp(-(((r - 0.74) / 0.07) ** 2)) * (1 - lobe)
    antihelix = 0.0035 * np.exp(-(((r - 0.58) / 0.1) ** 2)) * (1 - front) * (1 - lobe)
    concha = -0.007 * np.exp(-((r / 0.36) ** 2))
    tragus = 0.0045 * np.exp(-(((r - 0.42) / 0.15) ** 2)) * np.exp(-(((np.abs(angle) - np.pi) / 0.35) ** 2))
    return helix + groove + antihelix + concha + tragus


def ears() -> tuple[Patch, Patch]:
    """Left and right ear: front face with relief and a plain back, closed at the rim."""
    rows, columns = 10, 28
    r = np.concatenate([np.linspace(0.05, 1, rows), [1.0, 0.75, 0.45]])
    turn = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    radial, angle = np.meshgrid(r, turn, indexing="ij")
    front = np.arange(len(r))[:, None] < rows
    shape = 1 + 0.10 * np.sin(angle) + 0.04 * np.cos(2 * angle)
    across = 0.0165 * radial * np.cos(angle) * shape
    up = 0.0305 * radial * np.sin(angle)
    relief = np.where(front, _ear_relief(radial, angle), -0.004 - 0.010 * (1 - radial))
    relief = relief + 0.006 * radial * np.cos(angle)
    # The ear's plane: `across` runs back and outward (flare), the whole leans back a little.
    flare, lean = np.radians(28), np.radians(10)
    outward = across * np.sin(flare) + relief * np.cos(flare)
    backward = across * np.cos(flare) - relief * np.sin(flare)
    back = backward * np.cos(lean) + up * np.sin(lean)
    high = up * np.cos(lean) - backward * np.sin(lean)
    points = (EAR_ANCHOR + np.stack([outward + 0.0035, high, -back - 0.004], axis=-1)).reshape(-1, 3)
    faces = grid_faces(len(r), columns, closed=True)
    left = Patch("left_ear", points, faces, np.zeros(len(points)))
    return left, _mirror(left, "right_ear")
