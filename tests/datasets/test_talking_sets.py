"""What each talking-head set is known to trip readers with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_media import write
from fake_trees import make_fake_tree

from talkie.curation.record import SourceRecord
from talkie.errors import BadConfig, BadInput
from talkie.media import probe
from talkie_datasets import Dataset, Skipped
from talkie_datasets.celebv_hq import CelebVHQ
from talkie_datasets.crema_d import CREMAD
from talkie_datasets.grid import GRID
from talkie_datasets.hdtf import HDTF
from talkie_datasets.lrs2 import LRS2
from talkie_datasets.lrs3 import LRS3
from talkie_datasets.lrw import LRW
from talkie_datasets.mead import EMOTE_SPLIT, MEAD
from talkie_datasets.ravdess import RAVDESS
from talkie_datasets.talkinghead_1kh import TalkingHead1KH
from talkie_datasets.vfhq import VFHQ
from talkie_datasets.voxceleb2 import VoxCeleb2


def told(adapter: Dataset, root: Path) -> dict[str, SourceRecord]:
    return {r.key or "": r for r in adapter.records(root) if isinstance(r, SourceRecord)}


def skipped(adapter: Dataset, root: Path) -> list[Skipped]:
    return [s for s in adapter.records(root) if isinstance(s, Skipped)]


def test_voxceleb2_takes_the_sound_tree_where_the_video_is_silent(tmp_path, media):
    media.put("silent.mp4", tmp_path / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4")
    assert [s.reason for s in skipped(VoxCeleb2(), tmp_path)] == ["no_audio"]
    sound = media.put("sound.m4a", tmp_path / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a")
    (record,) = told(VoxCeleb2(), tmp_path).values()
    assert record.audio_uri == str(sound)
    assert record.group == "youtube:21Uxsk56VDQ"


def test_hdtf_gives_a_whole_download_with_span_and_box(tmp_path, media):
    make_fake_tree("hdtf", tmp_path, media)
    raw = media.put("clip2997.mp4", tmp_path / "_videos_raw" / "RD_Radio5.mp4")
    record = told(HDTF(), tmp_path)["RD__Radio5_0"]
    assert record.uri == str(raw)
    assert (record.start_s, record.end_s) == (1.0, 62.0)
    assert record.box is not None
    assert (record.box.left, record.box.top, record.box.right, record.box.bottom) == (320, 100, 832, 612)
    assert (record.box.width, record.box.height) == (1280, 720)
    assert record.group == "youtube:-Radio_0005"


def test_hdtf_names_list_and_row_of_a_video_that_is_gone(tmp_path, media):
    make_fake_tree("hdtf", tmp_path, media)
    gone = [s for s in skipped(HDTF(), tmp_path) if s.reason == "missing_media"]
    assert [s.path for s in gone] == [f"{tmp_path / 'HDTF_dataset' / 'RD_video_url.txt'}:6"]


def test_footage_at_30000_1001_fps_keeps_its_rate_and_claims_none(tmp_path, media):
    make_fake_tree("ravdess", tmp_path, media)
    for record in told(RAVDESS(), tmp_path).values():
        info = probe(record.uri).video
        assert info is not None
        assert info.fps_nominal == pytest.approx(30_000 / 1001)
        assert record.fps is None


def test_mead_reads_paths_from_the_right_and_pairs_the_sound_by_take(tmp_path, media):
    make_fake_tree("mead", tmp_path, media)
    for record in told(MEAD(), tmp_path).values():
        actor = (record.identity or "").removeprefix("mead:")
        number = Path(record.uri).stem
        assert record.audio_uri == str(tmp_path / actor / "audio" / "surprised" / "level_2" / f"{number}.m4a")
        assert record.group == f"mead:{actor}/surprised/level_2/{number}"


def test_mead_views_of_one_take_share_a_group(tmp_path, media):
    for view in ("front", "down"):
        media.put("clip.mp4", tmp_path / "M003/video" / view / "angry/level_1/001.mp4")
    assert len({r.group for r in told(MEAD(), tmp_path).values()}) == 1


def test_sound_that_breaks_off_is_told_by_its_own_name(tmp_path, media):
    media.put("clip.mp4", tmp_path / "M003/video/front/angry/level_1/001.mp4")
    sound = media.broken(tmp_path / "M003/audio/angry/level_1/001.m4a")
    (bad,) = skipped(MEAD(), tmp_path)
    assert (bad.reason, bad.path) == ("broken", str(sound))


def test_mead_skips_what_it_does_not_know(tmp_path, media):
    for place in ("front/bored/level_1/001.mp4", "behind/sad/level_1/001.mp4", "front/sad/level_4/001.mp4"):
        media.put("clip.mp4", tmp_path / "M003/video" / place)
    assert [s.reason for s in skipped(MEAD(), tmp_path)] == ["bad_name", "unknown_label", "bad_name"]


def test_mead_emote_split_has_its_published_sizes_and_no_person_twice():
    sizes = {split: len(people) for split, people in EMOTE_SPLIT.items()}
    assert sizes == {"train": 32, "val": 7, "test": 8}
    assert len(frozenset().union(*EMOTE_SPLIT.values())) == 47


def test_lrs2_drops_the_second_word_of_a_row_and_the_heading_of_a_transcript(tmp_path, media):
    make_fake_tree("lrs2", tmp_path, media, 4)
    records = list(told(LRS2(), tmp_path).values())
    assert {r.text for r in records} == {"WHEN WE STARTED"}
    assert {r.split for r in records} == {"train", "val", "test"}
    words = {r.labels["part"]: r.annotations.get("words") for r in records}
    assert words["pretrain"] is not None
    assert words["main"] is None


def test_lrs3_groups_by_talk(tmp_path, media):
    make_fake_tree("lrs3", tmp_path, media)
    for record in told(LRS3(), tmp_path).values():
        assert record.group == f"youtube:{Path(record.uri).parent.name}"
        assert record.text == "THANK YOU"


def test_lrw_gives_the_word_as_a_label_and_no_text(tmp_path, media):
    make_fake_tree("lrw", tmp_path, media)
    for record in told(LRW(), tmp_path).values():
        assert record.text is None
        assert record.labels["word"] == "ABOUT"
        assert record.annotations["words"] == str(Path(record.uri).with_suffix(".txt"))


def test_celebv_hq_boxes_are_shares_and_go_with_whole_downloads_only(tmp_path, media):
    make_fake_tree("celebv_hq", tmp_path, media)
    records = told(CelebVHQ(), tmp_path)
    whole, cut = records["M2Ohb0FAaJ0_1"], records["M2Ohb0FAaJ2_1"]
    assert whole.box is not None
    assert whole.box.width is None
    assert (whole.box.right, whole.start_s, whole.end_s) == (0.6922, 81.62, 86.17)
    assert (cut.box, cut.start_s) == (None, None)


def test_celebv_hq_names_the_clip_whose_entry_is_broken(tmp_path, media):
    write(tmp_path / "celebvhq_info.json", json.dumps({"clips": {"a_1": {"ytb_id": "a", "duration": {}}}}))
    media.put("clip.mp4", tmp_path / "raw" / "a.mp4")
    (bad,) = skipped(CelebVHQ(), tmp_path)
    assert bad.reason == "bad_row"
    assert bad.path.endswith("celebvhq_info.json:a_1")
    write(tmp_path / "celebvhq_info.json", "{")
    with pytest.raises(BadInput, match="no CelebV-HQ list"):
        list(CelebVHQ().records(tmp_path))


def test_vfhq_splits_names_at_plus_only(tmp_path, media):
    make_fake_tree("vfhq", tmp_path, media)
    records = told(VFHQ(), tmp_path)
    groups = {r.group for r in records.values()}
    assert groups == {"youtube:-RadioSt_01", "youtube:_x-0Y_z-1aB", "youtube:0a-b_c-d_e-"}
    kinds = {r.group: r.kind for r in records.values()}
    assert kinds["youtube:_x-0Y_z-1aB"] == "frames"


def test_vfhq_takes_a_clip_once_and_tells_of_one_without_a_meta_file(tmp_path, media):
    make_fake_tree("vfhq", tmp_path, media)
    before = list(VFHQ().records(tmp_path))
    name = next(r.key for r in told(VFHQ(), tmp_path).values() if Path(r.uri).parent.name == "clips")
    media.frames(tmp_path / "images" / name, range(3), "{:08d}.png")
    assert list(VFHQ().records(tmp_path)) == before
    media.frames(tmp_path / "images" / "Clip+aaaaaaaaaaa+P0+C0+F1-9", range(3), "{:08d}.png")
    (extra,) = [item for item in VFHQ().records(tmp_path) if item not in before]
    assert isinstance(extra, Skipped)
    assert extra.reason == "not_in_protocol"


def test_vfhq_leaves_out_the_first_and_last_frame(tmp_path, media):
    make_fake_tree("vfhq", tmp_path, media)
    record = next(r for r in told(VFHQ(), tmp_path).values() if r.box is not None)
    assert record.start_s == pytest.approx(5505 / 23.976)
    assert record.end_s == pytest.approx(5559 / 23.976)
    assert (record.box.left, record.box.bottom, record.box.width, record.box.height) == (700, 700, 1920, 1080)


def test_talkinghead_1kh_sample_list_is_not_counted_twice(tmp_path, media):
    make_fake_tree("talkinghead_1kh", tmp_path, media)
    before = list(TalkingHead1KH().records(tmp_path))
    lines = (tmp_path / "data_list" / "train_video_tubes.txt").read_text()
    write(tmp_path / "data_list" / "small_video_tubes.txt", lines)
    assert list(TalkingHead1KH().records(tmp_path)) == before


def test_crema_d_reads_the_code_and_pairs_the_wav(tmp_path, media):
    make_fake_tree("crema_d", tmp_path, media)
    record = told(CREMAD(), tmp_path)["1001_DFA_ANG_HI"]
    assert record.text == "Don't forget a jacket"
    assert record.audio_uri == str(tmp_path / "AudioWAV" / "1001_DFA_ANG_HI.wav")
    assert record.labels["age"] == "51"


def test_crema_d_ignores_a_wav_that_is_only_a_pointer(tmp_path, media):
    from fake_media import LFS_POINTER

    media.put("clip.flv", tmp_path / "VideoFlash" / "1001_IEO_SAD_LO.flv")
    write(tmp_path / "AudioWAV" / "1001_IEO_SAD_LO.wav", LFS_POINTER)
    (record,) = told(CREMAD(), tmp_path).values()
    assert record.audio_uri is None


def test_ravdess_takes_a_silent_film_only_where_there_is_no_other(tmp_path, media):
    media.put("silent.mp4", tmp_path / "Video_Speech_Actor_02" / "Actor_02" / "02-01-08-02-02-01-02.mp4")
    assert [s.reason for s in skipped(RAVDESS(), tmp_path)] == ["no_audio"]
    media.put("sound.wav", tmp_path / "Video_Speech_Actor_02" / "Actor_02" / "03-01-08-02-02-01-02.wav")
    (record,) = told(RAVDESS(), tmp_path).values()
    assert record.text == "Dogs are sitting by the door"
    assert record.labels == {
        "emotion": "surprised",
        "intensity": "strong",
        "channel": "speech",
        "repetition": "1",
        "sex": "female",
    }


def test_grid_checks_the_word_list_against_the_name(tmp_path, media):
    make_fake_tree("grid", tmp_path, media)
    record = told(GRID(), tmp_path)["s1__bbaf2n"]
    assert record.text == "bin blue at f two now"
    align = tmp_path / "s1" / "align" / "bbaf2n.align"
    align.write_text(align.read_text().replace("blue", "red"))
    bad = [s for s in skipped(GRID(), tmp_path) if s.reason == "bad_row"]
    assert [s.path for s in bad] == [str(align)]


@pytest.mark.parametrize("adapter", [MEAD, GRID])
def test_an_unknown_split_is_refused_before_anything_is_read(adapter):
    with pytest.raises(BadConfig, match="no split 'mine'"):
        adapter(split="mine")
