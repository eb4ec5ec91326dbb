"""Named vertex sets of the built-in head, from its chart and parts; no geometry changes here."""

from __future__ import annotations

import numpy as np

from talkie.heads.builtin import features, fields
from talkie.heads.builtin.assembly import PARTS, NeutralMesh


def semantic_regions(mesh: NeutralMesh) -> dict[str, np.ndarray]:
    """Sorted vertex indices (int64) by name.

    lips: the red, both rims included; mouth: lips and the skin one to two centimetres around; upper_face: skin
    from the lower lids to the hairline; face: visible skin from hairline to chin and ear to ear; eyes: lids'
    surroundings; nostrils: pockets and rims; scalp, neck, shoulders; and one region for each part."""
    skin = mesh.part == 0
    theta, s = np.degrees(np.abs(mesh.theta)), np.degrees(mesh.s)
    t, above = features.mouth_coordinates(mesh.theta, mesh.s)
    level = np.full(len(skin), np.nan)
    level[: len(mesh.skin.lip_level)] = mesh.skin.lip_level
    lid = np.full(len(skin), np.nan)
    lid[: len(mesh.skin.lid_offset)] = mesh.skin.lid_offset
    nostril = np.full(len(skin), np.nan)
    nostril[: len(mesh.skin.nostril_level)] = mesh.skin.nostril_level
    hairline = 34 - 0.004 * theta**2
    chin = -56 + 0.0024 * theta**2
    face = skin & (theta < 72) & (s < hairline) & (s > chin)
    scalp = skin & ~face & (s > chin) & ((s > hairline) | (theta >= 88)) & (mesh.positions[:, 1] > -0.045)
    masks = {
        "lips": level <= 1.0,
        "mouth": skin & (np.isfinite(level) | ((np.abs(t) < 1.6) & (above > -10) & (above < 8))),
        "upper_face": face & (s > -1.5),
        "face": face,
        "eyes": np.isfinite(lid) | (skin & (fields.eye_mask(mesh.positions) > 0.02)),
        "nostrils": nostril <= 1.0,
        "skin": skin,
        "scalp": scalp,
        "neck": skin & ~face & ~scalp & (mesh.positions[:, 1] < 0) & (s > -84),
        "shoulders": skin & (s <= -84),
        "teeth": np.isin(mesh.part, [PARTS.index("upper_teeth"), PARTS.index("lower_teeth")]),
        "ears": np.isin(mesh.part, [PARTS.index("left_ear"), PARTS.index("right_ear")]),
    }
    for name in PARTS[1:]:
        masks[name] = mesh.part == PARTS.index(name)
    return {name: np.flatnonzero(mask).astype(np.int64) for name, mask in masks.items()}
