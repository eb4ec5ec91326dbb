"""Hallo: what it looks at, what its conditions may change, and how clips are put end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.faces.lips import aperture
from talkie.heads import builtin_head, project_landmarks
from talkie.media import encode_mp4
from talkie.systems import make_config
from talkie.systems.sizes import on_meta, parameter_count
from talkie.systems.tasks.checks import clip_pictures
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest
from talkie_zoo.blocks.ddim import ddim
from talkie_zoo.speech_to_video import hallo_masks as masks
from talkie_zoo.speech_to_video.hallo import Hallo
from talkie_zoo.speech_to_video.hallo_examples import film_example, pair_batch, seen, window_batch
from talkie_zoo.speech_to_video.hallo_networks import AudioProjection, MouthProbe, recoloured
from talkie_zoo.speech_to_video.hallo_sampling import Setting, one_clip, sampled, weights_of
from tone_clips import tone_clip
from tone_pictures import filmed

ONES = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def clip():
    """30 frames of a head that says tones, 96 px, with its true landmarks."""
    shown = filmed(tone_clip(0, "ann", "train", 30).decode(("flac", "head.npz")), 96, look=3)
    points = project_landmarks(builtin_head(), shown.fields["head.npz"]).astype(np.float32)
    return replace(shown, fields={**shown.fields, "landmarks.npy": points})


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    made = Hallo(make_config(Hallo, "micro", {"apart": 10}))
    made.restore({"identities": ["ann", "bea"], "architecture": None})
    return made.eval()


@pytest.fixture
def stirred(system):
    """The same with no zero among the weights of sound and time."""
    torch.manual_seed(1)
    made = Hallo(system.config)
    made.restore(system.constants)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return made.eval()


def setting(system: Hallo, samples: int = 1) -> Setting:
    c = system.config
    draw = torch.Generator().manual_seed(2)
    latent = torch.randn(samples, c.latent_channels, c.latent_side, c.latent_side, generator=draw)
    soft = torch.from_numpy(masks.soft_masks(np.array([[0.2, 0.1, 0.8, 0.9], [0.4, 0.6, 0.6, 0.75]])))
    locate = torch.ones(samples, 1, c.size, c.size)
    face = torch.randn(samples, c.identity_width, generator=draw)
    return Setting(latent, face, locate, soft.expand(samples, -1, -1, -1), np.array([0.0, 0.0, 96.0]))


def stacked(system: Hallo, frames: int, seed: int = 0) -> torch.Tensor:
    c = system.config
    return torch.randn(frames, c.audio_layers, c.audio_channels, generator=torch.Generator().manual_seed(seed))


# --- pictures -------------------------------------------------------------------------------------------------------


def test_a_square_that_is_cut_out_and_put_back_is_the_picture_again():
    y, x = np.mgrid[:80, :100].astype(np.float32)
    frame = np.stack([x, y, x + y], -1).astype(np.uint8)
    box = np.array([20.0, 10.0, 50.0])
    there = masks.cut(frame[None], box, 50)
    np.testing.assert_array_equal(there[0], frame[10:60, 20:70])
    back = masks.paste(frame, masks.cut(frame[None], np.array([20.5, 10.5, 48.0]), 32), np.array([20.5, 10.5, 48.0]))[0]
    assert np.abs(back.astype(int) - frame).max() <= 2


def test_the_square_is_about_the_first_face_which_fills_the_share_that_was_asked(clip):
    view = seen(clip, 64, 0.6)
    face = view.points[0, : masks.MESH]
    extent = face.max(0) - face.min(0)
    assert extent.max() == pytest.approx(0.6 * 64, abs=1e-3)
    np.testing.assert_allclose((face.max(0) + face.min(0)) / 2, 32, atol=1e-3)
    assert view.squares.shape == (30, 64, 64, 3)
    assert view.first.shape == (96, 96, 3)


def test_a_steady_square_goes_with_the_head(clip):
    still, points = clip_pictures(clip)[0], np.asarray(clip.fields["landmarks.npy"])[0, :, :2]
    ways = np.arange(12)[:, None] * np.array([1, -1])
    film = [np.roll(still, (down, across), (0, 1)) for across, down in ways]
    landmarks = (points + ways[:, None]).astype(np.float32)
    moving = replace(clip, fields={**clip.fields, "mp4": encode_mp4(film), "landmarks.npy": landmarks})
    view = seen(moving, 64, 0.9, steady=True)
    # The track is smoothed, so that its ends are a little behind.
    assert np.abs(view.squares[3:9].astype(int) - view.squares[5]).mean() < 2
    np.testing.assert_allclose(view.points[3:9], view.points[5:6].repeat(6, 0), atol=0.1)
    standing = seen(moving, 64, 0.9)
    assert np.abs(standing.squares[3:9].astype(int) - standing.squares[5]).mean() > 4
    np.testing.assert_allclose(standing.points.std(0).max(0), ways.std(0) * 64 / view.box[2], rtol=1e-5)


def test_openings_are_those_of_the_head_that_was_filmed(clip):
    opened = aperture(np.asarray(clip.fields["landmarks.npy"])[..., :2])
    jaw = clip.fields["head.npz"].jaw[:, 0]
    assert np.corrcoef(opened, jaw)[0, 1] > 0.9


def test_masks_reach_zero_and_one_and_lips_are_no_face():
    pose, face, lip = masks.soft_masks(np.array([[0.2, 0.1, 0.8, 0.9], [0.4, 0.6, 0.6, 0.75]]))
    for mask in (pose, lip):
        assert mask.min() == pytest.approx(0, abs=1e-6)
        assert mask.max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(face, np.clip((1 - pose) - lip, 0, 1), atol=1e-6)
    assert lip[43, 32] > 0.9
    assert pose[0, 0] > 0.9


def test_boxes_hold_every_frame_and_grow_when_one_frame_stands_for_all():
    points = np.full((2, 478, 2), 50.0)
    points[0, 0], points[1, 17] = (40, 60), (70, 60)
    face, lip = masks.boxes(points, 100, grown=False)
    np.testing.assert_allclose(face, [0.4, 0.5, 0.7, 0.6])
    np.testing.assert_allclose(lip, face)
    face, lip = masks.boxes(points, 100, grown=True)
    np.testing.assert_allclose(face, [0.37, 0.49, 0.73, 0.61])
    np.testing.assert_allclose(lip, [0.25, 0.45, 0.85, 0.65])


# --- batches --------------------------------------------------------------------------------------------------------


def test_clips_without_landmarks_or_too_short_for_a_window_are_refused(system, clip):
    blind = np.array(clip.fields["landmarks.npy"])
    blind[3] = np.nan
    with pytest.raises(BadInput, match="frames without landmarks"):
        seen(replace(clip, fields={**clip.fields, "landmarks.npy": blind}), 64, 0.6)
    example = film_example(system, clip, range(30))
    with pytest.raises(BadInput, match="5 frames, a window 6"):
        window_batch(system, [{**example, "latents": example["latents"][:5]}])


def test_references_lie_far_away_and_motion_frames_just_before_or_at_the_portrait(system, clip):
    example = film_example(system, clip, range(30))
    example["latents"] = torch.arange(30.0).view(30, 1, 1, 1).expand(30, *example["latents"].shape[1:])
    torch.manual_seed(0)
    pairs = pair_batch(system, [example] * 40)
    assert ((pairs["latents"] - pairs["portrait"]).abs() >= 10).all()
    windows = window_batch(system, [example] * 40)
    frames, before, portrait = (windows[n].flatten(2)[..., 0] if windows[n].dim() == 5 else windows[n][:, 0, 0, :1]
                                for n in ("latents", "before", "portrait"))  # fmt: skip
    assert (frames.diff(dim=1) == 1).all()
    fresh = before[:, 0] == before[:, 1]
    assert 0 < fresh.sum() < 40
    assert (before[fresh] == frames[fresh][:, :1]).all()
    assert (portrait[fresh] == frames[fresh][:, :1]).all()
    assert (before[~fresh] == frames[~fresh][:, :1] + torch.tensor([-2.0, -1.0])).all()


def test_a_near_portrait_lies_just_before_or_behind_its_window(system, clip, monkeypatch):
    example = film_example(system, clip, range(30))
    example["latents"] = torch.arange(30.0).view(30, 1, 1, 1).expand(30, *example["latents"].shape[1:])
    monkeypatch.setattr(system, "config", system.config.model_copy(update={"near": 3, "fresh": 0.0}))
    torch.manual_seed(0)
    windows = window_batch(system, [example] * 60)
    away = (windows["portrait"][:, 0, 0, 0] - windows["latents"][:, 0, 0, 0, 0]).tolist()
    assert set(away) == set(range(-3, system.config.frames + 3))


def test_a_stretch_of_a_clip_is_heard_where_it_lies(system, clip):
    system.audio_projection.windows = lambda stacked, frames: torch.tensor(list(frames))  # type: ignore[method-assign]
    try:
        windows = window_batch(system, [film_example(system, clip, range(11, 17))] * 3)
    finally:
        del system.audio_projection.windows
    assert windows["latents"].shape[:2] == (3, 4)
    assert windows["heard"].tolist() == [[13, 14, 15, 16]] * 3


def test_windows_of_sound_repeat_its_edges():
    projection = AudioProjection(5, 2, 4, 2, 8)
    sound = torch.arange(6.0).view(6, 1, 1).expand(6, 1, 2)
    found = projection.windows(sound, [0, 3, 5])[..., 0, 0]
    assert found.tolist() == [[0, 0, 0, 1, 2], [1, 2, 3, 4, 5], [3, 4, 5, 5, 5]]
    assert projection(projection.windows(sound, [0, 3])[None]).shape == (1, 2, 2, 8)


# --- conditions -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def answer(system: Hallo, heard: torch.Tensor, weights=ONES, **drops):
    c, where = system.config, setting(system)
    x = torch.randn(c.frames, *where.latent.shape[1:], generator=torch.Generator().manual_seed(3))
    before = where.latent[None].expand(1, c.motion_frames, -1, -1, -1)
    windows = system.audio_projection.windows(heard, range(c.frames))[None]
    under = system.conditions(
        where.face, where.latent, where.locate, where.masks, before, windows, weights=weights, **drops
    )
    return system.denoiser(x, torch.tensor([600]), under)[0]


def test_before_the_video_phase_no_sound_changes_anything(system):
    assert torch.equal(answer(system, stacked(system, 4)), answer(system, stacked(system, 4, 9)))


def test_sound_changes_the_answer_unless_it_is_dropped_or_its_weights_are_0(stirred):
    one, other = stacked(stirred, 4), stacked(stirred, 4, 9)
    dropped = {"unheard": torch.tensor([True])}
    assert (answer(stirred, one) - answer(stirred, other)).abs().max() > 1e-4
    assert torch.equal(answer(stirred, one, **dropped), answer(stirred, other, **dropped))
    assert torch.equal(answer(stirred, one, (0.0, 0.0, 0.0)), answer(stirred, other, (0.0, 0.0, 0.0)))


def test_a_blind_sample_knows_nothing_of_face_and_place(stirred):
    c, where = stirred.config, setting(stirred)
    other = setting(stirred)
    blind = torch.tensor([True])
    with torch.no_grad():
        x = torch.randn(1, *where.latent.shape[1:])
        one = stirred.conditions(where.face, where.latent, where.locate, blind=blind)
        two = stirred.conditions(-other.face, -other.latent, 0 * other.locate, blind=blind)
        t = torch.tensor([c.noise_steps // 2])
        torch.testing.assert_close(stirred.denoiser(x, t, one)[0], stirred.denoiser(x, t, two)[0])


def test_what_the_video_phase_trains_is_sound_and_time_alone(system):
    images, video = ({n for n, _ in system.named_parameters() if phase.optimisers["model"].selects(n)}
                     for phase in system.phases()[-2:])  # fmt: skip
    assert not images & video
    assert all(n.startswith("audio_projection.") or ".audio_modules." in n or ".motion_modules." in n for n in video)
    assert {n.split(".")[0] for n in images} == {"denoiser", "reference", "locator", "image_projection"}


def test_the_difference_to_what_is_expected_is_coded_and_comes_back():
    portrait, latents = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 4, 8, 8)
    before = torch.randn(2, 2, 4, 8, 8)
    system = Hallo(make_config(Hallo, "micro", {"residual": True, "carried": 0.25}))
    system.spread.fill_(0.5)
    coded = system.coded(latents, portrait)
    torch.testing.assert_close(coded[:, 1], 2 * (latents[:, 1] - portrait))
    torch.testing.assert_close(system.uncoded(coded, portrait), latents)
    assert system.coded(portrait, portrait).abs().max() == 0
    moved = system.coded(latents, portrait, before)
    torch.testing.assert_close(moved[:, 1], 2 * (latents[:, 1] - 0.75 * portrait - 0.25 * before[:, 1]))
    torch.testing.assert_close(system.uncoded(moved, portrait, before), latents)
    plain = Hallo(make_config(Hallo, "micro", {"residual": False}))
    assert plain.coded(latents, portrait, before) is latents


def test_windows_are_noised_later_than_pictures(clip, monkeypatch):
    made = Hallo(make_config(Hallo, "micro", {"late": 3}))
    made.restore({"identities": ["ann"], "architecture": None})
    examples = [film_example(made.eval(), clip, range(30))] * 40
    noised, steps = made.schedule.noised, []
    monkeypatch.setattr(made.schedule, "noised", lambda x, noise, t: steps.append(t) or noised(x, noise, t))
    torch.manual_seed(0)
    for phase, batch in (("images", pair_batch), ("video", window_batch)):
        made.losses(batch(made, examples), phase, "model")
    assert [t.float().mean() / made.schedule.steps for t in steps] == pytest.approx([1 / 2, 3 / 4], abs=0.1)


def test_the_probe_looks_at_mouths_alone_and_learns_under_other_light():
    probe, pictures = MouthProbe(64), torch.rand(2, 3, 64, 64) * 2 - 1
    elsewhere = pictures.clone()
    elsewhere[:, :, :32] = 0
    elsewhere[:, :, :, :12] = 0
    assert torch.equal(probe(elsewhere), probe(pictures))
    assert not torch.equal(probe(pictures.flip(3)), probe(pictures))
    lit = recoloured(pictures)
    ratio = (lit - lit.mean((2, 3), keepdim=True)) / (pictures - pictures.mean((2, 3), keepdim=True))
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio), atol=1e-2, rtol=1e-2)
    assert (lit.mean((2, 3)) - pictures.mean((2, 3))).abs().max() > 0.01


# --- sampling -------------------------------------------------------------------------------------------------------


def test_a_film_is_its_clips_end_to_end_each_begun_by_the_last_frames_before(stirred):
    c, where, heard = stirred.config, setting(stirred), stacked(stirred, 7)
    film = sampled(stirred, where, heard, 7, ONES, seed=5)
    assert film.shape == (7, *where.latent.shape[1:])
    draw = torch.Generator().manual_seed(5)
    before = where.latent[None].expand(1, c.motion_frames, -1, -1, -1)
    made = []
    for number in range(2):
        noise = torch.randn(1, c.frames, *where.latent.shape[1:], generator=draw)
        windows = stirred.audio_projection.windows(heard, range(number * c.frames, (number + 1) * c.frames))[None]
        with torch.no_grad():
            made.append(one_clip(stirred, where, before, windows, ONES, noise))
        before = made[-1][:, -c.motion_frames :]
    torch.testing.assert_close(film, torch.cat(made, 1)[0, :7])
    assert not torch.equal(film, sampled(stirred, where, heard, 7, ONES, seed=6))


def test_guidance_of_one_is_the_conditional_model_alone(stirred):
    where, heard = setting(stirred), stacked(stirred, 4)
    plain = Hallo(make_config(Hallo, "micro", {"guidance": 1.0}))
    plain.restore(stirred.constants)
    plain.load_state_dict(stirred.state_dict())
    c = plain.eval().config
    before = where.latent[None].expand(1, c.motion_frames, -1, -1, -1)
    windows = plain.audio_projection.windows(heard, range(c.frames))[None]
    noise = torch.randn(1, c.frames, *where.latent.shape[1:])
    under = plain.conditions(where.face, where.latent, where.locate, where.masks, before, windows)

    def denoise(x, t):
        return plain.denoiser(x[0], t, under)[0][None]

    with torch.no_grad():
        wanted = plain.uncoded(ddim(plain.schedule, denoise, noise, c.sampling_steps), where.latent, before)
        torch.testing.assert_close(one_clip(plain, where, before, windows, ONES, noise), wanted)


def test_a_portrait_without_a_face_is_taken_whole_and_answers_as_long_as_the_sound(system):
    portrait = np.full((48, 48, 3), 90, np.uint8)
    answered = system.generate(SpeechToVideoRequest(portrait, np.zeros(640 * 6, np.float32)))
    assert answered.frames.shape == (6, 48, 48, 3)
    assert answered.frames.dtype == np.uint8


@pytest.mark.parametrize(
    ("controls", "says"),
    [
        ({"lips": 1}, "no control 'lips'"),
        ({"lip_weight": -1}, "no weight"),
        ({"lip_weight": float("nan")}, "no weight"),
        ({"pose_weight": "much"}, "no weight"),
        ({"face_weight": True}, "no weight"),
    ],
)
def test_controls_are_three_weights_and_nothing_else(controls, says):
    with pytest.raises(BadInput, match=says):
        weights_of(controls)


def test_weights_come_in_the_order_of_the_regions():
    assert weights_of({"lip_weight": 2, "pose_weight": 0.5}) == (0.5, 1.0, 2.0)


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_the_published_network_has_the_parameters_that_its_layers_imply():
    """Two U-Nets of Stable Diffusion 1.5, its autoencoder, AnimateDiff's modules, wav2vec2-base and what Hallo adds."""
    audio = sum(_audio_slot(width) * slots for width, slots in ((320, 5), (640, 5), (1280, 6)))
    projection = (46_080 + 1) * 512 + 513 * 512 + 513 * 32 * 768 + 2 * 768
    face = 513 * 4 * 768 + 2 * 768
    known = 2 * 859_520_964 + 83_653_863 + 453_209_280 + audio + projection + face
    paper = on_meta(Hallo, "paper")
    rest = parameter_count(paper, "locator.") + parameter_count(paper, "hearing.")
    assert parameter_count(paper) == known + rest
    assert rest / 1e6 == pytest.approx(94.9, abs=0.1)


def _audio_slot(width: int) -> int:
    """Of one audio transformer: two projections, self-attention, three cross-attentions with their convolutions, the
    feed-forward, and norms."""
    own = 4 * width**2 + width
    cross = 2 * width**2 + 2 * 768 * width + width + width**2 + width
    forward = 8 * width * (width + 1) + (4 * width + 1) * width
    return 2 * (width**2 + width) + own + 3 * cross + forward + 2 * 4 * width
