"""Samples out of a media file: speech at 16 kHz mono on the picture's clock, in memory or spooled to disk. Pictures are
`decode`'s business, the choice among several tracks `tracks`'."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import NoVideo, TooLong, TruncatedMedia
from talkie.media.container import Damage, audio_stream, decode_stream, open_media, video_stream
from talkie.media.limits import MAX_SECONDS, check_sound
from talkie.media.probe import MediaInfo, duration_of, look
from talkie.media.tracks import choose_track

GAP_S = 0.05
"""A hole between two sound frames longer than this is kept as silence. Shorter ones are jitter of coarse container
clocks (Matroska counts whole milliseconds) and closing them keeps the waveform whole."""

CODEC_FRAME = 2048
"""Samples in the longest codec frame in use (HE-AAC)."""

_SCALE = 32768.0
_CHUNK = 1 << 20


def read_audio(
    path: str | Path,
    rate: int = SAMPLE_RATE,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    info: MediaInfo | None = None,
    max_seconds: float | None = None,
    on_damage: Damage | None = None,
) -> np.ndarray | None:
    """A sound track as (N,) float32 mono in [-1, 1] at `rate`, or None where there is none.

    The track is the one that `choose_track` takes. Sample 0 is the time of the first picture, as in `read_video` (the
    sound's own start in a file without pictures): a track that starts later is led in by silence, one that starts
    earlier is cut. Holes in the track are silence of their length. start_s, end_s: the samples from
    round(start_s * rate) to round(end_s * rate), the same as those of the whole; only they are held, but the track is
    decoded from its beginning (a resampler has a past): to read many parts use `audio_spool`.
    Raises TooLong before anything is loaded where the header tells, while decoding where it lies; and
    open_media's errors.
    """
    first = 0 if start_s is None else max(0, round(start_s * rate))
    stop = None if end_s is None else round(end_s * rate)
    pieces: list[np.ndarray] = []
    total = 0
    track = _Track(path, rate, info, max_seconds, on_damage)
    for samples in track.samples():
        begin, end = max(0, first - total), len(samples) if stop is None else min(len(samples), stop - total)
        total += len(samples)
        if begin < end:
            pieces.append(samples[begin:end])
        if stop is not None and total > stop + track.padding:
            break
    if not track.found:
        return None
    audio = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return audio[: max(0, track.length(total) - first)]


@dataclass(frozen=True)
class Spool:
    """A sound track laid out on disk: `path` holds `length` little-endian int16 samples at `rate`, mono. The file is
    its owner's to remove."""

    path: Path
    rate: int
    length: int

    @property
    def samples(self) -> np.ndarray:
        """(N,) int16, memory-mapped read-only: costs no memory but the pages that are looked at."""
        if not self.length:
            return np.zeros(0, np.int16)
        return np.memmap(self.path, np.dtype("<i2"), "r", shape=(self.length,))

    def part(self, first: int, count: int) -> np.ndarray:
        """(count,) float32 in [-1, 1] from sample `first` on; silence before the beginning and after the end."""
        out = np.zeros(count, np.float32)
        begin, end = max(first, 0), min(first + count, self.length)
        if begin < end:
            out[begin - first : end - first] = self.samples[begin:end] / np.float32(_SCALE)
        return out


def audio_spool(
    path: str | Path,
    folder: str | Path,
    rate: int = SAMPLE_RATE,
    *,
    info: MediaInfo | None = None,
    max_seconds: float | None = None,
    on_damage: Damage | None = None,
) -> Spool | None:
    """The track of `read_audio` as a new int16 file in `folder` (rounded to 1 / 32768), or None where there is none.

    Memory does not grow with the length. Raises what read_audio raises; no file is left then."""
    handle, name = tempfile.mkstemp(prefix="sound-", suffix=".s16", dir=folder)
    track = _Track(path, rate, info, max_seconds, on_damage)
    total = 0
    try:
        with os.fdopen(handle, "wb") as out:
            for samples in track.samples():
                steps = np.clip(np.round(np.nan_to_num(samples) * _SCALE), -32768, 32767)
                out.write(steps.astype("<i2").tobytes())
                total += len(samples)
            length = track.length(total)
            out.truncate(2 * length)
    except BaseException:
        Path(name).unlink()
        raise
    if not track.found:
        Path(name).unlink()
        return None
    return Spool(Path(name), rate, length)


class _Track:
    """One pass over a sound track from time 0. `found` and `length` are known once `samples` is spent."""

    def __init__(
        self,
        path: str | Path,
        rate: int,
        info: MediaInfo | None,
        max_seconds: float | None,
        on_damage: Damage | None,
    ) -> None:
        self.path, self.rate, self.info, self.on_damage = path, rate, info, on_damage
        self.max_seconds = max_seconds
        self.limit = round(((MAX_SECONDS if max_seconds is None else max_seconds) + 1) * rate)
        self.found, self.padding = False, 0
        self._stated: int | None = None

    def length(self, total: int) -> int:
        """Samples that are sound: the last packet of AAC or MP3 is padded to a whole codec frame, and the header
        knows where the sound ends."""
        padded = self._stated is not None and 0 < total - self._stated <= self.padding
        return self._stated if padded and self._stated is not None else total

    def samples(self) -> Iterator[np.ndarray]:
        if self.info is not None and self.info.audio is None:
            return
        zero = self._zero()
        with open_media(self.path) as container:
            stream = audio_stream(container, self._index())
            if stream is None:
                return
            check_sound(stream.rate or 0, stream.channels, str(self.path))
            self.found = True
            self.padding = int(CODEC_FRAME * self.rate / stream.rate)
            if self.max_seconds is not None and duration_of(container) > self.max_seconds + 1:
                raise self._too_long()
            length = 0  # may be negative: samples still to be cut before time 0
            for start_s, chunk in _runs(decode_stream(container, stream, self.on_damage), self.rate):
                if start_s is not None:
                    zero = start_s if zero is None else zero
                    self._stated = _stated_end(stream, zero, self.rate)
                    offset = round((start_s - zero) * self.rate)
                    if offset > self.limit:
                        raise self._too_long()
                    yield from _silence(offset - max(length, 0) if offset > length else 0)
                    length = offset
                yield chunk[max(0, -length) :]
                length += len(chunk)
                if length > self.limit:
                    raise self._too_long()

    def _index(self) -> int | None:
        if self.info is not None:
            return None if self.info.audio is None else self.info.audio.index
        with open_media(self.path) as container:
            choice = choose_track(container)
            return None if choice is None else choice.index

    def _zero(self) -> float | None:
        """The timestamp of the first picture in seconds, which is time 0 of the clip; None without video."""
        if self.info is not None:
            return None if self.info.video is None else self.info.video.start_s
        with open_media(self.path) as container:
            if video_stream(container) is None:
                return None
        try:
            return look(self.path).start_s
        except (NoVideo, TruncatedMedia):
            return None

    def _too_long(self) -> TooLong:
        seconds = self.limit / self.rate - 1
        return TooLong(f"longer than {seconds:g} s", where=str(self.path), cure="cut it or raise the limit")


def _silence(count: int) -> Iterator[np.ndarray]:
    while count > 0:
        yield np.zeros(min(count, _CHUNK), np.float32)
        count -= _CHUNK


def _stated_end(stream: Any, zero: float, rate: int) -> int | None:
    """The sample where the header says that the track ends; None where it does not say."""
    if stream.duration is None:
        return None
    return round((float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero) * rate)


def _runs(frames: Iterator[Any], rate: int) -> Iterator[tuple[float | None, np.ndarray]]:
    """Resampled mono chunks; the first chunk after a hole (and the very first) carries its start in seconds.

    A clock that jumps back is ignored: the sound goes on where it was."""
    resampler = None
    expected = 0.0
    for frame in frames:
        now = frame.time
        start_s = None
        if resampler is None or (now is not None and now > expected + GAP_S):
            if resampler is not None:
                yield None, _mono(resampler.resample(None))
            # Packed, because PyAV reads beyond its planes where there are more than eight of them.
            resampler = av.AudioResampler(format="flt", rate=rate)
            start_s = expected = now if now is not None else 0.0
        expected += frame.samples / frame.sample_rate
        yield start_s, _mono(resampler.resample(frame))
    if resampler is not None:
        yield None, _mono(resampler.resample(None))


def _mono(frames: list[Any]) -> np.ndarray:
    """The mean of the channels, clipped. FFmpeg's own float downmix is 3 dB hotter and leaves [-1, 1]."""
    chunks = [
        frame.to_ndarray().reshape(-1, frame.layout.nb_channels).mean(axis=1, dtype=np.float32) for frame in frames
    ]
    return np.clip(np.concatenate([np.zeros(0, np.float32), *chunks]), -1.0, 1.0)


def fit_audio(audio: np.ndarray, frames: int, fps: float = FPS, rate: int = SAMPLE_RATE) -> tuple[np.ndarray, float]:
    """Pad with silence or cut (N,) to exactly frames / fps seconds; also the seconds added (negative: cut off)."""
    wanted = round(frames * rate / fps)
    if wanted <= len(audio):
        fitted = audio[:wanted]
    else:
        fitted = np.concatenate([audio, np.zeros(wanted - len(audio), audio.dtype)])
    return fitted, (wanted - len(audio)) / rate
