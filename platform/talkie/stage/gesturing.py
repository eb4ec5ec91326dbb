"""What arms, chest and weight do while somebody speaks, listens or waits: joint angles from the performance's own
accents. Where the body then stands is decided in `bodies`, touching the face in `touching`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talkie.clip import FPS
from talkie.heads.body.gestures import blend, stance
from talkie.heads.body.hands import fingers_of, hand_pose, shape_angles
from talkie.heads.body.skeleton import INDEX, JOINTS, SIDES
from talkie.stage.cast import Person
from talkie.stage.emotion import manner_of
from talkie.stage.noise import ease, smooth_noise
from talkie.stage.performance import Performance

PAUSE_S = 1.3
"""Accents further apart belong to two gestures; in between the hands go down."""
RAISE_S, LOWER_S = 0.6, 0.8
_HANDS = ("open", "rest", "rest", "flat", "point", "pinch")


@dataclass(frozen=True)
class Phrase:
    """One gesture: preparation before the first accent, a stroke on each, retraction (Kendon, Gesture, 2004).

    start_s, end_s: while the hand is raised; side; hand: name of its shape; shoulder, elbow: (3,) axis-angle of the
    raised arm as a left one; strokes: (seconds, size) of the accents."""

    start_s: float
    end_s: float
    side: str
    hand: str
    shoulder: tuple[float, float, float]
    elbow: tuple[float, float, float]
    strokes: tuple[tuple[float, float], ...]


def phrases(
    stresses: Sequence[tuple[float, float]], size: float, dominant: str, rng: np.random.Generator
) -> list[Phrase]:
    """Gestures over the accents (seconds, strength) of a line: with the dominant hand, the other, or both."""
    groups: list[list[tuple[float, float]]] = []
    for moment, strength in stresses:
        if groups and moment - groups[-1][-1][0] < PAUSE_S:
            groups[-1].append((moment, strength))
        else:
            groups.append([(moment, strength)])
    other = "right" if dominant == "left" else "left"
    out = []
    for group in groups:
        if rng.random() > 0.55 + 0.4 * size:
            continue
        sides = (SIDES, (dominant,), (dominant,), (other,))[int(rng.integers(4))]
        hand = str(rng.choice(_HANDS))
        lift = rng.uniform(0.75, 1.1) * (0.8 + 0.25 * size)
        for side in sides:
            # Of two hands one leads; the other does the same a little smaller.
            own = size * (1.0 if side == sides[0] else rng.uniform(0.6, 0.95))
            shoulder = (0.10 + rng.normal(0, 0.06), -0.28 * lift + rng.normal(0, 0.05), -1.12 + rng.normal(0, 0.04))
            elbow = (-0.45 + rng.normal(0, 0.12), -1.45 * lift, 0.10)
            strokes = tuple((moment, own * (0.5 + 0.5 * strength)) for moment, strength in group)
            out.append(Phrase(group[0][0] - 0.25, group[-1][0] + 0.35, side, hand, shoulder, elbow, strokes))
    return out


def gestured_pose(person: Person, performance: Performance, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """(T, 55, 3) of everything but neck, head and legs: arms and fingers, and the chest's breath and posture.

    scale: size of the gestures; 0 leaves the arms hanging. Their number and size follow the person's liveliness and
    the emotion."""
    frames, line = len(performance), performance.line
    arm_rng, drift_rng, mood_rng = rng.spawn(3)
    manner = manner_of(line.emotion, line.intensity)
    size = scale * float(np.clip(person.style.liveliness * manner.amplitude, 0.3, 1.8))
    pose = stance(frames)
    _settle(pose, drift_rng)
    if scale > 0:
        dominant = "left" if arm_rng.random() < 0.12 else "right"
        for phrase in phrases(performance.stresses, size, dominant, arm_rng):
            pose = played(pose, phrase)
    _breathe(pose, performance.breath)
    _carry(pose, line.emotion, performance.emotion_level, mood_rng)
    return pose


def _settle(pose: np.ndarray, rng: np.random.Generator) -> None:
    """Arms that hang are never quite still."""
    frames = len(pose)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        drift = smooth_noise(frames, 6, 1.6, rng)
        pose[:, INDEX[f"{side}_shoulder"]] += 0.02 * drift[:, :3]
        pose[:, INDEX[f"{side}_elbow"], 1] -= sign * 0.05 * np.abs(drift[:, 3])
        curl = shape_angles("rest") * (1 + 0.12 * drift[:, 4, None, None])
        pose[:, fingers_of(side)] = hand_pose(side, curl)


def played(pose: np.ndarray, phrase: Phrase) -> np.ndarray:
    """A motion (T, 55, 3) with one gesture laid over it."""
    pose = pose.copy()
    time = (np.arange(len(pose)) + 0.5) / FPS
    up = ease((time - phrase.start_s + RAISE_S) / RAISE_S) * (1 - ease((time - phrase.end_s) / LOWER_S))
    sign = 1.0 if phrase.side == "left" else -1.0
    joints = [INDEX[f"{phrase.side}_{n}"] for n in ("shoulder", "elbow", "wrist")]
    joints += list(range(JOINTS)[fingers_of(phrase.side)])
    raised = np.zeros((JOINTS, 3))
    mirror = np.array([1.0, sign, sign])
    raised[INDEX[f"{phrase.side}_shoulder"]] = np.array(phrase.shoulder) * mirror
    raised[INDEX[f"{phrase.side}_elbow"]] = np.array(phrase.elbow) * mirror
    raised[fingers_of(phrase.side)] = hand_pose(phrase.side, shape_angles(phrase.hand))
    pose[:, joints] = blend(pose[:, joints], raised[joints], up)
    stroke = np.zeros(len(pose))
    for moment, size in phrase.strokes:
        # Up slowly, down fast: the hand is lowest on the accent.
        stroke += size * np.exp(-0.5 * ((time - moment) / 0.095) ** 2)
        stroke -= 0.6 * size * np.exp(-0.5 * ((time - moment + 0.28) / 0.12) ** 2)
    pose[:, INDEX[f"{phrase.side}_elbow"], 1] += sign * 0.28 * stroke * up
    pose[:, INDEX[f"{phrase.side}_wrist"], 2] -= sign * 0.14 * stroke * up
    return pose


def _breathe(pose: np.ndarray, breath: np.ndarray) -> None:
    """A filled chest lifts the collar bones by a degree and leans back a little."""
    pose[:, INDEX["spine3"], 0] -= 0.018 * breath
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        pose[:, INDEX[f"{side}_collar"], 2] += sign * 0.022 * breath


_SHOULDERS = {"sad": -0.07, "afraid": 0.13, "surprised": 0.09, "angry": 0.05, "disgusted": 0.05, "happy": 0.03}
"""Radians by which an emotion lifts the collar bones at its height (Dael et al., Emotion, 2012: the signs)."""


def _carry(pose: np.ndarray, emotion: str, level: np.ndarray, rng: np.random.Generator) -> None:
    lift = _SHOULDERS.get(emotion, 0.0) * level
    uneven = 0.012 * smooth_noise(len(pose), 2, 2.0, rng)
    for k, (side, sign) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
        pose[:, INDEX[f"{side}_collar"], 2] += sign * (lift + uneven[:, k])


def weight_shift(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T, 2) metres by which the pelvis stands to the person's left and forwards of its middle: a slow wandering of
    some centimetres and a quicker, small sway (Duarte & Zatsiorsky, Motor Control, 1999)."""
    slow, quick = smooth_noise(frames, 2, 3.0, rng), smooth_noise(frames, 2, 0.7, rng)
    return np.array([0.016, 0.006]) * slow + np.array([0.002, 0.002]) * quick
