"""Small media files with known content, for the tests of `talkie.media`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

MILLISECONDS = Fraction(1, 1000)


def grey(level: int, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


def write_video(
    path: Path,
    frames: Sequence[tuple[int, np.ndarray]],
    *,
    audio: np.ndarray | None = None,
    audio_start_ms: int = 0,
    rate: int = 16000,
) -> Path:
    """A lossless-enough film of (timestamp in ms, RGB image), with (channels, N) float sound from `audio_start_ms`."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "1", "bf": "0"})
        stream.height, stream.width = frames[0][1].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", MILLISECONDS
        sound: Any = None
        if audio is not None:
            sound = container.add_stream("flac", rate=rate, layout="stereo" if len(audio) == 2 else "mono")
        for at_ms, image in frames:
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = at_ms, MILLISECONDS
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if audio is not None:
            packed = np.ascontiguousarray((audio.T * 32767).astype(np.int16).reshape(1, -1))
            block = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo" if len(audio) == 2 else "mono")
            block.sample_rate, block.time_base = rate, Fraction(1, rate)
            block.pts = audio_start_ms * rate // 1000
            container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return path


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000, *, claimed: int | None = None) -> Path:
    """A 16 bit mono WAV; `claimed` sample frames in the header and, as a sparse hole, in the file."""
    count = len(samples) if claimed is None else claimed
    header = b"RIFF" + struct.pack("<I", min(36 + 2 * count, 2**32 - 1)) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + struct.pack("<I", 2 * count)
    with path.open("wb") as handle:
        handle.write(header + (samples * 32767).astype("<i2").tobytes())
        handle.truncate(len(header) + 2 * count)
    return path
