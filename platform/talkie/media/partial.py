"""Single frames and stretches of sound out of a clip's own members, decoding no more than they need. Whole members are
`encode`'s and `planes`', foreign files `decode`'s business."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av.error
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from talkie.clip import SAMPLES_PER_FRAME
from talkie.errors import BadInput, UnreadableMedia
from talkie.media.container import DecodeStats, audio_stream, open_media, video_stream

Passed = Callable[[int, np.ndarray], None]
"""Called with the number and the picture of a frame that was decoded on the way to another."""


def pictures_at(
    data: bytes,
    frames: Sequence[int],
    size: int | None = None,
    *,
    stats: DecodeStats | None = None,
    passed: Passed | None = None,
) -> np.ndarray:
    """Frames of an `mp4` member by number: (N, H, W, 3) uint8 RGB in the order asked for, repetitions included.

    Decoding begins at the key frame before each; frames that no other refers to are passed over undecoded, unless
    `passed` wants them. `size`: pixels of the longer side, reached by area means in the conversion to RGB; None keeps
    the stored size, with the pixels of `decode_mp4`. stats is counted up. Raises UnreadableMedia, BadInput."""
    scaler = VideoReformatter()

    def develop(frame: Any) -> np.ndarray:
        longer = max(frame.width, frame.height)
        if size is None or size == longer:
            return scaler.reformat(frame, format="rgb24", threads=1).to_ndarray()
        width, height = (max(1, round(side * size / longer)) for side in (frame.width, frame.height))
        area = Interpolation.AREA if size < longer else Interpolation.BICUBIC
        return scaler.reformat(frame, width, height, "rgb24", interpolation=area, threads=1).to_ndarray()

    return _stacked(data, frames, develop, stats, passed)


def planes_at(
    data: bytes,
    frames: Sequence[int],
    size: int | None = None,
    *,
    smooth: bool = False,
    stats: DecodeStats | None = None,
    passed: Passed | None = None,
) -> np.ndarray:
    """Planes of a `mask.mp4` or `matte.mp4` member by number: (N, H, W) uint8, exactly as stored where `size` is None.
    Reduced to (N, size, size), region ids take the nearest pixel; `smooth` takes means, as a matte wants."""

    def develop(frame: Any) -> np.ndarray:
        return reduced_plane(frame.to_ndarray()[: frame.height], size, smooth=smooth)

    return _stacked(data, frames, develop, stats, passed)


def reduced_plane(plane: np.ndarray, size: int | None, *, smooth: bool = False) -> np.ndarray:
    """(H, W) uint8 as (size, size): the nearest pixel's value, or the mean."""
    if size is None or plane.shape == (size, size):
        return np.ascontiguousarray(plane)
    if smooth:
        from PIL import Image

        return np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BOX))
    rows, columns = (((np.arange(size) + 0.5) * side / size).astype(int) for side in plane.shape)
    return plane[np.ix_(rows, columns)]


def sound_at(data: bytes, frames: range) -> np.ndarray:
    """The sound of a `flac` member under consecutive pictures: (len * 640,) float32 in [-1, 1], from the beginning of
    picture frames[0] to the end of frames[-1]; silence where the member ends sooner. Raises UnreadableMedia."""
    first, stop = frames[0] * SAMPLES_PER_FRAME, (frames[-1] + 1) * SAMPLES_PER_FRAME
    out = np.zeros(stop - first, np.float32)
    with open_media(io.BytesIO(data)) as container:
        stream = audio_stream(container)
        if stream is None:
            raise UnreadableMedia("a clip's sound holds no sound")
        at = 0
        for frame in _decoded(container, stream):
            samples = frame.to_ndarray()[0]
            begin, end = max(first, at), min(stop, at + len(samples))
            if begin < end:
                scale = np.float32(np.iinfo(samples.dtype).max + 1)
                out[begin - first : end - first] = samples[begin - at : end - at].astype(np.float32) / scale
            at += len(samples)
            if at >= stop:
                break
    return out


def _stacked(
    data: bytes,
    frames: Sequence[int],
    develop: Callable[[Any], np.ndarray],
    stats: DecodeStats | None,
    passed: Passed | None,
) -> np.ndarray:
    wanted = set(frames)
    if not wanted or min(wanted) < 0:
        raise BadInput(f"frames {list(frames)[:4]} of a clip", cure="ask for one frame or more, counted from 0")
    found: dict[int, np.ndarray] = {}
    for number, frame in _numbered(data, sorted(wanted), passed is not None, stats or DecodeStats()):
        if number in wanted:
            found[number] = develop(frame)
        elif passed is not None:
            passed(number, develop(frame))
    lost = wanted - found.keys()
    if lost:
        raise UnreadableMedia(f"a clip's member holds no frame {min(lost)}")
    return np.stack([found[number] for number in frames])


def _numbered(data: bytes, wanted: list[int], all_of_them: bool, stats: DecodeStats) -> Iterator[tuple[int, Any]]:
    """Decoded frames with their numbers: the wanted ones, and what was decoded on the way to them."""
    with open_media(io.BytesIO(data)) as container:
        stream = video_stream(container)
        if stream is None:
            raise UnreadableMedia("a clip's pictures hold no pictures")
        stream.codec_context.thread_count = 1
        # Groups of pictures are closed, so that a key frame is as many frames into the film as into the file.
        keys = [n for n, entry in enumerate(stream.index_entries) if entry.is_keyframe] or [0]
        stats.emitted += len(wanted)
        left = wanted
        while left:
            group = bisect_right(keys, left[0]) - 1
            reached = next((n for n in left if group + 1 < len(keys) and n >= keys[group + 1]), None)
            here = left if reached is None else left[: left.index(reached)]
            yield from _group(container, stream, keys[group], here, all_of_them, stats)
            left = left[len(here) :]


def _group(
    container: Any, stream: Any, key: int, wanted: list[int], all_of_them: bool, stats: DecodeStats
) -> Iterator[tuple[int, Any]]:
    """Frames from a key frame to the last wanted one."""
    rate, base = stream.average_rate, stream.time_base
    container.seek(round(key / rate / base), stream=stream)
    targets = set(wanted)
    for packet in _packets(container, stream):
        if packet.pts is not None:
            number = round(packet.pts * base * rate)
            needed = all_of_them or number in targets
            # A frame that nothing refers to is decoded for its own sake or not at all.
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        for frame in _decode(packet, stats):
            number = round(frame.pts * base * rate)
            if number <= wanted[-1]:
                yield number, frame
            if number >= wanted[-1]:
                return


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    stream.codec_context.flush_buffers()
    yield from container.demux(stream)


def _decode(packet: Any, stats: DecodeStats) -> list[Any]:
    try:
        frames = packet.decode()
    except (av.error.FFmpegError, MemoryError) as error:
        raise UnreadableMedia(f"a clip's member does not decode: {error}") from error
    stats.decoded += len(frames)
    return frames


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        yield from _decode(packet, DecodeStats())
