"""Shards: what is committed comes back, byte-identical, and nothing corrupt is ever handed out."""

import hashlib
import io
import tarfile
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
from clips import contents, make_clip

from talkie.clip import Clip, HeadTrack, Phone, Transcription, Word
from talkie.errors import CorruptShard, MissingField, NotADataset, SettingsConflict
from talkie.shards import Ledger, LedgerEntry, commit, decode_field, encode_field, open_dataset


def tars(folder):
    return {p.name: p.read_bytes() for p in folder.glob("*.tar")}


def test_committed_clips_come_back_with_just_the_fields_asked_for(tmp_path):
    commit(tmp_path, [make_clip(1), make_clip(2, split="test")], settings={})
    (clip,) = open_dataset(tmp_path).clips(("txt",), split="test")
    assert clip == Clip(make_clip(2, split="test").record, {"txt": "clip 2"})


def test_shards_are_plain_tars_with_fixed_times_and_owners_and_sorted_members(tmp_path):
    commit(tmp_path, [make_clip(2), make_clip(1)], settings={})
    (data,) = tars(tmp_path).values()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        infos = tar.getmembers()
    assert [i.name.split(".", 1)[1] for i in infos] == ["json", "mp4", "txt"] * 2
    assert [i.name.split(".")[0] for i in infos[::3]] == open_dataset(tmp_path).ids()
    assert {(i.mtime, i.uid, i.gid, i.uname) for i in infos} == {(0, 0, 0, "")}


def test_bytes_depend_on_the_set_of_clips_and_not_on_order_or_number_of_commits(tmp_path):
    clips = [make_clip(i) for i in range(7)]
    commit(tmp_path / "once", clips, settings={}, max_shard_bytes=2000)
    commit(tmp_path / "twice", clips[4:], settings={}, max_shard_bytes=2000)
    commit(tmp_path / "twice", clips[3::-1], settings={}, max_shard_bytes=2000)
    assert len(tars(tmp_path / "once")) > 3
    assert contents(tmp_path / "once") == contents(tmp_path / "twice")


def test_what_is_taken_out_leaves_no_trace(tmp_path):
    clips = [make_clip(i) for i in range(9)]
    commit(tmp_path / "never", clips[:4], settings={}, max_shard_bytes=5000)
    commit(tmp_path / "removed", clips, settings={}, max_shard_bytes=5000)
    commit(tmp_path / "removed", [], settings={}, remove=[c.record.id for c in clips[4:]], max_shard_bytes=5000)
    assert contents(tmp_path / "never") == contents(tmp_path / "removed")
    commit(tmp_path / "removed", [], settings={}, remove=[c.record.id for c in clips], max_shard_bytes=5000)
    assert list(contents(tmp_path / "removed")) == ["index.json"]
    assert len(open_dataset(tmp_path / "removed")) == 0


def test_shards_that_a_commit_does_not_change_are_not_written_again(tmp_path):
    commit(tmp_path, [make_clip(i) for i in range(12)], settings={}, max_shard_bytes=3000)
    before = {p: p.stat().st_ino for p in tmp_path.glob("talkie-*")}
    commit(tmp_path, [make_clip(50)], settings={}, max_shard_bytes=3000)
    after = {p: p.stat().st_ino for p in tmp_path.glob("talkie-*")}
    kept = before.keys() & after.keys()
    assert all(before[p] == after[p] for p in kept)
    # One place of the tree is touched: its leaf, which may have been split.
    assert len(before.keys() - kept) == 2  # a tar and its catalogue


def test_clips_of_one_source_lie_side_by_side_in_time(tmp_path):
    clips = [make_clip(i, source=i // 3, start_s=10.0 - i) for i in range(9)]
    commit(tmp_path, clips, settings={})
    by_source: dict[str, list[float]] = {}
    entries = open_dataset(tmp_path).entries
    for entry in entries.values():
        by_source.setdefault(entry.source, []).append(entry.start_s)
    sources = [entry.source for entry in entries.values()]
    assert sum(a != b for a, b in pairwise(sources)) == 2
    assert all(starts == sorted(starts) for starts in by_source.values())


def test_a_catalogue_is_a_parquet_table_that_says_what_is_in_the_shard(tmp_path):
    commit(tmp_path, [make_clip(1), make_clip(2, split="test")], settings={})
    (path,) = tmp_path.glob("*.parquet")
    table = pq.read_table(path)
    assert {row["clip"]: row["split"] for row in table.to_pylist()} == {f"{1:016x}": "train", f"{2:016x}": "test"}
    (member,) = (m for m in table.to_pylist()[0]["members"] if m["field"] == "txt")
    clip = open_dataset(tmp_path).raw(table.to_pylist()[0]["clip"])
    assert member["sha256"] == hashlib.sha256(clip.members["txt"]).digest()


def test_recorded_offsets_point_at_the_members(tmp_path):
    commit(tmp_path, [make_clip(i) for i in range(3)], settings={})
    assert open_dataset(tmp_path).raw(f"{2:016x}").members["mp4"] == bytes([2]) * 700


def test_other_settings_are_refused_and_nothing_is_touched(tmp_path):
    commit(tmp_path, [make_clip(1)], settings={"size": 256})
    before = tars(tmp_path)
    with pytest.raises(SettingsConflict, match="size"):
        commit(tmp_path, [make_clip(2)], settings={"size": 128})
    assert tars(tmp_path) == before


def test_a_flipped_bit_is_named_by_every_way_of_reading(tmp_path):
    commit(tmp_path, [make_clip(1)], settings={})
    (path,) = tmp_path.glob("*.tar")
    data = bytearray(path.read_bytes())
    dataset = open_dataset(tmp_path)
    data[dataset.entries[f"{1:016x}"].members["txt"].offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptShard, match=path.name):
        dataset.verify()
    with pytest.raises(CorruptShard, match=path.name):
        list(dataset.clips(("txt",)))
    with pytest.raises(CorruptShard, match=path.name):
        dataset.raw(f"{1:016x}").decode(("txt",))


def test_a_truncated_or_missing_shard_is_corrupt(tmp_path):
    commit(tmp_path, [make_clip(1)], settings={})
    (path,) = tmp_path.glob("*.tar")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptShard, match="bytes"):
        list(open_dataset(tmp_path).clips(("txt",)))
    path.unlink()
    with pytest.raises(CorruptShard, match="missing"):
        open_dataset(tmp_path).verify()


def test_a_damaged_or_missing_catalogue_is_corrupt(tmp_path):
    commit(tmp_path, [make_clip(1)], settings={})
    (path,) = tmp_path.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptShard, match="differs from the commit record"):
        open_dataset(tmp_path).verify()
    path.unlink()
    with pytest.raises(CorruptShard, match="catalogue of a shard is missing"):
        list(open_dataset(tmp_path).clips(("txt",)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": "talkie-shards/1"}', b'{"format": "talkie-shards/2", "x": 1}']
)
def test_an_index_that_does_not_parse_is_corrupt(tmp_path, content):
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(CorruptShard) as error:
        open_dataset(tmp_path)
    assert "\n" not in str(error.value)


def test_a_part_is_read_whole_while_other_threads_open_the_same_shard(tmp_path, monkeypatch):
    """A second thread's file replaces the first one's before that was read: the moment is drawn out here."""
    commit(tmp_path, [make_clip(1)], settings={})
    data = open_dataset(tmp_path)
    (name, content), *_ = tars(tmp_path).items()
    opened = data._open

    def and_another(shard):
        first = opened(shard)
        data._files.clear()
        opened(shard)
        return first

    monkeypatch.setattr(data, "_open", and_another)
    assert data.part(name, 100, 400) == content[100:500]


def test_a_missing_field_is_named_with_its_clip_before_the_first_clip(tmp_path):
    commit(tmp_path, [make_clip(1, flac=b"x"), make_clip(2)], settings={})
    with pytest.raises(MissingField, match=f"{2:016x} has no flac"):
        next(open_dataset(tmp_path).clips(("flac",)))


def test_a_folder_without_an_index_is_no_dataset(tmp_path):
    with pytest.raises(NotADataset, match="talkie record"):
        open_dataset(tmp_path)


def test_fields_survive_the_round_trip_and_encode_deterministically():
    rng = np.random.default_rng(0)
    frames = {n: rng.normal(size=(4, 3)).astype(np.float32) for n in ("jaw", "neck", "left_eye", "right_eye")}
    head = HeadTrack(
        identity=rng.normal(size=5).astype(np.float32),
        expression=rng.random((4, 52)).astype(np.float32),
        **frames,
        rotation=frames["jaw"],
        translation=frames["neck"],
        K=np.eye(3, dtype=np.float32)[None].repeat(4, 0),
        R=np.eye(3, dtype=np.float32),
        t=np.zeros(3, np.float32),
        residual=np.zeros(4, np.float32),
        model="m",
    )
    data = encode_field("head.npz", head)
    assert data == encode_field("head.npz", head)
    back = decode_field("head.npz", data)
    assert back.model == "m"
    np.testing.assert_array_equal(back.expression, head.expression)
    spoken = Transcription((Word("hello", 0.0, 0.5),), (Phone("HH", "sil", 0.0, 0.1, 0.5),), "test")
    assert decode_field("phones.json", encode_field("phones.json", spoken)) == spoken


def test_an_array_that_needs_pickle_is_corrupt_not_loaded():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}]), allow_pickle=True)
    with pytest.raises(CorruptShard):
        decode_field("landmarks.npy", buffer.getvalue())


def test_a_torn_last_line_of_the_ledger_costs_only_itself(tmp_path):
    ledger = Ledger(tmp_path)
    first = LedgerEntry(sha256="a", name="a", uri="a", status="done", clips=["1"])
    ledger.append(first)
    with ledger.path.open("ab") as file:
        file.write(b'{"sha256": "b", "na')
    second = LedgerEntry(sha256="c", name="c", uri="c", status="dead", cause="empty_file")
    ledger.append(second)
    assert ledger.entries() == [first, second]


def test_the_newest_attempt_of_a_source_replaces_the_older(tmp_path):
    ledger = Ledger(tmp_path)
    dead = LedgerEntry(sha256="a", name="a", uri="a", status="dead", cause="no_face")
    drop = LedgerEntry(sha256="a", name="a", uri="a", status="drop", cause="too_short")
    done = LedgerEntry(sha256="a", name="a", uri="a", status="done", clips=["1"])
    ledger.append(dead, drop, done)
    assert ledger.latest() == {"a": [drop, done]}
