"""BIWI B3D(AC)^2: 14 speakers' face meshes of 23,370 vertices at 25 fps, as one file per sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from talkie.clip import Split
from talkie.errors import BadConfig
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import files, first_of, vertices_trouble, walk

TRAIN_PEOPLE = frozenset(("F2", "F3", "F4", "M3", "M4", "M5"))
VERTICES = 23_370


@dataclass(frozen=True)
class BIWI(Dataset):
    """Read is the form that speech-driven animation uses, `vertices_npy/F2_e01.npy` with `wav/`; `e` marks the
    emotional take of a sentence. The authors' archives (`faces/*.tar`, one .vl a frame) are skipped as not prepared.

    split: "codetalker" divides by that paper's lists: six people's sentences 1-32 train, 33-36 val, 37-40 test A, the
    other eight people's 37-40 test B; what the lists leave out is skipped. None divides by identity later."""

    split: Literal["codetalker"] | None = None

    slug = "biwi"
    title = "BIWI 3D Audiovisual Corpus"
    licence = "agreement"
    terms = "ETH Zurich"
    gate = "signed agreement with the Computer Vision Laboratory, ETH Zurich"
    yields = "one mesh sequence per sentence, with its wav"
    sentinels = ("vertices_npy|faces",)
    languages = ("en",)
    expected = Counts(identities=14)
    counts_verified = True
    layout_verified = True

    def __post_init__(self) -> None:
        if self.split not in (None, "codetalker"):
            raise BadConfig(f"biwi has no split {self.split!r}", cure="give 'codetalker' or leave it out")

    def find(self, root: Path) -> Iterator[Item]:
        for archive in walk(root / "faces", frozenset((".tar", ".tgz", ".gz"))):
            yield Skipped(printable(archive), "not_prepared", "convert its .vl frames to vertices_npy/<take>.npy first")
        for path in files(root / "vertices_npy", frozenset((".npy",))):
            yield self._take(root, path)

    def _take(self, root: Path, path: Path) -> Item:
        match = re.fullmatch(r"([FM]\d)_(e?)(\d\d)", path.stem)
        if match is None:
            return Skipped(printable(path), "bad_name", "not <speaker>_<e?><sentence>.npy")
        trouble = vertices_trouble(path, VERTICES)
        if trouble is not None:
            return Skipped(printable(path), "broken", trouble)
        person, emotional, sentence = match[1], bool(match[2]), int(match[3])
        split, test_set = self._split(person, sentence) if emotional else (None, None)
        if self.split is not None and split is None:
            return Skipped(printable(path), "not_in_protocol", f"no list of {self.split} names it")
        return self.take(
            path,
            key_from(path.stem),
            kind="vertices",
            subject=person,
            split=split,
            fps=25.0,
            audio_uri=first_of(root / "wav" / f"{path.stem}.wav"),
            labels={
                "take": "emotional" if emotional else "neutral",
                "sentence": f"sentence{sentence:02d}",
                "sex": "female" if person[0] == "F" else "male",
                "test_set": test_set,
                "topology": "BIWI",
            },
            annotations={
                "templates": first_of(root / "templates.pkl"),
                "lip_region": first_of(root / "regions" / "lve.txt", root / "lve.txt"),
                "upper_face_region": first_of(root / "regions" / "fdd.txt", root / "fdd.txt"),
            },
        )

    def _split(self, person: str, sentence: int) -> tuple[Split | None, str | None]:
        if self.split is None:
            return None, None
        if person in TRAIN_PEOPLE:
            if sentence <= 36:
                return ("train" if sentence <= 32 else "val"), None
            return "test", "A"
        return ("test", "B") if sentence >= 37 else (None, None)
