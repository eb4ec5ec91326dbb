"""Replay-Attack: 50 people and attacks with prints, phones and tablets, `{train,devel,test}/{real,attack/*}/*.mov`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import VIDEO, files, first_of, folders, walk

PARTS: dict[str, Split] = {"train": "train", "devel": "val", "test": "test"}
ATTACK = re.compile(r"attack_(print|mobile|highdef)_client(\d{3})_session(\d\d)_(.*(photo|video).*)")


@dataclass(frozen=True)
class ReplayAttack(Dataset):
    """Genuine or attack comes from the folder; device (print, mobile, highdef), sample (photo, video) and light from
    the name. Enrolment videos belong to no spoofing protocol and are skipped as such."""

    slug = "replay_attack"
    title = "Replay-Attack"
    licence = "agreement"
    terms = "Idiap end-user licence"
    gate = "end-user licence agreement with the Idiap Research Institute"
    yields = "one video per access; genuine or attack, device, sample, support, light; official train, devel, test"
    sentinels = ("train|devel|test",)
    expected = Counts(records=1_200, identities=50, train=360, val=360, test=480)
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        for path in walk(root / "enroll", VIDEO):
            yield Skipped(printable(path), "not_in_protocol", "enrolment footage")
        for part, split in PARTS.items():
            for path in files(root / part / "real", VIDEO):
                match = re.fullmatch(r"client(\d{3})_session(\d\d)_.*", path.stem)
                labels = {"spoof": "genuine", "light": _light(path.stem)}
                yield self._access(root, path, split, match and match[1], labels)
            for support in folders(root / part / "attack"):
                for path in files(support, VIDEO):
                    match = ATTACK.fullmatch(path.stem)
                    labels = {"spoof": "attack", "support": support.name, "light": _light(path.stem)}
                    if match is not None:
                        labels |= {"device": match[1], "attack": match[5]}
                    yield self._access(root, path, split, match and match[2], labels)

    def _access(self, root: Path, path: Path, split: Split, client: str | None, labels: dict[str, str | None]) -> Item:
        if client is None:
            return Skipped(printable(path), "bad_name", "names no client in the set's way")
        boxes = root / "face-locations" / path.relative_to(root).with_suffix(".face")
        return self.take(
            path,
            key_of(root, path),
            subject=f"client{client}",
            split=split,
            labels=labels,
            annotations={"boxes": first_of(boxes)},
        )


def _light(name: str) -> str | None:
    return next((light for light in ("adverse", "controlled") if f"_{light}" in name), None)
