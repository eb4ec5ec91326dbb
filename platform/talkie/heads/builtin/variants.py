"""Animal-like axes of the built-in head, outside the human prior: 0 is human, nobody draws them from N(0, 1).

Fur and its colour belong to the look; here is only shape.
"""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.heads.builtin import features, fields
from talkie.heads.builtin.assembly import NeutralMesh
from talkie.heads.builtin.identity import Stretch, Term, whole_field

VARIANTS: dict[str, tuple[Term | Stretch, ...]] = {
    "muzzle": (
        Term((0, -0.024, 0.112), (0.026, 0.030, 0.045), (0, -2, 42)),
        Term((0, -0.072, 0.105), (0.026, 0.018, 0.040), (0, 4, 14)),
    ),
    "snout_width": (Term((0.020, -0.022, 0.108), (0.016, 0.022, 0.035), (7, 0, 2)),),
    "flat_nose": (
        Term((0, 0.002, 0.126), (0.013, 0.016, 0.03), (0, 3, -9)),
        Term((0.014, -0.006, 0.108), (0.009, 0.011, 0.02), (3, 0, 0)),
    ),
    "low_forehead": (Term((0, 0.095, 0.09), (0.065, 0.030, 0.06), (0, -4, -16)),),
    "pointed_ears": (),
    "ear_height": (),
}
"""One unit each is as much as still holds together; `pointed_ears` and `ear_height` act on the ears alone."""

ANIMALS: dict[str, dict[str, float]] = {
    "elf": {"pointed_ears": 0.8},
    "cat": {"muzzle": 0.35, "flat_nose": 0.6, "snout_width": 0.6, "pointed_ears": 1.0, "ear_height": 1.0},
    "dog": {"muzzle": 1.0, "snout_width": 0.5, "low_forehead": 0.5, "pointed_ears": 0.4, "ear_height": 0.7},
    "ape": {"muzzle": 0.6, "flat_nose": 1.0, "snout_width": 0.8, "low_forehead": 1.0},
}

POINT_M = np.array([0.013, 0.036, -0.010])
"""What one unit of `pointed_ears` does to the tip of the left ear: out, up and back."""
LIFT_M = np.array([0.008, 0.036, -0.002])
"""What one unit of `ear_height` does to the whole left ear; the dent under it fills up."""


def _on_ears(mesh: NeutralMesh, name: str) -> np.ndarray:
    """Displacements (V, 3) of the two axes of the ears."""
    out = np.zeros_like(mesh.positions)
    if name == "ear_height":
        skin = mesh.part_vertices("skin")
        points = mesh.positions[skin]
        out[skin, 0] = np.sign(points[:, 0]) * features.ear_dent_m(points)
    for part, mirror in (("left_ear", np.ones(3)), ("right_ear", fields.MIRROR)):
        index = mesh.part_vertices(part)
        high = (mesh.positions[index, 1] - features.EAR_ANCHOR[1]) / features.EAR_HALF_M[1]
        # The upper half is drawn out to a tip, the more the higher.
        share = fields.smooth(high) ** 2 if name == "pointed_ears" else np.ones(len(index))
        out[index] = share[:, None] * (POINT_M if name == "pointed_ears" else LIFT_M) * mirror
    return out


def variant_fields(mesh: NeutralMesh) -> np.ndarray:
    """Displacements (N, V, 3) in metres per unit, in the order of VARIANTS."""
    ears = mesh.part_vertices("left_ear", "right_ear")
    out = []
    for name, terms in VARIANTS.items():
        field = whole_field(mesh, terms) if terms else _on_ears(mesh, name)
        if terms:
            # The face changes in front of the ears, which stay where they are.
            field[ears] = 0.0
        out.append(field)
    return np.stack(out)


def animal(kind: str, amount: float = 1.0) -> dict[str, float]:
    """Weights by variant name of a kind of ANIMALS, `amount` of the way from human (0) to it (1).

    Raises BadInput for an unknown kind or an amount outside [0, 1]."""
    if kind not in ANIMALS:
        raise BadInput(f"no animal-like head is called {kind!r}", cure=f"take one of {', '.join(ANIMALS)}")
    if not 0 <= amount <= 1:
        raise BadInput(f"amount {amount} of {kind}", cure="give a share from 0 (human) to 1")
    return {name: amount * weight for name, weight in ANIMALS[kind].items()}
