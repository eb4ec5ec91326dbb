"""Parts, unions, further labels and exports of datasets: the video's bytes stay what they were."""

from __future__ import annotations

import pytest
from clips import contents, make_clip

from talkie.errors import BadInput, CorruptShard, SettingsConflict, StorageConflict
from talkie.shards import annotate, commit, existing_dataset, export, merge, open_dataset, subset
from talkie.shards.lock import LOCK_NAME, sole_writer


@pytest.fixture
def dataset(tmp_path):
    clips = [make_clip(i, split="test" if i % 3 == 0 else "train") for i in range(9)]
    return commit(tmp_path / "whole", clips, settings={"tool": "x"}, max_shard_bytes=5000)


def digests(dataset, field):
    return {clip: entry.members[field].sha256 for clip, entry in dataset.entries.items()}


def test_a_subset_holds_the_clips_that_were_wanted_and_their_very_bytes(dataset, tmp_path):
    part = subset(dataset, tmp_path / "part", lambda clip, entry: entry.split == "test")
    assert sorted(part.ids()) == sorted(dataset.ids("test"))
    assert digests(part, "mp4").items() <= digests(dataset, "mp4").items()
    part.verify()


def test_a_subset_may_leave_fields_out(dataset, tmp_path):
    part = subset(dataset, tmp_path / "part", lambda clip, entry: True, fields=["txt"])
    assert all(entry.members.keys() == {"json", "txt"} for entry in part.entries.values())
    assert digests(part, "txt") == digests(dataset, "txt")


def test_two_parts_merged_are_the_whole_bit_by_bit(dataset, tmp_path):
    clips = [make_clip(i, split="test" if i % 3 == 0 else "train") for i in range(9)]
    a = commit(tmp_path / "a", clips[:5], settings={"tool": "x"})
    b = commit(tmp_path / "b", clips[3:], settings={"tool": "x"})
    whole = merge([a, b], tmp_path / "merged", max_shard_bytes=5000)
    assert contents(whole.folder) == contents(dataset.folder)
    # The settings were the same, so that work on it can go on.
    assert existing_dataset(whole.folder, {"tool": "x"}) is not None


def test_datasets_of_different_makings_merge_under_settings_of_their_own(dataset, tmp_path):
    other = commit(tmp_path / "other", [make_clip(20)], settings={"tool": "y"})
    whole = merge([dataset, other], tmp_path / "merged")
    assert len(whole) == 10
    assert whole.index.settings == {"tool": "merge", "of": sorted([dataset.digest, other.digest])}


def test_one_id_for_two_contents_is_refused_before_anything_is_written(dataset, tmp_path):
    other = commit(tmp_path / "other", [make_clip(1, split="train", flac=b"more")], settings={"tool": "x"})
    with pytest.raises(SettingsConflict, match=f"{1:016x} differs"):
        merge([dataset, other], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_label_is_added_without_touching_the_video(dataset):
    before = digests(dataset, "mp4")
    asked = []

    def label(clip):
        asked.append(clip.record.id)
        return b"!" + clip.members["txt"] if clip.record.split == "test" else None

    # Committed after every label, so that clips move between shards on the way.
    labelled = annotate(dataset, "captions.json", label, "shouter 1.0", held_bytes=1, max_shard_bytes=5000)
    assert digests(labelled, "mp4") == before
    assert sorted(asked) == sorted(before)
    clip = labelled.raw(f"{3:016x}")
    assert clip.members["captions.json"] == b"!clip 3"
    assert clip.record.tools == {"captions.json": "shouter 1.0"}
    assert "captions.json" not in labelled.raw(f"{1:016x}").members
    labelled.verify()
    # A second run asks only for what is missing.
    asked.clear()
    annotate(labelled, "captions.json", label, "shouter 1.0", max_shard_bytes=5000)
    assert sorted(asked) == sorted(labelled.ids("train"))


def test_labels_are_added_by_one_writer_at_a_time(dataset):
    with sole_writer(dataset.folder, "takedown"):
        before = contents(dataset.folder)
        with pytest.raises(StorageConflict, match="being written by `talkie takedown`"):
            annotate(dataset, "captions.json", lambda clip: b"!", "shouter 1.0")
        assert contents(dataset.folder) == before

    def label(clip):
        with pytest.raises(StorageConflict, match="`talkie annotate`"), sole_writer(dataset.folder, "takedown"):
            pass
        return b"!"

    assert len(annotate(dataset, "captions.json", label, "shouter 1.0", max_shard_bytes=5000)) == 9
    assert not (dataset.folder / LOCK_NAME).exists()


def test_what_was_removed_since_a_dataset_was_opened_does_not_come_back_with_a_label(dataset):
    gone = f"{4:016x}"
    commit(dataset.folder, [], settings={"tool": "x"}, remove=[gone], max_shard_bytes=5000)
    labelled = annotate(dataset, "captions.json", lambda clip: b"!", "shouter 1.0", max_shard_bytes=5000)
    assert gone not in labelled.ids()
    assert all("captions.json" in entry.members for entry in labelled.entries.values())


def test_an_export_is_a_folder_of_the_members(dataset, tmp_path):
    assert export(dataset, tmp_path / "files", fields=["txt"]) == 9
    names = sorted(p.name for p in (tmp_path / "files").iterdir())
    assert names == sorted(["export.json", *(f"{i:016x}.{f}" for i in range(9) for f in ("json", "txt"))])
    assert (tmp_path / "files" / f"{4:016x}.txt").read_bytes() == b"clip 4"


def test_a_damaged_byte_is_no_copy(dataset, tmp_path):
    path = dataset.folder / dataset.index.shards[0].name
    data = bytearray(path.read_bytes())
    entry = dataset.entries[dataset.ids()[0]]
    data[entry.members["mp4"].offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptShard):
        subset(open_dataset(dataset.folder), tmp_path / "part", lambda clip, entry: True)
    assert not (tmp_path / "part" / "index.json").exists()


def test_what_cannot_be_done_is_said(dataset, tmp_path):
    with pytest.raises(BadInput, match="no clip is left"):
        subset(dataset, tmp_path / "part", lambda clip, entry: False)
    with pytest.raises(BadInput, match="is the dataset itself"):
        subset(dataset, dataset.folder, lambda clip, entry: True)
    with pytest.raises(BadInput, match="no field 'smell'"):
        subset(dataset, tmp_path / "part", lambda clip, entry: True, fields=["smell"])
    with pytest.raises(BadInput, match="no label"):
        annotate(dataset, "mp4", lambda clip: b"", "x")
    with pytest.raises(BadInput, match="nothing to merge"):
        merge([], tmp_path / "merged")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be created"):
        export(dataset, tmp_path / "file" / "inner")
