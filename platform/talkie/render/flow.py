"""Exact optical flow between two frames of one cast: where each surface point goes, and whether it is still seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from talkie.errors import BadInput
from talkie.render.hidden import hidden, project
from talkie.render.scene import Frame


@dataclass(frozen=True, eq=False)
class Flow:
    """displacement: (H, W, 2) float32, pixels right and down that the point seen at a pixel's centre moves, zero where
    not valid; valid: (H, W) bool, the pixel shows a surface and its point stays before the camera; occluded: (H, W)
    bool, valid, but the second frame does not show the point: a surface hides it, or it left the picture.

    Backgrounds are backdrops that stand still in the picture, so zero is their motion too; they are not valid since
    what is behind an actor is not known."""

    displacement: np.ndarray
    valid: np.ndarray
    occluded: np.ndarray


def flow(before: Frame, after: Frame) -> Flow:
    """The motion in the picture, from one frame to another, of the surface points that the first shows.

    The point at a pixel's centre is the triangle's corners times its perspective-correct weights; the same triangle
    and weights in `after` say where it is then, by `after`'s own camera: cameras may differ, and sizes. A point is
    occluded where a triangle of `after` lies nearer on its ray by more than `hidden.DEPTH_TOLERANCE` of its depth; the
    test is made at the point itself, not at a pixel's centre. Raises BadInput where the frames are not of one cast."""
    a, b = before.surface, after.surface
    one_cast = a.faces is b.faces or np.array_equal(a.faces, b.faces)
    if not one_cast or a.points.shape != b.points.shape or not np.array_equal(a.first_face, b.first_face):
        raise BadInput(
            f"flow between surfaces of {len(a.faces)} and {len(b.faces)} other faces",
            where="after",
            cure="take both frames from one cast, on one side of a cut",
        )
    pixels = project(b.points, b)
    where, was, now = _follow(
        before.triangle, before.actor, before.weights, a.first_face, a.faces, a.points, b.points
    )  # fmt: skip
    start, end = project(was, a), project(now, b)
    gone = hidden(end, b, pixels, after.triangle.shape)
    shape = before.triangle.shape
    out = Flow(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_))
    _write(where, start, end, gone, out.displacement, out.valid, out.occluded)
    return out


@njit(cache=True)
def _follow(triangle, actor, weights, first_face, faces, before, after):  # type: ignore[no-untyped-def]
    """Row and column (N, 2) of the pixels that show a surface, and its points (N, 3) in the world, then and later."""
    count = 0
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            count += triangle[row, column] >= 0
    where = np.empty((count, 2), np.int64)
    was, now = np.zeros((count, 3)), np.zeros((count, 3))
    n = 0
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            if triangle[row, column] < 0:
                continue
            f = first_face[actor[row, column]] + triangle[row, column]
            where[n, 0], where[n, 1] = row, column
            w0, w1 = np.float64(weights[row, column, 0]), np.float64(weights[row, column, 1])
            share = (w0, w1, 1.0 - w0 - w1)
            for i in range(3):
                v = faces[f, i]
                for k in range(3):
                    was[n, k] += share[i] * before[v, k]
                    now[n, k] += share[i] * after[v, k]
            n += 1
    return where, was, now


@njit(cache=True)
def _write(where, start, end, gone, displacement, valid, occluded):  # type: ignore[no-untyped-def]
    for n in range(where.shape[0]):
        if end[n, 2] > 0.0:
            row, column = where[n, 0], where[n, 1]
            displacement[row, column, 0] = end[n, 0] - start[n, 0]
            displacement[row, column, 1] = end[n, 1] - start[n, 1]
            valid[row, column], occluded[row, column] = True, gone[n]
