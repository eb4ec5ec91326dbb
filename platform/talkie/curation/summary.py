"""What a curation run tells when it is over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from talkie.curation.planning import Plan
from talkie.curation.progress import Progress
from talkie.curation.sources import Source
from talkie.shards import Dataset, Ledger, LedgerEntry


class CurationSummary(BaseModel):
    """Counts everything: `sources` = `already_done` + `done` + `dead` + `refused`. `dead_letters` are those of all
    named sources, also of earlier runs; `clips` and `footage_s` are this run's, `clips_total` the folder's. refused:
    copies of other files, what is no footage, and what was taken down. work_s: from the first unit of work to the end
    of the last; frames_decoded, frames_needed: pictures that went through decoders and those whose time was asked for;
    encodes: crops encoded. peak_bytes: the most that driver, Ray and workers held."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: str
    sources: int
    already_done: int
    done: int
    dead: int
    refused: int
    drops: dict[str, int]
    clips: int
    clips_total: int
    footage_s: float
    wall_s: float
    work_s: float
    frames_decoded: int
    frames_needed: int
    encodes: int
    peak_bytes: int
    digest: str
    dead_letters: list[LedgerEntry]

    @property
    def nothing_to_do(self) -> bool:
        return self.done == self.dead == self.refused == 0


def summary_of(
    found: list[Source], plan: Plan, ledger: Ledger, dataset: Dataset, progress: Progress, out: Path, wall_s: float
) -> CurationSummary:
    new = {source.key for source in plan.todo}
    drops = Counter(entry.cause or "" for entry in ledger.newest("drop", keys=new)) if new else Counter[str]()
    drops.update(entry.cause or "" for entry in plan.refused)
    dead = list(ledger.newest("dead", keys={source.key for source in found}))
    return CurationSummary(
        out=str(out),
        sources=len(found),
        already_done=plan.already,
        done=progress.done - progress.failed,
        dead=progress.failed,
        refused=len(plan.refused),
        drops=dict(sorted(drops.items())),
        clips=progress.clips,
        clips_total=len(dataset),
        footage_s=round(progress.footage_s, 3),
        wall_s=round(wall_s, 3),
        work_s=round(progress.work_s, 3),
        frames_decoded=progress.decoded,
        frames_needed=progress.needed,
        encodes=progress.encodes,
        peak_bytes=progress.peak_bytes,
        digest=dataset.digest,
        dead_letters=sorted(dead, key=lambda entry: entry.uri),
    )
