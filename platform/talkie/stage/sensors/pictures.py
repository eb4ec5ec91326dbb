"""Sensors that see what the camera sees, pixel by pixel: depth, normals, region masks, matte and exact flow.

A recorder is shown every frame of a take in order and holds as little of it as its member needs."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from talkie.render import Frame
from talkie.shards import encode_field

DEPTH_STEP_M = 1e-4
FLOW_STEP_PX = 1 / 64


class Recorder(Protocol):
    """Sees frames, gives a member."""

    member: str

    def see(self, frame: Frame) -> None: ...

    def finish(self) -> bytes: ...


class Depth:
    """depth.npz: tenth_mm (T, H, W) uint16, tenths of a millimetre along the optical axis, 0 where nothing is and
    65535 beyond 6.55 m."""

    member = "depth.npz"

    def __init__(self) -> None:
        self._frames: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        known = np.isfinite(frame.depth)
        steps = np.round(np.where(known, frame.depth, 0.0) / DEPTH_STEP_M)
        self._frames.append(np.minimum(steps, 65535).astype(np.uint16))

    def finish(self) -> bytes:
        return encode_field(self.member, {"tenth_mm": np.stack(self._frames)})


class Normals:
    """normals.npz: normal (T, H, W, 3) int8, 127 times the surface's unit normal in the world, 0 where nothing is."""

    member = "normals.npz"

    def __init__(self) -> None:
        self._frames: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        self._frames.append(np.round(127 * np.nan_to_num(frame.normal)).astype(np.int8))

    def finish(self) -> bytes:
        return encode_field(self.member, {"normal": np.stack(self._frames)})


class Mask:
    """mask.mp4: the class of every pixel, indices into `regions.CLASSES`; lossless."""

    member = "mask.mp4"

    def __init__(self, classes: list[np.ndarray]) -> None:
        """classes: of every actor, the class of each of its faces."""
        self._classes = classes
        self._frames: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        seen = np.zeros(frame.triangle.shape, np.uint8)
        for actor, classes in enumerate(self._classes):
            here = frame.actor == actor
            seen[here] = classes[frame.triangle[here]]
        self._frames.append(seen)

    def finish(self) -> bytes:
        return encode_field(self.member, self._frames)


class Matte:
    """matte.mp4: the share of each pixel that the people cover, 255 for all of it; lossless."""

    member = "matte.mp4"

    def __init__(self) -> None:
        self._frames: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        self._frames.append(np.round(255 * frame.alpha).astype(np.uint8))

    def finish(self) -> bytes:
        return encode_field(self.member, self._frames)
