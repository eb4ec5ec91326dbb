"""The one hot loop of the fit: the weighted Jacobian of one frame's landmarks, written straight into a buffer."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"contract"})
def fill_rows(  # type: ignore[no-untyped-def]
    shapes, expressions, arms, rotated, camera, gap, scale, lens, to_camera, turn, jaw, rows
):
    """Write rows (2 L, E + 15 + I [+ 1] + 1): derivatives of pixels by each unknown and, last, the gap.

    Columns: expression, turns of jaw, left eye, right eye and head, translation, identity, log focal length
    where there is room for it, gap. A turn's derivative is taken along R <- exp(step) R.

    shapes: (L, 6, E + I), rest and jaw moment of each shape, expression first; expressions: E; arms: (3, L, 3)
    turned moments of jaw and eyes in the head frame; rotated: (L, 3) landmarks turned into the world, less the
    translation; camera: (L, 3) in the camera's frame; gap: (L, 2) observed minus predicted pixels; scale: (L,)
    square root of each landmark's weight; lens: fx, fy; to_camera, turn: (3, 3) rotations world to camera and
    head to world; jaw: (3, 3) R - I of the jaw.
    """
    first = expressions + 15
    identities = shapes.shape[2] - expressions
    with_focal = rows.shape[1] > first + identities + 1
    world, by_shape = np.empty((2, 3), rows.dtype), np.empty((2, 6), rows.dtype)
    for k in range(rotated.shape[0]):
        if scale[k] == 0:
            rows[2 * k : 2 * k + 2] = 0
            continue
        for axis in range(2):
            row = 2 * k + axis
            near = scale[k] * lens[axis] / camera[k, 2]
            slope = camera[k, axis] / camera[k, 2]
            for j in range(3):
                world[axis, j] = near * (to_camera[axis, j] - slope * to_camera[2, j])
                rows[row, first - 3 + j] = world[axis, j]
            for j in range(3):
                by_shape[axis, j] = (
                    world[axis, 0] * turn[0, j] + world[axis, 1] * turn[1, j] + world[axis, 2] * turn[2, j]
                )
            for j in range(3):
                by_shape[axis, 3 + j] = (
                    by_shape[axis, 0] * jaw[0, j] + by_shape[axis, 1] * jaw[1, j] + by_shape[axis, 2] * jaw[2, j]
                )
            for joint in range(3):
                _cross(arms[joint], k, by_shape, axis, rows, row, expressions + 3 * joint)
            _cross(rotated, k, world, axis, rows, row, expressions + 9)
            if with_focal:
                rows[row, first + identities] = scale[k] * lens[axis] * slope
            rows[row, rows.shape[1] - 1] = scale[k] * gap[k, axis]
        _mix(shapes[k, :, :expressions], by_shape, rows[2 * k : 2 * k + 2, :expressions])
        _mix(shapes[k, :, expressions:], by_shape, rows[2 * k : 2 * k + 2, first : first + identities])


@njit(cache=True, fastmath={"contract"})
def _mix(shape, by_shape, out):  # type: ignore[no-untyped-def]
    """out (2, C) = by_shape (2, 6) @ shape (6, C), both rows in one pass over the shapes."""
    for axis in range(2):
        w0, w1, w2 = by_shape[axis, 0], by_shape[axis, 1], by_shape[axis, 2]
        w3, w4, w5 = by_shape[axis, 3], by_shape[axis, 4], by_shape[axis, 5]
        for c in range(shape.shape[1]):
            out[axis, c] = (
                w0 * shape[0, c] + w1 * shape[1, c] + w2 * shape[2, c]
                + w3 * shape[3, c] + w4 * shape[4, c] + w5 * shape[5, c]
            )  # fmt: skip


@njit(cache=True)
def _cross(a, k, b, axis, rows, row, at):  # type: ignore[no-untyped-def]
    """rows[row, at : at + 3] = a[k] x b[axis]."""
    x, y, z = a[k, 0], a[k, 1], a[k, 2]
    u, v, w = b[axis, 0], b[axis, 1], b[axis, 2]
    rows[row, at] = y * w - z * v
    rows[row, at + 1] = z * u - x * w
    rows[row, at + 2] = x * v - y * u
