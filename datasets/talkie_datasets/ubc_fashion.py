"""UBC Fashion: 600 silent videos of a person turning in a dress, `{train,test}/<name>.mp4`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, key_of
from talkie_datasets.files import VIDEO, files

PARTS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class UBCFashion(Dataset):
    """The set names no people: a video stands for its person."""

    slug = "ubc_fashion"
    title = "UBC Fashion"
    licence = "CC-BY-NC-4.0"
    gate = "open: the Fashion dataset page of the University of British Columbia"
    yields = "one silent video; official train and test"
    sentinels = ("train|test",)
    expected = Counts(records=600, train=500, test=100)

    def find(self, root: Path) -> Iterator[Item]:
        for split in PARTS:
            for path in files(root / split, VIDEO):
                key = key_of(root, path)
                yield self.take(path, key, subject=path.stem, split=split, group=f"ubc_fashion:{path.stem}")
