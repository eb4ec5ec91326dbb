"""Labels, thresholds and requests of anti-spoofing: what a clip says of itself, where a score becomes a decision, and
what a request may ask for. No network is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics.recognition import eer_threshold
from talkie_zoo.recognition.anti_spoofing_networks import META, SCORERS, FrameSkipper

SPOOF, CLASSES = "spoof", ("attack", "genuine")
"""The label of anti-spoofing sets and of the stage, and its values in the order of class numbers."""
_CONTROLS = ("skip", "offset", "scorer", "far", "early_exit")


def class_of(clip: Clip) -> int:
    """Raises BadInput for a clip that does not say whether a person was there."""
    label = clip.record.labels.get(SPOOF, "")
    if label not in CLASSES:
        raise BadInput(
            f"clip {clip.id} has the label {SPOOF} {label!r}", cure=f"label clips with {' or '.join(CLASSES)}"
        )
    return CLASSES.index(label)


def domain_of(clip: Clip) -> str:
    """What counts as one database: the data set, of footage of one's own the camera."""
    return clip.record.dataset or clip.record.labels.get("device", "")


def threshold_between(scores: np.ndarray, genuine: np.ndarray) -> float:
    """The equal error rate's threshold, moved half way up to the next score: it decides the same clips, and does not
    lie on one of them. scores (N,), genuine (N,) bool."""
    lower = eer_threshold(scores, genuine)
    above = scores[scores > lower]
    return (lower + float(above.min())) / 2 if len(above) else lower


def calibrated(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Scores in [0, 1] moved so that the threshold becomes one half, by adding to their log odds."""
    odds = np.log(np.clip(scores, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(scores, 1e-6, 1 - 1e-6))
    at = float(np.clip(threshold, 1e-6, 1 - 1e-6))
    return 1 / (1 + np.exp(-(odds - np.log(at / (1 - at)))))


@dataclass(frozen=True)
class Asked:
    """What a request's controls ask for."""

    skipper: FrameSkipper
    scorer: str = META
    far: float | None = None
    early_exit: float | None = None

    @staticmethod
    def of(controls: Mapping[str, Any], skip: int) -> Asked:
        """Raises BadInput for a control or a value that is not known."""
        unknown = sorted(set(controls) - set(_CONTROLS))
        if unknown:
            raise BadInput(f"no control {unknown[0]!r}", cure=f"use {', '.join(_CONTROLS)}")
        scorer = str(controls.get("scorer", META))
        if scorer not in SCORERS:
            raise BadInput(f"nobody called {scorer!r} scores", where="scorer", cure=f"use {', '.join(SCORERS)}")
        clip, offset = (_number(controls, name, default) for name, default in (("skip", skip), ("offset", 0)))
        if clip < 1 or offset < 0:
            raise BadInput(f"skip {clip} and offset {offset}", cure="give a skip of 1 or more, an offset of 0 or more")
        far, early = (controls.get(name) for name in ("far", "early_exit"))
        for name, value in (("far", far), ("early_exit", early)):
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
                raise BadInput(f"{name} {value!r}", where=name, cure="give a share from 0 to 1")
        return Asked(FrameSkipper(clip, offset), scorer, far, early)


def _number(controls: Mapping[str, Any], name: str, default: int) -> int:
    value = controls.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"{name} {value!r} is no whole number", where=name, cure="give a number of frames")
    return value
