"""TikTok dances (Jafarian and Park): about 340 dances of 10 to 15 s as pictures, masks and DensePose maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from talkie.clip import Split
from talkie.errors import BadConfig
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import first_of, folders

FPS = 30.0
FIRST_TEST = 335


@dataclass(frozen=True)
class TikTok(Dataset):
    """A dance stands for a person: the set does not say who dances in two of them. Silent.

    split: "usual" makes dances 335-340 the test, as motion-transfer papers do; None divides by identity later."""

    split: Literal["usual"] | None = None

    slug = "tiktok"
    title = "TikTok dataset"
    licence = "non-commercial"
    terms = "TikTok dataset terms; the videos are their uploaders'"
    gate = "download on the HDNet project page, terms to be accepted"
    yields = "one folder of frames per dance, with masks and DensePose"
    sentinels = ("TikTok_dataset",)
    expected = Counts(records=340)

    def __post_init__(self) -> None:
        if self.split not in (None, "usual"):
            raise BadConfig(f"tiktok has no split {self.split!r}", cure="give 'usual' or leave it out")

    def find(self, root: Path) -> Iterator[Item]:
        for dance in folders(root / "TikTok_dataset"):
            if not dance.name.isdigit():
                yield Skipped(printable(dance), "bad_name", "a dance's folder is a number")
                continue
            split: Split | None = None
            if self.split is not None:
                split = "train" if int(dance.name) < FIRST_TEST else "test"
            yield self.take_frames(
                dance / "images",
                key_from(dance.name),
                FPS,
                subject=dance.name,
                split=split,
                group=f"tiktok:{dance.name}",
                annotations={"masks": first_of(dance / "masks"), "densepose": first_of(dance / "densepose")},
            )
