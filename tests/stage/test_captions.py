"""Captions: every word about motion has its number, every word about a person its axis or colour."""

import dataclasses
import itertools

import numpy as np
import pytest

from talkie.clip import FPS
from talkie.stage.appearance import TRAITS, skin_tone, traits
from talkie.stage.captions import MOVEMENTS, TURN_RAD, describe, movements, pronouns
from talkie.stage.line import Line

TEXT = "Our house is about an hour down the mountain, out of town."


def still(played, neck):
    """The performance with another neck, wide-open eyes that rest on the camera, and no event."""
    frames = len(neck)
    plan = played.gaze_plan
    camera = dataclasses.replace(plan.fixations[0], end_s=1e9, place="camera")
    return dataclasses.replace(
        played,
        neck=neck.astype(np.float32),
        expression=played.expression[:frames],
        gaze_plan=dataclasses.replace(plan, target=plan.target[:frames], fixations=(camera,)),
        blinking=dataclasses.replace(played.blinking, closure=np.zeros(frames), state=np.zeros(frames, np.uint8)),
    )


@pytest.mark.parametrize(
    ("axis", "sign", "name", "word"),
    [(1, 1, "turn_left", "left"), (1, -1, "turn_right", "right"), (0, 1, "lower", "lowers|drops"),
     (0, -1, "raise", "raises|lifts"), (2, 1, "tilt_right", "right"), (2, -1, "tilt_left", "left")],
)  # fmt: skip
def test_a_turn_of_the_head_is_named_after_its_sign(play, people, axis, sign, name, word):
    neck = np.zeros((30, 3))
    neck[:, axis] = np.linspace(0, sign * 0.3, 30)
    made = still(play(0, TEXT), neck)
    assert movements(made, 0, 30) == (name,)
    text = describe(people[0], made.line, made, np.random.default_rng(0)).segments[0].text
    assert any(part in text for part in word.split("|"))


def test_a_nod_is_a_nod_and_no_lowering(play):
    neck = np.zeros((30, 3))
    neck[:, 0] = 0.1 * np.sin(np.pi * np.linspace(0, 1, 30)) ** 2
    assert movements(still(play(0, TEXT), neck), 0, 30) == ("nod",)


def test_a_still_head_is_still(play):
    assert movements(still(play(0, TEXT), np.zeros((30, 3))), 0, 30) == ("still",)


def test_every_clause_of_real_performances_matches_the_numbers(play, people):
    """Over many clips: directions agree with the change of the neck's angle, blinks and gaze with their labels."""
    directions = {"turn_left": (1, 1), "turn_right": (1, -1), "lower": (0, 1), "raise": (0, -1),
                  "tilt_right": (2, 1), "tilt_left": (2, -1)}  # fmt: skip
    told = 0
    for who in range(12):
        for emotion in ("neutral", "afraid", "sad"):
            played = play(who, TEXT, emotion, 1)
            for segment in describe(people[who], played.line, played, np.random.default_rng(who)).segments:
                first, last = round(segment.start_s * FPS), round(segment.end_s * FPS)
                change = played.neck[last - 3 : last].mean(0) - played.neck[first : first + 3].mean(0)
                for name, (axis, sign) in directions.items():
                    assert (name in segment.movements) == (sign * change[axis] >= TURN_RAD)
                    told += name in segment.movements
                assert ("blink" in segment.movements) == bool((played.blinking.closure[first:last] > 0.9).any())
    assert told >= 15


def test_segments_cover_the_clip(play, people):
    played = play(3, TEXT)
    segments = describe(people[3], played.line, played, np.random.default_rng(0)).segments
    assert segments[0].start_s == 0
    assert segments[-1].end_s == len(played) / FPS
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(segments))


def test_events_are_told(play, people):
    played = play(2, TEXT, "happy", 2, event="laughter")
    told = describe(people[2], played.line, played, np.random.default_rng(0))
    assert "laughter" in [m for s in told.segments for m in s.movements]
    assert "laugh" in told.emotion
    listening = play(2, "", event="listening")
    assert "listen" in str(describe(people[2], listening.line, listening, np.random.default_rng(0)))


def test_the_emotion_is_worded_by_kind_and_intensity(play, people):
    played = play(0, TEXT)
    worded = {
        (e, i): describe(people[0], Line(TEXT, e, i), played, np.random.default_rng(0)).emotion
        for e in ("happy", "sad", "angry", "surprised", "afraid", "disgusted", "contempt")
        for i in (1, 2, 3)
    }
    assert len(set(worded.values())) == 21
    assert "furious" in worded["angry", 3]
    assert "overjoyed" in worded["happy", 3]


def test_paraphrases_differ_in_words_never_in_what_is_said(play, people):
    played = play(5, TEXT, "afraid", 1)
    told = [describe(people[5], played.line, played, np.random.default_rng(s)) for s in range(12)]
    assert len({t.motion for t in told}) > 1
    assert len({t.emotion for t in told}) > 2
    assert len({t.appearance for t in told}) > 1
    assert len({tuple(s.movements for s in t.segments) for t in told}) == 1
    assert describe(people[5], played.line, played, np.random.default_rng(3)) == told[3]


def test_shape_words_match_the_signs_of_the_identity_axes(people):
    named = 0
    for person in people:
        for words in traits(person):
            axis = next(a for a, t in TRAITS.items() if words in (t.more, t.less))
            weight = person.identity[person.axes.index(axis)]
            assert (weight >= 1) == (words == TRAITS[axis].more)
            assert (weight <= -1) == (words == TRAITS[axis].less)
            named += 1
    assert named >= 12


def test_skin_is_named_by_its_luminance():
    assert [skin_tone(c) for c in ((0.7, 0.5, 0.4), (0.46, 0.27, 0.18), (0.13, 0.065, 0.04))] == [
        "fair",
        "medium",
        "dark",
    ]


def test_pronouns_agree_with_the_voice(people, play):
    for who, person in enumerate(people):
        words = pronouns(person)
        told = describe(person, play(who, TEXT).line, play(who, TEXT), np.random.default_rng(0))
        assert f" {words['woman']}" in told.appearance
        other = "he" if words["she"] == "she" else "she"
        assert f" {other} " not in told.motion.lower()


def test_every_movement_has_several_wordings():
    assert all(len(set(wordings)) >= 2 for wordings in MOVEMENTS.values())
