"""LRS2: sentences from BBC programmes, 160 px at 25 fps, `mvlrs_v1/{main,pretrain}/<id>/<number>.mp4` and lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import VIDEO, beside, walk
from talkie_datasets.text import rows, spoken

LISTS: tuple[tuple[str, str, Split], ...] = (
    ("pretrain", "pretrain", "train"),
    ("train", "main", "train"),
    ("val", "main", "val"),
    ("test", "main", "test"),
)
"""List, the folder its files lie in, and the split."""


@dataclass(frozen=True)
class LRS2(Dataset):
    """Lists drive it; only the first word of a row is the clip (test rows carry a second one). A programme's id stands
    for the person: the set names no speakers. Pretrain transcripts hold word times, given as annotation `words`."""

    slug = "lrs2"
    title = "LRS2"
    licence = "research-only"
    terms = "BBC agreement, academic research"
    gate = "agreement with the BBC, by the VGG group, Oxford"
    yields = "one video with transcript per listed clip; pretrain and train are train"
    sentinels = ("mvlrs_v1/main|main|mvlrs_v1/pretrain|pretrain", "train.txt|mvlrs_v1/train.txt|*.txt")
    languages = ("en",)
    expected = Counts(records=144_482, train=142_157, val=1_082, test=1_243)
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        home = root / "mvlrs_v1" if (root / "mvlrs_v1").is_dir() else root
        videos = (path for folder in ("main", "pretrain") for path in walk(home / folder, VIDEO))
        yield from self.with_unlisted(self._listed(root, home), videos)

    def _listed(self, root: Path, home: Path) -> Iterator[Item]:
        for name, folder, split in LISTS:
            path = root / f"{name}.txt" if (root / f"{name}.txt").is_file() else home / f"{name}.txt"
            if not path.is_file():
                if (home / folder).is_dir():
                    yield Skipped(printable(path), "missing_media", f"there is no list {name}.txt")
                continue
            for row, line in rows(path):
                clip = line.split()[0].removesuffix(".mp4")
                yield self._clip(home / folder / f"{clip}.mp4", f"{path}:{row}", folder, clip, split)

    def _clip(self, video: Path, where: str, folder: str, clip: str, split: Split) -> Item:
        programme, slash, number = clip.partition("/")
        if not (slash and number):
            return Skipped(where, "bad_row", f"{clip!r} is no <id>/<number>")
        if not video.is_file():
            return Skipped(where, "missing_media", f"{folder}/{clip}.mp4 is not there")
        transcript = beside(video, ".txt")
        return self.take(
            video,
            key_from(folder, programme, number),
            subject=programme,
            split=split,
            group=f"lrs2:{programme}",
            text=spoken(transcript),
            labels={"part": folder},
            annotations={"words": transcript if folder == "pretrain" else None},
        )
