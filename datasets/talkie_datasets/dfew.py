"""DFEW: emotions in 16,372 film clips, released as frames, with five folds of single-label lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie.errors import BadConfig, BadInput
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from
from talkie_datasets.files import first_of, folders
from talkie_datasets.text import table

EMOTIONS = {"1": "happy", "2": "sad", "3": "neutral", "4": "angry", "5": "surprise", "6": "disgust", "7": "fear"}
FRAME_FOLDERS = ("Clip/clip_224x224", "data")
FOLDS = 5


@dataclass(frozen=True)
class DFEW(Dataset):
    """fold: which of the five divisions into train and test, 1 to 5. fps: frames a second of the released frames; no
    list states it, so it is the user's to choose and label `fps` says that it is assumed."""

    fold: int = 1
    fps: float = 25.0

    slug = "dfew"
    title = "DFEW"
    licence = "agreement"
    terms = "DFEW terms of request"
    gate = "request form on the DFEW project page (Southeast University)"
    yields = "one folder of frames per single-label clip; train and test of one fold"
    sentinels = ("Clip/clip_224x224|data", "EmoLabel_DataSplit|label")
    expected = Counts(records=11_697, train=9_356, test=2_341)
    counts_verified = True
    layout_verified = True

    def __post_init__(self) -> None:
        if not 1 <= self.fold <= FOLDS:
            raise BadConfig(f"dfew has no fold {self.fold}", cure=f"give 1 to {FOLDS}")
        if self.fps <= 0:
            raise BadConfig(f"dfew cannot run at {self.fps} fps", cure="give a positive rate, such as 25")

    def find(self, root: Path) -> Iterator[Item]:
        home = first_of(*(root / parent for parent in FRAME_FOLDERS)) or root
        yield from self.with_unlisted(self._listed(root, home), folders(home))

    def _listed(self, root: Path, home: Path) -> Iterator[Item]:
        for part in ("train", "test"):
            name = f"single_{part}set_{self.fold}.csv"
            path = first_of(root / "EmoLabel_DataSplit" / f"{part}(single)" / name, root / "label" / name)
            if path is None:
                raise BadInput(f"there is no {name}", where=str(root), cure=f"access: {self.gate}")
            split: Split = "train" if part == "train" else "test"
            for row, fields in table(path):
                yield self._clip(home, f"{path}:{row}", fields, split)

    def _clip(self, home: Path, where: str, fields: dict[str, str], split: Split) -> Item:
        name, number = fields.get("video_name", "").removesuffix(".mp4"), fields.get("label", "")
        if not name.isdigit():
            return Skipped(where, "bad_row", f"no video_name and label: {fields}")
        if number not in EMOTIONS:
            return Skipped(where, "unknown_label", f"DFEW has no label {number!r}")
        clip = f"{int(name):05d}"
        folder = home / clip
        if not folder.is_dir():
            return Skipped(where, "missing_media", f"there are no frames of {clip}")
        return self.take_frames(
            folder,
            key_from(clip),
            self.fps,
            split=split,
            labels={"emotion": EMOTIONS[number], "fold": f"fold{self.fold}", "fps": "assumed"},
        )
