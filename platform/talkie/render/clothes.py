"""What is worn: a garment over the shoulders with a neckline, glasses, and lashes; geometry over the built-in head."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from talkie.heads.builtin import chart, features, surface
from talkie.heads.builtin.assembly import neutral_mesh
from talkie.render.costume import CLOTH, HAIR, PLAIN, Material, plain_texels, texels
from talkie.render.hung import Hung
from talkie.render.look import Look
from talkie.render.paint_parts import cloth_texture


def garment(look: Look, material: int) -> Hung:
    """Cloth from the neckline down, a few millimetres off the skin, its edge rolled in; `material` of its texture."""
    points, roots, normals, uv, faces = _garment(look.neckline)
    free = np.ones(len(points))
    return Hung(
        points, roots, normals, np.zeros_like(points), faces, uv, np.full(len(faces), material), "cloth", free,
        "shoulders",
    )  # fmt: skip


@lru_cache(maxsize=8)
def _garment(neckline: str) -> tuple[np.ndarray, ...]:
    theta = np.radians(np.linspace(-180, 180, 81))
    angle = np.abs(np.degrees(theta))
    top = {
        "round": np.interp(angle, (0, 50, 110, 180), (-122, -112, -99, -96)),
        "v": np.interp(angle, (0, 14, 45, 110, 180), (-141, -132, -112, -98, -95)),
        "collar": np.interp(angle, (0, 9, 40, 110, 180), (-108, -95, -86, -83, -82)),
        "roll": np.full_like(angle, -78.0),
    }[neckline]
    # Rows: turned under the edge, the edge, then down to below the shoulders.
    v = np.concatenate([[0.0, 0.0, 0.012], np.linspace(0.04, 1, 16)])
    height = np.interp(v, (0, 0.012, 0.04, 0.2, 1), (0.0030, 0.0052, 0.0048, 0.0045, 0.0050))
    height[0] = -0.0035
    if neckline in ("collar", "roll"):
        height = height + 0.004 * np.exp(-((v / 0.10) ** 2)) * (height > 0)
    s = np.radians(top)[None] + v[:, None] * (chart.LOWEST - np.radians(top)[None])
    grid = np.broadcast_to(theta, s.shape)
    base = surface.point(grid, s)
    du = np.gradient(base, axis=1)
    dv = np.gradient(surface.point(grid, np.maximum(s, chart.LOWEST)) + 0.0, axis=0)
    normal = np.cross(dv, du)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    normal[0] = normal[1] = normal[2]
    points = base + normal * height[:, None, None]
    rows, columns = s.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (i.ravel() for i in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, d, b], 1), np.stack([b, d, c], 1)])
    uv = np.stack([(grid + np.pi) / (2 * np.pi) * 4, np.broadcast_to(v[:, None], s.shape)], -1).reshape(-1, 2)[faces]
    shade = normal.copy()
    shade[0] *= -1
    return points.reshape(-1, 3), base.reshape(-1, 3), shade.reshape(-1, 3), uv, faces


def garment_material(look: Look) -> Material:
    return Material(CLOTH, cloth_texture(look), bump=0.4)


def lash_material() -> Material:
    """Single lashes on a cut-out card: u along the lid (one repeat a lash group), v from root to tip."""
    rows, columns, count = 64, 256, 19
    alpha = np.zeros((rows, columns))
    rng = np.random.default_rng(0x1A54)
    v = np.arange(rows)
    for k in range(count):
        tip = int(rng.integers(34, rows))
        lean = rng.uniform(-9, 9)
        middle = (k + rng.uniform(0.3, 0.7)) * columns / count + lean * (v / rows) ** 2
        half = np.interp(v, (0, tip), (3.6, 0.8))
        for i in range(tip):
            alpha[i, np.arange(int(middle[i] - half[i]), int(middle[i] + half[i]) + 1) % columns] = 1.0
    return Material(HAIR, texels(np.full((rows, columns, 3), 0.008), alpha, 0.5), 0.02, 20.0, cutout=True)


def lashes(look: Look, material: int) -> list[Hung]:
    """Lashes of both upper lids, and short thin ones of the lower, rooted on the lids' rims and turning with them."""
    mesh = neutral_mesh()
    out = []
    for rim, side in zip(mesh.skin.lid_rims, (1.0, -1.0), strict=True):
        n = len(rim)
        out.append(_lash_card(mesh.positions[rim[: n // 2 + 1]], side, 0.0064 * look.lashes, 0.55, 0.0, material))
        # The lower ones begin further along the texture, where lashes are thin and few.
        out.append(_lash_card(mesh.positions[rim[n // 2 :]], side, 0.0030 * look.lashes, -0.75, 0.5, material))
    return out


def _lash_card(roots: np.ndarray, side: float, length: float, up: float, first_v: float, material: int) -> Hung:
    centre = features.EYE_CENTRE * np.array([side, 1, 1])
    away = roots - centre
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    t = np.linspace(0, 1, len(roots))
    size = length * np.clip(np.sin(np.pi * (0.06 + 0.9 * t)), 0.25, 1)[:, None] ** 0.6
    lift = np.array([0.0, up, 0.0])
    # Lashes fan out: those at the eye's outer corner point outward.
    fan = np.array([0.35, 0.0, 0.0]) * (roots[:, :1] - centre[0]) / features.EYE_RADIUS_M
    rows = [roots - 0.0003 * away]
    for share in (0.5, 1.0):
        rows.append(roots + size * share * (0.75 * away + fan + lift * share * 0.9))
    points = np.stack(rows)
    count = len(roots)
    index = np.arange(3 * count).reshape(3, count)
    a, b, c, d = (i.ravel() for i in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, d, b], 1), np.stack([b, d, c], 1)])
    v = first_v + np.array([[0.0], [0.5], [0.99]]) * (1 - first_v)
    uv = np.stack([np.broadcast_to(t * 3, (3, count)), np.broadcast_to(v, (3, count))], -1).reshape(-1, 2)[faces]
    tangent = np.broadcast_to(away, points.shape).reshape(-1, 3)
    flat = points.reshape(-1, 3)
    every = np.broadcast_to(roots, points.shape).reshape(-1, 3).copy()
    kinds = np.full(len(faces), material)
    ball = "left_eyeball" if side > 0 else "right_eyeball"
    return Hung(
        flat, every, tangent.copy(), tangent.copy(), faces, uv, kinds, "lashes", np.ones(len(flat)), hinge=ball
    )  # fmt: skip


def glasses_material(look: Look) -> Material:
    rng = np.random.default_rng((look.seed, 0x61A5))
    tone = rng.choice([0.01, 0.06, 0.25]) * np.array([1.0, rng.uniform(0.5, 1), rng.uniform(0.3, 1)])
    return Material(PLAIN, plain_texels(tone), 0.5, 90.0)


@lru_cache(maxsize=1)
def _glasses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and faces of rims, bridge and temples: tubes along curves."""
    ex, ey, ez = features.EYE_CENTRE
    turn = np.linspace(0, 2 * np.pi, 41)
    soft = 1 / (np.abs(np.cos(turn)) ** 3 + np.abs(np.sin(turn)) ** 3) ** (1 / 3)
    curves = []
    for side in (1.0, -1.0):
        x = ex + 0.024 * soft * np.cos(turn)
        curves.append(
            np.stack([side * x, ey - 0.004 + 0.019 * soft * np.sin(turn), ez + 0.036 - 6.0 * (x - 0.008) ** 2], 1)
        )
        hinge = np.array([ex + 0.024, ey + 0.004, ez + 0.036 - 6.0 * (ex + 0.016) ** 2])
        path = np.array(
            [hinge, hinge + np.array([0.011, 0, -0.012]), [0.0815, ey + 0.006, 0.02], [0.0815, ey + 0.002, -0.012]]
        )
        curves.append(_polyline(path) * [side, 1, 1])
    arch = np.linspace(-1, 1, 9)
    curves.append(np.stack([0.0085 * arch, ey + 0.003 + 0.003 * (1 - arch**2), np.full(9, ez + 0.036)], 1))
    points, normals, faces, first = [], [], [], 0
    for curve in curves:
        p, n, f = _tube(curve, 0.0013)
        points.append(p)
        normals.append(n)
        faces.append(f + first)
        first += len(p)
    return np.concatenate(points), np.concatenate(normals), np.concatenate(faces)


def _polyline(path: np.ndarray) -> np.ndarray:
    return np.concatenate([a + (b - a) * np.linspace(0, 1, 5)[:, None] for a, b in itertools.pairwise(path)])


def _tube(curve: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    along = np.gradient(curve, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    other = np.cross(along, np.where(np.abs(along[:, 1:2]) > 0.9, [1.0, 0, 0], [0.0, 1.0, 0.0]))
    other /= np.maximum(np.linalg.norm(other, axis=1, keepdims=True), 1e-12)
    third = np.cross(along, other)
    turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    normal = np.cos(turn)[None, :, None] * other[:, None] + np.sin(turn)[None, :, None] * third[:, None]
    points = curve[:, None] + radius * normal
    index = np.arange(points.shape[0] * 6).reshape(-1, 6)
    nxt = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1].ravel(), nxt[:-1].ravel(), nxt[1:].ravel(), index[1:].ravel()
    faces = np.concatenate([np.stack([a, b, d], 1), np.stack([b, c, d], 1)])
    return points.reshape(-1, 3), normal.reshape(-1, 3), faces


def glasses(look: Look, material: int) -> Hung:
    """Glasses that sit on the bridge of the nose and turn with the skull."""
    points, normals, faces = _glasses()
    bridge = surface.point(np.array(0.0), np.array(np.radians(3.0)))
    roots = np.broadcast_to(bridge, points.shape).copy()
    uv = np.zeros((len(faces), 3, 2))
    kinds = np.full(len(faces), material)
    return Hung(points, roots, normals, np.zeros_like(points), faces, uv, kinds, "glasses", np.ones(len(points)))
