"""The matte: which share of each pixel the person covers; what of the person it shows is `regions`' business."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, View, Watcher
from talkie.curation.labels.picture.portrait import portrait, portrait_tool
from talkie.media import PlaneWriter


class Matte(Annotator):
    """matte.mp4: (T, S, S) uint8, 255 where people cover a pixel of the crop wholly; encoded as the frames come.

    Score `matte_doubt`: mean over the person's pixels of 4 a (1 - a), 0 for a network that is sure of each of them: the
    label's uncertainty, as every pixel's value is its own."""

    name: ClassVar[str] = "matte"
    fields: ClassVar[tuple[str, ...]] = ("matte.mp4",)
    scores: ClassVar[dict[str, str]] = {
        "matte_doubt": "how unsure the matte is: sum of 4 a (1 - a) over sum of a, for values a in [0, 1]"
    }

    @property
    def tool(self) -> str:
        return portrait_tool()

    def start(self) -> Watcher:
        return _Matte()


class _Matte(Watcher):
    def __init__(self) -> None:
        self._planes = PlaneWriter()
        self._covered = self._doubt = 0.0

    def see(self, view: View) -> None:
        share = portrait().share(view.crop)
        self._covered += float(share.sum())
        self._doubt += float((share - share * share).sum())
        self._planes.write(np.round(255 * share).astype(np.uint8))

    def finish(self, draft: Draft) -> Findings:
        if self._planes.count == 0:
            self._planes.close()
            return Findings()
        doubt = 4 * self._doubt / max(self._covered, 1.0)
        return Findings(fields={"matte.mp4": self._planes.finish()}, scores={"matte_doubt": round(doubt, 4)})
