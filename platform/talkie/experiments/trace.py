"""Lineage both ways: from a model to what it was trained on, and from a clip, a person or a source to every model that
saw it. It answers for corpora that have changed or gone too, and says what can no longer be known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from talkie.curation.books import Tombstones
from talkie.curation.books.find import find
from talkie.curation.books.lineage import LabelLineage
from talkie.errors import BadInput, NotADataset, TalkieError, UnknownModel
from talkie.experiments.corpora import Snapshot, find_snapshot, snapshot
from talkie.experiments.home import Home
from talkie.experiments.lineage import Corpus, Run, TrainedOn, Version, run_of, runs, trained_on
from talkie.experiments.registry import ModelHandle, resolve_model
from talkie.shards import Dataset, open_dataset
from talkie.shards.history import history, states_with


@dataclass(frozen=True)
class SourceUse:
    """A source whose clips are still in the corpus: where it lay, its SHA-256, and how many clips were read of it."""

    uri: str
    sha256: str
    clips: int


@dataclass(frozen=True)
class CorpusLineage:
    """What a run read of one corpus. now: "unchanged", "changed" or "gone". clips, seconds, identities, source_count,
    shards (clips of each), licences, consents (clips of each) are of the training split as it was then; None or empty
    where nobody kept them. sources: those that can still be named. taken_down: clips of then that tombstones name;
    left: clips that are there no more for whatever reason. unknown: what can no longer be told, in words."""

    digest: str
    place: str
    now: str
    clips: int
    seconds: float | None = None
    identities: int | None = None
    source_count: int | None = None
    shards: dict[str, int] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    consents: dict[str, int] = field(default_factory=dict)
    labels: tuple[LabelLineage, ...] = ()
    sources: tuple[SourceUse, ...] = ()
    taken_down: int = 0
    left: int = 0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelLineage:
    """A model, the run that made it, and every corpus that the run trained on."""

    model: str
    digest: str
    version: Version | None
    run: Run
    corpora: tuple[CorpusLineage, ...]


def model_lineage(ref: str, home: Home | Path | str | None = None) -> ModelLineage:
    """Raises UnknownModel for what is no registered model, and what `resolve_model` raises."""
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(ref, home)
    run = run_of_model(home, handle)
    version = next((v for v in run.versions if v.label == str(handle)), None)
    corpora = tuple(corpus_lineage(home, run, corpus) for corpus in run.read())
    return ModelLineage(str(handle), handle.digest, version, run, corpora)


def run_of_model(home: Home, handle: ModelHandle) -> Run:
    """The run that made a model. Raises UnknownModel for a folder outside the registry."""
    if handle.run_id is None:
        raise UnknownModel(
            "is a folder: nothing is recorded of it", where=str(handle.path), cure="name a registered model"
        )
    return run_of(home, handle.run_id)


def corpus_lineage(home: Home, run: Run, corpus: Corpus) -> CorpusLineage:
    """What is known today of one corpus of a run."""
    kept, dataset, unknown = find_snapshot(home, corpus.digest, run.run_id), open_corpus(corpus), []
    now = "gone" if dataset is None else "unchanged" if dataset.digest == corpus.digest else "changed"
    if kept is None and dataset is not None and now == "unchanged":
        kept = snapshot(dataset)
    if kept is None:
        unknown.append(
            "licences, consents and clips of that state: its table was not kept, and the corpus is another now"
        )
        return CorpusLineage(corpus.digest, corpus.uri, now, corpus.clips, unknown=tuple(unknown))
    trained = kept.of_split()
    clips = trained.clips
    here = dataset.entries if dataset is not None else {}
    gone = [clip for clip in clips if clip not in here]
    stones = Tombstones(corpus.folder) if corpus.folder is not None and corpus.folder.is_dir() else None
    down = sum(stones.has("clip", clip) for clip in gone) if stones else 0
    if gone:
        unknown.append(f"sources and people of {len(gone)} clips that are in the corpus no more")
    if now == "gone":
        unknown.append("what was taken down since: the corpus does not answer")
    return CorpusLineage(
        digest=corpus.digest,
        place=corpus.uri,
        now=now,
        clips=len(clips),
        seconds=trained.seconds,
        identities=trained.distinct("identity"),
        source_count=trained.distinct("source"),
        shards=trained.count("shard"),
        licences=trained.count("licence"),
        consents=trained.count("consent"),
        labels=kept.labels,
        sources=_sources(dataset, clips) if dataset is not None else (),
        taken_down=down,
        left=len(gone),
        unknown=tuple(unknown),
    )


def open_corpus(corpus: Corpus) -> Dataset | None:
    """The corpus as it is today, None where it cannot be read any more."""
    try:
        return open_dataset(corpus.folder or corpus.uri)
    except TalkieError:
        return None


def _sources(dataset: Dataset, clips: list[str]) -> tuple[SourceUse, ...]:
    """Sources of the clips that are still there, by address; one record a source is read for it."""
    counts = Counter(dataset.entries[clip].source for clip in clips if clip in dataset.entries)
    first: dict[str, str] = {}
    for clip in clips:
        if clip in dataset.entries:
            first.setdefault(dataset.entries[clip].source, clip)
    found = [SourceUse(dataset.raw(first[s]).record.source.uri, s, count) for s, count in counts.items()]
    return tuple(sorted(found, key=lambda s: (s.uri, s.sha256)))


@dataclass(frozen=True)
class Traced:
    """Who was trained on something. kind: "clip", "identity" or "source". clips: how many it stands for, None where
    that can no longer be known. trained: every run, with its checkpoints, models, aliases and deployments. possible:
    where the thing was taken down and its clips are no longer known, the runs that read any clip that was taken down:
    it is in some of them, or in none. unknown: what can no longer be told, in words."""

    kind: str
    target: str
    clips: int | None
    trained: tuple[TrainedOn, ...]
    possible: tuple[TrainedOn, ...] = ()
    unknown: tuple[str, ...] = ()


def trace(kind: str, target: str, home: Home | Path | str | None = None, data: tuple[Path, ...] = ()) -> Traced:
    """Every model that was trained on a clip, a person or a source (address, file name or SHA-256).

    It asks every corpus that a run here has read, and those of `data`. Raises BadInput where none knows the target."""
    home = home if isinstance(home, Home) else Home.at(home)
    read = _corpora_read(home)
    folders = sorted({c.folder.resolve() for c, _ in read if c.folder is not None} | {Path(d).resolve() for d in data})
    clips, buried, found, unknown = set[str](), set[str](), False, list[str]()
    if kind == "clip":
        clips, found = {target}, True
    else:
        for folder in folders:
            known = _clips_of(folder, kind, target)
            found |= known is not None
            if known is None:
                continue
            clips |= known
            if not known or _is_buried(folder, kind, target):
                buried |= _buried_clips(home, folder, read)
        # A published copy has no books, but its catalogues name people and sources.
        for corpus, _ in read:
            if corpus.folder is None and (there := _catalogued(corpus, kind, target)):
                clips, found = clips | there, True
    if not found:
        raise BadInput(
            f"no corpus that was trained on here knows the {kind} {target!r}",
            cure="name further corpora with --data; after a takedown, give the name as it was written",
        )
    holds = _Holds(home, read)
    trained = tuple(trained_on(home, lambda digest, folder: holds(digest, folder, frozenset(clips))))
    if kind == "clip" and not trained and not holds.known(target):
        unknown.append("whether the clip ever existed: no table and no history of a corpus here names it")
    if kind != "clip" and (left := _left(folders) - clips - buried):
        unknown.append(f"whose {len(left)} clips are that other changes took out of these corpora")
    possible: tuple[TrainedOn, ...] = ()
    if buried:
        unknown.append(f"which of the {len(buried)} clips that were taken down belonged to this {kind}")
        sure = {use.name for use in trained}
        uses = trained_on(home, lambda digest, folder: holds(digest, folder, frozenset(buried)))
        possible = tuple(use for use in uses if use.name not in sure)
    return Traced(kind, target, len(clips) if clips or not buried else None, trained, possible, tuple(unknown))


def _corpora_read(home: Home) -> list[tuple[Corpus, str]]:
    """Every corpus that a run trained on, with the run."""
    return [(corpus, run.run_id) for run in runs(home) for corpus in run.read()]


def _clips_of(folder: Path, kind: str, target: str) -> set[str] | None:
    """Clips that are in a folder now, an empty set where the target was taken down, None where it is not known."""
    try:
        found = find(folder, target, kind)  # type: ignore[arg-type]
    except (BadInput, NotADataset):
        return None
    # A person or digest that a folder has never seen is "found" too, so that it can be refused in advance.
    return set(found.clips) if found.clips or found.already or _is_buried(folder, kind, target) else None


def _is_buried(folder: Path, kind: str, target: str) -> bool:
    stones = Tombstones(folder)
    kinds = ("identity",) if kind == "identity" else ("source", "address")
    return any(stones.has(k, target) for k in kinds)  # type: ignore[arg-type]


def _buried_clips(home: Home, folder: Path, read: list[tuple[Corpus, str]]) -> set[str]:
    """Clips of any state that was trained on which were taken down since."""
    stones, found = Tombstones(folder), set[str]()
    for corpus, run_id in read:
        if corpus.folder is not None and corpus.folder.resolve() == folder:
            kept = find_snapshot(home, corpus.digest, run_id)
            found |= {clip for clip in (kept.clips if kept else ()) if stones.has("clip", clip)}
    for commit in history(folder):
        found |= {clip for clip in commit.removed if stones.has("clip", clip)}
    return found


def _left(folders: list[Path]) -> set[str]:
    """Clips that a state held and that no folder holds now, for whatever reason."""
    held, here = set[str](), set[str]()
    for folder in folders:
        for commit in history(folder):
            held.update(commit.removed)
        dataset = open_corpus(Corpus("", folder.as_uri(), 0, ""))
        here |= dataset.entries.keys() if dataset is not None else set()
    return held - here


def _catalogued(corpus: Corpus, kind: str, target: str) -> set[str]:
    dataset = open_corpus(corpus)
    if dataset is None:
        return set()
    if kind == "identity":
        return {clip for clip, entry in dataset.entries.items() if entry.identity == target}
    by_source = {clip for clip, entry in dataset.entries.items() if entry.source == target}
    return by_source


class _Holds:
    """Whether a state held some clips, by its table where one was kept, else by the history of its folder."""

    def __init__(self, home: Home, read: list[tuple[Corpus, str]]):
        self._home, self._runs = home, {corpus.digest: run_id for corpus, run_id in read}
        self._read = read
        self._table = lru_cache(maxsize=64)(self._clips_of_state)

    def __call__(self, digest: str, folder: Path | None, clips: frozenset[str]) -> bool:
        table = self._table(digest)
        if table is not None:
            return not clips.isdisjoint(table)
        folders = [folder] if folder is not None else [c.folder for c, _ in self._read if c.folder is not None]
        return any(digest in states_with(place, clips) for place in dict.fromkeys(folders) if place.is_dir())

    def known(self, clip: str) -> bool:
        """Whether any state names it."""
        if any(clip in (self._table(corpus.digest) or ()) for corpus, _ in self._read):
            return True
        folders = {c.folder for c, _ in self._read if c.folder is not None and c.folder.is_dir()}
        return any(states_with(folder, {clip}) for folder in folders)

    def _clips_of_state(self, digest: str) -> frozenset[str] | None:
        kept: Snapshot | None = find_snapshot(self._home, digest, self._runs.get(digest))
        return frozenset(kept.of_split().clips) if kept is not None else None
