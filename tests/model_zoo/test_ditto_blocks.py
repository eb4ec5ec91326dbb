"""Ditto's blocks against closed forms: rotations and keypoints, warps of a volume, sampling, windows, and speech that
comes in pieces."""

import numpy as np
import pytest
import torch
from torch import nn

from talkie.errors import BadConfig, BadInput
from talkie_zoo.blocks.convnext import ConvNeXt
from talkie_zoo.blocks.ddim import ddim, spaced
from talkie_zoo.blocks.implicit_keypoints import (
    BINS,
    KEYPOINTS,
    LIPS,
    MOTION,
    PARTS,
    LipReader,
    Pose,
    angles_of,
    degrees,
    rotation,
)
from talkie_zoo.blocks.motion_dit import MotionDiT, rotary, time_embedding
from talkie_zoo.blocks.mouth_painter import MouthPainter
from talkie_zoo.blocks.noise_schedule import NoiseSchedule
from talkie_zoo.blocks.spade import SpadeDecoder
from talkie_zoo.blocks.stitching import Stitching
from talkie_zoo.blocks.streaming_audio import NOW, Hearing, MelStack, hear
from talkie_zoo.blocks.volume_warp import Appearance, Warper, grid_of, heatmaps, sparse_motions
from talkie_zoo.blocks.windowed_sampling import WindowedSampler, Windows
from talkie_zoo.speech_to_video.ditto_config import MICRO
from talkie_zoo.speech_to_video.ditto_renderer import Renderer


def test_the_parts_of_a_motion_are_265_numbers_in_the_published_order():
    widths = [part.stop - part.start for part in PARTS.values()]
    assert list(PARTS) == ["scale", "pitch", "yaw", "roll", "t", "exp"]
    assert widths == [1, 66, 66, 66, 3, 63]
    assert PARTS["exp"].stop == MOTION == sum(widths)


def test_a_single_bin_is_an_angle_of_three_degrees_a_step():
    sure = 50 * torch.eye(BINS)[[0, 33, 65]]
    assert degrees(sure).tolist() == pytest.approx([-97.5, 1.5, 97.5])


def test_the_rotation_of_row_vectors_turns_about_each_axis_and_can_be_read_back():
    x, y, z = torch.eye(3)
    assert torch.allclose(y @ rotation(torch.tensor([90.0, 0, 0])), z, atol=1e-6)
    assert torch.allclose(z @ rotation(torch.tensor([0, 90.0, 0])), x, atol=1e-6)
    assert torch.allclose(x @ rotation(torch.tensor([0, 0, 90.0])), y, atol=1e-6)
    angles = torch.tensor([[10.0, -20.0, 30.0], [-40.0, 50.0, -60.0]])
    assert torch.allclose(angles_of(rotation(angles)), angles, atol=1e-4)


def test_keypoints_are_scale_times_turned_points_and_expression_plus_a_flat_shift():
    kp, exp = torch.zeros(KEYPOINTS, 3), torch.zeros(KEYPOINTS, 3)
    kp[0, 1], exp[0, 0] = 1.0, 0.5
    pose = Pose(torch.tensor([2.0]), torch.tensor([90.0, 0, 0]), torch.tensor([0.1, 0.2, 9.0]), exp)
    found = pose.keypoints(kp)
    assert torch.allclose(found[0], torch.tensor([1.1, 0.2, 2.0]), atol=1e-6)
    assert torch.allclose(found[1], torch.tensor([0.1, 0.2, 0.0]), atol=1e-6)


def test_convnext_halves_from_patches_on():
    assert ConvNeXt((4, 6, 8), (1, 1, 1))(torch.rand(2, 3, 32, 32)).shape == (2, 8, 2, 2)


def test_a_closer_look_at_the_mouth_moves_lips_alone():
    reader, x = LipReader((4, 6)), torch.zeros(2, KEYPOINTS, 3)
    pictures = torch.rand(2, 3, 64, 64)
    assert (reader(pictures, x) == 0).all()
    nn.init.normal_(reader.exp.weight)
    moved = reader(pictures, x).abs().sum(2) > 0
    assert moved[:, list(LIPS)].all()
    assert moved.sum() == 2 * len(LIPS)


def test_the_closer_look_goes_where_the_lips_are():
    reader = LipReader((4, 6))
    nn.init.normal_(reader.exp.weight)
    pictures = torch.zeros(1, 3, 64, 64)
    pictures[..., 40:48, 40:48] = 1
    away, there = (reader(pictures, torch.full((1, KEYPOINTS, 3), at)) for at in (-0.5, 0.375))
    assert torch.equal(away, reader(torch.zeros_like(pictures), torch.full((1, KEYPOINTS, 3), -0.5)))
    assert not torch.equal(there, away)


def _mouths():
    """A painter of white mouths, a rendered and a source picture, both black, keypoints in the middle."""
    painter = MouthPainter((8, 8))
    nn.init.constant_(painter.painted.bias, 20.0)
    return painter, torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64), torch.zeros(1, KEYPOINTS, 3)


def test_keypoints_that_stay_leave_the_sources_mouth():
    painter, _, _, x = _mouths()
    pictures = torch.rand(1, 3, 64, 64)
    x[:, list(LIPS), :2] = torch.rand(len(LIPS), 2) / 4
    assert torch.allclose(painter.moved(pictures, x, x), painter.near(pictures, x), atol=1e-6)


def test_a_lip_takes_the_sources_mouth_along():
    painter, _, _, source = _mouths()
    # A picture whose values are its rows' places, lips far apart, and one of them that sinks by 0.06.
    pictures = ((2 * torch.arange(64) + 1) / 64 - 1)[:, None].expand(1, 3, 64, 64)
    around = [[-0.35, 0.0], [0.35, 0.0], [0.0, -0.2], [0.0, 0.0], [-0.35, 0.2], [0.35, 0.2]]
    source[:, list(LIPS), :2] = torch.tensor(around)
    driving = source.clone()
    driving[:, LIPS[3], 1] += 0.06
    moved = painter.moved(pictures, source, driving)[0, 0]
    # The box's middle was at 0.2 / 6 and sinks by 0.01; a row of it is 0.56 / 36.
    row, column = 17.5 + (0.05 - 0.2 / 6) / (0.56 / 36), 28
    low, share = int(row), row - int(row)
    found = torch.lerp(moved[low, column], moved[low + 1, column], share)
    # Of the 0.05 by which it sinks in the box, a share of 0.1 / 1.1 is left to the box.
    assert found.item() == pytest.approx(0.05 * 0.1 / 1.1, abs=0.003)


def test_a_painted_mouth_begins_as_the_sources_but_for_an_eighth():
    x = torch.zeros(1, KEYPOINTS, 3)
    painter, pictures = MouthPainter((8, 8)), torch.ones(1, 3, 64, 64)
    # Logits of 0 and -2: mid grey, by 0.119.
    assert painter.mouth(pictures, x, x).allclose(torch.tensor(1 - 0.1192 / 2), atol=1e-4)


def test_the_mouth_is_painted_where_the_driving_lips_are_and_nowhere_else():
    painter, made, pictures, source = _mouths()
    driving = source.clone()
    driving[:, list(LIPS), :2] = torch.tensor([0.25, 0.5])
    added = painter(made, pictures, source, driving)[0, 0]
    # In pixels of 64 the lips' middle is at 40 and 48, the half sides 13.4 and 9.0; half a pixel of the box more.
    rows, columns = torch.nonzero(added).unbind(1)
    assert (rows.min(), rows.max()) == (39, 56)
    assert (columns.min(), columns.max()) == (26, 53)
    assert torch.allclose(added[46:50, 36:44], torch.tensor(1.0), atol=1e-6)
    # Row 40 lies 0.837 of the half side above the middle, and the last 0.3 of it fade.
    assert added[40, 40].item() == pytest.approx((1 - 0.837) / 0.3, abs=0.02)


def test_the_box_of_the_mouth_shows_what_lies_about_the_lips():
    painter, _, _, x = _mouths()
    pictures = torch.zeros(1, 3, 64, 64)
    pictures[..., 40:56, 32:48] = 1
    x[:, list(LIPS), :2] = torch.tensor([0.25, 0.5])
    seen = painter.near(pictures, x)
    assert seen.shape == (1, 3, 36, 56)
    # The square of 16 pixels fills its share of a box of 26.9 by 17.9.
    assert float(seen.mean()) == pytest.approx(16 * 16 / (26.88 * 17.92), rel=0.02)


def test_equal_keypoints_move_nothing_and_show_no_heat():
    grid, points = grid_of(2, 4, 4, torch.zeros(())), torch.rand(1, KEYPOINTS, 3)
    assert torch.equal(sparse_motions(grid, points, points), grid.expand(1, KEYPOINTS + 1, *grid.shape))
    assert heatmaps(grid, points, points).abs().max() == 0


def test_a_driving_point_takes_from_where_the_source_point_is():
    grid = grid_of(3, 3, 3, torch.zeros(()))
    source, driving = torch.zeros(1, KEYPOINTS, 3), torch.zeros(1, KEYPOINTS, 3)
    source[0, 4, 0] = 0.5
    moved = sparse_motions(grid, source, driving)
    assert torch.allclose(moved[0, 5, ..., 0], grid[..., 0] + 0.5)
    heat = heatmaps(grid, source, driving)
    # At the middle, the driving point's Gaussian is 1; the source's, half a side away, exp(-0.5 * 0.25 / 0.01).
    assert heat[0, 5, 1, 1, 1] == pytest.approx(1 - np.exp(-12.5), abs=1e-6)


def test_still_keypoints_leave_a_volume_where_it_is():
    warper = Warper(channels=2, depth=2, compress=1, base=4, most=8, levels=1, out=4, kernel=3).eval()
    volume, points = torch.rand(1, 2, 2, 8, 8), torch.rand(1, KEYPOINTS, 3)
    flow, _ = warper.flow(volume, points, points)
    assert torch.allclose(flow[0], grid_of(2, 8, 8, volume), atol=1e-6)


def test_a_picture_becomes_a_volume_and_a_map_a_picture_eight_times_as_large():
    volume = Appearance(base=4, halvings=2, channels=3, depth=2, residuals=1)(torch.rand(2, 3, 16, 16))
    assert volume.shape == (2, 3, 2, 4, 4)
    made = SpadeDecoder(guides=5, channels=8, last=4, middle=1, hidden=4, shuffle=2)(torch.rand(2, 5, 4, 4))
    assert made.shape == (2, 3, 32, 32)
    assert made.min() >= 0
    assert made.max() <= 1


def test_where_nothing_is_painted_the_source_shows_under_the_flow():
    renderer = Renderer(MICRO).eval()
    last = renderer.decoder.paint[0]
    torch.nn.init.zeros_(last.weight)
    # Sub-pixels of one map lie together; the fourth says how much is painted.
    last.bias.data[3 * MICRO.shuffle**2 :] = -30.0
    pictures, points = torch.rand(1, 3, MICRO.out, MICRO.out), torch.rand(1, KEYPOINTS, 3)
    made = renderer.warped(renderer.look(pictures), points, points)
    assert torch.allclose(made, pictures, atol=1e-4)


def test_stitching_that_has_learned_nothing_changes_nothing():
    source, driving = torch.rand(2, KEYPOINTS, 3), torch.rand(2, KEYPOINTS, 3)
    assert torch.equal(Stitching()(source, driving), driving)


def test_rotary_attention_scores_depend_on_the_distance_alone():
    q, k = torch.randn(8), torch.randn(8)
    turned = rotary(q.expand(1, 9, -1))[0] @ rotary(k.expand(1, 9, -1))[0].T
    assert torch.allclose(turned[0, 2], turned[5, 7], atol=1e-5)
    assert torch.allclose(turned.diagonal(), (q @ k).expand(9), atol=1e-5)


def test_time_is_sines_and_cosines_of_the_step():
    found = time_embedding(torch.tensor([0, 3]), 4)
    assert found[0].tolist() == [0, 0, 1, 1]
    assert found[1].tolist() == pytest.approx([np.sin(3), np.sin(3e-4), np.cos(3), np.cos(3e-4)])


def test_what_is_dropped_says_the_same_whatever_was_said():
    dit = MotionDiT(5, 7, 6, 8, 8, 2, 1, 1, 0.0).eval()
    one, two = (dit.encoded(torch.randn(1, 6, 7)) for _ in range(2))
    gone = torch.ones(1, dtype=torch.bool)
    for a, b in zip(dit.unconditioned(*one, gone), dit.unconditioned(*two, gone), strict=True):
        assert torch.equal(a, b)
    noisy, step = torch.randn(1, 6, 5), torch.tensor([3])
    assert dit(noisy, torch.randn(1, 5), step, *one).shape == (1, 6, 5)


def test_an_aligned_condition_reaches_its_own_frame_without_attention():
    dit = MotionDiT(5, 7, 6, 8, 8, 2, 0, 1, 0.0, aligned=True).eval()
    for layer in dit.decoder:
        # Attention that says nothing leaves the skips alone.
        for attention in (layer.own, layer.cross):
            torch.nn.init.zeros_(attention.out.weight)
    rows = torch.randn(1, 6, 7)
    other = rows.clone()
    other[:, 4] += 1
    noisy, start, step = torch.randn(1, 6, 5), torch.randn(1, 5), torch.tensor([3])
    _, vector = dit.encoded(rows)
    made = [dit(noisy, start, step, dit.encoded(told)[0], vector) for told in (rows, other)]
    changed = (made[0] - made[1]).abs().amax((0, 2)) > 1e-6
    assert changed.tolist() == [False, False, False, False, True, False]


def test_the_cosine_schedule_falls_as_its_authors_write_it():
    schedule = NoiseSchedule(1000, kind="cosine", zero_terminal=False, target="sample")
    place = (np.array([1, 500]) / 1000 + 0.008) / 1.008
    wanted = np.cos(place * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    assert schedule.retained[[0, 499]].numpy() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_sampling_of_a_gaussian_ends_at_its_mean_and_deviation(eta):
    # Of x_0 ~ N(2, 0.5^2) the posterior mean is known at every step.
    schedule = NoiseSchedule(1000, kind="cosine", zero_terminal=False, target="sample")

    def clean(noisy, t):
        keep = schedule.retained[t].sqrt()[:, None]
        gain = keep * 0.25 / (keep**2 * 0.25 + 1 - keep**2)
        return 2 + gain * (noisy - 2 * keep)

    rng = torch.Generator().manual_seed(0)
    noise, fresh = torch.randn(20_000, 1, generator=rng), torch.randn(99, 20_000, 1, generator=rng)
    made = ddim(schedule, clean, noise, 100, fresh, eta)
    assert float(made.mean()) == pytest.approx(2.0, abs=0.02)
    assert float(made.std()) == pytest.approx(0.5, abs=0.03)
    assert spaced(1000, 4) == [999, 749, 499, 249]


def _count(conditions, before):
    """A window that says what it was told: its conditions, and the motion before it in the second column."""
    return torch.cat([conditions, before[:1].expand(len(conditions))[:, None]], 1)


@pytest.mark.parametrize(("size", "overlap"), [(8, 2), (8, 6), (8, 4)])
@pytest.mark.parametrize("pieces", [(37,), (5, 5, 5, 5, 5, 5, 5, 2), (1,) * 37])
def test_windows_give_every_frame_once_and_in_order_however_they_are_fed(size, overlap, pieces):
    sampler = WindowedSampler(Windows(size, overlap), _count, torch.tensor([-1.0, 0.0]), torch.tensor([-9.0]))
    rows = torch.arange(37.0)[:, None]
    parts = [sampler.push(part) for part in rows.split(list(pieces))]
    made = torch.cat([*parts, sampler.finish()])
    # Cross-fading equal numbers changes nothing, so each frame shows its own condition.
    assert torch.allclose(made[:, 0], torch.arange(37.0))


def test_a_window_begins_from_the_finished_frame_before_it():
    windows = Windows(8, 6)
    assert (windows.hop, windows.fuse, windows.lead) == (2, 2, 4)
    sampler = WindowedSampler(windows, _count, torch.tensor([-1.0, 0.0]), torch.tensor([-9.0]))
    made = torch.cat([sampler.push(torch.arange(20.0)[:, None]), sampler.finish()])
    # Window k starts at frame 2 k - 4; of windows 0, 1 and 2 the source stands before them, then frame 2 k - 5.
    assert made[:6, 1].tolist() == [-1.0] * 6
    # of window 3 the first two frames are dropped with its lead, two cross-faded with window 2 and two new.
    assert made[6:8, 1].tolist() == pytest.approx([-1 / 3, 1 / 3])
    assert made[8:10, 1].tolist() == pytest.approx([1 + 2 / 3, 2 + 1 / 3])


def test_the_fade_moves_linearly_from_one_window_to_the_next():
    drawn = iter([torch.zeros(6, 1), torch.ones(6, 1), torch.ones(6, 1)])
    sampler = WindowedSampler(Windows(6, 2), lambda c, b: next(drawn), torch.zeros(1), torch.zeros(1))
    made = torch.cat([sampler.push(torch.zeros(10, 1)), sampler.finish()])
    assert made[:, 0].tolist() == pytest.approx([0, 0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1, 1])


def test_without_the_fade_a_window_is_shown_to_its_end():
    drawn = iter([torch.zeros(6, 1), torch.ones(6, 1), torch.ones(6, 1)])
    sampler = WindowedSampler(Windows(6, 2, fade=False), lambda c, b: next(drawn), torch.zeros(1), torch.zeros(1))
    made = torch.cat([sampler.push(torch.zeros(10, 1)), sampler.finish()])
    assert made[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_an_overlap_as_long_as_the_window_is_refused():
    with pytest.raises(BadConfig, match="overlap of 8"):
        Windows(8, 8)


@pytest.mark.parametrize("pieces", [3200, 997])
def test_speech_heard_in_pieces_is_the_speech_heard_at_once(pieces):
    audio = (0.1 * np.random.default_rng(0).standard_normal(23 * 640)).astype(np.float32)
    encoder = MelStack(8)
    whole = hear(encoder, audio, 23)
    hearing = Hearing(encoder)
    parts = [hearing.push(audio[i : i + pieces]) for i in range(0, len(audio), pieces)]
    assert whole.shape == (23, encoder.width)
    assert torch.equal(torch.cat([*parts, hearing.finish(23)]), whole)


def test_a_frames_features_come_two_frames_after_it_at_the_latest():
    hearing = Hearing(MelStack(8))
    assert len(hearing.push(np.zeros(7 * 640 + 79, np.float32))) == 0
    assert len(hearing.push(np.zeros(1, np.float32))) == NOW


def test_a_click_is_heard_in_the_frames_around_it_alone():
    audio = np.zeros(20 * 640, np.float32)
    audio[10 * 640 + 320] = 0.5
    told = (hear(MelStack(8), audio, 20) - hear(MelStack(8), 0 * audio, 20)).abs().amax(1) > 0.1
    assert torch.nonzero(told).flatten().tolist() == [8, 9, 10, 11, 12]


def test_unknown_controls_are_refused_by_name():
    from talkie_zoo.speech_to_video.ditto_conditions import Controls, emotion_row, held

    with pytest.raises(BadInput, match="zoom"):
        Controls.of({"zoom": 1}, 2.0, 1.0)
    with pytest.raises(BadInput, match="furious"):
        Controls.of({"emotion": "furious"}, 2.0, 1.0)
    with pytest.raises(BadInput, match="delta_yaw"):
        Controls.of({"delta_yaw": np.nan}, 2.0, 1.0)
    mixed = emotion_row(("happy", "sad"))
    assert mixed.sum() == pytest.approx(1.0)
    assert mixed[3] == mixed[5] > 0.49
    assert held(torch.tensor([[1.0], [2.0]]), 3, 1).flatten().tolist() == [2, 2, 2]
