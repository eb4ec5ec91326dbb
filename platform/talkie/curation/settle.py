"""What only all sources together can tell: who is who, what is there twice, what was taken down. Then the commit.

The result is a function of the staged and the committed clips, whatever order they came in, so that a run that was
killed ends like one that was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import ClipRecord, split_of
from talkie.curation.books import Tombstones
from talkie.curation.config import CurateConfig
from talkie.curation.judgement.duplicates import Fingerprint, find_duplicates
from talkie.curation.people import cluster_identities
from talkie.faces.embedding import ArcFaceEmbedder, ChartEmbedder
from talkie.shards import Dataset, RawClip, decode_field

FINGERPRINT = "fingerprint.npz"


@dataclass(frozen=True)
class _Seen:
    """A clip with what it is compared by."""

    raw: RawClip
    staged: bool
    face: np.ndarray | None
    picture: np.ndarray
    sound: np.ndarray | None

    @property
    def record(self) -> ClipRecord:
        return self.raw.record


@dataclass
class Settled:
    """clips: new and changed ones; remove: ids that go; dropped: the reason for every staged or committed clip that is
    not kept, as a cause, a message and the id of what it is a copy of."""

    clips: list[RawClip] = field(default_factory=list)
    remove: set[str] = field(default_factory=set)
    dropped: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)


def settle(staged: Iterable[RawClip], dataset: Dataset | None, config: CurateConfig, stones: Tombstones) -> Settled:
    """What becomes of the staged clips beside those that are committed already."""
    result = Settled()
    clips = {clip.record.id: clip for clip in staged}
    before = {} if dataset is None else {i: dataset.raw(i) for i in dataset.ids() if i not in clips}
    seen = [_seen(clips[i], staged=True) for i in sorted(clips)] + [
        _seen(before[i], staged=False) for i in sorted(before)
    ]
    for item in seen:
        record = item.record
        span = (record.source.start_s, record.source.end_s)
        refusal = stones.refuses(record.source.sha256, record.id, record.identity, span)
        if refusal is not None:
            result.dropped[record.id] = ("taken_down", refusal, None)
    kept = [item for item in seen if item.record.id not in result.dropped]
    if config.drop_near_duplicates:
        for clip, original in _copies(kept).items():
            result.dropped[clip] = ("near_duplicate", f"shows the same as clip {original}", original)
        kept = [item for item in kept if item.record.id not in result.dropped]
    names = _names(kept, _same(config)) if config.cluster_identities else {}
    for item, record in zip(kept, _split([_named(item.record, names) for item in kept]), strict=True):
        if item.staged or record != item.record:
            result.clips.append(replace(item.raw, record=record))
    result.remove = set(result.dropped) & set(before)
    return result


def _seen(raw: RawClip, *, staged: bool) -> _Seen:
    values: Mapping[str, Any] = {}
    if FINGERPRINT in raw.members:
        values = decode_field(FINGERPRINT, raw.members[FINGERPRINT])
    picture = values.get("picture", np.zeros(0, np.uint64))
    return _Seen(raw, staged, values.get("face"), picture, values.get("sound"))


def _copies(items: list[_Seen]) -> dict[str, str]:
    """Clip ids that show the same as another, with the id of the one that is kept. Two people of one file are none."""
    prints = [
        Fingerprint(
            item.record.id,
            item.picture,
            item.sound,
            item.record.frames,
            item.record.scores.get("face_px", 0.0),
        )
        for item in items
        if len(item.picture)
    ]
    return {clip: group.kept for group in find_duplicates(prints) for clip in group.ids if clip != group.kept}


def _same(config: CurateConfig) -> float:
    """The likeness from which on two faces are one person's, for the embedder that the run has."""
    embedder = ArcFaceEmbedder if "arcface" in config.models else ChartEmbedder
    return embedder.same if config.same_face is None else config.same_face


def _names(items: list[_Seen], same: float) -> dict[str, str]:
    """The identity of each clip whose face tells who it is, by clip id; people seen at the same time are two."""
    faces = [item for item in items if item.face is not None]
    if not faces:
        return {}
    records = [item.record for item in faces]
    known = [record.identity if record.identity_origin == "given" else None for record in records]
    found = cluster_identities(
        np.stack([item.face for item in faces if item.face is not None]),
        [record.id for record in records],
        same=same,
        known=known,
        apart=_at_once(records),
    )
    alone = Counter(found.name)
    return {r.id: name for r, name in zip(records, found.name, strict=True) if alone[name] > 1}


def _at_once(records: list[ClipRecord]) -> Iterator[tuple[str, str]]:
    """Pairs of clips of one file that overlap in time: by start, each with those that begin before it ends."""
    order = sorted(records, key=lambda r: (r.source.sha256, r.source.start_s, r.id))
    for number, record in enumerate(order):
        for other in order[number + 1 :]:
            if other.source.sha256 != record.source.sha256 or other.source.start_s >= record.source.end_s:
                break
            yield record.id, other.id


def _named(record: ClipRecord, names: Mapping[str, str]) -> ClipRecord:
    """The record with the name that its faces give, or with one of its own."""
    if record.identity_origin == "given":
        return record
    name = names.get(record.id)
    origin = "alone" if name is None else "clustered"
    return record.model_copy(update={"identity": name or f"clip-{record.id}", "identity_origin": origin})


def _split(records: list[ClipRecord]) -> list[ClipRecord]:
    """The records with splits that tear neither a person nor a group: whatever is connected by either is on one side.
    A split that the owner stated stays."""
    root: dict[str, str] = {}

    def top(key: str) -> str:
        while root.setdefault(key, key) != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    derived = [r for r in records if r.split_origin == "derived"]
    for record in derived:
        # The lesser name stands for both, so that the order of the clips does not matter.
        low, high = sorted((top(record.identity), top(record.group or record.identity)))
        root[high] = low
    sides = {r.id: split_of(top(r.identity)) for r in derived}
    return [r.model_copy(update={"split": sides[r.id]}) if r.id in sides else r for r in records]
