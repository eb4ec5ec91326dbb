"""Frames out of a media file at a constant rate by timestamp, whole or piece by piece on the same grid. Sound is in
`sound`, what a frame looks like in `picture`; writing media is `encode`'s business."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import av.error
from av.container import InputContainer

from talkie.clip import FPS
from talkie.errors import NoVideo, TooLong, TruncatedMedia
from talkie.media.container import Damage, DecodeStats, decode_stream, open_media, video_stream
from talkie.media.frames import frames_from, is_frames
from talkie.media.limits import HOLE_S, MAX_SECONDS
from talkie.media.picture import Developer, deinterlaced
from talkie.media.probe import VideoInfo, duration_of, look

_EPS = 1e-6
"""Of a grid step: times are sums of rounded fractions."""

_LEAD_FRAMES = 3
"""Decoded ahead of an interlaced piece, so that the deinterlacer has the past that it has in the whole file."""


def read_video(
    path: str | Path,
    fps: float = FPS,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    info: VideoInfo | None = None,
    max_seconds: float | None = None,
    on_damage: Damage | None = None,
    stats: DecodeStats | None = None,
    developer: Any | None = None,
) -> Iterator[tuple[int, float, Any]]:
    """Yield (index, time in seconds, frame (H, W, 3) uint8 RGB) at a constant rate, one decoded frame in memory.

    Time 0 is the first key frame's timestamp (`VideoInfo.start_s`). Grid point index / fps takes the frame whose
    timestamp is nearest, which puts no bias between picture and sound, where "the last one shown" would be late by
    half a source frame on average. The last frame stands for its own duration. Frames come upright, progressive and
    with square pixels, all of one size. A hole of more than `limits.HOLE_S` in the timestamps has no frames: `index`
    jumps. Packets that do not decode are reported to `on_damage` and skipped; their neighbours fill in.

    start_s, end_s: only grid points with start_s <= index / fps < end_s, the same ones with the same pixels as when
    the whole is read; decoding begins at the key frame before (`piece_bounds` puts borders where nothing is decoded
    twice). info: what `probe` or `look` found; found here where it is left out. stats is counted up.
    developer: makes pictures of another form than RGB from decoded frames by its method `picture` (`YuvDeveloper`).

    Raises NoVideo, TooLong (longer than `max_seconds`, or beyond `limits`), TruncatedMedia (not one frame), or
    open_media's errors. A folder of pictures, or a glob of them, is read in the same way; it needs the `info` that
    `probe_frames` gives.
    """
    stats = stats if stats is not None else DecodeStats()
    info = info or look(path)
    limit = MAX_SECONDS if max_seconds is None else max_seconds
    first = 0 if start_s is None else max(0, math.ceil(start_s * fps - _EPS))
    stop = None if end_s is None else math.ceil(end_s * fps - _EPS)
    developer = developer or Developer(info.stored, info.orientation)
    found = False
    shown: Any = None
    picture: Any = None
    with _opened(path, info, first / fps, max_seconds, on_damage, stats) as frames:
        for index, frame in _on_grid(frames, info, fps, first):
            found = True
            if stop is not None and index >= stop:
                break
            if index > limit * fps + fps:
                raise _too_long(path, limit)
            if frame is not shown:
                shown, picture = frame, developer.picture(frame)
                stats.needed += 1
            stats.emitted += 1
            yield index, index / fps, picture
    if not found and first == 0 and stop != 0:
        raise TruncatedMedia("not one frame can be decoded", where=str(path))


def piece_bounds(
    path: str | Path, piece_s: float, fps: float = FPS, *, info: VideoInfo | None = None
) -> list[tuple[float, float | None]]:
    """Where to cut a film into pieces of about `piece_s` for `read_video`: (start_s, end_s), the last open-ended.

    Each piece begins at a key frame, the last one before its share of the length, so that no picture is decoded for
    two pieces; a film whose key frames lie further apart than four pieces is cut without one. Only the container is
    read, not the pictures."""
    if is_frames(path):
        assert info is not None, "pictures tell no rate"
        shares = math.ceil((info.frames or 0) / info.fps_nominal / piece_s - _EPS)
        starts = [math.ceil(number * piece_s * fps - _EPS) / fps for number in range(max(1, shares))]
        return list(zip(starts, [*starts[1:], None], strict=True))
    info = info or look(path)
    starts = [0.0]
    with open_media(path) as container:
        stream = _video_of(container, path)
        length = duration_of(container)
        for number in range(1, math.ceil(min(length, MAX_SECONDS) / piece_s - _EPS)):
            target = number * piece_s
            key = _key_time(container, stream, info.start_s + target)
            start = None if key is None else math.ceil((key - info.start_s) * fps - _EPS) / fps
            if start is None or start < starts[-1] + 0.5 * piece_s:
                start = target if target - starts[-1] > 4 * piece_s else None
            if start is not None:
                starts.append(start)
    ends: list[float | None] = [*starts[1:], None]
    return list(zip(starts, ends, strict=True))


def _key_time(container: InputContainer, stream: Any, time_s: float) -> float | None:
    """The timestamp of the key frame at or before a time, as the demuxer's index has it; None where it has none."""
    try:
        container.seek(round(time_s / stream.time_base), stream=stream)
        for packet in container.demux(stream):
            if packet.pts is not None and packet.is_keyframe:
                return float(packet.pts * packet.time_base)
    except av.error.FFmpegError:
        pass
    return None


@contextmanager
def _opened(
    path: str | Path,
    info: VideoInfo,
    from_s: float,
    max_seconds: float | None,
    on_damage: Damage | None,
    stats: DecodeStats,
) -> Iterator[Iterator[Any]]:
    """The decoded frames of a file, or of a folder of pictures, the first of them not later than `from_s`."""
    if is_frames(path):
        yield frames_from(path, info.fps_nominal, from_s, on_damage, stats)
        return
    with open_media(path) as container:
        stream = _video_of(container, path)
        if max_seconds is not None and duration_of(container) > max_seconds + 1:
            raise _too_long(path, max_seconds)
        yield _frames(container, stream, info, from_s, on_damage, stats)


def _video_of(container: InputContainer, path: str | Path | IO[bytes]) -> Any:
    stream = video_stream(container)
    if stream is None:
        raise NoVideo("holds no moving picture", where=str(path))
    return stream


def _frames(
    container: InputContainer,
    stream: Any,
    info: VideoInfo,
    from_s: float,
    on_damage: Damage | None,
    stats: DecodeStats,
) -> Iterator[Any]:
    """Decoded, progressive frames, the first of them not later than `from_s` after time 0 where there is one."""
    lead_s = _LEAD_FRAMES * info.frame_s if info.interlaced else 0.0
    frames = _decoded_from(container, stream, info.start_s + from_s - lead_s, info, on_damage, stats)
    if info.interlaced:
        return deinterlaced(frames, stream, info.field_order, flagged=info.interlaced == "flagged")
    return frames


def _decoded_from(
    container: InputContainer,
    stream: Any,
    time_s: float,
    info: VideoInfo,
    on_damage: Damage | None,
    stats: DecodeStats,
) -> Iterator[Any]:
    """Frames from the last key frame not after a timestamp. Indices lie by a reordering delay or by more, so what
    comes is checked, and the seek repeated further back; the beginning of the file is what always works."""
    back = 0.0
    while time_s - back > info.start_s + info.frame_s:
        try:
            container.seek(round((time_s - back) / stream.time_base), stream=stream)
        except av.error.FFmpegError:
            break
        frames = decode_stream(container, stream, on_damage, stats)
        first = next(frames, None)
        if first is not None and first.key_frame and first.time is not None and first.time <= time_s + _EPS:
            yield first
            yield from frames
            return
        back = max(2 * back, 1.0)
    container.seek(0)
    yield from decode_stream(container, stream, on_damage, stats)


def _on_grid(frames: Iterator[Any], info: VideoInfo, fps: float, first: int) -> Iterator[tuple[int, Any]]:
    """Pair grid indices from `first` on with the frames nearest in time; a frame may serve several indices, or none."""
    usual = info.frame_s
    before, previous, index = 0.0, None, first
    for frame in frames:
        if previous is None:
            now = frame.time - info.start_s if frame.time is not None else 0.0
            if now < -_EPS:
                continue  # leading pictures of the first key frame: their references are not in the file
        else:
            now = frame.time - info.start_s if frame.time is not None else before + usual
            if now <= before:
                continue  # a clock that runs backwards: the picture already there stands
            middle = (before + now) / 2 if now - before <= HOLE_S else before + usual
            while index / fps <= middle:
                yield index, previous
                index += 1
            if now - before > HOLE_S:
                index = max(index, math.ceil(now * fps - _EPS))
        previous, before = frame, now
    if previous is None:
        return
    held = float(previous.duration * previous.time_base) if previous.duration else usual
    held = min(held, HOLE_S)
    # Rounding up to the nearest whole frame keeps a file of n frames at `fps` at n frames.
    for last in range(index, max(round((before + held) * fps), 1 if first == 0 else 0)):
        yield last, previous


def _too_long(path: str | Path, max_seconds: float) -> TooLong:
    return TooLong(f"longer than {max_seconds:g} s", where=str(path), cure="cut it or raise the limit")
