"""How files of stand-ins say that they are none of the published networks: a word in their own metadata, which survives
renaming. Who reads the weights is the business of the files beside this one."""

from __future__ import annotations

import json
from pathlib import Path

MARK = "talkie_stand_in"
"""Key of the word in the metadata of a safetensors file and in the `metadata_props` of an ONNX file."""
_LONGEST_HEADER = 100_000_000
"""Bytes: what safetensors itself takes for a header."""


def mark_of(path: Path) -> str:
    """The word in a safetensors file, empty where there is none (and in a file that is not one)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            return ""
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return ""
    held = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return str(held.get(MARK, ""))
