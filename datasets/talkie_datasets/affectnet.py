"""AffectNet: faces from the web with emotion, valence and arousal, `{train,val}_set/{images,annotations}`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import PICTURES, files, first_of

PARTS: dict[str, Split] = {"train_set": "train", "val_set": "test"}
EMOTIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""By the set's own number, from 0. The subsets that circulate as CSV count from 1 and are not read."""


@dataclass(frozen=True)
class AffectNet(Dataset):
    """The public val set is the test, as papers use it: the test set was never released.

    Annotations are tiny arrays; they are read without pickle, and one that would need it is skipped."""

    slug = "affectnet"
    title = "AffectNet"
    licence = "agreement"
    terms = "AffectNet agreement"
    gate = "signed agreement with the authors (University of Denver)"
    yields = "one image per face; emotion, valence, arousal, landmarks"
    sentinels = ("train_set/images|val_set/images",)
    expected = Counts(records=291_651, train=287_651, test=4_000)
    counts_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        for part, split in PARTS.items():
            for path in files(root / part / "images", PICTURES):
                yield self._face(root / part / "annotations", path, part, split)

    def _face(self, notes: Path, path: Path, part: str, split: Split) -> Item:
        labels: dict[str, str | None] = {}
        for name in ("exp", "val", "aro"):
            note = notes / f"{path.stem}_{name}.npy"
            try:
                labels[name] = str(np.load(note, allow_pickle=False).item())
            except (OSError, ValueError, EOFError) as error:
                return Skipped(printable(note), "bad_row", f"no {name} of {path.name}: {error}")
        number = labels["exp"] or ""
        if not number.isdigit() or int(number) >= len(EMOTIONS):
            return Skipped(printable(path), "unknown_label", f"AffectNet's eight emotions have no number {number}")
        return self.take(
            path,
            key_from(part, path.stem),
            kind="image",
            split=split,
            labels={"emotion": EMOTIONS[int(number)], "valence": labels["val"], "arousal": labels["aro"]},
            annotations={"landmarks": first_of(notes / f"{path.stem}_lnd.npy")},
        )
