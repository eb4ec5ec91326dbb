"""RAF-DB, basic emotions: 15,339 faces from the web, `basic/EmoLabel/list_patition_label.txt` and aligned pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from
from talkie_datasets.files import PICTURES, files, first_of
from talkie_datasets.text import rows

LIST = "basic/EmoLabel/list_patition_label.txt"
EMOTIONS = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happiness",
    "5": "sadness",
    "6": "anger",
    "7": "neutral",
}
"""The set's own numbers: they begin at 1 and are in another order than AffectNet's."""


@dataclass(frozen=True)
class RAFDB(Dataset):
    """The aligned picture is taken, else the original; boxes and points (annotations) are of the original."""

    slug = "raf_db"
    title = "RAF-DB"
    licence = "agreement"
    terms = "RAF-DB terms of request"
    gate = "request form on the RAF-DB project page (BUPT)"
    yields = "one image per listed face; official train and test"
    sentinels = (LIST,)
    expected = Counts(records=15_339, train=12_271, test=3_068)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        basic = root / "basic"
        faces = (self._face(basic, f"{root / LIST}:{row}", line) for row, line in rows(root / LIST))
        yield from self.with_unlisted(faces, files(basic / "Image" / "aligned", PICTURES))

    def _face(self, basic: Path, where: str, line: str) -> Item:
        match = re.fullmatch(r"((train|test)_\d+)\.jpg\s+(\d+)", line)
        if match is None:
            return Skipped(where, "bad_row", f"not <name>.jpg <label>: {line!r}")
        name, part, number = match.groups()
        if number not in EMOTIONS:
            return Skipped(where, "unknown_label", f"RAF-DB has no label {number}")
        aligned = basic / "Image" / "aligned" / f"{name}_aligned.jpg"
        path = first_of(aligned, basic / "Image" / "original" / f"{name}.jpg")
        if path is None:
            return Skipped(where, "missing_media", f"neither the aligned nor the original picture of {name} is there")
        split: Split = "train" if part == "train" else "test"
        notes = basic / "Annotation"
        return self.take(
            path,
            key_from(name),
            kind="image",
            split=split,
            labels={"emotion": EMOTIONS[number], "form": "aligned" if path == aligned else "original"},
            annotations={
                "box": first_of(notes / "boundingbox" / f"{name}_boundingbox.txt"),
                "points": first_of(notes / "manual" / f"{name}_manu_attri.txt"),
            },
        )
