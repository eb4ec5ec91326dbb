"""Which clips show the same person: clusters of identity embeddings over all sources, and names for them.

What an embedding is, and how alike two of one person are, the face room's embedders say."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput

BLOCK = 2048
"""Rows of one block of the similarity matrix: two blocks and their product take 16 MB beside the embeddings."""
NEIGHBOURS = 32
"""Candidates kept for each group of clips: enough to chain a person's groups, and memory grows with N only."""
_STEP = 1e-5
"""Similarities are compared in these steps: sums of floats in another order may not change a decision."""


@dataclass(frozen=True)
class Identities:
    """name (N,): the identity of each clip, in the order given. likeness (N,) float32: mean cosine of a clip to the
    others of its identity, NaN where it is alone or has no embedding. joined: pairs of groups that were united."""

    name: tuple[str, ...]
    likeness: np.ndarray
    joined: int


def cluster_identities(
    embeddings: np.ndarray,
    clips: Sequence[str],
    *,
    same: float,
    known: Sequence[str | None] | None = None,
    tracks: Sequence[str | None] | None = None,
    apart: Iterable[tuple[str, str]] = (),
) -> Identities:
    """Identities of N clips from embeddings (N, D) of unit length; a row with NaN says "cannot tell" and joins nobody.

    clips: content ids, unique; results depend on them and never on the order given. known: identities from manifests,
    kept as they are: clips of one known name are one person, two names never join, and unknown clips may join one.
    tracks: clips of one track are one person. apart: pairs of clips whose faces were seen in the same frames: two
    people. Two groups join where their mean cosine (average linkage, Sokal & Michener 1958) is at least `same`, the
    most alike first; a wrong union would put one person into two splits' company for ever, so nothing joins on less.

    Memory is bounded by N * (D + NEIGHBOURS). Raises BadInput for arrays that do not fit, ids that are not unique, or a
    pair that is to be apart and one person at once."""
    vectors = np.asarray(embeddings, np.float32)
    count = len(clips)
    known = [None] * count if known is None else known
    tracks = [None] * count if tracks is None else tracks
    if vectors.ndim != 2 or not len(vectors) == len(known) == len(tracks) == count:
        raise BadInput(f"{vectors.shape} embeddings for {count} clips", cure="give one row for each clip")
    if len(set(clips)) != count:
        raise BadInput("two clips have one id", cure="give each clip once")
    order = sorted(range(count), key=lambda k: clips[k])
    groups = _Groups(vectors, order, _linked(order, known, tracks), known)
    groups.keep_apart(apart, clips)
    joined = _agglomerate(groups, same)
    return _named(groups, order, clips, joined)


def _linked(order: list[int], known: Sequence[str | None], tracks: Sequence[str | None]) -> list[int]:
    """Group number of each clip, in `order`: one known name or one track. A track with two known names is split by
    them: what a manifest says is kept."""
    name_of_track: dict[str, set[str]] = {}
    for k in order:
        track, name = tracks[k], known[k]
        if track is not None and name is not None:
            name_of_track.setdefault(track, set()).add(name)
    numbers: dict[tuple[str, str], int] = {}
    out = []
    for position, k in enumerate(order):
        track, name = tracks[k], known[k]
        if name is None and track is not None and len(name_of_track.get(track, ())) == 1:
            name = next(iter(name_of_track[track]))
        key = (
            ("known", name) if name is not None else ("track", track) if track is not None else ("clip", str(position))
        )
        out.append(numbers.setdefault(key, len(numbers)))
    return out


class _Groups:
    """Clips that are one person for certain, and what they have been united to: a forest over the groups."""

    def __init__(self, vectors: np.ndarray, order: list[int], group_of: list[int], known: Sequence[str | None]) -> None:
        groups = max(group_of, default=-1) + 1
        self.group_of = group_of
        self.vectors, self.order = vectors, order
        self.total = np.zeros((groups, vectors.shape[1]), np.float64)
        self.count = np.zeros(groups, np.int64)
        self.known: list[str | None] = [None] * groups
        self.apart: list[set[int]] = [set() for _ in range(groups)]
        self.parent = list(range(groups))
        for k, group in zip(order, group_of, strict=True):
            if np.isfinite(vectors[k]).all():
                self.total[group] += vectors[k]
                self.count[group] += 1
            self.known[group] = self.known[group] or known[k]

    def keep_apart(self, pairs: Iterable[tuple[str, str]], clips: Sequence[str]) -> None:
        place = {clips[k]: group for k, group in zip(self.order, self.group_of, strict=True)}
        for a, b in pairs:
            if a not in place or b not in place:
                raise BadInput(f"clips {a} and {b} are to be apart, and one is not there")
            if place[a] == place[b]:
                raise BadInput(f"clips {a} and {b} are one person and seen together", cure="correct the manifest")
            self.apart[place[a]].add(place[b])
            self.apart[place[b]].add(place[a])

    def root(self, group: int) -> int:
        while self.parent[group] != group:
            self.parent[group] = self.parent[self.parent[group]]
            group = self.parent[group]
        return group

    def likeness(self, a: int, b: int) -> int:
        """Mean cosine between the clips of two roots, in steps."""
        mean = float(self.total[a] @ self.total[b]) / float(self.count[a] * self.count[b])
        return round(mean / _STEP)

    def may_join(self, a: int, b: int) -> bool:
        if self.known[a] is not None and self.known[b] is not None:
            return False
        few, many = (a, b) if len(self.apart[a]) <= len(self.apart[b]) else (b, a)
        return all(self.root(group) != many for group in self.apart[few])

    def join(self, a: int, b: int) -> None:
        keep, gone = min(a, b), max(a, b)
        self.parent[gone] = keep
        self.total[keep] += self.total[gone]
        self.count[keep] += self.count[gone]
        self.known[keep] = self.known[keep] or self.known[gone]
        self.apart[keep] |= self.apart[gone]
        self.apart[gone] = set()


def _agglomerate(groups: _Groups, same: float) -> int:
    """Unites the most alike first. A candidate whose groups have grown since is weighed anew."""
    least = round(same / _STEP)
    heap = [(-groups.likeness(a, b), a, b) for a, b in _candidates(groups, same)]
    heapq.heapify(heap)
    joined = 0
    while heap:
        negative, a, b = heapq.heappop(heap)
        a, b = sorted((groups.root(a), groups.root(b)))
        if a == b or not groups.may_join(a, b):
            continue
        likeness = groups.likeness(a, b)
        if likeness < least:
            continue
        if likeness != -negative:
            heapq.heappush(heap, (-likeness, a, b))
            continue
        groups.join(a, b)
        joined += 1
    return joined


def _candidates(groups: _Groups, same: float) -> Iterator[tuple[int, int]]:
    """Pairs of groups whose means are alike enough, at most NEIGHBOURS for each as the first of the pair."""
    told = np.flatnonzero(groups.count)
    means = (groups.total[told] / groups.count[told, None]).astype(np.float32)
    for first in range(0, len(told), BLOCK):
        rows = means[first : first + BLOCK]
        best: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for second in range(first, len(told), BLOCK):
            likeness = rows @ means[second : second + BLOCK].T
            a, b = np.nonzero(likeness >= same - 1e-3)
            after = a + first < b + second
            best.append((a[after], b[after] + second, likeness[a[after], b[after]]))
            if sum(len(part[0]) for part in best) > BLOCK * NEIGHBOURS:
                best = [_nearest(best)]
        a, b, _ = _nearest(best)
        yield from zip(told[a + first].tolist(), told[b].tolist(), strict=True)


def _nearest(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The NEIGHBOURS most alike partners of every first group; ties by number."""
    a, b, likeness = (np.concatenate([part[k] for part in parts]) for k in range(3))
    order = np.lexsort((b, -np.round(likeness / _STEP), a))
    a, b, likeness = a[order], b[order], likeness[order]
    first = np.searchsorted(a, a)
    kept = np.arange(len(a)) - first < NEIGHBOURS
    return a[kept], b[kept], likeness[kept]


def _named(groups: _Groups, order: list[int], clips: Sequence[str], joined: int) -> Identities:
    names: list[str] = [""] * len(clips)
    likeness = np.full(len(clips), np.nan, np.float32)
    given: dict[int, str] = {}
    for k, group in zip(order, groups.group_of, strict=True):
        root = groups.root(group)
        # `order` begins with the smallest id: an identity is named after that clip's content.
        given.setdefault(root, groups.known[root] or f"person-{hashlib.sha256(clips[k].encode()).hexdigest()[:12]}")
        names[k] = given[root]
        if np.isfinite(groups.vectors[k]).all() and groups.count[root] > 1:
            others = groups.total[root] - groups.vectors[k]
            likeness[k] = float(others @ groups.vectors[k]) / float(groups.count[root] - 1)
    return Identities(tuple(names), likeness, joined)
