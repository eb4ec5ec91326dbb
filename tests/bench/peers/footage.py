"""The input of the common work item: 24 files of 720p with one cut each, some damaged. Nothing is measured here.

People of the stage stand before textures that move and under sensor noise, so that pictures cost about what camera
footage costs to code. 24 files are put together, without another encode, out of 14 scenes: at 25 and at 30 frames a
second each of three first scenes is followed by each of four second ones."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice, product
from pathlib import Path

import av
import cv2
import numpy as np

SIZE = (1280, 720)
HEAD = 680
FIRST, SECOND = 3, 4
RATES = (25, 30)
SHARES = (0.4, 0.6)
"""Of a file's length, in its two scenes."""


@dataclass(frozen=True)
class Source:
    """A file and what must come of it: frames of each scene at 25 a second, () where nothing can be read, None where it
    breaks off somewhere."""

    path: Path
    scenes: tuple[int, ...] | None
    sound: bool = True


def make(folder: Path, takes: Path, seconds: float, seed: int = 51) -> list[Source]:
    """The files under `folder` (made where they are not there), from the mp4 files of `takes`, of `seconds` each."""
    films = sorted(takes.glob("*.mp4"))
    folder.mkdir(parents=True, exist_ok=True)
    scenes = {}
    for rate, which in product(RATES, (0, 1)):
        for number in range((FIRST, SECOND)[which]):
            path = folder / "scenes" / f"{rate}-{which}{number}.mp4"
            key = len(scenes)
            scenes[rate, which, number] = path
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                rng = np.random.default_rng((seed, key))
                _film(path, films[key % len(films)], rate, round(seconds * SHARES[which] * rate), rng)
    sources = []
    for place, (rate, a, b) in enumerate(product(RATES, range(FIRST), range(SECOND))):
        name = "talk" if place in (5, 17) else f"clip{place:02d}"
        path = folder / "input" / f"day{place // 12}" / f"{name}.mp4"
        whole = tuple(round(seconds * share * 25) for share in SHARES)
        sources.append(_joined(path, place, scenes[rate, 0, a], scenes[rate, 1, b], whole))
    return sources


def _joined(path: Path, place: int, first: Path, second: Path, whole: tuple[int, ...]) -> Source:
    """One file: the third and the fifteenth break off, with the index before and after it; the eighth is mute."""
    index_first, mute = place != 14, place == 7
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        listing = path.with_suffix(".txt")
        listing.write_text("".join(f"file '{scene.resolve()}'\n" for scene in (first, second)))
        command = ["ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy"]
        command += ["-an"] * mute + ["-movflags", "+faststart"] * index_first + [str(path)]
        subprocess.run(command, check=True)
        listing.unlink()
        if place in (2, 14):
            path.write_bytes(path.read_bytes()[: int(0.62 * path.stat().st_size)])
    return Source(path, {2: None, 14: ()}.get(place, whole), not mute)


def _film(path: Path, take: Path, rate: int, frames: int, rng: np.random.Generator) -> None:
    """A scene of a person before a moving texture, with the take's speech over and over."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=rate, options={"crf": "21", "preset": "superfast", "g": str(5 * rate)})
        picture.width, picture.height, picture.pix_fmt = *SIZE, "yuv420p"
        sound = out.add_stream("aac", rate=48000, layout="mono")
        for image in _pictures(take, frames, rng):
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(picture.encode(None))
        for chunk in _speech(take, round(frames / rate * 48000)):
            out.mux(sound.encode(chunk))
        out.mux(sound.encode(None))


def _pictures(take: Path, frames: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    width, height = SIZE
    texture = _texture(rng, (height + 400, width + 400))
    noise = [rng.integers(-3, 4, (height, width, 3), np.int8) for _ in range(4)]
    mask = np.zeros((HEAD, HEAD), np.float32)
    cv2.circle(mask, (HEAD // 2, HEAD // 2), HEAD // 2 - 40, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 12)
    top, left = (height - HEAD) // 2, (width - HEAD) // 2
    step = rng.uniform(0.5, 1.5, 2)
    for number, person in zip(range(frames), cycle(_people(take)), strict=False):
        x, y = (200 + 180 * np.sin(step * number / 40)).astype(int)
        image = texture[y : y + height, x : x + width].copy()
        behind = np.ascontiguousarray(image[top : top + HEAD, left : left + HEAD])
        image[top : top + HEAD, left : left + HEAD] = cv2.blendLinear(person, behind, mask, 1 - mask)
        yield cv2.add(image, noise[number % len(noise)], dtype=cv2.CV_8U)


def _people(take: Path) -> list[np.ndarray]:
    """Up to four seconds of a take, enlarged, there and back."""
    with av.open(str(take)) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), 100)]
    side = min(images[0].shape[:2])
    left = (images[0].shape[1] - side) // 2
    large = [cv2.resize(image[:side, left : left + side], (HEAD, HEAD)) for image in images]
    return large + large[-2:0:-1]


def _texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Octaves of smooth noise in a tint of their own: (H, W, 3) uint8."""
    total = np.zeros(shape, np.float32)
    for cell, weight in ((160, 60), (40, 30), (10, 14), (3, 6)):
        coarse = rng.normal(0, 1, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
        total += weight * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    tint, strength = rng.uniform(60, 190, 3), rng.uniform(0.5, 1, 3)
    return np.clip(tint + total[..., None] * strength, 0, 255).astype(np.uint8)


def _speech(take: Path, samples: int) -> Iterator[av.AudioFrame]:
    with av.open(str(take)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=48000)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    voice = np.resize(np.concatenate(parts), samples)
    for at in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(voice[None, at : at + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
        yield frame
