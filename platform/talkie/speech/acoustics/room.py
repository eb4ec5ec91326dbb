"""A shoebox room that answers: image-source impulse responses with a known reverberation time. Nothing is outdoors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit
from scipy.signal import butter, oaconvolve, sosfilt

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadConfig
from talkie.speech.acoustics.levels import checked, to_full_scale

SOUND_M_S = 343.0
"""At 20 degrees Celsius."""
_HALF = 16
"""Half the taps of the windowed sinc that puts an image between samples."""
_PARTS = 256
_BIN_S = 0.002
_CORRECTIONS = 2
_LOW_CUT = butter(2, 60, "highpass", fs=SAMPLE_RATE, output="sos")
_LEAST_REFLECTION, _MOST_REFLECTION = 0.05, 0.995


@dataclass(frozen=True)
class Room:
    """size_m: (x, y, z); source_m and microphone_m inside it, 20 cm or more from the walls; rt60_s 0.1 to 1.2."""

    size_m: tuple[float, float, float]
    rt60_s: float
    source_m: tuple[float, float, float]
    microphone_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(1.5 <= side <= 30 for side in self.size_m):
            raise BadConfig(f"room of {self.size_m} m", cure="use sides of 1.5 to 30 m")
        if not 0.1 <= self.rt60_s <= 1.2:
            raise BadConfig(f"reverberation time is {self.rt60_s} s", cure="use 0.1 to 1.2 s")
        for name, point in (("source", self.source_m), ("microphone", self.microphone_m)):
            if not all(0.2 <= p <= side - 0.2 for p, side in zip(point, self.size_m, strict=True)):
                raise BadConfig(f"the {name} at {point} m is not in the room", cure="keep 0.2 m from every wall")
        if self.distance_m < 0.05:
            raise BadConfig("source and microphone are in one place", cure="put 5 cm between them")

    @property
    def distance_m(self) -> float:
        return float(np.linalg.norm(np.subtract(self.source_m, self.microphone_m)))


@dataclass(frozen=True)
class RoomTruth:
    """rt60_s: as asked for and found in the impulse response. absorption: of energy by the walls. delay_s: of the
    direct path, taken out, so that offset_s is 0. direct_to_reverberant_db, c50_db (clarity: energy of the first 50 ms
    over that of the rest, ISO 3382-1) and gain_db (to fit full scale)."""

    rt60_s: float
    absorption: float
    distance_m: float
    delay_s: float
    direct_to_reverberant_db: float
    c50_db: float
    gain_db: float
    offset_s: float = 0.0


def reverberate(audio: np.ndarray, room: Room) -> tuple[np.ndarray, RoomTruth]:
    """Speech (N,), 16 kHz, as the microphone hears it: (N,) float32 and the truth.

    The direct path arrives with its own samples, unchanged and at its own time; what rings on after the end is cut.
    """
    signal = checked(audio)
    response, reflection = impulse_response(room)
    wet, gain_db = to_full_scale(oaconvolve(signal, response)[: len(signal)])
    ratio = -10 * np.log10(max(float(np.sum(response[1:] ** 2)), 1e-12))  # the direct path's energy is 1
    return wet, RoomTruth(
        rt60_s=room.rt60_s,
        absorption=1 - reflection**2,
        distance_m=room.distance_m,
        delay_s=room.distance_m / SOUND_M_S,
        direct_to_reverberant_db=float(ratio),
        c50_db=clarity_db(response),
        gain_db=gain_db,
    )


def impulse_response(room: Room) -> tuple[np.ndarray, float]:
    """The room's response at 16 kHz from the direct path on, which is exactly 1 at sample 0, and the walls' reflection
    coefficient of pressure.

    Image sources (Allen & Berkley, JASA 65, 1979) out to rt60_s, each a sinc under a Hann window (Peterson, JASA 80,
    1986). What reflections add below 60 Hz, where images of one sign pile up, is taken out (they used 100 Hz).
    Eyring's formula misses the decay of a shoebox by up to a third. The coefficient is found by bisection on the
    energy of the images instead, corrected by what their pressures then do: T30 of ISO 3382, -5 to -35 dB.
    """
    size, source, here = (np.array(v, np.float64) for v in (room.size_m, room.source_m, room.microphone_m))
    reach = (room.rt60_s + 0.05) * SOUND_M_S
    reach += room.distance_m
    orders = np.ceil(reach / (2 * size)).astype(np.int64) + 1
    histogram = _energy(size, source, here, orders, reach, room.distance_m, int(2 * orders.sum()) + 8)
    aim = room.rt60_s
    for attempt in range(_CORRECTIONS + 1):
        reflection = _reflection(histogram, aim)
        pressure = _images(size, source, here, orders, reach, room.distance_m, reflection, _sincs())[_HALF:]
        direct, pressure[0] = pressure[0], 0.0
        response = sosfilt(_LOW_CUT, pressure)
        response[0] = direct
        if attempt < _CORRECTIONS:
            aim *= room.rt60_s / decay_s(response)
    return response, reflection


def decay_s(response: np.ndarray) -> float:
    """T30 of an impulse response at 16 kHz: time of 60 dB at the slope between -5 and -35 dB of what is left."""
    return _slope_s(response**2, 1 / SAMPLE_RATE)


def clarity_db(response: np.ndarray, early_s: float = 0.05) -> float:
    """C50 of an impulse response at 16 kHz that begins with its direct path: energy before `early_s` over energy after
    it, dB (ISO 3382-1)."""
    border = round(early_s * SAMPLE_RATE)
    late = max(float(np.sum(response[border:] ** 2)), 1e-12)
    return float(10 * np.log10(float(np.sum(response[:border] ** 2)) / late))


def _reflection(histogram: np.ndarray, aim_s: float) -> float:
    """The coefficient at which the images' energy decays as asked: every reflection keeps its square."""
    low, high = _LEAST_REFLECTION, _MOST_REFLECTION
    for _ in range(30):
        middle = (low + high) / 2
        decay = _slope_s(histogram @ middle ** (2.0 * np.arange(histogram.shape[1])), _BIN_S)
        low, high = (middle, high) if decay < aim_s else (low, middle)
    return (low + high) / 2


def _slope_s(energy: np.ndarray, step_s: float) -> float:
    left = np.cumsum(energy[::-1])[::-1]
    level = 10 * np.log10(np.maximum(left / left[0], 1e-12))
    inside = np.flatnonzero((level <= -5) & (level >= -35))
    if len(inside) < 3:
        return 0.0
    return float(-60 / np.polyfit(inside * step_s, level[inside], 1)[0])


@cache
def _sincs() -> np.ndarray:
    """(_PARTS + 1, 2 * _HALF) taps of a sinc under a Hann window for every part of a sample that an image is late."""
    x = np.arange(-_HALF + 1, _HALF + 1)[None] - np.linspace(0, 1, _PARTS + 1)[:, None]
    return np.asarray((0.5 + 0.5 * np.cos(np.pi * x / _HALF)) * np.sinc(x))


def room_from_seed(seed: int, *, rt60_s: float | None = None, distance_m: float | None = None) -> Room:
    """A living room to small hall with a speaker and a microphone in it, drawn from the seed; rt60_s of 0.2 to 0.8 s
    and a distance of 0.4 to 2.5 m between them unless given. Raises BadConfig for a distance outside 0.05 to 2.5 m."""
    if distance_m is not None and not 0.05 <= distance_m <= 2.5:
        raise BadConfig(f"a microphone {distance_m} m from the lips", cure="use 0.05 to 2.5 m")
    rng = np.random.default_rng(seed)
    size = np.round(rng.uniform((3.0, 2.8, 2.4), (8.0, 6.0, 3.4)), 2)
    drawn = round(float(rng.uniform(0.2, 0.8)), 3)
    source = rng.uniform(0.8, size - 0.8)
    while True:
        direction = rng.normal(size=3)
        far = rng.uniform(0.4, 2.5)
        here = source + (far if distance_m is None else distance_m) * direction / np.linalg.norm(direction)
        if np.all(here > 0.3) and np.all(here < size - 0.3):
            break
    sides, there, heard = (tuple(float(x) for x in np.round(v, 3)) for v in (size, source, here))
    return Room(_triple(sides), drawn if rt60_s is None else rt60_s, _triple(there), _triple(heard))


def _triple(values: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z


@njit(cache=True)
def _image(
    size: np.ndarray, source: np.ndarray, here: np.ndarray, n: np.ndarray, flip: np.ndarray
) -> tuple[float, int]:
    """Distance of one image from the microphone, and how many walls it was mirrored by (Allen & Berkley, eq. 8)."""
    square, order = 0.0, 0
    for axis in range(3):
        gap = (1 - 2 * flip[axis]) * source[axis] + 2 * n[axis] * size[axis] - here[axis]
        square += gap * gap
        order += abs(n[axis] - flip[axis]) + abs(n[axis])
    return np.sqrt(square), order


@njit(cache=True)
def _energy(
    size: np.ndarray,
    source: np.ndarray,
    here: np.ndarray,
    orders: np.ndarray,
    reach: float,
    nearest: float,
    most: int,
) -> np.ndarray:
    """Energy of the images by time after the direct path and by number of reflections, without absorption."""
    bins = int((reach - nearest) / SOUND_M_S / _BIN_S) + 1
    histogram = np.zeros((bins, most))
    n, flip = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for i in range(-orders[0], orders[0] + 1):
        for j in range(-orders[1], orders[1] + 1):
            for k in range(-orders[2], orders[2] + 1):
                for mirror in range(8):
                    n[0], n[1], n[2] = i, j, k
                    flip[0], flip[1], flip[2] = mirror & 1, (mirror >> 1) & 1, mirror >> 2
                    distance, order = _image(size, source, here, n, flip)
                    if distance < reach and order < most:
                        at = int((distance - nearest) / SOUND_M_S / _BIN_S)
                        histogram[max(at, 0), order] += (nearest / distance) ** 2
    return histogram


@njit(cache=True)
def _images(
    size: np.ndarray,
    source: np.ndarray,
    here: np.ndarray,
    orders: np.ndarray,
    reach: float,
    nearest: float,
    reflection: float,
    sincs: np.ndarray,
) -> np.ndarray:
    """Pressure from the direct path (at sample _HALF) on, relative to it."""
    response = np.zeros(int((reach - nearest) / SOUND_M_S * SAMPLE_RATE) + 2 * _HALF + 2)
    n, flip = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for i in range(-orders[0], orders[0] + 1):
        for j in range(-orders[1], orders[1] + 1):
            for k in range(-orders[2], orders[2] + 1):
                for mirror in range(8):
                    n[0], n[1], n[2] = i, j, k
                    flip[0], flip[1], flip[2] = mirror & 1, (mirror >> 1) & 1, mirror >> 2
                    distance, order = _image(size, source, here, n, flip)
                    if distance >= reach:
                        continue
                    strength = reflection**order * nearest / distance
                    if strength < 1e-6:
                        continue
                    late = (distance - nearest) / SOUND_M_S * SAMPLE_RATE
                    whole = int(np.floor(late))
                    part = round((late - whole) * _PARTS)
                    for tap in range(2 * _HALF):
                        response[whole + tap + 1] += strength * sincs[part, tap]
    return response
