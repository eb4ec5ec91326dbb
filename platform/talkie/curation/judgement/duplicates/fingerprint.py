"""Fingerprints of a clip: 64 bits a frame of how its picture moves, 32 bits per 20 ms of how its sound does.

They are members of `fingerprint.npz`; who compares them is `matching`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkie.clip import SAMPLE_RATE
from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.judgement.scores.sampled import own_tool

FIELD = "fingerprint.npz"
_SIDE = 32
_BITS = 8
_LONGEST = 15_000
"""Frames of a clip that are fingerprinted: 600 s."""

HOP = SAMPLE_RATE // 50
"""Samples from one word of the sound's fingerprint to the next: 20 ms, two a frame."""
_WINDOW = 4096
_BANDS = 33
_LOW_HZ, _HIGH_HZ = 300.0, 2000.0


@dataclass(frozen=True)
class Fingerprint:
    """A clip as its duplicates are looked for. picture (T,) uint64; sound (M,) uint32, or None; frames, face_px: by
    which the copy to keep is chosen; digest: of the clip's content, equal for exact duplicates."""

    id: str
    picture: np.ndarray
    sound: np.ndarray | None = None
    frames: int = 0
    face_px: float = 0.0
    digest: str = ""


class PictureFingerprint(Annotator):
    name = "picture_fingerprint"
    fields = (FIELD,)

    @property
    def tool(self) -> str:
        return own_tool("fingerprint")

    def start(self) -> Watcher:
        return _Pictures()


class _Pictures(Watcher):
    def __init__(self) -> None:
        self._found: list[np.ndarray] = []

    def see(self, view: View) -> None:
        if len(self._found) < _LONGEST:
            self._found.append(coefficients(view.crop))

    def finish(self, draft: Draft) -> Findings:
        if not self._found:
            return Findings()
        return Findings(fields={FIELD: {**draft.found.get(FIELD, {}), "picture": moving_bits(np.stack(self._found))}})


class SoundFingerprint(Annotator):
    name = "sound_fingerprint"
    fields = (FIELD,)

    @property
    def tool(self) -> str:
        return own_tool("fingerprint")

    def start(self) -> Watcher:
        return _Sound()


class _Sound(Watcher):
    def finish(self, draft: Draft) -> Findings:
        if draft.audio is None:
            return Findings()
        return Findings(fields={FIELD: {**draft.found.get(FIELD, {}), "sound": sound_words(draft.audio)}})


def coefficients(crop: np.ndarray) -> np.ndarray:
    """The lowest 8 x 8 coefficients of the cosine transform of a crop (S, S, 3), averaged to 32 x 32 grey pixels (the
    perceptual hash of Zauner, 2010): (64,) float32."""
    small = cv2.cvtColor(cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return cv2.dct(small.astype(np.float32))[:_BITS, :_BITS].ravel()


def moving_bits(values: np.ndarray) -> np.ndarray:
    """Coefficients (T, 64) to words (T,) uint64: whether each is over its own median over time.

    What stays (the person, the wall, colours and light) is in the median and so in no bit: another take of the same
    person in the same place has other words, a copy with other colours has the same."""
    bits = values > np.median(values, axis=0)
    packed = np.packbits(bits, axis=1, bitorder="little")
    return packed.view("<u8").ravel().astype(np.uint64)


def sound_words(audio: np.ndarray) -> np.ndarray:
    """Sound (N,) at 16 kHz to words (N // 320,) uint32: for 32 pairs of neighbouring bands of 300 to 2,000 Hz, whether
    the difference of their energies grows from one window to the next (Haitsma and Kalker, ISMIR 2002)."""
    # Late: who compares fingerprints, as every run does at its end, makes none.
    from scipy.fft import rfft

    count = len(audio) // HOP
    if count == 0:
        return np.zeros(0, np.uint32)
    padded = np.concatenate([np.zeros(_WINDOW // 2), audio, np.zeros(_WINDOW)]).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: (count + 1) * HOP : HOP]
    shape = np.hanning(_WINDOW).astype(np.float32)
    energy = np.concatenate(
        [np.add.reduceat(np.abs(rfft(part * shape)) ** 2, _edges(), axis=1)[:, :_BANDS]
         for part in np.array_split(windows, max(1, len(windows) // 256))]
    )  # fmt: skip
    slope = energy[:, :-1] - energy[:, 1:]
    bits = np.diff(slope, axis=0)[:count] > 0
    return np.packbits(bits, axis=1, bitorder="little").view("<u4").ravel().astype(np.uint32)


def _edges() -> np.ndarray:
    """The first bin of each band, and that behind the last: evenly on a logarithmic scale."""
    hertz = np.geomspace(_LOW_HZ, _HIGH_HZ, _BANDS + 1)
    return np.round(hertz * _WINDOW / SAMPLE_RATE).astype(int)
