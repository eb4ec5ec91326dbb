"""Every boundary is found where it is, and nothing else is one."""

import numpy as np
import pytest
from editing import TRANSITIONS, Film, blended, exposure_ramp, flash, glitch, joined, pan, shake
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from talkie.curation.shots import ShotSettings, shots
from talkie.curation.shots.cuts import Candidates


def scene(seed: int, frames: int = 80) -> np.ndarray:
    """A wall with furniture, before it a head that sways and opens its mouth: (frames, 90, 160, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:90, 0:160].astype(np.float64)
    wall = np.full((90, 160, 3), rng.integers(60, 200, 3), np.float64)
    for _ in range(12):
        top, left = rng.integers(0, 80), rng.integers(0, 150)
        wall[top : top + rng.integers(8, 40), left : left + rng.integers(8, 50)] = rng.integers(20, 235, 3)
    skin, out = rng.integers(90, 220, 3), np.empty((frames, 90, 160, 3), np.uint8)
    for k in range(frames):
        centre = 80 + 4 * np.sin(k / 9 + seed), 48 + 2 * np.sin(k / 5)
        picture = wall.copy()
        picture[((x - centre[0]) / 17) ** 2 + ((y - centre[1]) / 24) ** 2 < 1] = skin
        opening = 1 + 3 * (1 + np.sin(k * 0.9))
        picture[((x - centre[0]) / 7) ** 2 + ((y - centre[1] - 11) / opening) ** 2 < 1] = (70, 20, 20)
        out[k] = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255)
    return out


@pytest.fixture(scope="module")
def takes() -> list[np.ndarray]:
    return [scene(seed) for seed in range(6)]


def numbers(film: Film, **options) -> list[int]:
    return [frame.shot for frame in shots(film.stream(), ShotSettings(**options))]


def test_frames_come_out_as_they_went_in(takes):
    film = joined(takes[0][:40], takes[1][:40])
    out = list(shots(film.stream(7)))
    assert [frame.index for frame in out] == list(range(7, 80))
    assert [frame.time_s for frame in out] == [k / 25 for k in range(7, 80)]
    assert all(
        frame.frame is film.frames[frame.index] or (frame.frame == film.frames[frame.index]).all() for frame in out
    )


@pytest.mark.parametrize("at", [1, 2, 5, 40, 77, 78, 79])
def test_a_cut_is_found_at_its_frame_even_near_the_ends(takes, at):
    assert numbers(joined(takes[0][:at], takes[1][: 80 - at])) == [0] * at + [1] * (80 - at)


@pytest.mark.parametrize("length", [2, 3, 5, 9])
def test_a_tiny_shot_between_two_cuts_is_a_shot(takes, length):
    film = np.concatenate([takes[0][:30], takes[1][:length], takes[2][:30]])
    assert numbers(Film(film)) == [0] * 30 + [1] * length + [2] * 30


@pytest.mark.parametrize("length", [4, 7])
def test_a_cut_away_and_back_is_two_cuts(takes, length):
    film = np.concatenate([takes[3][:30], takes[4][:length], takes[3][30:60]])
    assert numbers(Film(film)) == [0] * 30 + [1] * length + [2] * 30


def test_a_cut_to_another_person_before_the_same_wall(takes):
    other = takes[0][:40].copy()
    skin = (np.abs(takes[0][0].astype(int) - takes[0][0, 48, 84].astype(int)) < 12).all(-1)
    assert 0.05 < skin.mean() < 0.3
    other[:, 15:80, 60:105] = takes[1][:40, 15:80, 60:105]
    assert numbers(joined(takes[0][:40], other)) == [0] * 40 + [1] * 40


@pytest.mark.parametrize("length", [6, 12, 20, 30])
@pytest.mark.parametrize("kind", TRANSITIONS)
def test_the_frames_of_a_gradual_transition_are_flagged(takes, kind, length):
    film = blended(kind, takes[1], takes[2], length)
    out = list(shots(film.stream()))
    found = np.array([frame.transition for frame in out])
    (first, end) = film.gradual[0]
    truth = np.zeros(len(out), bool)
    truth[first:end] = True
    # The first and last frames of a slow one differ from the takes by less than can be seen.
    slack = 2 + round(0.15 * length)
    assert found[first + slack : end - slack].all()
    assert not found[: first - slack].any()
    assert not found[end + slack :].any()
    assert out[0].shot == 0
    assert out[-1].shot == 1
    assert {frame.shot for frame in out if not frame.transition} == {0, 1}


@pytest.mark.parametrize(
    "disturbed",
    [
        lambda t, rng: flash(t, 30, (1.0,)),
        lambda t, rng: flash(t, 30, (1.0, 0.6, 0.3, 0.1)),
        lambda t, rng: exposure_ramp(t, 20, 15, 0.8),
        lambda t, rng: exposure_ramp(t, 20, 15, -0.8),
        lambda t, rng: exposure_ramp(t, 30, 1, 0.8),
        lambda t, rng: shake(t, rng, 3),
        lambda t, rng: pan(t, 2.0),
        lambda t, rng: glitch(t, 30, rng),
        lambda t, rng: np.concatenate([t[:30], np.repeat(t[30:31], 20, 0), t[30:]]),
        lambda t, rng: t[np.arange(80) % 25],
    ],
    ids=["flash", "fading flash", "exposure up", "exposure down", "exposure at once", "shake", "pan", "broken picture",
         "standing still", "repeated"],
)  # fmt: skip
@pytest.mark.parametrize("take", range(2))
def test_what_happens_within_a_shot_is_no_boundary(takes, take, disturbed):
    out = list(shots(Film(disturbed(takes[take], np.random.default_rng(take))).stream()))
    assert out[-1].shot == 0
    assert not any(frame.transition for frame in out)


def test_a_hand_that_passes_before_the_face_is_no_boundary(takes):
    film = takes[5].copy()
    for k in range(30):
        left = -60 + 8 * k
        film[20 + k, 20:85, max(left, 0) : max(left + 40, 0)] = (200, 160, 140)
    out = list(shots(Film(film).stream()))
    assert out[-1].shot == 0
    assert not any(frame.transition for frame in out)


def test_no_more_full_size_frames_are_held_than_the_settings_say(takes):
    film = Film(np.concatenate([takes[0], takes[1], takes[2]]))
    given = 0

    def counted():
        nonlocal given
        for item in film.stream():
            given += 1
            yield item

    held = []
    for taken, _ in enumerate(shots(counted(), ShotSettings(held=26))):
        held.append(given - taken)
    assert max(held) <= 27


def test_a_stream_may_begin_anywhere(takes):
    """Away from its first frames a piece has the boundaries of the whole."""
    film = np.concatenate([takes[0][:50], takes[1][:60], takes[2][:50]])
    whole = np.diff(numbers(Film(film)))
    for first in (20, 45, 60):
        piece = [frame.shot for frame in shots(Film(film).stream(first))]
        np.testing.assert_array_equal(np.diff(piece), whole[first:])


def test_a_hole_in_the_clock_ends_a_shot(takes):
    frames = [(k if k < 40 else k + 500, 0.0, takes[0][k]) for k in range(80)]
    assert [frame.shot for frame in shots(iter(frames))] == [0] * 40 + [1] * 40


def test_an_empty_stream_and_one_of_a_single_frame(takes):
    assert list(shots(iter([]))) == []
    (only,) = shots(Film(takes[0][:1]).stream())
    assert (only.shot, only.transition) == (0, False)


def test_wild_pictures_are_numbered_all_the_same():
    """Noise that grows and fades, loops of different lengths, a drift of colours: every frame comes out, in order."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 255, (40, 90, 160, 3))
    drift = np.linspace(0, 255, 60)[:, None, None, None] * rng.random((1, 90, 160, 3))
    films = [noise, drift, np.concatenate([drift, drift[::-1]]), drift[np.arange(120) % 24], drift[np.arange(90) % 13]]
    for film in films:
        out = list(shots(Film(film.astype(np.uint8)).stream()))
        assert [frame.index for frame in out] == list(range(len(film)))
        assert (np.diff([frame.shot for frame in out]) >= 0).all()


def test_cuts_are_proposed_where_scenedetects_own_detector_says():
    rng = np.random.default_rng(4)
    scenes = [rng.integers(0, 256, (54, 96, 3)) for _ in range(6)]
    lengths = (9, 14, 7, 11, 8, 12)
    pictures = [
        np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).astype(np.uint8)
        for scene, length in zip(scenes, lengths, strict=True)
        for _ in range(length)
    ]
    settings = ShotSettings(certain=255)
    candidates = Candidates(settings)
    found = set().union(*(candidates.see(picture) for picture in pictures), candidates.finish())
    library = AdaptiveDetector(settings.ratio, min_scene_len=0, window_width=2, min_content_val=settings.content)
    padded = [*2 * pictures[:1], *pictures, *2 * pictures[-1:]]
    told = [library.process_frame(FrameTimecode(at, 25.0), picture) for at, picture in enumerate(padded)]
    assert found == {code.frame_num - 2 for codes in told for code in codes} == {9, 23, 30, 41, 49}
