"""GRID: 34 talkers who say 1000 six-word commands each, `s1/bbaf2n.mpg` and `s1/align/bbaf2n.align`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from talkie.clip import Split
from talkie.errors import BadConfig
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import first_of, folders, walk
from talkie_datasets.text import rows

GRAMMAR = (
    ("command", {"b": "bin", "l": "lay", "p": "place", "s": "set"}),
    ("colour", {"b": "blue", "g": "green", "r": "red", "w": "white"}),
    ("preposition", {"a": "at", "b": "by", "i": "in", "w": "with"}),
    ("letter", {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"}),
    (
        "digit",
        dict(
            zip(
                "z123456789",
                ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
                strict=True,
            )
        ),
    ),
    ("adverb", {"a": "again", "n": "now", "p": "please", "s": "soon"}),
)
"""The six places of a sentence: the letter in the file's name and the word that is spoken. There is no letter w."""
UNSEEN_TEST = frozenset(("s1", "s2", "s20", "s22"))


@dataclass(frozen=True)
class GRID(Dataset):
    """The name is the sentence; a word list (times in 1/1000 of a frame, 25 fps) is checked against it and given as
    annotation `words`. It lies in the talker's folder or in `align/<talker>`: talkers share names.

    split: "unseen" makes s1, s2, s20 and s22 the test, as lip-reading papers do; None leaves it."""

    split: Literal["unseen"] | None = None

    slug = "grid"
    title = "GRID"
    licence = "CC-BY-4.0"
    gate = "open: the GRID corpus pages of the University of Sheffield"
    yields = "one video per sentence with text and word times"
    sentinels = ("s[0-9]*",)
    languages = ("en",)
    expected = Counts(records=32_870, identities=33)
    counts_verified = True
    layout_verified = True
    talks = True

    def __post_init__(self) -> None:
        if self.split not in (None, "unseen"):
            raise BadConfig(f"grid has no split {self.split!r}", cure="give 'unseen' or leave it out")

    def find(self, root: Path) -> Iterator[Item]:
        for talker in folders(root):
            if re.fullmatch(r"s\d{1,2}", talker.name):
                for path in walk(talker, frozenset((".mpg", ".mp4"))):
                    yield self._sentence(root, talker, path)

    def _sentence(self, root: Path, talker: Path, path: Path) -> Item:
        if len(path.stem) != 6:
            return Skipped(printable(path), "bad_name", "a sentence's name has six letters")
        words = {}
        for (place, known), letter in zip(GRAMMAR, path.stem, strict=True):
            if letter not in known:
                return Skipped(printable(path), "bad_name", f"no {place} begins with {letter!r}")
            words[place] = known[letter]
        name = f"{path.stem}.align"
        align = first_of(talker / "align" / name, root / "align" / talker.name / name)
        if align is not None and (said := _said(align)) != list(words.values()):
            return Skipped(
                printable(align), "bad_row", f"says {' '.join(said)!r}, the name {' '.join(words.values())!r}"
            )
        split: Split | None = None
        if self.split is not None:
            split = "test" if talker.name in UNSEEN_TEST else "train"
        return self.take(
            path,
            key_of(root, path),
            subject=talker.name,
            split=split,
            text=" ".join(words.values()),
            labels=words,
            annotations={"words": align},
        )


def _said(align: Path) -> list[str]:
    """The words of an alignment file, without silences."""
    lines = (line.split() for _, line in rows(align))
    return [line[-1].lower() for line in lines if line and line[-1].lower() not in ("sil", "sp")]
