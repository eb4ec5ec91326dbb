"""Everything that is neither skin nor sewn to it: eyeballs, teeth, gums, tongue and ears, from formulae.

Each maker returns a `Patch` in the head frame, metres. Nothing here moves.
"""

from __future__ import annotations

import numpy as np

from talkie.heads.builtin import features, fields
from talkie.heads.builtin.inside import Patch

ARCH_CENTRE_Z = 0.058
TEETH = 14
TOOTH_COLUMNS = 5
EYE_RINGS, EYE_SECTORS = 15, 24


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


def _ear_relief(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Height in metres over the ear's plane at (a backward, b upward), each about [-1, 1]: helix with its root,
    groove, antihelix, the bowl of the concha with the canal's mouth, tragus, antitragus and lobe."""
    r, angle = np.hypot(a, b), np.arctan2(b, a)

    def knob(at_a: float, at_b: float, wide: float, height: float) -> np.ndarray:
        return height * np.exp(-((a - at_a) ** 2 + (b - at_b) ** 2) / wide**2)

    lobe = fields.smooth((-b - 0.50) / 0.35)
    front = fields.smooth((-a - 0.35) / 0.35) * (b < 0.45)
    helix = 0.0046 * np.exp(-(((r - 0.93) / 0.09) ** 2)) * (1 - 0.75 * lobe) * (1 - front)
    groove = -0.0022 * np.exp(-(((r - 0.77) / 0.07) ** 2)) * (1 - lobe) * (1 - front)
    along = fields.smooth((1.75 - np.abs(angle - 0.25)) / 0.5)
    antihelix = 0.0036 * np.exp(-(((r - 0.57) / 0.10) ** 2)) * along
    concha = -0.0085 * fields.smooth((0.52 - np.hypot(a + 0.16, (b + 0.12) * 0.85)) / 0.26)
    root = 0.0040 * np.exp(-(((b - 0.06 + 0.25 * (a + 0.6)) / 0.09) ** 2)) * fields.smooth((-a - 0.05) / 0.4)
    knobs = knob(-0.70, -0.20, 0.20, 0.0060) + knob(-0.22, -0.56, 0.15, 0.0038) + knob(-0.50, -0.18, 0.13, -0.0035)
    return helix + groove + antihelix + concha + root + knobs + 0.0008 * lobe


def ears() -> tuple[Patch, Patch]:
    """Left and right ear, closed: a front face with relief, a plain back that runs into the head."""
    columns = 26
    back = (1.0, 0.80, 0.52, 0.0)
    r = np.concatenate([[0.0], np.linspace(0.14, 1, 10), back])
    turn = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    radial, angle = np.meshgrid(r, turn, indexing="ij")
    front = np.arange(len(r))[:, None] < len(r) - len(back)
    a, b = radial * np.cos(angle), radial * np.sin(angle)
    # Wide above, narrow at the lobe, the front edge straighter than the back's.
    across = features.EAR_HALF_M[0] * a * (1 + 0.22 * b - 0.10 * b * b) * np.where(a < 0, 0.92, 1.0)
    up = features.EAR_HALF_M[1] * b
    thick = 0.0035 + 0.013 * (1 - radial**2)
    relief = np.where(front, _ear_relief(a, b), -thick)
    # The shell is a shallow dish whose rim stands out behind.
    relief = relief + 0.0030 * a * a * (a > 0)
    flare, lean = np.radians(features.EAR_FLARE_DEG), np.radians(features.EAR_LEAN_DEG)
    outward = across * np.sin(flare) + relief * np.cos(flare)
    backward = across * np.cos(flare) - relief * np.sin(flare)
    behind = backward * np.cos(lean) + up * np.sin(lean)
    high = up * np.cos(lean) - backward * np.sin(lean)
    points = (features.EAR_ANCHOR + np.stack([outward, high, -behind], axis=-1)).reshape(-1, 3)
    faces = grid_faces(len(r), columns, closed=True)
    left = Patch("left_ear", points, faces, np.zeros(len(points)))
    return left, _mirror(left, "right_ear")
