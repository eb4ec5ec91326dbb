"""Gathers what a report shows and writes it as one file. What it looks like is in sections.py and clips.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from talkie.clip import ClipRecord
from talkie.curation.books.lineage import LineageCount
from talkie.curation.report import clips as shown
from talkie.curation.report import sections
from talkie.curation.report.charts import Limit
from talkie.curation.report.look import SCRIPT, STYLE
from talkie.curation.report.markup import Safe, join, page, tag
from talkie.curation.report.pictures import head_angles, show, spread, still, telling
from talkie.curation.report.tally import Corpus, read_books, tally
from talkie.errors import BadInput, CorruptShard, UnreadableMedia
from talkie.shards import Dataset, Ledger, decode_field, open_dataset
from talkie.shards.atomic import write_atomically

SHEET, SHOWN = 48, 4
RECORDS = 2_000
"""Clips whose records are opened for lineage and the meaning of scores; of a larger corpus, a fair sample."""
POSES, POSE_FRAMES = 150, 1_200
MAX_BYTES, SPARE_BYTES = 15_000_000, 3_000_000
"""A mail still takes it. What is spared is for the contact sheet and all that is text."""


class ReportSummary(BaseModel):
    """The file, its size, and what is in it; `unreadable` clips could not be shown, with the reason of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    bytes: int
    clips: int
    pictured: int
    shown: int
    unreadable: dict[str, str]


@dataclass
class Sample:
    """What was opened of a corpus: records in order of id, and the head's yaw and pitch in degrees in some frames."""

    records: dict[str, ClipRecord]
    lineage: LineageCount
    yaw_deg: np.ndarray
    pitch_deg: np.ndarray


def write_report(
    folder: str | Path,
    out: str | Path,
    *,
    limits: Mapping[str, Limit] | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> ReportSummary:
    """Writes the report of a folder of shards, curated or recorded.

    limits: where filters drew their lines, by score; drops that name one in their `values` are used too. progress is
    told what is being done, and how much of how much. Pictures come from a bounded sample, numbers from every clip.
    Raises NotADataset, CorruptShard (a catalogue), BadInput (the file cannot be written).
    """
    folder, out = Path(folder), Path(out)
    dataset = open_dataset(folder)
    corpus, books = tally(dataset), read_books(Ledger(folder))
    unreadable: dict[str, str] = {}
    sample = _sample(dataset, corpus, unreadable, progress)
    sheet = _sheet(dataset, corpus, unreadable, progress)
    long = _shown(dataset, corpus, unreadable, progress)
    drawn = {**sections.limits_of(books), **(limits or {})}
    meanings = {name: text for record in sample.records.values() for name, text in record.score_meaning.items()}
    header = sections.header(folder, dataset, corpus, books, sample.lineage, len(sample.records))
    body = join(
        [
            shown.contact_sheet(sheet, corpus),
            shown.at_length(long),
            sections.scores(corpus, meanings, drawn),
            sections.dropped(books, folder),
            sections.balance(corpus, sample.yaw_deg, sample.pitch_deg),
            sections.lineage(sample.lineage, len(sample.records), corpus.clips),
            sections.copies(books),
        ]
    )
    body = join([header, tag("main", body), sections.footer(unreadable)])
    data = page(f"{folder.name} - talkie report", STYLE, SCRIPT, body)
    try:
        write_atomically(out, data)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(out), cure="choose another --out") from error
    return ReportSummary(
        path=str(out), bytes=len(data), clips=corpus.clips, pictured=len(sheet), shown=len(long), unreadable=unreadable
    )


def _sample(dataset: Dataset, corpus: Corpus, unreadable: dict[str, str], progress: Callable) -> Sample:  # type: ignore[type-arg]
    sample = Sample({}, LineageCount(), np.zeros(0), np.zeros(0))
    chosen = list(corpus.candidates)[:RECORDS]
    yaws, pitches = list[np.ndarray](), list[np.ndarray]()
    for number, clip in enumerate(chosen):
        progress("reading records", number, len(chosen))
        try:
            raw = dataset.raw_of(clip, corpus.candidates[clip])
            sample.records[clip] = raw.record
            sample.lineage.add(raw.record)
            if len(yaws) < POSES and "head.npz" in raw.members:
                yaw, pitch = head_angles(decode_field("head.npz", raw.members["head.npz"]))
                places = np.linspace(0, len(yaw) - 1, min(POSE_FRAMES // min(POSES, len(chosen)) + 1, len(yaw)))
                yaws.append(yaw[places.astype(int)])
                pitches.append(pitch[places.astype(int)])
        except CorruptShard as error:
            unreadable[clip] = str(error)
    if yaws:
        sample.yaw_deg, sample.pitch_deg = np.concatenate(yaws), np.concatenate(pitches)
    return sample


def _sheet(dataset: Dataset, corpus: Corpus, unreadable: dict[str, str], progress: Callable) -> list[shown.Still]:  # type: ignore[type-arg]
    found = []
    chosen = spread(corpus.candidates, SHEET)
    for number, clip in enumerate(chosen):
        progress("contact sheet", number, len(chosen))
        try:
            raw = dataset.raw_of(clip, corpus.candidates[clip])
            found.append(shown.Still(raw.record, still(raw)))
        except (UnreadableMedia, CorruptShard) as error:
            unreadable[clip] = str(error)
    return found


def _shown(dataset: Dataset, corpus: Corpus, unreadable: dict[str, str], progress: Callable) -> list[Safe]:  # type: ignore[type-arg]
    found: list[Safe] = []
    room = MAX_BYTES - SPARE_BYTES
    for clip in telling(corpus.candidates, SHOWN):
        progress("sample clips", len(found), SHOWN)
        try:
            part = shown.clip(show(dataset.raw_of(clip, corpus.candidates[clip])))
            if len(part) <= room:
                found.append(part)
                room -= len(part)
        except (UnreadableMedia, CorruptShard) as error:
            unreadable[clip] = str(error)
    return found
