"""Which of many fingerprints show the same: candidates by shared keys, then bit for bit; groups; which copy to keep.

Work and memory grow with the number of frames, not with the number of pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from talkie.curation.judgement.duplicates.fingerprint import Fingerprint

MOST_WRONG = 0.2
"""Share of the picture's bits that may differ between copies. Measured on the stage: copies differ in up to 0.14,
other takes of the same sentence in the same place in 0.23 and more at whatever shift suits them best."""
LEAST_SHARE = 0.5
"""Of the shorter clip's frames that must lie in both."""
LEAST_FRAMES = 15
_KEY_BITS = 24
_KEYS = 8
_THIN = 2
"""One key in so many is looked up, chosen by the key itself, so that copies cut elsewhere look up the same."""
_CROWD = 24
"""Of a key that more places than this share (stillness, or a film that everybody has copied), each place is only
compared with the next two, so that the work stays linear; groups close the chain."""
_MEETINGS = 2
"""Keys that a pair must share at one shift: one is chance among 100,000 clips, copies share ten."""
_NEAR = 2
"""Frames about the offset that the keys tell at which it is also tried."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_POPULATION = np.array([bin(v).count("1") for v in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Group:
    """Clips that show the same, by id in order; kept: the one that `keep` chose; exact: all have the same content."""

    ids: tuple[str, ...]
    kept: str
    exact: bool


def find_duplicates(fingerprints: Iterable[Fingerprint]) -> tuple[Group, ...]:
    """Groups of two or more, sorted by their first id; independent of the order of the input, whose ids are unique.

    Two clips are duplicates where their digests are equal, or where at one shift in time they share `LEAST_SHARE` of
    the shorter one's frames with at most `MOST_WRONG` of the picture's bits different. Groups are what such pairs
    connect. Sound alone makes no duplicates: one recording may go with several cameras; `same_sound` compares it."""
    clips = sorted(fingerprints, key=lambda clip: clip.id)
    root = list(range(len(clips)))

    def top(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b, shift in itertools.chain(_equal(clips), _alike(clips)):
        low, high = sorted((top(a), top(b)))
        # What is in one group already needs no look: the film that everybody has copied costs a chain, not all pairs.
        if low != high and (shift is None or same_picture(clips[a].picture, clips[b].picture, shift)):
            root[high] = low
    members: dict[int, list[Fingerprint]] = {}
    for i, clip in enumerate(clips):
        members.setdefault(top(i), []).append(clip)
    return tuple(_group(found) for found in members.values() if len(found) > 1)


def _group(clips: list[Fingerprint]) -> Group:
    digests = {clip.digest for clip in clips}
    return Group(tuple(clip.id for clip in clips), keep(clips).id, exact=len(digests) == 1 and digests != {""})


def keep(clips: Iterable[Fingerprint]) -> Fingerprint:
    """The copy that stays: the longest, then that with the largest face, then that with the smallest id."""
    return min(clips, key=lambda clip: (-clip.frames, -clip.face_px, clip.id))


def _equal(clips: list[Fingerprint]) -> Iterator[tuple[int, int, None]]:
    first: dict[str, int] = {}
    for i, clip in enumerate(clips):
        if clip.digest and first.setdefault(clip.digest, i) != i:
            yield first[clip.digest], i, None


def _alike(clips: list[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Candidates: pairs that share keys, with the shift in time to compare them at."""
    lengths = np.array([len(clip.picture) for clip in clips], np.int64)
    if not lengths.sum():
        return
    words = np.concatenate([clip.picture for clip in clips])
    owner = np.repeat(np.arange(len(clips), dtype=np.int32), lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    frame = (np.arange(len(words)) - starts[owner]).astype(np.int32)
    rows = np.concatenate([_meetings(words & mask, owner, frame) for mask in _masks()])
    yield from ((int(a), int(b), int(shift)) for a, b, shift in _candidates(rows))


def _masks() -> list[np.uint64]:
    """Which bits make each key: fixed, in equal parts of low and high frequencies."""
    rng = np.random.default_rng(2002)
    return [np.uint64(sum(1 << int(bit) for bit in rng.permutation(64)[:_KEY_BITS])) for _ in range(_KEYS)]


def _meetings(keys: np.ndarray, owner: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Where two clips have one key: rows (N, 3) int32 of clip a < clip b and frame of a less frame of b."""
    chosen = np.flatnonzero(((keys * _MIX) >> np.uint64(40)) % np.uint64(_THIN) == 0)
    order = chosen[np.lexsort((frame[chosen], owner[chosen], keys[chosen]))]
    k, o, f = keys[order], owner[order], frame[order]
    # Of a key that holds on for several frames of a clip only the first counts.
    new = np.ones(len(k), bool)
    new[1:] = (k[1:] != k[:-1]) | (o[1:] != o[:-1])
    k, o, f = k[new], o[new], f[new]
    bounds = np.flatnonzero(np.concatenate([[True], k[1:] != k[:-1]])) if len(k) else np.zeros(0, int)
    sizes = np.repeat(*(np.diff(np.concatenate([bounds, [len(k)]])),) * 2)
    rows = [np.zeros((0, 3), np.int32)]
    for gap in range(1, min(_CROWD, len(k))):
        # Every entry with the one `gap` places on, so that all pairs come without a loop over keys.
        usable = (sizes > gap) & ((sizes <= _CROWD) | (gap <= 2))
        here = np.flatnonzero(usable[:-gap] & (k[:-gap] == k[gap:]) & (o[:-gap] != o[gap:]))
        rows.append(np.stack([o[here], o[here + gap], f[here] - f[here + gap]], 1).astype(np.int32))
    return np.concatenate(rows)


def _candidates(rows: np.ndarray) -> np.ndarray:
    """Pairs that meet at least `_MEETINGS` times at one shift or the next, each with its best: (P, 3), sorted."""
    pairs, votes = np.unique(rows, axis=0, return_counts=True)
    beside = np.zeros(len(pairs), bool)
    beside[:-1] = (pairs[1:, :2] == pairs[:-1, :2]).all(1) & (pairs[1:, 2] == pairs[:-1, 2] + 1)
    together = votes + np.where(beside, np.roll(votes, -1), 0)
    pairs, together = pairs[together >= _MEETINGS], together[together >= _MEETINGS]
    pairs = pairs[np.lexsort((pairs[:, 2], -together, pairs[:, 1], pairs[:, 0]))]
    best = np.ones(len(pairs), bool)
    best[1:] = (pairs[1:, :2] != pairs[:-1, :2]).any(1)
    return pairs[best]


def same_picture(a: np.ndarray, b: np.ndarray, shift: int) -> bool:
    """Whether words (T,) and (U,) uint64 agree where frame t of b is frame t + shift of a, or nearly there."""
    return any(_agree(a, b, shift + step) for step in range(-_NEAR, _NEAR + 1))


def _agree(a: np.ndarray, b: np.ndarray, shift: int) -> bool:
    start, end = max(0, shift), min(len(a), len(b) + shift)
    if end - start < max(LEAST_FRAMES, LEAST_SHARE * min(len(a), len(b))):
        return False
    return wrong_bits(a[start:end], b[start - shift : end - shift]) <= MOST_WRONG


def wrong_bits(a: np.ndarray, b: np.ndarray) -> float:
    """Share of different bits of two arrays (n,) of unsigned words."""
    halves = (a ^ b).view(np.uint16)
    return float(_POPULATION[halves].sum() / (16 * len(halves)))


def same_sound(a: np.ndarray, b: np.ndarray, shift: int = 0) -> float:
    """Share of wrong bits of two sound fingerprints (M,) uint32 where word m of b is word m + shift of a; 0.5 where
    they have nothing in common (Haitsma and Kalker take 0.35 for the same recording)."""
    start, end = max(0, shift), min(len(a), len(b) + shift)
    return wrong_bits(a[start:end], b[start - shift : end - shift]) if end > start else 0.5
