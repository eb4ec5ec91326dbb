"""How strands run over and off the built-in mean head, and the cards that stand for them; styles are in hair.py.

Head frame at rest, metres. A path is (N, rows, 3) from root to tip; its anchors are the scalp's points it hangs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from talkie.heads.builtin import chart, surface

WHORL = np.array([0.012, 0.138, -0.045])
"""Where the hair of the crown turns."""
MIDDLE = np.array([0.0, 0.045, 0.010])
SHELL, CARD, HEM = 0, 1, 2
LANES = 8
"""Tufts that lie side by side in the cards' texture."""


@dataclass(frozen=True, eq=False)
class Hair:
    """points, roots, normals, tangents: (X, 3), tangents from root to tip; faces (F, 3); uv (F, 3, 2): across and along
    the strands, v = 0 at the root; kind (F,): SHELL, opaque; CARD, tufts
    in LANES lanes; HEM, the shell's border: single roots that thin out."""

    points: np.ndarray
    roots: np.ndarray
    normals: np.ndarray
    tangents: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Style:
    """shell_m: height of the closed shell; cards: their number; width_m; length_m: of a strand, or None to run down to
    `end_y`; lift_m: how far cards stand off the scalp, at their middle; field: how strands run: from the "whorl", away
    from a "part", to a "knot" (at `knot`) or as a "coil"; fuzz: how wild."""

    shell_m: float
    cards: int = 0
    width_m: float = 0.012
    length_m: float | None = None
    end_y: float = -0.05
    lift_m: float = 0.006
    field: str = "whorl"
    fuzz: float = 0.15
    knot: tuple[float, float, float] | None = None


def grid(points: np.ndarray, roots: np.ndarray, uv: np.ndarray, kind: int, outward: np.ndarray) -> Hair:
    """Cards of (N, rows, columns) vertices; `outward` (N, rows, columns, 3) decides the normals' side."""
    n, rows, columns, _ = points.shape
    along = np.gradient(points, axis=1)
    across = np.gradient(points, axis=2)
    tangent = unit(along)
    normal = unit(np.cross(across, along))
    normal *= np.where((normal * outward).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    # Cards shade like the volume they stand for: half their own normal, half the head's.
    normal = unit(normal + outward)
    index = np.arange(n * rows * columns).reshape(n, rows, columns)
    a, b, c, d = (i.ravel() for i in (index[:, :-1, :-1], index[:, :-1, 1:], index[:, 1:, 1:], index[:, 1:, :-1]))
    faces = np.concatenate([np.stack([a, d, b], 1), np.stack([b, d, c], 1)])
    return Hair(
        points.reshape(-1, 3),
        np.broadcast_to(roots, points.shape).reshape(-1, 3).copy(),
        normal.reshape(-1, 3),
        tangent.reshape(-1, 3),
        faces,
        uv.reshape(-1, 2)[faces],
        np.full(len(faces), kind),
    )


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


@lru_cache(maxsize=1)
def _body() -> np.ndarray:
    """(181, 128) radius about the chart's axis of the mean head by azimuth (2 degrees) and height (4 mm, from 0.16
    down); what strands may not enter."""
    theta, s = np.meshgrid(np.linspace(-np.pi, np.pi, 181), np.radians(np.linspace(88, -160, 400)), indexing="ij")
    points = surface.point(theta, s)
    radius = np.hypot(points[..., 0] - chart.CENTRE[0], points[..., 2] - chart.CENTRE[2])
    azimuth = np.arctan2(points[..., 0] - chart.CENTRE[0], points[..., 2] - chart.CENTRE[2])
    table = np.zeros((181, 128))
    at = np.rint((azimuth + np.pi) / (2 * np.pi) * 180).astype(int)
    row = np.clip(np.rint((0.16 - points[..., 1]) / 0.004).astype(int), 0, 127)
    np.maximum.at(table, (at, row), radius)
    # Ears, which the smooth skin does not have.
    angle, y = np.abs(np.degrees(np.linspace(-np.pi, np.pi, 181)))[:, None], 0.16 - 0.004 * np.arange(128)[None]
    ear = 0.017 * np.exp(-(((angle - 97) / 26) ** 2) - ((y - 0.012) / 0.050) ** 2)
    head = np.maximum(table, np.roll(table, 1, 1)) + ear
    # Strands come to an ear gently: the wall they feel leans out above it.
    for k in range(66, -1, -1):
        head[:, k] = np.maximum(head[:, k], head[:, k + 1] - 0.42 * 0.004)
    return head


def _keep_out(points: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Points (N, 3) pushed outward to at least `gap` (N,) metres from the head and its shoulders."""
    x, z = points[:, 0] - chart.CENTRE[0], points[:, 2] - chart.CENTRE[2]
    azimuth, radius = np.arctan2(x, z), np.hypot(x, z)
    at = np.rint((azimuth + np.pi) / (2 * np.pi) * 180).astype(int)
    row = np.clip((0.16 - points[:, 1]) / 0.004, 0, 126.9)
    low = row.astype(int)
    table = _body()
    wall = table[at, low] * (1 - row + low) + table[at, low + 1] * (row - low) + gap
    push = np.maximum(wall / np.maximum(radius, 1e-6), 1.0)
    return np.stack([chart.CENTRE[0] + x * push, points[:, 1], chart.CENTRE[2] + z * push], axis=1)


def _field(form: Style, p: np.ndarray, part_x: float, comb: np.ndarray) -> np.ndarray:
    """Directions (N, 3) in which strands run at points p; comb: (3,) where short hair over the forehead is combed."""
    if form.field == "part":
        top = np.clip((p[:, 1] - 0.095) / 0.035, 0, 1)
        side = np.where(p[:, 0] > part_x, 1.0, -1.0)
        back = np.clip((0.02 - p[:, 2]) / 0.06, 0, 1)
        ahead = np.clip((p[:, 2] - 0.06) / 0.04, 0, 1)
        return unit(
            np.stack(
                [side * top * (1 - 0.5 * back), -0.25 - (1 - top), -0.35 * top - 0.5 * ahead - 0.5 * back * top], 1
            )
        )
    away = unit(p - WHORL)
    turn = np.cross(unit(p - MIDDLE), away)
    ahead = (np.clip((p[:, 1] - 0.085) / 0.03, 0, 1) * np.clip((p[:, 2] - 0.01) / 0.05, 0, 1))[:, None]
    return unit((away + 0.35 * turn + np.array([0.0, -0.35, 0.0])) * (1 - 0.75 * ahead) + comb * ahead)


_COMBS = np.array([[0.25, 0.0, 0.7], [0.9, 0.2, -0.1], [0.15, 0.5, -0.9]])
"""Short hair over the forehead: forward, to one side, back."""
_MARCH = 15


def cards(
    form: Style, p: np.ndarray, variant: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths, anchors and layers (N,) of strands that march from roots p (N, 3) over the scalp and fall free below."""
    rows = 7 if form.length_m is not None and form.length_m < 0.05 else 12
    n = len(p)
    part_x = (0.024, -0.024, 0.010)[variant % 3]
    falls = form.length_m is None
    length = np.full(n, form.length_m) if form.length_m is not None else np.maximum(p[:, 1] - form.end_y, 0.03) * 1.7
    length = length * (1.0 if falls else rng.uniform(0.8, 1.15, n))
    layer = rng.uniform(0.25, 1.0, n)
    wild = form.fuzz * rng.normal(size=(n, 3))
    anchors: list[np.ndarray] = []
    path: list[np.ndarray] = []
    on_skull, end, last = np.ones(n, bool), np.full(n, float(_MARCH - 1)), form.end_y + 0.008 * rng.normal(size=n)
    for k in range(_MARCH):
        t = k / (_MARCH - 1)
        gap = form.shell_m * 0.7 + form.lift_m * layer * np.sin(np.pi * min(0.12 + 0.68 * t, 1.0))
        gap *= min(0.12 + 3 * t, 1.0)
        outward = unit(p - MIDDLE)
        path.append(np.where(on_skull[:, None], p + outward * gap[:, None], _keep_out(p, gap)))
        anchors.append(p if k == 0 else np.where(on_skull[:, None], p, anchors[-1]))
        d = _field(form, p, part_x, _COMBS[variant % 3]) + wild
        d -= outward * np.maximum((d * outward).sum(1, keepdims=True), -10) * on_skull[:, None]
        falling = np.array([0.0, -1.0, 0.0]) - 0.10 * outward * [1.0, 0.0, 1.0] + 0.3 * wild
        moved = p + np.where(on_skull[:, None], unit(d), unit(falling)) * (length / (_MARCH - 1))[:, None]
        theta, s, _ = chart.locate(moved)
        on_skull &= moved[:, 1] > np.where(np.abs(theta) > 2.1, 0.0, 0.066 if falls else 0.03)
        held = surface.point(theta, np.maximum(s, chart.NECK))
        p = np.where(on_skull[:, None], held, _keep_out(moved, np.zeros(n)))
        # A strand ends at its length, where it meets the shoulders, or, cut short, above the ear.
        if falls:
            blocked = (np.linalg.norm(p - moved, axis=1) > 0.03) & ~on_skull & (p[:, 1] < -0.09)
            over = (p[:, 1] < last) | blocked
        else:
            over = (p[:, 1] < 0.040) & (np.abs(np.abs(theta) - 1.68) < 0.36)
        end = np.where(over, np.minimum(end, k + 0.6), end)
    at = np.linspace(0, 1, rows)[None] * end[:, None]
    smooth = np.stack(path, 1)
    smooth[:, 1:-1] = 0.25 * smooth[:, :-2] + 0.5 * smooth[:, 1:-1] + 0.25 * smooth[:, 2:]
    return _along(smooth, at), _along(np.stack(anchors, 1), at), layer


def _along(path: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points (N, rows, 3) of paths (N, M, 3) at fractional places (N, rows) along their points."""
    low = np.minimum(at.astype(int), path.shape[1] - 2)
    near = np.take_along_axis(path, low[..., None], 1)
    far = np.take_along_axis(path, low[..., None] + 1, 1)
    return near + (far - near) * (at - low)[..., None]


def gathered(form: Style, p: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `cards`, of strands drawn tight over the skull to the style's knot, where they end."""
    assert form.knot is not None
    n, t = len(p), np.linspace(0, 1, 9)[None, :, None]
    knot = np.array(form.knot) + 0.006 * rng.normal(size=(n, 1, 3))
    straight = p[:, None] + (knot - p[:, None]) * t
    theta, s, _ = chart.locate(straight)
    scalp = surface.point(theta, np.maximum(s, chart.NECK))
    layer = rng.uniform(0.25, 1.0, n)
    gap = (form.shell_m + form.lift_m * layer[:, None, None]) * np.minimum(0.15 + 3 * t, 1.0)
    over = scalp + unit(scalp - MIDDLE) * gap
    return over + (straight - over) * np.clip(4 * t - 3, 0, 1) ** 2, scalp, layer


def coils(form: Style, p: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `cards`, of locks that rise from the scalp and wind: helices about a bent axis."""
    n, t = len(p), np.linspace(0, 1, 9)[None, :, None]
    outward = unit(p - MIDDLE)
    lean = 0.8 * rng.normal(size=(n, 3)) + np.array([0.0, -0.7, 0.0])
    lean = unit(lean - outward * (lean * outward).sum(1, keepdims=True))
    third = np.cross(outward, lean)
    layer = rng.uniform(0.3, 1.0, n)
    turn = 2 * np.pi * (rng.uniform(0, 1, (n, 1, 1)) + rng.uniform(0.9, 1.6, (n, 1, 1)) * t)
    wide = 0.0065 * np.minimum(0.1 + 2 * t, 1.0)
    rise = form.shell_m * np.minimum(0.1 + 3 * t, 1) + form.lift_m * layer[:, None, None] * np.sin(np.pi * 0.62 * t)
    path = p[:, None] + outward[:, None] * rise + lean[:, None] * 0.024 * t
    path = path + wide * (np.cos(turn) * lean[:, None] + np.sin(turn) * third[:, None])
    return path, np.broadcast_to(p[:, None], path.shape), layer


def ribbons(path: np.ndarray, anchors: np.ndarray, width: float, layer: np.ndarray, rng: np.random.Generator) -> Hair:
    """Cards three vertices wide along paths (N, rows, 3), arched across, each wearing one lane of the texture."""
    n, rows, _ = path.shape
    outward = unit(path - MIDDLE - np.array([0.0, 1.0, 0.0]) * np.minimum(path[..., 1:2] - 0.045, 0))
    along = unit(np.gradient(path, axis=1))
    across = unit(np.cross(outward, along))
    half = 0.5 * width * rng.uniform(0.75, 1.25, (n, 1, 1))
    left: np.ndarray = path - across * half
    right: np.ndarray = path + across * half
    middle = path + outward * 0.10 * half
    points = np.stack([left, middle, right], axis=2)
    u = (rng.integers(0, LANES, (n, 1, 1)) + np.array([0.03, 0.5, 0.97])) / LANES
    v = np.linspace(0.01, 0.99, rows)[None, :, None]
    uv = np.stack(np.broadcast_arrays(u, v), -1)
    sides = np.broadcast_to(outward[:, :, None], points.shape)
    roots = np.broadcast_to(anchors[:, :, None], points.shape)
    return grid(points, roots, uv, CARD, sides)


def bun(knot: np.ndarray) -> Hair:
    """A coil behind the crown: a ball whose strands wind round it."""
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0.02, np.pi - 0.02, 13), indexing="ij")
    axis = unit(knot - MIDDLE)
    right = unit(np.cross([0.0, 0.0, 1.0], axis))
    ahead = np.cross(axis, right)
    ridge = 1 + 0.05 * np.sin(3 * turn + 6 * tilt)
    flat = np.sin(tilt) * ridge * 0.036
    outward = flat[..., None] * (np.cos(turn)[..., None] * right + np.sin(turn)[..., None] * ahead)
    points = knot + outward + (0.028 * np.cos(tilt) + 0.012)[..., None] * axis
    uv = np.stack([tilt / np.pi * 3, turn / np.pi], -1)
    root = np.broadcast_to(knot - 0.01 * axis, points.shape)
    return grid(points[None], root[None], uv[None], SHELL, unit(points - knot)[None])


def tail(knot: np.ndarray, rng: np.random.Generator) -> Hair:
    """A tail of cards that leaves the knot backward and falls."""
    n, rows = 54, 12
    t = np.linspace(0, 1, rows)[None, :, None]
    spread = rng.normal(size=(n, 1, 3)) * np.array([0.013, 0.009, 0.013])
    length = 0.19 * rng.uniform(0.8, 1.1, (n, 1, 1))
    back = np.array([0.0, 0.010, -0.050]) * np.sin(np.pi * np.minimum(t * 1.1, 1) * 0.5)
    path = knot + spread * (0.25 + t) + back + np.array([0.0, -1.0, 0.12]) * length * t**1.5
    anchors = np.broadcast_to(knot, path.shape)
    return ribbons(path, anchors, 0.021, np.ones(n), rng)
