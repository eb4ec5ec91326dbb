"""Clips of one person come together, whatever their order; what is known, and who was seen together, is kept."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.curation.people import cluster_identities, identities
from talkie.errors import BadInput


def crowd(people: int, each: int, seed: int = 0, noise: float = 0.25, dimension: int = 32):
    """Unit vectors (people * each, D) around random directions, ids of clips and who they show."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, dimension))
    vectors = np.repeat(centres / np.linalg.norm(centres, axis=1, keepdims=True), each, 0)
    vectors = vectors + noise * rng.normal(size=vectors.shape) / np.sqrt(dimension)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, [f"clip-{k * 7919 % 100003:06d}" for k in range(len(vectors))], np.repeat(np.arange(people), each)


def partition(names) -> set[frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for k, name in enumerate(names):
        groups.setdefault(name, set()).add(k)
    return {frozenset(group) for group in groups.values()}


def test_each_person_becomes_one_identity():
    vectors, clips, who = crowd(40, 5)
    assert partition(cluster_identities(vectors, clips, same=0.6).name) == partition(who)


def test_neither_order_nor_block_size_changes_an_answer(monkeypatch):
    vectors, clips, _ = crowd(30, 6, noise=0.9)
    expected = dict(zip(clips, cluster_identities(vectors, clips, same=0.55).name, strict=True))
    assert 30 < len(set(expected.values())) < 180
    for seed, block in ((1, 2048), (2, 17), (3, 64)):
        monkeypatch.setattr(identities, "BLOCK", block)
        order = np.random.default_rng(seed).permutation(len(clips))
        mixed = [clips[k] for k in order]
        assert dict(zip(mixed, cluster_identities(vectors[order], mixed, same=0.55).name, strict=True)) == expected


def test_known_identities_stay_and_take_in_unknown_clips():
    vectors, clips, who = crowd(3, 4)
    known = [None] * 12
    known[0], known[4] = "ada", "bob"
    names = cluster_identities(vectors, clips, same=0.6, known=known).name
    assert [name == "ada" for name in names] == list(who == 0)
    assert [name == "bob" for name in names] == list(who == 1)
    assert len({names[k] for k in range(8, 12)}) == 1


def test_two_known_names_never_join_and_one_name_is_one_person_however_unlike():
    vectors, clips, _ = crowd(2, 2)
    assert cluster_identities(vectors, clips, same=-1, known=["a", "b", "a", "b"]).name == ("a", "b", "a", "b")


def test_faces_seen_together_are_two_people_and_those_of_one_track_are_one():
    vectors, clips, _ = crowd(1, 4)
    names = cluster_identities(vectors, clips, same=0.6, apart=[(clips[0], clips[1])]).name
    assert names[0] != names[1]
    unlike, clips, _ = crowd(2, 1)
    assert len(set(cluster_identities(unlike, clips, same=0.6, tracks=["t", "t"]).name)) == 1


def test_apart_holds_after_unions():
    """c is like both a and b, which were seen together: it may join one of them only."""
    a, b = np.array([1.0, 0.3]), np.array([1.0, -0.3])
    vectors = np.stack([v / np.linalg.norm(v) for v in (a, b, np.array([1.0, 0.05]))])
    names = cluster_identities(vectors, ["a", "b", "c"], same=0.8, apart=[("a", "b")]).name
    assert names[2] == names[0] != names[1]


def test_a_chain_of_likeness_does_not_make_one_person():
    """Neighbours at 25 degrees are alike; the ends of the chain, at 150 degrees, are not: single linkage would join."""
    angles = np.radians(np.arange(0, 175, 25))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    names = cluster_identities(vectors, [f"{k}" for k in range(len(angles))], same=0.85).name
    assert len(set(names)) > 2


def test_a_face_that_cannot_be_told_joins_nobody():
    vectors, clips, _ = crowd(1, 3)
    vectors[1] = np.nan
    found = cluster_identities(vectors, clips, same=0.5)
    assert found.name[0] == found.name[2] != found.name[1]
    assert np.isnan(found.likeness[1])
    assert found.likeness[0] == pytest.approx(vectors[0] @ vectors[2], abs=1e-6)


def test_names_follow_from_the_content_of_the_clips():
    vectors, clips, _ = crowd(2, 2)
    names = cluster_identities(vectors, clips, same=0.6).name
    assert all(name.startswith("person-") and len(name) == 19 for name in names)
    alone = cluster_identities(vectors[:2], clips[:2], same=0.6).name
    assert alone == names[:2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": ["a", "a"]}, "one id"),
        ({"clips": ["a"]}, "1 clips"),
        ({"apart": [("a", "z")]}, "not there"),
        ({"apart": [("a", "b")], "tracks": ["t", "t"]}, "one person and seen together"),
    ],
)
def test_input_that_cannot_be_right_is_refused(change, message):
    settings = {"clips": ["a", "b"], "same": 0.5} | change
    with pytest.raises(BadInput, match=message):
        cluster_identities(np.eye(2), **settings)
