"""Pictures of the built-in head: its look, its mesh and a camera become frames with depth and region ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from talkie.heads.builtin import BuiltinHead
from talkie.heads.builtin.assembly import PARTS, neutral_mesh
from talkie.render.look import Look
from talkie.render.raster import rasterise
from talkie.render.shading import EYE, PLAIN, SKIN, shade, to_display, vertex_normals
from talkie.render.texture import hair_mask, skin_texture

_TOOTH, _GUM, _TONGUE, _BAG = (0.62, 0.58, 0.50), (0.42, 0.16, 0.15), (0.40, 0.13, 0.12), (0.20, 0.055, 0.05)
_PLAIN_COLOURS = {
    "upper_teeth": _TOOTH,
    "lower_teeth": _TOOTH,
    "upper_gum": _GUM,
    "lower_gum": _GUM,
    "tongue": _TONGUE,
    "mouth_bag": _BAG,
}
_EYEBALLS = ("left_eyeball", "right_eyeball")


@dataclass(frozen=True)
class Frame:
    """rgb: (H, W, 3) uint8; depth: (H, W) float32 metres along the optical axis, infinity where nothing is;
    part: (H, W) int16 indices into `talkie.heads.builtin.assembly.PARTS`, -1 where nothing is."""

    rgb: np.ndarray
    depth: np.ndarray
    part: np.ndarray


class HeadRenderer:
    """Renders one look; what does not change between frames is made once."""

    def __init__(self, model: BuiltinHead, look: Look):
        mesh = neutral_mesh()
        self.look = look
        self._faces = np.ascontiguousarray(mesh.faces, np.int64)
        self._uv = model.uv
        self._part = mesh.part[mesh.faces[:, 0]].astype(np.int16)
        self._kind = _kinds(self._part)
        self._colour = _colours(self._part, look)
        self._local = _eye_directions()
        self._open = _light_share()
        self._texture = skin_texture(look)
        self._hair_m = look.hair_m * hair_mask(mesh.theta, mesh.positions, look) * (mesh.part == PARTS.index("skin"))
        self._backgrounds: dict[int, np.ndarray] = {}

    def render(
        self, vertices: np.ndarray, K: np.ndarray, R: np.ndarray, t: np.ndarray, size: int = 256, supersample: int = 2
    ) -> np.ndarray:
        """(size, size, 3) uint8 RGB of world vertices (V, 3); camera as in `talkie.heads.camera`, pixels of `size`."""
        return self.frame(vertices, K, R, t, size, supersample).rgb

    def frame(
        self, vertices: np.ndarray, K: np.ndarray, R: np.ndarray, t: np.ndarray, size: int = 256, supersample: int = 2
    ) -> Frame:
        """The same with depth and parts, sampled at the centre of each pixel's first subpixel."""
        points = np.ascontiguousarray(vertices, np.float64)
        normals = vertex_normals(points, self._faces)
        points = points + self._hair_m[:, None] * normals
        camera = points @ np.asarray(R, np.float64).T + np.asarray(t, np.float64)
        image = camera @ np.asarray(K, np.float64).T
        pixels = np.concatenate([supersample * image[:, :2] / image[:, 2:], camera[:, 2:]], 1)
        triangle, weights, depth = rasterise(pixels, self._faces, size * supersample)
        canvas = self._background(size * supersample).copy()
        look = self.look
        shade(
            triangle, weights, self._faces, points, normals, self._uv, self._kind, self._colour, self._local,
            self._open, self._texture, _array(look.iris), -np.asarray(R, np.float64).T @ np.asarray(t, np.float64),
            _array(look.key), look.key_power, _array(look.sky), _array(look.ground), canvas,
        )  # fmt: skip
        first = triangle[::supersample, ::supersample]
        part = np.where(first >= 0, self._part[first], np.int16(-1))
        return Frame(to_display(canvas, supersample), depth[::supersample, ::supersample], part)

    def _background(self, size: int) -> np.ndarray:
        """(size, size, 3) float32: a wall with a gradient and the blur of things on it."""
        if size not in self._backgrounds:
            rng = np.random.default_rng((self.look.seed, 0xBAC6))
            high, low = (np.array(c) for c in self.look.background)
            blobs = gaussian_filter(rng.normal(size=(64, 64)), 6.0)
            blobs = np.kron(blobs / blobs.std(), np.ones((-(-size // 64),) * 2))[:size, :size]
            share = np.linspace(0, 1, size)[:, None] + 0.18 * gaussian_filter(blobs, size / 64)
            wall = high + (low - high) * np.clip(share, 0, 1)[..., None]
            self._backgrounds[size] = np.ascontiguousarray(wall, np.float32)
        return self._backgrounds[size]


def render_head(
    model: BuiltinHead,
    vertices_world: np.ndarray,
    look: Look,
    K: np.ndarray,
    R: np.ndarray,
    t: np.ndarray,
    size: int = 256,
    supersample: int = 2,
) -> np.ndarray:
    """One picture, (size, size, 3) uint8 RGB; for many of one look keep a HeadRenderer."""
    return HeadRenderer(model, look).render(vertices_world, K, R, t, size, supersample)


def _array(values: tuple[float, float, float]) -> np.ndarray:
    return np.array(values, np.float32)


def _kinds(part: np.ndarray) -> np.ndarray:
    kind = np.full(len(part), SKIN, np.int64)
    kind[np.isin(part, [PARTS.index(n) for n in _EYEBALLS])] = EYE
    kind[np.isin(part, [PARTS.index(n) for n in (*_PLAIN_COLOURS, "left_ear", "right_ear", "lid_edges")])] = PLAIN
    return kind


def _colours(part: np.ndarray, look: Look) -> np.ndarray:
    """(F, 3) colours of the faces that have no texture."""
    skin = np.array(look.skin)
    named = {
        **_PLAIN_COLOURS,
        "left_ear": skin * [1.02, 0.88, 0.86],
        "right_ear": skin * [1.02, 0.88, 0.86],
        "lid_edges": skin * [0.85, 0.60, 0.58],
    }
    table = np.zeros((len(PARTS), 3), np.float32)
    for name, colour in named.items():
        table[PARTS.index(name)] = colour
    return table[part]


def _eye_directions() -> np.ndarray:
    """(V, 3): for eyeball vertices the direction from the eyeball's centre at rest, else zeros."""
    mesh = neutral_mesh()
    local = np.zeros((len(mesh.positions), 3))
    for name in _EYEBALLS:
        at = mesh.part_vertices(name)
        middle = (mesh.positions[at].min(0) + mesh.positions[at].max(0)) / 2
        local[at] = mesh.positions[at] - middle
    return local


def _light_share() -> np.ndarray:
    """(V,): share of light that reaches a vertex: less deep in the mouth and under the upper lids."""
    mesh = neutral_mesh()
    share = np.ones(len(mesh.positions))
    inside = mesh.part_vertices(*_PLAIN_COLOURS)
    share[inside] = np.clip((mesh.positions[inside, 2] - 0.045) / 0.058, 0.04, 0.95) ** 1.4
    for name in _EYEBALLS:
        at = mesh.part_vertices(name)
        up = mesh.positions[at, 1] - mesh.positions[at, 1].mean()
        share[at] = np.clip(0.95 - np.maximum(up - 0.002, 0) / 0.009, 0.35, 1)
    return share
