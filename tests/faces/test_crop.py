"""Crops: where the box lies, how it moves, and that a pixel can be traced back to the source."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from talkie.faces import Recipe, crop_camera, crop_frame, face_box, smooth_boxes, to_crop, to_source
from talkie.faces.crop import smooth_box


def ramp(height: int = 120, width: int = 160) -> np.ndarray:
    """A picture whose red is x and whose green is y, at pixel centres."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width)
    image[..., 1] = np.arange(height)[:, None]
    return image


def test_the_box_is_a_square_of_margin_times_the_face_lifted_above_its_centre():
    points = np.full((478, 3), 100, np.float32)
    points[0], points[1] = (100, 50, 0), (180, 150, 0)
    x, y, side = face_box(points, Recipe(margin=2.0, lift=0.1))
    assert side == pytest.approx(200)
    assert (x + side / 2, y + side / 2) == (pytest.approx(140), pytest.approx(100 - 20))


@pytest.mark.parametrize(
    ("box", "size"), [((30, 20, 64), 64), ((30.5, 20.25, 64), 64), ((10, 10, 100), 25), ((40, 30, 20), 80)]
)
def test_a_crop_pixel_shows_the_source_pixel_that_the_record_says(box, size):
    crop = crop_frame(ramp(), np.array(box, float), size).astype(float)
    x, y, side = box
    inner = np.arange(size // 4, size - size // 4)
    expected = (inner + 0.5) * side / size - 0.5
    # Half a grey level of rounding, twice where two steps of resampling round.
    np.testing.assert_allclose(crop[size // 2, inner, 0], x + expected, atol=1.0)
    np.testing.assert_allclose(crop[inner, size // 2, 1], y + expected, atol=1.0)


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_frame(stripes, np.array([10.0, 10, 80]), 20)
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_outside_of_the_frame_its_edge_is_repeated():
    crop = crop_frame(ramp(), np.array([-50.0, -50, 100]), 50)
    assert (crop[:20, :20] == 0).all()


def test_landmarks_go_to_the_crop_and_back():
    random = np.random.default_rng(0)
    points = random.uniform(0, 300, (4, 478, 3)).astype(np.float32)
    boxes = random.uniform(10, 200, (4, 3))
    np.testing.assert_allclose(to_source(to_crop(points, boxes, 256), boxes, 256), points, atol=1e-3)
    corner = np.array([[[boxes[0, 0], boxes[0, 1], 0]]])
    np.testing.assert_allclose(to_crop(corner, boxes[:1], 256), 0, atol=1e-4)


def test_the_crops_camera_sees_a_point_where_the_crop_shows_it():
    K = np.array([[700.0, 0, 320], [0, 700, 240], [0, 0, 1]])
    boxes = np.array([[100.0, 50, 200], [120, 60, 180]])
    point = np.array([0.1, -0.05, 1.2])
    u, v, w = K @ point
    in_source = np.tile([u / w, v / w, 0.0], (2, 1, 1))
    expected = to_crop(in_source, boxes, 256)[:, 0, :2]
    seen = crop_camera(K, boxes, 256) @ point
    np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], expected, atol=1e-3)


def test_smoothing_has_no_delay_and_no_pull_at_the_ends():
    recipe = Recipe(smooth_s=0.2)
    t = np.arange(100.0)
    steady = np.stack([5 + 0 * t, 7 + 0 * t, 50 + 0 * t], 1)
    np.testing.assert_allclose(smooth_boxes(steady, recipe, 25), steady)
    moving = np.stack([2 * t, t, 50 + 0 * t], 1)
    inner = slice(20, 80)
    np.testing.assert_allclose(smooth_boxes(moving, recipe, 25)[inner], moving[inner], atol=1e-9)
    shaky = moving + np.random.default_rng(0).normal(0, 3, moving.shape)
    jerk = np.abs(np.diff(smooth_boxes(shaky, recipe, 25), 2, axis=0)).max()
    assert jerk < 0.1 * np.abs(np.diff(shaky, 2, axis=0)).max()


def test_a_box_depends_on_its_neighbourhood_only_so_that_a_stream_can_be_cropped():
    recipe = Recipe(smooth_s=0.1)
    boxes = np.random.default_rng(0).uniform(10, 100, (60, 3))
    radius = recipe.radius(25)
    whole = smooth_boxes(boxes, recipe, 25)
    part = smooth_box(boxes[30 - radius : 31 + radius], radius, recipe, 25)
    np.testing.assert_allclose(part, whole[30])


def test_a_recipe_is_checked():
    for wrong in ({"size": 255}, {"margin": 0.5}, {"margins": 2}):
        with pytest.raises(ValidationError):
            Recipe(**wrong)


@pytest.mark.parametrize("side", [300.0, 431.7, 640.0])
def test_a_crop_that_shrinks_is_the_mean_of_the_source_under_each_pixel(side):
    y, x = np.mgrid[0:720, 0:900].astype(np.float64)
    waves = 128 + 60 * np.sin(x / 7) * np.cos(y / 9) + 40 * np.sin((x + y) / 23)
    frame = np.repeat(waves[..., None].round().astype(np.uint8), 3, axis=2)
    corner, size = np.array([61.3, 40.8]), 128
    crop = crop_frame(frame, np.array([*corner, side]), size)[..., 0].astype(np.float64)
    # The same area means of the continuous picture, by sampling it sixteen times in each direction.
    fine = (np.arange(16 * size) + 0.5) * side / (16 * size)
    fx, fy = np.meshgrid(corner[0] + fine - 0.5, corner[1] + fine - 0.5)
    exact = 128 + 60 * np.sin(fx / 7) * np.cos(fy / 9) + 40 * np.sin((fx + fy) / 23)
    exact = exact.reshape(size, 16, size, 16).mean((1, 3))
    assert np.abs(crop - exact).max() < 4
    assert np.abs(crop - exact).mean() < 1
