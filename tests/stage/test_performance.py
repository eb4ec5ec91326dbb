"""A line played: labels fit the sound and the motion, events happen when they say, and the seed decides all."""

import dataclasses
import itertools

import numpy as np
import pytest

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import BadConfig
from talkie.heads import ARKIT_NAMES
from talkie.speech.vocal import CALLS_PER_S
from talkie.stage.gaze import eye_centres
from talkie.stage.line import EVENTS, WORDLESS, Line
from talkie.stage.performance import perform
from talkie.stage.sentences import LANGUAGES, SENTENCES

SMILE, JAW = ARKIT_NAMES.index("mouthSmileLeft"), ARKIT_NAMES.index("jawOpen")


@pytest.fixture(scope="module", params=EVENTS)
def event(request, play):
    text = "" if request.param in WORDLESS else "Open the window, please, and wave to the people below."
    return play(1, text, event=request.param)


def test_every_track_has_the_length_of_the_sound(event):
    frames = len(event)
    assert len(event.audio) == frames * SAMPLES_PER_FRAME
    for name, shape in {
        "expression": (52,), "left_eye": (3,), "right_eye": (3,), "neck": (3,), "translation": (3,), "gaze": (2, 3),
        "gaze_target": (3,), "emotion_level": (), "breath": (), "loudness": (),
    }.items():  # fmt: skip
        array = getattr(event, name)
        assert array.shape == (frames, *shape)
        assert np.isfinite(array).all()
    assert len(event.blinking.closure) == len(event.blinking.state) == len(event.gaze_plan.saccade) == frames
    assert event.expression.min() >= 0
    assert event.expression.max() <= 1


def test_phones_cover_the_sound_without_a_hole(event):
    phones = event.transcription.phones
    assert phones[0].start_s == 0
    for before, after in itertools.pairwise(phones):
        assert before.end_s == pytest.approx(after.start_s, abs=1e-6)
    assert phones[-1].end_s == pytest.approx(len(event) / FPS, abs=2 / FPS)


def test_eyes_turn_less_than_eyes_can(event):
    for eye in (event.left_eye, event.right_eye):
        assert np.degrees(np.linalg.norm(eye, axis=1)).max() < 40


def test_gaze_vectors_point_from_the_eyes_to_the_target(event, people):
    centres = eye_centres(people[1].anatomy, event.neck, event.translation)
    way = event.gaze_target[:, None] - centres
    np.testing.assert_allclose(event.gaze, way / np.linalg.norm(way, axis=-1, keepdims=True), atol=1e-5)


def heard(played, start_s, end_s):
    return np.abs(played.audio[int(start_s * 16000) : int(end_s * 16000)])


def test_a_pause_is_silent_between_words_that_are_not(play):
    played = play(2, "Open the window, please, and wave to the people below.", event="pause")
    words, gap, more = (e for e in played.events if e.kind != "breath")
    assert (words.kind, gap.kind, more.kind) == ("speech", "pause", "speech")
    assert gap.end_s - gap.start_s > 0.4
    assert heard(played, gap.start_s + 0.1, gap.end_s - 0.1).max() < 0.01
    assert heard(played, words.start_s, gap.start_s).max() > 0.1


def test_a_hesitation_is_voiced_is_no_word_and_turns_the_eyes_away(play):
    looks = []
    for who in range(4):
        played = play(who, "Open the window, please, and wave to the people below.", event="hesitation")
        gap = next(e for e in played.events if e.kind == "hesitation")
        assert heard(played, gap.start_s, gap.end_s).max() > 0.05
        assert not any(gap.start_s < (w.start_s + w.end_s) / 2 < gap.end_s for w in played.transcription.words)
        assert len(played.transcription.words) == len(played.text.split())
        looks += played.gaze_plan.places[int(gap.start_s * FPS) + 4 : int(gap.end_s * FPS)]
    assert set(looks) <= {"up", "side"}


def test_laughter_is_heard_smiled_and_follows_the_words(play):
    played = play(3, "Both robots rolled over the old stone road.", event="laughter")
    words, laugh = (e for e in played.events if e.kind != "breath")
    assert (words.kind, laugh.kind) == ("speech", "laughter")
    assert {p.label for p in played.transcription.phones if laugh.start_s <= p.start_s < laugh.end_s} == {"SIL"}
    first, last = int(laugh.start_s * FPS), int(laugh.end_s * FPS)
    assert heard(played, laugh.start_s, laugh.end_s).max() > 0.05
    assert played.expression[first:last, SMILE].mean() > 0.5
    assert played.expression[first:last, SMILE].mean() > played.expression[: first - 15, SMILE].mean() + 0.3


def test_a_laugh_is_a_row_of_bursts_at_the_rate_of_laughter_and_opens_the_jaw_with_them(play):
    played = play(2, "Both robots rolled over the old stone road.", event="laughter")
    laugh = next(e for e in played.events if e.kind == "laughter")
    first, last = int(laugh.start_s * FPS) + 1, int(laugh.end_s * FPS) - 1
    level = np.convolve(heard(played, laugh.start_s, laugh.end_s), np.ones(800) / 800, "same")
    bursts = int((np.diff((level > 0.25 * level.max()).astype(int)) == 1).sum())
    assert bursts / (laugh.end_s - laugh.start_s) == pytest.approx(CALLS_PER_S, rel=0.25)
    jaw = played.expression[first:last, JAW]
    assert np.corrcoef(jaw, played.loudness[first:last])[0, 1] > 0.5


LONG = "The seven brown foxes ran over the frozen lake before the morning sun came up."


def test_a_breath_is_heard_before_some_long_sentences_and_no_short_one(people):
    def breaths(text):
        played = (perform(people[0], Line(text), np.random.default_rng((s, 9))) for s in range(10))
        return [(p, e) for p in played for e in p.events if e.kind == "breath"]

    found = breaths(LONG)
    assert 1 <= len(found) <= 8
    assert not breaths("The boy ran.")
    for played, event in found:
        assert 0.01 < heard(played, event.start_s, event.end_s).max() < 0.1
        speech = next(e for e in played.events if e.kind == "speech")
        assert 0 < speech.start_s - event.end_s < 0.3
        before, after = int(event.start_s * FPS), round(event.end_s * FPS)
        assert played.breath[after] > played.breath[before] + 0.6
        # Through the mouth: it stands open meanwhile.
        assert played.expression[(before + after) // 2, JAW] > 0.08


def test_who_listens_is_silent_nods_and_looks_at_the_partner(play):
    nods = 0
    for who in range(5):
        played = play(who, "", event="listening", seconds=8.0)
        assert not played.audio.any()
        assert played.expression[:, JAW].max() < 0.1
        assert set(played.gaze_plan.places) == {"camera"}
        nods += sum(g.kind == "nod" for g in played.gestures)
    assert nods >= 10


def test_blinks_are_rarer_in_silence_than_in_speech(people):
    line = Line(event="silence", seconds=60.0)
    quiet = sum(len(perform(p, line, np.random.default_rng(i)).blinking.blinks) for i, p in enumerate(people))
    # Bentivoglio et al. 1997: 17 a minute at rest; the cast's own rates lie between 15 and 20.
    assert 15 <= quiet / len(people) <= 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_spoken(play, language):
    played = play(0, SENTENCES[language][0], language=language)
    assert len(played.transcription.words) >= 4
    assert np.abs(played.audio).max() > 0.1


def test_an_emotion_changes_the_voice(play):
    calm, angry = (play(0, emotion=e, intensity=i).audio for e, i in (("neutral", 1), ("angry", 3)))
    assert len(calm) != len(angry) or not np.allclose(calm, angry)


def test_the_same_seed_plays_the_same_and_another_does_not(people):
    line = Line("The boy put the big map on the bus.", "happy", 2)
    one, same, other = (perform(people[0], line, np.random.default_rng(s)) for s in (1, 1, 2))
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(same, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
    assert not np.allclose(one.neck, other.neck)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [({"emotion": "bored"}, "contempt"), ({"emotion": "happy", "intensity": 4}, "3"), ({"language": "xx"}, "de"),
     ({"event": "sneeze"}, "laughter"), ({"event": "listening"}, "empty"), ({"seconds": 0.1}, "0.5")],
)  # fmt: skip
def test_a_line_that_cannot_be_played_is_refused_with_what_can(wrong, names):
    with pytest.raises(BadConfig, match=names):
        Line(**{"text": "Hello there.", **wrong})


def test_speech_needs_words():
    with pytest.raises(BadConfig, match="text"):
        Line("...")
