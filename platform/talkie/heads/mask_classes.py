"""The classes of a picture's region mask (`mask.mp4`), as face parsers tell them apart; who draws masks is not here."""

from __future__ import annotations

CLASSES: tuple[str, ...] = (
    "background", "skin", "neck", "lips", "mouth_inside", "teeth", "tongue", "left_eye", "right_eye", "left_ear",
    "right_ear", "hair", "cloth", "hand", "other",
)  # fmt: skip
"""A mask holds indices into this tuple; left and right are the person's. Brows and nose are skin, hair includes the
beard's and not the brows'."""
INDEX: dict[str, int] = {name: number for number, name in enumerate(CLASSES)}
