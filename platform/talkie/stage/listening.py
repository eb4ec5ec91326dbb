"""What events other than words do to head, face and gaze: listening, laughing, searching for a word, ending a turn.
Their sound is in voicing.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.stage.behaviour import Gesture
from talkie.stage.noise import ease
from talkie.stage.style import Style
from talkie.stage.voicing import Event

LAUGHING = {
    "cheekSquintLeft": 0.85, "cheekSquintRight": 0.85, "mouthSmileLeft": 0.85, "mouthSmileRight": 0.85,
    "eyeSquintLeft": 0.55, "eyeSquintRight": 0.55, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2,
}  # fmt: skip
"""The Duchenne face of laughter (Ruch & Ekman 2001): action units 6, 7, 12 and 25."""


def event_gestures(
    events: Sequence[Event], text: str, length_s: float, style: Style, rng: np.random.Generator
) -> list[Gesture]:
    """Gestures of the head that events call for: nods while listening, a head thrown back in laughter, a tilt with a
    question or in search of a word, a small nod at the end of a turn, and turns for no reason at all."""
    found: list[Gesture] = []
    for event in events:
        seconds = event.end_s - event.start_s
        if event.kind == "listening":
            found += _listening_nods(event, style, rng)
        elif event.kind == "laughter":
            found.append(Gesture("nod", event.start_s, seconds + 0.2, -float(rng.uniform(0.08, 0.14)), 1))
            found.append(Gesture("nod", event.start_s, seconds, float(rng.uniform(0.02, 0.035)), round(5 * seconds)))
        elif event.kind == "hesitation":
            found.append(Gesture(_either_tilt(rng), event.start_s, seconds + 0.4, float(rng.uniform(0.05, 0.09))))
    if text.rstrip().endswith("?"):
        found.append(Gesture(_either_tilt(rng), length_s - 1.1, 1.2, float(rng.uniform(0.06, 0.11))))
    elif text and rng.random() < 0.5:
        found.append(Gesture("nod", length_s - 0.5, 0.5, float(rng.uniform(0.03, 0.06)) * style.liveliness))
    return found + _turns(length_s, style, rng)


def _turns(length_s: float, style: Style, rng: np.random.Generator) -> list[Gesture]:
    """Slow turns, lifts and drops of the head, one in about six seconds; the eyes may stay where they were."""
    found = []
    for _ in range(int(rng.poisson(length_s / 6 * style.liveliness))):
        kind = str(rng.choice(["turn_left", "turn_right", "lower", "raise"], p=[0.35, 0.35, 0.15, 0.15]))
        size = rng.uniform(0.14, 0.32) if kind.startswith("turn") else rng.uniform(0.10, 0.18)
        found.append(Gesture(kind, float(rng.uniform(0, length_s)), float(rng.uniform(1.2, 3.0)), float(size)))
    return found


def _listening_nods(event: Event, style: Style, rng: np.random.Generator) -> list[Gesture]:
    """Nods of one to three strokes every two or three seconds, now and then a tilt (Hadar et al. 1985)."""
    found = []
    at = event.start_s + float(rng.uniform(0.3, 0.8))
    while at < event.end_s - 0.4:
        if rng.random() < 0.8:
            strokes = int(rng.integers(1, 4))
            length = min(0.42 * strokes / style.tempo, event.end_s - at)
            found.append(Gesture("nod", at, length, float(rng.uniform(0.07, 0.13)) * style.liveliness, strokes))
        else:
            length = min(1.2, event.end_s - at)
            found.append(Gesture(_either_tilt(rng), at, length, float(rng.uniform(0.05, 0.09))))
        at += length + float(rng.uniform(0.8, 2.2)) / style.tempo
    return found


def _either_tilt(rng: np.random.Generator) -> str:
    return "tilt_left" if rng.random() < 0.5 else "tilt_right"


def gaze_turns(events: Sequence[Event], length_s: float, rng: np.random.Generator) -> list[tuple[float, float, str]]:
    """(start, end, place) where the eyes are bound: up or aside in search of a word, away at the beginning of a turn
    and at the partner at its end (Kendon 1967), at the partner while listening."""
    turns: list[tuple[float, float, str]] = []
    for event in events:
        if event.kind == "hesitation":
            turns.append((event.start_s - 0.1, event.end_s + 0.2, str(rng.choice(["up", "side"], p=[0.65, 0.35]))))
        elif event.kind == "listening":
            turns.append((event.start_s, event.end_s, "camera"))
    first = next((e for e in events if e.kind != "breath"), events[0])
    if first.kind == "speech" and not turns and rng.random() < 0.3:
        turns.append((-0.3, first.start_s + 0.35, str(rng.choice(["side", "up", "down"]))))
    if events[-1].kind == "speech":
        turns.append((max(length_s - 0.6, turns[-1][1] if turns else 0.0), length_s + 1.0, "camera"))
    return turns


def laughing_face(events: Sequence[Event], frames: int) -> np.ndarray:
    """ARKit weights (frames, 52) float32 of laughter, which begins a little before its sound and fades after it."""
    times = (np.arange(frames) + 0.5) / FPS
    full = np.zeros(len(ARKIT_NAMES))
    for name, weight in LAUGHING.items():
        full[ARKIT_NAMES.index(name)] = weight
    level = np.zeros(frames)
    for event in events:
        if event.kind == "laughter":
            shown = ease((times - event.start_s + 0.25) / 0.35) * (1 - 0.6 * ease((times - event.end_s) / 0.7))
            level = np.maximum(level, shown)
    return np.outer(level, full).astype(np.float32)
