"""Numbered pictures as a film: found in order, described as a file is, decoded one after another.

Which of them is shown when is `decode`'s business, what it looks like then `picture`'s."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.codec.context import CodecContext

from talkie.errors import BadInput, EmptyFile, NotMedia, TooLong, TruncatedMedia, UnreadableMedia
from talkie.media.container import Damage, DecodeStats, sha256_file
from talkie.media.limits import MAX_PIXELS, check_picture
from talkie.media.probe import MediaInfo, VideoInfo

PICTURE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
LARGEST = 256 * 2**20
"""Bytes of the largest picture that is read."""

CONTAINER = "frames"
"""The name in `MediaInfo.container` of a film that is a folder of pictures."""

_MAGIC = {
    b"\x89PNG": "png", b"\xff\xd8\xff": "mjpeg", b"BM": "bmp", b"RIFF": "webp", b"II*\0": "tiff", b"MM\0*": "tiff",
}  # fmt: skip
_CLOCK = 90_000


def is_picture(name: str | Path) -> bool:
    """Whether a file's name has a suffix of a picture."""
    return os.path.splitext(str(name))[1].lower() in PICTURE_SUFFIXES


def is_frames(place: str | Path) -> bool:
    """Whether a place is a folder, or a glob where nothing of that name lies: pictures and no file."""
    return os.path.isdir(place) or (not os.path.lexists(place) and glob.has_magic(str(place)))


def pictures_of(place: str | Path) -> list[str]:
    """The pictures of a folder, or of a glob where they lie in many, in the order of the numbers in their paths; what
    else lies in the folder is no frame. Raises FileNotFoundError where a glob finds nothing."""
    if os.path.isdir(place):
        entries = (entry for entry in os.scandir(place) if not entry.name.startswith(".") and is_picture(entry.name))
        return sorted((entry.path for entry in entries if entry.is_file()), key=_in_order)
    matches = sorted(glob.glob(str(place)), key=_in_order)
    if not matches:
        raise FileNotFoundError(2, "No such file or directory", str(place))
    return matches


def _in_order(path: str) -> tuple[list[str | int], str]:
    """Numbers by value: frame 9 comes before frame 10 however they are padded."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", path)], path


def probe_frames(place: str | Path, fps: float) -> MediaInfo:
    """Describe a film of pictures at `fps`, as `probe` describes a file; the first one is decoded.

    Raises TruncatedMedia where there is none, and what is wrong with the first (EmptyFile, NotMedia, TooLong,
    UnreadableMedia)."""
    numbered = _numbered(pictures_of(place), place)
    first = decoded(numbered[0][1])
    last = numbered[-1][0]
    digest = hashlib.sha256()
    for _, path in numbered:
        digest.update(bytes.fromhex(sha256_file(path)))
    size = (first.width, first.height)
    video = VideoInfo(
        *size,
        fps_nominal=fps,
        frames=len(numbered),
        rotation=0,
        codec=_codec_of(numbered[0][1]),
        fps_measured=fps,
        pixel_format=first.format.name,
        chroma="rgb" if first.format.is_rgb else "4:2:0",
        stored=size,
    )
    return MediaInfo(Path(place), digest.hexdigest(), (last + 1) / fps, video, None, CONTAINER)


def frames_from(
    place: str | Path, fps: float, from_s: float, on_damage: Damage | None, stats: DecodeStats
) -> Iterator[Any]:
    """Pictures from the last one not after `from_s` on as frames with a time of number / fps, one in memory. What does
    not decode is reported and skipped."""
    numbered = _numbered(pictures_of(place), place)
    begin = max((at for at, (number, _) in enumerate(numbered) if number <= from_s * fps + 1e-6), default=0)
    for number, path in numbered[begin:]:
        stats.decoded += 1
        try:
            frame = decoded(path)
        except (UnreadableMedia, TooLong) as error:
            stats.damaged += 1
            if on_damage is not None:
                on_damage(number / fps, error.cause)
            continue
        frame.time_base = Fraction(1, _CLOCK)
        frame.pts = round(number / fps * _CLOCK)
        yield frame


def _numbered(paths: list[str], place: str | Path) -> list[tuple[int, str]]:
    """Each picture with its number from 0 on: the last one of its name, so that a hole stays one; their order where
    the names have none or the same."""
    if not paths:
        raise TruncatedMedia("holds no picture", where=str(place), cure="name a folder of numbered pictures")
    found = [re.findall(r"[0-9]+", os.path.splitext(os.path.basename(path))[0]) for path in paths]
    numbers = [int(parts[-1]) for parts in found if parts]
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    if len(numbers) < len(paths) or not rising:
        return list(enumerate(paths))
    return [(number - numbers[0], path) for number, path in zip(numbers, paths, strict=True)]


def decoded(path: str | Path) -> Any:
    """One picture as FFmpeg's frame. Raises EmptyFile, NotMedia, TooLong, UnreadableMedia, BadInput (no such file)."""
    try:
        if os.path.getsize(path) > LARGEST:
            raise TooLong(f"is a picture of over {LARGEST >> 20} MiB", where=str(path), cure="save it smaller")
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise BadInput("no such file", where=str(path)) from error
    except OSError as error:
        raise UnreadableMedia(f"cannot be opened: {error.strerror}", where=str(path)) from error
    if not data:
        raise EmptyFile("the file is empty", where=str(path))
    context: Any = CodecContext.create(_codec(data, path), "r")
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, MemoryError) as error:
        raise UnreadableMedia("the picture cannot be decoded", where=str(path)) from error
    if not frames:
        raise UnreadableMedia("the picture breaks off", where=str(path))
    check_picture(frames[0].width, frames[0].height, str(path))
    return frames[0]


def _codec_of(path: str) -> str:
    with open(path, "rb") as file:
        return _codec(file.read(8), path)


def _codec(data: bytes, path: str | Path) -> str:
    for magic, codec in _MAGIC.items():
        if data.startswith(magic):
            return codec
    raise NotMedia("no known picture format", where=str(path))
