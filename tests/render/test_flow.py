"""Flow between two frames: closed forms on planes, truth of what is hidden, consistency on a head."""

import numpy as np
import pytest
from plane_scenes import BLACK, FLAT, FOCAL, QUAD, QUAD_UV, SIDE, camera, film, moved, plain, quad, turn
from scipy.ndimage import map_coordinates

from talkie.errors import BadInput
from talkie.heads import builtin_head, frontal_camera
from talkie.render import Frame, HeadRenderer, SceneRenderer, flow, look_from_seed, prop

CENTRES = np.stack(np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5), -1)


@pytest.fixture(scope="module")
def heads() -> tuple[Frame, Frame]:
    """A head before and after it turned by eight degrees and moved a centimetre, at 96 pixels; its hair is too
    short for strands, between which a picture's depth does not tell what is seen."""
    renderer = HeadRenderer(builtin_head(), look_from_seed(2))
    neutral = builtin_head().vertices()[0].double().numpy()
    view = tuple(a.numpy() for a in frontal_camera(96, 1.0, 2.6 * 96))
    moved = neutral @ turn("y", np.radians(8)).T + [0.01, 0.0, 0.005]
    return renderer.frame(neutral, *view, size=96), renderer.frame(moved, *view, size=96)


def test_a_plane_that_moves_sideways_moves_by_focal_length_over_depth() -> None:
    scene = SceneRenderer([plain(0.5)], FLAT, BLACK)
    before = scene.frame([quad(0.2)], *camera(0.8), SIDE)
    after = scene.frame([moved(quad(0.2), 0.03, 0.01, 0)], *camera(0.8), SIDE)
    found = flow(before, after)
    assert np.array_equal(found.valid, before.triangle >= 0)
    expected = FOCAL / 0.8 * np.array([0.03, -0.01])
    np.testing.assert_allclose(found.displacement[found.valid], expected[None].repeat(found.valid.sum(), 0), atol=1e-4)
    assert not found.displacement[~found.valid].any()
    assert not found.occluded.any()


def test_a_plane_that_nears_spreads_from_the_principal_point() -> None:
    """At depth d every pixel's offset from the principal point scales by d / (d - step)."""
    scene = SceneRenderer([plain(0.5)], FLAT, BLACK)
    before, after = (scene.frame([quad(0.2, z)], *camera(), SIDE) for z in (0.0, 0.1))
    found = flow(before, after)
    expected = (CENTRES - SIDE / 2) * (1 / 0.9 - 1)
    np.testing.assert_allclose(found.displacement[found.valid], expected[found.valid], atol=1e-4)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_plane_that_turns_moves_as_its_homography_says(axis: str) -> None:
    """Hartley and Zisserman, eq. 13.2: a plane n.X = d seen by a camera that moves induces H = K (R + t n'/d) K^-1."""
    scene = SceneRenderer([plain(0.5)], FLAT, BLACK)
    K, R, t = camera()
    spin = turn(axis, 0.4)
    before, after = (scene.frame([points], K, R, t, SIDE) for points in (quad(0.3), quad(0.3) @ spin.T))
    found = flow(before, after)
    motion = R @ spin @ R.T
    shift = t - motion @ t
    normal, distance = np.array([0, 0, 1.0]), 1.0
    H = K @ (motion + np.outer(shift, normal) / distance) @ np.linalg.inv(K)
    there = np.concatenate([CENTRES, np.ones((SIDE, SIDE, 1))], -1) @ H.T
    expected = there[..., :2] / there[..., 2:] - CENTRES
    np.testing.assert_allclose(found.displacement[found.valid], expected[found.valid], atol=2e-4)


def test_a_still_scene_under_a_panning_camera_moves_by_the_infinite_homography() -> None:
    scene = SceneRenderer([plain(0.5)], FLAT, BLACK)
    K, R, t = camera()
    pan = turn("y", 0.1)
    before, after = scene.frame([quad()], K, R, t, SIDE), scene.frame([quad()], K, pan @ R, pan @ t, SIDE)
    there = np.concatenate([CENTRES, np.ones((SIDE, SIDE, 1))], -1) @ (K @ pan @ np.linalg.inv(K)).T
    expected = there[..., :2] / there[..., 2:] - CENTRES
    found = flow(before, after)
    np.testing.assert_allclose(found.displacement[found.valid], expected[found.valid], atol=1e-4)


def test_what_a_nearer_quad_covers_is_occluded_and_nothing_else() -> None:
    """A small quad at half the distance slides before a large one; its outline is known to the pixel's fraction."""
    scene = SceneRenderer([plain(0.6), plain(0.2)], FLAT, BLACK)
    wall, shield = quad(0.35), quad(0.05, 0.5)
    before = scene.frame([wall, moved(shield, -0.08, 0, 0)], *camera(), SIDE)
    after = scene.frame([wall, moved(shield, 0.08, 0, 0)], *camera(), SIDE)
    found = flow(before, after)
    scale = FOCAL / 0.5
    inside = (np.abs(CENTRES[..., 0] - (SIDE / 2 + 0.08 * scale)) < 0.05 * scale) & (
        np.abs(CENTRES[..., 1] - SIDE / 2) < 0.05 * scale
    )
    assert inside.sum() == 16 * 16
    on_the_wall = before.actor == 0
    assert np.array_equal(found.occluded, inside & on_the_wall)
    np.testing.assert_allclose(found.displacement[before.actor == 1], [[0.16 * scale, 0]] * 256, atol=1e-4)


def test_a_surface_within_the_tolerance_does_not_hide() -> None:
    scene = SceneRenderer([plain(0.6), plain(0.2)], FLAT, BLACK)
    aside = quad(0.05, 0.0, (0.25, 0.0))
    for step, hides in ((0.9e-4, False), (1.1e-4, True)):
        before = scene.frame([quad(0.15), aside], *camera(), SIDE)
        after = scene.frame([quad(0.15), quad(0.05, step)], *camera(), SIDE)
        assert flow(before, after).occluded[SIDE // 2, SIDE // 2] == hides


def test_what_leaves_the_picture_is_occluded_and_what_passes_the_camera_is_not_valid() -> None:
    scene = SceneRenderer([plain(0.5)], FLAT, BLACK)
    before = scene.frame([quad(0.2)], *camera(), SIDE)
    left = flow(before, scene.frame([moved(quad(0.2), 0.3, 0, 0)], *camera(), SIDE))
    shift = 0.3 * FOCAL
    assert np.array_equal(left.occluded, left.valid & (CENTRES[..., 0] + shift >= SIDE))
    gone = flow(before, scene.frame([quad(0.2, 1.5)], *camera(), SIDE))
    assert not gone.valid.any()
    assert not gone.displacement.any()


def test_holes_of_a_cut_out_hide_nothing() -> None:
    """Hair in front of a moving head: the flow's test agrees with the raster, which looks through holes."""
    renderer = HeadRenderer(builtin_head(), look_from_seed(3))
    assert renderer.scene.costumes[0].bindings, "the look needs hair"
    neutral = builtin_head().vertices()[0].numpy()
    frame = renderer.frame(neutral, *(a.numpy() for a in frontal_camera(96, 1.0, 2.6 * 96)), size=96)
    again = flow(frame, frame)
    assert np.array_equal(again.valid, frame.triangle >= 0)
    assert not again.displacement.any()
    assert not again.occluded.any()


def test_the_second_frame_warped_by_the_flow_is_the_first() -> None:
    """Brightness constancy in flat light: bilinear samples of a smooth texture, where both pictures show it."""
    x = np.linspace(0, 2 * np.pi, 64)
    texture = np.stack([0.35 + 0.25 * np.sin(k * x)[:, None] * np.cos(x)[None] for k in (1, 2, 3)], -1)
    scene = SceneRenderer(
        [prop(QUAD, uv=QUAD_UV, texture=texture, gloss=0.0), plain(0.1)], FLAT, BLACK
    )  # fmt: skip
    wall, shield = quad(0.3), quad(0.05, 0.4)
    tilted = wall @ turn("y", 0.3).T @ turn("z", 0.1).T + [0.02, 0.01, 0]
    before = scene.frame([wall, moved(shield, -0.06, 0, 0)], *camera(), SIDE, supersample=1)
    after = scene.frame([tilted, moved(shield, 0.05, 0.02, 0)], *camera(), SIDE, supersample=1)
    found = flow(before, after)
    end = CENTRES + found.displacement - 0.5
    # A sample is fair where all four pixels around it show the same actor.
    row, column = (np.floor(end[..., k]).astype(int).clip(0, SIDE - 2) for k in (1, 0))
    around = np.stack([after.actor[row + i, column + j] for i in (0, 1) for j in (0, 1)], -1)
    fair = found.valid & ~found.occluded & (around == before.actor[..., None]).all(-1)
    assert fair.sum() > 0.75 * (found.valid & ~found.occluded).sum()
    warped = np.stack([map_coordinates(after.rgb[..., k].astype(float), [end[..., 1], end[..., 0]], order=1)
                       for k in range(3)], -1)  # fmt: skip
    difference = np.abs(warped - before.rgb)[fair]
    assert difference.max() < 8
    assert difference.mean() < 1
    unmoved = np.abs(after.rgb.astype(float) - before.rgb)[fair]
    assert unmoved.mean() > 10 * difference.mean()


def test_forward_and_backward_flow_of_a_turning_head_cancel(heads) -> None:  # type: ignore[no-untyped-def]
    """Backward flow sampled where the forward one leads is its opposite, on the same triangle."""
    before, after = heads
    there, back = flow(before, after), flow(after, before)
    side = 96
    centres = np.stack(np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5), -1)
    end = centres + there.displacement
    x, y = (np.floor(end[..., k]).astype(int).clip(0, side - 1) for k in (0, 1))
    seen = there.valid & ~there.occluded
    same = seen & (after.triangle[y, x] == before.triangle)
    assert same.sum() > 0.3 * seen.sum()
    # Half a pixel lies between the sampled centre and the point; flow changes over that where a surface is grazed.
    gap = np.linalg.norm((there.displacement + back.displacement[y, x])[same], axis=-1)
    assert gap.max() < 0.4
    assert np.median(gap) < 0.05


def test_occlusion_on_a_turning_head_agrees_with_the_depth_that_the_second_frame_shows(heads) -> None:  # type: ignore[no-untyped-def]
    """Away from edges in depth the second picture's own depth says the same, half a pixel's slope allowed."""
    before, after = heads
    found = flow(before, after)
    b = after.surface
    faces = before.surface.faces[before.triangle]
    points = (b.points[faces] * before.weights[..., None]).sum(2)
    z = (points @ b.R.T + b.t)[..., 2]
    side = 96
    centres = np.stack(np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5), -1)
    x, y = (np.floor((centres + found.displacement)[..., k]).astype(int).clip(1, side - 2) for k in (0, 1))
    around = np.stack([after.depth[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)], -1)
    in_view = found.valid & np.isfinite(around).all(-1)
    smooth = np.where(in_view, around.max(-1), 0) - np.where(in_view, around.min(-1), 0) < 0.004
    hidden, shown = in_view & (z > around.max(-1) + 0.002), in_view & smooth & (z <= around.max(-1))
    assert hidden.sum() >= 8
    assert shown.sum() > 300
    assert found.occluded[hidden].mean() > 0.99
    assert found.occluded[shown].mean() < 0.01


def test_flow_across_a_cut_is_refused() -> None:
    one = film([plain(0.5)], [quad()])
    two = film([plain(0.5), plain(0.5)], [quad(), quad()])
    with pytest.raises(BadInput, match="one cast"):
        flow(one, two)
    other = film([prop(QUAD[:, ::-1], colours=np.array([0.5, 0.5, 0.5]))], [quad()])
    with pytest.raises(BadInput, match="cut"):
        flow(one, other)


def test_the_same_frames_give_the_same_bytes(heads) -> None:  # type: ignore[no-untyped-def]
    one, two = flow(*heads), flow(*heads)
    assert one.displacement.tobytes() == two.displacement.tobytes()
    assert one.occluded.tobytes() == two.occluded.tobytes()
