"""Scores on pictures whose truth is known: a closed form, or another library that made the damage."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.curation.draft import Draft, View
from talkie.curation.judgement.scores import SCORES
from talkie.curation.judgement.scores.codec import blockiness
from talkie.curation.judgement.scores.geometry import angles, facing, head_angles, rotations
from talkie.curation.judgement.scores.noise import noise_level
from talkie.curation.judgement.scores.occlusion import held, hidden_share
from talkie.curation.judgement.scores.stillness import in_runs, repeated

SIZE = 256


def picture(seed=0, shape=(360, 640)):
    """Noise whose amplitude falls as 1 / f, as in natural pictures: (h, w, 3) uint8."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    f[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) / f).real
    grey = np.clip(120 + 40 * field / field.std(), 0, 255)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, -1)


def landmarks(seed=1):
    """Points within a face's bounds; the irises and the corners of the eyes where eyes are."""
    points = np.random.default_rng(seed).uniform((70, 60, 0), (186, 200, 1), (478, 3)).astype(np.float32)
    for index, x in ((468, 100), (473, 156), (33, 88), (133, 112), (362, 144), (263, 168), (105, 90), (334, 166)):
        points[index] = x, 110, 0
    return points


def views(frames, box=(192, 52, 256), points=None):
    points = landmarks() if points is None else points
    x, y, side = box
    for index, frame in enumerate(frames):
        crop = np.asarray(Image.fromarray(frame[y : y + side, x : x + side]).resize((SIZE, SIZE)))
        yield View(index, crop, frame, points, np.array(box, float), True)


def draft(frames):
    points = np.repeat(landmarks()[None], frames, 0)
    return Draft(0, SIZE, points, np.tile((192.0, 52.0, 256.0), (frames, 1)), np.ones(frames, bool), (360, 640))


def score(name, frames, **where):
    watcher = SCORES[name]().start()
    for view in views(frames, **where):
        watcher.see(view)
    return watcher.finish(draft(len(frames))).scores


@pytest.mark.parametrize("name", SCORES)
def test_every_score_says_what_it_means_and_finds_nothing_in_no_frames(name):
    annotator = SCORES[name]()
    assert annotator.scores
    assert annotator.tool.startswith("talkie ")
    assert not annotator.start().finish(draft(0)).scores


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_finite_where_there_is_nothing_to_see_or_the_face_is_outside(name):
    black = [np.zeros((360, 640, 3), np.uint8)] * 30
    for box in ((192, 52, 256), (384, 104, 256)):
        found = score(name, black, box=box)
        assert set(found) <= set(SCORES[name]().scores)
        assert np.isfinite(list(found.values())).all()


def test_noise_is_measured_in_grey_levels_and_a_slope_is_none():
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 180, 200)[None] + np.linspace(0, 20, 200)[:, None]
    noisy = (ramp + rng.normal(0, 6, ramp.shape)).round().astype(np.uint8)
    # The smoothest fifth of blocks of 64 samples lies below the mean by what chance gives.
    assert noise_level(noisy) == pytest.approx(6, rel=0.15)
    assert noise_level(ramp.astype(np.uint8)) < 0.5


def test_detail_ends_where_an_enlarged_picture_ends():
    def enlarged(factor):
        small = Image.fromarray(picture()).resize((round(640 / factor), round(360 / factor)), Image.Resampling.BOX)
        return np.asarray(small.resize((640, 360), Image.Resampling.BICUBIC))

    assert score("focus", [picture()])["detail_cutoff"] == 1
    ends = {factor: score("focus", [enlarged(factor)])["detail_cutoff"] for factor in (2.5, 4, 6)}
    # Interpolation falls off slowly: its last fifth of amplitude lies at less than twice what the small picture held.
    assert all(1 / factor < end < 2 / factor for factor, end in ends.items())
    assert ends[2.5] > ends[4] > ends[6]


def test_detail_is_not_mistaken_for_noise():
    blurred = gaussian_filter(picture().astype(float), (4, 4, 0))
    grainy = np.clip(blurred + np.random.default_rng(0).normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)
    assert score("focus", [grainy])["detail_cutoff"] < 0.4


def test_sharpness_falls_with_blur_and_cares_neither_for_contrast_nor_for_scale():
    clean = picture()
    sharp = score("focus", [clean])["sharpness"]
    blurred = gaussian_filter(clean.astype(float), (5, 5, 0)).astype(np.uint8)
    assert score("focus", [blurred])["sharpness"] < 0.7 * sharp
    faint = (60 + clean / 2).astype(np.uint8)
    assert score("focus", [faint])["sharpness"] == pytest.approx(sharp, rel=0.1)


def test_blocks_of_a_jpeg_show_and_finer_ones_do_not():
    def encoded(quality):
        buffer = io.BytesIO()
        Image.fromarray(picture()[..., 0]).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    assert blockiness(encoded(8)) > 0.1 > 0.03 > blockiness(encoded(92))
    assert abs(blockiness(picture()[..., 0])) < 0.02


def test_exposure_is_in_linear_light():
    grey = np.full((360, 640, 3), 188, np.uint8)  # IEC 61966-2-1: 188 is half of the light
    found = score("exposure", [grey])
    assert found["skin_light"] == pytest.approx(0.5, abs=0.005)
    assert found["peak_light"] == pytest.approx(0.5, abs=0.005)
    assert found["skin_clipped"] == found["skin_dark"] == 0
    assert score("exposure", [np.full_like(grey, 255)])["skin_clipped"] == 1
    assert score("exposure", [np.full_like(grey, 20)])["skin_dark"] == 1


def test_runs_are_found_where_they_are_long_enough():
    flags = np.array([1, 1, 0, 1, 1, 1, 1, 1, 0, 1], bool)
    assert in_runs(flags, 5).tolist() == [False] * 3 + [True] * 5 + [False] * 2


def shaking(count, seed=0):
    """One scene under a camera that shakes: every frame another."""
    rng = np.random.default_rng(seed)
    wide = picture(seed, (400, 700))
    return [np.ascontiguousarray(wide[y : y + 360, x : x + 640]) for y, x in rng.integers(0, 40, (count, 2))]


def test_a_picture_that_stands_still_is_frozen_and_not_repeated():
    frames = shaking(60)
    frames[20:40] = [frames[20]] * 20
    found = score("stillness", frames)
    assert found == {"frozen_share": pytest.approx(19 / 60, abs=1e-5), "repeated_share": 0}


def test_a_slow_source_shown_at_25_pictures_a_second_is_not_frozen():
    frames = [frame for frame in shaking(20) for _ in range(3)]
    assert score("stillness", frames)["frozen_share"] == 0


def test_a_loop_is_repeated_and_not_frozen():
    frames = shaking(20) * 3
    found = score("stillness", frames)
    assert found == {"frozen_share": 0, "repeated_share": pytest.approx(2 / 3, abs=1e-5)}


def test_a_nod_to_and_fro_is_no_loop():
    t = np.arange(100)
    grid = np.arange(24) / 24
    pictures = [127 + 100 * np.sin(6 * (grid[None] + 0.2 * np.sin(0.25 * k) + 0.01 * k) + 5 * grid[:, None]) for k in t]
    assert not repeated(np.stack(pictures).astype(np.uint8), np.zeros(100, bool)).any()


def test_writing_that_stays_while_the_face_moves_is_seen_and_the_face_itself_is_not():
    frames = shaking(60)
    font = ImageFont.load_default(28)
    written = []
    for frame in frames:
        image = Image.fromarray(frame)
        words = "what is said is\nwritten across"
        ImageDraw.Draw(image).multiline_text(
            (320, 200), words, (255, 255, 255), font, "mm", stroke_width=2, stroke_fill=(0, 0, 0)
        )
        written.append(np.asarray(image))
    assert score("writing", written)["text_on_face"] > 0.1
    assert score("writing", frames)["text_on_face"] < 0.05


def test_the_hidden_share_is_that_of_the_landmarks_that_change():
    rng = np.random.default_rng(0)
    colours = np.tile(rng.integers(80, 160, (1, 100, 3)), (50, 1, 1)) + rng.integers(-3, 4, (50, 100, 3))
    colours[20:26, :40] += 70
    colours[40] += 60  # a flash of light on everything is none
    share = hidden_share(colours.astype(np.uint8))
    assert share[20:26] == pytest.approx(0.4)
    assert share[:20].max() == share[26:].max() == 0
    assert held(share, 6) == pytest.approx(0.4)
    assert held(share, 7) == 0


def test_a_frozen_moment_does_not_become_what_is_usual():
    rng = np.random.default_rng(0)
    colours = np.tile(rng.integers(80, 160, (1, 100, 3)), (60, 1, 1)) + rng.integers(-3, 4, (60, 100, 3))
    colours[20:, :30] += 60
    colours[20:] = colours[20]  # it stands still where something hides the face, for most of the clip
    share = hidden_share(colours.astype(np.uint8))
    assert share[:20].max() == 0
    assert share[20:] == pytest.approx(0.3)


@pytest.mark.parametrize(("axis", "expected"), [((0, 1, 0), (-25, 0)), ((1, 0, 0), (0, -25))])
def test_pose_is_read_from_landmarks(axis, expected):
    points = np.zeros((478, 3))
    points[33], points[263], points[10], points[152] = (-1, -0.3, 0), (1, -0.3, 0), (0, -1, 0), (0, 1, 0)
    turn = rotations(np.radians(25.0) * np.array([axis], float))[0]
    yaw, pitch = angles(facing(points @ turn.T))
    assert (yaw, pitch) == (pytest.approx(expected[0], abs=0.1), pytest.approx(expected[1], abs=0.1))


def test_who_looks_into_the_camera_from_the_edge_of_the_picture_is_not_turned():
    place = np.array([[0.5, 0.2, 0.0]])  # metres; the camera stands at z = 1 and looks back along -z
    toward = np.array([0, 0, 1.0]) - place[0]
    turn = Rotation.align_vectors(toward[None], np.array([[0, 0, 1.0]]))[0].as_rotvec()[None]
    none = np.zeros((1, 3))
    flip = np.diag([1.0, -1, -1])
    head = HeadTrack(np.zeros(1), np.zeros((1, 1)), none, none, none, none, turn, place, np.eye(3)[None], flip,
                     np.array([0, 0, 1.0]), np.zeros(1), "any")  # fmt: skip
    yaw, pitch = head_angles(head)
    assert (yaw[0], pitch[0]) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
    ahead = dataclasses.replace(head, rotation=none)
    assert head_angles(ahead)[0][0] == pytest.approx(np.degrees(np.arctan(0.5)), abs=1e-6)


def test_a_small_face_is_as_large_as_it_is_in_the_source():
    found = score("geometry", [picture()])
    assert found["face_px"] == pytest.approx(np.ptp(landmarks()[:, :2], axis=0).max(), abs=0.01)
