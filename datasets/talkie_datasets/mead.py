"""MEAD: actors speaking under eight emotions at three levels before seven cameras, 1080p, sound in files of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from talkie.clip import Split
from talkie.errors import BadConfig
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import VIDEO, first_of, folders, walk

VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")


def _people(text: str) -> frozenset[str]:
    return frozenset(f"{group[0]}{number}" for group in text.split(";") for number in group[1:].split())


EMOTE_SPLIT: dict[Split, frozenset[str]] = {
    "train": _people(
        "M003 005 007 009 011 012 013 019 022 023 024 025 026 027 028 029 030 031;"
        "W009 011 014 015 016 018 019 021 023 024 025 026 028 029"
    ),
    "val": _people("M032 033 034 035;W033 035 036"),
    "test": _people("M037 039 040 041 042;W037 038 040"),
}
"""Identities as EMOTE divides them; MEAD itself has no split by person."""


@dataclass(frozen=True)
class MEAD(Dataset):
    """Paths are read from the right, `<view>/<emotion>/<level>/<number>.mp4`, because some archives unpack into an
    extra folder or one called `1` or `2` instead of `video`. Equal numbers are not equal sentences for every actor
    (M003 is shifted), so no text is given. split: "emote" for that paper's division, None to divide by identity later.
    """

    split: Literal["emote"] | None = None

    slug = "mead"
    title = "MEAD"
    licence = "research-only"
    terms = "MEAD terms"
    gate = "download links on the MEAD project page, terms to be accepted"
    yields = "one video per take and camera, with the take's m4a"
    sentinels = ("[MW][0-9][0-9][0-9]",)
    languages = ("en",)
    expected = Counts(identities=47)
    counts_verified = True
    layout_verified = True
    talks = True

    def __post_init__(self) -> None:
        if self.split not in (None, "emote"):
            raise BadConfig(f"mead has no split {self.split!r}", cure="give 'emote' or leave it out")

    def find(self, root: Path) -> Iterator[Item]:
        for actor in folders(root):
            if re.fullmatch(r"[MW]\d{3}", actor.name):
                for path in walk(actor, VIDEO):
                    yield self._take(root, actor, path)

    def _take(self, root: Path, actor: Path, path: Path) -> Item:
        parts = path.relative_to(actor).parts
        if len(parts) < 4 or not path.stem.isdigit():
            return Skipped(printable(path), "bad_name", "not <view>/<emotion>/<level>/<number>.mp4")
        view, emotion, level = parts[-4:-1]
        match = re.fullmatch(r"level_([123])", level)
        if view not in VIEWS or match is None:
            return Skipped(printable(path), "bad_name", f"no view and level: {view}/{emotion}/{level}")
        if emotion not in EMOTIONS:
            return Skipped(printable(path), "unknown_label", f"MEAD has no emotion {emotion!r}")
        return self.take(
            path,
            key_of(root, path),
            subject=actor.name,
            split=self._split(actor.name),
            group=f"mead:{actor.name}/{emotion}/{level}/{path.stem}",
            audio_uri=first_of(actor / "audio" / emotion / level / f"{path.stem}.m4a"),
            labels={
                "emotion": emotion,
                "intensity": match[1],
                "view": view,
                "sex": "male" if actor.name[0] == "M" else "female",
            },
        )

    def _split(self, actor: str) -> Split | None:
        if self.split is None:
            return None
        return next((split for split, people in EMOTE_SPLIT.items() if actor in people), None)
