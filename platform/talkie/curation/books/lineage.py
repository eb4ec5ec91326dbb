"""Which tool, under which licence, made which label of how many clips, and which clips that makes unfit for money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from talkie.clip import ClipRecord
from talkie.errors import BadInput
from talkie.licences import licence_of
from talkie.shards import Dataset

TOOL_KEYS = ("talkie", "decoder")
"""Entries of `ClipRecord.tools` that made no label, but the clip as a whole."""


@dataclass(frozen=True)
class LabelLineage:
    """One row: `clips` clips carry a label made by this tool in this version; licence: of the tool's model."""

    label: str
    tool: str
    version: str
    licence: str
    clips: int


@dataclass(frozen=True)
class LicenceFinding:
    """Clips that commercial work may not use, or not without asking. by: the source's licence, or the model's behind
    `label`; verdict: "non-commercial" where it says no, "unknown" where nobody has said."""

    by: Literal["source", "model"]
    label: str | None
    licence: str
    verdict: Literal["non-commercial", "unknown"]
    clips: tuple[str, ...]


class LineageCount:
    """Collects lineage and licences while records stream by; it holds an id for every clip that is in question."""

    def __init__(self) -> None:
        self._labels: Counter[tuple[str, str, str]] = Counter()
        self._questioned: dict[tuple[str, str | None, str, str], list[str]] = {}

    def add(self, record: ClipRecord) -> None:
        self._question(record.id, "source", None, record.licence)
        for label, tool in record.tools.items():
            licence = record.tool_licences.get(label, "unknown")
            self._labels[label, tool, licence] += 1
            if label not in TOOL_KEYS:
                self._question(record.id, "model", label, licence)

    def table(self) -> list[LabelLineage]:
        """Rows by label, then tool."""
        rows = []
        for (label, tool, licence), clips in sorted(self._labels.items()):
            name, _, version = tool.rpartition(" ")
            rows.append(LabelLineage(label, name or tool, version if name else "", licence, clips))
        return rows

    def findings(self) -> list[LicenceFinding]:
        """The sources' first, then the models'; each the worst first."""
        order = sorted(self._questioned, key=lambda key: (key[0] != "source", key[3], key[1] or "", key[2]))
        return [
            LicenceFinding(by, label, licence, verdict, tuple(self._questioned[by, label, licence, verdict]))  # type: ignore[arg-type]
            for by, label, licence, verdict in order
        ]

    def _question(self, clip: str, by: str, label: str | None, licence: str) -> None:
        if verdict := _verdict(licence):
            self._questioned.setdefault((by, label, licence, verdict), []).append(clip)


def labels_lineage(dataset: Dataset) -> list[LabelLineage]:
    """The lineage of every label of a dataset: a row for each label, tool, version and model licence.

    A `done` licence "unknown" also stands for a tool whose record names none. Raises CorruptShard."""
    return _counted(dataset).table()


def licence_findings(dataset: Dataset) -> list[LicenceFinding]:
    """Which clips carry a non-commercial or unknown licence, by source and by label model. Raises CorruptShard."""
    return _counted(dataset).findings()


def records(dataset: Dataset) -> Iterable[ClipRecord]:
    """Every record in stored order, one in memory at a time."""
    return (dataset.raw(clip).record for clip in dataset.ids())


def _counted(dataset: Dataset) -> LineageCount:
    count = LineageCount()
    for record in records(dataset):
        count.add(record)
    return count


def commercial_use(licence: str) -> bool | None:
    """Whether a licence allows commercial use, None where that is not said. A name that is not known, in a record of
    an older version or of another tool, says nothing."""
    try:
        return licence_of(licence).commercial
    except BadInput:
        return None


def _verdict(name: str) -> Literal["non-commercial", "unknown"] | None:
    commercial = commercial_use(name)
    return None if commercial else "non-commercial" if commercial is False else "unknown"
