"""The blocks that TalkLip brings: cutting and pasting, face tracks, the painter, phones heard and read, contrast."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from talkie.clip import Phone, Transcription
from talkie.errors import NoFace
from talkie_zoo.blocks.contrastive_sync import ContrastiveSync, info_nce
from talkie_zoo.blocks.face_track import STILL, following, still_points, tracked_boxes
from talkie_zoo.blocks.inpainter import FaceInpainter, QualityCritic, hidden, narrowest
from talkie_zoo.blocks.lip_expert import LipExpert, MouthFront, beside_mean
from talkie_zoo.blocks.paste import cut, part_of, paste, turned
from talkie_zoo.blocks.phone_ctc import PhoneAudio, stacked_filterbanks, warped_bands
from talkie_zoo.blocks.phone_tokens import (
    BLANK,
    CLASSES,
    EOS,
    PHONES,
    TOKENS,
    phone_labels,
    phone_names,
    phone_tokens,
    viseme_runs,
)
from talkie_zoo.blocks.transformer import ContextEncoder


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# --- cutting and pasting --------------------------------------------------------------------------------------------


def test_a_crop_of_the_boxs_own_size_is_pasted_pixel_by_pixel_and_nothing_else_changes():
    frames, crops = torch.rand(2, 3, 20, 24), torch.rand(2, 3, 8, 8)
    boxes = torch.tensor([[5.0, 7.0, 8.0], [16.0, 0.0, 8.0]])
    pasted = paste(frames, crops, boxes)
    wanted = frames.clone()
    wanted[0, :, 7:15, 5:13], wanted[1, :, 0:8, 16:24] = crops
    assert torch.allclose(pasted, wanted, atol=1e-6)
    untouched = torch.ones(2, 1, 20, 24, dtype=torch.bool)
    untouched[0, :, 7:15, 5:13] = untouched[1, :, 0:8, 16:24] = False
    untouched = untouched.expand_as(frames)
    assert torch.equal(pasted[untouched], frames[untouched])


def test_what_is_pasted_at_a_fraction_of_a_pixel_is_cut_out_again():
    ramp = torch.linspace(0, 1, 32)[None, None, None].expand(1, 1, 32, 32)
    boxes = torch.tensor([[10.3, 6.7, 32.0]])
    found = cut(paste(torch.zeros(1, 1, 64, 64), ramp, boxes), boxes, 32)
    # Bilinear sampling keeps a ramp, but for the box's rim, where the frame is seen.
    assert torch.allclose(found[..., 2:-2, 2:-2], ramp[..., 2:-2, 2:-2], atol=1e-5)


def test_gradients_reach_the_crop_and_the_frame_outside_of_it():
    frames, crops = torch.rand(1, 1, 10, 10, requires_grad=True), torch.rand(1, 1, 4, 4, requires_grad=True)
    paste(frames, crops, torch.tensor([[3.0, 3.0, 4.0]])).sum().backward()
    assert torch.allclose(crops.grad, torch.ones(1, 1, 4, 4), atol=1e-5)
    assert frames.grad.sum() == 100 - 16


def test_a_part_of_a_box_is_where_the_shares_say():
    assert part_of(torch.tensor([[10.0, 20.0, 40.0]]), (0.5, 0.75), 0.5).tolist() == [[20.0, 40.0, 20.0]]


def test_a_turned_crop_shows_its_points_where_they_are_wanted():
    points = torch.tensor([[[0.3, 0.4], [0.7, 0.4], [0.5, 0.6]]])
    angle, scale = 0.2, 0.9
    turn = scale * torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    middle = points.mean(1, keepdim=True)
    wanted = (points - middle) @ turn + middle + torch.tensor([0.05, -0.03])
    # A crop that holds its own columns and rows tells which place is seen where.
    shares = (torch.arange(64) + 0.5) / 64
    crop = torch.stack(torch.meshgrid(shares, shares, indexing="xy"))[None]
    boxes = torch.cat([wanted * 64 - 0.5, torch.ones(1, 3, 1)], -1)[0]
    found = cut(turned(crop, points, wanted).expand(3, -1, -1, -1), boxes, 1)
    assert torch.allclose(found[:, :, 0, 0], points[0], atol=1e-4)
    assert torch.allclose(turned(crop, points, points), crop, atol=1e-5)


# --- face tracks ----------------------------------------------------------------------------------------------------


def _face(frames: int = 9) -> np.ndarray:
    draw = np.random.default_rng(1)
    return np.repeat(draw.uniform(20, 60, (1, 478, 3)), frames, 0)


def test_a_chin_that_drops_does_not_move_the_box():
    still, talking = _face(), _face()
    chin = talking[0, :, 1].argmax()
    assert chin not in STILL
    talking[4, chin, 1] += 15
    assert np.allclose(tracked_boxes(talking, 1.2), tracked_boxes(still, 1.2))


def test_the_box_is_about_the_face_and_follows_it():
    points = _face()
    low, high = points[0, :, :2].min(0), points[0, :, :2].max(0)
    side = 1.2 * (high - low).max()
    assert np.allclose(tracked_boxes(points, 1.2), [*((low + high) / 2 - side / 2), side])
    moved = points + np.array([7.0, -3.0, 0.0])
    assert np.allclose(tracked_boxes(moved, 1.2) - tracked_boxes(points, 1.2), [7.0, -3.0, 0.0])


def test_a_box_that_follows_goes_with_eyes_and_nose_alone():
    points = _face()
    points[:, points[0, :, 1].argmax(), 1] += np.linspace(0, 15, 9)
    box = np.array([10.0, 20.0, 50.0])
    assert np.allclose(following(box, points), box)
    points[4:] += np.array([5.0, -2.0, 0.0])
    assert np.allclose(following(box, points)[[0, -1]], [box, box + np.array([5.0, -2.0, 0.0])], atol=0.1)


def test_still_points_are_shares_of_the_box():
    boxes = np.repeat([[10.0, 20.0, 50.0]], 9, 0)
    assert np.allclose(still_points(_face(), boxes) * 50 + [10, 20], _face()[:, STILL, :2])


def test_frames_without_a_face_take_the_nearest_and_a_clip_without_any_is_refused():
    points = _face()
    points[3] = np.nan
    assert np.allclose(tracked_boxes(points, 1.2), tracked_boxes(_face(), 1.2))
    with pytest.raises(NoFace, match="9 frames"):
        tracked_boxes(np.full((9, 478, 3), np.nan), 1.2)


# --- the painter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "stages"), [(96, 7), (64, 7), (16, 5)])
def test_the_painter_and_its_critic_keep_the_size(size, stages):
    widths = [4] * stages
    faces = torch.rand(2, 3, size, size)
    made = FaceInpainter(size, 5, widths, widths, 1)(faces, faces, torch.randn(2, 5))
    assert made.shape == faces.shape
    assert 0 <= float(made.detach().min()) <= float(made.detach().max()) <= 1
    assert QualityCritic(size, widths)(faces).shape == (2,)


def test_the_painter_never_sees_the_lower_half_and_hears_what_is_said():
    net = FaceInpainter(16, 5, [4] * 5, [4] * 5, 1).eval()
    faces, references, said = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16), torch.randn(2, 5)
    other = faces.clone()
    other[:, :, 8:] = torch.rand(2, 3, 8, 16)
    made = net(faces, references, said)
    assert torch.equal(made, net(other, references, said))
    assert not torch.equal(made, net(faces, references, said + 1))
    assert hidden(faces)[:, :, 8:].abs().max() == 0


def test_a_painter_from_the_reference_begins_with_the_face_above_and_the_reference_below():
    net = FaceInpainter(16, 5, [4] * 5, [4] * 5, 1, from_reference=True)
    faces, references = (0.1 + 0.8 * torch.rand(2, 3, 16, 16) for _ in range(2))
    wanted = torch.cat([faces[:, :, :8], references[:, :, 8:]], 2)
    assert torch.allclose(net(faces, references, torch.randn(2, 5)), wanted, atol=1e-5)


def test_what_is_said_enters_at_the_narrowest_place_alone_or_at_every_stage():
    faces, one, other = torch.rand(2, 3, 16, 16), torch.randn(2, 5), torch.randn(2, 5)
    for everywhere in (False, True):
        net = FaceInpainter(16, 5, [4] * 5, [4] * 5, 1, heard_everywhere=everywhere).eval()
        assert len(net.heard) == (5 if everywhere else 0)
        with torch.no_grad():
            net.content.weight.zero_()
        assert torch.equal(net(faces, faces, one), net(faces, faces, other)) != everywhere


def test_the_critic_looks_at_the_lower_half_alone():
    net, faces = QualityCritic(16, [4] * 5), torch.rand(2, 3, 16, 16)
    other = faces.clone()
    other[:, :, :8] = 0
    assert torch.equal(net(faces), net(other))


def test_sizes_that_no_stage_ends_at_are_refused():
    assert [narrowest(96, 7), narrowest(64, 7)] == [3, 2]
    with pytest.raises(ValueError, match="leave 1 of 64"):
        narrowest(64, 8)


# --- phones ---------------------------------------------------------------------------------------------------------


def _said() -> Transcription:
    spans = (("SIL", 0.0, 0.08), ("P", 0.08, 0.16), ("AA", 0.16, 0.4))
    return Transcription((), tuple(Phone(p, "sil", a, b) for p, a, b in spans), "test")


def test_phones_become_tokens_with_their_middles_and_labels():
    tokens, middles = phone_tokens(_said())
    names = [PHONES[t - 1] for t in tokens]
    assert names == ["P", "AA"]
    assert torch.allclose(middles, torch.tensor([3.0, 7.0]))
    p, aa = tokens.tolist()
    assert phone_labels(_said(), 11).tolist() == [BLANK, BLANK, p, p, *[aa] * 6, BLANK]
    assert (CLASSES, TOKENS, EOS) == (40, 41, 40)


def test_filterbanks_are_stacked_and_standardised_a_frame():
    bands = stacked_filterbanks(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 25)
    assert bands.shape == (25, 104)
    assert torch.allclose(bands.mean(1), torch.zeros(25), atol=1e-5)
    assert torch.allclose(bands.var(1, unbiased=False), torch.ones(25), atol=1e-3)
    assert torch.isfinite(stacked_filterbanks(np.zeros(10, np.float32), 4)).all()
    assert warped_bands(bands, 0.1).shape == bands.shape


def test_ctc_is_the_sum_over_all_ways_to_say_a_string():
    net = PhoneAudio(8, 1, 2, 8, 0.0, 3, 2)
    features = torch.randn(1, 2, 8)
    p = net.head(features)[0].softmax(-1)
    said = 7
    ways = p[0, said] * p[1, said] + p[0, said] * p[1, BLANK] + p[0, BLANK] * p[1, said]
    found = net.ctc(features, torch.tensor([2]), torch.tensor([[said]]), torch.tensor([1]))
    assert torch.isclose(found, -ways.log(), atol=1e-5)


def test_repetitions_and_blanks_are_left_out_of_what_is_heard():
    net = PhoneAudio(8, 1, 2, 8, 0.0, 3, 2)
    with torch.no_grad():
        net.head.weight.copy_(torch.eye(CLASSES, 8))
        net.head.bias.zero_()
    rows = torch.eye(8)[[3, 3, 0, 3, 5, 5, 0]]
    assert net.spell(rows) == [3, 3, 5]


def test_a_padded_clip_is_heard_as_it_is_alone():
    net = ContextEncoder(8, 2, 2, 16, 0.0, 4, 2).eval()
    x = torch.randn(2, 9, 8)
    mask = torch.arange(9)[None] < torch.tensor([[9], [5]])
    together, alone = net(x, mask), net(x[1:, :5], torch.ones(1, 5, dtype=torch.bool))
    assert torch.allclose(together[1, :5], alone[0], atol=1e-5)
    assert together[1, 5:].abs().max() == 0


# --- the lip expert -------------------------------------------------------------------------------------------------


def _expert() -> LipExpert:
    return LipExpert((2, 4), 1, 16, 1, 1, 2, 16, 0.0, 5, 4).eval()


def test_the_readers_loss_is_summed_over_tokens_and_batch():
    expert, mask = _expert(), torch.ones(2, 12, dtype=torch.bool)
    features, strings, lengths = torch.randn(2, 12, 16), torch.tensor([[3, 9, 4], [8, 0, 0]]), torch.tensor([3, 1])
    both, tokens = expert.summed_loss(features, mask, strings, lengths)
    one, _ = expert.summed_loss(features[:1], mask[:1], strings[:1], lengths[:1])
    two, _ = expert.summed_loss(features[1:], mask[1:], strings[1:, :1], lengths[1:])
    assert tokens == 3 + 1 + 2
    assert torch.isclose(both, one + two, rtol=1e-5)
    with torch.no_grad():
        expert.spells.weight.zero_(), expert.spells.bias.zero_()
    uniform, _ = expert.summed_loss(features, mask, strings, lengths)
    assert math.isclose(float(uniform.detach()), tokens * math.log(TOKENS), rel_tol=1e-5)


def test_a_token_is_spelt_without_those_that_follow():
    expert, mask, features = _expert(), torch.ones(1, 6, dtype=torch.bool), torch.randn(1, 6, 16)
    one, two = (expert.scores(features, mask, torch.tensor([[5, 6, last]])) for last in (7, 8))
    assert torch.allclose(one[:, :3], two[:, :3], atol=1e-5)
    assert not torch.allclose(one[:, 3], two[:, 3], atol=1e-3)


def test_the_expert_reads_the_best_path_of_its_frames():
    expert = _expert()
    with torch.no_grad():
        expert.frames.weight.copy_(torch.eye(CLASSES, 16))
        expert.frames.bias.zero_()
    assert expert.read(torch.eye(16)[[0, 3, 3, 0, 3, 9, 9]]) == [3, 3, 9]


def test_a_centred_front_sees_beside_each_picture_what_moves_in_its_window():
    mouths, mask = torch.rand(2, 6, 8, 8), torch.ones(2, 6, dtype=torch.bool)
    front = MouthFront((2, 4), 1, centred=True).eval()
    assert torch.allclose(front(mouths, mask), front(0.5 * mouths + 0.2, mask), atol=1e-4)
    shown = beside_mean(mouths + torch.rand(2, 1, 8, 8), mask)
    assert torch.allclose(shown[:, 1], beside_mean(mouths, mask)[:, 1], atol=1e-5)
    assert torch.allclose(shown[:, 1].mean(1), torch.zeros(2, 8, 8), atol=1e-5)
    assert torch.allclose(shown.square().mean((2, 3, 4)), torch.ones(2, 2), atol=1e-4)


def test_a_padded_window_is_centred_as_it_is_alone():
    mouths, mask = torch.rand(1, 6, 8, 8), torch.arange(6)[None] < 4
    padded = beside_mean(mouths, mask)
    assert torch.allclose(padded[:, :, :4], beside_mean(mouths[:, :4], mask[:, :4]), atol=1e-5)
    assert padded[:, :, 4:].abs().max() == 0
    assert beside_mean(torch.ones(1, 3, 8, 8), mask[:, :3]).abs().max() == 0


def test_what_looks_alike_in_a_row_is_one_viseme():
    tokens = [PHONES.index(phone) + 1 for phone in ("P", "B", "AA", "T")]
    assert phone_names(tokens) == ["P", "B", "AA", "T"]
    assert viseme_runs(tokens) == ["PP", "aa", "DD"]


# --- contrast -------------------------------------------------------------------------------------------------------


def test_contrast_has_its_closed_forms():
    anchors = torch.eye(4)[:2]
    negatives = torch.eye(4)[2:].expand(2, 2, 4)
    wanted = math.log(1 + 2 * math.exp(-1 / 0.5))
    assert math.isclose(float(info_nce(anchors, anchors, negatives, 0.5)), wanted, rel_tol=1e-5)
    same = anchors[:, None].expand(2, 3, 4)
    assert math.isclose(float(info_nce(anchors, anchors, same)), math.log(4), rel_tol=1e-5)


def test_a_frame_is_never_its_own_negative():
    sync = ContrastiveSync(4, 4)
    with torch.no_grad():
        sync.audio.weight.copy_(torch.eye(4))
        sync.audio.bias.zero_()
    frames = torch.eye(4)
    # One's own sound among the negatives would make this log 2 or more.
    assert float(sync(frames, frames).detach()) < 1e-4
