"""Scenes of several actors and props: who hides whom, and every label and colour of planes in closed form."""

import numpy as np
import pytest
from plane_scenes import BLACK, FLAT, FOCAL, QUAD, QUAD_UV, SIDE, camera, film, moved, plain, quad, srgb, turn

from talkie.errors import BadInput
from talkie.heads import builtin_head, frontal_camera
from talkie.render import Background, Light, SceneRenderer, dressed_head, look_from_seed, prop
from talkie.render.harmonics import project_radiance

CENTRES = np.stack(np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5), -1)
RAYS = np.concatenate([(CENTRES - SIDE / 2) / FOCAL, np.ones((SIDE, SIDE, 1))], -1)
"""Camera frame, depth one, of `camera()`."""
KEY = Light(key=(0.0, 0.0, 1.0), key_power=0.8, sky=(0.0, 0.0, 0.0), ground=(0.0, 0.0, 0.0))


def square(half_px: float, at: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """(SIDE, SIDE) bool: pixels whose centre lies in a square about the picture's centre moved by `at` pixels."""
    return (np.abs(CENTRES - SIDE / 2 - np.array(at)) < half_px).all(-1)


def test_the_nearer_of_two_actors_hides_the_farther_whatever_their_order() -> None:
    red, blue = plain(0.6, 0.1, 0.1, name="red"), plain(0.1, 0.1, 0.6, name="blue")
    for first in (0, 1):
        costumes, points = [red, blue], [quad(0.3), quad(0.1, 0.5)]
        frame = film(costumes[:: 1 - 2 * first], points[:: 1 - 2 * first])
        near, far = square(0.1 * FOCAL / 0.5), square(0.3 * FOCAL)
        assert np.array_equal(frame.actor, np.where(near, 1 - first, np.where(far, first, -1)))
        np.testing.assert_allclose(frame.depth, np.where(near, 0.5, np.where(far, 1.0, np.inf)), rtol=1e-6)
        assert np.abs(frame.rgb[near] - srgb([0.1, 0.1, 0.6])).max() <= 1
        assert np.abs(frame.rgb[far & ~near] - srgb([0.6, 0.1, 0.1])).max() <= 1


def test_labels_of_three_actors_are_each_actor_s_own() -> None:
    """The head between a wall and a shield: part ids, triangles and weights count from the actor's first."""
    model = builtin_head()
    vertices = model.vertices()[0].double().numpy()
    head = dressed_head(model, look_from_seed(2))
    view = tuple(a.double().numpy() for a in frontal_camera(96, 1.0, 2.6 * 96))
    points = [quad(1.0, -0.4), vertices, quad(0.02, 0.4)]
    frame = SceneRenderer([plain(0.5), head, plain(0.2)], FLAT, BLACK).frame(points, *view, 96)
    alone = SceneRenderer([head], FLAT, BLACK).frame([vertices], *view, 96)
    assert set(np.unique(frame.actor)) == {0, 1, 2}
    mine = frame.actor == 1
    assert np.array_equal(mine, (alone.actor == 0) & (frame.actor != 2))
    for label in ("part", "triangle", "weights", "uv", "normal", "depth"):
        assert np.array_equal(getattr(frame, label)[mine], getattr(alone, label)[mine]), label
    assert not frame.part[~mine].any()
    assert frame.triangle[~mine].max() == 1
    assert frame.alpha.min() == 1
    with pytest.raises(BadInput, match="2 actors for 3"):
        SceneRenderer([plain(0.5), head, plain(0.2)], FLAT, BLACK).frame(points[:2], *view, 96)


def test_weights_and_triangles_lead_back_to_the_pixel() -> None:
    spin = turn("y", 0.5) @ turn("x", 0.3)
    frame = film([plain(0.3), plain(0.5)], [quad(0.4, -0.2), quad(0.2) @ spin.T])
    surface = frame.surface
    seen = frame.actor >= 0
    faces = surface.faces[surface.first_face[frame.actor[seen]] + frame.triangle[seen]]
    points = (surface.points[faces] * frame.weights[seen][..., None]).sum(1)
    K, R, t = camera()
    image = (points @ R.T + t) @ K.T
    np.testing.assert_allclose(image[:, :2] / image[:, 2:], CENTRES[seen], atol=1e-3)


@pytest.mark.parametrize(("axis", "angle"), [("x", 0.5), ("y", -0.7), ("y", 0.9)])
def test_depth_normal_and_uv_of_a_tilted_plane(axis: str, angle: float) -> None:
    """A ray p = d z meets the plane n.(p - c) = 0 at z = n.c / n.d; undoing the turn there gives u and v."""
    spin = turn(axis, angle)
    frame = film([plain(0.5)], [quad(0.25) @ spin.T])
    _, R, t = camera()
    normal = R @ spin @ [0, 0, 1.0]
    depth = (normal @ t) / (RAYS @ normal)
    local = (RAYS * depth[..., None] - t) @ R @ spin
    inside = (np.abs(local[..., :2]) < 0.25).all(-1)
    assert np.array_equal(frame.triangle >= 0, inside)
    np.testing.assert_allclose(frame.depth[inside], depth[inside], rtol=1e-6)
    np.testing.assert_allclose(frame.normal[inside], (spin @ [0, 0, 1.0])[None].repeat(inside.sum(), 0), atol=1e-6)
    u, v = 0.5 + local[..., 0] / 0.5, 0.5 - local[..., 1] / 0.5
    np.testing.assert_allclose(frame.uv[inside], np.stack([u, v], -1)[inside], atol=1e-5)
    assert not frame.uv[~inside].any()
    assert not frame.normal[~inside].any()


def test_a_camera_that_moves_sees_what_the_scene_moved_the_other_way_shows() -> None:
    K, R, t = camera()
    scene = SceneRenderer([plain(0.4)], FLAT, BLACK)
    spin, shift = turn("y", 0.3) @ turn("z", 0.2), np.array([0.05, -0.02, 0.1])
    by_camera = scene.frame([quad()], K, R @ spin, t + R @ shift, SIDE)
    by_scene = scene.frame([quad() @ spin.T + shift], K, R, t, SIDE)
    assert np.array_equal(by_camera.triangle, by_scene.triangle)
    np.testing.assert_allclose(by_camera.depth, by_scene.depth, rtol=1e-6)
    np.testing.assert_allclose(by_camera.normal @ spin.T, by_scene.normal, atol=1e-6)


def test_a_texture_lies_where_uv_says() -> None:
    """Bilinear samples of a texture that is linear in u and v are that function between the outer texels' centres."""
    side = 16
    ramp = (np.arange(side) + 0.5) / side
    texture = np.stack([*np.meshgrid(0.6 * ramp, 0.6 * ramp), np.full((side, side), 0.3)], -1)
    frame = film([prop(QUAD, uv=QUAD_UV, texture=texture, gloss=0.0)], [quad(0.3)], supersample=1)
    u, v = frame.uv[..., 0], frame.uv[..., 1]
    inner = (frame.triangle >= 0) & (np.abs(frame.uv - 0.5) < 0.5 - 0.5 / side).all(-1)
    assert inner.sum() > 1500
    expected = srgb(np.stack([0.6 * u, 0.6 * v, np.full_like(u, 0.3)], -1))
    assert np.abs(frame.rgb - expected)[inner].max() <= 1


def test_colours_are_a_face_s_own() -> None:
    colours = np.array([[0.6, 0.1, 0.2], [0.1, 0.5, 0.3]])
    frame = film([prop(QUAD, colours=colours, gloss=0.0)], [quad(0.3)], supersample=1)
    seen = frame.triangle >= 0
    assert np.abs(frame.rgb[seen] - srgb(colours)[frame.triangle[seen]]).max() <= 1


@pytest.mark.parametrize("degrees", [0, 25, 50, 65])
def test_a_matte_plane_under_the_key_follows_lambert(degrees: int) -> None:
    """base * power * cos, with a terminator softened to (cos + 0.06) / 1.06 as `shading` says of plain surfaces."""
    angle = np.radians(degrees)
    frame = film([plain(0.5)], [quad(0.2) @ turn("y", angle).T], light=KEY)
    whole = (frame.alpha == 1) & (frame.triangle >= 0)
    expected = srgb(0.5 * 0.8 * (np.cos(angle) + 0.06) / 1.06)
    assert whole.sum() > 100
    difference = expected - frame.rgb[whole]
    assert np.abs(np.median(difference)) <= 1
    # The shadow map's grain may darken a plane that the light grazes a little, never brighten it.
    assert -1 <= difference.min() <= difference.max() <= 8


def test_a_plane_turned_from_the_key_is_dark() -> None:
    below = Light(key=(0.0, 0.0, -1.0), key_power=0.8, sky=(0.0, 0.0, 0.0), ground=(0.0, 0.0, 0.0))
    assert film([plain(0.5)], [quad(0.2)], light=below).rgb.max() <= 1


@pytest.mark.parametrize(("axis", "angle"), [("x", -0.8), ("x", 0.6), ("y", 0.7), ("y", 0.0)])
def test_light_from_everywhere_has_its_closed_form(axis: str, angle: float) -> None:
    """Radiance a + b.w over directions w gives a matte surface a + 2/3 b.n (Ramamoorthi and Hanrahan, 2001)."""
    k = np.arange(4000)
    z = 1 - (2 * k + 1) / 4000
    longitude = np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z * z)
    directions = np.stack([ring * np.cos(longitude), ring * np.sin(longitude), z], -1)
    a, b = np.array([0.6, 0.5, 0.4]), np.array([[0.1, 0.3, 0.1], [0.0, 0.2, -0.2], [0.2, -0.1, 0.0]])
    light = Light(key=(0, 0, 1.0), key_power=0.0, harmonics=project_radiance(directions, a + directions @ b.T))
    normal = turn(axis, angle) @ [0, 0, 1.0]
    frame = film([plain(0.5)], [quad(0.2) @ turn(axis, angle).T], light=light)
    whole = (frame.alpha == 1) & (frame.triangle >= 0)
    assert np.abs(frame.rgb[whole] - srgb(0.5 * (a + 2 / 3 * b @ normal))).max() <= 1


def test_the_background_s_picture_shows_through_where_nobody_is() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    frame = film([plain(0.5)], [quad(0.2)], background=Background(image=image))
    bare = frame.alpha == 0
    assert bare.sum() > 2000
    assert np.abs(frame.rgb[bare].astype(int) - image[bare]).max() <= 1
    assert np.isinf(frame.depth[bare]).all()
    assert (frame.part[bare] == -1).all()
    with pytest.raises(BadInput, match="background image"):
        Background(image=image[..., 0])


def test_a_half_covered_pixel_is_half_covered_and_mixes_in_linear_light() -> None:
    """Edges at a pixel's middle: alpha 1/2 along them, 1/4 at corners, colour the mean of linear light."""
    half = 10.5 / FOCAL
    frame = film([plain(0.6)], [quad(half)], background=Background((0.2, 0.2, 0.2)))
    share = np.clip(half * FOCAL + 0.5 - np.abs(CENTRES - SIDE / 2), 0, 1).prod(-1)
    assert set(np.unique(share)) == {0, 0.25, 0.5, 1}
    np.testing.assert_allclose(frame.alpha, share, atol=1e-6)
    assert np.abs(frame.rgb - srgb(0.6 * share + 0.2 * (1 - share))[..., None]).max() <= 1


def test_the_alpha_of_a_slanting_triangle_sums_to_its_area() -> None:
    """With n squared subpixels a pixel on an edge is off by at most about 1 / n, without bias over the edge."""
    corners = np.array([[-20.3, -17.1], [22.7, -9.4], [3.2, 24.8]])
    area = 0.5 * abs(np.linalg.det(corners[1:] - corners[0]))
    points = np.concatenate([corners / FOCAL, np.zeros((3, 1))], 1)
    thing = prop(np.array([[0, 1, 2]]), colours=np.array([0.5, 0.5, 0.5]))
    errors = [abs(film([thing], [points], supersample=n).alpha.sum() - area) for n in (1, 4)]
    assert errors[0] < 6
    assert errors[1] < 1.5


def test_a_picture_may_be_wider_than_high() -> None:
    K = np.array([[FOCAL, 0, 48], [0, FOCAL, 16], [0, 0, 1.0]])
    frame = film([plain(0.5)], [moved(quad(0.1), 0.3, 0.0, 0.0)], (K, *camera()[1:]), size=(32, 96))
    rows, columns = np.nonzero(frame.triangle >= 0)
    assert frame.rgb.shape == (32, 96, 3)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 23, 64, 79)
