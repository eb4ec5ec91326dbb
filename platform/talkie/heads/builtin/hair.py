"""Hair as geometry over the built-in mean head: a closed shell on the scalp and layers of cards that follow strands.

Everything is in the head frame at rest, metres, with the point of the scalp each vertex hangs on; how hair follows a
head and what colour it has is the renderer's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from talkie.heads.builtin import chart, surface

WHORL = np.array([0.012, 0.138, -0.045])
"""Where the hair of the crown turns."""
_MIDDLE = np.array([0.0, 0.045, 0.010])
_CORNER_DEG = (0, 25, 42, 58, 74, 88, 96, 112, 135, 180)
_LINE_M = (0.098, 0.094, 0.088, 0.066, 0.050, 0.014, 0.036, -0.004, -0.034, -0.044)
"""Height of the hairline: forehead, temple, before the ear, behind it, nape."""
SHELL, CARD = 0, 1


@dataclass(frozen=True, eq=False)
class Hair:
    """points, roots, normals, tangents: (X, 3), tangents from root to tip; faces (F, 3); uv (F, 3, 2): across and along
    the strands, v = 0 at the root; kind (F,): SHELL, opaque, or CARD, whose texture has holes."""

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
    `end_y`; lift_m: how far cards stand off the scalp, at their middle; field: how strands run; fuzz: how wild."""

    shell_m: float
    cards: int = 0
    width_m: float = 0.012
    length_m: float | None = 0.03
    end_y: float = -0.05
    lift_m: float = 0.006
    field: str = "whorl"
    fuzz: float = 0.15
    layers: int = 0
    knot: tuple[float, float, float] | None = None


STYLES: dict[str, Style] = {
    "shaved": Style(0.0),
    "receding": Style(0.003, cards=260, length_m=0.024, lift_m=0.005),
    "short": Style(0.005, cards=420, length_m=0.034, lift_m=0.009, fuzz=0.22),
    "side_part": Style(0.006, cards=420, width_m=0.014, length_m=0.062, lift_m=0.013, field="part", fuzz=0.12),
    "curly": Style(0.011, layers=4, lift_m=0.020),
    "bob": Style(0.006, cards=300, width_m=0.016, length_m=None, end_y=-0.062, lift_m=0.015, field="part", fuzz=0.06),
    "long": Style(0.006, cards=320, width_m=0.017, length_m=None, end_y=-0.190, lift_m=0.015, field="part", fuzz=0.07),
    "ponytail": Style(0.004, cards=240, width_m=0.013, length_m=0.16, lift_m=0.005, field="knot", fuzz=0.03,
                      knot=(0.0, 0.075, -0.112)),
    "bun": Style(0.004, cards=240, width_m=0.013, length_m=0.16, lift_m=0.005, field="knot", fuzz=0.03,
                 knot=(0.0, 0.128, -0.085)),
}  # fmt: skip


def hairline_m(theta: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Height (metres in the head frame) above which hair grows at azimuth theta (radians)."""
    angle = np.abs(np.degrees(theta))
    line = np.interp(angle, _CORNER_DEG, _LINE_M) + hairline * (angle < 60)
    if style == "receding":
        line = line + 0.012 * (angle < 62) + 0.016 * np.exp(-(((angle - 34) / 13) ** 2))
    return line


def hair_share(theta: np.ndarray, y: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Share of hair in [0, 1] at azimuth theta and height y of the mean head, soft over a centimetre."""
    u = np.clip((y - hairline_m(theta, hairline, style)) / 0.010 + 0.5, 0, 1)
    return u * u * (3 - 2 * u)


@lru_cache(maxsize=16)
def hair(style: str, hairline: float, variant: int) -> Hair | None:
    """The hair of a style, None where none stands off the skin; variant draws where single strands stand."""
    if style == "bald":
        return None
    form = STYLES[style]
    rng = np.random.default_rng((variant, 0x4A12))
    if form.shell_m == 0.0:
        return None
    pieces = [_shell(form.shell_m, hairline, style, 0.0, SHELL)]
    for k in range(form.layers):
        height = form.shell_m + form.lift_m * (k + 1) / form.layers
        pieces.append(_shell(height, hairline, style, (k + 1) / form.layers, CARD))
    if form.cards:
        pieces.append(_cards(form, hairline, style, rng))
    if form.knot is not None:
        pieces.append(_bun(np.array(form.knot)) if style == "bun" else _tail(np.array(form.knot), rng))
    return _join(pieces)


def _join(pieces: list[Hair]) -> Hair:
    first = np.cumsum([0] + [len(p.points) for p in pieces])
    faces = np.concatenate([p.faces + o for p, o in zip(pieces, first, strict=False)])
    rest = {n: np.concatenate([getattr(p, n) for p in pieces]) for n in ("points", "roots", "normals", "tangents")}
    return Hair(**rest, faces=faces, uv=np.concatenate([p.uv for p in pieces]),
                kind=np.concatenate([p.kind for p in pieces]))  # fmt: skip


def _grid(points: np.ndarray, roots: np.ndarray, uv: np.ndarray, kind: int, outward: np.ndarray) -> Hair:
    """Cards of (N, rows, columns) vertices; `outward` (N, rows, columns, 3) decides the normals' side."""
    n, rows, columns, _ = points.shape
    along = np.gradient(points, axis=1)
    across = np.gradient(points, axis=2)
    tangent = _unit(along)
    normal = _unit(np.cross(across, along))
    normal *= np.where((normal * outward).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    # Cards shade like the volume they stand for: half their own normal, half the head's.
    normal = _unit(normal + outward)
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


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def _line_s(theta: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Descent s of the hairline at azimuths theta (N,)."""
    s = np.radians(np.linspace(88, -44, 160))
    height = surface.point(theta[:, None], s[None])[..., 1]
    wanted = hairline_m(theta, hairline, style)
    return np.array([np.interp(-w, -h, s) for w, h in zip(wanted, height, strict=True)])


def _shell(height: float, hairline: float, style: str, layer: float, kind: int) -> Hair:
    """A cap on the scalp that ends at the hairline; a layer over another (0 to 1) reaches less far."""
    theta = np.radians(np.linspace(-180, 180, 65))
    v = np.linspace(0, 1, 19) ** 0.9
    line = _line_s(theta, hairline - 0.0015, style)
    s = np.pi / 2 - 1e-4 - v[:, None] * (np.pi / 2 - 1e-4 - line[None])
    grid = np.broadcast_to(theta, s.shape)
    base = surface.point(grid, s)
    outward = _unit(base - _MIDDLE)
    rise = np.clip((1 - v[:, None]) / 0.22, 0, 1) ** 0.6
    bumps = 0.0
    if style == "curly":
        bumps = 0.16 * np.sin(13 * grid + 4 * s) * np.sin(17 * s + 3 * np.sin(5 * grid))
        # The last column is the first again: a bump must not tear the seam.
        bumps = bumps * np.minimum(1, (np.pi - np.abs(grid)) / 0.2)
    points = base + outward * (height * rise * (1 + bumps))[..., None] - outward * 0.0006
    u = (grid + np.pi) / (2 * np.pi) * 6 + 0.37 * layer
    along = np.broadcast_to(v[:, None] * 2 + 0.29 * layer, u.shape)
    cap = _grid(points[None], base[None], np.stack([u, along], -1)[None], kind, outward[None])
    if kind == SHELL:
        # The hem is ragged: its last rows are cards whose strands thin out towards the hairline.
        row = np.broadcast_to(v[:, None], s.shape).ravel()[cap.faces]
        hem = row.min(1) > 0.76
        cap.kind[hem] = CARD
        cap.uv[hem, :, 1] = 0.30 + 0.68 * (row[hem] - 0.76) / 0.24
    return cap


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
    return np.maximum(table, np.roll(table, 1, 1)) + ear


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


def _field(form: Style, p: np.ndarray, part_x: float) -> np.ndarray:
    """Directions (N, 3) in which strands run at points p."""
    if form.field == "knot":
        assert form.knot is not None
        return _unit(np.array(form.knot) - p)
    if form.field == "part":
        top = np.clip((p[:, 1] - 0.095) / 0.035, 0, 1)
        side = np.where(p[:, 0] > part_x, 1.0, -1.0)
        back = np.clip((0.02 - p[:, 2]) / 0.06, 0, 1)
        ahead = np.clip((p[:, 2] - 0.06) / 0.04, 0, 1)
        return _unit(
            np.stack(
                [side * top * (1 - 0.5 * back), -0.25 - (1 - top), -0.35 * top - 0.5 * ahead - 0.5 * back * top], 1
            )
        )
    away = _unit(p - WHORL)
    turn = np.cross(_unit(p - _MIDDLE), away)
    forward = np.clip((p[:, 1] - 0.10) / 0.03, 0, 1)[:, None] * np.array([0.0, 0.0, 0.5])
    return _unit(away + 0.35 * turn + forward + np.array([0.0, -0.35, 0.0]))


def _roots(count: int, hairline: float, style: str, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) points of the scalp, evenly spread, more along the border."""
    trial = _unit(rng.normal(size=(7 * count, 3)))
    theta, s = np.arctan2(trial[:, 0], trial[:, 2]), np.arcsin(trial[:, 1])
    points = surface.point(theta, np.maximum(s, chart.TURN))
    inside = hair_share(theta, points[:, 1] - 0.003, hairline, style) > 0.8
    return points[inside & (s > chart.TURN)][:count]


def _cards(form: Style, hairline: float, style: str, rng: np.random.Generator) -> Hair:
    """Cards along strands that march over the scalp and fall free below it."""
    rows = 7 if form.length_m is not None and form.length_m < 0.05 else 12
    p = _roots(form.cards, hairline, style, rng)
    n = len(p)
    part_x = 0.0 if form.field != "part" else 0.024
    length = np.full(n, form.length_m) if form.length_m is not None else np.maximum(p[:, 1] - form.end_y, 0.03) * 1.25
    length = length * rng.uniform(0.8, 1.15, n)
    layer = rng.uniform(0.25, 1.0, n)
    wild = form.fuzz * rng.normal(size=(n, 3))
    anchors, path = [p], []
    on_skull = np.ones(n, bool)
    for k in range(rows):
        t = k / (rows - 1)
        gap = form.shell_m * 0.7 + form.lift_m * layer * np.sin(np.pi * min(0.18 + 0.62 * t, 1.0))
        outward = _unit(p - _MIDDLE)
        path.append(np.where(on_skull[:, None], p + outward * gap[:, None], _keep_out(p, gap)))
        d = _field(form, p, part_x) + wild
        d -= outward * np.maximum((d * outward).sum(1, keepdims=True), -10) * on_skull[:, None]
        falling = np.array([0.0, -1.0, 0.0]) + 0.4 * wild
        d = np.where(on_skull[:, None], _unit(d), _unit(falling))
        p = p + d * (length / (rows - 1))[:, None]
        theta, s, _ = chart.locate(p)
        held = surface.point(theta, np.maximum(s, chart.NECK))
        on_skull &= p[:, 1] > np.where(np.abs(theta) > 1.9, -0.01, 0.018)
        p = np.where(on_skull[:, None], held, _keep_out(p, np.zeros(n)))
        anchors.append(np.where(on_skull[:, None], p, anchors[-1]))
    strands = np.stack(path, 1)
    free = ~_in_face(strands, hairline, style)
    return _ribbons(strands[free], np.stack(anchors[:-1], 1)[free], form.width_m, layer[free], rng)


def _in_face(path: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Which strands (N, rows, 3) would hang before the face."""
    theta = np.arctan2(path[..., 0], path[..., 2])
    y, angle = path[..., 1], np.abs(np.degrees(theta))
    low = (y < hairline_m(theta, hairline, style) - 0.004) & (y > -0.10)
    return (low & (angle < np.interp(y, (-0.1, 0.0, 0.06, 0.09), (50, 62, 58, 40)))).any(1)


def _ribbons(path: np.ndarray, anchors: np.ndarray, width: float, layer: np.ndarray, rng: np.random.Generator) -> Hair:
    """Cards three vertices wide along paths (N, rows, 3), arched across, their tips narrower."""
    n, rows, _ = path.shape
    outward = _unit(path - _MIDDLE - np.array([0.0, 1.0, 0.0]) * np.minimum(path[..., 1:2] - 0.045, 0))
    along = _unit(np.gradient(path, axis=1))
    across = _unit(np.cross(outward, along))
    taper = np.interp(np.linspace(0, 1, rows), (0, 0.25, 0.7, 1), (0.8, 1, 0.95, 0.5))
    half = 0.5 * width * taper[None, :, None] * rng.uniform(0.75, 1.25, (n, 1, 1))
    left: np.ndarray = path - across * half
    right: np.ndarray = path + across * half
    middle = path + outward * 0.10 * half
    points = np.stack([left, middle, right], axis=2)
    u = rng.uniform(0, 1, (n, 1, 1)) + np.array([0.0, 0.0625, 0.125])
    v = np.linspace(0.02, 0.98, rows)[None, :, None]
    uv = np.stack(np.broadcast_arrays(u, v), -1)
    sides = np.broadcast_to(outward[:, :, None], points.shape)
    roots = np.broadcast_to(anchors[:, :, None], points.shape)
    return _grid(points, roots, uv, CARD, sides)


def _bun(knot: np.ndarray) -> Hair:
    """A coil behind the crown: a ball whose strands wind round it."""
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0.02, np.pi - 0.02, 13), indexing="ij")
    axis = _unit(knot - _MIDDLE)
    right = _unit(np.cross([0.0, 0.0, 1.0], axis))
    ahead = np.cross(axis, right)
    ridge = 1 + 0.05 * np.sin(3 * turn + 6 * tilt)
    flat = np.sin(tilt) * ridge * 0.036
    outward = flat[..., None] * (np.cos(turn)[..., None] * right + np.sin(turn)[..., None] * ahead)
    points = knot + outward + (0.028 * np.cos(tilt) + 0.012)[..., None] * axis
    uv = np.stack([tilt / np.pi * 3, turn / np.pi], -1)
    root = np.broadcast_to(knot - 0.01 * axis, points.shape)
    return _grid(points[None], root[None], uv[None], SHELL, _unit(points - knot)[None])


def _tail(knot: np.ndarray, rng: np.random.Generator) -> Hair:
    """A tail of cards that leaves the knot backward and falls."""
    n, rows = 46, 12
    t = np.linspace(0, 1, rows)[None, :, None]
    spread = rng.normal(size=(n, 1, 3)) * np.array([0.013, 0.009, 0.013])
    length = 0.19 * rng.uniform(0.8, 1.1, (n, 1, 1))
    back = np.array([0.0, 0.010, -0.050]) * np.sin(np.pi * np.minimum(t * 1.1, 1) * 0.5)
    path = knot + spread * (0.35 + t) + back + np.array([0.0, -1.0, 0.12]) * length * t**1.5
    anchors = np.broadcast_to(knot, path.shape)
    return _ribbons(path, anchors, 0.016, np.ones(n), rng)
