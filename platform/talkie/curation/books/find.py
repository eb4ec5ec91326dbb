"""What a takedown means in a folder: from a source, a person or a clip to all clips and copies. Reads only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from talkie.clip import FPS
from talkie.curation.books.tombstones import Tombstones
from talkie.errors import BadInput, NotADataset
from talkie.shards import Dataset, Ledger, LedgerEntry, open_dataset

TargetKind = Literal["source", "identity", "clip"]
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Found(BaseModel):
    """What goes. clips: ids in the shards. sources: SHA-256 of whole media files, of copies too; keys, uris: what the
    ledger knows them by. copies: uris of those that were dropped as copies. identity: the person's name. spans: of a
    single clip, its source's SHA-256, start and end in seconds. kept_sources: sources that hold other people too, so
    that only the person is refused. seconds: of the clips; shards: that hold them. already: it had been taken down
    before, and nothing of it is here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: TargetKind
    clips: list[str] = []
    sources: list[str] = []
    keys: list[str] = []
    uris: list[str] = []
    copies: list[str] = []
    identity: str | None = None
    spans: list[tuple[str, float, float]] = []
    kept_sources: list[str] = []
    seconds: float = 0.0
    shards: list[str] = []
    already: bool = False


class _Corpus:
    """What is known of the sources of a folder: from the catalogues, a record a source, and one pass over the ledger,
    of which the lines about copies are kept and those that `target` names."""

    def __init__(self, folder: Path, target: str) -> None:
        try:
            self.dataset: Dataset | None = open_dataset(folder)
        except NotADataset:
            self.dataset = None
        self.entries = self.dataset.entries if self.dataset else {}
        self.clips_of: dict[str, list[str]] = {}
        for clip, entry in self.entries.items():
            self.clips_of.setdefault(entry.source, []).append(clip)
        self.ledger = Ledger(folder)
        self._places: dict[str, tuple[str, str]] | None = None
        self.copies: list[LedgerEntry] = []
        self.meant: list[LedgerEntry] = []
        for line in self.ledger.stream():
            if target in (line.uri, line.name, line.sha256, line.input_sha256):
                self.meant.append(line)
            if _is_copy(line):
                self.copies.append(line)

    def named(self, name: str) -> dict[str, str]:
        """Sources with this address or file name: SHA-256 (or the ledger's key, where that is all there is) -> uri."""
        found = {source: uri for source, (uri, short) in self.places().items() if name in (uri, short)}
        found |= {self.source_of(line): line.uri for line in self.meant if name in (line.uri, line.name)}
        return found

    def places(self) -> dict[str, tuple[str, str]]:
        """Address and file name of every source that has a clip, from one record each."""
        if self._places is None:
            raw = self.dataset.raw if self.dataset else None
            firsts = {source: raw(clips[0]).record.source for source, clips in self.clips_of.items()} if raw else {}
            self._places = {source: (place.uri, place.name) for source, place in firsts.items()}
        return self._places

    def source_of(self, line: LedgerEntry) -> str:
        """The media file's SHA-256 as well as a line can tell it."""
        if line.input_sha256:
            return line.input_sha256
        if line.of and line.of not in self.entries:
            return line.of
        return next((self.entries[clip].source for clip in line.clips if clip in self.entries), line.sha256)


def _is_copy(line: LedgerEntry) -> bool:
    """A drop that names what it is a copy of; the first format named it in words only."""
    return line.of is not None or line.cause == "duplicate_of"


def find(folder: Path, target: str, kind: TargetKind | None = None) -> Found:
    """All that `target` stands for: a source (address, file name or SHA-256), a person, or a clip's id.

    kind: what it is meant to be; then it may also be one that this folder has never seen. Raises BadInput where nothing
    matches, or where a name stands for several things."""
    corpus, stones = _Corpus(folder, target), Tombstones(folder)
    meanings = _meanings(corpus, target)
    if kind is not None:
        meanings = {k: v for k, v in meanings.items() if k == kind}
    if len(meanings) > 1:
        names = " and ".join(f"a {kind}" for kind in meanings)
        raise BadInput(f"{target!r} is {names}", where=str(folder), cure="say which with --as")
    if not meanings:
        return _unknown(folder, target, kind, stones)
    (kind, sources), *_ = meanings.items()
    if kind == "clip":
        return _weighed(_one_clip(corpus, target), corpus)
    if len(sources) > 1 and kind == "source":
        places = ", ".join(sorted(sources.values()))
        raise BadInput(f"{target!r} stands for {len(sources)} sources: {places}", cure="give an address or a SHA-256")
    found = _person(corpus, target) if kind == "identity" else _whole_sources(corpus, set(sources))
    return _weighed(found, corpus)


def _weighed(found: Found, corpus: _Corpus) -> Found:
    entries = [corpus.entries[clip] for clip in found.clips]
    seconds, shards = sum(entry.frames for entry in entries) / FPS, sorted({entry.shard for entry in entries})
    return found.model_copy(update={"seconds": seconds, "shards": shards})


def _meanings(corpus: _Corpus, target: str) -> dict[TargetKind, dict[str, str]]:
    found: dict[TargetKind, dict[str, str]] = {}
    if target in corpus.entries:
        found["clip"] = {}
    if any(entry.identity == target for entry in corpus.entries.values()):
        found["identity"] = {}
    by_digest = [line for line in corpus.meant if target in (line.sha256, line.input_sha256)]
    if target in corpus.clips_of:
        found["source"] = {target: target}
    elif by_digest:
        found["source"] = {corpus.source_of(line): line.uri for line in by_digest}
    elif named := corpus.named(target):
        found["source"] = named
    return found


def _unknown(folder: Path, target: str, kind: TargetKind | None, stones: Tombstones) -> Found:
    for there in ("source", "clip", "identity", "address"):
        if stones.has(there, target):  # type: ignore[arg-type]
            return Found(kind="source" if there == "address" else there, already=True)  # type: ignore[arg-type]
    if kind == "identity":
        return Found(kind=kind, identity=target)
    if kind == "source" and _SHA256.fullmatch(target):
        return Found(kind=kind, sources=[target])
    raise BadInput(
        f"no source, person or clip here is called {target!r}",
        where=str(folder),
        cure="`talkie inspect` lists them; --as source SHA256 or --as identity NAME refuses one before it comes",
    )


def _one_clip(corpus: _Corpus, clip: str) -> Found:
    assert corpus.dataset is not None
    place = corpus.dataset.raw(clip).record.source
    copies = [line for line in corpus.copies if line.of == clip]
    return Found(
        kind="clip",
        clips=[clip],
        spans=[(place.sha256, place.start_s, place.end_s)],
        sources=sorted({line.input_sha256 for line in copies if line.input_sha256}),
        keys=sorted({line.sha256 for line in copies}),
        uris=sorted({line.uri for line in copies}),
        copies=sorted({line.uri for line in copies}),
    )


def _person(corpus: _Corpus, identity: str) -> Found:
    """The person's clips everywhere; a source goes as a whole where nobody else has a clip in it."""
    clips = {clip for clip, entry in corpus.entries.items() if entry.identity == identity}
    touched = {corpus.entries[clip].source for clip in clips}
    alone = {source for source in touched if clips.issuperset(corpus.clips_of[source])}
    found = _whole_sources(corpus, alone, clips)
    values = {"kind": "identity", "identity": identity, "kept_sources": sorted(touched - alone)}
    return found.model_copy(update={**values, "clips": sorted(clips | set(found.clips))})


def _whole_sources(corpus: _Corpus, sources: set[str], clips: set[str] | None = None) -> Found:
    """Sources with all that was made of them, of what they are copies of, and of what are copies of them."""
    sources, clips, copies = set(sources), set(clips or ()), set[str]()
    while True:
        before = len(sources), len(clips), len(copies)
        for source in sources & corpus.clips_of.keys():
            clips.update(corpus.clips_of[source])
        for line in corpus.copies:
            original = corpus.entries[line.of].source if line.of in corpus.entries else line.of
            if line.of in clips or not sources.isdisjoint({original, line.input_sha256}):
                copies.add(line.uri)
                sources |= {s for s in (original, line.input_sha256) if s}
        if before == (len(sources), len(clips), len(copies)):
            break
    uris = {corpus.places()[source][0] for source in sources & corpus.clips_of.keys()} | copies
    keys, told = set[str](), set[str]()
    for line in corpus.ledger.stream():
        if corpus.source_of(line) in sources or line.uri in uris or line.message in told:
            keys.add(line.sha256)
            uris.add(line.uri)
            # Lines of the first format name the original of a copy in words only, and follow its own.
            told.add(f"same content as {line.uri}")
            if _is_copy(line):
                copies.add(line.uri)
    return Found(
        kind="source",
        clips=sorted(clips),
        sources=sorted(sources),
        keys=sorted(keys),
        uris=sorted(uris),
        copies=sorted(copies),
    )
