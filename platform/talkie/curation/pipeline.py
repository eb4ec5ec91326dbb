"""`talkie curate`: what is new among the sources goes to the workers, what they staged into shards and ledger."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from talkie.curation import actors
from talkie.curation.config import CurateConfig
from talkie.curation.sources import SourceFile, discover
from talkie.curation.staging import Staging
from talkie.errors import BadInput
from talkie.shards import Dataset, Ledger, LedgerEntry, commit, existing_dataset, settings_digest


@dataclass(frozen=True)
class CurationEvent:
    """Progress. `done` of `total` new sources are finished, `failed` of them dead, with `clips` clips out of
    `footage_s` seconds of footage, at `rate` seconds of footage a second; `eta_s` goes by bytes."""

    kind: Literal["found", "started", "finished"]
    source: str | None
    cause: str | None
    done: int
    total: int
    failed: int
    clips: int
    footage_s: float
    rate: float
    eta_s: float | None


class CurationSummary(BaseModel):
    """Counts everything: `sources` = `already_done` + `done` + `dead` + `duplicates`. `dead_letters` are those of
    all named sources, also of earlier runs; `clips` and `footage_s` are this run's, `clips_total` the folder's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: str
    sources: int
    already_done: int
    done: int
    dead: int
    duplicates: int
    drops: dict[str, int]
    clips: int
    clips_total: int
    footage_s: float
    wall_s: float
    digest: str
    dead_letters: list[LedgerEntry]

    @property
    def nothing_to_do(self) -> bool:
        return self.done == self.dead == self.duplicates == 0


def curate(
    sources: Iterable[str | Path],
    out: str | Path,
    config: CurateConfig | None = None,
    *,
    workers: int | None = None,
    retry_dead: bool = False,
    on_event: Callable[[CurationEvent], None] = lambda event: None,
) -> CurationSummary:
    """Turn footage into clips in `out`, doing only what the ledger there does not know yet.

    workers: actors (default: one a core). retry_dead: dead letters are tried again. Ctrl-C commits what is
    finished and raises KeyboardInterrupt; a killed run's finished sources are committed by the next one.

    Raises BadInput (nothing found, output not writable) and SettingsConflict before Ray is started. A source
    that cannot be used raises nothing: it is a dead letter of the summary.
    """
    started = time.monotonic()
    out, config = Path(out), config or CurateConfig()
    settings = config.settings()
    digest = settings_digest(settings)
    dataset = existing_dataset(out, settings)
    found = discover(sources)
    ledger, staging = Ledger(out), Staging(out, digest)
    plan = _plan(found, ledger, dataset, digest, staging.keys(), retry_dead)
    progress = _Progress(plan.todo, on_event, started)
    if plan.todo or plan.duplicates or plan.staged or dataset is None:
        _prepare(out, staging)
        try:
            if plan.todo:
                progress.report("found", None, None)
                actors.run(plan.todo, staging, out, config, digest, workers, progress.report)
        finally:
            dataset = _settle(out, staging, settings, ledger, plan.duplicates)
    assert dataset is not None
    return _summary(found, plan, ledger, dataset, progress, out, time.monotonic() - started)


@dataclass(frozen=True)
class _Plan:
    todo: list[SourceFile]
    staged: set[str]
    duplicates: list[LedgerEntry]
    already_done: int


def _plan(
    found: list[SourceFile], ledger: Ledger, dataset: Dataset | None, digest: str, staged: set[str], retry: bool
) -> _Plan:
    """Sort the sources into new, known, finished but not committed, and copies of another."""
    latest = ledger.latest()
    known_uris = {entry.uri for entries in latest.values() for entry in entries if entry.status == "done"}
    groups: dict[str, list[SourceFile]] = {}
    for source in found:
        groups.setdefault(source.sha256, []).append(source)
    todo, duplicates, already = [], [], 0
    for group in groups.values():
        # Of equal files the one already curated speaks for all, else the one with most lying beside it.
        group.sort(key=lambda s: (s.uri not in known_uris, -_sidecars(s), s.uri))
        first, *copies = group
        if first.key in staged or _is_known(latest.get(first.key, []), dataset, digest, retry):
            already += 1
        else:
            todo.append(first)
        entries = [_duplicate(copy, first, digest) for copy in copies]
        duplicates += [entry for entry in entries if entry.sha256 not in latest]
        already += sum(entry.sha256 in latest for entry in entries)
    return _Plan(todo, staged, duplicates, already)


def _sidecars(source: SourceFile) -> int:
    return sum(path is not None for path in (source.audio, source.transcript, source.facts))


def _is_known(entries: list[LedgerEntry], dataset: Dataset | None, digest: str, retry: bool) -> bool:
    """Done means that the ledger says so under these settings and that the shards hold every clip it names."""
    if not entries or entries[-1].settings != digest or dataset is None:
        return False
    last = entries[-1]
    return not retry if last.status == "dead" else set(last.clips) <= dataset.entries.keys()


def _duplicate(copy: SourceFile, first: SourceFile, digest: str) -> LedgerEntry:
    # A digest of its own: under that of the content it would look like a new attempt at the first.
    own = hashlib.sha256(f"duplicate|{copy.sha256}|{copy.uri}".encode()).hexdigest()
    return LedgerEntry(
        sha256=own,
        name=copy.name,
        uri=copy.uri,
        status="drop",
        cause="duplicate_of",
        message=f"same content as {first.uri}",
        step="discover",
        settings=digest,
    )


def _prepare(out: Path, staging: Staging) -> None:
    try:
        staging.prepare()
    except OSError as error:
        raise BadInput(f"cannot be written to: {error.strerror}", where=str(out)) from error


def _settle(
    out: Path, staging: Staging, settings: dict[str, object], ledger: Ledger, duplicates: list[LedgerEntry]
) -> Dataset:
    """Commit everything staged, then tell the ledger, then forget the staging: a crash in between repeats it."""
    outcomes = [staging.get(key) for key in sorted(staging.keys())]
    dataset = commit(out, (clip for outcome in outcomes for clip in outcome.clips), settings=settings)
    ledger.append(*(entry for outcome in outcomes for entry in outcome.entries), *duplicates)
    staging.clear()
    return dataset


class _Progress:
    """Counts what the workers report and passes it on as events."""

    def __init__(self, todo: list[SourceFile], on_event: Callable[[CurationEvent], None], started: float) -> None:
        self._on_event, self._started = on_event, started
        self._bytes, self._bytes_done = sum(s.size for s in todo), 0
        self.total, self.done, self.failed, self.clips, self.footage_s = len(todo), 0, 0, 0, 0.0

    def report(self, kind: str, source: SourceFile | None, result: actors.Brief | None) -> None:
        if source is not None and result is not None:
            self.done += 1
            self.failed += result.cause is not None
            self.clips += result.clips
            self.footage_s += result.footage_s
            self._bytes_done += source.size
        elapsed = time.monotonic() - self._started
        left = self._bytes - self._bytes_done
        self._on_event(
            CurationEvent(
                kind=kind,  # type: ignore[arg-type]
                source=source.name if source else None,
                cause=result.cause if result else None,
                done=self.done,
                total=self.total,
                failed=self.failed,
                clips=self.clips,
                footage_s=self.footage_s,
                rate=self.footage_s / elapsed if elapsed > 0 else 0.0,
                eta_s=elapsed * left / self._bytes_done if self._bytes_done else None,
            )
        )


def _summary(
    found: list[SourceFile],
    plan: _Plan,
    ledger: Ledger,
    dataset: Dataset,
    progress: _Progress,
    out: Path,
    wall_s: float,
) -> CurationSummary:
    latest = ledger.latest()
    new = {source.key for source in plan.todo}
    drops = Counter(e.cause or "" for key in new for e in latest.get(key, []) if e.status == "drop")
    drops.update(entry.cause or "" for entry in plan.duplicates)
    keys = {source.key for source in found}
    dead = [entries[-1] for key, entries in latest.items() if key in keys and entries[-1].status == "dead"]
    return CurationSummary(
        out=str(out),
        sources=len(found),
        already_done=plan.already_done,
        done=progress.done - progress.failed,
        dead=progress.failed,
        duplicates=len(plan.duplicates),
        drops=dict(sorted(drops.items())),
        clips=progress.clips,
        clips_total=len(dataset),
        footage_s=round(progress.footage_s, 3),
        wall_s=round(wall_s, 3),
        digest=dataset.digest,
        dead_letters=sorted(dead, key=lambda entry: entry.uri),
    )
