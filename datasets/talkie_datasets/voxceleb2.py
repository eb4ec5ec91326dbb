"""VoxCeleb2: speaking faces cut from YouTube, 224 px at 25 fps, `{dev,test}/mp4/<id>/<video>/<utterance>.mp4`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, key_of
from talkie_datasets.files import VIDEO, files, first_of, folders

PARTS: dict[str, Split] = {"dev": "train", "test": "test"}


@dataclass(frozen=True)
class VoxCeleb2(Dataset):
    """The sound lies in the video; where it does not, it is looked for in the `aac` tree beside `mp4`.

    Boxes of the `txt` tree are shares of the frame here (in VoxCeleb1 they are pixels)."""

    slug = "voxceleb2"
    title = "VoxCeleb2"
    licence = "unknown"
    terms = "metadata CC-BY-4.0; the videos are their uploaders'"
    gate = "request form of the VGG group, Oxford (VoxCeleb project page)"
    yields = "one video per utterance; dev is train, test is test"
    sentinels = ("dev/mp4|test/mp4",)
    expected = Counts(records=1_128_246, train=1_092_009, test=36_237, identities=6_112)
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        for part, split in PARTS.items():
            for person in folders(root / part / "mp4"):
                for video in folders(person):
                    for path in files(video, VIDEO):
                        yield self._utterance(root, part, split, path)

    def _utterance(self, root: Path, part: str, split: Split, path: Path) -> Item:
        person, video = path.parts[-3:-1]
        place = Path(person, video, path.stem)
        return self.take(
            path,
            key_of(root, path),
            subject=person,
            split=split,
            group=f"youtube:{video}",
            audio_uri=first_of(root / part / "aac" / place.with_suffix(".m4a")),
            annotations={"boxes": first_of(root / part / "txt" / place.with_suffix(".txt"))},
        )
