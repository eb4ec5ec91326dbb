"""Articulation: mouth shapes follow the phones, with the order and the limits that phonetics asks for."""

import numpy as np
import pytest
import torch

from talkie.clip import FPS, Phone, Transcription
from talkie.heads import ARKIT_NAMES, builtin_head
from talkie.speech.phones import VISEMES as VISEME_NAMES
from talkie.stage.articulation import articulate, hold_contacts
from talkie.stage.visemes import VISEMES

JAW, PRESS, PUCKER = (ARKIT_NAMES.index(n) for n in ("jawOpen", "mouthPressLeft", "mouthPucker"))


def spoken(*phones: tuple[str, str, float]) -> Transcription:
    """Phones given as (label, viseme, seconds) one after the other."""
    placed, at = [], 0.0
    for label, viseme, seconds in phones:
        placed.append(Phone(label, viseme, at, at + seconds))
        at += seconds
    return Transcription((), tuple(placed), "test")


def frame_at(seconds: float) -> int:
    return int(seconds * FPS)


def test_every_viseme_of_the_vocabulary_has_a_target():
    assert VISEMES.keys() == set(VISEME_NAMES)


def test_an_open_vowel_opens_the_jaw_and_a_bilabial_closes_it_again():
    phones = spoken(("SIL", "sil", 0.4), ("AA", "aa", 0.4), ("M", "PP", 0.2), ("AA", "aa", 0.4), ("SIL", "sil", 0.4))
    mouth = articulate(phones, 45, np.ones(45))
    assert mouth[frame_at(0.6), JAW] > 0.4
    assert mouth[frame_at(0.9), JAW] < 0.1
    assert mouth[frame_at(0.9), PRESS] > 0.2
    assert mouth[frame_at(0.1), JAW] < 0.05


def test_rounding_begins_before_the_rounded_vowel():
    phones = spoken(("SIL", "sil", 0.3), ("S", "SS", 0.2), ("UW", "ou", 0.4), ("SIL", "sil", 0.3))
    pucker = articulate(phones, 30, np.ones(30))[:, PUCKER]
    before, during = pucker[frame_at(0.46)], pucker[frame_at(0.7)]
    assert 0.1 * during < before < during


def test_loud_vowels_open_wider_but_never_beyond_the_range():
    phones = spoken(("AA", "aa", 1.0))
    quiet, loud = (articulate(phones, 25, np.full(25, x), articulation=2.0)[:, JAW] for x in (0.0, 1.0))
    assert (loud > quiet).all()
    assert loud.max() <= 1.0


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_symmetric_target_moves_both_sides(side):
    mouth = articulate(spoken(("IY", "ih", 0.5)), 12, np.ones(12))
    assert mouth[6, ARKIT_NAMES.index(f"mouthStretch{side}")] > 0.3


def test_rounding_spreads_ahead_over_two_consonants_further_than_it_lingers():
    phones = spoken(
        ("SIL", "sil", 0.3),
        ("S", "SS", 0.08),
        ("T", "DD", 0.08),
        ("UW", "ou", 0.3),
        ("T", "DD", 0.08),
        ("S", "SS", 0.08),
    )
    pucker = articulate(phones, 24, np.ones(24))[:, PUCKER]
    start, end = 0.46, 0.76
    assert pucker[frame_at(start - 0.1)] > 0.15 * pucker.max()
    assert pucker[frame_at(start - 0.06)] > pucker[frame_at(end + 0.06)]


@pytest.mark.parametrize("shift", np.linspace(0, 0.039, 7))
def test_a_closure_shorter_than_a_frame_is_seen_wherever_it_falls(shift):
    phones = spoken(("AA", "aa", 0.3 + shift), ("B", "PP", 0.03), ("AA", "aa", 0.3))
    mouth = articulate(phones, 17, np.ones(17))
    frame = frame_at(0.3 + shift + 0.015)
    assert mouth[frame, ARKIT_NAMES.index("mouthClose")] == pytest.approx(mouth[frame, JAW], abs=1e-6)


def test_contacts_hold_against_everything_else_that_moves_the_mouth():
    phones = spoken(("M", "PP", 0.2), ("AA", "aa", 0.2), ("F", "FF", 0.2))
    held = hold_contacts(np.ones((15, 52), np.float32), phones)
    for frame in range(5):
        assert held[frame, ARKIT_NAMES.index("mouthClose")] == pytest.approx(held[frame, JAW], abs=1e-6)
        for name in ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpRight"):
            assert held[frame, ARKIT_NAMES.index(name)] == 0
    assert held[12, ARKIT_NAMES.index("mouthRollLower")] == 1
    assert held[12, JAW] < 0.2


def test_holding_contacts_twice_changes_no_contact():
    phones = spoken(("AA", "aa", 0.2), ("B", "PP", 0.1), ("F", "FF", 0.1), ("AA", "aa", 0.2))
    once = hold_contacts(np.full((15, 52), 0.5, np.float32), phones)
    np.testing.assert_allclose(hold_contacts(once, phones)[[6, 8]], once[[6, 8]], atol=1e-6)


def test_a_diphthong_moves_from_its_first_shape_to_its_second():
    mouth = articulate(spoken(("AY", "aa", 0.5)), 12, np.ones(12))
    stretch = ARKIT_NAMES.index("mouthStretchLeft")
    assert mouth[2, JAW] > mouth[11, JAW] + 0.15
    assert mouth[11, stretch] > mouth[2, stretch] + 0.15


def test_a_foreign_sound_takes_its_own_viseme_not_that_of_its_nearest_english_phone():
    rounded = articulate(spoken(("IY", "ou", 0.4)), 10, np.ones(10))
    assert rounded[5, PUCKER] > 0.4


@pytest.mark.parametrize(("emotion", "intensity"), [("neutral", 1), ("happy", 3), ("surprised", 3), ("disgusted", 3)])
def test_lips_of_the_mesh_meet_on_every_bilabial_under_any_emotion(play, people, emotion, intensity):
    model = builtin_head()
    upper, lower = (rim[len(rim) // 2] for rim in model.mesh.skin.lip_rims)
    for who in range(3):
        played = play(who, "Maybe Bob and Pam bumped the lamp; my apples fell off the shelf.", emotion, intensity)
        frames = [frame_at((p.start_s + p.end_s) / 2) for p in played.transcription.phones if p.viseme == "PP"]
        identity = torch.as_tensor(people[who].identity)[None].expand(len(frames), -1)
        vertices = model.vertices(identity, torch.as_tensor(played.expression[frames])).numpy()
        assert len(frames) >= 8
        assert (np.linalg.norm(vertices[:, upper] - vertices[:, lower], axis=-1) < 0.0005).all()
