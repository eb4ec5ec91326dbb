"""When and how eyes blink, as a course of the lids and as labels; where eyes look is in gaze.py.

Rates: about 17 a minute at rest and 26 in conversation (Bentivoglio et al. 1997). One blink takes 100 to 400 ms, the
lid falls two to three times as fast as it rises (Cruz et al. 2011; Evinger et al. 1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.stage.noise import ease

SPEECH_FACTOR = 26 / 17
"""Blinks in conversation for each blink at rest."""
OPEN, CLOSING, CLOSED, OPENING = range(4)
"""States of the lids, as `Blinking.state` holds them."""

_SPREAD = 0.6
"""Standard deviation of the logarithm of the gaps."""
_REFRACTORY_S = 0.45
_HOLD_S = 1.0 / FPS
"""Lids stay shut for a frame's span, so that some frame shows them shut."""


@dataclass(frozen=True)
class Blink:
    """Seconds: start of the lid's fall and how long it falls, stays and rises."""

    start_s: float
    closing_s: float
    closed_s: float
    opening_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.closing_s + self.closed_s + self.opening_s


@dataclass(frozen=True)
class Blinking:
    """closure: (T,) float32 in [0, 1]; state: (T,) uint8, OPEN, CLOSING, CLOSED or OPENING; blinks: in order."""

    closure: np.ndarray
    state: np.ndarray
    blinks: tuple[Blink, ...]


def blinking(frames: int, per_minute: float, rng: np.random.Generator, also_at: tuple[float, ...] = ()) -> Blinking:
    """Blinks at a mean rate, log-normal gaps between them; `also_at`: seconds of blinks that come with great shifts
    of gaze, where no other blink is near."""
    gap = 60.0 / per_minute
    # The clip begins at a random moment of a life of blinking.
    at, starts = -rng.uniform(4, 8) * gap, []
    while at < frames / FPS:
        at += max(rng.lognormal(np.log(gap) - _SPREAD**2 / 2, _SPREAD), _REFRACTORY_S)
        starts.append(at)
    for moment in also_at:
        if all(abs(moment - start) > 2 * _REFRACTORY_S for start in starts):
            starts.append(moment)
    events = tuple(b for b in (_blink(s, rng) for s in sorted(starts)) if b.end_s > 0 and b.start_s < frames / FPS)
    closure, state = course(events, frames)
    return Blinking(closure, state, events)


def _blink(start_s: float, rng: np.random.Generator) -> Blink:
    length = float(np.clip(rng.lognormal(np.log(0.22), 0.25), 0.13, 0.40))
    moving = length - _HOLD_S
    return Blink(float(start_s), 0.29 * moving, _HOLD_S, 0.71 * moving)


def course(events: tuple[Blink, ...], frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Closure (frames,) float32 and state (frames,) uint8 of the lids at the middle of every frame."""
    times = (np.arange(frames) + 0.5) / FPS
    closure = np.zeros(frames)
    state = np.zeros(frames, np.uint8)
    for blink in events:
        near = slice(max(int(blink.start_s * FPS) - 1, 0), max(int(blink.end_s * FPS) + 2, 0))
        since = times[near] - blink.start_s
        down = ease(since / blink.closing_s)
        up = ease((since - blink.closing_s - blink.closed_s) / blink.opening_s)
        closure[near] = np.maximum(closure[near], down * (1 - up))
        steps = np.cumsum([0.0, blink.closing_s, blink.closed_s, blink.opening_s])
        for name, begin, end in zip((CLOSING, CLOSED, OPENING), steps, steps[1:], strict=False):
            state[near][(since >= begin) & (since < end)] = name
    return closure.astype(np.float32), state


def lids(closure: np.ndarray) -> np.ndarray:
    """ARKit weights (T, 52) of a lid closure (T,)."""
    weights = np.zeros((len(closure), len(ARKIT_NAMES)), np.float32)
    for side in ("Left", "Right"):
        weights[:, ARKIT_NAMES.index(f"eyeBlink{side}")] = closure
    return weights
