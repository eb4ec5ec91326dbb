"""Scores of a clip's quality, each an annotator of its own file. What is made of them is `filters`' business."""

from __future__ import annotations

from talkie.curation.draft import Annotator
from talkie.curation.judgement.scores.codec import Codec
from talkie.curation.judgement.scores.exposure import Exposure
from talkie.curation.judgement.scores.focus import Focus
from talkie.curation.judgement.scores.geometry import Geometry
from talkie.curation.judgement.scores.noise import Noise
from talkie.curation.judgement.scores.occlusion import Occlusion
from talkie.curation.judgement.scores.stillness import Stillness
from talkie.curation.judgement.scores.writing import Writing

SCORES: dict[str, type[Annotator]] = {
    a.name: a for a in (Geometry, Exposure, Focus, Noise, Codec, Writing, Stillness, Occlusion)
}
"""Every annotator of this room by its name in a recipe; none needs anything but the picture."""

__all__ = [
    "SCORES", "Codec", "Exposure", "Focus", "Geometry", "Noise", "Occlusion", "Stillness", "Writing",
]  # fmt: skip
