"""Looking at files without reading them: damage, sound tracks, listings, and the little readers of text."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from fake_media import LFS_POINTER, write

from talkie.media import probe
from talkie.speech.emotion import EMOTIONS
from talkie_datasets import Skipped
from talkie_datasets.emotions import COMMON, common_emotion
from talkie_datasets.files import files, folders, has_sound, npy_shape, trouble_with, walk
from talkie_datasets.raf_db import RAFDB
from talkie_datasets.text import clock, holes, rows, runs, spoken, table
from talkie_datasets.ubc_fashion import UBCFashion


def test_whole_files_of_every_container_are_in_order(media):
    for path in media.folder.iterdir():
        assert trouble_with(path) is None, path


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
def test_an_mp4_is_found_to_break_off_wherever_it_does(tmp_path, media, share):
    content = (media.folder / "clip.mp4").read_bytes()
    path = write(tmp_path / "a.mp4", content[: int(len(content) * share)])
    assert (trouble_with(path) or ("",))[0] == "broken"


def test_every_kind_of_damage_has_its_reason(tmp_path):
    assert trouble_with(tmp_path / "none.mp4") == ("missing_media", "there is no such file")
    assert trouble_with(write(tmp_path / "empty.wav")) == ("broken", "the file is empty")
    assert trouble_with(write(tmp_path / "b.mp4", LFS_POINTER))[0] == "lfs_pointer"
    for suffix in (".wav", ".avi", ".flv", ".mpg", ".jpg", ".png", ".npy", ".mp4"):
        assert trouble_with(write(tmp_path / f"page{suffix}", "<html>log in first</html>"))[0] == "broken"


def test_a_sound_track_is_seen_as_the_demuxer_sees_it(media):
    for path in media.folder.iterdir():
        told = has_sound(path)
        if told is not None:
            assert told == (probe(path).audio is not None), path


def test_random_bytes_never_trip_the_readers_of_headers(tmp_path):
    draw = np.random.default_rng(3)
    for number in range(200):
        noise = draw.bytes(int(draw.integers(1, 200)))
        for name in (f"{number}.mp4", f"{number}.flv"):
            path = write(tmp_path / name, noise)
            assert trouble_with(path) is not None
            has_sound(path)
    assert has_sound(write(tmp_path / "short.flv", "FLV")) is None


def test_a_damaged_index_never_trips_the_track_reader(tmp_path, media):
    content = bytearray((media.folder / "clip.mp4").read_bytes())
    start = content.index(b"moov") - 4
    draw = np.random.default_rng(4)
    for number in range(300):
        hurt = bytearray(content)
        for place in draw.integers(start, start + 600, 4):
            hurt[place] = int(draw.integers(256))
        path = write(tmp_path / f"{number}.mp4", bytes(hurt))
        trouble_with(path)
        has_sound(path)


def test_listings_are_sorted_and_leave_hidden_files_out(tmp_path):
    for name in ("b/2.mp4", "b/10.mp4", "a/x/1.MP4", ".hidden/1.mp4", "b/.2.mp4", "b/notes.txt"):
        write(tmp_path / name, "x")
    assert [p.name for p in folders(tmp_path)] == ["a", "b"]
    assert [p.name for p in files(tmp_path / "b", frozenset((".mp4",)))] == ["10.mp4", "2.mp4"]
    assert [p.name for p in walk(tmp_path, frozenset((".mp4",)))] == ["1.MP4", "10.mp4", "2.mp4"]
    assert files(tmp_path / "nowhere", frozenset((".mp4",))) == []


def test_a_link_that_leads_nowhere_is_told(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    assert [s.reason for s in UBCFashion().records(tmp_path)] == ["missing_media"]


def test_a_name_that_is_no_utf8_is_told_and_printable(tmp_path, media):
    (tmp_path / "train").mkdir()
    os.link(media.folder / "silent.mp4", os.fsencode(tmp_path / "train") + b"/\xff.mp4")
    (item,) = UBCFashion().records(tmp_path)
    assert isinstance(item, Skipped)
    assert item.reason == "bad_name"
    item.path.encode("utf-8")


def test_a_file_that_no_list_names_is_told(tmp_path, media):
    write(tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt", "train_00001.jpg 1\n")
    for number in (1, 2):
        media.put("face.jpg", tmp_path / "basic" / "Image" / "aligned" / f"train_0000{number}_aligned.jpg")
    _, extra = RAFDB().records(tmp_path)
    assert isinstance(extra, Skipped)
    assert (extra.reason, extra.path[-23:]) == ("not_in_protocol", "train_00002_aligned.jpg")


def test_a_clip_that_is_listed_twice_is_one_record(tmp_path, media):
    write(tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt", 2 * "train_00001.jpg 1\n")
    media.put("face.jpg", tmp_path / "basic" / "Image" / "aligned" / "train_00001_aligned.jpg")
    _, again = RAFDB().records(tmp_path)
    assert isinstance(again, Skipped)
    assert again.reason == "duplicate"


def test_an_npy_is_measured_by_its_header(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4), np.float32))
    assert npy_shape(tmp_path / "a.npy") == (3, 4)
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="objects"):
        npy_shape(write(tmp_path / "b.npy", buffer.getvalue()))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(ValueError, match="breaks off"):
        npy_shape(tmp_path / "a.npy")


def test_lists_are_read_with_their_row_numbers(tmp_path):
    path = write(tmp_path / "list.txt", b"\xef\xbb\xbfone\n\n t\xffwo \r\n")
    assert list(rows(path)) == [(1, "one"), (3, "t�wo")]
    sheet = write(tmp_path / "sheet.csv", "name, label\na, 1\nb\n")
    assert list(table(sheet)) == [(2, {"name": "a", "label": "1"}), (3, {"name": "b"})]


def test_transcripts_times_and_gaps(tmp_path):
    assert spoken(write(tmp_path / "a.txt", "Text:  HELLO THERE \nConf: 3\n")) == "HELLO THERE"
    assert spoken(write(tmp_path / "b.txt", "HELLO\n")) is None
    assert spoken(tmp_path / "none.txt") is None
    assert [clock("7"), clock("1:02"), clock("01:00:03.5")] == [7.0, 62.0, 3603.5]
    assert runs([1, 2, 5, 6, 9]) == [(1, 2), (5, 6), (9, 9)]
    assert holes(runs([102, 105, 111, 120], 3), 3) == "108, 114-117"


def test_all_emotions_are_words_of_the_stage():
    assert set(COMMON.values()) == set(EMOTIONS)
    assert common_emotion("Happiness") == "happy"
    assert common_emotion("calm") is None
    assert common_emotion("neutral,happy") is None
