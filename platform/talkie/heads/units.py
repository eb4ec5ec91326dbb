"""Action units of the Facial Action Coding System as combinations of ARKit's 52 shapes, and back; no mesh is made here.

Units: Ekman and Friesen, Facial Action Coding System (1978; 2nd edition with Hager, 2002). ARKit's shapes were
modelled on FACS; single-shape rows follow the usual ARKit-FACS correspondence, as in Apple's descriptions of
ARBlendShapeLocation. FACS has no shape of its own in ARKit for lip tightening (23), parting (25) and the
stretched mouth (27): those rows are combinations chosen here by what FACS describes. Without a unit in this table,
and so left over by `action_units`, are: gaze, jaw thrusts, mouthLeft and mouthRight, mouthClose, mouthShrugUpper,
cheekPuff, tongueOut. ARKit's browInnerUp has no sides, so AU1 has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from scipy.optimize import nnls
from scipy.sparse.csgraph import connected_components

from talkie.errors import BadInput
from talkie.heads.model import ARKIT_NAMES, HeadModel

SIDES = {"L": "Left", "R": "Right"}
SIDED: dict[str, dict[str, float]] = {
    "AU2": {"browOuterUp": 1.0},  # outer brow raiser
    "AU4": {"browDown": 1.0},  # brow lowerer
    "AU5": {"eyeWide": 1.0},  # upper lid raiser
    "AU6": {"cheekSquint": 1.0},  # cheek raiser
    "AU7": {"eyeSquint": 1.0},  # lid tightener
    "AU9": {"noseSneer": 1.0},  # nose wrinkler
    "AU10": {"mouthUpperUp": 1.0},  # upper lip raiser
    "AU12": {"mouthSmile": 1.0},  # lip corner puller
    "AU14": {"mouthDimple": 1.0},  # dimpler
    "AU15": {"mouthFrown": 1.0},  # lip corner depressor
    "AU20": {"mouthStretch": 1.0},  # lip stretcher
    "AU43": {"eyeBlink": 1.0},  # eye closure; AU45 is the same movement, brief
}
"""Units that may show on one side: shapes without their Left or Right."""
WHOLE: dict[str, dict[str, float]] = {
    "AU1": {"browInnerUp": 1.0},  # inner brow raiser
    "AU17": {"mouthShrugLower": 1.0},  # chin raiser
    "AU18": {"mouthPucker": 1.0},  # lip pucker
    "AU22": {"mouthFunnel": 1.0},  # lip funneler
    # Lip tightener: lips thin and narrow without rolling in all the way, the lower one more; equal shares would make
    # it a sum of AU18 and AU28, which nothing could tell from the two shown together.
    "AU23": {"mouthRollUpper": 0.25, "mouthRollLower": 0.5, "mouthPucker": 0.3},
    "AU24": {"mouthPressLeft": 1.0, "mouthPressRight": 1.0},  # lip pressor
    # Lips part: the lower lip gives way, the upper follows a little, the jaw stays.
    "AU25": {
        "mouthLowerDownLeft": 0.6, "mouthLowerDownRight": 0.6, "mouthUpperUpLeft": 0.15, "mouthUpperUpRight": 0.15,
    },
    "AU26": {"jawOpen": 0.4},  # jaw drop, relaxed
    # Mouth stretch: the jaw pulled wide open, lips drawn off the teeth and the opening upright.
    "AU27": {"jawOpen": 1.0, "mouthFunnel": 0.2, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "AU28": {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},  # lip suck
}  # fmt: skip
BLINK_S = 0.5
"""Closures up to this long are blinks (AU45), longer ones AU43 (FACS investigator's guide: half a second)."""
SHUT = 0.5
"""Share of the closure from which an eye counts as shut when its duration is measured."""

_CLOSED = ("AU43L", "AU43R")


def _order(name: str) -> tuple[int, str]:
    digits = "".join(c for c in name if c.isdigit())
    return int(digits), name


AU_NAMES: tuple[str, ...] = tuple(
    sorted([*(f"{name}{side}" for name in [*SIDED, "AU45"] for side in SIDES), *WHOLE], key=_order)
)
"""Columns of `action_units`: AU1, AU2L, AU2R, ...; L and R are the person's sides."""


@cache
def unit_table() -> np.ndarray:
    """(n, 52) ARKit weights of each unit of AU_NAMES at full intensity."""
    table = np.zeros((len(AU_NAMES), len(ARKIT_NAMES)))
    for row, name in zip(table, AU_NAMES, strict=True):
        closing = name.replace("AU45", "AU43")
        side = SIDES.get(closing[-1])
        shapes = WHOLE[closing] if side is None else {f"{s}{side}": w for s, w in SIDED[closing[:-1]].items()}
        for shape, weight in shapes.items():
            row[ARKIT_NAMES.index(shape)] = weight
    return table


def expression_of_units(units: Mapping[str, float] | np.ndarray) -> np.ndarray:
    """Intensities in [0, 1] -> ARKit weights clipped to [0, 1].

    units: by name, where AU12 stands for AU12L and AU12R -> (52,); or (T, n) in the order of AU_NAMES -> (T, 52).
    Raises BadInput for an unknown unit or width."""
    if isinstance(units, Mapping):
        row = np.zeros(len(AU_NAMES))
        for name, value in units.items():
            names = [name] if name in AU_NAMES else [f"{name}{side}" for side in SIDES]
            if any(n not in AU_NAMES for n in names):
                raise BadInput(f"unknown action unit {name}", cure=f"known are {', '.join(AU_NAMES)}")
            row[[AU_NAMES.index(n) for n in names]] = value
        return np.clip(row @ unit_table(), 0, 1)
    units = np.asarray(units, float)
    if units.ndim != 2 or units.shape[1] != len(AU_NAMES):
        raise BadInput(f"action units of shape {units.shape}, expected (T, {len(AU_NAMES)})")
    return np.clip(units @ unit_table(), 0, 1)


def action_units(expression: np.ndarray, fps: float = 25.0, head: HeadModel | None = None) -> np.ndarray:
    """ARKit weights (T, 52) of consecutive frames -> intensities (T, n) in [0, 1] in the order of AU_NAMES.

    Per frame the units, none negative, whose shapes add up nearest to the weights (non-negative least squares,
    Lawson and Hanson 1974): nearest in weights, or with a head in millimetres of its face. Closed eyes are AU45
    for at most BLINK_S, else AU43. Units that were mixed come back exactly unless a shape was clipped at 1."""
    expression = np.asarray(expression, float)
    if expression.ndim != 2 or expression.shape[1] != len(ARKIT_NAMES) or not np.isfinite(expression).all():
        raise BadInput(f"expression of shape {expression.shape}, expected finite (T, {len(ARKIT_NAMES)})")
    use = [k for k, name in enumerate(AU_NAMES) if not name.startswith("AU45")]
    metric = np.eye(len(ARKIT_NAMES)) if head is None else _metric(head)
    out = np.zeros((len(expression), len(AU_NAMES)))
    out[:, use] = _nearest(metric @ unit_table()[use].T, expression @ metric.T)
    for name in _CLOSED:
        closed, blink = AU_NAMES.index(name), AU_NAMES.index(name.replace("43", "45"))
        brief = _brief(out[:, closed], BLINK_S * fps)
        out[brief, blink], out[brief, closed] = out[brief, closed], 0.0
    return np.clip(out, 0, 1)


def _nearest(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The mixtures (T, n), none negative, of columns (m, n) nearest to rows (T, m). Columns that share nothing, not
    even through others, are solved apart: most units alone, in closed form, which takes a tenth of the time."""
    out = np.zeros((len(rows), columns.shape[1]))
    count, group = connected_components(columns.T @ columns != 0, directed=False)
    for number in range(count):
        chosen = np.flatnonzero(group == number)
        some = columns[:, chosen]
        if len(chosen) == 1:
            out[:, chosen] = np.maximum(rows @ some, 0) / (some**2).sum()
            continue
        touched = (some != 0).any(1)
        out[:, chosen] = [nnls(some[touched], row)[0] for row in rows[:, touched]]
    return out


def _metric(head: HeadModel) -> np.ndarray:
    """(52, 52) root of the quadratic form by which weights of ARKit's shapes move the head's face."""
    names = list(head.expression_names)
    if not set(ARKIT_NAMES) <= set(names):
        raise BadInput(f"the head {head.name} has not ARKit's shapes", cure="leave `head` out")
    weights = torch.zeros(len(ARKIT_NAMES), len(names))
    weights[range(len(ARKIT_NAMES)), [names.index(n) for n in ARKIT_NAMES]] = 1
    index = np.union1d(head.regions["face"], head.regions["eyes"])
    moved = (head.vertices(expression=weights) - head.vertices())[:, index].double().numpy().reshape(len(weights), -1)
    form = moved @ moved.T
    # A shape that a head lacks must not free its units: a thousandth of the mean keeps the form definite.
    return np.linalg.cholesky(form + 1e-3 * np.trace(form) / len(form) * np.eye(len(form))).T


def _brief(closed: np.ndarray, frames: float) -> np.ndarray:
    """(T,) bool: frames of closures that stay beyond SHUT for at most `frames`, their flanks included."""
    moving = closed > 1e-6
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moving, [False]]).astype(int)))
    out = np.zeros(len(closed), bool)
    for start, end in edges.reshape(-1, 2):
        shut = (closed[start:end] > SHUT).sum()
        out[start:end] = 0 < shut <= frames
    return out
