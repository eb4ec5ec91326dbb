"""Visible vertices against rays traced through every triangle, and the bad input it refuses."""

import numpy as np
import pytest
from plane_scenes import camera, film, plain, quad, turn

from talkie.errors import BadInput
from talkie.heads import builtin_head, frontal_camera
from talkie.render import Frame, HeadRenderer, look_from_seed, prop, visible_vertices


def traced(frame: Frame, points: np.ndarray, margin: float = 1e-4, block: int = 64) -> np.ndarray:
    """(N,) bool: Moller and Trumbore (1997), rays from the camera's centre to each point against every triangle; a
    hit before 1 - margin of the way, and not in a hole of a cut-out, hides the point."""
    surface = frame.surface
    eye = -surface.R.T @ surface.t
    corners = surface.points[surface.faces]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    from_corner = eye - corners[:, 0]
    across = np.cross(from_corner, one)
    # Each of their triple products as a product of matrices, rays by faces.
    far = (two * across).sum(1)
    visible = np.ones(len(points), bool)
    for start in range(0, len(points), block):
        rays = points[start : start + block] - eye
        det = rays @ np.cross(two, one).T
        det[det == 0] = np.nan
        u, v, along = rays @ np.cross(two, from_corner).T / det, rays @ across.T / det, far / det
        ray, face = np.nonzero((u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < 1 - margin))
        solid = opaque(frame, face, u[ray, face], v[ray, face])
        visible[start + ray[solid]] = False
    return visible


def opaque(frame: Frame, face: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(N,) bool: whether the texel under a point of a face is solid, where the face may have holes."""
    cutout, paint, place, solid = frame.surface.holes
    weights = np.stack([1 - u - v, u, v], 1)
    x, y = (weights[..., None] * paint[face]).sum(1).T
    first, height, width = place[face].T
    column, row = np.floor(x * width).astype(int) % width, (y * height).astype(int).clip(0, height - 1)
    return ~cutout[face] | solid[first + row * width + column]


def in_picture(frame: Frame, points: np.ndarray) -> np.ndarray:
    surface = frame.surface
    image = (points @ surface.R.T + surface.t) @ surface.K.T
    height, width = frame.depth.shape
    pixels = image[:, :2] / image[:, 2:]
    return (image[:, 2] > 0) & (pixels >= 0).all(1) & (pixels < [width, height]).all(1)


def test_random_triangles_agree_with_traced_rays() -> None:
    rng = np.random.default_rng(2)
    points = rng.uniform(-0.4, 0.4, (90, 3))
    frame = film([prop(np.arange(90).reshape(30, 3), colours=np.array([0.5, 0.5, 0.5]))], [points])
    expected = traced(frame, points) & in_picture(frame, points)
    assert 15 < expected.sum() < 70
    assert np.array_equal(visible_vertices(frame), expected)


@pytest.mark.parametrize("yaw", [0.0, 50.0])
def test_a_head_s_vertices_agree_with_traced_rays(yaw: float) -> None:
    """Every fourth vertex of a head with lashes and short hair; a ray may graze an edge, hence not all of them."""
    model = builtin_head()
    vertices = model.vertices()[0].double().numpy() @ turn("y", np.radians(yaw)).T
    view = tuple(a.numpy() for a in frontal_camera(96, 1.0, 2.6 * 96))
    frame = HeadRenderer(model, look_from_seed(2)).frame(vertices, *view, size=96, supersample=1)
    chosen = np.arange(0, len(vertices), 4)
    expected = traced(frame, vertices[chosen]) & in_picture(frame, vertices[chosen])
    found = visible_vertices(frame)[chosen]
    assert 0.2 < expected.mean() < 0.7
    assert (found == expected).mean() >= 0.999


def test_a_nearer_actor_hides_vertices_of_another() -> None:
    shield = quad(0.15, 0.5, (0.25, 0.0))
    frame = film([plain(0.5), plain(0.5)], [quad(0.3), shield], camera())
    # What the shield hides of the plane, seen from one metre: twice its size, x from 0.2 on, y from -0.3 to 0.3; its
    # own right edge lies outside the picture.
    assert visible_vertices(frame, 0).tolist() == [True, False, False, True]
    assert visible_vertices(frame, 1).tolist() == [True, False, False, True]


def test_vertices_outside_the_picture_or_behind_the_camera_are_not_visible() -> None:
    points = np.array([[0, 0, 0], [0.9, 0, 0], [0, 0.1, 0], [0, 0, 1.2], [0, 0.1, 1.2], [0.1, 0, 1.2]])
    frame = film([prop(np.arange(6).reshape(2, 3), colours=np.array([0.5, 0.5, 0.5]))], [points])
    assert visible_vertices(frame).tolist() == [True, False, True, False, False, False]


def test_an_actor_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="actor 1"):
        visible_vertices(film([plain(0.5)], [quad()]), 1)
