"""Costumes: what an actor looks like, static: faces, paint, materials, and what hangs on the body; nothing moves here.

`dressing.dressed_head` makes one for a head; `prop` one for any mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.render.look import Colour
from talkie.render.posing import hang, under_lids

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

    def place(self, vertices: np.ndarray, points: np.ndarray, normals: np.ndarray, tangents: np.ndarray) -> None:
        """Fill points, unit normals and unit tangents (X, 3) for body vertices (V, 3)."""
        at = vertices[self.frame]
        turn = np.ascontiguousarray((at - at.mean(0)).T @ self.solver)
        hang(
            vertices, self.anchors, self.weights, turn, self.offset, self.normal, self.tangent, points, normals,
            tangents,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Hinged(Binding):
    """A binding whose vertices also turn with their roots round a ball, as lashes do on a lid that slides over an eye.
    ball: (B,) body vertices of the ball; radial: (X, 3) from its middle to the roots, at rest."""

    ball: np.ndarray
    radial: np.ndarray

    def place(self, vertices: np.ndarray, points: np.ndarray, normals: np.ndarray, tangents: np.ndarray) -> None:
        at = vertices[self.frame]
        turn = (at - at.mean(0)).T @ self.solver
        roots = (vertices[self.anchors] * self.weights[..., None]).sum(1)
        ball = vertices[self.ball]
        before, now = _units(self.radial @ turn.T), _units(roots - (ball.min(0) + ball.max(0)) / 2)
        # The least rotation that carries one direction to the other (Rodrigues), a vertex each.
        axis, cosine = np.cross(before, now), (before * now).sum(1, keepdims=True)
        share = 1 / np.maximum(1 + cosine, 1e-3)

        def turned(vectors: np.ndarray) -> np.ndarray:
            v = vectors @ turn.T
            return v * cosine + np.cross(axis, v) + axis * (axis * v).sum(1, keepdims=True) * share

        points[:] = roots + turned(self.offset)
        normals[:], tangents[:] = _units(turned(self.normal)), _units(turned(self.tangent))


@dataclass(frozen=True, eq=False)
class Mouth:
    """depth: (V,) how deep in the mouth a vertex lies, from 0 at the lips to 1 at the throat, negative elsewhere;
    upper, lower: corners (3,) and weights (3,) of the points whose distance is the mouth's opening."""

    depth: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]
    lower: tuple[np.ndarray, np.ndarray]

    def light_share(self, vertices: np.ndarray) -> np.ndarray:
        """(V,) share of the light that reaches a vertex: 1 outside, least in the throat of a mouth hardly open.

        The walls are wet and pale: light that entered is reflected on, so that no place in an open mouth is black."""
        gap = _point(vertices, *self.upper) - _point(vertices, *self.lower)
        opening = np.clip(np.linalg.norm(gap) / 0.014, 0, 1)
        share, inside = np.ones(len(self.depth)), self.depth >= 0
        direct = (0.55 + 0.45 * opening) * np.clip(1 - self.depth[inside], 0, 1) ** (2.0 - 1.0 * opening)
        share[inside] = direct + (0.05 + 0.19 * opening) * (1 - direct)
        return share


@dataclass(frozen=True, eq=False)
class Lids:
    """eyeball: (N,) vertices of one eye; corners (M, 3) and weights (M, 3): the contour of its upper and lower lid;
    reach: (M,) metres over which each point of it darkens the eyeball, strength (M,) how much."""

    eyeball: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    reach: np.ndarray
    strength: np.ndarray

    def dim(self, share: np.ndarray, vertices: np.ndarray) -> None:
        """Lower share (V,) of the light at the eyeball's vertices to what the lids leave of it."""
        contour = (vertices[self.corners] * self.weights[..., None]).sum(1)
        under_lids(vertices, self.eyeball, contour, self.reach, self.strength, share)


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
            lids.dim(share, vertices)
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
