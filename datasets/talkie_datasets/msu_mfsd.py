"""MSU-MFSD: 35 people and three attacks before a laptop and a phone, `scene01/{real,attack}`, `.mov` and `.mp4`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import VIDEO, beside, files

CLIENTS: dict[Split, frozenset[str]] = {
    "train": frozenset(f"{n:03d}" for n in (2, 3, *range(5, 10), 11, 12, 21, 22, 34, 53, 54, 55)),
    "test": frozenset(
        f"{n:03d}" for n in (1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, *range(48, 52))
    ),
}
REAL = re.compile(r"real_client(\d{3})_(android|laptop)_SD_scene01")
ATTACK = re.compile(r"attack_client(\d{3})_(android|laptop)_SD_(ipad_video|iphone_video|printed_photo)_scene01")


@dataclass(frozen=True)
class MSUMFSD(Dataset):
    """The suffix follows the camera: android films are .mp4, laptop films .mov. Some android films lie on their side.
    The public release holds 35 of the 55 clients; there is no dev set."""

    slug = "msu_mfsd"
    title = "MSU-MFSD"
    licence = "agreement"
    terms = "MSU agreement"
    gate = "signed agreement with Michigan State University"
    yields = "one video per access; genuine or attack, instrument, device; official train and test"
    sentinels = ("scene01/real|scene01/attack",)
    expected = Counts(records=280, identities=35)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        for folder, pattern in (("real", REAL), ("attack", ATTACK)):
            for path in files(root / "scene01" / folder, VIDEO):
                yield self._access(root, path, pattern)

    def _access(self, root: Path, path: Path, pattern: re.Pattern[str]) -> Item:
        match = pattern.fullmatch(path.stem)
        if match is None:
            return Skipped(printable(path), "bad_name", f"not named as {path.parent.name} videos are")
        client, device = match[1], match[2]
        split = next((name for name, people in CLIENTS.items() if client in people), None)
        if split is None:
            return Skipped(printable(path), "not_in_protocol", f"client {client} is in neither list")
        return self.take(
            path,
            key_of(root, path),
            subject=f"client{client}",
            split=split,
            labels={
                "spoof": "genuine" if pattern is REAL else "attack",
                "attack": None if pattern is REAL else match[3],
                "device": device,
            },
            annotations={"boxes": beside(path, ".face")},
        )
