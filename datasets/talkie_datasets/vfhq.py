"""VFHQ: high-quality faces from YouTube interviews, one meta file per clip; pictures, cut videos or whole downloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkie.curation.record import Box
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import VIDEO, files, first_of, folders
from talkie_datasets.text import rows

META_FOLDERS = ("meta_info", "")
HOMES = ("", "images", "clips", "videos", "raw")
NAME = re.compile(r"Clip\+(?P<video>[\w-]+)\+P(?P<person>\d+)\+C(?P<clip>\d+)\+F(?P<first>\d+)-(?P<last>\d+)")


@dataclass(frozen=True)
class VFHQ(Dataset):
    """Names are split at `+` only: a YouTube id may begin with `-` or `_` and hold either.

    Taken is, in this order, the cut video of the meta file's name, the download of the id (with span and box), the
    folder of pictures; the last has no sound. The first and last listed frame are left out, as the authors' reader
    does: from (first + 1) / FPS to (last - 1) / FPS."""

    slug = "vfhq"
    title = "VFHQ"
    licence = "non-commercial"
    terms = "VFHQ terms; the videos are their uploaders'"
    gate = "meta files on the VFHQ project page; pictures by request, videos fetched from YouTube by the user"
    yields = "one video or folder of frames per meta file"
    sentinels = ("meta_info|Clip+*.txt",)
    expected = Counts(records=16_827)
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        metas = (meta for folder in META_FOLDERS for meta in files(root / folder, frozenset((".txt",))))
        listed = (self._clip(root, meta) for meta in metas if meta.name.startswith("Clip+"))
        places = (path for home in HOMES for path in [*files(root / home, VIDEO), *folders(root / home)])
        without = (p for p in places if p.name.startswith("Clip+") and not _meta_of(root, p).exists())
        yield from self.with_unlisted(listed, without)

    def _clip(self, root: Path, meta: Path) -> Item:
        match = NAME.fullmatch(meta.stem)
        if match is None:
            return Skipped(printable(meta), "bad_name", "not Clip+<id>+P<person>+C<clip>+F<first>-<last>.txt")
        try:
            facts = _facts(meta)
            fps = facts["FPS"][0]
            height, width = int(facts["H"][0]), int(facts["W"][0])
            left, top, right, bottom = facts["CROP"]
            box = Box(left=left, top=top, right=right, bottom=bottom, width=width, height=height)
            start, end = (int(match["first"]) + 1) / fps, (int(match["last"]) - 1) / fps
        except (KeyError, ValueError, ZeroDivisionError) as error:
            return Skipped(printable(meta), "bad_row", f"H, W, FPS or CROP cannot be read: {error}")
        video = match["video"]
        key = key_from(meta.stem)
        fields: dict[str, Any] = {"subject": f"{video}+P{match['person']}", "group": f"youtube:{video}"}
        fields["annotations"] = {"meta": meta}
        cut = first_of(*(root / home / f"{meta.stem}.mp4" for home in HOMES))
        if cut is not None:
            return self.take(cut, key, **fields)
        raw = first_of(*(root / home / f"{video}.mp4" for home in HOMES))
        if raw is not None:
            return self.take(raw, key, start_s=start, end_s=end, box=box, **fields)
        pictures = first_of(*(root / home / meta.stem for home in HOMES))
        if pictures is not None:
            return self.take_frames(pictures, key, fps, **fields)
        return Skipped(printable(meta), "missing_media", f"neither its video, {video}.mp4 nor its pictures are there")


def _meta_of(root: Path, clip: Path) -> Path:
    """The meta file of a clip's video or folder; a clip that has one in two forms is taken in one of them."""
    places = [root / folder / f"{clip.name.removesuffix('.mp4')}.txt" for folder in META_FOLDERS]
    return first_of(*places) or places[0]


def _facts(meta: Path) -> dict[str, list[float]]:
    """The numbers of the lines that begin with H, W, FPS and CROP; of CROP the last four."""
    facts: dict[str, list[float]] = {}
    for _, line in rows(meta):
        for name, count in (("FPS", 1), ("CROP", 4), ("H", 1), ("W", 1)):
            if line.startswith(name):
                facts[name] = [float(word) for word in line.split()[-count:]]
                break
    return facts
