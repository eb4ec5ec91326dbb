"""Hash grids, Gaussians that change rows, speech windows, the skull's camera: closed forms, and the head's own mesh."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from talkie.errors import BadConfig
from talkie.heads import builtin_head, pose_vertices
from talkie.render import Camera
from talkie.systems.tasks.capture import skull_rows
from talkie_zoo.blocks.audio_attention import BANDS, ROWS, WINDOWS, AudioAttention, AudioNet, SpeechWindows
from talkie_zoo.blocks.gaussian_density import PARAMETERS, Density, bury, control, of_colour
from talkie_zoo.blocks.gaussians import Gaussians, draw
from talkie_zoo.blocks.hash_grid import HashGrids, TriPlane
from talkie_zoo.blocks.skull import camera_about_skull, skull_motion
from tone_clips import tone_clip
from tone_pictures import filmed


def parameters(module):
    return sum(p.numel() for p in module.parameters())


class Memory:
    """Notes what a system asks of the optimiser's moments."""

    def __init__(self):
        self.copied, self.zeroed = {}, {}

    def copy_rows(self, parameter, to, source):
        self.copied[parameter] = (to.tolist(), source.tolist())

    def zero_rows(self, parameter, rows):
        self.zeroed[parameter] = rows.tolist()


# --- hash grids -----------------------------------------------------------------------------------------------------


def test_a_level_that_fits_keeps_one_row_per_corner_and_one_that_does_not_hashes():
    grids = HashGrids(1, 2, 1, base=4, finest=32, log2_table=8)
    assert grids.cells.tolist() == [4, 32]
    assert grids.rows.tolist() == [25, 256]
    assert parameters(grids) == 25 + 256


def test_a_dense_level_interpolates_its_corners_bilinearly():
    grids = HashGrids(1, 1, 1, base=2, finest=2, log2_table=8)
    corners = torch.arange(9.0)
    with torch.no_grad():
        grids.table.copy_(corners[:, None])
    # Row x + 3 y holds x + 3 y, which is linear in the place: the grid gives it back anywhere.
    places = torch.rand(50, 1, 2)
    wanted = 2 * places[:, 0, 0] + 3 * 2 * places[:, 0, 1]
    torch.testing.assert_close(grids(places)[:, 0], wanted)


def test_three_planes_see_their_own_two_coordinates():
    grid = TriPlane(1, 1, 4, 4, 8, bound=0.1, centre=torch.zeros(3))
    here, there = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 0.05]])
    same = (grid(here) == grid(there))[0].tolist()
    assert same == [True, False, False]


def test_places_outside_the_cube_are_those_of_its_border():
    grid = TriPlane(2, 1, 4, 8, 8, bound=0.1, centre=torch.zeros(3))
    torch.testing.assert_close(grid(torch.full((1, 3), 9.0)), grid(torch.full((1, 3), 0.1)))


def test_a_grid_without_cells_is_refused():
    with pytest.raises(BadConfig):
        HashGrids(1, 0, 1, 4, 4, 8)


# --- Gaussians ------------------------------------------------------------------------------------------------------


def some(capacity=6, count=3):
    torch.manual_seed(0)
    return Gaussians(capacity, count, 1, torch.zeros(3), 0.05, 0.004)


def camera(size=32):
    K = torch.tensor([[2.0 * size, 0, size / 2], [0, 2.0 * size, size / 2], [0, 0, 1]])
    return Camera(K, torch.diag(torch.tensor([1.0, -1, -1])), torch.tensor([0, 0, 0.5]), size, size)


def test_rows_without_a_gaussian_are_not_drawn():
    points = some()
    assert points.alive.tolist() == [True] * 3 + [False] * 3
    whole = draw(points.moved(), camera())
    bury(points, points.alive)
    assert whole.alpha.max() > 0
    assert draw(points.moved(), camera()).alpha.max() == 0


def test_a_colour_of_degree_0_is_what_a_pixel_under_an_opaque_gaussian_shows():
    points = some(1, 1)
    with torch.no_grad():
        points.means.zero_()
        points.logits.fill_(10)
        points.log_scales.fill_(math.log(0.02))
    seen = draw(points.moved(), camera(), torch.tensor([[0.25]]))
    wanted = torch.cat([points.colours()[0].clamp(min=0), torch.tensor([0.25])]) * seen.alpha[16, 16]
    torch.testing.assert_close(seen.colour[16, 16], wanted, atol=1e-5, rtol=0)


def test_watched_means_gather_the_gradients_of_every_frame_in_half_pictures():
    points = some()
    moved = points.moved(shift=torch.zeros(2, 6, 3))
    points.watch(moved.means, half_m=torch.tensor([0.5, 2.0]))
    (moved.means * torch.tensor([[[3.0, 4.0, 0.0]], [[-3.0, -4.0, 0.0]]])).sum().backward()
    torch.testing.assert_close(points.pull, torch.full((6,), 2.5 + 10))  # though the sum of both is nothing
    assert points.seen == 2


def test_a_set_is_drawn_in_every_frame_of_a_camera():
    points, views = some(), [camera(), replace(camera(), t=torch.tensor([0.01, 0, 0.4]))]
    both = Camera(*(torch.stack([getattr(v, name) for v in views]) for name in "KRt"), 32, 32)
    moved, channels = points.moved(), torch.rand(6, 2)
    together = draw(moved, both, channels)
    for n, view in enumerate(views):
        torch.testing.assert_close(together.colour[n], draw(moved, view, channels).colour)
    assert not torch.equal(*together.alpha)


def pulled(split: bool):
    points, memory = some(), Memory()
    with torch.no_grad():
        points.log_scales.fill_(math.log(0.01 if split else 0.001))
        points.pull[1] = 8.0
        points.seen.fill_(4)
    before = {name: getattr(points, name).detach().clone() for name in PARAMETERS}
    doubled = control(points, "a.points", Density(1, 0, 9, pull=1.0, split_m=0.003), 3, memory)
    assert doubled == 1
    assert points.alive.sum() == 4
    assert points.pull.sum() == points.seen == 0
    return points, before, memory


def test_a_small_gaussian_is_cloned_into_a_free_row_without_memory():
    points, before, memory = pulled(split=False)
    for name in PARAMETERS:
        assert torch.equal(getattr(points, name)[3], before[name][1])
        assert torch.equal(getattr(points, name)[:3], before[name][:3])
    assert memory.zeroed["a.points.means"] == [3]
    assert memory.copied["a.points.means"] == ([], [])


def test_a_large_gaussian_is_split_into_two_that_are_1_6_times_smaller():
    points, before, memory = pulled(split=True)
    halves = points.log_scales[[1, 3]].exp()
    torch.testing.assert_close(halves, torch.full((2, 3), 0.01 / 1.6))
    assert not torch.equal(points.means[1], points.means[3])
    assert torch.equal(points.means[[0, 2]], before["means"][[0, 2]])
    assert memory.copied["a.points.means"] == ([3], [1])
    again, _, _ = pulled(split=True)
    assert torch.equal(points.means, again.means)


def test_the_faint_go_and_the_strongest_come_first_where_rows_are_few():
    points, memory = some(4, 3), Memory()
    with torch.no_grad():
        points.log_scales.fill_(math.log(0.001))
        points.pull.copy_(torch.tensor([2.0, 9.0, 5.0, 0.0]))
        points.seen.fill_(1)
        points.logits[0] = -7.0
    assert control(points, "p", Density(1, 0, 9, pull=1.0), 0, memory) == 2
    assert memory.zeroed["p.means"] == [0, 3]
    assert torch.equal(points.means[0], points.means[1])
    assert torch.equal(points.means[3], points.means[2])


def test_green_gaussians_are_found():
    points = some()
    with torch.no_grad():
        points.base[0, 0] = (torch.tensor([-0.3, 1.4, 0.05]) - 0.5) / 0.28209479177387814
        points.base[1:, 0] = 0.0
    assert of_colour(points, torch.tensor([0.0, 1, 0])).tolist() == [True] + [False] * 5


def test_density_control_is_due_at_the_end_of_its_intervals():
    rule = Density(10, 5, 40, 1.0)
    assert [step for step in range(60) if rule.due(step)] == [9, 19, 29, 39]


def test_more_gaussians_than_rows_are_refused():
    with pytest.raises(BadConfig):
        some(2, 3)


# --- what is heard --------------------------------------------------------------------------------------------------


def test_the_speech_code_has_the_published_layers():
    net = 3 * (29 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 2 * 32 + 2 * 64 + 64 * 64 + 64 + 64 * 32 + 32
    attention = sum(3 * a * b + b for a, b in ((32, 16), (16, 8), (8, 4), (4, 2), (2, 1))) + 8 * 8 + 8
    assert parameters(AudioNet()) == net
    assert parameters(AudioAttention()) == attention


def test_windows_lie_about_their_frames_and_are_silent_beyond_the_clip():
    rows = torch.arange(40.0)[:, None].expand(-1, BANDS) + 1
    seen = SpeechWindows()(rows, torch.tensor([0, 10]))
    assert seen.shape == (2, WINDOWS, BANDS, ROWS)
    # The fifth window is the frame's own; rows 20 and 21 lie under frame 10.
    assert seen[1, 4, 0].tolist() == list(range(14, 30))
    assert seen[0, 4, 0].tolist() == [0.0] * 7 + list(range(1, 10))
    assert seen[0, 0].abs().max() == 1.0


def test_attention_keeps_what_all_windows_agree_on():
    code = torch.rand(3, 1, 32).expand(-1, WINDOWS, -1)
    torch.testing.assert_close(AudioAttention()(code), code[:, 0])


# --- the skull ------------------------------------------------------------------------------------------------------


def test_the_camera_about_the_skull_sees_the_skull_where_the_camera_in_the_world_does():
    head = builtin_head()
    track = filmed(tone_clip(2, frames=6).decode(("flac", "head.npz"))).fields["head.npz"]
    rng = np.random.default_rng(0)
    moved = {name: rng.normal(0, 0.1, (6, 3)).astype(np.float32) for name in ("neck", "rotation", "translation")}
    track = track.__class__(**{**track.__dict__, **moved})
    rest = head.vertices(identity=torch.as_tensor(track.identity)[None])[0, skull_rows(head)]
    world = torch.as_tensor(pose_vertices(head, track))[:, skull_rows(head)]
    torch.testing.assert_close(skull_motion(head, track).move(rest.expand(6, -1, -1)), world, atol=2e-5, rtol=0)
    _, pose = camera_about_skull(head, track)
    wanted = world @ torch.as_tensor(track.R).T + torch.as_tensor(track.t)
    torch.testing.assert_close(pose.move(rest.expand(6, -1, -1)), wanted, atol=2e-5, rtol=0)
