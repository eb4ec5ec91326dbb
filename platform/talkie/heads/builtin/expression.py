"""The 52 ARKit shapes as linear displacements of the neutral mesh; skinning by bones is in `head.py`.

Muscles of the face: a few measured displacement vectors at anchors (`expression.json`, see
`calibrate_expression`). Jaw, lids, gaze, closing lips and tongue follow from the geometry of bones and balls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from scipy.spatial.transform import Rotation

from talkie.heads.builtin import features, fields
from talkie.heads.builtin.assembly import JAW_JOINT, NeutralMesh
from talkie.heads.builtin.correctives import jaw_correctives
from talkie.heads.model import ARKIT_NAMES

JAW_OPEN_RAD = 0.30
"""Jaw rotation about x that `jawOpen` = 1 stands for (17 degrees, about 25 mm between the lips)."""
GAZE_RAD = {"Up": 0.42, "Down": 0.46, "In": 0.55, "Out": 0.55}
CLOSING_SHARE = 0.10
"""Share of the jaw's motion that closed lips make while it drops."""
OPENING = ("mouthFunnel", "mouthLowerDown", "mouthUpperUp")
"""Shapes that may part the lips; every other measured shape keeps closed lips closed. `mouthClose` undoes the
lips' part of `jawOpen`, as Apple defines it, and means nothing without it."""


@dataclass(frozen=True)
class Anchor:
    """Centre (metres, left half) and width of a bump; `mouth`: whether it comes in halves of the mouth."""

    at: tuple[float, float, float]
    sigma: float
    mouth: bool = False


ANCHORS: dict[str, Anchor] = {
    "lip_top": Anchor((0.0, -0.028, 0.117), 0.0075, True),
    "lip_top_side": Anchor((0.013, -0.029, 0.113), 0.0075, True),
    "lip_corner": Anchor((0.0245, -0.035, 0.101), 0.0080),
    "lip_corner_wide": Anchor((0.028, -0.035, 0.096), 0.014),
    "lip_bottom": Anchor((0.0, -0.041, 0.115), 0.0080, True),
    "lip_bottom_side": Anchor((0.013, -0.040, 0.110), 0.0080, True),
    "lip_line": Anchor((0.0, -0.034, 0.112), 0.011, True),
    "lip_line_side": Anchor((0.014, -0.034, 0.108), 0.010, True),
    "mouth": Anchor((0.0, -0.035, 0.108), 0.020),
    "philtrum": Anchor((0.0, -0.019, 0.116), 0.009),
    "under_lip": Anchor((0.0, -0.054, 0.109), 0.010),
    "chin": Anchor((0.0, -0.068, 0.108), 0.014),
    "chin_side": Anchor((0.020, -0.060, 0.099), 0.013),
    "fold": Anchor((0.026, -0.019, 0.100), 0.010),
    "fold_high": Anchor((0.022, -0.004, 0.102), 0.010),
    "wing": Anchor((0.014, -0.008, 0.108), 0.0075),
    "nose_tip": Anchor((0.0, 0.0, 0.125), 0.011),
    "nose_side": Anchor((0.009, 0.018, 0.108), 0.008),
    "bridge": Anchor((0.0, 0.037, 0.107), 0.010),
    "cheek": Anchor((0.040, -0.008, 0.092), 0.014),
    "cheek_low": Anchor((0.044, -0.032, 0.084), 0.015),
    "cheek_bone": Anchor((0.040, 0.012, 0.094), 0.012),
    "cheek_out": Anchor((0.060, 0.005, 0.065), 0.018),
    "jaw_side": Anchor((0.052, -0.048, 0.068), 0.018),
    "under_eye": Anchor((0.030, 0.022, 0.096), 0.008),
    "eye_outer": Anchor((0.050, 0.034, 0.083), 0.010),
    "glabella": Anchor((0.0, 0.055, 0.108), 0.010),
    "brow_inner": Anchor((0.013, 0.056, 0.107), 0.010),
    "brow_middle": Anchor((0.030, 0.060, 0.102), 0.011),
    "brow_outer": Anchor((0.049, 0.057, 0.088), 0.012),
    "forehead": Anchor((0.0, 0.082, 0.104), 0.018),
    "forehead_side": Anchor((0.034, 0.082, 0.095), 0.018),
}


def basis_field(place: fields.Place, name: str, kind: str, side: str) -> np.ndarray:
    """Weights (N,) of one anchor's bump; `both` adds the mirror image of an anchor off the middle."""
    anchor = ANCHORS[name]
    at = np.array(anchor.at)
    weight = fields.bump(place.positions, at * (fields.MIRROR if side == "right" else 1), anchor.sigma)
    if side == "both" and anchor.at[0] > 0:
        weight = weight + fields.bump(place.positions, at * fields.MIRROR, anchor.sigma)
    return weight * fields.mouth_half(place, kind) * (1 - fields.eye_mask(place.positions))


@cache
def _measured() -> dict[str, list[list]]:
    text = resources.files(__package__).joinpath("expression.json").read_text(encoding="utf-8")
    return json.loads(text)


def _muscle(place: fields.Place, terms: list[list], mirrored: bool) -> np.ndarray:
    """Displacement (N, 3) of measured terms; `mirrored` exchanges left and right."""
    if mirrored:
        swapped = fields.Place(place.positions * fields.MIRROR, -place.t, place.above, place.side)
        return _muscle(swapped, terms, mirrored=False) * fields.MIRROR
    total = np.zeros_like(place.positions)
    for name, kind, side, vector in terms:
        push = np.array(vector) * 1e-4
        if side == "both":
            if ANCHORS[name].at[0] == 0:
                push = push * np.array([0.0, 1.0, 1.0])
                total += basis_field(place, name, kind, "left")[:, None] * push
                continue
            total += basis_field(place, name, kind, "left")[:, None] * push
            total += basis_field(place, name, kind, "right")[:, None] * push * fields.MIRROR
        else:
            total += basis_field(place, name, kind, side)[:, None] * push
    return total


def jaw_displacement(points: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) of the jaw bone's full opening at points fixed to it."""
    turn = Rotation.from_rotvec([JAW_OPEN_RAD, 0, 0])
    return turn.apply(points - JAW_JOINT) + JAW_JOINT - points


def jaw_opening(mesh: NeutralMesh) -> np.ndarray:
    """Displacement (V, 3) of the jaw's full opening, correctives first, then skinning: as `BuiltinHead` does it."""
    turned = Rotation.from_rotvec([JAW_OPEN_RAD, 0, 0]).as_matrix() - np.eye(3)
    fuller = np.tensordot(turned.ravel(), jaw_correctives(mesh), 1)
    return fuller + mesh.jaw[:, None] * ((mesh.positions + fuller - JAW_JOINT) @ turned.T)


class _Lids:
    """Lid motion of one eye: vertices near it in the left eye's frontal frame, moved over the eyeball."""

    def __init__(self, mesh: NeutralMesh, side: str) -> None:
        sign = np.array([1.0, 1, 1]) if side == "Left" else fields.MIRROR
        self.sign = sign
        points = mesh.positions * sign
        self.points = points
        offset = np.full(len(points), np.nan)
        offset[: len(mesh.skin.lid_offset)] = mesh.skin.lid_offset
        edges = mesh.part_vertices("lid_edges")
        offset[edges] = 0.0
        # A lid's edge goes with its rim, point by point, so that the lid keeps its thickness.
        lead = np.arange(len(points))
        lead[edges] = np.concatenate(mesh.skin.lid_rims)
        offset[points[:, 0] < 0] = np.nan
        self.near = np.flatnonzero(np.isfinite(offset))
        self.offset = offset[self.near]
        local = points[self.near] - features.EYE_CENTRE
        self.x, self.y = local[:, 0], local[:, 1]
        led = points[lead[self.near]] - features.EYE_CENTRE
        upper, lower = features.lid_curves(led[:, 0])
        self.aperture = upper - lower
        self.is_upper = led[:, 1] > lower + 0.42 * self.aperture
        self.follow = 1 - fields.smooth(self.offset / 0.0068)
        reach = np.linalg.norm(local, axis=1)
        self.radius = np.minimum(reach, features.EYE_RADIUS_M + features.LID_M + 0.004)
        self.edge = np.isin(self.near, edges)

    def shift(self, upper: float, lower: float) -> np.ndarray:
        """Displacement (V, 3) when the upper rim sinks by `upper` of the aperture and the lower rises by
        `lower` of it. Each vertex slides on its own sphere around the eyeball."""
        dy = np.where(self.is_upper, -upper, lower) * self.aperture * self.follow
        flat = np.hypot(self.x, self.y) < 0.97 * self.radius
        before = np.sqrt(np.maximum(self.radius**2 - self.x**2 - self.y**2, 0))
        after = np.sqrt(np.maximum(self.radius**2 - self.x**2 - (self.y + dy) ** 2, 0))
        dz = np.where(flat, after - before, 0.0)
        # Half way along the chord a lid would cut into the ball: lift the end by most of the sagitta.
        lift = np.where(self.edge, 0.0, 0.85 * (dy * dy) / (8 * self.radius)) * self.follow
        out = np.zeros_like(self.points)
        out[self.near] = np.stack([np.zeros_like(dy), dy, dz + lift], axis=1)
        return out * self.sign


def _gaze(mesh: NeutralMesh, side: str, direction: str) -> np.ndarray:
    """Displacement (V, 3) of an eyeball's turn and the lids that follow it."""
    sign = 1.0 if side == "Left" else -1.0
    angle = GAZE_RAD[direction]
    outward = {"In": -1.0, "Out": 1.0}.get(direction, 0.0) * sign
    vertical = {"Up": -1.0, "Down": 1.0}.get(direction, 0.0)
    ball = mesh.part_vertices(f"{side.lower()}_eyeball")
    centre = features.EYE_CENTRE * np.array([sign, 1, 1])
    turn = Rotation.from_rotvec([angle * vertical, angle * outward, 0])
    local = mesh.positions[ball] - centre
    lids = _Lids(mesh, side)
    follow = {"Up": (-0.22, -0.08), "Down": (0.42, -0.10)}.get(direction)
    out = lids.shift(*follow) if follow else np.zeros_like(mesh.positions)
    out[ball] = turn.apply(local) - local
    return out


def _tongue_out(mesh: NeutralMesh) -> np.ndarray:
    """The tongue slides forward over the lower teeth, its tip most."""
    out = np.zeros_like(mesh.positions)
    tongue = mesh.part_vertices("tongue")
    along = np.clip((mesh.positions[tongue, 2] - 0.040) / 0.054, 0, 1)
    out[tongue] = np.stack([0 * along, 0.010 * along - 0.016 * along**4, 0.034 * along], axis=1)
    return out


def _mouth_place(mesh: NeutralMesh) -> fields.Place:
    """The mesh's vertices for mouth fields: side known from the rings, the bag counted to its lips."""
    place = fields.Place.of(mesh.positions)
    side = place.side.copy()
    n = len(mesh.skin.positions)
    ring = np.isfinite(mesh.skin.lip_level)
    side[:n][ring] = mesh.skin.upper[ring]
    above = place.above.copy()
    bag = mesh.part_vertices("mouth_bag")
    half = len(bag) // 2
    side[bag] = np.where(np.arange(len(bag)) < half, 1.0, -1.0)
    above[bag] = 0.0
    return fields.Place(mesh.positions, place.t, above, side)


def _closing(mesh: NeutralMesh) -> np.ndarray:
    """Lips that stay together while the jaw drops: every lip vertex goes to one share of the jaw's motion.

    Measured on the scan's namesake: the upper lip gives way by a tenth, the lower comes up by the rest and draws
    the skin under it up to the chin, whose own bone stays down."""
    near = np.zeros(len(mesh.positions))
    n = len(mesh.skin.positions)
    level = mesh.skin.lip_level
    t, above = (a[:n] for a in features.mouth_coordinates(mesh.theta, mesh.s))
    drawn = 1 - fields.smooth((np.abs(above) - 3.0) / np.where(above > 0, 12.0, 21.0))
    drawn = np.where(np.isfinite(level) & (level < 0.6), 1.0, drawn)
    near[:n] = drawn * (1 - fields.smooth((np.abs(t) - 1.05) / 1.4))
    bag = mesh.part_vertices("mouth_bag")
    rim_z = mesh.positions[:n][np.isfinite(level)][:, 2].max()
    near[bag] = fields.smooth((mesh.positions[bag, 2] - rim_z + 0.035) / 0.02)
    return near[:, None] * (CLOSING_SHARE * jaw_displacement(mesh.positions) - jaw_opening(mesh))


def _jaw_shift(mesh: NeutralMesh, vector: tuple[float, float, float]) -> np.ndarray:
    """The jaw bone moved by `vector`; at the lips' contact line both lips move alike, so that they stay shut."""
    share = mesh.jaw.copy()
    n = len(mesh.skin.positions)
    ring = np.isfinite(mesh.skin.lip_level)
    blend = 0.5 * np.exp(-mesh.skin.lip_level[ring])
    share[:n][ring] = blend + (1 - 2 * blend) * share[:n][ring]
    bag = mesh.part_vertices("mouth_bag")
    share[bag] = 0.5
    return share[:, None] * np.array(vector)


def expression_fields(mesh: NeutralMesh) -> np.ndarray:
    """Displacements (52, V, 3) in metres, in the order of ARKIT_NAMES."""
    shapes: dict[str, np.ndarray] = {
        "jawOpen": jaw_opening(mesh),
        "jawForward": _jaw_shift(mesh, (0.0, -0.0005, 0.0055)),
        "jawLeft": _jaw_shift(mesh, (0.0070, 0.0, 0.0)),
        "jawRight": _jaw_shift(mesh, (-0.0070, 0.0, 0.0)),
        "mouthClose": _closing(mesh),
        "tongueOut": _tongue_out(mesh),
    }
    for side in ("Left", "Right"):
        lids = _Lids(mesh, side)
        shapes[f"eyeBlink{side}"] = lids.shift(0.93, 0.09)
        shapes[f"eyeWide{side}"] = lids.shift(-0.30, -0.06)
        shapes[f"eyeSquint{side}"] = lids.shift(0.14, 0.30)
        for direction in GAZE_RAD:
            shapes[f"eyeLook{direction}{side}"] = _gaze(mesh, side, direction)
    place = _mouth_place(mesh)
    moved = mesh.part_vertices("skin", "mouth_bag")
    sub = fields.Place(*(a[moved] for a in (place.positions, place.t, place.above, place.side)))
    for name, terms in _measured().items():
        pairs = [(name, False)]
        if name.endswith("Left"):
            pairs.append((name[: -len("Left")] + "Right", True))
        for target, mirrored in pairs:
            field = np.zeros_like(mesh.positions)
            field[moved] = _muscle(sub, terms, mirrored)
            shapes[target] = shapes.get(target, 0) + field
    return np.stack([shapes[name] for name in ARKIT_NAMES])
