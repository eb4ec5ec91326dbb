"""Cuts a stream of frames into stretches with one face each, and each frame to its crop, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from talkie.clip import FPS
from talkie.curation.config import CurateConfig
from talkie.faces import FaceTracker, crop_frame, face_box, smooth_box


@dataclass(frozen=True)
class FaceFrame:
    """A frame of the 25 fps grid that belongs to stretch number `stretch`: source frame (H, W, 3), landmarks
    (478, 3) in source pixels; `seen` is False where they are interpolated."""

    stretch: int
    index: int
    frame: np.ndarray
    landmarks: np.ndarray
    seen: bool


@dataclass
class Stretch:
    """What is kept of a stretch beside its video: frame numbers, landmarks in source pixels, which of them were
    seen, the crop's boxes (x, y, side), and the height and width of the source."""

    indices: list[int] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.indices)


@dataclass
class Coverage:
    """Which frames of a source fell to no stretch: how many frames there were, and where no face was found."""

    frames: int = 0
    lost: list[int] = field(default_factory=list)


def face_frames(
    frames: Iterable[tuple[int, float, np.ndarray]], config: CurateConfig, coverage: Coverage
) -> Iterator[FaceFrame]:
    """Track the face and number its stretches. Holds back at most `max_gap_frames` frames.

    A gap of up to `max_gap_frames` is bridged by interpolation. A longer one, a face that jumps (a cut, or
    another person) and `max_clip_s` begin a new stretch.
    """
    stretch = length = 0
    before: np.ndarray | None = None
    missing: list[tuple[int, np.ndarray]] = []
    with FaceTracker(config.min_confidence) as tracker:
        for index, _, frame in frames:
            coverage.frames += 1
            found = tracker.track(frame)
            if found is None:
                missing.append((index, frame))
                if len(missing) > config.max_gap_frames:
                    # Beyond a bridgeable gap only the numbers are kept, not the pictures.
                    coverage.lost += [i for i, _ in missing]
                    missing, before = [], None
                continue
            gap = 1 + len(missing)
            if before is None or _jumped(before, found, gap, config.max_jump) or length + gap > config.max_frames:
                coverage.lost += [i for i, _ in missing]
                missing, stretch, length = [], stretch + 1, 0
            for position, (i, image) in enumerate(missing, start=1):
                yield FaceFrame(stretch, i, image, _between(before, found, position / gap), seen=False)
            yield FaceFrame(stretch, index, frame, found, seen=True)
            length += len(missing) + 1
            before, missing = found, []
    coverage.lost += [i for i, _ in missing]


def _between(before: np.ndarray | None, after: np.ndarray, share: float) -> np.ndarray:
    """Landmarks on the way from one frame to another; there are no frames between without one before."""
    start = after if before is None else before
    return (start * (1 - share) + after * share).astype(np.float32)


def _jumped(before: np.ndarray, now: np.ndarray, frames: int, limit: float) -> bool:
    """Whether a face moved or grew more than a head can in that many frames (speeds add up at most twice)."""
    sizes = [float(np.ptp(points[:, :2], axis=0).max()) for points in (before, now)]
    moved = float(np.linalg.norm((now - before)[:, :2].mean(0)))
    grown = max(sizes) / max(min(sizes), 1e-6) - 1
    return max(moved / max(sizes), grown) > limit * min(frames, 2)


def cut(stream: Iterator[FaceFrame], config: CurateConfig) -> Iterator[tuple[Stretch, Iterator[np.ndarray]]]:
    """Each stretch with an iterator over its crops (size, size, 3); the stretch is complete once that is spent.

    The crops must be consumed before the next stretch is asked for. As the smoothed box depends on the frames
    after it, `crop.radius` source frames are in memory.
    """
    for _, group in itertools.groupby(stream, key=lambda item: item.stretch):
        stretch = Stretch()
        yield stretch, _crops(group, stretch, config)


def _crops(group: Iterator[FaceFrame], stretch: Stretch, config: CurateConfig) -> Iterator[np.ndarray]:
    raw: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    radius = config.crop.radius(FPS)

    def release() -> np.ndarray:
        t = len(raw) - len(waiting)
        # Rounded as it is stored, so that crop pixels and source pixels agree exactly.
        box = smooth_box(np.stack(raw[max(0, t - radius) :]), min(t, radius), config.crop, FPS).round(3)
        stretch.boxes.append(box)
        return crop_frame(waiting.pop(0), box, config.crop.size)

    for item in group:
        raw.append(face_box(item.landmarks, config.crop))
        waiting.append(item.frame)
        stretch.indices.append(item.index)
        stretch.landmarks.append(item.landmarks)
        stretch.seen.append(item.seen)
        stretch.shape = (item.frame.shape[0], item.frame.shape[1])
        if len(waiting) > radius:
            yield release()
    while waiting:
        yield release()
