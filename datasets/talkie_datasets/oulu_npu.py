"""OULU-NPU: genuine faces and printed or replayed ones before six phones in three sessions, with four protocols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie.clip import Split
from talkie.errors import BadConfig, BadInput
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import VIDEO, beside, files, first_of
from talkie_datasets.text import rows

PARTS: tuple[tuple[str, Split, range], ...] = (
    ("Train", "train", range(1, 21)),
    ("Dev", "val", range(21, 36)),
    ("Test", "test", range(36, 56)),
)
"""Part, split, and the people in it."""
ACCESS = {
    "1": ("genuine", None, None),
    "2": ("attack", "print", "printer_1"),
    "3": ("attack", "print", "printer_2"),
    "4": ("attack", "replay", "display_1"),
    "5": ("attack", "replay", "display_2"),
}
FOLDED = (3, 4)
FOLDS = 6


@dataclass(frozen=True)
class OuluNPU(Dataset):
    """protocol: 1 unseen session, 2 unseen attack, 3 unseen phone, 4 all three; None takes every video by its folder.
    fold: 1 to 6 for protocols 3 and 4.

    The name `<phone>_<session>_<person>_<access>` is the truth; a list's sign is checked against it."""

    protocol: int | None = None
    fold: int | None = None

    slug = "oulu_npu"
    title = "OULU-NPU"
    licence = "agreement"
    terms = "OULU-NPU agreement"
    gate = "signed agreement with the University of Oulu"
    yields = "one video per access; genuine or attack, instrument, phone, session; splits of the chosen protocol"
    sentinels = ("Train_files|Dev_files|Test_files",)
    expected = Counts(records=4_950, identities=55)
    layout_verified = True

    def __post_init__(self) -> None:
        if self.protocol not in (None, 1, 2, 3, 4):
            raise BadConfig(f"oulu_npu has no protocol {self.protocol}", cure="give 1, 2, 3 or 4, or leave it out")
        if self.protocol in FOLDED and self.fold not in range(1, FOLDS + 1):
            raise BadConfig(f"protocol {self.protocol} has six folds", cure="give fold=1 to 6")
        if self.protocol not in FOLDED and self.fold is not None:
            raise BadConfig("only protocols 3 and 4 have folds", cure="leave fold out")

    def find(self, root: Path) -> Iterator[Item]:
        for part, split, people in PARTS:
            listed, bad = self._listed(root, part)
            yield from bad
            seen = set()
            for path in files(root / f"{part}_files", VIDEO):
                seen.add(path.stem)
                if listed is not None and path.stem not in listed:
                    yield Skipped(printable(path), "not_in_protocol", f"protocol {self.protocol} leaves it out")
                else:
                    yield self._access(root, path, split, people, listed)
            for name in sorted(set(listed or ()) - seen):
                where, _ = (listed or {})[name]
                yield Skipped(where, "missing_media", f"{part}_files/{name}.avi is not there")

    def _listed(self, root: Path, part: str) -> tuple[dict[str, tuple[str, bool]] | None, list[Skipped]]:
        """Name to (list and row, genuine) of the protocol's list; None without a protocol."""
        if self.protocol is None:
            return None, []
        name = f"{part}_{self.fold}.txt" if self.fold else f"{part}.txt"
        path = first_of(*(root / home / f"Protocol_{self.protocol}" / name for home in ("Protocols", "protocols")))
        if path is None:
            where = root / "Protocols" / f"Protocol_{self.protocol}" / name
            raise BadInput("there is no such list", where=str(where), cure=f"access: {self.gate}")
        listed: dict[str, tuple[str, bool]] = {}
        bad = []
        for row, line in rows(path):
            match = re.fullmatch(r"([+-]\d)\s*,\s*(\w+)", line)
            if match is None:
                bad.append(Skipped(f"{path}:{row}", "bad_row", f"not <sign>,<name>: {line!r}"))
            else:
                listed[match[2]] = (f"{path}:{row}", match[1][0] == "+")
        return listed, bad

    def _access(
        self, root: Path, path: Path, split: Split, people: range, listed: dict[str, tuple[str, bool]] | None
    ) -> Item:
        match = re.fullmatch(r"([1-6])_([1-3])_(\d\d)_([1-5])", path.stem)
        if match is None:
            return Skipped(printable(path), "bad_name", "not <phone>_<session>_<person>_<access>")
        phone, session, person, access = match.groups()
        if int(person) not in people:
            return Skipped(printable(path), "bad_name", f"person {person} does not belong in {path.parent.name}")
        spoof, attack, instrument = ACCESS[access]
        if listed is not None and listed[path.stem][1] != (spoof == "genuine"):
            return Skipped(listed[path.stem][0], "bad_row", f"its sign contradicts the name {path.stem}")
        return self.take(
            path,
            key_of(root, path),
            subject=person,
            split=split,
            labels={
                "spoof": spoof,
                "attack": attack,
                "instrument": instrument,
                "device": f"phone_{phone}",
                "session": f"session_{session}",
            },
            annotations={"eyes": beside(path, ".txt")},
        )
