"""Where a dissolve or a wipe begins and ends, from how far each pixel has come; whether there is one is `gradual`'s."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

REACH = 12
"""Frames beyond the windows that gave a transition away in which its ends are looked for."""

_STRONG = 24.0
"""Levels (norm over three channels) by which a pixel must change to say when it did."""

_STRAIGHT, _PACES = 1.3, 3
"""Way of a pixel over its net change, above which something moves there that is not the transition; and the frames of
each step of it, so that noise does not add up."""

_FEW = 0.02
"""Share of the picture below which too few pixels are clean: all that change are asked then."""

_LOW = 0.12
"""Share of the change at which the ends of a dissolve are read off, above what motion adds."""

_PACE = 0.15
"""Share of its mean pace, in pixels a frame, under which a wipe's front has not begun or is over: things that move turn
some pixels at any time."""

_SURE = (7, 93)
"""Percentiles of the pixels between which a front runs for certain, though it may pass where both shots look alike."""

_JUMP, _JUMPS = 12.0, 2.5
"""A step of that many levels on average, and so many times the largest within, is a cut: nothing is looked for beyond.
"""


def ends(first: int, last: int, pictures: Mapping[int, np.ndarray]) -> tuple[int, int]:
    """(begin, end) of the mixed frames of a transition that was found in the frames `first` to `last`, all of them in
    `pictures` by position, (3, h, w) float32. Where the last is the first again, it is all of them.

    In a dissolve all pixels go together, and their median share of the change grows evenly: the ends are extrapolated
    from where motion before and after hardly shifts them. In a wipe each pixel turns in a frame or two, and the first
    and the last to do so are its ends."""
    given = first + 1, last
    first, last = _widened(first, last, pictures)
    stack = np.stack([pictures[k].reshape(3, -1) for k in range(first, last + 1)])
    gone, change = stack - stack[0], stack[-1] - stack[0]
    energy = (change * change).sum(0)
    if not energy.any():
        return given
    strong = energy > min(_STRONG**2, float(np.percentile(energy, 90)))
    share = (gone[..., strong] * change[:, strong]).sum(1) / np.maximum(energy[strong], 1e-6)
    straight = np.abs(np.diff(share[::_PACES], axis=0)).sum(0) < _STRAIGHT
    if straight.sum() >= _FEW * len(energy):
        share = share[:, straight]
    low, middle, high = (_crossing(share, level) for level in (0.1, 0.5, 0.9))
    across = np.percentile(middle, 95) - np.percentile(middle, 5)
    if across > np.median(high - low):
        begun, done = _front(middle, len(share))
        return first + begun, first + done
    begun, done = _ramp(np.median(share, axis=1))
    return first + max(begun, 0) + 1, first + min(done, len(share) - 1)


def _widened(first: int, last: int, pictures: Mapping[int, np.ndarray]) -> tuple[int, int]:
    """The frames around a transition that belong to its two shots, as far as a cut or what is known."""

    def step(k: int) -> float:
        return float(np.abs(pictures[k + 1] - pictures[k]).mean())

    limit = max(_JUMP, _JUMPS * max(step(k) for k in range(first, last)))
    for _ in range(REACH):
        if first - 1 in pictures and step(first - 1) < limit:
            first -= 1
    for _ in range(REACH):
        if last + 1 in pictures and step(last) < limit:
            last += 1
    return first, last


def _crossing(share: np.ndarray, level: float) -> np.ndarray:
    """(T, P) -> (P,): where each pixel passes a level for the first time, between frames."""
    after = np.maximum((share >= level).argmax(0), 1)
    pixel = np.arange(share.shape[1])
    low, high = share[after - 1, pixel], share[after, pixel]
    return np.asarray(after - 1 + np.clip((level - low) / np.maximum(high - low, 1e-6), 0, 1))


def _front(turned: np.ndarray, frames: int) -> tuple[int, int]:
    """The first frame that a wipe's front has touched and the first that it has passed, from when each pixel turned."""
    pace = np.histogram(turned, np.arange(frames + 1) - 0.5)[0] / len(turned)
    early, late = np.percentile(turned, [10, 90])
    runs = np.convolve(pace, np.ones(3) / 3, "same") >= _PACE * 0.8 / max(float(late - early), 1.0)
    begun, done = (int(v) for v in np.percentile(turned, _SURE))
    while begun > 1 and runs[begun - 1]:
        begun -= 1
    while done < frames - 1 and runs[done]:
        done += 1
    return begun, done


def _ramp(share: np.ndarray) -> tuple[int, int]:
    """The last frame before and the first after a change whose share of each frame grows evenly from 0 to 1."""
    low = int(np.flatnonzero(share <= _LOW)[-1])
    high = low + int(np.flatnonzero(share[low:] >= 1 - _LOW)[0])
    begin = low + (_LOW - share[low]) / max(share[low + 1] - share[low], 1e-6)
    end = high - (share[high] - (1 - _LOW)) / max(share[high] - share[high - 1], 1e-6)
    beyond = (end - begin) * _LOW / (1 - 2 * _LOW)
    return round(begin - beyond), round(end + beyond)
