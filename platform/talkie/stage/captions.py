"""Words for a clip: how somebody moves, feels and looks, read off the truth. Nothing is decided or moved here.

Left and right are the person's own. Directions: neck x pitches down, y turns left, z tilts to the right shoulder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from talkie.clip import FPS
from talkie.speech.voices import VARIANTS
from talkie.stage.appearance import appearance_words
from talkie.stage.cast import Person
from talkie.stage.line import Line
from talkie.stage.performance import Performance

TURN_RAD = np.radians(5.0)
"""Less than this within a segment is no turn, lift or tilt of the head."""
NOD_RAD = np.radians(2.5)
SEGMENT_S = 1.2
STILL_RAD = np.radians(2.0)


@dataclass(frozen=True)
class Segment:
    """movements: names of MOVEMENTS seen from start_s to end_s; text: a clause that says so."""

    start_s: float
    end_s: float
    movements: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Captions:
    """Three sentences on the whole clip, and the motion of each of its segments in order."""

    motion: str
    emotion: str
    appearance: str
    segments: tuple[Segment, ...]


MOVEMENTS: dict[str, tuple[str, ...]] = {
    "turn_left": ("turns {her} head to the left", "looks over with {her} head to {her} left"),
    "turn_right": ("turns {her} head to the right", "looks over with {her} head to {her} right"),
    "lower": ("lowers {her} head", "drops {her} chin"),
    "raise": ("raises {her} head", "lifts {her} chin"),
    "tilt_left": ("tilts {her} head to the left", "leans {her} head towards {her} left shoulder"),
    "tilt_right": ("tilts {her} head to the right", "leans {her} head towards {her} right shoulder"),
    "nod": ("nods", "gives a nod"),
    "still": ("keeps {her} head still", "holds {her} head still"),
    "blink": ("blinks", "closes {her} eyes for a moment"),
    "gaze_up": ("looks up", "lets {her} eyes wander up"),
    "gaze_down": ("looks down", "casts {her} eyes down"),
    "gaze_side": ("looks aside", "lets {her} eyes wander aside"),
    "laughter": ("laughs", "breaks into laughter"),
    "hesitation": ("searches for a word", "hesitates"),
    "breath": ("takes a breath", "breathes in"),
    "pause": ("pauses", "falls silent for a moment"),
    "listening": ("listens", "follows what is said"),
    "silence": ("says nothing", "stays silent"),
    "speech": ("speaks", "talks"),
}
"""Every movement and event with the ways in which it is put."""

_DOING = {"speech": "speaking", "listening": "listening", "silence": "being silent"}
_FEELINGS: dict[str, tuple[str, str, str]] = {
    "happy": ("slightly pleased", "happy", "overjoyed"),
    "sad": ("a little sad", "sad", "deeply sad"),
    "angry": ("slightly annoyed", "angry", "furious"),
    "surprised": ("a little surprised", "surprised", "astonished"),
    "afraid": ("slightly uneasy", "afraid", "terrified"),
    "disgusted": ("slightly put off", "disgusted", "utterly disgusted"),
    "contempt": ("slightly scornful", "contemptuous", "full of contempt"),
}
_NEUTRAL = ("calm", "neutral", "composed")
_FEMALE_FROM = VARIANTS.index("f1")


def describe(person: Person, line: Line, performance: Performance, rng: np.random.Generator) -> Captions:
    """Captions of a clip; `rng` chooses between paraphrases, never what is said."""
    words = pronouns(person)
    segments = segment_motion(performance, words, rng)
    return Captions(
        motion=_whole_motion(segments, performance, words),
        emotion=_emotion(line, words, rng),
        appearance=appearance_words(person, words, rng),
        segments=segments,
    )


def pronouns(person: Person) -> dict[str, str]:
    """Words for a person, after the voice: a woman's or a man's."""
    if VARIANTS.index(person.voice.variant) >= _FEMALE_FROM:
        return {"she": "she", "her": "her", "woman": "woman"}
    return {"she": "he", "her": "his", "woman": "man"}


def segment_motion(performance: Performance, words: dict[str, str], rng: np.random.Generator) -> tuple[Segment, ...]:
    """The clip cut into segments of about SEGMENT_S with what happens in each."""
    count = max(1, round(len(performance) / FPS / SEGMENT_S))
    borders = np.round(np.linspace(0, len(performance), count + 1)).astype(int)
    segments = []
    for first, last in pairwise(borders):
        found = movements(performance, int(first), int(last))
        clauses = [str(rng.choice(MOVEMENTS[name])).format(**words) for name in found]
        text = f"{words['she']} {_listed(clauses)}"
        activity = _activity(performance, int(first), int(last))
        if activity in _DOING and activity not in found:
            text += f" while {_DOING[activity]}"
        segments.append(Segment(first / FPS, last / FPS, found, text))
    return tuple(segments)


def movements(performance: Performance, first: int, last: int) -> tuple[str, ...]:
    """Names of MOVEMENTS that the numbers of frames [first, last) show: turns by how far the head comes, nods by how
    far it dips and returns, gaze by where it rests, blinks and events by their labels."""
    neck = performance.neck[first:last]
    ends = [neck[:3].mean(0), neck[-3:].mean(0)]
    change = ends[1] - ends[0]
    found = []
    for axis, (positive, negative) in enumerate(
        (("lower", "raise"), ("turn_left", "turn_right"), ("tilt_right", "tilt_left"))
    ):
        if abs(change[axis]) >= TURN_RAD:
            found.append(positive if change[axis] > 0 else negative)
    if _dips(neck[:, 0]) >= NOD_RAD:
        found.append("nod")
    if not found and float(np.ptp(neck, axis=0).max()) < STILL_RAD:
        found.append("still")
    places = performance.gaze_plan.places[first:last]
    for place in ("up", "down", "side"):
        if places.count(place) > 0.4 * len(places):
            found.append(f"gaze_{place}")
    if (performance.blinking.closure[first:last] > 0.9).any():
        found.append("blink")
    begin, end = first / FPS, last / FPS
    for event in performance.events:
        overlap = min(event.end_s, end) - max(event.start_s, begin)
        if event.kind in ("laughter", "hesitation", "pause", "breath") and overlap > 0.3:
            found.append(event.kind)
    return tuple(dict.fromkeys(found)) or (_activity(performance, first, last),)


def _dips(pitch: np.ndarray) -> float:
    """How far the head goes down and comes back, radians: the height of the pitch's peak over the higher of the
    lowest values before and after it."""
    peak = int(pitch.argmax())
    return float(pitch[peak] - max(pitch[: peak + 1].min(), pitch[peak:].min()))


def _activity(performance: Performance, first: int, last: int) -> str:
    """The event that takes most of frames [first, last)."""
    begin, end = first / FPS, last / FPS
    shares = {e.kind: 0.0 for e in performance.events}
    for event in performance.events:
        shares[event.kind] += max(0.0, min(event.end_s, end) - max(event.start_s, begin))
    return max(shares, key=lambda kind: shares[kind])


def _whole_motion(segments: Sequence[Segment], performance: Performance, words: dict[str, str]) -> str:
    """Up to three segments that say most, in order."""
    told = [s for s in segments if set(s.movements) & _TELLING] or list(segments)[:1]
    if len(told) > 3:
        told = [told[i] for i in np.round(np.linspace(0, len(told) - 1, 3)).astype(int)]
    body = ", then ".join(segment.text for segment in told)
    return body[0].upper() + body[1:] + "."


_TELLING = frozenset(MOVEMENTS) - {"still", "blink", "speech", "listening", "silence"}


def _emotion(line: Line, words: dict[str, str], rng: np.random.Generator) -> str:
    she = words["she"]
    feelings = _FEELINGS.get(line.emotion)
    feeling = feelings[line.intensity - 1] if feelings else str(rng.choice(_NEUTRAL))
    doing = "says this" if line.text else "listens" if line.event == "listening" else "sits there"
    templates = (
        f"{she} seems {feeling}",
        f"the {words['woman']} looks {feeling}",
        f"{she} {doing} and is visibly {feeling}",
        f"this is a {words['woman']} who is {feeling}",
    )
    text = templates[int(rng.integers(len(templates)))]
    if line.event == "laughter":
        text += f", and {she} laughs"
    return text[0].upper() + text[1:] + "."


def _listed(clauses: Sequence[str]) -> str:
    return clauses[0] if len(clauses) == 1 else ", ".join(clauses[:-1]) + " and " + clauses[-1]
