"""Semantic classes of a scene's triangles, for masks: what face parsers tell apart, from the truth of the mesh."""

from __future__ import annotations

import numpy as np

from talkie.heads import HeadModel
from talkie.heads.mask_classes import CLASSES
from talkie.render import SceneRenderer

_OF_PART = {
    "skin": "skin", "mouth_bag": "mouth_inside", "lid_edges": "skin", "left_eyeball": "left_eye",
    "right_eyeball": "right_eye", "upper_teeth": "teeth", "lower_teeth": "teeth", "upper_gum": "mouth_inside",
    "lower_gum": "mouth_inside", "tongue": "tongue", "left_ear": "left_ear", "right_ear": "right_ear",
    "hair": "hair", "lashes": "skin", "cloth": "cloth", "shirt": "cloth", "trousers": "cloth", "left_shoe": "cloth",
    "right_shoe": "cloth",
    "left_hand": "hand", "right_hand": "hand", "hand": "hand",
}  # fmt: skip
_OF_REGION = {"neck": "neck", "shoulders": "neck", "lips": "lips"}
"""Regions of the head's skin with a class of their own; later ones win. Bare shoulders in a neckline go to the neck, as
face parsers have it; what is worn has a mesh of its own."""


def classes_of(scene: SceneRenderer, model: HeadModel) -> list[np.ndarray]:
    """For every actor of a scene, whose first is a head dressed from `model`: the class (F,) uint8 of its faces."""
    out = []
    for number, costume in enumerate(scene.costumes):
        of_part = np.array([CLASSES.index(_OF_PART.get(name, "other")) for name in costume.part_names], np.uint8)
        classes = of_part[costume.part]
        if number == 0:
            _refine(classes, model)
        out.append(classes)
    return out


def _refine(classes: np.ndarray, model: HeadModel) -> None:
    """Tell the skin's regions apart, in place: a face belongs to one with two of its corners."""
    faces = model.faces.numpy()
    skin = (model.part[faces] == model.part_names.index("skin")).all(1)
    for region, name in _OF_REGION.items():
        if region in model.regions:
            inside = np.isin(faces, model.regions[region]).sum(1) >= 2
            classes[: len(faces)][skin & inside] = CLASSES.index(name)
