"""What a media file says about itself, without reading it through; frames and samples are `decode`'s business."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer

from talkie.errors import NotMedia
from talkie.media.container import audio_stream, decode_stream, open_media, sha256_file, video_stream


@dataclass(frozen=True)
class VideoInfo:
    """The picture as it is shown: width and height in pixels after `rotation` (degrees, counter-clockwise, applied
    by the decoder); `fps_nominal` is the header's word, real frames may come at other times; `frames` is None
    where the header does not count them."""

    width: int
    height: int
    fps_nominal: float
    frames: int | None
    rotation: int
    codec: str


@dataclass(frozen=True)
class AudioInfo:
    """The first sound track: samples per second, number of channels."""

    rate: int
    channels: int
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """A file: digest of its bytes, length in seconds, its first video and sound track (None where it has none)."""

    path: Path
    sha256: str
    duration_s: float
    video: VideoInfo | None
    audio: AudioInfo | None
    container: str


def probe(path: str | Path) -> MediaInfo:
    """Describe a file. Raises BadInput, EmptyFile, NotMedia, TruncatedMedia or UnreadableMedia.

    A file with sound only is no error here: `video` is None, and the caller decides.
    """
    with open_media(path) as container:
        video, audio = video_stream(container), audio_stream(container)
        if video is None and audio is None:
            raise NotMedia("holds neither sound nor moving picture", where=str(path))
        name = container.format.name
        duration = duration_of(container)
        audio_info = AudioInfo(audio.rate, audio.channels, audio.codec_context.name) if audio is not None else None
        video_info = _video_info(container, video) if video is not None else None
    return MediaInfo(Path(path), sha256_file(path), duration, video_info, audio_info, name)


def duration_of(container: InputContainer) -> float:
    """Length in seconds: the header's, or by walking the packets where the header has none (live WebM)."""
    if container.duration:
        return container.duration / av.time_base
    streams = [s for s in (video_stream(container), audio_stream(container)) if s is not None]
    start, end = float("inf"), 0.0
    try:
        for packet in container.demux(*streams):
            if packet.pts is not None and packet.time_base is not None:
                start = min(start, float(packet.pts * packet.time_base))
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.error.FFmpegError:
        pass  # the packets before the damage have told the length there is
    container.seek(0)
    return max(0.0, end - start) if end else 0.0


def _video_info(container: InputContainer, stream: Any) -> VideoInfo:
    width, height = stream.codec_context.width, stream.codec_context.height
    rate = stream.average_rate or stream.guessed_rate or 0
    codec = stream.codec_context.name
    frames = stream.frames or None
    # The display matrix is known to PyAV on frames only.
    first = next(decode_stream(container, stream), None)
    rotation = first.rotation % 360 if first is not None else 0
    if rotation in (90, 270):
        width, height = height, width
    return VideoInfo(width, height, float(rate), frames, rotation, codec)
