"""Tiny real media for fake trees, made once per session: a second of 64 px noise with a tone, in every container."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from talkie.media import encode_mp4

FRAMES, SIDE, RATE = 25, 64, 16_000
NTSC = Fraction(30_000, 1001)
LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 421337\n"
CODECS = {
    "clip.mpg": ("mpeg1video", "mp2", Fraction(25)),
    "clip.avi": ("mpeg4", "pcm_s16le", Fraction(25)),
    "clip.mov": ("libx264", "aac", Fraction(25)),
    "clip.flv": ("flv1", "adpcm_swf", NTSC),
    "clip2997.mp4": ("libx264", "aac", NTSC),
    "sound.m4a": (None, "aac", Fraction(25)),
    "sound.wav": (None, "pcm_s16le", Fraction(25)),
}


class FakeMedia:
    """A folder of sample files by name, hard-linked into trees: `put("clip.mp4", root / "a" / "b.mp4")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        draw = np.random.default_rng(5)
        frames = draw.integers(0, 255, (FRAMES, SIDE, SIDE, 3), np.uint8)
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
        (folder / "clip.mp4").write_bytes(encode_mp4(frames, audio=tone))
        (folder / "silent.mp4").write_bytes(encode_mp4(frames))
        for name, (picture, sound, rate) in CODECS.items():
            _film(folder / name, picture, sound, rate, frames, tone)
        for name in ("face.jpg", "face.png"):
            Image.fromarray(frames[0]).save(folder / name)

    def put(self, name: str, place: Path) -> Path:
        """A sample under another name."""
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(self.folder / name, place)
        return place

    def broken(self, place: Path) -> Path:
        """The first half of an MP4, which is what an interrupted download leaves."""
        content = (self.folder / "clip.mp4").read_bytes()
        return write(place, content[: len(content) // 2])

    def frames(self, folder: Path, numbers: range | list[int], pattern: str) -> Path:
        """Pictures whose names are `pattern` filled with each number."""
        for number in numbers:
            self.put("face.png" if pattern.endswith(".png") else "face.jpg", folder / pattern.format(number))
        return folder


def write(place: Path, content: str | bytes = b"") -> Path:
    """A file with its parents."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def _film(path: Path, picture: str | None, sound: str, rate: Fraction, frames: np.ndarray, tone: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream(picture, rate=rate) if picture else None
        # FLV's ADPCM knows only 11,025 Hz and its multiples, MPEG-1 audio no rate below 32 kHz.
        audio = container.add_stream(sound, rate={"adpcm_swf": 22_050, "mp2": 32_000}.get(sound, RATE), layout="mono")
        if video is not None:
            video.width = video.height = SIDE
            video.pix_fmt = "yuv420p"
            for image in frames:
                container.mux(
                    video.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p"))
                )
            container.mux(video.encode(None))
        chunk = av.AudioFrame.from_ndarray((tone * 32_767).astype(np.int16)[None], format="s16", layout="mono")
        chunk.sample_rate = RATE
        codec = audio.codec_context
        resampler = av.AudioResampler(codec.format.name, "mono", codec.sample_rate, codec.frame_size or None)
        for piece in [*resampler.resample(chunk), *resampler.resample(None)]:
            container.mux(audio.encode(piece))
        container.mux(audio.encode(None))
