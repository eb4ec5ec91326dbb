"""What every adapter is: a `Dataset` that turns a folder in its set's official layout into source records and skips.

How files are looked at is in `files`, how an adapter is found by name in `registry`; no set is named here."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ValidationError

from talkie.curation.record import MediaKind, SourceRecord
from talkie.errors import BadInput
from talkie_datasets.files import PICTURES, files, has_sound, trouble_with
from talkie_datasets.text import holes, runs

Reason = Literal[
    "missing_media", "broken", "lfs_pointer", "no_audio", "missing_frames", "bad_row", "bad_name", "unknown_label",
    "not_in_protocol", "duplicate", "not_prepared",
]  # fmt: skip
REASONS: Mapping[Reason, str] = {
    "missing_media": "a list names a file that is not there",
    "broken": "empty, cut off, or not what its suffix says",
    "lfs_pointer": "a Git LFS pointer instead of the file; run `git lfs pull`",
    "no_audio": "a talking set's video without sound in it or beside it",
    "missing_frames": "a sequence with holes, or without a single frame",
    "bad_row": "a line of a list that cannot be read",
    "bad_name": "a file or folder that is not named as the set names its own",
    "unknown_label": "a label that the set does not define",
    "not_in_protocol": "footage that no list names, or that the chosen protocol or split leaves out",
    "duplicate": "the same performance in another form, or a clip that is listed twice",
    "not_prepared": "a raw form that the set's own script has to cut first",
}
"""Every reason for which an adapter passes something over, with its meaning."""


@dataclass(frozen=True)
class Counts:
    """How many records, identities and records of each split the whole set has; None where nobody says."""

    records: int | None = None
    identities: int | None = None
    train: int | None = None
    val: int | None = None
    test: int | None = None

    def known(self) -> dict[str, int]:
        """Those that are known, by name."""
        return {name: count for name, count in asdict(self).items() if count is not None}


@dataclass(frozen=True)
class Skipped:
    """What an adapter passed over: the path (or list and row, `list.txt:7`), the reason and what exactly was seen."""

    path: str
    reason: Reason
    message: str


Item = SourceRecord | Skipped


@dataclass(frozen=True)
class Dataset(ABC):
    """A public data set on disk. Subclasses set the class variables and `find`; fields are a user's choices.

    licence: a name that `talkie.licences` knows; terms: what it is called or about, where that says more. gate: in
    words, who gives access and how. languages: ISO 639 codes of what is spoken. sentinels: paths (globs) under the root
    that must exist; `a|b` is either. expected: counts of the whole set; counts_verified: all of them were read in the
    set's own lists or code, not remembered. layout_verified: the same of the paths and names. talks: a video without
    sound is skipped. yields: in words, what a record is.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    gate: ClassVar[str]
    yields: ClassVar[str]
    sentinels: ClassVar[tuple[str, ...]]
    terms: ClassVar[str] = ""
    languages: ClassVar[tuple[str, ...]] = ()
    expected: ClassVar[Counts] = Counts()
    counts_verified: ClassVar[bool] = False
    layout_verified: ClassVar[bool] = False
    talks: ClassVar[bool] = False

    @abstractmethod
    def find(self, root: Path) -> Iterator[Item]:
        """Records and skips under an absolute root that `check` has passed, in one order on every machine."""

    def records(self, root: str | Path) -> Iterator[Item]:
        """Every record and every skip, sorted and streamed; media are not read. Raises BadInput as `check` does."""
        self.check(root)
        return self.find(Path(os.path.abspath(root)))

    def check(self, root: str | Path) -> None:
        """Raises BadInput that says what is missing under the root and who gives access to the set."""
        path = Path(root)
        if not path.is_dir():
            raise BadInput(f"no such folder for {self.title}", where=str(root), cure=f"access: {self.gate}")
        missing = [s.replace("|", " or ") for s in self.sentinels if not _exists(path, s)]
        if missing:
            raise BadInput(
                f"is no {self.title} folder: there is no {', no '.join(missing)}",
                where=str(root),
                cure=f"name the folder that holds it; access: {self.gate}",
            )

    def take(
        self, path: Path, key: str, *, subject: str | None = None, kind: MediaKind = "video", **fields: Any
    ) -> Item:
        """A record of this set, or the skip that its file deserves. A folder of frames is the caller's to look at.

        fields: of `SourceRecord`; paths may be given as Path, and None in `annotations` and `labels` is left out.
        Sound beside the picture is looked at as the picture is."""
        trouble = None if kind == "frames" or path.is_dir() else trouble_with(path)
        if trouble:
            return Skipped(printable(path), *trouble)
        audio: Path | None = fields.pop("audio_uri", None)
        if audio is not None and (trouble := trouble_with(audio)) is not None:
            return Skipped(printable(audio), *trouble)
        if self.talks and kind == "video" and audio is None and has_sound(path) is False:
            return Skipped(printable(path), "no_audio", "the file has no sound track and there is none beside it")
        for name in ("annotations", "labels"):
            fields[name] = {k: str(v) for k, v in fields.get(name, {}).items() if v is not None}
        fields.setdefault("language", self.languages[0] if len(self.languages) == 1 else "und")
        try:
            return SourceRecord(
                uri=str(path),
                kind=kind,
                key=key,
                dataset=self.slug,
                identity=None if subject is None else f"{self.slug}:{subject}",
                audio_uri=None if audio is None else str(audio),
                licence=self.licence,
                **fields,
            )
        except ValidationError as error:
            return _refused(path, error)

    def take_frames(self, folder: Path, key: str, fps: float, **fields: Any) -> Item:
        """A record of a folder of numbered pictures, or a skip where it is empty, has a hole or a broken first one."""
        pictures = files(folder, PICTURES)
        if not pictures:
            return Skipped(printable(folder), "missing_frames", "holds no picture")
        numbers = [re.search(r"(\d+)$", path.stem) for path in pictures]
        if not all(numbers):
            return Skipped(printable(folder), "bad_name", "holds pictures without a number")
        stretches = runs(sorted(int(n[1]) for n in numbers if n))
        if len(stretches) > 1:
            return Skipped(printable(folder), "missing_frames", f"lacks {holes(stretches)}")
        trouble = trouble_with(pictures[0])
        if trouble:
            return Skipped(printable(pictures[0]), *trouble)
        return self.take(folder, key, kind="frames", fps=fps, **fields)

    def with_unlisted(self, items: Iterable[Item], candidates: Iterable[Path]) -> Iterator[Item]:
        """The items of lists, a clip that is listed twice once, then a skip for every candidate (file or folder of
        frames) that none of them is of."""
        seen: set[str] = set()
        keys: set[str] = set()
        for item in items:
            key, place = (item.key, item.uri) if isinstance(item, SourceRecord) else (None, item.path)
            seen |= {place, os.path.dirname(place)}
            yield Skipped(place, "duplicate", f"{key} is listed twice") if key in keys else item
            if key is not None:
                keys.add(key)
        for path in candidates:
            if printable(path) not in seen:
                yield Skipped(printable(path), "not_in_protocol", "no list names it")


def key_of(root: Path, path: Path) -> str:
    """The key of a file or folder: the parts of its path under the root without suffix, joined by `__`.

    A key holds no dot, because WebDataset starts a member's suffix at the first one."""
    relative = path.relative_to(root)
    return key_from(*relative.parts[:-1], relative.name if path.suffix == "" else relative.stem)


def key_from(*parts: str) -> str:
    """Parts of a name joined to a key."""
    return "__".join(parts).replace(".", "_").replace("/", "__")


def printable(path: str | Path) -> str:
    """A path as text; a byte that is no UTF-8 is written as an escape."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _exists(root: Path, sentinel: str) -> bool:
    return any(next(iter(root.glob(pattern)), None) is not None for pattern in sentinel.split("|"))


def _refused(path: Path, error: ValidationError) -> Skipped:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    named = where == "key" or first["type"] == "string_unicode"
    return Skipped(printable(path), "bad_name" if named else "bad_row", f"{where}: {first['msg']}".lstrip(": "))
