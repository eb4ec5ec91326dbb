"""Films actors before a background: several costumes in one z-buffer become a picture with every label.

Pixels: pixel i covers [i, i + 1) and its labels are what the ray through its centre meets first. Colour and alpha
are means over `supersample` squared subpixels, the background shining through by coverage: alpha is exact for
the label-free question "how much of this pixel is actor", up to the subpixels' number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from talkie.errors import BadInput
from talkie.render.background import Background
from talkie.render.costume import Costume
from talkie.render.harmonics import LAMBERT_SCALES
from talkie.render.light import Light, unit
from talkie.render.posing import mark, project
from talkie.render.raster import empty_grid, guess, located, scan
from talkie.render.shading import ATTRIBUTES, SRGB, gather_light, resolve, shade, vertex_normals
from talkie.render.shadow import lit_share
from talkie.render.sheets import gather


@dataclass(frozen=True, eq=False)
class Surface:
    """The geometry that was filmed: points (N, 3) in the world of all actors one after another, hair included; faces
    (M, 3) into them; first_face, first_point: where each actor's begin (actors + 1); bodies: how many of an actor's
    points are its own vertices; K, R, t: the camera; holes: `cutout`, `paint`, `place` and `solid` of `raster.scan`,
    which say where a face of hair or lashes is not there."""

    points: np.ndarray
    faces: np.ndarray
    first_face: np.ndarray
    first_point: np.ndarray
    bodies: tuple[int, ...]
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    holes: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its labels, all (H, W, ...).

    rgb: uint8 sRGB; alpha: float32 in [0, 1], coverage. At pixel centres: depth float32, metres along the optical
    axis, infinite where nothing is; normal float32, unit, world frame, smooth over the surface, zero where nothing is;
    uv (2) float32, the costume's coordinates, zero where nothing is; part int16 into the actor's `part_names`, -1
    where nothing is; actor int16, -1; triangle int32, row of the actor's `faces`, -1; weights (3) float32,
    perspective-correct barycentric weights of its corners, zero where nothing is. `surface`: what was filmed."""

    rgb: np.ndarray
    depth: np.ndarray
    alpha: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    actor: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    surface: Surface


class SceneRenderer:
    """Films one cast in one light; what does not change between frames is put together once.

    Raises BadInput for an empty cast. `costumes` may hold one costume twice: two actors in the same dress."""

    def __init__(self, costumes: Sequence[Costume], light: Light, background: Background):
        if not costumes:
            raise BadInput("a scene without actors", cure="give at least one costume")
        self.costumes = tuple(costumes)
        self.light, self.background = light, background
        bound = [sum(len(b.anchors) for b in c.bindings) for c in costumes]
        self._first_point = np.cumsum([0] + [c.vertex_count + x for c, x in zip(costumes, bound, strict=True)])
        self._first_face = np.cumsum([0] + [len(c.faces) for c in costumes])
        self._faces = np.concatenate([c.faces + o for c, o in zip(costumes, self._first_point, strict=False)])
        self._part = np.concatenate([c.part for c in costumes])
        self._uv = np.concatenate([c.uv for c in costumes]).astype(np.float32)
        self._paint = np.ascontiguousarray(np.concatenate([c.paint for c in costumes]), np.float32)
        self._sheets = gather(self.costumes, self._paint)
        # Thin lashes and ragged strands would cast the shadow of whole cards.
        self._blockers = np.ascontiguousarray(self._faces[~self._sheets.cutout])
        self._shown: tuple[np.ndarray, int] | None = None
        self._walls: dict[tuple[int, int], np.ndarray] = {}

    def frame(
        self,
        vertices: Sequence[np.ndarray],
        K: np.ndarray,
        R: np.ndarray,
        t: np.ndarray,
        size: int | tuple[int, int],
        supersample: int = 2,
    ) -> Frame:
        """One frame: vertices (V_i, 3) of every actor in the world, metres; K, R, t: OpenCV camera in pixels of
        `size` (side, or height and width). Raises BadInput where vertices do not fit the costumes."""
        if supersample < 1:
            raise BadInput(f"supersample {supersample}, expected 1 or more")
        height, width = (size, size) if isinstance(size, int) else size
        K, R, t = (np.ascontiguousarray(a, np.float64) for a in (K, R, t))
        points, normals, tangents, share = self._pose(vertices)
        pixels = project(points, K, R, t)
        centres, samples = self._scan(pixels, (height, width), supersample)
        image, cover = self._lit(points, normals, tangents, share, pixels, samples, supersample, -R.T @ t)
        rgb, alpha = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.float32)
        resolve(image, cover, self._wall(height, width), SRGB, rgb, alpha)
        weights, depth = located(pixels, self._faces, centres)
        bodies = tuple(c.vertex_count for c in self.costumes)
        sheets = self._sheets
        holes = sheets.cutout, self._paint, sheets.place, sheets.solid
        surface = Surface(points, self._faces, self._first_face, self._first_point, bodies, K, R, t, holes)
        return self._labelled(rgb, alpha, centres, weights, depth, normals, surface)

    def _lit(
        self,
        points: np.ndarray,
        normals: np.ndarray,
        tangents: np.ndarray,
        share: np.ndarray,
        pixels: np.ndarray,
        samples: np.ndarray,
        fine: int,
        eye: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Light (H, W, 3) and coverage (H, W) of what the samples see; vertices that none sees stay in the dark."""
        seen = np.zeros(len(points), np.bool_)
        assert self._shown is not None
        order, lead = self._shown
        seen[self._faces[order[:lead]]] = True
        light, sheets = self.light, self._sheets
        key, fill = unit(light.key), unit(light.fill)
        lights = np.stack([key, light.key_power * np.asarray(light.key_colour), fill, np.asarray(light.fill_colour)])
        lit = lit_share(points, self._blockers, key, seen)
        attributes = np.zeros((len(points), ATTRIBUTES), np.float32)
        terms = light.coefficients() * LAMBERT_SCALES[:, None]
        gather_light(points, normals, tangents, share, lit, seen, terms, fill, lights[3], attributes)
        height, width = samples.shape[0] // fine, samples.shape[1] // fine
        image, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
        shade(
            samples, fine, self._faces, pixels, attributes, self._paint, sheets.sheet, sheets.grain, sheets.levels,
            sheets.kind, sheets.finish, sheets.texels, eye, lights, image, cover,
        )  # fmt: skip
        return image, cover

    def _pose(self, vertices: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Points, normals, tangents (N, 3) and light share (N,) of all actors one after another."""
        if len(vertices) != len(self.costumes):
            raise BadInput(f"vertices of {len(vertices)} actors for {len(self.costumes)} costumes")
        total = int(self._first_point[-1])
        points, normals, tangents = (np.zeros((total, 3)) for _ in range(3))
        share = np.empty(total)
        for costume, given, at in zip(self.costumes, vertices, self._first_point, strict=False):
            body = np.ascontiguousarray(given, np.float64)
            if body.shape != (costume.vertex_count, 3):
                raise BadInput(
                    f"vertices of shape {body.shape} for costume {costume.name!r}, expected {(costume.vertex_count, 3)}"
                )
            own = slice(at, at + costume.vertex_count)
            points[own] = body
            normals[own] = vertex_normals(body, costume.faces[: costume.body_faces])
            last = own.stop
            for binding in costume.bindings:
                hung = slice(last, last + len(binding.anchors))
                binding.place(body, points[hung], normals[hung], tangents[hung])
                last = hung.stop
            share[at:last] = costume.light_share(body)
        return points, normals, tangents, share

    def _scan(self, pixels: np.ndarray, size: tuple[int, int], fine: int) -> tuple[np.ndarray, np.ndarray]:
        """The triangles that pixels' centres (H, W) and their samples (fine H, fine W) see."""
        centres, centre_near = empty_grid(*size)
        samples, near = empty_grid(size[0] * fine, size[1] * fine) if fine > 1 else (centres, centre_near)
        sheets = self._sheets
        order, lead = guess(pixels, self._faces) if self._shown is None else self._shown
        scan(
            pixels, self._faces, order, lead, fine, sheets.cutout, self._paint, sheets.place, sheets.solid, centres,
            centre_near, samples, near,
        )  # fmt: skip
        # The next picture will show much the same.
        shown = np.zeros(len(self._faces), np.bool_)
        mark(samples, shown)
        self._shown = np.argsort(~shown, kind="stable"), int(shown.sum())
        return centres, samples

    def _wall(self, height: int, width: int) -> np.ndarray:
        if (height, width) not in self._walls:
            self._walls[height, width] = self.background.pixels(height, width)
        return self._walls[height, width]

    def _labelled(
        self,
        rgb: np.ndarray,
        alpha: np.ndarray,
        triangle: np.ndarray,
        weights: np.ndarray,
        depth: np.ndarray,
        normals: np.ndarray,
        surface: Surface,
    ) -> Frame:
        height, width = triangle.shape
        normal, uv = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 2), np.float32)
        part, actor = np.full((height, width), -1, np.int16), np.full((height, width), -1, np.int16)
        local = np.full((height, width), -1, np.int32)
        _label(
            triangle, weights, self._faces, normals, self._uv, self._part, self._first_face, normal, uv, part, actor,
            local,
        )  # fmt: skip
        return Frame(rgb, depth, alpha, normal, uv, part, actor, local, weights, surface)


@njit(cache=True)
def _label(triangle, weights, faces, normals, uv, part, first_face, normal, uv_out, part_out, actor, local):  # type: ignore[no-untyped-def]
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            f = triangle[row, column]
            if f < 0:
                continue
            who = 0
            while first_face[who + 1] <= f:
                who += 1
            actor[row, column] = who
            local[row, column] = f - first_face[who]
            part_out[row, column] = part[f]
            x, y, z = 0.0, 0.0, 0.0
            for i in range(3):
                w, v = weights[row, column, i], faces[f, i]
                x += w * normals[v, 0]
                y += w * normals[v, 1]
                z += w * normals[v, 2]
                uv_out[row, column, 0] += w * uv[f, i, 0]
                uv_out[row, column, 1] += w * uv[f, i, 1]
            scale = 1.0 / (np.sqrt(x * x + y * y + z * z) + 1e-12)
            normal[row, column, 0], normal[row, column, 1], normal[row, column, 2] = x * scale, y * scale, z * scale
