"""Exposure of the skin, in linear light: too dark, too bright, clipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, View, Watcher
from talkie.curation.judgement.scores.patches import linear_light, skin
from talkie.curation.judgement.scores.sampled import Sampled, own_tool

_CLIPPED = 250
"""Bytes from here on are taken for clipped: video codecs blur the edge of the range by a few levels."""
_DARK = 0.01
"""Linear light under which eight bits and a codec leave no structure: 25 sRGB levels above black."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


class Exposure(Annotator):
    name = "exposure"
    scores: ClassVar[Mapping[str, str]] = {
        "skin_light": "luminance of the skin on cheeks and forehead in linear light, 1 = white; median",
        "skin_clipped": f"share of that skin with a channel of {_CLIPPED} or more (of 255)",
        "skin_dark": f"share of that skin under {_DARK} in linear light",
        "peak_light": "brightest channel of the crop's brightest hundredth in linear light, 1 = white",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return Sampled(_measure)


def _measure(view: View) -> dict[str, float]:
    colours = skin(view)
    light = linear_light(colours) @ _LUMINANCE
    small = cv2.resize(view.crop, (64, 64), interpolation=cv2.INTER_AREA)
    peak = np.percentile(small.max(-1), 99, method="nearest")
    return {
        "skin_light": float(np.median(light)),
        "skin_clipped": float((colours.max(-1) >= _CLIPPED).mean()),
        "skin_dark": float((light < _DARK).mean()),
        "peak_light": float(linear_light(np.array(peak, np.uint8))),
    }
