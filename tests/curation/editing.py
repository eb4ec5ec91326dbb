"""Films cut from takes with every boundary known, and disturbances that are none, for tests and the bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Film:
    """frames (T, H, W, 3) uint8; cuts: first frames of shots that begin abruptly; gradual: (first, end) of the mixed
    frames of transitions."""

    frames: np.ndarray
    cuts: tuple[int, ...] = ()
    gradual: tuple[tuple[int, int], ...] = ()

    def stream(self, first: int = 0) -> Iterator[tuple[int, float, np.ndarray]]:
        for index in range(first, len(self.frames)):
            yield index, index / 25, self.frames[index]


def joined(before: np.ndarray, after: np.ndarray) -> Film:
    return Film(np.concatenate([before, after]), (len(before),))


def dissolve(share: float, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return _round(before * (1 - share) + after * share)


def dip_to_black(share: float, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return _round(before * max(0.0, 1 - 2 * share) + after * max(0.0, 2 * share - 1))


def dip_to_white(share: float, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    low = max(0.0, 1 - 2 * share)
    high = max(0.0, 2 * share - 1)
    return _round(before * low + after * high + 255.0 * (1 - low - high))


def _wipe(front: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    def mix(share: float, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        height, width = before.shape[:2]
        y, x = np.mgrid[0:height, 0:width]
        return np.where((front(x / width, y / height) < share)[..., None], after, before)

    return mix


TRANSITIONS: dict[str, Callable[[float, np.ndarray, np.ndarray], np.ndarray]] = {
    "dissolve": dissolve,
    "wipe to the right": _wipe(lambda x, y: x),
    "wipe upwards": _wipe(lambda x, y: 1 - y),
    "diagonal wipe": _wipe(lambda x, y: (x + y) / 2),
    "opening circle": _wipe(lambda x, y: np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5)),
    "dip to black": dip_to_black,
    "dip to white": dip_to_white,
}


def blended(kind: str, before: np.ndarray, after: np.ndarray, length: int, margin: int = 25) -> Film:
    """`length` mixed frames between `margin` clean ones on either side; both takes play on while they mix."""
    a, b = _at_least(before, margin + length), _at_least(after, margin + length)
    a, b = a[-(margin + length) :], b[: margin + length]
    mixed = [TRANSITIONS[kind]((j + 1) / (length + 1), a[margin + j], b[j]) for j in range(length)]
    return Film(np.concatenate([a[:margin], mixed, b[length:]]), (), ((margin, margin + length),))


def _at_least(take: np.ndarray, length: int) -> np.ndarray:
    """To and fro, where the take is too short."""
    order = np.concatenate([np.arange(len(take)), np.arange(len(take))[::-1]])
    return take[np.resize(order, max(length, len(take)))]


def flash(take: np.ndarray, at: int, lengths: tuple[float, ...]) -> np.ndarray:
    """A photographer's flash: light added for some frames, as multiples of the picture's own plus a veil."""
    out = take.copy()
    for k, strength in enumerate(lengths):
        out[at + k] = _round(take[at + k] * (1 + 2.0 * strength) + 120.0 * strength)
    return out


def exposure_ramp(take: np.ndarray, at: int, length: int, stops: float) -> np.ndarray:
    """Automatic exposure: a gain in linear light that settles over `length` frames."""
    share = np.clip((np.arange(len(take)) - at) / max(length, 1), 0, 1)
    gain = 2.0 ** (stops * share / 2.2)
    return np.stack([_round(frame * g) for frame, g in zip(take, gain, strict=True)])


def shake(take: np.ndarray, rng: np.random.Generator, px: float) -> np.ndarray:
    """A camera in a nervous hand: a walk of shifts, with jolts of up to `px` pixels between two frames."""
    way = np.cumsum(rng.normal(0, px / 4, (len(take), 2)), axis=0)
    way += px * (rng.random((len(take), 1)) < 0.08) * rng.choice([-1, 1], (len(take), 2))
    way = np.clip(np.round(way - way.mean(0)), -4 * px, 4 * px).astype(int)
    edge = int(4 * px) + 1
    padded = np.pad(take, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="reflect")
    height, width = take.shape[1:3]
    return np.stack(
        [f[edge + y : edge + y + height, edge + x : edge + x + width] for f, (y, x) in zip(padded, way, strict=True)]
    )


def pan(take: np.ndarray, speed: float) -> np.ndarray:
    """A camera that turns: the picture, mirrored on at its edges, passes at `speed` pixels a frame."""
    width = take.shape[2]
    wide = np.concatenate([take, take[:, :, ::-1]], axis=2)
    return np.stack([np.roll(f, -round(speed * k), axis=1)[:, :width] for k, f in enumerate(wide)])


def glitch(take: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """One broken picture."""
    out = take.copy()
    out[at] = rng.integers(0, 255, take.shape[1:], np.uint8)
    return out


def _round(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
