"""What ICT-FaceKit's vertices and shapes are: ranges by part, names turned into ARKit's; nothing is loaded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from talkie.heads.model import ARKIT_NAMES

Range = tuple[int, int]


def _parts() -> dict[str, tuple[Range, ...]]:
    return {
        "skin": ((0, 11248),),
        "mouth_bag": ((11248, 13294),),
        "lid_edges": ((13294, 14062),),
        "lower_gum": ((14062, 15772),),
        "tongue": ((15772, 17039),),
        "upper_teeth": ((17039, 19247),),
        "lower_teeth": ((19247, 21451),),
        "left_eyeball": ((21451, 22221),),
        "right_eyeball": ((23021, 23791),),
        "transparent": ((22221, 23021), (23791, 26719)),
    }


@dataclass(frozen=True)
class IctLayout:
    """Vertex ranges [first, end) by part. The defaults are those of the published mesh of 26 719 vertices.

    `lower_gum` and `tongue` are where those lie; their vertices that do not follow the jaw are the upper gum and
    the palate. `transparent`: what is seen only through blending (the inner shells of the eyeballs behind their
    corneas, lacrimal fluid, blends, occlusion, lashes)."""

    vertices: int = 26719
    parts: Mapping[str, tuple[Range, ...]] = field(default_factory=_parts)

    def index(self, name: str) -> np.ndarray:
        """Vertex indices of a part, sorted."""
        return np.concatenate([np.arange(*r) for r in self.parts[name]])


def arkit_sources(names: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """The names of the loaded head's shapes, and for each the places in `names` whose shapes are added up.

    First ARKit's 52 in its order: `_L` and `_R` become Left and Right; where ARKit has one shape for both sides
    (browInnerUp, cheekPuff) the halves are added. A shape that the model lacks (ICT-FaceKit has no tongueOut) has
    no sources: its column is zero, so that weights by ARKit's order fit. Then what ARKit has not (cheekRaiser,
    PupilDilate), under its own names."""
    place = {name: k for k, name in enumerate(names)}
    sources: list[tuple[int, ...]] = []
    used: set[int] = set()
    for name in ARKIT_NAMES:
        side = next((s for s in ("Left", "Right") if name.endswith(s)), "")
        own = f"{name.removesuffix(side)}_{side[0]}" if side else ""
        options = ([name], [own], [f"{name}_L", f"{name}_R"])
        found = next(([place[n] for n in option] for option in options if set(option) <= set(place)), [])
        sources.append(tuple(found))
        used.update(found)
    extra = [k for k in range(len(names)) if k not in used]
    return (*ARKIT_NAMES, *(names[k] for k in extra)), sources + [(k,) for k in extra]
