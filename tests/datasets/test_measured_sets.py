"""What each mesh and multi-view set is known to trip readers with."""

from __future__ import annotations

import os
import pickle
import wave
from glob import glob
from pathlib import Path

import numpy as np
import pytest
from fake_media import write
from fake_trees import make_fake_tree
from trees_measured import vocaset_as_released

from talkie.curation.record import SourceRecord
from talkie.errors import BadInput
from talkie_datasets import Dataset, Skipped
from talkie_datasets.biwi import BIWI
from talkie_datasets.multiface import Multiface
from talkie_datasets.nersemble import NeRSemble
from talkie_datasets.vocaset import PEOPLE, VOCASET, export_sound


def told(adapter: Dataset, root: Path) -> list[SourceRecord]:
    return [r for r in adapter.records(root) if isinstance(r, SourceRecord)]


def skipped(adapter: Dataset, root: Path) -> list[Skipped]:
    return [s for s in adapter.records(root) if isinstance(s, Skipped)]


def test_vocaset_as_released_is_spans_of_one_array_at_60_fps(tmp_path, media):
    vocaset_as_released(tmp_path)
    first, second = told(VOCASET(), tmp_path)
    assert (first.start_s, first.end_s) == (0.0, pytest.approx(2 / 60))
    assert (second.start_s, second.end_s) == (pytest.approx(2 / 60), pytest.approx(4 / 60))
    assert (first.fps, first.kind, first.split) == (60.0, "vertices", "train")
    assert first.annotations["templates"] == str(tmp_path / "templates.pkl")
    (cut,) = skipped(VOCASET(), tmp_path)
    assert (cut.reason, cut.message) == ("broken", "points to frame 6 of 6")


def test_vocaset_sound_becomes_wav_files_that_the_records_find(tmp_path):
    vocaset_as_released(tmp_path)
    tone = (1000 * np.sin(np.arange(2200) / 10)).astype(np.int16)
    content = {"FaceTalk_170725_00137_TA": {"sentence01": {"audio": tone, "sample_rate": 22_000}}}
    write(tmp_path / "raw_audio_fixed.pkl", pickle.dumps(content, protocol=2))
    assert export_sound(tmp_path) == 1
    first, second = told(VOCASET(), tmp_path)
    assert second.audio_uri is None
    with wave.open(first.audio_uri or "") as sound:
        assert sound.getframerate() == 22_000
        assert np.array_equal(np.frombuffer(sound.readframes(2200), "<i2"), tone)
    content["FaceTalk_170725_00137_TA"]["sentence01"]["audio"] = tone.astype(np.float64)
    write(tmp_path / "raw_audio_fixed.pkl", pickle.dumps(content))
    with pytest.raises(BadInput, match="no 16-bit mono sound"):
        export_sound(tmp_path)


class _Attack:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_vocaset_index_never_runs_what_a_pickle_asks_for(tmp_path):
    vocaset_as_released(tmp_path)
    (tmp_path / "subj_seq_to_idx.pkl").write_bytes(pickle.dumps({"x": _Attack(str(tmp_path / "owned"))}))
    with pytest.raises(BadInput, match="not admitted"):
        list(VOCASET().records(tmp_path))
    assert not (tmp_path / "owned").exists()


def test_vocaset_files_are_at_30_fps_with_the_authors_split(tmp_path, media):
    make_fake_tree("vocaset", tmp_path, media)
    assert {r.fps for r in told(VOCASET(), tmp_path)} == {30.0}
    assert [list(PEOPLE.values()).count(split) for split in ("train", "val", "test")] == [8, 2, 2]


def test_biwi_without_a_split_takes_every_take(tmp_path, media):
    make_fake_tree("biwi", tmp_path, media)
    assert [r.split for r in told(BIWI(), tmp_path)] == [None] * 4
    assert [s.reason for s in skipped(BIWI(), tmp_path)] == ["broken"]


def test_biwi_sentences_33_to_36_are_val_and_neutral_takes_are_in_no_list():
    adapter = BIWI(split="codetalker")
    assert adapter._split("M5", 33) == ("val", None)
    assert adapter._split("M5", 37) == ("test", "A")
    assert adapter._split("M6", 37) == ("test", "B")
    assert adapter._split("M6", 36) == (None, None)


def test_biwi_archives_of_the_authors_are_told_as_not_prepared(tmp_path):
    write(tmp_path / "faces" / "F1.tar", "")
    assert [s.reason for s in skipped(BIWI(), tmp_path)] == ["not_prepared"]


def test_multiface_time_comes_from_the_frame_list(tmp_path, media):
    """Numbers 102, 105, 111, 114 of a list that steps by three: the second stretch begins at 3 / 30 s."""
    make_fake_tree("multiface", tmp_path, media)
    _, before, after = told(Multiface(), tmp_path)
    assert (before.start_s, before.end_s) == (0.0, pytest.approx(2 / 30))
    assert (after.start_s, after.end_s) == (pytest.approx(3 / 30), pytest.approx(5 / 30))
    assert before.audio_uri == after.audio_uri
    assert before.group == after.group
    assert before.text == "a good morrow to you my boy"
    hole = next(s for s in skipped(Multiface(), tmp_path) if s.reason == "missing_frames")
    assert hole.message == "lacks 108 (1 of 5 listed)"


def test_multiface_a_frame_lost_at_the_beginning_shifts_the_clock_not_the_sound(tmp_path):
    person = tmp_path / "m--20180227--0000--6795937--GHS"
    write(person / "frame_list.txt", "E001 000100\nE001 000103\nE001 000106\n")
    for number in (103, 106):
        write(person / "tracked_mesh" / "E001" / f"{number:06d}.bin", b"\0" * 12)
    (record,) = told(Multiface(), tmp_path)
    assert (record.start_s, record.end_s) == (pytest.approx(1 / 30), pytest.approx(3 / 30))
    assert record.text is None


def test_multiface_names_a_bad_row_of_the_frame_list(tmp_path, media):
    make_fake_tree("multiface", tmp_path, media)
    path = next(tmp_path.glob("m--*/frame_list.txt"))
    path.write_text("nonsense\n" + path.read_text())
    bad = [s for s in skipped(Multiface(), tmp_path) if s.reason == "bad_row"]
    assert [s.path for s in bad] == [f"{path}:1"]


def test_nersemble_releases_are_told_apart_by_their_camera_file(tmp_path, media):
    make_fake_tree("nersemble", tmp_path, media)
    v1, *v2 = told(NeRSemble(), tmp_path)
    assert (v1.kind, v1.fps) == ("frames", 73.0)
    assert v1.annotations["cameras"] == str(tmp_path / "018" / "camera_params.json")
    assert {r.kind for r in v2} == {"video"}
    for record in v2:
        assert record.annotations["cameras"] == str(tmp_path / "030" / "calibration" / "camera_params.json")


def test_nersemble_v1_is_a_glob_that_finds_one_camera_in_order(tmp_path, media):
    make_fake_tree("nersemble", tmp_path, media)
    v1 = told(NeRSemble(), tmp_path)[0]
    found = sorted(tmp_path.glob(str(Path(v1.uri).relative_to(tmp_path))))
    assert [path.parent.parent.name for path in found] == ["frame_00000", "frame_00001", "frame_00002"]
    assert {path.name for path in found} == {"cam_222200037.png"}


def test_nersemble_v1_glob_survives_a_root_that_looks_like_a_pattern(tmp_path, media):
    root = tmp_path / "set[1]*"
    make_fake_tree("nersemble", root, media)
    v1 = told(NeRSemble(), root)[0]
    assert len(glob(v1.uri)) == len(glob(v1.annotations["mattes"])) == 3


def test_nersemble_views_of_a_sequence_share_a_group_and_held_out_cameras_say_so(tmp_path, media):
    make_fake_tree("nersemble", tmp_path, media)
    v2 = told(NeRSemble(), tmp_path)[1:]
    assert {r.group for r in v2} == {"nersemble:030/SEN-04-two_plus_seven"}
    held = next(r for r in v2 if r.labels["camera"] == "222200040")
    assert held.labels["camera_use"] == "held_out"
    assert held.annotations["background"] == str(tmp_path / "030" / "sequences" / "BACKGROUND" / "image_222200040.jpg")


def test_nersemble_without_a_calibration_is_told(tmp_path, media):
    media.put("silent.mp4", tmp_path / "031" / "sequences" / "HAIR" / "images" / "cam_222200040.mp4")
    assert [s.reason for s in skipped(NeRSemble(), tmp_path)] == ["missing_media"]
