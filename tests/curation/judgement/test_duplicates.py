"""Copies are found whatever was done to them, other takes are not, and the answer depends on nothing but the clips."""

import time

import numpy as np
import pytest
from PIL import Image
from scipy.signal import chirp

from talkie.curation.draft import Draft, View
from talkie.curation.judgement.duplicates import (
    Fingerprint,
    PictureFingerprint,
    SoundFingerprint,
    find_duplicates,
    keep,
)
from talkie.curation.judgement.duplicates.fingerprint import coefficients, moving_bits, sound_words
from talkie.curation.judgement.duplicates.matching import same_sound, wrong_bits

RATE = 16_000


def motion(count, rng):
    """Words as those of a face that talks: each bit holds for some frames, which bits go together is chance."""
    steps = np.cumsum(rng.normal(size=(count, 64)), 0)
    steps -= np.array([np.convolve(c, np.ones(25) / 25, "same") for c in steps.T]).T
    return np.packbits(steps > np.median(steps, 0), axis=1, bitorder="little").view("<u8").ravel()


def copy(words, rng, wrong=0.1, start=0, end=None):
    """The same with a share of its bits flipped, cut at both ends."""
    flips = np.packbits(rng.random((len(words), 64)) < wrong, axis=1, bitorder="little").view("<u8").ravel()
    return (words ^ flips)[start:end]


def test_copies_are_grouped_and_everything_else_is_not():
    rng = np.random.default_rng(0)
    clips = []
    for number in range(40):
        words = motion(125, rng)
        clips += [
            Fingerprint(f"{number:02d}-a", words, frames=125, face_px=100),
            Fingerprint(f"{number:02d}-b", copy(words, rng), frames=125, face_px=200),
            Fingerprint(f"{number:02d}-c", copy(words, rng, start=17, end=-20), frames=88, face_px=300),
            Fingerprint(f"{number:02d}-other", motion(125, rng), frames=125),
        ]
    groups = find_duplicates(clips)
    assert [group.ids for group in groups] == [tuple(f"{n:02d}-{c}" for c in "abc") for n in range(40)]
    assert {group.kept[-1] for group in groups} == {"b"}
    assert not any(group.exact for group in groups)


def test_the_order_of_the_clips_does_not_matter():
    rng = np.random.default_rng(1)
    words = [motion(100, rng) for _ in range(10)]
    clips = [Fingerprint(f"{i}{j}", copy(w, rng)) for i, w in enumerate(words) for j in range(3)]
    expected = find_duplicates(clips)
    assert len(expected) == 10
    for _ in range(3):
        assert find_duplicates([clips[i] for i in rng.permutation(len(clips))]) == expected


def test_a_film_that_everybody_has_copied_is_one_group():
    rng = np.random.default_rng(2)
    words = motion(100, rng)
    (group,) = find_duplicates(Fingerprint(f"{i:03d}", copy(words, rng, 0.03)) for i in range(200))
    assert len(group.ids) == 200


def test_equal_digests_are_exact_duplicates_whatever_the_picture():
    still = np.zeros(50, np.uint64)
    clips = [Fingerprint("b", still, digest="x"), Fingerprint("a", still[:0], digest="x"), Fingerprint("c", still[:5])]
    (group,) = find_duplicates(clips)
    assert (group.ids, group.exact) == (("a", "b"), True)


def test_nothing_and_one_clip_have_no_duplicates():
    assert find_duplicates([]) == ()
    assert find_duplicates([Fingerprint("a", np.zeros(0, np.uint64)), Fingerprint("b", np.zeros(0, np.uint64))]) == ()


def test_too_short_a_part_in_common_is_none():
    rng = np.random.default_rng(3)
    words = motion(300, rng)
    assert find_duplicates([Fingerprint("a", words[:170]), Fingerprint("b", words[130:])]) == ()
    assert len(find_duplicates([Fingerprint("a", words[:200]), Fingerprint("b", words[50:])])) == 1


def test_the_longest_then_the_largest_face_then_the_smallest_id_is_kept():
    none = np.zeros(0, np.uint64)
    clips = [Fingerprint("c", none, None, 9, 5), Fingerprint("b", none, None, 9, 5), Fingerprint("a", none, None, 8, 9)]
    assert keep(clips).id == "b"
    assert keep([*clips, Fingerprint("z", none, None, 9, 6)]).id == "z"


def test_work_grows_with_the_clips_and_not_with_their_pairs():
    rng = np.random.default_rng(4)
    base = [motion(60, rng) for _ in range(200)]
    # Flipping the same bits in all frames makes another clip of the same statistics.
    many = [w ^ rng.integers(0, 2**63, dtype=np.uint64) for _ in range(20) for w in base]
    clips = [Fingerprint(f"{i:05d}", w) for i, w in enumerate(many)]

    def spent(count):
        start = time.process_time()
        find_duplicates(clips[:count])
        return time.process_time() - start

    spent(500)
    assert spent(4000) < 3 * 4 * spent(1000) + 0.5


def test_wrong_bits_are_a_share():
    assert wrong_bits(np.array([0, 2**64 - 1], np.uint64), np.array([0, 0], np.uint64)) == 0.5


def speech(seed, seconds=4):
    """Sweeps of random pitch under random loudness."""
    rng, t = np.random.default_rng(seed), np.arange(RATE // 4) / RATE
    parts = [
        rng.uniform(0.2, 1) * sum(chirp(t, k * f, 0.25, k * f * rng.uniform(0.7, 1.4)) / k for k in range(1, 12))
        for f in rng.uniform(90, 250, seconds * 4)
    ]
    return (0.1 * np.concatenate(parts)).astype(np.float32)


def test_sound_is_known_again_under_gain_noise_and_another_start_and_others_are_not():
    clean = speech(0)
    words = sound_words(clean)
    assert words.dtype == np.uint32
    assert len(words) == len(clean) // 320
    noisy = 0.3 * clean + np.random.default_rng(1).normal(0, 0.1 * 0.3 * clean.std(), len(clean)).astype(np.float32)
    assert same_sound(words, sound_words(noisy)) < 0.2
    assert same_sound(words, sound_words(clean[6 * 640 :]), shift=12) < 0.2
    assert same_sound(words, sound_words(speech(1))) > 0.4  # Haitsma and Kalker's threshold is 0.35
    assert same_sound(words, words[:0]) == 0.5


def test_a_clip_too_short_for_a_word_has_none():
    assert sound_words(np.zeros(100, np.float32)).shape == (0,)


def test_the_watchers_write_one_member_together():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(40, 40))
    watcher = PictureFingerprint().start()
    for index in range(30):
        grey = np.roll(field, index, 1)[:32, :32]
        crop = np.asarray(Image.fromarray(np.uint8(np.clip(128 + 40 * grey, 0, 255))).resize((256, 256)).convert("RGB"))
        watcher.see(View(index, crop, crop, np.zeros((478, 3), np.float32), np.array([0.0, 0, 256]), True))
    points = np.zeros((30, 478, 3), np.float32)
    draft = Draft(0, 256, points, np.ones((30, 3)), np.ones(30, bool), (256, 256), audio=speech(0)[: 30 * 640],
                  found={"fingerprint.npz": {"face": np.ones(4)}})  # fmt: skip
    picture = watcher.finish(draft).fields["fingerprint.npz"]
    sound = SoundFingerprint().start().finish(draft).fields["fingerprint.npz"]
    assert picture["picture"].shape == (30,)
    assert picture["picture"].dtype == np.uint64
    assert sound["sound"].shape == (60,)
    assert set(picture) == {"face", "picture"}
    assert (
        SoundFingerprint().start().finish(Draft(0, 256, points, np.ones((30, 3)), np.ones(30, bool), (9, 9))).fields
        == {}
    )


def test_colours_and_light_leave_no_bit():
    rng = np.random.default_rng(0)
    frames = [np.uint8(np.clip(rng.normal(128, 10, (16, 16)), 0, 255)) for _ in range(20)]
    frames = [np.asarray(Image.fromarray(f).resize((256, 256)).convert("RGB")) for f in frames]
    words = moving_bits(np.stack([coefficients(f) for f in frames]))
    darker = moving_bits(np.stack([coefficients((f * np.array([0.6, 0.5, 0.4])).astype(np.uint8)) for f in frames]))
    assert wrong_bits(words, darker) < 0.1
    assert np.mean([bin(int(w)).count("1") for w in words]) == pytest.approx(32, abs=1)
