"""The flow sensor: where every seen point goes from one frame to the next; how it is computed is render's business."""

from __future__ import annotations

import numpy as np

from talkie.render import Frame
from talkie.render.flow import flow
from talkie.shards import encode_field

STEP_PX = 1 / 64
"""Displacements are rounded to this, which float16 holds up to 32 pixels and which compresses well."""


class FlowToNext:
    """flow.npz: displacement (T - 1, H, W, 2) float16, pixels right and down by which the point seen at a pixel of
    frame k has moved in frame k + 1, in steps of 1/64, 0 where there is none; valid (T - 1, H, W) bool, where a person
    is seen; occluded (T - 1, H, W) bool, where frame k + 1 does not show the point. Exact, of the first camera."""

    member = "flow.npz"

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._displacement: list[np.ndarray] = []
        self._valid: list[np.ndarray] = []
        self._occluded: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        if self._before is not None:
            found = flow(self._before, frame)
            self._displacement.append((np.round(found.displacement / STEP_PX) * STEP_PX).astype(np.float16))
            self._valid.append(np.packbits(found.valid))
            self._occluded.append(np.packbits(found.occluded))
        self._before = frame

    def finish(self) -> bytes:
        assert self._before is not None
        height, width = self._before.alpha.shape
        shape = (len(self._valid), height, width)
        empty = np.zeros((0, height, width, 2), np.float16)
        arrays = {
            "displacement": np.stack(self._displacement) if self._displacement else empty,
            "valid": _planes(self._valid, shape),
            "occluded": _planes(self._occluded, shape),
        }
        return encode_field(self.member, arrays)


def _planes(packed: list[np.ndarray], shape: tuple[int, int, int]) -> np.ndarray:
    if not packed:
        return np.zeros(shape, bool)
    return np.stack([np.unpackbits(p, count=shape[1] * shape[2]) for p in packed]).reshape(shape).astype(bool)
