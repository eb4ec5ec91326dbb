"""Labels of a hand on the face: who touches where, and how far the skin gives way, as Decaf's data have them."""

from __future__ import annotations

import numpy as np

from talkie.heads.body import INDEX
from talkie.stage.take import Take


def contact_signals(take: Take) -> dict[str, np.ndarray]:
    """contact.npz (after Shimada et al., Decaf, SIGGRAPH Asia 2023): touch, side: what touches where;
    head_contact (T, V) bool, vertices of the head nearer than 2 mm to the hand; displacement (T, V, 3) float16 metres
    in the rest frame of the head joint, by which the skin gave way (the take's mesh is the one of `head.npz` plus it);
    hand_contact (T, H) bool, vertices of the touching hand (the body's part of that name); hand_shift (T, 3) metres in
    the world, by which bone kept the hand further out than it was meant to go; tissue (V,) metres that the skin can
    yield, the inverse of its stiffness; hold_s (2,): between these the hand is at its depth."""
    assert take.touch is not None
    assert take.body is not None
    found = take.touch
    turn = take.body.transforms[:, INDEX["head"], :3, :3]
    return {
        "touch": np.array(found.touch.name),
        "side": np.array(found.touch.side),
        "hold_s": np.array([found.touch.on_s, found.touch.off_s]),
        "press_m": np.array(found.touch.press_m),
        "head_contact": found.head,
        "displacement": np.einsum("tji,tvj->tvi", turn, found.displacement).astype(np.float16),
        "hand_contact": found.hand,
        "hand_shift": found.shift.astype(np.float32),
        "tissue": found.tissue.astype(np.float32),
    }
