"""Focus and detail: how steep the edges about the eyes are, and up to which frequency the source's pixels hold detail.

Blockiness and noise, which also live in high frequencies, are `codec` and `noise`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, View, Watcher
from talkie.curation.judgement.scores.noise import noise_level
from talkie.curation.judgement.scores.patches import Span, face_span, part, tile
from talkie.curation.judgement.scores.sampled import Sampled, own_tool
from talkie.faces import interocular
from talkie.faces.mesh import LEFT_PUPIL, RIGHT_PUPIL

_EYES = (33, 133, 362, 263, 105, 334, LEFT_PUPIL, RIGHT_PUPIL)
"""Corners of the eyes, brows and pupils in MediaPipe's mesh."""
_EYE_PX = 64
"""Interocular distance at which edges are measured at most: finer detail than a 64th of it is not asked for."""
_SMOOTH = 1 / 40
"""Smoothing before the gradient in interocular distances: noise is damped, edges that count are wider."""
_BLOCK = 16
_TILE = 192
_FLAT = 1.0
"""Amplitude of the lowest band, in grey levels, under which a picture shows nothing that could be cut off."""
_WHITE = 0.2
"""A band holds detail where its amplitude times its frequency is this share of the lowest band's: natural pictures'
amplitude falls as 1 / f (Field, JOSA A 4, 1987), so the product is about 1 where nothing was cut off."""


class Focus(Annotator):
    name = "focus"
    scores: ClassVar[Mapping[str, str]] = {
        "sharpness": "steepness of the edges about the eyes: interocular distance over the width of an edge",
        "detail_cutoff": "frequency up to which the face's source pixels hold detail, share of what pixels can hold",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return Sampled(_measure)


def _measure(view: View) -> dict[str, float]:
    found = {"sharpness": _sharpness(view), "detail_cutoff": _cutoff(view)}
    return {name: value for name, value in found.items() if value is not None}


def _sharpness(view: View) -> float | None:
    """The steepest fiftieth of the gradients over the contrast, so that light and skin cancel."""
    scale = float(view.box[2]) / view.crop.shape[0]
    eyes = float(interocular(view.landmarks)) * scale
    span = _eye_span(view, scale, 0.15 * eyes)
    if eyes < 4 or min(span[2] - span[0], span[3] - span[1]) < 4:
        return None
    grey: np.ndarray = part(view.frame, span).astype(np.float32)
    if eyes > _EYE_PX:
        shrink = _EYE_PX / eyes
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        eyes = _EYE_PX
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.5, eyes * _SMOOTH))
    steep = np.hypot(cv2.Sobel(grey, -1, 1, 0, scale=1 / 8), cv2.Sobel(grey, -1, 0, 1, scale=1 / 8))
    low, high, steepest = *np.percentile(grey, (5, 95)), np.percentile(steep, 98)
    return float(steepest * eyes / (high - low + 4))  # four levels: a picture without contrast has no edges


def _eye_span(view: View, scale: float, margin: float) -> Span:
    points = view.box[:2] + view.landmarks[_EYES, :2] * scale
    low, high = points.min(0) - margin, points.max(0) + margin
    height, width = view.frame.shape[:2]
    x0, y0 = (int(np.clip(v, 0, end)) for v, end in zip(low, (width, height), strict=True))
    x1, y1 = (int(np.clip(v + 1, 0, end)) for v, end in zip(high, (width, height), strict=True))
    return x0, y0, x1, y1


def _cutoff(view: View) -> float | None:
    """Of the spectrum of blocks of the face, less the noise's own."""
    grey = part(view.frame, tile(face_span(view), _TILE))
    # Late: every worker knows all scores by name, few recipes ask for this one.
    from scipy.fft import dctn

    rows, columns = grey.shape[0] // _BLOCK, grey.shape[1] // _BLOCK
    if rows < 2 or columns < 2:
        return None
    cut = grey[: rows * _BLOCK, : columns * _BLOCK].astype(np.float32)
    blocks = cut.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    power = (dctn(blocks, axes=(2, 3), norm="ortho") ** 2).mean((0, 1)) - noise_level(grey) ** 2
    amplitude = np.sqrt(np.clip(np.bincount(_RING, power.ravel())[1:_BLOCK] / _SIZE, 0, None))
    if amplitude[0] < _FLAT:
        return None
    product = amplitude * np.arange(1, _BLOCK) / amplitude[0]
    under = np.flatnonzero(product < _WHITE)
    if not len(under):
        return 1.0
    first = int(under[0])
    step = (product[first - 1] - _WHITE) / (product[first - 1] - product[first])  # product[0] is 1: first >= 1
    return float(min(1.0, (first + step) / _BLOCK))


_RING = np.round(np.hypot(*np.meshgrid(np.arange(_BLOCK), np.arange(_BLOCK), indexing="ij"))).astype(int).ravel()
_SIZE = np.bincount(_RING)[1:_BLOCK]
