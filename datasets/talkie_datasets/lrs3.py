"""LRS3: sentences from TED talks, 224 px at 25 fps, `{pretrain,trainval,test}/<video>/<number>.{mp4,txt}`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, key_of
from talkie_datasets.files import VIDEO, beside, files, folders
from talkie_datasets.text import spoken

PARTS: dict[str, Split] = {"pretrain": "train", "trainval": "train", "test": "test"}


@dataclass(frozen=True)
class LRS3(Dataset):
    """The transcript file holds boxes (rows FRAME X Y W H, shares of the frame) and, in pretrain and trainval, rows
    WORD START END ASDSCORE: it is given as annotations `boxes` and `words`. A talk's id stands for its speaker."""

    slug = "lrs3"
    title = "LRS3"
    licence = "CC-BY-NC-ND-4.0"
    terms = "of the TED talks"
    gate = "official hosting has been withdrawn; only for those who already hold a copy"
    yields = "one video with transcript per clip; pretrain and trainval are train"
    sentinels = ("pretrain|trainval|test",)
    languages = ("en",)
    expected = Counts(records=151_819, train=150_498, test=1_321)
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        for part, split in PARTS.items():
            for talk in folders(root / part):
                for path in files(talk, VIDEO):
                    transcript = beside(path, ".txt")
                    yield self.take(
                        path,
                        key_of(root, path),
                        subject=talk.name,
                        split=split,
                        group=f"youtube:{talk.name}",
                        text=spoken(transcript),
                        labels={"part": part},
                        annotations={"boxes": transcript, "words": transcript},
                    )
