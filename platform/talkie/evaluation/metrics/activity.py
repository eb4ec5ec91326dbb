"""What eyes and lips do, beside what they should: blinks, the mouth in silence, closed lips where a sound closes them.
Vertex errors are in motion.py, rhythm in rhythm.py."""

from __future__ import annotations

import numpy as np

from talkie.clip import FPS
from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, same_shape
from talkie.evaluation.metrics.registry import MESH, TALKING, VIDEO, metric
from talkie.heads.units import BLINK_S

LIPS = (*TALKING, *MESH)
SHUT, MOVING = 0.5, 0.15
"""Closure of an eye at which a blink is sure, and the one around it to which it reaches: those of curation's labels."""


def blink_spans(closure: np.ndarray, fps: float = FPS) -> np.ndarray:
    """(B, 2) first frame and the frame after the last of each blink in closures (T,), 0 open to 1 shut. A blink passes
    SHUT, for at most BLINK_S, and lasts from where the closure leaves MOVING to where it comes back.

    Raises BadInput for nothing, NaN, or values outside [0, 1]."""
    shut = array(closure, "closure", (None,))
    if shut.min() < 0 or shut.max() > 1:
        raise BadInput("closures outside [0, 1]", where="closure", cure="scale them: 0 open, 1 shut")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shut > MOVING, [0]])))
    spans = [(a, b) for a, b in edges.reshape(-1, 2) if 0 < (shut[a:b] > SHUT).sum() <= BLINK_S * fps]
    return np.array(spans, int).reshape(-1, 2)


@metric(
    "blink_rate",
    "Blinks a minute",
    unit="1/min",
    better="higher",
    tasks=(*VIDEO, *MESH),
    source="count over duration; people at rest 10 to 20 (Bentivoglio et al. 1997): nearest to the truth's is best",
    item="clip",
)
def blink_rate(closure: np.ndarray, fps: float = FPS) -> float:
    """1/min. A face that never blinks has 0; more than the truth's is no merit."""
    return len(blink_spans(closure, fps)) * 60 * fps / len(closure)


@metric(
    "blink_duration",
    "Mean duration of blinks",
    unit="s",
    better="lower",
    tasks=(*VIDEO, *MESH),
    source="mean length of the spans of `blink_spans`: nearest to the truth's is best",
    item="blink",
)
def blink_duration(closure: np.ndarray, fps: float = FPS) -> np.ndarray:
    """(B,) seconds, one for each blink. Raises BadInput where there is none."""
    spans = blink_spans(closure, fps)
    if len(spans) == 0:
        raise BadInput("no blink", where="closure", cure="report the blink rate alone")
    return np.asarray((spans[:, 1] - spans[:, 0]) / fps)


@metric(
    "silence_activity",
    "Standard deviation of the lips' opening where the truth is silent",
    unit="unit of the opening",
    better="lower",
    tasks=LIPS,
    source="the platform's own, from exact phone times; near 0 for the truth",
    item="clip",
)
def silence_activity(opening: np.ndarray, silent: np.ndarray) -> float:
    """In the opening's unit (metres of vertices, pixels of landmarks); lower is better. opening: (T,); silent: (T,)
    bool. Each silence is measured about its own mean, because a mouth may rest a little open.

    Raises BadInput for unlike shapes, NaN, or no silence of two frames."""
    values, quiet = array(opening, "opening", (None,)), np.asarray(silent, bool)
    same_shape(values, quiet)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int))).reshape(-1, 2)
    about = [values[a:b] - values[a:b].mean() for a, b in edges if b - a > 1]
    if not about:
        raise BadInput("no silence of two frames", where="silent", cure="use clips with pauses")
    return float(np.sqrt(np.square(np.concatenate(about)).mean()))


@metric(
    "lip_closure",
    "Share of bilabial sounds during which the lips close",
    unit="1",
    better="higher",
    tasks=LIPS,
    source="the platform's own: P, B and M close the lips, and a viewer notices first where they do not",
    item="sound",
)
def lip_closure(opening: np.ndarray, bilabials: np.ndarray, closed: float) -> np.ndarray:
    """(N,) 1 or 0 for each sound; higher is better. opening: (T,); bilabials: (N, 2) first frame and the frame after
    the last of each P, B and M; closed: opening up to which lips are shut, in the same unit (a share of the truth's
    range belongs in the protocol). Raises BadInput for spans outside the clip, none, NaN."""
    values, spans = array(opening, "opening", (None,)), array(bilabials, "bilabials", (None, 2)).astype(int)
    if (spans[:, 0] < 0).any() or (spans[:, 1] > len(values)).any() or (spans[:, 0] >= spans[:, 1]).any():
        raise BadInput(f"a span outside the {len(values)} frames", where="bilabials", cure="trim them to the clip")
    return np.array([float(values[a:b].min() <= closed) for a, b in spans])
