"""What goes wrong with footage, done on purpose and with its truth, so that every filter of curation can be measured.

Cuts and several people are filmed (`footage`), not painted; rooms, noises and microphones are
`talkie.speech.acoustics`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from talkie.clip import FPS, SAMPLE_RATE
from talkie.speech.acoustics import NOISES, Microphone, microphone
from talkie.stage.sound import noisy

CLEAN_CRF = 18


@dataclass(frozen=True)
class Material:
    """Footage in the making. frames (T, H, W, 3) uint8; audio (N,) float32 at 16 kHz; crf: what the file will be
    encoded with; box (T, 4): x0, y0, x1, y1 pixels of the speaking face; foreign: another person's speech, for
    dubbing; text: what is said. truth: what was done, as plain data."""

    frames: np.ndarray
    audio: np.ndarray
    box: np.ndarray
    foreign: np.ndarray
    text: str
    crf: int = CLEAN_CRF
    truth: dict[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> Material:
        return Material(**{**vars(self), **changes})


def _linear(frames: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Frames changed in linear light (a gamma of 2.2 stands for the sRGB curve), frame by frame."""
    return np.stack([_to_bytes(np.clip(change((f / 255.0) ** 2.2), 0, 1) ** (1 / 2.2)) for f in frames])


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def exposure(m: Material, rng: np.random.Generator) -> Material:
    """Two to three stops too dark, or too bright so that the skin clips."""
    stops = float(rng.choice([-1, 1]) * rng.uniform(2.0, 3.0))
    return m.but(frames=_linear(m.frames, lambda f: f * 2.0**stops), truth={"stops": stops})


def blur(m: Material, rng: np.random.Generator) -> Material:
    """Out of focus: a Gaussian of a 25th to a 15th of the face's width."""
    sigma = float(np.median(m.box[:, 2] - m.box[:, 0]) / rng.uniform(15, 25))
    frames = np.stack([gaussian_filter(f, (sigma, sigma, 0)) for f in m.frames])
    return m.but(frames=frames, truth={"sigma_px": sigma})


def noise(m: Material, rng: np.random.Generator) -> Material:
    """A sensor in the dark: shot noise, whose variance grows with the light, and read noise."""
    shot, read = float(rng.uniform(0.02, 0.05)), float(rng.uniform(0.01, 0.03))
    frames = _linear(m.frames, lambda f: f + rng.normal(size=f.shape) * np.sqrt(shot**2 * f + read**2))
    return m.but(frames=frames, truth={"shot": shot, "read": read})


def compression(m: Material, rng: np.random.Generator) -> Material:
    """Encoded again and again at a low rate: blocks and smeared skin."""
    crf = int(rng.integers(36, 46))
    return m.but(crf=crf, truth={"crf": crf})


def upscaling(m: Material, rng: np.random.Generator) -> Material:
    """A small picture blown up: the pixels are there, the detail is not."""
    factor = float(rng.uniform(3.0, 5.0))
    height, width = m.frames.shape[1:3]
    small = (max(8, round(width / factor)), max(8, round(height / factor)))
    frames = [
        np.asarray(
            Image.fromarray(f).resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
        )
        for f in m.frames
    ]
    return m.but(frames=np.stack(frames), truth={"factor": factor})


def subtitles(m: Material, rng: np.random.Generator) -> Material:
    """What is said, written over the mouth in white with a dark rim."""
    height, _width = m.frames.shape[1:3]
    font = ImageFont.load_default(max(10, height // 16))
    x0, y0, x1, y1 = (float(v) for v in np.median(m.box, axis=0))
    words = m.text.split()
    lines = [" ".join(words[i : i + 4]) for i in range(0, len(words), 4)][:2] or ["..."]
    text = "\n".join(lines)
    place = ((x0 + x1) / 2, y0 + 0.72 * (y1 - y0))
    frames, box = [], (0.0, 0.0, 0.0, 0.0)
    for frame in m.frames:
        picture = Image.fromarray(frame)
        pen = ImageDraw.Draw(picture)
        pen.multiline_text(
            place, text, (255, 255, 255), font, "mm", stroke_width=2, stroke_fill=(0, 0, 0), align="center"
        )
        box = pen.multiline_textbbox(place, text, font, "mm", stroke_width=2, align="center")
        frames.append(np.asarray(picture))
    return m.but(frames=np.stack(frames), truth={"box_px": [float(v) for v in box], "text": text})


def frozen(m: Material, rng: np.random.Generator) -> Material:
    """The picture stands still for a good part of the take while the sound goes on."""
    frames = m.frames.copy()
    length = int(len(frames) * rng.uniform(0.4, 0.6))
    start = int(rng.integers(1, len(frames) - length))
    frames[start : start + length] = frames[start]
    return m.but(frames=frames, truth={"start_s": start / FPS, "end_s": (start + length) / FPS})


def repeated(m: Material, rng: np.random.Generator) -> Material:
    """A second of picture comes again and again."""
    loop = min(len(m.frames) // 2, FPS)
    order = np.arange(len(m.frames)) % loop
    return m.but(frames=m.frames[order], truth={"period_s": loop / FPS})


def audio_offset(m: Material, rng: np.random.Generator) -> Material:
    """Sound and picture drift apart by 80 to 400 ms; positive: the sound is late."""
    offset = float(rng.choice([-1, 1]) * rng.integers(2, 11)) / FPS
    shift = round(offset * SAMPLE_RATE)
    audio = np.zeros_like(m.audio)
    if shift >= 0:
        audio[shift:] = m.audio[: len(audio) - shift]
    else:
        audio[:shift] = m.audio[-shift:]
    return m.but(audio=audio, truth={"offset_s": offset})


def dubbed(m: Material, rng: np.random.Generator) -> Material:
    """Somebody else's voice with other words over this face."""
    audio = np.zeros_like(m.audio)
    n = min(len(audio), len(m.foreign))
    audio[:n] = m.foreign[:n]
    return m.but(audio=audio, truth={"dubbed": True})


def noisy_sound(m: Material, rng: np.random.Generator) -> Material:
    """A noise 0 to 10 dB below the speech, over the time in which somebody speaks."""
    kind, snr_db = str(rng.choice(list(NOISES))), float(rng.uniform(0, 10))
    audio, truth = noisy(m.audio, kind, snr_db, rng)
    return m.but(audio=audio, truth=truth)


def clipped_sound(m: Material, rng: np.random.Generator) -> Material:
    """A microphone driven 12 to 24 dB over its end."""
    gain_db = float(rng.uniform(12, 24))
    end = 10 ** (-gain_db / 20)
    driven = Microphone(low_hz=0, high_hz=SAMPLE_RATE / 2, noise_db=None, clip=end)
    peak = max(float(np.abs(m.audio).max()), 1e-6)
    broken, truth = microphone(m.audio / peak, driven, rng)
    audio = np.clip(broken / end, -1, 1).astype(np.float32)
    return m.but(audio=audio, truth={"gain_db": gain_db, "clipped_share": truth.clipped_share})


def occluding_hand(m: Material, rng: np.random.Generator) -> Material:
    """A hand has passed before the face. It was filmed (`occluder`), which has told its truth: nothing is painted."""
    return m


DAMAGE: dict[str, Callable[[Material, np.random.Generator], Material]] = {
    f.__name__: f
    for f in (exposure, blur, noise, compression, upscaling, subtitles, frozen, repeated, audio_offset, dubbed,
              noisy_sound, clipped_sound, occluding_hand)
}  # fmt: skip
"""By the names of `shoot.DAMAGES`."""


def inflict(name: str | None, material: Material, rng: np.random.Generator) -> Material:
    """The material after one damage; `truth` then begins with its name. None leaves it clean."""
    if name is None:
        return material.but(truth={"damage": None})
    done = DAMAGE[name](material, rng)
    return done.but(truth={"damage": name, **done.truth})
