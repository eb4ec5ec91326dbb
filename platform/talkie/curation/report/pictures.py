"""Which clips the report shows, and their pictures: stills, strips with landmarks, small videos. Bounded in bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from talkie.clip import HeadTrack
from talkie.media import decode_mp4
from talkie.shards import RawClip, decode_field
from talkie.shards.catalog import ClipEntry

STILL_PX = 144
STRIP_FRAMES = 10
MAX_VIDEO_BYTES = 1_200_000
"""A clip whose stored video is larger is shown as a strip only."""
OUTLINES: dict[str, tuple[int, ...]] = {
    "oval": (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
    "lips": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61),
    "mouth": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
    "right-eye": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33),
    "left-eye": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263),
    "right-brow": (70, 63, 105, 66, 107),
    "left-brow": (336, 296, 334, 293, 300),
    "right-iris": (469, 470, 471, 472, 469),
    "left-iris": (474, 475, 476, 477, 474),
}  # fmt: skip
"""Lines through MediaPipe's 478 points."""


@dataclass(frozen=True)
class Shown:
    """A clip that is shown at length: stills along it as JPEG, its video (None: too large), outlines of every frame
    (T, P, 2) int16 in pixels of the crop of `size`, None without landmarks."""

    raw: RawClip
    frames: int
    size: int
    strip: list[bytes]
    video: bytes | None
    outlines: np.ndarray | None


def spread(candidates: Mapping[str, ClipEntry], count: int) -> list[str]:
    """Clips in turn from every person, the people in turn from every split; a pure function of the candidates."""
    groups: dict[tuple[str, str], list[str]] = {}
    for clip in sorted(candidates):
        entry = candidates[clip]
        if "mp4" in entry.members:
            groups.setdefault((entry.split, entry.identity), []).append(clip)
    by_split: dict[str, list[list[str]]] = {}
    for (split, _), clips in sorted(groups.items(), key=lambda item: (item[0][0], item[1][0])):
        by_split.setdefault(split, []).append(clips)
    # People first, their second clips only once everybody has been seen.
    rounds = max((len(clips) for clips in groups.values()), default=0)
    queue = (
        (number, place, split, clips[number])
        for number in range(rounds)
        for split, people in sorted(by_split.items())
        for place, clips in enumerate(people)
        if number < len(clips)
    )
    return [clip for *_, clip in sorted(queue)[:count]]


def telling(candidates: Mapping[str, ClipEntry], count: int) -> list[str]:
    """Clips to show at length: those with the most kinds of labels, of different people, 2 to 15 s before others."""

    def order(clip: str) -> tuple[int, bool, str]:
        entry = candidates[clip]
        return (-len(entry.members), not 50 <= entry.frames <= 375, clip)

    chosen: list[str] = []
    people: set[str] = set()
    with_video = sorted((clip for clip in candidates if "mp4" in candidates[clip].members), key=order)
    for again in (False, True):
        for clip in with_video:
            if len(chosen) < count and clip not in chosen and (again or candidates[clip].identity not in people):
                chosen.append(clip)
                people.add(candidates[clip].identity)
    return chosen


def still(raw: RawClip, size: int = STILL_PX) -> bytes:
    """The middle frame as JPEG. Raises UnreadableMedia, CorruptShard."""
    frames = decode_mp4(raw.members["mp4"])
    return jpeg(frames[len(frames) // 2], size)


def show(raw: RawClip) -> Shown:
    """Everything that is drawn of one clip. Raises UnreadableMedia, CorruptShard."""
    video = raw.members["mp4"]
    frames = decode_mp4(video)
    places = np.linspace(0, len(frames) - 1, min(STRIP_FRAMES, len(frames))).round().astype(int)
    outlines = None
    if "landmarks.npy" in raw.members:
        points = decode_field("landmarks.npy", raw.members["landmarks.npy"])[..., :2]
        order = [i for line in OUTLINES.values() for i in line]
        outlines = np.round(points[:, order]).clip(-32768, 32767).astype(np.int16)
    return Shown(
        raw=raw,
        frames=len(frames),
        size=frames.shape[1],
        strip=[jpeg(frames[i], 112) for i in places],
        video=video if len(video) <= MAX_VIDEO_BYTES else None,
        outlines=outlines,
    )


def jpeg(frame: np.ndarray, size: int) -> bytes:
    """A frame (H, W, 3) uint8 RGB as JPEG, at most `size` pixels wide and high."""
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((size, size), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=72, optimize=True)
    return buffer.getvalue()


def paths(outline: np.ndarray) -> Iterator[tuple[str, str]]:
    """The lines of one frame (P, 2) as (name, SVG path data)."""
    at = 0
    for name, line in OUTLINES.items():
        points = outline[at : at + len(line)]
        at += len(line)
        yield name, "M" + "L".join(f"{x} {y}" for x, y in points.tolist())


def head_angles(track: HeadTrack) -> tuple[np.ndarray, np.ndarray]:
    """Yaw and pitch (T,) in degrees as the camera sees the head: yaw positive to the picture's right, pitch upwards.

    The face looks along z of the head; in the camera that is R rot(r) (0, 0, 1), of which (0, 0, -1) is frontal."""
    from scipy.spatial.transform import Rotation

    ahead = Rotation.from_rotvec(track.rotation).apply([0.0, 0.0, 1.0])
    seen = np.einsum("...ij,...j->...i", track.R, ahead)
    return np.degrees(np.arctan2(seen[:, 0], -seen[:, 2])), np.degrees(np.arcsin(np.clip(-seen[:, 1], -1, 1)))
