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
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import BadInput, UnreadableMedia
from talkie.media.container import audio_stream, decode_stream, open_media, video_stream
from talkie.media.sound import fit_audio
from talkie.media.x264 import steady_options

PRESET = "medium"

_BT709 = 1
_LIMITED = 1


class Mp4Encoder:
    """One H.264 (x264, BT.709 yuv420p) MP4 in the making, fed frame by frame, so that several can grow at a time.

    size: (width, height) in pixels, even; None takes the first frame's. audio: (N,) float32 mono sound for the whole,
    padded or cut to the length of the picture. Both start at 0. metadata: container tags such as `comment`. The index
    comes first (fast start). The same input gives the same bytes: one encoder thread, no AVX-512 (`x264`), no clock in
    the container. Holds a temporary file until `finish` or `close`; a `with` block closes it.
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        fps: int = FPS,
        *,
        crf: int = 18,
        preset: str = PRESET,
        audio: np.ndarray | None = None,
        audio_rate: int = SAMPLE_RATE,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.fps, self.frames = fps, 0
        self._size, self._audio, self._audio_rate = size, audio, audio_rate
        self._scaler = VideoReformatter()
        # FFmpeg moves the index to the front by opening its own output a second time, so that it needs a real file.
        self._folder = tempfile.TemporaryDirectory(prefix="talkie-mp4-")
        self._path = Path(self._folder.name) / "clip.mp4"
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(self._path), "w", options=options)
        self._container.metadata.update(metadata or {})
        self._picture: Any = self._container.add_stream(
            "libx264", rate=fps, options={"crf": str(crf), "preset": preset, **steady_options()}
        )
        self._sound: Any = None if audio is None else self._container.add_stream("aac", rate=audio_rate, layout="mono")
        if size is not None:
            self._set_up(size)

    def __enter__(self) -> Mp4Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, image: np.ndarray) -> None:
        """The next frame: (H, W, 3) uint8 RGB. Raises BadInput for an odd size or one unlike the others'."""
        height, width = image.shape[:2]
        if self._size is None:
            self._set_up((width, height))
        if (width, height) != self._size or image.shape[2:] != (3,):
            raise BadInput(f"frame {self.frames} is {image.shape}, the others {self._size[::-1] if self._size else ()}")
        picture = self._scaler.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        self._push(picture)

    def add_picture(self, picture: av.VideoFrame) -> None:
        """The next frame as `yuv.YuvDeveloper` makes it, which goes to the encoder as it is. Raises BadInput for a size
        unlike the others'."""
        size = (picture.width, picture.height)
        if self._size is None:
            self._set_up(size)
        if size != self._size or picture.format.name != "yuv420p":
            raise BadInput(f"frame {self.frames} is {picture.format.name} {size}, the others yuv420p {self._size}")
        self._push(picture)

    def _push(self, picture: av.VideoFrame) -> None:
        picture.pts, picture.time_base = self.frames, Fraction(1, self.fps)
        self._container.mux(self._picture.encode(picture))
        self.frames += 1

    def finish(self) -> bytes:
        """The file. Raises BadInput where no frame was added."""
        if self.frames == 0:
            self.close()
            raise BadInput("no frames to encode")
        self._container.mux(self._picture.encode(None))
        if self._audio is not None:
            fitted, _ = fit_audio(self._audio, self.frames, self.fps, self._audio_rate)
            _mux_audio(self._container, self._sound, fitted, self._audio_rate)
        self._container.close()
        data = self._path.read_bytes()
        self.close()
        return data

    def close(self) -> None:
        """Throw away what there is; nothing happens after `finish`."""
        # A container that has no size yet cannot write its header, which closing it would do.
        if self._size is not None:
            self._container.close()
        self._folder.cleanup()

    def _set_up(self, size: tuple[int, int]) -> None:
        width, height = size
        if height % 2 or width % 2:
            self.close()
            raise BadInput(f"frames of {width}x{height} px cannot be yuv420p", cure="use an even width and height")
        self._size = size
        self._picture.width, self._picture.height, self._picture.pix_fmt = width, height, "yuv420p"
        context = self._picture.codec_context
        context.thread_count = 1  # slices and lookahead of several threads would make the bytes depend on the machine
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED


def encode_mp4(
    frames: Iterable[np.ndarray],
    fps: int = FPS,
    *,
    crf: int = 18,
    audio: np.ndarray | None = None,
    audio_rate: int = SAMPLE_RATE,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A stream of (H, W, 3) uint8 RGB frames of one even size as `Mp4Encoder` makes it.

    Raises BadInput for no frames, odd or changing sizes."""
    with Mp4Encoder(None, fps, crf=crf, audio=audio, audio_rate=audio_rate, metadata=metadata) as encoder:
        for image in frames:
            encoder.add(image)
        return encoder.finish()


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
