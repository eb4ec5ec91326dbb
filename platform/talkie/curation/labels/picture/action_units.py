"""Action units of FACS from the fitted ARKit weights; the correspondence itself is `talkie.heads.units`'s."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, Watcher
from talkie.curation.labels.picture.lids import closure, openness
from talkie.heads import ARKIT_NAMES, AU_NAMES, action_units
from talkie.heads.fitting import FitSettings
from talkie.heads.model import HeadModel
from talkie.heads.units import unit_table

_BLINK = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]

TOLD = {"AU1": 0.7, "AU2": 0.6, "AU12": 0.95, "AU18": 0.6, "AU20": 0.5, "AU22": 0.55, "AU23": 0.9, "AU26": 0.3,
        "AU27": 0.8, "AU43": 0.3, "AU45": 0.95}  # fmt: skip
"""How far a landmark mesh tells a unit: its correlation with the stage's truth over eight takes, on which nothing else
was tuned. The other units move skin that the mesh network smooths over (brows drawn down, cheeks and lids raised, a
wrinkled nose, dimples, corners drawn down, a raised chin, pressed or slightly parted lips): they cannot be told."""
NOT_TOLD = 0.1


class ActionUnits(Annotator):
    """action_units.npz: name (N,) of `talkie.heads.AU_NAMES`, intensity (T, N) in [0, 1], confidence (T, N) in [0, 1]:
    the share of the prior's variance that the landmarks took from the weights behind the unit, times TOLD, 0 where the
    face was not seen. Lids are read off their own landmarks. A head without ARKit's shapes finds nothing."""

    name: ClassVar[str] = "action_units"
    fields: ClassVar[tuple[str, ...]] = ("action_units.npz",)
    needs: ClassVar[tuple[str, ...]] = ("head.npz",)

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        return cls(tools.head)

    def __init__(self, model: HeadModel) -> None:
        self._columns = arkit_columns(model)

    @property
    def tool(self) -> str:
        return "talkie facs 1"

    def start(self) -> Watcher:
        return _Units(self._columns)


class _Units(Watcher):
    def __init__(self, columns: list[int] | None) -> None:
        self._columns = columns

    def finish(self, draft: Draft) -> Findings:
        if draft.head is None or self._columns is None:
            return Findings()
        weights = draft.head.expression[:, self._columns].astype(np.float64)
        # A fit that keeps motion smooth halves a blink of three frames: the lids' own landmarks do not.
        weights[:, _BLINK] = closure(openness(draft.landmarks), local=False)
        arrays = {
            "name": np.array(AU_NAMES),
            "intensity": action_units(weights).astype(np.float32),
            "confidence": _confidence(draft, self._columns),
        }
        return Findings(fields={"action_units.npz": arrays})


def arkit_columns(model: HeadModel) -> list[int] | None:
    """Columns of a model's expression that hold ARKit's 52 weights; None where it lacks one."""
    names = list(model.expression_names)
    return [names.index(n) for n in ARKIT_NAMES] if set(ARKIT_NAMES) <= set(names) else None


def _confidence(draft: Draft, columns: list[int]) -> np.ndarray:
    """(T, N): 1 - posterior over prior variance, mean over a unit's shapes, each weighed by its part in the unit; times
    TOLD."""
    seen = draft.seen.astype(np.float32)[:, None]
    told = np.array([TOLD.get(name.rstrip("LR"), NOT_TOLD) for name in AU_NAMES])
    if draft.expression_std is None:
        return (seen * told).astype(np.float32)
    # A Laplacian prior of scale b has the variance 2 b^2.
    prior = 2 * FitSettings().expression ** 2
    known = np.clip(1 - draft.expression_std[:, columns] ** 2 / prior, 0, 1)
    parts = unit_table() / unit_table().sum(1, keepdims=True)
    return (seen * (known @ parts.T) * told).astype(np.float32)
