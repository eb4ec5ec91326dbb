"""`talkie curate`: what is new among the sources goes to the engine, what it staged becomes shards and ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from talkie.curation import engine
from talkie.curation.books import Tombstones, exception_text, finish_takedown, plan_replay
from talkie.curation.commit import commit_staged
from talkie.curation.config import CurateConfig
from talkie.curation.outcome import Outcome
from talkie.curation.planning import Plan, plan
from talkie.curation.progress import CurationEvent, Progress
from talkie.curation.sources import DigestCache, Source, discover
from talkie.curation.staging import Staging
from talkie.curation.summary import CurationSummary, summary_of
from talkie.curation.worker import CuratorFactory, units
from talkie.errors import BadInput, TalkieError
from talkie.shards import Dataset, Ledger, LedgerEntry, existing_dataset, settings_digest
from talkie.shards.lock import sole_writer

STEP_TIMEOUT_S = 3600.0
"""For a piece of ten minutes on a slow core, with every label there is."""


def curate(
    sources: Iterable[str | Path],
    out: str | Path,
    config: CurateConfig | None = None,
    *,
    dataset: str | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    memory_bytes: int | None = None,
    step_timeout_s: float = STEP_TIMEOUT_S,
    replay: bool | str = False,
    on_event: Callable[[CurationEvent], None] = lambda event: None,
) -> CurationSummary:
    """Turn footage into clips in `out`, doing only what the ledger there does not know yet.

    sources: see `discover`; dataset: the name of an adapter, whose `options` they are roots of. workers: actors
    (default: one a core). memory_bytes: what the run may hold on each machine. step_timeout_s: for one piece of a
    source. replay: only dead letters are tried, again, where no sources are given all of them; a text: only those of
    that cause. Ctrl-C commits what is finished and raises KeyboardInterrupt; a killed run's finished sources are
    committed by the next one.

    Raises BadInput (nothing found, output not writable), SettingsConflict and StorageConflict (another process curates
    into `out`) before Ray is started, and DiskFull; what was finished by then is kept. A source that cannot be used
    raises nothing: it is a dead letter of the summary.
    """
    started = time.monotonic()
    out, config = Path(out), config or CurateConfig()
    limits = engine.Limits(workers, memory_bytes, step_timeout_s)
    with sole_writer(out, "curate"):
        finish_takedown(out)
        before = existing_dataset(out, config.settings())
        named, again = [str(source) for source in sources], None
        if replay:
            letters = plan_replay(out, None if replay is True else replay, named, dataset)
            named, again = letters.arguments, letters.keys
        found = discover(named, dataset=dataset, options=options, digests=DigestCache(_digests_file()))
        return _curate(found, again, out, config, before, limits, on_event, started)


def _curate(
    found: list[Source],
    again: Collection[str] | None,
    out: Path,
    config: CurateConfig,
    before: Dataset | None,
    limits: engine.Limits,
    on_event: Callable[[CurationEvent], None],
    started: float,
) -> CurationSummary:
    """`curate` once the folder is held and the sources are found; again: keys of the dead letters to replay."""
    settings = config.settings()
    digest = settings_digest(settings)
    ledger, staging, stones = Ledger(out), Staging(out, digest), Tombstones(out)
    todo = plan(found, ledger, before, digest, staging.keys(), stones, again)
    progress = Progress(todo.todo, on_event, started)
    current = before
    if todo.todo or todo.refused or todo.staged or before is None:
        _prepare(out, staging)
        try:
            if todo.todo:
                progress.found()
                _work(todo, staging, CuratorFactory(config, str(out.resolve()), digest), limits, progress)
        finally:
            progress.settling()
            current = commit_staged(out, staging, config, settings, ledger, stones, todo.refused, progress.settled)
    elif staging.root.is_dir():
        # What a run left that was killed after its commit.
        _prepare(out, staging)
        staging.clear()
    assert current is not None
    return summary_of(found, todo, ledger, current, progress, out, time.monotonic() - started)


def _digests_file() -> Path:
    """What is known of files from earlier runs. Not in the shards: it names places, and takedowns do not reach it."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "talkie" / "digests.sqlite"


def _prepare(out: Path, staging: Staging) -> None:
    try:
        staging.prepare()
    except OSError as error:
        raise BadInput(f"cannot be written to: {error.strerror}", where=str(out)) from error


def _work(todo: Plan, staging: Staging, factory: CuratorFactory, limits: engine.Limits, progress: Progress) -> None:
    """Have every source staged, those on which workers fail as dead letters."""
    sources = {source.key: source for source in todo.todo}

    def tell(event: engine.Event) -> None:
        match event:
            case engine.SourceDied(unit, error):
                source = sources[unit.source]
                staging.put(source.key, Outcome(entries=[_dead(source, error, unit.step, factory.settings_digest)]))
                progress.died(source, error)
            case engine.SourceDone(key):
                progress.finished(sources[key])
            case engine.Started(unit, _):
                progress.started(sources[unit.source])
            case engine.Finished(unit, note):
                progress.noted(note)
            case engine.EngineStatus():
                progress.status(event)

    engine.run(units(todo.todo), factory, limits, tell, total_sources=len(todo.todo))


def _dead(source: Source, error: TalkieError, step: str, settings: str) -> LedgerEntry:
    return LedgerEntry(
        sha256=source.key,
        input_sha256=source.sha256,
        name=source.name,
        uri=source.uri,
        given=source.through,
        status="dead",
        cause=error.cause,
        message=str(error),
        exception=exception_text(error),
        step=error.step or step,
        settings=settings,
    )


__all__ = ["CurationEvent", "CurationSummary", "Dataset", "curate"]
