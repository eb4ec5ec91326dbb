"""Takes a source, a person or a clip out of a folder for good, in steps that a crash may fall between; finding them is
in find.py, what was trained on them in `talkie.experiments.lineage`."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from talkie.curation.books.find import Found, TargetKind, find
from talkie.curation.books.tombstones import TAKEN_DOWN, TOMBSTONES_NAME, Tombstone, Tombstones
from talkie.errors import CorruptShard, NotADataset
from talkie.shards import Dataset, Ledger, LedgerEntry, commit, open_dataset
from talkie.shards.atomic import write_atomically
from talkie.shards.catalog import read_catalog
from talkie.shards.history import HISTORY_NAME, states_with
from talkie.shards.index import INDEX_NAME
from talkie.shards.ledger import LEDGER_NAME
from talkie.shards.lock import sole_writer
from talkie.shards.writer import MAX_SHARD_BYTES, SHARD_NAME

JOURNAL_NAME = ".takedown.json"
STAGING_NAME = ".staging"
_BOOKS = re.compile(rf"{INDEX_NAME}|{HISTORY_NAME}|{TOMBSTONES_NAME}|{LEDGER_NAME}|ledger-\d{{6}}\.parquet")
_HALF = re.compile(r"\.shard-|\..*\.tmp$")
"""Files on their way to a name of their own."""
_CHUNK = 2**20


class Takedown(BaseModel):
    """What a takedown did, or would do (dry_run).

    found: all that went. rewritten: shards that are new, or would be. states: for every corpus digest that held
    some of the clips, how many; checkpoints trained on one of them are touched. before, after: the corpus digest.
    staged, ledger_lines: how many were removed or blackened. suspects: files in the folder that are not talkie's, hold
    traces and were left alone, such as a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    found: Found
    dry_run: bool
    rewritten: list[str] = []
    states: dict[str, int] = {}
    before: str | None = None
    after: str | None = None
    staged: int = 0
    ledger_lines: int = 0
    suspects: list[str] = []


class _Journal(BaseModel):
    """The intention, on disk until everything is done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    found: Found
    target: str
    reason: str
    on: str
    before: str | None
    shards: list[str]
    max_shard_bytes: int


def plan_takedown(folder: Path, target: str, kind: TargetKind | None = None) -> Takedown:
    """What `takedown` would do; nothing is changed. Raises what `find` raises."""
    found = find(folder, target, kind)
    dataset = _dataset(folder)
    return Takedown(
        folder=str(folder),
        found=found,
        dry_run=True,
        rewritten=found.shards,
        states={digest: len(clips) for digest, clips in _states(folder, found).items()},
        before=dataset.digest if dataset else None,
        after=None,
    )


def takedown(
    folder: Path,
    target: str,
    kind: TargetKind | None = None,
    reason: str = "",
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Takedown:
    """Removes every clip of the target and what else the folder knows of it, and leaves tombstones that refuse it.

    A takedown that was interrupted is finished first. It holds the folder alone. `reason` is kept: it should name
    nobody. Raises what `find` raises, StorageConflict where another process writes here, and CorruptShard where
    something is left at the end."""
    folder = Path(folder)
    with sole_writer(folder, "takedown"):
        return _takedown(folder, target, kind, reason, max_shard_bytes)


def _takedown(folder: Path, target: str, kind: TargetKind | None, reason: str, max_shard_bytes: int) -> Takedown:
    finish_takedown(folder)
    found = find(folder, target, kind)
    dataset = _dataset(folder)
    digest = dataset.digest if dataset else None
    if found.already:
        return Takedown(folder=str(folder), found=found, dry_run=False, before=digest, after=digest)
    journal = _Journal(
        found=found,
        target=target,
        reason=reason,
        on=datetime.datetime.now(datetime.UTC).date().isoformat(),
        before=digest,
        shards=[shard.name for shard in dataset.index.shards] if dataset else [],
        max_shard_bytes=max_shard_bytes,
    )
    write_atomically(folder / JOURNAL_NAME, journal.model_dump_json().encode())
    return _carry_out(folder, journal)


def finish_takedown(folder: Path) -> Takedown | None:
    """Finishes a takedown that was interrupted; None where there is none. `talkie curate` calls it first."""
    path = folder / JOURNAL_NAME
    if not path.exists():
        return None
    try:
        journal = _Journal.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorruptShard("does not parse", where=str(path), cure="restore it, or take down again") from error
    return _carry_out(folder, journal)


def _carry_out(folder: Path, journal: _Journal) -> Takedown:
    """Every step can be repeated: a crash anywhere costs only the work since the step began."""
    found = journal.found
    _bury(folder, journal)
    dataset = _dataset(folder)
    if dataset is not None:
        settings, limit = dataset.index.settings, journal.max_shard_bytes
        dataset = commit(folder, (), settings=settings, remove=found.clips, max_shard_bytes=limit)
    _sweep(folder, dataset)
    staged = _unstage(folder, found)
    lines = _blacken(folder, journal)
    suspects = _verify(folder, journal, dataset)
    result = Takedown(
        folder=str(folder),
        found=found,
        dry_run=False,
        rewritten=sorted({shard.name for shard in dataset.index.shards} - set(journal.shards)) if dataset else [],
        states={digest: len(clips) for digest, clips in _states(folder, found).items()},
        before=journal.before,
        after=dataset.digest if dataset else None,
        staged=staged,
        ledger_lines=lines,
        suspects=suspects,
    )
    (folder / JOURNAL_NAME).unlink()
    return result


def _bury(folder: Path, journal: _Journal) -> None:
    """The tombstones come first: from here on nothing can be curated again."""
    stones, found = Tombstones(folder), journal.found

    def stone(kind, name, **values):  # type: ignore[no-untyped-def]
        return Tombstone(kind=kind, digest=stones.digest(kind, name), on=journal.on, reason=journal.reason, **values)

    made = [stone("source", source) for source in found.sources]
    made += [stone("clip", clip) for clip in found.clips]
    made += [stone("source", source, start_s=start, end_s=end) for source, start, end in found.spans]
    made += [stone("address", uri) for uri in found.uris]
    if found.identity is not None:
        made.append(stone("identity", found.identity))
    elif found.kind == "source" and journal.target not in (*found.uris, *found.sources):
        made.append(stone("address", journal.target))
    stones.add(made)


def _sweep(folder: Path, dataset: Dataset | None) -> None:
    """Shards that no index names, and half-written files: what a crash of this or an earlier run left."""
    shards = dataset.index.shards if dataset else []
    named = {name for shard in shards for name in (shard.name, shard.catalog_name)}
    for path in folder.iterdir():
        orphan = SHARD_NAME.fullmatch(path.name) and path.name not in named
        if orphan or _HALF.match(path.name):
            path.unlink()


def _unstage(folder: Path, found: Found) -> int:
    """Removes finished work of a source that waits to be committed, wherever something of the target is in it: the
    rest of such a source is simply made again."""
    root, removed = folder / STAGING_NAME, 0
    if not root.is_dir():
        return 0
    patterns = _patterns(found)
    for unit in sorted(path for run in root.iterdir() if run.is_dir() for path in run.iterdir()):
        if unit.name in found.keys or _holds(unit, patterns):
            shutil.rmtree(unit) if unit.is_dir() else unit.unlink()
            removed += 1
    return removed


def _holds(unit: Path, patterns: list[bytes]) -> bool:
    files = [unit] if unit.is_file() else sorted(path for path in unit.rglob("*") if path.is_file())
    return any(
        any(pattern in path.name.encode() for pattern in patterns) or _contains(path, patterns) for path in files
    )


def _blacken(folder: Path, journal: _Journal) -> int:
    """Takes the ledger's lines about the sources out, with names and addresses, and single clips out of the others;
    one line without a name says that something was taken down."""
    found, ledger = journal.found, Ledger(folder)
    keys, uris, clips = set(found.keys), set(found.uris), set(found.clips)
    stones = Tombstones(folder)
    mark = LedgerEntry(
        sha256=stones.digest("address", journal.target),
        name=TAKEN_DOWN,
        uri="",
        status="drop",
        cause="taken_down",
        message=journal.reason or None,
        step="takedown",
    )

    def change(entry: LedgerEntry) -> LedgerEntry | None:
        if entry == mark:
            return entry
        if entry.sha256 in keys or entry.uri in uris or entry.clip in clips:
            return None
        if found.identity is not None and entry.identity == found.identity:
            return None
        if clips.isdisjoint(entry.clips):
            return entry
        return entry.model_copy(update={"clips": [clip for clip in entry.clips if clip not in clips]})

    changed = ledger.rewrite(change)
    if mark not in ledger.newest("drop", "taken_down", {mark.sha256}):
        ledger.append(mark)
    return changed


def _verify(folder: Path, journal: _Journal, dataset: Dataset | None) -> list[str]:
    """Checks that nothing is left: no clip in a catalogue, every new shard as its index says, no trace in the books.
    Returns the foreign files that hold a trace. Raises CorruptShard."""
    # Late: every curation sees whether a takedown was broken off, few have one to finish.
    import pyarrow.compute as pc

    gone = pa.array(journal.found.clips, pa.string())
    for shard in dataset.index.shards if dataset else []:
        if pc.any(pc.is_in(read_catalog(folder / shard.catalog_name, shard.catalog)["clip"], gone)).as_py():
            raise CorruptShard("a clip is still here", where=shard.name, cure="run the same takedown again")
        if shard.name not in journal.shards:
            with (folder / shard.name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                    raise CorruptShard(
                        "the new shard differs from its record", where=shard.name, cure="check the disk, then try again"
                    )
    found = journal.found
    traces = _patterns(found.model_copy(update={"identity": None}))
    for line in Ledger(folder).stream():
        named = found.identity is not None and line.identity == found.identity
        if not named and not any(trace in _text(line) for trace in traces):
            continue
        raise CorruptShard("the ledger still names it", where=str(folder), cure="run the same takedown again")
    return [str(path.relative_to(folder)) for path in _foreign(folder) if _holds(path, _patterns(found))]


def _foreign(folder: Path) -> Iterator[Path]:
    """Files that are neither shards, catalogues nor books."""
    for path in sorted(folder.rglob("*")):
        book = path.parent == folder and (_BOOKS.fullmatch(path.name) or path.name == JOURNAL_NAME)
        if path.is_file() and not book and not SHARD_NAME.fullmatch(path.name):
            yield path


def _text(line: LedgerEntry) -> bytes:
    return json.dumps(line.model_dump(mode="json"), ensure_ascii=False).encode()


def _patterns(found: Found) -> list[bytes]:
    """What would betray a trace: ids and digests, addresses as they are and as JSON spells them, the person's name."""
    whole = [*found.clips, *found.sources]
    quoted = [*found.uris, *([found.identity] if found.identity else [])]
    spelt = [json.dumps(text, ensure_ascii=ascii_only) for text in quoted for ascii_only in (True, False)]
    return [text.encode("utf-8", "surrogateescape") for text in dict.fromkeys([*whole, *spelt])]


def _contains(path: Path, patterns: list[bytes]) -> bool:
    """Whether one of the patterns is among the bytes of a file, of which a piece is in memory at a time."""
    overlap = max((len(pattern) for pattern in patterns), default=1) - 1
    with path.open("rb") as file:
        before = b""
        while piece := file.read(_CHUNK):
            data = before + piece
            if any(pattern in data for pattern in patterns):
                return True
            before = data[-overlap:] if overlap else b""
    return False


def _states(folder: Path, found: Found) -> dict[str, frozenset[str]]:
    return states_with(folder, found.clips)


def _dataset(folder: Path) -> Dataset | None:
    try:
        return open_dataset(folder)
    except NotADataset:
        return None
