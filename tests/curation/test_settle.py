"""What all sources together decide: who is who, what is there twice, what was taken down; the order never matters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest

from talkie.clip import ClipRecord, Source, split_of
from talkie.curation.books import Tombstones
from talkie.curation.commit import commit_staged
from talkie.curation.config import CurateConfig
from talkie.curation.outcome import Outcome
from talkie.curation.settle import settle
from talkie.curation.staging import Staging
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, encode_field, open_dataset

CONFIG = CurateConfig(same_face=0.8)
LENGTH = 60


def face(person: int) -> np.ndarray:
    vector = np.random.default_rng(person).normal(size=48)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def clip(name: str, *, source: str = "", person: int | None = None, picture: int | None = None, **record) -> RawClip:
    """A clip of a person whose pictures are numbered by `picture` (its own where none is given)."""
    sha256 = hashlib.sha256((source or name).encode()).hexdigest()
    identifier = hashlib.sha256(name.encode()).hexdigest()[:16]
    seed = picture if picture is not None else int(identifier[:8], 16)
    print_of = {"picture": np.random.default_rng(seed).integers(0, 2**63, LENGTH, np.int64).astype(np.uint64)}
    if person is not None:
        print_of["face"] = face(person)
    values = {
        "identity": f"unknown-{sha256[:12]}",
        "identity_origin": "alone",
        "group": f"source-{sha256[:12]}",
        "split": split_of(f"source-{sha256[:12]}"),
        "split_origin": "derived",
        "source": Source(uri=name, name=name, sha256=sha256, start_s=0.0, end_s=LENGTH / 25),
    }
    made = ClipRecord(id=identifier, frames=LENGTH, **{**values, **record})
    return RawClip(made, {"mp4": name.encode(), "fingerprint.npz": encode_field("fingerprint.npz", print_of)})


def given(identity: str, split: str | None = None) -> dict:
    values = {"identity": identity, "identity_origin": "given", "group": None, "split": split or split_of(identity)}
    return {**values, "split_origin": "given" if split else "derived"}


@dataclass
class Result:
    """clips: the new and the changed ones, as they are to be written."""

    clips: list[RawClip]
    remove: set[str]
    dropped: dict


def settled(tmp_path, *clips: RawClip, dataset=None) -> Result:
    found = settle(clips, dataset, CONFIG, Tombstones(tmp_path))
    known = {i: dataset.raw(i) for i in dataset.ids()} if dataset is not None else {}
    known |= {clip.record.id: clip for clip in clips}
    told = [replace(known[i], record=verdict.applied(known[i].record)) for i, verdict in found.verdicts.items()]
    return Result(told, found.remove, found.dropped)


def by_name(result) -> dict[str, ClipRecord]:
    return {clip.record.source.name: clip.record for clip in result.clips}


def test_one_face_in_two_files_is_one_person_on_one_side_of_the_split(tmp_path):
    records = by_name(settled(tmp_path, clip("a", person=1), clip("b", person=1), clip("c", person=2)))
    assert records["a"].identity == records["b"].identity != records["c"].identity
    assert [records[name].identity_origin for name in "abc"] == ["clustered", "clustered", "alone"]
    assert records["a"].split == records["b"].split


def test_a_person_with_a_name_lends_it_to_the_same_face(tmp_path):
    records = by_name(settled(tmp_path, clip("a", person=1, **given("ada", "val")), clip("b", person=1)))
    assert (records["b"].identity, records["b"].identity_origin) == ("ada", "clustered")
    assert records["a"].split == "val"


def test_two_people_seen_at_once_are_two_however_alike(tmp_path):
    records = by_name(settled(tmp_path, clip("left", source="x", person=1), clip("right", source="x", person=1)))
    assert records["left"].identity != records["right"].identity
    # But what comes from one file stays on one side.
    assert records["left"].split == records["right"].split


def test_of_two_clips_that_show_the_same_the_better_one_stays(tmp_path):
    result = settled(
        tmp_path, clip("a", picture=5, scores={"face_px": 90.0}), clip("b", picture=5, scores={"face_px": 120.0})
    )
    assert list(by_name(result)) == ["b"]
    ((cause, _, of),) = result.dropped.values()
    assert cause == "near_duplicate"
    assert of == by_name(result)["b"].id


def test_nothing_depends_on_the_order_or_on_what_was_committed_before(tmp_path):
    clips = [
        clip("a", person=1),
        clip("b", person=1, picture=7),
        clip("c", picture=7, scores={"face_px": 9.0}),
        clip("d"),
    ]
    at_once = by_name(settled(tmp_path, *clips))
    backwards = by_name(settled(tmp_path, *reversed(clips)))
    assert at_once == backwards
    first = settled(tmp_path, *clips[:2])
    dataset = commit(tmp_path / "out", first.clips, settings={}, remove=first.remove)
    second = settled(tmp_path, *clips[2:], dataset=dataset)
    dataset = commit(tmp_path / "out", second.clips, settings={}, remove=second.remove)
    assert {record.source.name: record for record in dataset.records()} == at_once


def test_a_commit_tells_how_many_clips_it_did_not_keep_and_why(tmp_path):
    staging, told = Staging(tmp_path, "s" * 64), []
    staging.prepare()
    for made in (clip("a", picture=5), clip("b", picture=5), clip("c")):
        key = made.record.source.sha256
        done = LedgerEntry(sha256=key, name=key, uri=key, status="done", clips=[made.record.id])
        staging.put(key, Outcome([made], [done]))
    dataset = commit_staged(
        tmp_path, staging, CONFIG, {}, Ledger(tmp_path), Tombstones(tmp_path), on_dropped=told.append
    )
    assert (len(dataset), told) == (2, [{"near_duplicate": 1}])
    assert [entry.cause for entry in Ledger(tmp_path).newest("drop")] == ["near_duplicate"]


@pytest.mark.parametrize("kind", ["source", "clip", "identity"])
def test_what_was_taken_down_does_not_come_back(tmp_path, kind):
    from talkie.curation.books.tombstones import Tombstone

    gone, stays = clip("a", **given("ada")), clip("b", **given("bob"))
    name = {"source": gone.record.source.sha256, "clip": gone.record.id, "identity": "ada"}[kind]
    stones = Tombstones(tmp_path)
    stones.add([Tombstone(kind=kind, digest=stones.digest(kind, name), on="2026-01-01")])
    result = settled(tmp_path, gone, stays)
    assert list(by_name(result)) == ["b"]
    assert result.dropped[gone.record.id][0] == "taken_down"


def test_a_clip_whose_identity_changes_later_is_written_again(tmp_path):
    first = settled(tmp_path, clip("a", person=1))
    dataset = commit(tmp_path / "out", first.clips, settings={})
    assert dataset.records()[0].identity_origin == "alone"
    second = settled(tmp_path, clip("b", person=1, **given("ada")), dataset=dataset)
    commit(tmp_path / "out", second.clips, settings={}, remove=second.remove)
    again = {record.source.name: record.identity for record in open_dataset(tmp_path / "out").records()}
    assert again == {"a": "ada", "b": "ada"}
