"""Hundreds of damaged media files out of a few small whole ones, always the same: what footage from strangers holds.

    python tests/curation/fuzz_media.py FOLDER

What must hold for every file is in `test_fuzz` (a part of them) and in `tests/bench/bench_fuzz.py` (all)."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from talkie.media import encode_flac, encode_mp4

_CONTAINERS = {"moov", "trak", "mdia", "minf", "stbl", "edts", "dinf", "udta"}
_SIZES = (0, 1, 2, 255, 4096, 32767, 65535)
MANY = 10_000
_SOUNDS = (
    *((rate, 1, 2, 16) for rate in (0, 1, 0xFFFFFFFF)),
    *(
        (16000, channels, align, bits)
        for channels, align, bits in ((65535, 2, 16), (0, 0, 0), (1, 0, 16), (1, 2, 65535))
    ),
    (48000, 64, 1, 8),
)
"""(samples a second, channels, bytes and bits a sample) that no device has."""


def corpus() -> Iterator[tuple[str, bytes]]:
    """(file name, bytes), more than 300 of them."""
    whole = whole_files()
    for name, data in whole.items():
        yield from _flipped(name, data)
        yield from _cut_short(name, data)
    yield from _cut_at_boxes(whole["film.mp4"])
    yield from _wrong_boxes(whole["film.mp4"])
    yield from _wrong_headers(whole)
    yield from _many_streams(whole)
    yield from _bombs(whole)
    yield from _no_media()


def write_corpus(folder: Path) -> list[Path]:
    paths = []
    for number, (name, data) in enumerate(corpus()):
        paths.append(folder / f"{number:03d}-{name}")
        paths[-1].write_bytes(data)
    return paths


def whole_files() -> dict[str, bytes]:
    """Half a second of picture and sound in the containers and codecs of footage."""
    rng = np.random.default_rng(3)
    sound = rng.normal(0, 0.1, 8000).astype(np.float32)
    y, x = np.mgrid[0:48, 0:64]
    frames = [
        np.stack([(4 * x + 9 * k) % 256, (5 * y) % 256, (x + y + k) % 256], -1).astype(np.uint8) for k in range(12)
    ]
    return {
        "film.mp4": encode_mp4(frames, audio=sound),
        "film.mkv": _muxed("matroska", "libx264", "yuv420p", frames, "flac"),
        "film.webm": _muxed("webm", "libvpx", "yuv420p", frames, None),
        "film.avi": _muxed("avi", "mjpeg", "yuvj420p", frames, "pcm_s16le"),
        "film.ts": _muxed("mpegts", "mpeg2video", "yuv420p", frames, "mp2"),
        "film.mov": _muxed("mov", "prores_ks", "yuv422p10le", frames, "pcm_s16le"),
        "film.gif": _muxed("gif", "gif", "rgb8", frames, None),
        "speech.flac": encode_flac(sound),
        "speech.wav": _wav(sound),
        "speech.ogg": _muxed("ogg", None, None, frames, "libopus"),
    }


def _muxed(form: str, codec: str | None, pixels: str | None, frames: list[np.ndarray], sound: str | None) -> bytes:
    buffer = io.BytesIO()
    rate = 48000
    with av.open(buffer, "w", format=form, options={"fflags": "+bitexact"}) as container:
        picture: Any = container.add_stream(codec, rate=25) if codec else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = frames[0].shape[1], frames[0].shape[0], pixels
            picture.codec_context.thread_count = 1
        track: Any = container.add_stream(sound, rate=rate, layout="mono") if sound else None
        for number, image in enumerate(frames if picture is not None else []):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts = number
            container.mux(picture.encode(frame))
        if picture is not None:
            container.mux(picture.encode(None))
        if track is not None:
            wave = (8000 * np.sin(np.arange(rate // 2) / 9)).astype(np.int16)[None]
            block = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
            fifo = av.AudioFifo()
            for part in av.AudioResampler(format=track.format.name, rate=rate).resample(block):
                fifo.write(part)
            while (part := fifo.read(track.frame_size or 960, partial=True)) is not None:
                container.mux(track.encode(part))
            container.mux(track.encode(None))
    return buffer.getvalue()


def _wav(samples: np.ndarray, rate: int = 16000, channels: int = 1, align: int = 2, bits: int = 16) -> bytes:
    body = (samples * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    return b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt \x10\0\0\0" + form + b"data" + _le(len(body)) + body


def _flipped(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Single bits, many bits, and runs of noise, in the head and anywhere."""
    rng = np.random.default_rng(sum(name.encode()))
    for number, (count, reach) in enumerate(
        [(1, 400), (4, 400), (16, 400), (1, 1 << 30), (16, 1 << 30), (200, 1 << 30)] * 2
    ):
        broken = bytearray(data)
        for at in rng.integers(0, min(reach, len(data)), count):
            broken[at] ^= 1 << int(rng.integers(8))
        yield f"flip{number}-{name}", bytes(broken)
    for number in range(3):
        broken = bytearray(data)
        at = int(rng.integers(0, len(data) - 64))
        broken[at : at + 64] = rng.bytes(64)
        yield f"noise{number}-{name}", bytes(broken)


def _cut_short(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    for share in (0.0, 0.01, 0.1, 0.5, 0.9):
        yield f"cut{round(100 * share)}-{name}", data[: round(share * len(data))]
    yield f"last-{name}", data[:-1]
    yield f"twice-{name}", data + data


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """(type, offset, end) of every ISO box, containers first, then what is in them (ISO/IEC 14496-12, 4.2)."""
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8].decode("latin-1")
        if size < 8 or at + size > end:
            return
        yield name, at, at + size
        if name in _CONTAINERS:
            yield from boxes(data, at + 8, at + size)
        at += size


def _cut_at_boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    for name, at, end in boxes(data):
        label = name.strip().encode().hex()
        yield f"before-{label}-{at}.mp4", data[:at]
        yield f"in-{label}-{at}.mp4", data[: at + 8]
        yield f"without-{label}-{at}.mp4", data[:at] + b"\0" * (end - at) + data[end:]


def _wrong_boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Fields of the index overwritten: sizes, counts, durations, dimensions, timestamps."""
    for name, at, end in boxes(data):
        for value in (0, 7, 0x7FFFFFFF, 0xFFFFFFFF):
            if name in ("moov", "trak", "stbl", "stsz", "stco", "mdat"):
                yield f"size-{name}-{value:x}-{at}.mp4", _patched(data, at, _be(value))
        if name in ("mvhd", "mdhd"):
            for scale, length in ((0, 25), (1, 0xFFFFFFFF), (0xFFFFFFFF, 1), (1000, 0x7FFFFFFF)):
                yield f"clock-{name}-{scale:x}-{length:x}-{at}.mp4", _patched(data, at + 20, _be(scale) + _be(length))
        if name == "tkhd":
            yield f"tall-{at}.mp4", _patched(data, end - 8, _be(0x7FFF0000) + _be(0x7FFF0000))
            yield f"bent-{at}.mp4", _patched(data, at + 48, b"\x7f\xff\xff\xff" * 9)
        if name == "stsd":
            for side in _SIZES:
                yield f"side-{side}-{at}.mp4", _patched(data, at + 16 + 32, struct.pack(">HH", side, side))
        if name in ("stts", "ctts", "stsz", "stsc", "stco", "elst"):
            for value in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
                for offset in (12, 16, 20):
                    if at + offset + 4 <= end:
                        yield f"entry-{name}-{offset}-{value:x}-{at}.mp4", _patched(data, at + offset, _be(value))


def _wrong_headers(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Every body under every other's first bytes, and headers of sound that no device has."""
    names = sorted(whole)
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        yield f"head-of-{other.split('.')[1]}-{name}", whole[other][:64] + whole[name][64:]
    silence = np.zeros(4000, np.float32)
    for rate, channels, align, bits in _SOUNDS:
        yield f"sound-{rate:x}-{channels}-{align}-{bits}.wav", _wav(silence, rate, channels, align, bits)
    mkv = whole["film.mkv"]
    for element, value in ((b"\xb0\x82", b"\xff\xff"), (b"\xb0\x81", b"\xff"), (b"\x2a\xd7\xb1", b"\x83\0\0\0")):
        at = mkv.find(element)
        if at >= 0:
            yield f"ebml-{element.hex()}.mkv", _patched(mkv, at + len(element), value)


def _many_streams(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    data = whole["film.mp4"]
    inside = [(name, at, end) for name, at, end in boxes(data) if name in ("moov", "trak")]
    moov = next((at, end) for name, at, end in inside if name == "moov")
    trak = next(data[at:end] for name, at, end in inside if name == "trak")
    for count in (40, 63, 64, 1000, MANY):
        more = data[moov[0] + 8 : moov[1]] + trak * count
        yield f"streams-{count}.mp4", data[: moov[0]] + _be(len(more) + 8) + b"moov" + more + data[moov[1] :]
    mkv = whole["film.mkv"]
    tracks = mkv.find(b"\x16\x54\xae\x6b")
    entry = mkv.find(b"\xae", tracks + 4)
    if 0 < tracks < entry:
        yield "streams.mkv", mkv[:entry] + mkv[entry : entry + 60] * 1000 + mkv[entry:]
    avi = whole["film.avi"]
    at = avi.find(b"LIST", avi.find(b"avih"))
    size = 8 + int.from_bytes(avi[at + 4 : at + 8], "little")
    for count in (100, MANY):
        yield f"streams-{count}.avi", avi[:at] + avi[at : at + size] * count + avi[at:]


def _bombs(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Little that unpacks to much: archives under a film's name, and pictures of claimed sizes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for number in range(4):
            out.writestr(zipfile.ZipInfo(f"{number}.mp4"), bytes(8_000_000))
    yield "zip.mp4", archive.getvalue()
    yield "zip.mkv", archive.getvalue()
    yield "gzip.mp4", gzip.compress(bytes(16_000_000), mtime=0)
    for width, height in ((65535, 65535), (65535, 1), (1, 65535), (16384, 16384)):
        yield f"gif-{width}x{height}.gif", _patched(whole["film.gif"], 6, struct.pack("<HH", width, height))
        avi = whole["film.avi"]
        start = bytearray(avi)
        at = 0
        while (at := avi.find(b"\xff\xc0\x00\x11", at)) >= 0:  # the size in every JPEG of the film
            start[at + 5 : at + 9] = struct.pack(">HH", height, width)
            at += 1
        yield f"jpeg-{width}x{height}.avi", bytes(start)
        head = avi.find(b"strf")
        yield f"dib-{width}x{height}.avi", _patched(avi, head + 12, struct.pack("<ii", width, height))
        webm = whole["film.webm"]
        key = webm.find(b"\x9d\x01\x2a")
        yield f"vp8-{width}x{height}.webm", _patched(webm, key + 3, struct.pack("<HH", width & 0x3FFF, height & 0x3FFF))
    yield "silence.flac", encode_flac(np.zeros(16000 * 1200, np.float32))


def _no_media() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(8)
    yield "empty.mp4", b""
    yield "noise.mp4", rng.bytes(20000)
    yield "zeros.mkv", bytes(20000)
    yield "list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"
    yield "concat.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n"
    yield "session.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"
    yield "page.mp4", b"<html><body>404</body></html>"
    yield "drawing.mp4", b"<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'/>"
    yield "text.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"
    for magic in (
        b"\x1aE\xdf\xa3",
        b"RIFF\xff\xff\xff\xffAVI ",
        b"fLaC",
        b"OggS",
        b"\0\0\0\x18ftypmp42",
        b"G" * 188 * 4,
        b"ID3",
    ):
        yield f"magic-{magic[:4].hex()}.bin", magic + rng.bytes(4000)
        yield f"magic-{magic[:4].hex()}-zeros.bin", magic + bytes(4000)


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _be(value: int) -> bytes:
    return struct.pack(">I", value & 0xFFFFFFFF)


def _le(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


if __name__ == "__main__":
    print(len(write_corpus(Path(sys.argv[1]))))
