"""Labels of the face itself: gaze with its targets and blinks, action units, and words for what is seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from talkie.heads import AU_NAMES, action_units
from talkie.stage.blinks import OPEN
from talkie.stage.captions import describe
from talkie.stage.sensors.gaze import record_gaze
from talkie.stage.take import Take


def gaze_signals(take: Take) -> dict[str, np.ndarray]:
    """gaze.npz: what `record_gaze` measures, and what the performance meant: target (T, 3) world metres, closure (T,)
    of the lids in [0, 1], blink (T,) bool while one lasts."""
    blinking = take.performance.blinking
    return {
        **record_gaze(take.model, take.vertices, take.cameras[0]),
        "target": np.asarray(take.performance.gaze_target, np.float32),
        "closure": np.asarray(blinking.closure, np.float32),
        "blink": np.asarray(blinking.state) != OPEN,
    }


def action_unit_signals(take: Take) -> dict[str, np.ndarray]:
    """action_units.npz: name (N,) of FACS units and intensity (T, N) in [0, 1], from the true ARKit weights."""
    return {
        "name": np.array(AU_NAMES),
        "intensity": np.asarray(action_units(take.performance.expression), np.float32),
    }


def caption_signals(take: Take, rng: np.random.Generator) -> dict[str, Any]:
    """captions.json: words for motion, emotion and appearance, and for what is done when."""
    return asdict(describe(take.person, take.line, take.performance, rng))
