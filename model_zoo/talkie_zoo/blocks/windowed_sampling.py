"""Motion of any length from a model of one window: windows with overlap, linear cross-fade, and the frame that the next
window goes on from; online and offline are one computation. What is drawn in a window is the caller's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from talkie.errors import BadConfig

Draw = Callable[[Tensor, Tensor], Tensor]
"""Conditions (L, C) and the motion before the window (M,) -> motion (L, M)."""


@dataclass(frozen=True)
class Windows:
    """Windows of `size` frames of which neighbours share `overlap`. Every window brings `hop` new frames; the `fuse`
    frames before them are cross-faded with its predecessor's, and what lies further back, `lead` frames, only tells
    the model what has been heard. `fade` off shows a window to its end and cuts to the next one, to show what the
    cross-fade does."""

    size: int
    overlap: int
    fade: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.overlap < self.size:
            raise BadConfig(f"an overlap of {self.overlap} in windows of {self.size}", cure="choose 1 to size - 1")

    @property
    def hop(self) -> int:
        return self.size - self.overlap

    @property
    def fuse(self) -> int:
        return min(self.overlap, self.hop)

    @property
    def lead(self) -> int:
        return self.size - self.hop - self.fuse


class WindowedSampler:
    """Conditions in, frame by frame; finished motion out, as soon as no later window changes it.

    Window k covers frames k * hop - lead to k * hop + hop + fuse; its first `lead` frames are dropped. It begins from
    the finished frame just before it, as in training; before the first frame stands `source` (M,), and `silence` (C,)
    is what is heard there. `carried`: the part of the motion that goes on over windows, all else begins at the source
    again. Which windows there are depends on the number of frames alone, never on how they arrive."""

    def __init__(self, windows: Windows, draw: Draw, source: Tensor, silence: Tensor, carried: slice | None = None):
        self.windows, self.source, self.carried, self._draw = windows, source, carried, draw
        self._heard = silence.expand(windows.lead, -1)
        self._first_heard, self._count = -windows.lead, 0
        self._made = source.new_zeros(0, len(source))
        self._first_made = 0
        self._tail: Tensor | None = None

    def push(self, conditions: Tensor) -> Tensor:
        """Conditions (n, C) of the next frames -> the motion (m, M) that they finish."""
        self._count += len(conditions)
        self._heard = torch.cat([self._heard, conditions])
        return self._run()

    def finish(self) -> Tensor:
        """The rest, (m, M), after the last frame: the last condition is held to the window's end."""
        w, parts = self.windows, []
        finished = self._first_made + len(self._made)
        while finished < self._count:
            end = finished + w.hop + w.fuse
            missing = end - (self._first_heard + len(self._heard))
            self._heard = torch.cat([self._heard, self._heard[-1:].expand(max(0, missing), -1)])
            part = self._run()
            parts.append(part[: self._count - finished])
            finished += len(part)
        return torch.cat(parts) if parts else self._made[:0]

    def _run(self) -> Tensor:
        w, parts = self.windows, []
        while True:
            begin = self._first_made + len(self._made) - w.lead
            at = begin - self._first_heard
            if len(self._heard) < at + w.size:
                break
            drawn = self._draw(self._heard[at : at + w.size], self._before(begin))[w.lead :]
            parts.append(self._joined(drawn))
            self._made = torch.cat([self._made, parts[-1]])
            self._forget(begin + w.hop)
        return torch.cat(parts) if parts else self._made[:0]

    def _before(self, begin: int) -> Tensor:
        at = begin - 1 - self._first_made
        if at < 0:
            return self.source
        if self.carried is None:
            return self._made[at]
        start = self.source.clone()
        start[self.carried] = self._made[at][self.carried]
        return start

    def _joined(self, drawn: Tensor) -> Tensor:
        """The window's new frames, the first of them cross-faded; keeps its end for the next one."""
        w, tail = self.windows, self._tail
        self._tail, new = drawn[w.hop :], drawn[: w.hop]
        if tail is None:
            return new
        if not w.fade:
            return torch.cat([tail, new[w.fuse :]])
        share = torch.linspace(0, 1, w.fuse + 2, device=new.device)[1:-1, None]
        return torch.cat([tail * (1 - share) + new[: w.fuse] * share, new[w.fuse :]])

    def _forget(self, begin: int) -> None:
        """Drops what no window from `begin` on reads."""
        self._heard = self._heard[begin - self._first_heard :]
        self._first_heard = begin
        drop = max(0, begin - 1 - self._first_made)
        self._made, self._first_made = self._made[drop:], self._first_made + drop
