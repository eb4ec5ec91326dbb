"""Frames and samples out of a media file, on one clock: video at a constant rate by timestamp, speech at 16 kHz mono
from the same zero. Writing media is `encode`'s business."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import NoVideo, TooLong, TruncatedMedia
from talkie.media.container import Damage, audio_stream, decode_stream, open_media, video_stream
from talkie.media.probe import duration_of

GAP_S = 0.05
"""A hole between two sound frames longer than this is kept as silence. Shorter ones are jitter of coarse container
clocks (Matroska counts whole milliseconds) and closing them keeps the waveform whole."""

CODEC_FRAME = 2048
"""Samples in the longest codec frame in use (HE-AAC)."""


def read_video(
    path: str | Path, fps: float = FPS, *, max_seconds: float | None = None, on_damage: Damage | None = None
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Yield (index, time in seconds, frame (H, W, 3) uint8 RGB) at a constant rate, one decoded frame in memory.

    Time 0 is the first frame's timestamp. Grid point index / fps takes the frame whose timestamp is nearest, which
    puts no bias between picture and sound, where "the last one shown" would be late by half a source frame on
    average. The last frame stands for its own duration. Rotation metadata is applied.
    Packets that do not decode are reported to `on_damage` and skipped; their neighbours fill in.

    Raises NoVideo, TooLong (longer than `max_seconds`), TruncatedMedia (not one frame), or open_media's errors.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise NoVideo("holds no moving picture", where=str(path))
        _check_length(container, path, max_seconds)
        emitted = 0
        for index, frame in _on_grid(decode_stream(container, stream, on_damage), stream, fps):
            if max_seconds is not None and index > max_seconds * fps + fps:
                raise _too_long(path, max_seconds)
            yield index, index / fps, _rgb(frame)
            emitted += 1
        if emitted == 0:
            raise TruncatedMedia("not one frame can be decoded", where=str(path))


def _on_grid(frames: Iterator[Any], stream: Any, fps: float) -> Iterator[tuple[int, Any]]:
    """Pair grid indices with the frames nearest in time; a frame may serve several indices, or none."""
    usual = float(1 / (stream.average_rate or stream.guessed_rate or fps))
    zero = before = 0.0
    previous = None
    index = 0
    for frame in frames:
        if previous is None:
            now, zero = 0.0, frame.time or 0.0
        else:
            now = frame.time - zero if frame.time is not None else before + usual
            if now <= before:
                continue  # a clock that runs backwards: the picture already there stands
            middle = (before + now) / 2
            while index / fps <= middle:
                yield index, previous
                index += 1
        previous, before = frame, now
    if previous is None:
        return
    held = float(previous.duration * previous.time_base) if previous.duration else usual
    # Rounding up to the nearest whole frame keeps a file of n frames at `fps` at n frames.
    for last in range(index, max(round((before + held) * fps), 1)):
        yield last, previous


def _rgb(frame: Any) -> np.ndarray:
    image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def read_audio(
    path: str | Path,
    rate: int = SAMPLE_RATE,
    *,
    max_seconds: float | None = None,
    on_damage: Damage | None = None,
) -> np.ndarray | None:
    """The first sound track as (N,) float32 mono in [-1, 1] at `rate`, or None where there is none.

    Sample 0 is the first video frame's time (the sound's own start in a file without video): a track that starts
    later is led in by silence, one that starts earlier is cut. Holes in the track are silence of their length.
    Raises TooLong before anything is loaded where the header tells, while decoding where it lies; and
    open_media's errors.
    """
    zero = _video_zero(path)
    end = None
    pieces: list[np.ndarray] = []
    length = 0  # may be negative: samples still to be cut before time 0
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        _check_length(container, path, max_seconds)
        for start_s, samples in _runs(decode_stream(container, stream, on_damage), rate):
            if start_s is not None:
                zero = start_s if zero is None else zero
                end = _stated_end(stream, zero, rate)
                offset = round((start_s - zero) * rate)
                if offset > length:
                    pieces.append(np.zeros(offset - length, np.float32))
                length = offset
            pieces.append(samples[max(0, -length) :])
            length += len(samples)
            if max_seconds is not None and length > (max_seconds + 1) * rate:
                raise _too_long(path, max_seconds)
    audio = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    # The last packet of AAC or MP3 is padded to a whole codec frame; the header knows where the sound ends.
    padded = end is not None and 0 < len(audio) - end <= CODEC_FRAME * rate / stream.rate
    return audio[:end] if padded else audio


def _stated_end(stream: Any, zero: float, rate: int) -> int | None:
    """The sample where the header says that the track ends; None where it does not say."""
    if stream.duration is None:
        return None
    return round((float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero) * rate)


def _video_zero(path: str | Path) -> float | None:
    """The timestamp of the first picture in seconds, which is time 0 of the clip; None without video."""
    with open_media(path) as container:
        stream = video_stream(container)
        first = None if stream is None else next(decode_stream(container, stream), None)
        return None if first is None else first.time or 0.0


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
            resampler = av.AudioResampler(format="fltp", rate=rate)
            start_s = expected = now if now is not None else 0.0
        expected += frame.samples / frame.sample_rate
        yield start_s, _mono(resampler.resample(frame))
    if resampler is not None:
        yield None, _mono(resampler.resample(None))


def _mono(frames: list[Any]) -> np.ndarray:
    """The mean of the channels, clipped. FFmpeg's own float downmix is 3 dB hotter and leaves [-1, 1]."""
    chunks = [frame.to_ndarray().mean(axis=0, dtype=np.float32) for frame in frames]
    return np.clip(np.concatenate([np.zeros(0, np.float32), *chunks]), -1.0, 1.0)


def _check_length(container: InputContainer, path: str | Path, max_seconds: float | None) -> None:
    if max_seconds is not None and duration_of(container) > max_seconds + 1:
        raise _too_long(path, max_seconds)


def _too_long(path: str | Path, max_seconds: float) -> TooLong:
    return TooLong(f"longer than {max_seconds:g} s", where=str(path), cure="cut it or raise the limit")


def fit_audio(audio: np.ndarray, frames: int, fps: float = FPS, rate: int = SAMPLE_RATE) -> tuple[np.ndarray, float]:
    """Pad with silence or cut (N,) to exactly frames / fps seconds; also the seconds added (negative: cut off)."""
    wanted = round(frames * rate / fps)
    if wanted <= len(audio):
        fitted = audio[:wanted]
    else:
        fitted = np.concatenate([audio, np.zeros(wanted - len(audio), audio.dtype)])
    return fitted, (wanted - len(audio)) / rate
