"""Frames and samples to bytes and back: the MP4 and FLAC members of a clip. Footage of any other kind is read by
`decode`; nothing here touches timestamps of foreign files."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import BadInput, UnreadableMedia
from talkie.media.container import audio_stream, decode_stream, open_media, video_stream
from talkie.media.decode import fit_audio

_BT709 = 1
_LIMITED = 1


def encode_mp4(
    frames: Iterable[np.ndarray],
    fps: int = FPS,
    *,
    crf: int = 18,
    audio: np.ndarray | None = None,
    audio_rate: int = SAMPLE_RATE,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """H.264 (x264, BT.709 yuv420p) in a fast-start MP4, with AAC sound where `audio` is given.

    frames: (H, W, 3) uint8 RGB of one even size; consumed as a stream. audio: (N,) float32 mono; it is padded or
    cut to the length of the picture. Both start at 0. metadata: container tags such as `comment`.
    The same input gives the same bytes: one encoder thread, no clock in the container.
    Raises BadInput for no frames, odd or changing sizes.
    """
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    # FFmpeg moves the index to the front by opening its own output a second time, so that it needs a real file.
    with tempfile.TemporaryDirectory(prefix="talkie-mp4-") as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options=options) as container:
            container.metadata.update(metadata or {})
            _mux(container, frames, fps, crf, audio, audio_rate)
        return path.read_bytes()


def _mux(
    container: Any, frames: Iterable[np.ndarray], fps: int, crf: int, audio: np.ndarray | None, audio_rate: int
) -> None:
    picture = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "medium"})
    sound = None if audio is None else container.add_stream("aac", rate=audio_rate, layout="mono")
    count = _mux_video(container, picture, frames)
    if audio is not None:
        _mux_audio(container, sound, fit_audio(audio, count, fps, audio_rate)[0], audio_rate)


def _mux_video(container: Any, stream: Any, frames: Iterable[np.ndarray]) -> int:
    count, shape = 0, None
    for image in frames:
        if shape is None:
            shape = image.shape
            _set_up_picture(stream, shape)
        if image.shape != shape:
            raise BadInput(f"frame {count} is {image.shape}, the first was {shape}")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts = count
        container.mux(stream.encode(picture))
        count += 1
    if count == 0:
        raise BadInput("no frames to encode")
    container.mux(stream.encode(None))
    return count


def _set_up_picture(stream: Any, shape: tuple[int, ...]) -> None:
    height, width = shape[:2]
    if height % 2 or width % 2:
        raise BadInput(f"frames of {width}x{height} px cannot be yuv420p", cure="use an even width and height")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.thread_count = 1  # slices and lookahead of several threads would make the bytes depend on the machine
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED


def _mux_audio(container: Any, stream: Any, audio: np.ndarray, rate: int) -> None:
    for chunk in _audio_frames(audio, rate, "fltp"):
        container.mux(stream.encode(chunk))
    container.mux(stream.encode(None))


def _audio_frames(audio: np.ndarray, rate: int, sample_format: str, size: int = 1024) -> Iterable[Any]:
    for at in range(0, len(audio), size):
        frame = av.AudioFrame.from_ndarray(audio[None, at : at + size], format=sample_format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        yield frame


def encode_flac(audio: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    """(N,) float32 mono in [-1, 1] as 16 bit FLAC. Values beyond the range are clipped, never wrapped."""
    samples = np.clip(np.round(audio * 32768.0), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream("flac", rate=rate, layout="mono", format="s16")
        for frame in _audio_frames(samples, rate, "s16", size=4096):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_flac(data: bytes) -> np.ndarray:
    """The samples of a `flac` member: (N,) float32 in [-1, 1], at the rate they were stored.

    Raises UnreadableMedia where any are lost."""
    with open_member(data, audio_stream) as (stream, frames):
        pieces = [frame.to_ndarray()[0] for frame in frames]
        check_whole(sum(map(len, pieces)), stream.duration, "samples")
    return np.concatenate(pieces).astype(np.float32) / np.float32(np.iinfo(pieces[0].dtype).max + 1)


def decode_mp4(data: bytes) -> np.ndarray:
    """Every stored frame of an `mp4` member: (T, H, W, 3) uint8 RGB, without any change of rate.

    Raises UnreadableMedia where any are lost."""
    with open_member(data, video_stream) as (stream, frames):
        images = [frame.to_ndarray(format="rgb24") for frame in frames]
        check_whole(len(images), stream.frames, "frames")
    return np.stack(images)


@contextmanager
def open_member(data: bytes, choose: Callable[[Any], Any]) -> Iterator[tuple[Any, list[Any]]]:
    """The stream and decoded frames of a member that we wrote: here, unlike in footage, any damage is an error."""
    damage: list[str] = []
    with open_media(io.BytesIO(data)) as container:
        stream = choose(container)
        frames = [] if stream is None else list(decode_stream(container, stream, lambda _, c: damage.append(c)))
        if damage or not frames:
            raise UnreadableMedia(f"a clip's member does not decode: {damage[0] if damage else 'nothing is in it'}")
        yield stream, frames


def check_whole(found: int, stated: int | None, what: str) -> None:
    """Raise UnreadableMedia where fewer frames or samples came out than the container states."""
    if found != stated:
        raise UnreadableMedia(f"a clip's member holds {found} of {stated} {what}")
