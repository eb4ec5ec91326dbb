"""Audio-video offset: sign, closed forms, shifts recovered, strangers told apart; the rates are bench_sync's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from talkie.clip import Phone, Sync, Transcription, Word
from talkie.curation.draft import Draft
from talkie.curation.labels.sound.sync import (
    CONFIDENT,
    SyncAnnotator,
    correction_s,
    source_samples,
    source_span,
)
from talkie.curation.labels.sound.sync.evidence import TAPS, visemes
from talkie.curation.labels.sound.sync.model import SOURCES, WEIGHED, SyncModel, decode, encode, fitted_model
from talkie.curation.labels.sound.sync.mouth import MOTIONS, mouth_motion
from talkie.curation.labels.sound.sync.offset import estimate
from talkie.errors import CorruptModel
from talkie.speech.phones import VISEMES

T = 120


@pytest.fixture(scope="module")
def spoken() -> Transcription:
    """Syllables of irregular length: a closure, an open vowel, silence now and then."""
    rng = np.random.default_rng(3)
    phones, at = [], 0.2
    while at < T / 25 - 0.5:
        for label, viseme, low, high in (("P", "PP", 0.06, 0.12), ("AA", "aa", 0.08, 0.3), ("SIL", "sil", 0.0, 0.2)):
            end = at + float(rng.uniform(low, high))
            phones.append(Phone(label, viseme, at, end))
            at = end
    return Transcription((Word("pa", 0.2, at),), tuple(phones), "test")


@pytest.fixture(scope="module")
def plain_model() -> SyncModel:
    """A mouth that opens with the viseme aa and with nothing else, and hears no spectrum."""
    maps = {kind: np.zeros((len(TAPS) * size, len(MOTIONS))) for kind, size in SOURCES.items()}
    centre = len(TAPS) // 2 * len(VISEMES)
    maps["visemes"][centre + VISEMES.index("aa")] = 1.0
    mean = {kind: np.zeros(len(TAPS) * size) for kind, size in SOURCES.items()}
    weight = {kind: np.full(len(MOTIONS), 0.5 * (kind == "visemes")) for kind in WEIGHED}
    return SyncModel("test", mean, maps, weight, 2.0)


def opening(transcription: Transcription, late_frames: float) -> np.ndarray:
    """(T, MOTIONS): share of aa at every frame, of a sound that comes `late_frames` after the mouth."""
    shown = visemes(transcription.phones, 4 * T)[:, VISEMES.index("aa")]
    at = np.floor((np.arange(T) + 0.5) * 4 + 4 * late_frames).astype(int)
    rng = np.random.default_rng(0)
    return shown[np.clip(at, 0, len(shown) - 1)][:, None] + 0.05 * rng.normal(size=(T, len(MOTIONS)))


@pytest.mark.parametrize("late", [-10, -3, 0, 4, 10])
def test_a_late_sound_has_a_positive_offset(spoken, plain_model, late):
    silent = np.zeros(T * 640, np.float32)
    found = estimate(opening(spoken, late), np.ones(T, bool), silent, 0, spoken, plain_model)
    assert found is not None
    assert found.offset_s * 25 == pytest.approx(late, abs=0.3)
    assert found.confidence > 0.9


def test_a_mouth_that_does_something_else_gives_no_confidence(spoken, plain_model):
    motion = np.random.default_rng(8).normal(size=(T, len(MOTIONS)))
    found = estimate(motion, np.ones(T, bool), np.zeros(T * 640), 0, spoken, plain_model)
    assert found is not None
    assert found.confidence < 0.3
    assert found.strangers > 0.5
    assert found.posterior.sum() + found.strangers == pytest.approx(1)


def test_frames_without_a_face_count_for_nothing(spoken, plain_model):
    motion, seen = opening(spoken, 3), np.ones(T, bool)
    seen[20:40] = False
    wild = motion.copy()
    wild[20:40] = motion[19]
    a, b = (estimate(m, seen, np.zeros(T * 640), 0, spoken, plain_model) for m in (wild, wild.copy()))
    assert a is not None
    assert b is not None
    assert a.offset_s == b.offset_s == pytest.approx(0.12, abs=0.02)


def test_silence_and_no_words_give_no_estimate(plain_model):
    motion = np.random.default_rng(0).normal(size=(T, len(MOTIONS)))
    nothing = Transcription((), (Phone("SIL", "sil", 0.0, T / 25),), "test")
    assert estimate(motion, np.ones(T, bool), np.zeros(T * 640), 0, nothing, plain_model) is None
    assert estimate(motion, np.ones(T, bool), np.zeros(T * 640), 0, None, plain_model) is None


def test_a_text_that_could_not_be_placed_is_no_evidence_and_a_phone_loop_is(spoken, plain_model):
    motion, silent = opening(spoken, 0), np.zeros(T * 640)
    unsure = replace(spoken, phones=tuple(replace(phone, confidence=0.3) for phone in spoken.phones))
    assert estimate(motion, np.ones(T, bool), silent, 0, unsure, plain_model) is None
    assert estimate(motion, np.ones(T, bool), silent, 0, replace(unsure, words=()), plain_model) is not None


def test_where_nothing_is_heard_all_lags_up_to_ten_frames_are_alike_and_later_ones_rarer(spoken, plain_model):
    deaf = replace(plain_model, weight={kind: np.zeros(len(MOTIONS)) for kind in WEIGHED})
    found = estimate(opening(spoken, 0), np.ones(T, bool), np.zeros(T * 640), 0, spoken, deaf)
    assert found is not None
    usual = found.posterior[20:101]  # -10 to 10 frames, four lags each
    assert usual == pytest.approx(np.full(81, usual[0]))
    assert found.posterior[:20:4] / usual[0] == pytest.approx(np.exp(-0.7 * np.arange(5, 0, -1)))
    assert found.posterior[::-1] == pytest.approx(found.posterior)


def test_two_frames_of_a_face_are_too_few(spoken, plain_model):
    motion = opening(spoken, 0)
    seen = np.zeros(T, bool)
    seen[:2] = True
    assert estimate(motion, seen, np.ones(T * 640), 0, spoken, plain_model) is None


def test_mouth_motion_is_a_distance_in_eye_distances():
    landmarks = np.zeros((5, 478, 3), np.float32)
    landmarks[:, 33], landmarks[:, 263] = (0, 0, 0), (30, 0, 40)  # 50 apart in space
    landmarks[:, 61], landmarks[:, 291] = (0, 60, 0), (25, 60, 0)
    motion = mouth_motion(landmarks)
    assert motion.shape == (5, len(MOTIONS))
    assert motion[:, MOTIONS.index("width")] == pytest.approx(0.5)
    assert mouth_motion(3 * landmarks) == pytest.approx(motion)


def test_the_span_to_read_moves_with_the_offset_and_back():
    # 3 frames late: the sound of second 2 of the picture lies 0.12 s later in the source.
    assert source_span(2.0, 50, 0.12) == pytest.approx((2.12, 4.12))
    assert source_samples(50, 50, 0.12) == (32_000 + 1920, 64_000 + 1920)
    assert source_samples(0, 25, -0.04) == (-640, 16_000 - 640)
    assert source_samples(50, 50, 0.0) == (32_000, 64_000)


def test_shifting_by_the_correction_is_undone_without_loss():
    sound = np.random.default_rng(0).integers(-3000, 3000, 48_000).astype(np.int16)
    applied = correction_s(Sync(offset_s=0.12345, confidence=0.9, method="m"))
    first, last = source_samples(25, 25, applied)
    assert first == 16_000 + 1975
    again = sound[first - round(applied * 16_000) : last - round(applied * 16_000)]
    assert np.array_equal(again, sound[16_000:32_000])


def test_an_offset_without_confidence_is_not_applied():
    assert correction_s(None) == 0.0
    assert correction_s(Sync(offset_s=0.2, confidence=0.49, method="m")) == 0.0


def test_the_model_survives_its_file():
    model = fitted_model()
    again = decode(encode(model))
    assert again.version == model.version
    for kind in SOURCES:
        assert np.array_equal(again.map[kind], model.map[kind])


@pytest.mark.parametrize(
    "broken", ["{}", "[1", json.dumps({"version": "1", "mean": {}, "map": {}, "weight": {}, "null": 1})]
)
def test_a_broken_model_is_named(broken):
    with pytest.raises(CorruptModel, match="offset model"):
        decode(broken)


def test_a_model_of_other_sizes_is_refused():
    raw = json.loads(encode(fitted_model()))
    raw["mean"]["visemes"] = raw["mean"]["visemes"][:-1]
    with pytest.raises(CorruptModel, match="visemes"):
        decode(json.dumps(raw))


@pytest.fixture(scope="module")
def talking(face_video, speech) -> Draft:
    """A real face and its sound: what the tracker sees of eight seconds."""
    from talkie.faces import FaceTracker

    with FaceTracker() as tracker:
        found = [tracker.track(frame) for frame in face_video(200)]
    landmarks = np.stack([points for points in found if points is not None])
    assert len(landmarks) == 200
    audio = speech[: 200 * 640]
    return Draft(
        track=0, size=256, landmarks=landmarks, boxes=np.zeros((200, 3)), seen=np.ones(200, bool), shape=(256, 256),
        audio=audio, wide_audio=np.pad(audio, 9600), margin=9600,
    )  # fmt: skip


def test_a_shift_of_real_footage_is_found_relative_to_the_original(talking):
    annotator = SyncAnnotator()
    before = annotator.start().finish(talking)
    assert before.sync is not None
    for frames in (-7, 5):
        wide = np.roll(talking.wide_audio, frames * 640)
        after = annotator.start().finish(replace(talking, wide_audio=wide)).sync
        assert after is not None
        assert (after.offset_s - before.sync.offset_s) * 25 == pytest.approx(frames, abs=1)
        assert after.confidence > 0.5
    assert set(before.scores) == set(SyncAnnotator.scores)
    assert before.sync.crop == "clip 256 px"


def test_a_foreign_voice_on_a_real_face_is_not_trusted(talking):
    foreign = np.roll(talking.wide_audio, 90 * 640)
    found = SyncAnnotator().start().finish(replace(talking, wide_audio=foreign))
    assert found.scores["sync_confidence"] < 0.5


def test_a_mouth_that_is_covered_all_the_time_is_not_trusted(talking, face_video):
    """A grey board before nose and chin: the mesh guesses lips under it, and they move with the head alone."""
    from talkie.faces import FaceTracker

    covered = []
    for frame, points in zip(face_video(200), talking.landmarks, strict=True):
        x0, x1 = points[[234, 454], 0].astype(int)
        y0, y1 = points[[4, 152], 1].astype(int)
        board = frame.copy()
        board[y0 : y1 + 20, max(x0, 0) : x1] = 128
        covered.append(board)
    with FaceTracker() as tracker:
        found = [tracker.track(frame) for frame in covered]
    seen = np.array([points is not None for points in found])
    guessed = np.stack([t if p is None else p for p, t in zip(found, talking.landmarks, strict=True)])
    told = SyncAnnotator().start().finish(replace(talking, landmarks=guessed, seen=seen))
    assert told.scores["sync_confidence"] < CONFIDENT / 2


def test_silent_footage_has_no_offset(talking):
    assert SyncAnnotator().start().finish(replace(talking, audio=None, wide_audio=None)).sync is None
