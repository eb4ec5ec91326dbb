"""HDTF: high-resolution talking faces from YouTube, known by five lists per subset; cut clips or whole downloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkie.curation.record import Box
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from
from talkie_datasets.files import VIDEO, files, first_of
from talkie_datasets.text import clock, rows

SUBSETS = ("RD", "WDA", "WRA")
CLIP_FOLDERS = ("", "clips", "videos")
RAW_FOLDERS = ("_videos_raw", "raw")


@dataclass(frozen=True)
class HDTF(Dataset):
    """Lists drive it, because ids disappear. A cut clip (`Radio11_0.mp4` or `RD_Radio11_000.mp4`) is taken as it is;
    a whole download (`_videos_raw/RD_Radio11.mp4`) with its time span and its box, whose reference size is the listed
    height at 16:9. The usual downloader fetches no sound: those clips are skipped with `no_audio`.

    The person is the video's name: the lists do not say who is in two of them."""

    slug = "hdtf"
    title = "HDTF"
    licence = "unknown"
    terms = "metadata CC-BY-4.0; the videos are their uploaders'"
    gate = "lists in the authors' repository; the videos are fetched from YouTube by the user"
    yields = "one video per listed interval, cut or as span and box of the download"
    sentinels = ("HDTF_dataset/RD_video_url.txt|RD_video_url.txt|*_video_url.txt",)
    languages = ("en",)
    expected = Counts(identities=368)
    counts_verified = True
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        clips = (path for folder in CLIP_FOLDERS for path in files(root / folder, VIDEO))
        yield from self.with_unlisted(self._listed(root), clips)

    def _listed(self, root: Path) -> Iterator[Item]:
        lists = root / "HDTF_dataset" if (root / "HDTF_dataset").is_dir() else root
        for subset in SUBSETS:
            urls = lists / f"{subset}_video_url.txt"
            if urls.is_file():
                spans, crops, heights = (
                    _fields(lists / f"{subset}_{name}.txt") for name in ("annotion_time", "crop_wh", "resolution")
                )
                for row, line in rows(urls):
                    yield from self._video(root, f"{urls}:{row}", subset, line, spans, crops, heights)

    def _video(
        self,
        root: Path,
        where: str,
        subset: str,
        line: str,
        spans: dict[str, list[str]],
        crops: dict[str, list[str]],
        heights: dict[str, list[str]],
    ) -> Iterator[Item]:
        name, _, url = line.partition(" ")
        match = re.search(r"(?:v=|youtu\.be/)([\w-]{11})", url)
        if match is None:
            yield Skipped(where, "bad_row", f"no YouTube address in {line!r}")
            return
        if f"{name}.mp4" not in spans:
            yield Skipped(where, "bad_row", f"{subset}_annotion_time.txt has no intervals of {name}.mp4")
            return
        for number, span in enumerate(spans[f"{name}.mp4"]):
            clip = f"{name}_{number}"
            fields: dict[str, Any] = {"subject": f"{subset}_{name}", "group": f"youtube:{match[1]}"}
            fields["labels"] = {"subset": subset}
            cut = _find(root, CLIP_FOLDERS, f"{clip}.mp4", f"{subset}_{name}_{number:03d}.mp4")
            raw = _find(root, RAW_FOLDERS, f"{subset}_{name}.mp4", f"{name}.mp4", f"{match[1]}.mp4")
            key = key_from(subset, clip)
            if cut is not None:
                yield self.take(cut, key, **fields)
            elif raw is None:
                yield Skipped(where, "missing_media", f"neither the clip {clip}.mp4 nor the video of {name} is there")
            else:
                try:
                    start, end = (clock(part) for part in span.split("-"))
                    box = _box(crops[f"{clip}.mp4"], heights[f"{name}.mp4"])
                except (KeyError, ValueError) as error:
                    yield Skipped(where, "bad_row", f"interval or crop of {clip} cannot be read: {error}")
                    continue
                yield self.take(raw, key, start_s=start, end_s=end, box=box, **fields)


def _fields(path: Path) -> dict[str, list[str]]:
    """First word of every line to the others."""
    if not path.is_file():
        return {}
    return {words[0]: words[1:] for _, line in rows(path) if (words := line.split())}


def _find(root: Path, parents: tuple[str, ...], *names: str) -> Path | None:
    return first_of(*(root / parent / name for parent in parents for name in names))


def _box(crop: list[str], resolution: list[str]) -> Box:
    """The crop `left width top height` in pixels of a 16:9 picture of the listed height (`720`, `720p`)."""
    left, width, top, height = (int(number) for number in crop)
    reference = int(resolution[0].rstrip("p"))
    return Box(
        left=left, top=top, right=left + width, bottom=top + height, width=round(reference * 16 / 9), height=reference
    )
