"""Choices as pure functions of where they are made: hashes, generators and permutations that need no state."""

from __future__ import annotations

import hashlib

import numpy as np

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def key_of(*parts: object) -> int:
    """64 bits that stand for a seed, a phase and a purpose."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8], "big")


def mixed(key: int, *words: int) -> int:
    """A 64 bit hash of numbers: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over each in turn."""
    state = key
    for word in words:
        state = (state + _GOLDEN * (word + 1)) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def generator(key: int, number: int) -> np.random.Generator:
    """The random numbers that belong to `number`: Philox (Salmon et al., SC 2011) needs no warm-up for each."""
    return np.random.Generator(np.random.Philox(key=np.array([key, number], np.uint64)))


def permutation(count: int, key: int, number: int) -> np.ndarray:
    """(count,) int64: the `number`-th permutation of range(count) under a key."""
    return generator(key, number).permutation(count)
