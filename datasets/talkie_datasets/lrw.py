"""LRW: 500 words in 29-frame clips from BBC programmes, `lipread_mp4/<WORD>/{train,val,test}/<WORD>_<number>.mp4`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie_datasets.base import Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import VIDEO, beside, files, folders

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class LRW(Dataset):
    """The word is a label, not the text: its neighbours are heard too. It sits in the middle, frames 14.5 +- 25 d / 2
    with d the `Duration` in the annotation `words`. Speakers are not named."""

    slug = "lrw"
    title = "LRW"
    licence = "research-only"
    terms = "BBC agreement, academic research"
    gate = "agreement with the BBC, by the VGG group, Oxford"
    yields = "one video per spoken word, the word as label; official splits"
    sentinels = ("lipread_mp4",)
    languages = ("en",)
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        for word in folders(root / "lipread_mp4"):
            for split in SPLITS:
                for path in files(word / split, VIDEO):
                    if not path.stem.startswith(f"{word.name}_"):
                        yield Skipped(printable(path), "bad_name", f"lies with {word.name} and is not named after it")
                        continue
                    yield self.take(
                        path,
                        key_of(root / "lipread_mp4", path),
                        split=split,
                        labels={"word": word.name},
                        annotations={"words": beside(path, ".txt")},
                    )
