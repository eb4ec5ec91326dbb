"""Costumes: what an actor looks like, static: faces, paint, materials, and what hangs on the body; nothing moves here.

`dressing.dressed_head` makes one for a head; `prop` one for any mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.render.look import Colour

SKIN, EYE, PLAIN, HAIR, CLOTH, WET = range(6)
"""Kinds of surface that `shading.shade` knows."""
CHANNELS = 7
"""Of a texel: linear r, g, b; alpha (cut-outs); gloss (share of the material's, or shift of a strand's highlight);
slope of the fine relief along u and v."""


@dataclass(frozen=True, eq=False)
class Material:
    """texture: (h, w, CHANNELS) float32; gloss: strength and exponent of the highlight; bump: how far the texture's
    relief tilts normals; cutout: texels with alpha below a half are not there."""

    kind: int
    texture: np.ndarray
    gloss: float = 0.0
    exponent: float = 20.0
    bump: float = 0.0
    cutout: bool = False


@dataclass(frozen=True, eq=False)
class Binding:
    """Vertices that hang on others (hair, lashes). anchors (X, 3) and weights (X, 3): the point of the body each
    belongs to; offset, normal, tangent (X, 3): from there, at rest; frame (S,) body vertices and solver (S, 3), the
    pseudo-inverse of their centred rest places, give the linear map by which offsets turn and stretch."""

    anchors: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    normal: np.ndarray
    tangent: np.ndarray
    frame: np.ndarray
    solver: np.ndarray

    def place(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, unit normals and unit tangents (X, 3) for body vertices (V, 3)."""
        at = vertices[self.frame]
        turn = (at - at.mean(0)).T @ self.solver
        roots = (vertices[self.anchors] * self.weights[..., None]).sum(1)
        return roots + self.offset @ turn.T, _units(self.normal @ turn.T), _units(self.tangent @ turn.T)


@dataclass(frozen=True, eq=False)
class Mouth:
    """depth: (V,) how deep in the mouth a vertex lies, from 0 at the lips to 1 at the throat, negative elsewhere;
    upper, lower: corners (3,) and weights (3,) of the points whose distance is the mouth's opening."""

    depth: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]
    lower: tuple[np.ndarray, np.ndarray]

    def light_share(self, vertices: np.ndarray) -> np.ndarray:
        """(V,) share of the light that reaches a vertex: 1 outside, little in a mouth that is hardly open."""
        gap = _point(vertices, *self.upper) - _point(vertices, *self.lower)
        opening = np.clip(np.linalg.norm(gap) / 0.016, 0, 1)
        inside = (0.30 + 0.62 * opening) * np.clip(1 - self.depth, 0, 1) ** (3.2 - 1.2 * opening)
        return np.where(self.depth < 0, 1.0, inside)


@dataclass(frozen=True, eq=False)
class Lids:
    """eyeball: (N,) vertices of one eye; corners (M, 3) and weights (M, 3): the contour of its upper and lower lid;
    reach: (M,) metres over which each point of it darkens the eyeball, strength (M,) how much."""

    eyeball: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    reach: np.ndarray
    strength: np.ndarray

    def light_share(self, vertices: np.ndarray) -> np.ndarray:
        """(N,) share of the light that the lids leave to the eyeball's vertices."""
        contour = (vertices[self.corners] * self.weights[..., None]).sum(1)
        far = np.linalg.norm(vertices[self.eyeball][:, None] - contour[None], axis=-1)
        return 1 - (self.strength * np.exp(-((far / self.reach) ** 2))).max(1)


@dataclass(frozen=True, eq=False)
class Costume:
    """What an actor looks like.

    faces: (F, 3) int64 into `vertex_count` body vertices followed by those of `bindings`; part: (F,) int16 into
    part_names; uv: (F, 3, 2) the label coordinates, paint: (F, 3, 2) those of the face's material; material: (F,) into
    materials; occlusion: (vertices,) share of the ambient light that reaches each vertex, hair's included."""

    name: str
    vertex_count: int
    faces: np.ndarray
    part: np.ndarray
    part_names: tuple[str, ...]
    uv: np.ndarray
    paint: np.ndarray
    material: np.ndarray
    materials: tuple[Material, ...]
    occlusion: np.ndarray
    body_faces: int
    bindings: tuple[Binding, ...] = ()
    mouth: Mouth | None = None
    lids: tuple[Lids, ...] = ()

    def light_share(self, vertices: np.ndarray) -> np.ndarray:
        """(all vertices,) share of the light by occlusion, mouth and lids, for body vertices (V, 3)."""
        share = self.occlusion.copy()
        if self.mouth is not None:
            share[: self.vertex_count] *= self.mouth.light_share(vertices)
        for lids in self.lids:
            share[lids.eyeball] *= lids.light_share(vertices)
        return share


def prop(
    faces: np.ndarray,
    uv: np.ndarray | None = None,
    texture: np.ndarray | None = None,
    colours: np.ndarray | Colour | None = None,
    name: str = "prop",
    gloss: float = 0.08,
    exponent: float = 30.0,
) -> Costume:
    """The costume of a thing: either `texture` (h, w, 3) linear RGB in [0, 1] under `uv` (F, 3, 2), or `colours`, one
    (3,) or one a face (F, 3). faces: (F, 3) into its vertices. Raises BadInput where shapes do not fit together."""
    faces = np.ascontiguousarray(faces, np.int64)
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise BadInput(f"faces of shape {faces.shape}, expected (F, 3)", where=name)
    if (texture is None) == (colours is None):
        raise BadInput("a prop has either a texture or colours", where=name, cure="give one of the two")
    count = len(faces)
    paint = np.zeros((count, 3, 2), np.float32)
    if texture is not None:
        if uv is None or np.shape(uv) != (count, 3, 2):
            raise BadInput(
                f"uv of shape {getattr(uv, 'shape', None)}, expected {(count, 3, 2)} for a texture", where=name
            )
        paint, patch = np.asarray(uv, np.float32), texels(np.asarray(texture))
    else:
        table = np.atleast_2d(np.asarray(colours, np.float32))
        if table.shape not in ((1, 3), (count, 3)):
            raise BadInput(f"colours of shape {table.shape}, expected (3,) or {(count, 3)}", where=name)
        patch = texels(table[:, None])
        if len(table) > 1:
            paint[..., 1] = ((np.arange(count) + 0.5) / count)[:, None]
    label = np.zeros((count, 3, 2), np.float32) if uv is None else np.asarray(uv, np.float32)
    vertices = int(faces.max()) + 1
    return Costume(
        name=name,
        vertex_count=vertices,
        faces=faces,
        part=np.zeros(count, np.int16),
        part_names=(name,),
        uv=label,
        paint=paint,
        material=np.zeros(count, np.int16),
        materials=(Material(PLAIN, patch, gloss, exponent),),
        occlusion=np.ones(vertices, np.float32),
        body_faces=count,
    )


def texels(
    colour: np.ndarray,
    alpha: np.ndarray | float = 1.0,
    gloss: np.ndarray | float = 1.0,
    relief: np.ndarray | None = None,
) -> np.ndarray:
    """(h, w, CHANNELS) float32 of colour (h, w, 3), alpha and gloss (h, w) or one number, and a height field (h, w)
    in texels whose slopes become the relief."""
    height, width = colour.shape[:2]
    out = np.zeros((height, width, CHANNELS), np.float32)
    out[..., :3], out[..., 3], out[..., 4] = colour, alpha, gloss
    if relief is not None:
        out[..., 5] = 0.5 * (np.roll(relief, -1, 1) - np.roll(relief, 1, 1))
        out[1:-1, :, 6] = 0.5 * (relief[2:] - relief[:-2])
    return out


def plain_texels(colour: Colour | np.ndarray) -> np.ndarray:
    """One texel of one colour."""
    return texels(np.asarray(colour, np.float32).reshape(1, 1, 3))


def _point(vertices: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ vertices[corners]


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
