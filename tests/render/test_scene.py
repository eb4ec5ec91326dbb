"""A scene's pictures: the same whatever was filmed before, lit alike whatever the number of samples."""

import numpy as np
import pytest

from talkie.heads import builtin_head, frontal_camera
from talkie.render import Background, HeadRenderer, Light, SceneRenderer, look_from_seed, prop, rasterise_mesh

SIZE = 96
LABELS = ("depth", "normal", "uv", "part", "actor", "triangle", "weights", "alpha", "rgb")


@pytest.fixture(scope="module")
def camera() -> tuple[np.ndarray, ...]:
    return tuple(a.numpy() for a in frontal_camera(SIZE, 1.0, 2.6 * SIZE))


def test_a_frame_does_not_depend_on_the_frames_before_it(camera) -> None:  # type: ignore[no-untyped-def]
    neutral = builtin_head().vertices()[0].numpy()
    turned = neutral * [-1.0, 1.0, -1.0]
    used, fresh = (HeadRenderer(builtin_head(), look_from_seed(4)) for _ in range(2))
    used.frame(turned, *camera, size=SIZE)
    used.frame(neutral, *camera, size=SIZE)
    for shape in (turned, neutral):
        again, first = (r.frame(shape, *camera, size=SIZE) for r in (used, fresh))
        for label in LABELS:
            np.testing.assert_array_equal(getattr(again, label), getattr(first, label), err_msg=label)


def test_labels_at_centres_are_those_of_a_picture_without_samples(camera) -> None:  # type: ignore[no-untyped-def]
    neutral = builtin_head().vertices()[0].numpy()
    renderer = HeadRenderer(builtin_head(), look_from_seed(4))
    for fine in (2, 3):
        many, one = (renderer.frame(neutral, *camera, size=SIZE, supersample=s) for s in (fine, 1))
        for label in set(LABELS) - {"alpha", "rgb"}:
            np.testing.assert_array_equal(getattr(many, label), getattr(one, label), err_msg=label)


def test_a_ball_covers_the_area_of_its_outline(camera) -> None:  # type: ignore[no-untyped-def]
    """A ball of radius r at distance d is seen as a disc of radius f r / sqrt(d^2 - r^2) pixels."""
    points, faces = _ball(0.1)
    scene = SceneRenderer([prop(faces, colours=(0.5, 0.5, 0.5))], Light((0, 0, 1)), Background())
    frame = scene.frame([points], *camera, size=SIZE, supersample=4)
    wanted = np.pi * (2.6 * SIZE * 0.1) ** 2 / (1 - 0.1**2)
    assert frame.alpha.sum() == pytest.approx(wanted, rel=0.01)


def test_what_is_lit_once_a_pixel_looks_as_when_every_sample_is_lit(camera) -> None:  # type: ignore[no-untyped-def]
    """A smooth ball in four samples a pixel, and the mean over the four pictures of a camera moved by half a pixel."""
    points, faces = _ball(0.1)
    scene = SceneRenderer([prop(faces, colours=(0.5, 0.3, 0.2))], Light((0.3, 0.4, 0.9)), Background())
    K, R, t = camera
    frame = scene.frame([points], K, R, t, size=SIZE, supersample=2)
    single = []
    for x in (-0.25, 0.25):
        for y in (-0.25, 0.25):
            moved = K - np.array([[0, 0, x], [0, 0, y], [0, 0, 0]])
            single.append(scene.frame([points], moved, R, t, size=SIZE, supersample=1).rgb.astype(float))
    inside = frame.alpha == 1
    off = np.abs(frame.rgb - np.mean(single, 0))[inside]
    assert off.mean() < 0.5
    assert off.max() < 6


def test_of_equally_near_triangles_the_first_wins_in_any_order_of_depth() -> None:
    square = np.array([[1.0, 1, 1], [15, 1, 2], [15, 15, 3], [1, 15, 2]])
    faces = np.array([[0, 1, 2], [2, 1, 0], [0, 1, 2]])
    assert set(np.unique(rasterise_mesh(square, faces, 16)[0])) == {-1, 0}
    assert set(np.unique(rasterise_mesh(square, faces[[2, 0, 1]], 16)[0])) == {-1, 0}


def _ball(radius: float) -> tuple[np.ndarray, np.ndarray]:
    turn, fall = np.meshgrid(np.linspace(0, 2 * np.pi, 97)[:-1], np.linspace(0, np.pi, 49), indexing="ij")
    points = radius * np.stack([np.sin(fall) * np.sin(turn), np.cos(fall), np.sin(fall) * np.cos(turn)], -1)
    index = np.arange(96 * 49).reshape(96, 49)
    a, b, c, d = index[:, :-1], np.roll(index, -1, 0)[:, :-1], np.roll(index, -1, 0)[:, 1:], index[:, 1:]
    faces = np.concatenate([np.stack(f, -1).reshape(-1, 3) for f in ((a, c, b), (a, d, c))])
    return points.reshape(-1, 3), faces
