"""What only all sources together can tell: who is who, what is there twice, what was taken down.

The result is a function of the staged and the committed clips, whatever order they came in, so that a run that was
killed ends like one that was not. Of each clip a few names and numbers are held, never its record or its media."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkie.clip import ClipRecord, Split, split_of
from talkie.curation.books import Tombstones
from talkie.curation.config import CurateConfig
from talkie.curation.judgement.duplicates import Fingerprint, find_duplicates
from talkie.faces.embedding import ArcFaceEmbedder, ChartEmbedder
from talkie.shards import Dataset, RawClip, decode_field

FINGERPRINT = "fingerprint.npz"
_NO_PICTURE = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who a clip shows and on which side of the split it is."""

    identity: str
    identity_origin: str
    split: Split

    def applied(self, record: ClipRecord) -> ClipRecord:
        """The record with it."""
        return record.model_copy(
            update={"identity": self.identity, "identity_origin": self.identity_origin, "split": self.split}
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A clip with what it is compared by: face (D,), picture (T,) uint64; about two kilobytes."""

    id: str
    staged: bool
    sha256: str
    start_s: float
    end_s: float
    frames: int
    face_px: float
    identity: str
    identity_origin: str
    group: str | None
    split: Split
    split_origin: str
    face: np.ndarray | None
    picture: np.ndarray


@dataclass
class Settled:
    """verdicts: of new and changed clips, by id; remove: ids that go; dropped: the reason for every staged or committed
    clip that is not kept, as a cause, a message and the id of what it is a copy of."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    remove: set[str] = field(default_factory=set)
    dropped: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)


def settle(staged: Iterable[RawClip], dataset: Dataset | None, config: CurateConfig, stones: Tombstones) -> Settled:
    """What becomes of the staged clips beside those that are committed already. Each is asked for once."""
    result = Settled()
    clips = {clip.record.id: _seen(clip, staged=True) for clip in staged}
    for clip in _committed(dataset):
        clips.setdefault(clip.record.id, _seen(clip, staged=False))
    seen = sorted(clips.values(), key=lambda item: (not item.staged, item.id))
    for item in seen:
        refusal = stones.refuses(item.sha256, item.id, item.identity, (item.start_s, item.end_s))
        if refusal is not None:
            result.dropped[item.id] = ("taken_down", refusal, None)
    kept = [item for item in seen if item.id not in result.dropped]
    if config.drop_near_duplicates:
        for clip_id, original in _copies(kept).items():
            result.dropped[clip_id] = ("near_duplicate", f"shows the same as clip {original}", original)
        kept = [item for item in kept if item.id not in result.dropped]
    names = _names(kept, _same(config)) if config.cluster_identities else {}
    for item, verdict in zip(kept, _verdicts(kept, names), strict=True):
        if item.staged or verdict != Verdict(item.identity, item.identity_origin, item.split):
            result.verdicts[item.id] = verdict
    result.remove = {clip_id for clip_id in result.dropped if not clips[clip_id].staged}
    return result


def _committed(dataset: Dataset | None) -> Iterator[RawClip]:
    """What is in the shards, one catalogue in memory at a time."""
    for shard in dataset.index.shards if dataset is not None else []:
        assert dataset is not None
        for clip, entry in dataset.entries_of(shard).items():
            yield dataset.raw_of(clip, entry)


def _seen(clip: RawClip, *, staged: bool) -> _Seen:
    values: Mapping[str, Any] = {}
    if FINGERPRINT in clip.members:
        values = decode_field(FINGERPRINT, clip.members[FINGERPRINT])
    record = clip.record
    return _Seen(
        id=record.id,
        staged=staged,
        sha256=record.source.sha256,
        start_s=record.source.start_s,
        end_s=record.source.end_s,
        frames=record.frames,
        face_px=record.scores.get("face_px", 0.0),
        identity=record.identity,
        identity_origin=sys.intern(record.identity_origin),
        group=record.group,
        split=record.split,
        split_origin=sys.intern(record.split_origin),
        face=values.get("face"),
        picture=values.get("picture", _NO_PICTURE),
    )


def _copies(items: list[_Seen]) -> dict[str, str]:
    """Clip ids that show the same as another, with the id of the one that is kept. Two people of one file are none."""
    prints = [
        Fingerprint(item.id, item.picture, frames=item.frames, face_px=item.face_px)
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
    # Late: it brings torch, which clips without a face do without.
    from talkie.curation.people import cluster_identities

    found = cluster_identities(
        np.stack([item.face for item in faces if item.face is not None]),
        [item.id for item in faces],
        same=same,
        known=[item.identity if item.identity_origin == "given" else None for item in faces],
        apart=_at_once(faces),
    )
    alone = Counter(found.name)
    return {item.id: name for item, name in zip(faces, found.name, strict=True) if alone[name] > 1}


def _at_once(items: list[_Seen]) -> Iterator[tuple[str, str]]:
    """Pairs of clips of one file that overlap in time: by start, each with those that begin before it ends."""
    order = sorted(items, key=lambda item: (item.sha256, item.start_s, item.id))
    for number, item in enumerate(order):
        for later in range(number + 1, len(order)):
            other = order[later]
            if other.sha256 != item.sha256 or other.start_s >= item.end_s:
                break
            yield item.id, other.id


def _verdicts(items: list[_Seen], names: Mapping[str, str]) -> Iterator[Verdict]:
    """The verdict of each. Splits tear neither a person nor a group: whatever is connected by either is on one side. A
    split that the owner stated stays."""
    root: dict[str, str] = {}

    def top(key: str) -> str:
        while root.setdefault(key, key) != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    called = [_called(item, names) for item in items]
    derived = [item.split_origin == "derived" for item in items]
    for item, (identity, _), is_derived in zip(items, called, derived, strict=True):
        if is_derived:
            # The lesser name stands for both, so that the order of the clips does not matter.
            low, high = sorted((top(identity), top(item.group or identity)))
            root[high] = low
    for item, (identity, origin), is_derived in zip(items, called, derived, strict=True):
        yield Verdict(identity, origin, split_of(top(identity)) if is_derived else item.split)


def _called(item: _Seen, names: Mapping[str, str]) -> tuple[str, str]:
    """The name that its owner gives, or its face, or one of its own, with where it is from."""
    if item.identity_origin == "given":
        return item.identity, "given"
    name = names.get(item.id)
    return (f"clip-{item.id}", "alone") if name is None else (name, "clustered")
