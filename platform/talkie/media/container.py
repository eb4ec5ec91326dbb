"""Opening one media file safely and naming what is wrong with it; reading frames and samples lives in `decode`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from talkie.errors import BadInput, EmptyFile, NotMedia, TooLong, TruncatedMedia, UnreadableMedia
from talkie.media.limits import MAX_PIXELS, MAX_STREAMS, PROBE_BYTES, PROBE_SECONDS, check_picture

FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,w64,flac,mp3,aac,aiff,caf,au,amr,mxf,gif,rm,dv"
"""Demuxers that may open a file. Playlists (hls, concat) are left out on purpose: they open other files and
hosts; so are still images and subtitles, which FFmpeg would otherwise accept as a one-frame film."""

_OPTIONS = {
    "format_whitelist": FORMATS,
    "max_streams": str(MAX_STREAMS),
    "probesize": str(PROBE_BYTES),
    "analyzeduration": str(PROBE_SECONDS * 1_000_000),
}

Damage = Callable[[float, str], None]
"""Called with (seconds reached, cause) for every packet that had to be skipped."""

_CONTAINER_MAGIC = (b"RIFF", b"RF64", b"\x1aE\xdf\xa3", b"fLaC", b"OggS", b"FLV", b"ID3", b"FORM", b"caff")


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def open_media(source: str | Path | IO[bytes]) -> Iterator[InputContainer]:
    """An open demuxer over a path or a binary file object.

    The file is opened here and handed over as an object, so that a name such as `concat:a.mp4` or one that is no
    UTF-8 stays a name and never becomes a protocol. FFmpeg's errors inside the block become UnreadableMedia.
    Raises BadInput (no such file, a folder), EmptyFile, NotMedia, TruncatedMedia, TooLong (more streams than
    `limits` allow) or UnreadableMedia.
    """
    if not isinstance(source, (str, Path)):
        yield from _open_handle(source, None)
        return
    path = Path(source)
    try:
        handle = path.open("rb")
    except FileNotFoundError as error:
        raise BadInput("no such file", where=str(path)) from error
    except IsADirectoryError as error:
        raise BadInput("is a folder, not a media file", where=str(path)) from error
    except OSError as error:
        raise UnreadableMedia(f"cannot be opened: {error.strerror}", where=str(path)) from error
    with handle:
        yield from _open_handle(handle, str(path))


def _open_handle(handle: IO[bytes], where: str | None) -> Iterator[InputContainer]:
    if not handle.read(1):
        raise EmptyFile("the file is empty", where=where)
    handle.seek(0)
    try:
        container = av.open(handle, "r", metadata_errors="ignore", options=_OPTIONS)
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise diagnose(handle, where) from error
    with container:
        try:
            if len(container.streams) >= MAX_STREAMS:
                raise TooLong(
                    f"holds {len(container.streams)} streams or more", where=where, cure="take out its tracks"
                )
            yield container
        except av.error.FFmpegError as error:
            raise UnreadableMedia(f"cannot be read: {error.strerror}", where=where) from error


def diagnose(handle: IO[bytes], where: str | None) -> UnreadableMedia:
    """Why no demuxer takes this file: broken off before its index, of a known but broken kind, or no media."""
    handle.seek(0)
    head = handle.read(16)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        if "moov" in _mp4_boxes(handle):
            return UnreadableMedia("the MP4 index (moov) is damaged", where=where)
        return TruncatedMedia("the MP4 breaks off before its index (moov)", where=where, cure="record or copy it again")
    if head.startswith(_CONTAINER_MAGIC):
        return TruncatedMedia("the container breaks off inside its header", where=where)
    return NotMedia("no known sound or video format", where=where)


def _mp4_boxes(handle: IO[bytes]) -> list[str]:
    """Top-level box names of an ISO base media file (ISO/IEC 14496-12, 4.2), as far as whole boxes are there."""
    names, at = [], 0
    size_of_file = handle.seek(0, 2)
    while at + 8 <= size_of_file:
        handle.seek(at)
        header = handle.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        elif size == 0:
            size = size_of_file - at
        if size < 8 or at + size > size_of_file:
            break
        names.append(header[4:8].decode("latin-1"))
        at += size
    return names


def video_stream(container: InputContainer) -> Any | None:
    """The first moving picture, or None. Cover art of a music file is no video.

    Raises UnreadableMedia where it is in a format without a decoder, TooLong where it is beyond `limits`."""
    moving = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    stream = _decodable(next(moving, None), "picture")
    if stream is not None:
        check_picture(stream.codec_context.width, stream.codec_context.height, None)
    return stream


def audio_stream(container: InputContainer, index: int | None = None) -> Any | None:
    """The sound track of that stream index (the first one without), or None.

    Raises UnreadableMedia where it is in a format without a decoder."""
    tracks = (s for s in container.streams.audio if index is None or s.index == index)
    return _decodable(next(tracks, None), "sound")


def _decodable(stream: Any | None, what: str) -> Any | None:
    if stream is not None and stream.codec_context is None:
        raise UnreadableMedia(f"its {what} is in a format that cannot be decoded", cure="convert it to H.264 and AAC")
    return stream


@dataclass
class DecodeStats:
    """What reading cost. decoded: pictures that went through the decoder; needed: those of them whose time lies in
    the span asked for; emitted: grid points that were handed out; damaged: packets that did not decode."""

    decoded: int = 0
    needed: int = 0
    emitted: int = 0
    damaged: int = 0


def decode_stream(
    container: InputContainer, stream: Any, on_damage: Damage | None = None, stats: DecodeStats | None = None
) -> Iterator[Any]:
    """All frames of one stream in presentation order, from where the container stands, on this thread alone.

    What is broken is reported to `on_damage` and skipped; so is a picture that outgrows `limits` on the way."""
    _set_up(stream)
    stats = stats or DecodeStats()
    reached = 0.0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            stats.decoded += packet.size > 0
            frames = packet.decode()
        except (av.error.FFmpegError, MemoryError) as error:
            stats.damaged += 1
            if on_damage is not None:
                on_damage(reached, getattr(error, "strerror", None) or type(error).__name__)
            if not isinstance(error, av.error.InvalidDataError):
                return
            continue
        for frame in frames:
            if frame.time is not None:
                reached = frame.time
            yield frame


def _set_up(stream: Any) -> None:
    """One thread, as workers are one a core; the limit holds for sizes that only the bitstream tells."""
    context = stream.codec_context
    if not context.is_open and stream.type == "video":
        context.thread_count = 1
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
