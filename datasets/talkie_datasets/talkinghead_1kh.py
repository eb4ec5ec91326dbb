"""TalkingHead-1KH: talking heads from YouTube under CC BY, known by lists of tubes; the set's script cuts the clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Dataset, Item, Skipped, key_from
from talkie_datasets.files import VIDEO, files, first_of
from talkie_datasets.text import rows

LISTS: tuple[tuple[str, Split], ...] = (("train", "train"), ("val", "val"), ("small", "train"))


@dataclass(frozen=True)
class TalkingHead1KH(Dataset):
    """The video's id stands for the person. A tube is a row `name,H,W,S,E,L,T,R,B`: a minute of a video, its size,
    first and last frame, box. Frames are counted at the video's own rate, which no list holds, so an uncut minute is
    skipped as not prepared.

    `small` is a sample of the other lists and is read only where neither of them is there."""

    slug = "talkinghead_1kh"
    title = "TalkingHead-1KH"
    licence = "CC-BY-3.0"
    terms = "as the uploaders chose; lists MIT"
    gate = "lists and script (MIT) in the authors' repository; the videos are fetched from YouTube by the user"
    yields = "one cut video per tube; official train and val"
    sentinels = ("data_list/*_video_tubes.txt|*_video_tubes.txt",)
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        homes = [root, *(root / name for name, _ in LISTS)]
        cut = (path for home in homes for path in files(home / "cropped_clips", VIDEO))
        yield from self.with_unlisted(self._listed(root), cut)

    def _listed(self, root: Path) -> Iterator[Item]:
        home = root / "data_list" if (root / "data_list").is_dir() else root
        lists = [(home / f"{name}_video_tubes.txt", name, split) for name, split in LISTS]
        there = [entry for entry in lists if entry[0].is_file()]
        for path, name, split in there:
            if name == "small" and len(there) > 1:
                continue
            for row, line in rows(path):
                yield self._tube(root, f"{path}:{row}", name, split, line)

    def _tube(self, root: Path, where: str, part: str, split: Split, line: str) -> Item:
        name, *numbers = (word.strip() for word in line.split(","))
        video, underscore, _ = name.rpartition("_")
        if len(numbers) != 8 or not all(n.isdigit() for n in numbers) or not underscore:
            return Skipped(where, "bad_row", f"not name,H,W,S,E,L,T,R,B: {line!r}")
        _, _, first, last, left, top, right, bottom = numbers
        stem = f"{name}_S{first}_E{last}_L{left}_T{top}_R{right}_B{bottom}"
        cut = first_of(root / part / "cropped_clips" / f"{stem}.mp4", root / "cropped_clips" / f"{stem}.mp4")
        if cut is not None:
            return self.take(cut, key_from(stem), subject=video, split=split, group=f"youtube:{video}")
        uncut = first_of(root / part / "1min_clips" / f"{name}.mp4", root / "1min_clips" / f"{name}.mp4")
        if uncut is not None:
            return Skipped(where, "not_prepared", f"{name}.mp4 is not cut yet: run the set's videos_crop.py")
        return Skipped(where, "missing_media", f"{stem}.mp4 is not there")
