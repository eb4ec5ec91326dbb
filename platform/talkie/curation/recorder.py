"""Films one person of a scene: gaps bridged, the crop smoothed and encoded once, every frame shown to the watchers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from talkie.clip import FPS
from talkie.curation.config import CurateConfig
from talkie.curation.draft import View, Watcher
from talkie.faces import crop_frame, face_box, smooth_box, to_crop
from talkie.faces.chart import mouth_shade
from talkie.media import Mp4Encoder


@dataclass
class Take:
    """One person's unbroken frames. indices: of the 25 fps grid; landmarks (478, 3) in source pixels; seen: False where
    they are interpolated; shades: `mouth_shade` of each; boxes (x, y, side) of the crop and shape (height, width) in
    source pixels; mp4: the crop."""

    track: int
    shape: tuple[int, int]
    watchers: list[Watcher]
    indices: list[int] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    shades: list[float] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    mp4: bytes = b""

    def __len__(self) -> int:
        return len(self.indices)


class Recorder:
    """Takes of one track of a scene. As a smoothed box depends on the frames after it, `crop.radius` source frames are
    in memory (shared by all recorders of the scene), and while the face is lost at most `max_gap_frames` more.

    A longer gap, or a face that jumps (a cut that nobody found), ends the take and begins another. Nothing is encoded
    before a take is long enough to be a clip: `mp4` of a shorter one is empty."""

    def __init__(self, track: int, config: CurateConfig, watchers: Callable[[], list[Watcher]]) -> None:
        self._track, self._config, self._watchers = track, config, watchers
        self._radius = config.crop.radius(FPS)
        self._missing: list[tuple[int, np.ndarray]] = []
        self._waiting: list[np.ndarray] = []
        self._raw: list[np.ndarray] = []
        self._take: Take | None = None
        self._encoder: Mp4Encoder | None = None
        self._held: list[np.ndarray] = []
        self.takes: list[Take] = []

    def see(self, index: int, frame: np.ndarray, landmarks: np.ndarray | None) -> None:
        """The next frame (H, W, 3) of the scene, with the person's landmarks (478, 3) in it or None."""
        if landmarks is None:
            self._miss(index, frame)
            return
        before = self._take.landmarks[-1] if self._take else None
        gap = 1 + len(self._missing)
        if before is not None and _jumped(before, landmarks, gap, self._config.max_jump):
            self.close()
        if self._take is None:
            self._begin(frame)
        else:
            assert before is not None
            for position, (i, image) in enumerate(self._missing, start=1):
                self._push(i, image, _between(before, landmarks, position / gap), seen=False)
        self._missing = []
        self._push(index, frame, landmarks, seen=True)

    def close(self) -> None:
        """End the take, if one is open; frames that were missing at its end are not part of it."""
        self._missing = []
        if self._take is None:
            return
        while self._waiting:
            self._release()
        if self._encoder is not None:
            self._take.mp4 = self._encoder.finish()
        self.takes.append(self._take)
        self._take, self._encoder, self._raw, self._held = None, None, [], []

    def _miss(self, index: int, frame: np.ndarray) -> None:
        if self._take is None:
            return
        self._missing.append((index, frame))
        if len(self._missing) > self._config.max_gap_frames:
            self.close()

    def _begin(self, frame: np.ndarray) -> None:
        self._take = Take(self._track, (frame.shape[0], frame.shape[1]), self._watchers())

    def _push(self, index: int, frame: np.ndarray, landmarks: np.ndarray, *, seen: bool) -> None:
        take = self._take
        assert take is not None
        self._raw.append(face_box(landmarks, self._config.crop))
        self._waiting.append(frame)
        take.indices.append(index)
        take.landmarks.append(landmarks)
        take.seen.append(seen)
        take.shades.append(mouth_shade(frame, landmarks))
        if len(self._waiting) > self._radius:
            self._release()

    def _release(self) -> None:
        """Crop, encode and show the oldest waiting frame, whose box can now be smoothed."""
        take, config = self._take, self._config
        assert take is not None
        t = len(self._raw) - len(self._waiting)
        near = np.stack(self._raw[max(0, t - self._radius) :])
        # Rounded as it is stored, so that crop pixels and source pixels agree exactly.
        box = smooth_box(near, min(t, self._radius), config.crop, FPS).round(3)
        take.boxes.append(box)
        frame = self._waiting.pop(0)
        crop = crop_frame(frame, box, config.crop.size)
        self._encode(crop)
        points = to_crop(take.landmarks[t], box, config.crop.size)
        view = View(take.indices[t], crop, frame, points, box, take.seen[t])
        for watcher in take.watchers:
            watcher.see(view)

    def _encode(self, crop: np.ndarray) -> None:
        if self._encoder is None:
            self._held.append(crop)
            if len(self._held) < self._config.min_frames:
                return
            self._encoder = Mp4Encoder(fps=FPS)
            crops, self._held = self._held, []
        else:
            crops = [crop]
        for image in crops:
            self._encoder.add(image)


def _between(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Landmarks on the way from one frame to another."""
    return (before * (1 - share) + after * share).astype(np.float32)


def _jumped(before: np.ndarray, now: np.ndarray, frames: int, limit: float) -> bool:
    """Whether a face moved or grew more than a head can in that many frames (speeds add up at most twice)."""
    sizes = [float((high - low).max()) for low, high in (_bounds(before), _bounds(now))]
    moved = math.hypot(*(now - before)[:, :2].mean(0))
    grown = max(sizes) / max(min(sizes), 1e-6) - 1
    return max(moved / max(sizes), grown) > limit * min(frames, 2)


def _bounds(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    columns = np.ascontiguousarray(landmarks[:, :2].T)
    return columns.min(1), columns.max(1)
