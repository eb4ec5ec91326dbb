"""What a media file says about itself, and what a few of its frames show; reading it through is `decode`'s and
`sound`'s business."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.filter import Graph

from talkie.errors import NotMedia, NoVideo, TruncatedMedia
from talkie.media.container import audio_stream, decode_stream, open_media, sha256_file, video_stream
from talkie.media.limits import check_picture, check_sound
from talkie.media.picture import Orientation, orientation_of
from talkie.media.tracks import Choice, choose_track

PACKETS = 256
"""Whose timestamps are looked at: some ten seconds."""

IDET_FRAMES = 12
"""Looked at for combing in the middle of a file whose size and rate allow for interlacing."""

_INTERLACED_HEIGHTS = (480, 486, 512, 576, 608, 1080, 1088)
_INTERLACED_FPS = 30.5
_TRANSFERS = {1: "bt709", 6: "bt601", 8: "linear", 13: "srgb", 14: "bt2020", 15: "bt2020", 16: "pq", 18: "hlg"}
_FIELD_ORDERS = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""AVFieldOrder: as coded and as shown may differ; the order of showing is what matters."""
_PIXEL_ASPECTS = (0.2, 5.0)


@dataclass(frozen=True)
class VideoInfo:
    """The picture as it is shown: width and height in pixels after square pixels and `orientation`.

    fps_nominal: the header's word; fps_measured: one over the median step of the first timestamps, and variable_rate
    where these steps differ by more than their rounding; frames: None where the header does not count them. rotation:
    degrees counter-clockwise that the display matrix asks for; mirrored: whether it also flips. interlaced: "flagged"
    by the file, "detected" on its frames, or "" ; field_order: "tff", "bff" or "progressive". pixel_format as FFmpeg
    names it, with bits and chroma ("4:2:0", "rgb", "gray"); full_range: 0-255 instead of 16-235, None unsaid;
    transfer: "bt709", "pq", "hlg", ... or "unsaid" (pictures of HDR transfers are not tone mapped). pixel_aspect:
    width of a stored pixel over its height. start_s: timestamp of the first key frame, which is time 0 of every
    reader. stored: (width, height) with square pixels before orientation."""

    width: int
    height: int
    fps_nominal: float
    frames: int | None
    rotation: int
    codec: str
    mirrored: bool = False
    fps_measured: float = 0.0
    variable_rate: bool = False
    interlaced: Literal["", "flagged", "detected"] = ""
    field_order: str = "progressive"
    pixel_format: str = "yuv420p"
    bits: int = 8
    chroma: str = "4:2:0"
    full_range: bool | None = None
    transfer: str = "unsaid"
    pixel_aspect: float = 1.0
    start_s: float = 0.0
    stored: tuple[int, int] = (0, 0)
    orientation: Orientation = field(default_factory=Orientation)

    @property
    def hdr(self) -> bool:
        return self.transfer in ("pq", "hlg")

    @property
    def frame_s(self) -> float:
        """Seconds that a frame usually lasts."""
        return 1 / (self.fps_nominal or self.fps_measured or 25.0)


@dataclass(frozen=True)
class AudioInfo:
    """The sound track taken: samples per second, number of channels; its stream index, language (ISO 639-2, None
    unsaid), why it was taken out of how many (`tracks.choose_track`)."""

    rate: int
    channels: int
    codec: str
    index: int = 0
    language: str | None = None
    reason: str = "only"
    of: int = 1


@dataclass(frozen=True)
class MediaInfo:
    """A file: digest of its bytes, length in seconds, its first video and its best sound track (None where it has
    none)."""

    path: Path
    sha256: str
    duration_s: float
    video: VideoInfo | None
    audio: AudioInfo | None
    container: str


def probe(path: str | Path, *, language: str | None = None) -> MediaInfo:
    """Describe a file. language: of the sound that is wanted, where it has several tracks.

    Raises BadInput, EmptyFile, NotMedia, TruncatedMedia, TooLong (beyond `limits`) or UnreadableMedia.
    A file with sound only is no error here: `video` is None, and the caller decides.
    """
    with open_media(path) as container:
        video, audio = video_stream(container), audio_stream(container)
        if video is None and audio is None:
            raise NotMedia("holds neither sound nor moving picture", where=str(path))
        name = container.format.name
        duration = duration_of(container)
        choice = choose_track(container, language)
        audio_info = None if choice is None else _audio_info(container, choice)
    video_info = look(path) if video is not None else None
    return MediaInfo(Path(path), sha256_file(path), duration, video_info, audio_info, name)


def duration_of(container: InputContainer) -> float:
    """Length in seconds: the header's, or by walking the packets where the header has none (live WebM)."""
    if container.duration and container.duration > 0:
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


def _audio_info(container: InputContainer, choice: Choice) -> AudioInfo:
    stream = audio_stream(container, choice.index)
    assert stream is not None
    language = None if stream.language in (None, "", "und") else stream.language
    check_sound(stream.rate or 0, stream.channels, None)
    codec = stream.codec_context.name
    return AudioInfo(stream.rate, stream.channels, codec, choice.index, language, choice.reason, choice.of)


def look(path: str | Path) -> VideoInfo:
    """What the header, the first timestamps and the first picture of a film tell, one picture being decoded (a few
    more where it may be interlaced). Raises NoVideo, TruncatedMedia (not one frame) and open_media's errors."""
    frame, decoded_plainly = None, False
    while frame is None:
        with open_media(path) as container:
            stream = video_stream(container)
            if stream is None:
                raise NoVideo("holds no moving picture", where=str(path))
            frame = _first_frame(container, stream, plainly=decoded_plainly)
            if frame is not None:
                info = _describe(stream, frame)
        if frame is None and decoded_plainly:
            raise TruncatedMedia("not one frame can be decoded", where=str(path))
        decoded_plainly = True
    steps = _steps(path)
    info = replace(info, **_timing(steps, info.fps_nominal))
    if not info.interlaced and _may_be_interlaced(info):
        order = _detected_order(path)
        if order is not None:
            info = replace(info, interlaced="detected", field_order=order)
    return info


def _first_frame(container: InputContainer, stream: Any, *, plainly: bool) -> Any | None:
    """The first key frame, alone through the decoder; plainly: whatever frame comes out first."""
    if plainly:
        return next(decode_stream(container, stream), None)
    stream.codec_context.thread_count = 1
    try:
        packet = next(container.demux(stream), None)
        frames = [] if packet is None else [*packet.decode(), *stream.codec_context.decode(None)]
    except av.error.FFmpegError:
        return None
    return frames[0] if frames and frames[0].key_frame else None


def _describe(stream: Any, frame: Any) -> VideoInfo:
    context = stream.codec_context
    orientation = orientation_of(frame)
    aspect = float(context.sample_aspect_ratio or 1) or 1.0
    if not _PIXEL_ASPECTS[0] <= aspect <= _PIXEL_ASPECTS[1]:
        aspect = 1.0  # no camera has such pixels: the header is wrong
    stored = _square(frame.width, frame.height, aspect)
    check_picture(*stored, None)
    order = _FIELD_ORDERS.get(context.field_order, "tff" if frame.interlaced_frame else "progressive")
    interlaced = bool(frame.interlaced_frame) or context.field_order in _FIELD_ORDERS
    pixels = frame.format
    return VideoInfo(
        width=stored[1] if orientation.transposed else stored[0],
        height=stored[0] if orientation.transposed else stored[1],
        fps_nominal=float(stream.average_rate or stream.guessed_rate or 0),
        frames=stream.frames or None,
        rotation=orientation.rotation,
        codec=context.name,
        mirrored=orientation.flipped,
        interlaced="flagged" if interlaced else "",
        field_order=order,
        pixel_format=pixels.name,
        bits=max((component.bits for component in pixels.components), default=8),
        chroma=_chroma(pixels),
        full_range={1: False, 2: True}.get(int(frame.color_range)) if not pixels.name.startswith("yuvj") else True,
        transfer=_TRANSFERS.get(int(frame.color_trc), "unsaid"),
        pixel_aspect=aspect,
        start_s=0.0 if frame.pts is None else float(frame.pts * stream.time_base),
        stored=stored,
        orientation=orientation,
    )


def _square(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size with square pixels: the side of which there are too few is stretched, so that no detail is lost."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _chroma(pixels: Any) -> str:
    if pixels.is_rgb or pixels.has_palette:
        return "rgb"
    if len(pixels.components) < 3:
        return "gray"
    luma, chroma = pixels.components[0], pixels.components[1]
    across, down = luma.width / max(chroma.width, 1), luma.height / max(chroma.height, 1)
    return {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}.get(
        (round(across), round(down)), "other"
    )


def _steps(path: str | Path) -> np.ndarray:
    """Seconds between the first pictures in order of showing; nothing is decoded."""
    times: list[float] = []
    with open_media(path) as container:
        stream = video_stream(container)
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    times.append(float(packet.pts * packet.time_base))
                if len(times) >= PACKETS:
                    break
        except av.error.FFmpegError:
            pass
    # The last ones read may still be waiting for pictures that are shown before them.
    steps = np.diff(np.sort(times))[: max(len(times) - 8, 1)]
    return steps[steps > 0]


def _timing(steps: np.ndarray, nominal: float) -> dict[str, Any]:
    """A rate is variable where a tenth of the steps are off the median by more than a quarter: coarse clocks
    (Matroska counts whole milliseconds) stay within a few percent, and one lost picture makes no variable rate."""
    if len(steps) < 2:
        return {"fps_measured": nominal}
    median = float(np.median(steps))
    off = np.abs(steps - median) > 0.25 * median
    return {"fps_measured": round(1 / median, 3), "variable_rate": bool(off.mean() >= 0.1)}


def _may_be_interlaced(info: VideoInfo) -> bool:
    lines = info.stored[1] in _INTERLACED_HEIGHTS
    return lines and info.fps_nominal <= _INTERLACED_FPS and info.chroma != "rgb"


def _detected_order(path: str | Path) -> str | None:
    """The field order that FFmpeg's idet sees in some frames of the middle, None where they are progressive.

    Two thirds of the frames that move must be combed: idet leaves still ones undecided."""
    seen = {"tff": 0, "bff": 0, "progressive": 0}
    with open_media(path) as container:
        stream = video_stream(container)
        graph = Graph()
        source, idet, sink = graph.add_buffer(template=stream), graph.add("idet"), graph.add("buffersink")
        source.link_to(idet)
        idet.link_to(sink)
        graph.configure()
        try:
            container.seek(round(duration_of(container) / 2 * av.time_base))
            for number, frame in enumerate(decode_stream(container, stream)):
                if number == IDET_FRAMES:
                    break
                graph.push(frame)
                verdict = graph.pull().metadata.get("lavfi.idet.multiple.current_frame", "")
                if verdict in seen:
                    seen[verdict] += 1
        except (av.error.FFmpegError, ValueError):
            return None
    combed = max(seen["tff"], seen["bff"])
    decided = sum(seen.values())
    if decided < IDET_FRAMES // 3 or combed < 2 * decided / 3:
        return None
    return "tff" if seen["tff"] > seen["bff"] else "bff"
