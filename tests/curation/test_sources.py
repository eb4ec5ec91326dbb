"""Which files become sources, what lies beside them, and what is said where nothing can be found."""

from __future__ import annotations

import os

import pytest

from talkie.curation.sources import discover
from talkie.errors import BadInput


def names(sources) -> list[str]:
    return [source.name for source in sources]


def test_a_folder_is_searched_for_video_and_sound_but_not_for_notes_or_hidden_files(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.mp4", "deep/b.MOV", "deep/er/c.webm", "alone.wav", "notes.md", ".hidden.mp4", "x.TextGrid"):
        (tmp_path / name).write_bytes(name.encode())
    assert names(discover([tmp_path])) == ["a.mp4", "alone.wav", "b.MOV", "c.webm"]


def test_sound_transcript_and_facts_of_the_same_name_belong_to_the_video(tmp_path):
    for name in ("a.mp4", "a.wav", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "a.txt").write_text("Hello, you.\n")
    (tmp_path / "a.json").write_text('{"identity": "ada", "licence": "cc by 4.0", "labels": {"emotion": "happy"}}')
    a, b = discover([tmp_path])
    (record,) = a.records
    assert a.audio == tmp_path / "a.wav"
    assert (record.text, record.identity, record.licence) == ("Hello, you.", "ada", "CC-BY-4.0")
    assert record.labels == {"emotion": "happy"}
    assert (b.audio, b.given) == (None, ())
    assert b.records[0].uri == b.uri
    assert b.key == b.sha256
    # A named file has its sidecars too.
    assert discover([tmp_path / "a.mp4"]) == [a]


def test_a_corrected_transcript_makes_the_source_new_but_not_its_content(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"video")
    (tmp_path / "a.txt").write_text("helo")
    (before,) = discover([tmp_path])
    (tmp_path / "a.txt").write_text("hello")
    (after,) = discover([tmp_path])
    assert before.sha256 == after.sha256
    assert before.key != after.key


def test_globs_and_strange_names_are_found(tmp_path):
    strange = ["with space.mp4", 'it\'s "quoted".mp4', "лицо 顔.mp4", "[1].mp4", "concat:a.mp4"]
    for name in strange:
        (tmp_path / name).write_bytes(name.encode())
    assert sorted(names(discover([str(tmp_path / "*.mp4")]))) == sorted(strange)
    # A file that exists is taken by its name even where that reads like a pattern.
    assert names(discover([tmp_path / "[1].mp4"])) == ["[1].mp4"]
    assert len(discover([str(tmp_path / "**" / "*.mp4"), tmp_path])) == len(strange)


def test_a_name_that_is_no_unicode_can_be_reported(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    try:
        with open(path, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    (source,) = discover([tmp_path])
    source.name.encode()
    source.uri.encode()


def test_what_cannot_be_read_is_a_source_with_its_trouble(tmp_path):
    (tmp_path / "good.mp4").write_bytes(b"x")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = {source.name: source for source in discover([tmp_path])}
    assert set(found) == {"good.mp4", "folder.mp4", "gone.mp4"}
    assert found["good.mp4"].trouble is None
    assert "directory" in found["folder.mp4"].trouble
    assert "No such file" in found["gone.mp4"].trouble
    assert found["gone.mp4"].key != found["folder.mp4"].key


def test_two_files_of_one_name_are_two_sources(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.mp4").write_bytes(folder.encode())
    one, two = discover([tmp_path])
    assert one.name == two.name
    assert one.key != two.key


@pytest.mark.parametrize("case", ["missing", "empty folder", "glob without match", "nothing named"])
def test_nothing_to_curate_is_said_in_one_line(tmp_path, case):
    sources = {
        "missing": [tmp_path / "nowhere.mp4"],
        "empty folder": [tmp_path],
        "glob without match": [str(tmp_path / "*.mp4")],
        "nothing named": [],
    }[case]
    with pytest.raises(BadInput) as error:
        discover(sources)
    assert "\n" not in str(error.value)
