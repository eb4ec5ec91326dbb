"""Hair styles as geometry over the built-in mean head: a shell on the scalp with a ragged hem, under cards of strands.

Everything is in the head frame at rest, metres, with the point of the scalp each vertex hangs on; how strands run is in
strands.py, how hair follows a head and what colour it has is the renderer's business.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from talkie.heads.builtin import chart, surface
from talkie.heads.builtin.strands import (
    HEM,
    MIDDLE,
    SHELL,
    Hair,
    Style,
    bun,
    cards,
    coils,
    gathered,
    grid,
    ribbons,
    tail,
)
from talkie.heads.builtin.strands import unit as _unit

_CORNER_DEG = (0, 25, 42, 58, 74, 88, 96, 112, 135, 180)
_LINE_M = (0.105, 0.104, 0.094, 0.069, 0.050, 0.014, 0.036, -0.004, -0.034, -0.044)
"""Height of the hairline: forehead, temple, before the ear, behind it, nape."""
_HEM_FROM = 0.74
"""Share of the way from crown to hairline at which the hem begins."""

STYLES: dict[str, Style] = {
    "shaved": Style(0.0),
    "receding": Style(0.003, cards=250, length_m=0.024, lift_m=0.004),
    "short": Style(0.004, cards=400, length_m=0.034, lift_m=0.009, fuzz=0.22),
    "side_part": Style(0.005, cards=400, width_m=0.0135, length_m=0.066, lift_m=0.013, field="part", fuzz=0.10),
    "curly": Style(0.009, cards=440, width_m=0.012, lift_m=0.022, field="coil"),
    "bob": Style(0.005, cards=285, width_m=0.017, end_y=-0.060, lift_m=0.014, field="part", fuzz=0.05),
    "long": Style(0.005, cards=300, width_m=0.018, end_y=-0.185, lift_m=0.014, field="part", fuzz=0.06),
    "ponytail": Style(0.003, cards=240, width_m=0.014, lift_m=0.005, field="knot", knot=(0.0, 0.075, -0.112)),
    "bun": Style(0.003, cards=240, width_m=0.014, lift_m=0.005, field="knot", knot=(0.0, 0.128, -0.085)),
}


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
    """The hair of a style, None where none stands off the skin; variant draws where single strands stand and how
    short hair is combed."""
    if style == "bald" or STYLES[style].shell_m == 0.0:
        return None
    form = STYLES[style]
    rng = np.random.default_rng((variant, 0x4A12))
    pieces = [_shell(form.shell_m, hairline, style)]
    roots = _roots(form.cards, hairline, style, rng)
    if form.field == "coil":
        path, anchors, layer = coils(form, roots, rng)
    elif form.field == "knot":
        path, anchors, layer = gathered(form, roots, rng)
    else:
        path, anchors, layer = cards(form, roots, variant, rng)
    free = ~_in_face(path, hairline, style)
    pieces.append(ribbons(path[free], anchors[free], form.width_m, layer[free], rng))
    if form.knot is not None:
        pieces.append(bun(np.array(form.knot)) if style == "bun" else tail(np.array(form.knot), rng))
    return _join(pieces)


def _join(pieces: list[Hair]) -> Hair:
    first = np.cumsum([0] + [len(p.points) for p in pieces])
    faces = np.concatenate([p.faces + o for p, o in zip(pieces, first, strict=False)])
    rest = {n: np.concatenate([getattr(p, n) for p in pieces]) for n in ("points", "roots", "normals", "tangents")}
    return Hair(**rest, faces=faces, uv=np.concatenate([p.uv for p in pieces]),
                kind=np.concatenate([p.kind for p in pieces]))  # fmt: skip


def _line_s(theta: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Descent s of the hairline at azimuths theta (N,)."""
    s = np.radians(np.linspace(88, -44, 160))
    height = surface.point(theta[:, None], s[None])[..., 1]
    wanted = hairline_m(theta, hairline, style)
    return np.array([np.interp(-w, -h, s) for w, h in zip(wanted, height, strict=True)])


def _shell(height: float, hairline: float, style: str) -> Hair:
    """A cap on the scalp that sinks into the skin towards the hairline, where it thins out in a hem of single roots."""
    theta = np.radians(np.linspace(-180, 180, 65))
    v = np.linspace(0, 1, 19) ** 0.9
    line = _line_s(theta, hairline + 0.001, style)
    s = np.pi / 2 - 1e-4 - v[:, None] * (np.pi / 2 - 1e-4 - line[None])
    around = np.broadcast_to(theta, s.shape)
    base = surface.point(around, s)
    outward = _unit(base - MIDDLE)
    rise = np.clip((1 - v[:, None]) / 0.34, 0, 1)
    bumps = 0.0
    if style == "curly":
        bumps = 0.16 * np.sin(13 * around + 4 * s) * np.sin(17 * s + 3 * np.sin(5 * around))
        # The last column is the first again: a bump must not tear the seam.
        bumps = bumps * np.minimum(1, (np.pi - np.abs(around)) / 0.2)
    points = base + outward * (height * rise * (1 + bumps) + 0.0003)[..., None]
    u = (around + np.pi) / (2 * np.pi) * (2 if style == "curly" else 6)
    along = np.broadcast_to(v[:, None], u.shape)
    cap = grid(points[None], base[None], np.stack([u, along], -1)[None], SHELL, outward[None])
    row = along.ravel()[cap.faces]
    hem = row.min(1) > _HEM_FROM
    cap.kind[hem] = HEM
    cap.uv[hem, :, 1] = (row[hem] - _HEM_FROM) / (1 - _HEM_FROM)
    if STYLES[style].field == "part":
        # Combed from the parting to both sides: strands run round the head, at equal distance from its front.
        cap.uv[..., 0] = base[..., 2].ravel()[cap.faces] / 0.09
        cap.tangents[:] = _unit(np.cross([0.0, 0.0, 1.0], cap.normals))
    else:
        # Roots lean outward, unless hair is drawn straight back.
        lean = 0.10 if STYLES[style].field == "knot" else 0.40
        cap.uv[hem, :, 0] += lean * cap.uv[hem, :, 1] * np.sin(around.ravel()[cap.faces[hem]])
    return cap


def _roots(count: int, hairline: float, style: str, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) points of the scalp, evenly spread."""
    trial = _unit(rng.normal(size=(7 * count, 3)))
    theta, s = np.arctan2(trial[:, 0], trial[:, 2]), np.arcsin(trial[:, 1])
    points = surface.point(theta, np.maximum(s, chart.TURN))
    inside = hair_share(theta, points[:, 1] - 0.003, hairline, style) > 0.8
    return points[inside & (s > chart.TURN)][:count]


def _in_face(path: np.ndarray, hairline: float, style: str) -> np.ndarray:
    """Which strands (N, rows, 3) would hang before the face."""
    theta = np.arctan2(path[..., 0], path[..., 2])
    y, angle = path[..., 1], np.abs(np.degrees(theta))
    low = (y < hairline_m(theta, hairline, style) - 0.004) & (y > -0.10)
    return (low & (angle < np.interp(y, (-0.1, 0.0, 0.06, 0.09), (50, 62, 58, 40)))).any(1)
