"""Many records on one file, several arguments that name the same, what is read twice, and kinds that are not taken."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from talkie.curation.sources import DigestCache, discover
from talkie.errors import BadInput, BadManifest, NotFootage


def table(path: Path, *rows: dict) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def film(tmp_path) -> Path:
    (tmp_path / "a.mp4").write_bytes(b"film")
    return tmp_path / "a.mp4"


def test_spans_and_people_of_one_file_are_one_source(film, tmp_path):
    boxes = [{"left": x, "top": 0, "right": x + 0.4, "bottom": 1} for x in (0.0, 0.5)]
    rows = [
        {"uri": "a.mp4", "identity": "bob", "box": boxes[1], "start_s": 4, "end_s": 8},
        {"uri": "a.mp4", "identity": "ann", "box": boxes[0], "start_s": 4, "end_s": 8},
        {"uri": str(film), "identity": "ann", "start_s": 0, "end_s": 2, "text": "Hello."},
    ]
    (source,) = discover([table(tmp_path / "m.jsonl", *rows)])
    assert [(r.start_s, r.identity) for r in source.records] == [(0, "ann"), (4, "ann"), (4, "bob")]
    assert source.path == film


def test_a_file_that_a_folder_and_a_manifest_name_is_one_source_with_the_manifests_words(film, tmp_path):
    (tmp_path / "a.txt").write_text("From beside.")
    rows = table(tmp_path / "m.jsonl", {"uri": "a.mp4", "identity": "ann"})
    (source,) = discover([tmp_path / "a.mp4", rows])
    assert (source.records[0].identity, source.records[0].text) == ("ann", None)
    assert discover([rows, tmp_path]) == [source]
    # The same manifest twice says nothing new.
    assert discover([rows, rows]) == [source]


def test_two_manifests_that_contradict_each_other_are_refused(film, tmp_path):
    one = table(tmp_path / "one.jsonl", {"uri": "a.mp4", "identity": "ann"})
    two = table(tmp_path / "two.jsonl", {"uri": "a.mp4", "identity": "bob"})
    with pytest.raises(BadInput, match=r"a\.mp4: identity: 'bob', but another argument says 'ann'"):
        discover([one, two])


def test_one_file_under_two_spellings_is_one_file(film, tmp_path):
    (tmp_path / "in").mkdir()
    one = table(tmp_path / "in" / "m.jsonl", {"uri": "../a.mp4", "identity": "ann"})
    two = table(tmp_path / "m.jsonl", {"uri": "a.mp4", "identity": "ann"})
    assert len(discover([one, two])[0].records) == 1
    twice = [{"uri": "a.mp4"}, {"uri": "in/../a.mp4"}]
    with pytest.raises(BadManifest, match="row 1 names the same stretch"):
        discover([table(tmp_path / "twice.jsonl", *twice)])


def test_sound_and_annotations_that_are_missing_are_named(film, tmp_path):
    (source,) = discover([table(tmp_path / "m.jsonl", {"uri": "a.mp4", "audio_uri": "gone.wav"})])
    assert source.trouble.endswith("gone.wav cannot be read: No such file or directory")


def test_what_records_say_changes_the_key_and_where_files_lie_does_not(film, tmp_path):
    def key(folder: Path, **row: object) -> str:
        folder.mkdir(exist_ok=True)
        (folder / "a.mp4").write_bytes(b"film")
        (folder / "a.wav").write_bytes(b"sound")
        return discover([table(folder / "m.jsonl", {"uri": "a.mp4", "audio_uri": "a.wav", **row})])[0].key

    first = key(tmp_path / "one", identity="ann")
    assert key(tmp_path / "two", identity="ann") == first
    assert key(tmp_path / "three", identity="bob") != first
    assert key(tmp_path / "three", identity="ann", start_s=1) != first
    (tmp_path / "one" / "a.wav").write_bytes(b"other sound")
    assert discover([tmp_path / "one" / "m.jsonl"])[0].key != first


def test_a_manifest_that_is_wrong_stops_discovery_with_row_and_column(film, tmp_path):
    with pytest.raises(BadManifest, match="row 1, column 'licence'"):
        discover([table(tmp_path / "m.jsonl", {"uri": "a.mp4", "licence": "nonsense"})])


def test_a_manifests_missing_file_is_a_source_in_trouble(film, tmp_path):
    a, gone = discover([table(tmp_path / "m.jsonl", {"uri": "a.mp4"}, {"uri": "gone.mp4", "identity": "x"})])
    assert a.trouble is None
    assert "No such file" in gone.trouble
    assert gone.records[0].identity == "x"


def test_a_folder_of_frames_is_a_source_of_its_pictures_content(tmp_path):
    def frames(name: str, contents: list[bytes]) -> object:
        for number, content in enumerate(contents):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number:03d}.png").write_bytes(content)
        return discover([table(tmp_path / "m.jsonl", {"uri": name, "kind": "frames", "fps": 30})])[0]

    one, two, turned = frames("x", [b"1", b"2"]), frames("y", [b"1", b"2"]), frames("z", [b"2", b"1"])
    assert (one.kind, one.records[0].fps, one.size) == ("frames", 30, 2)
    assert one.sha256 == two.sha256 != turned.sha256


def test_pictures_and_meshes_are_refused_with_a_reason(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "a.npy").write_bytes(b"x")
    rows = [{"uri": "a.png", "kind": "image", "identity": "ann"}, {"uri": "a.npy", "kind": "vertices", "fps": 60}]
    mesh, picture = discover([table(tmp_path / "m.jsonl", *rows)])
    assert (picture.cause, mesh.cause) == ("not_footage", "not_footage")
    assert "single picture" in picture.trouble
    assert "mesh sequence" in mesh.trouble
    assert isinstance(mesh.refusal(), NotFootage)
    assert picture.records[0].identity == "ann"


def test_a_wrong_sidecar_is_trouble_that_names_it(film, tmp_path):
    (tmp_path / "a.json").write_text('{"identiti": "ada"}')
    (source,) = discover([film])
    assert source.cause == "bad_input"
    assert "a.json" in source.trouble
    assert "identiti" in source.trouble
    (tmp_path / "a.json").unlink()
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    assert "a.txt" in discover([film])[0].trouble


def old(path: Path) -> None:
    os.utime(path, (time.time() - 100,) * 2)


def test_a_second_run_reads_nothing_again(tmp_path):
    for name in ("a.mp4", "b.mp4", "b.wav"):
        (tmp_path / name).write_bytes(name.encode() * 100)
        old(tmp_path / name)
    first = DigestCache(tmp_path / "cache" / "digests.sqlite")
    found = discover([tmp_path], digests=first)
    first.close()
    assert first.bytes_read == 1500
    second = DigestCache(tmp_path / "cache" / "digests.sqlite")
    assert discover([tmp_path], digests=second) == found
    assert second.bytes_read == 0
    (tmp_path / "a.mp4").write_bytes(b"other" * 100)
    changed = discover([tmp_path], digests=second)
    assert second.bytes_read == 500
    assert changed[0].sha256 != found[0].sha256
    second.close()


def test_a_file_that_was_just_written_is_not_remembered(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    for _ in range(2):
        cache = DigestCache(tmp_path / "digests.sqlite")
        discover([tmp_path / "a.mp4"], digests=cache)
        cache.close()
        assert cache.bytes_read == 1


def test_a_cache_that_cannot_be_used_costs_nothing_but_time(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    old(tmp_path / "a.mp4")
    (tmp_path / "broken").write_bytes(b"no database, but as long as a header of one would have to be" * 40)
    for place in (tmp_path / "broken", tmp_path / "a.mp4" / "under-a-file"):
        cache = DigestCache(place)
        assert discover([tmp_path / "a.mp4"], digests=cache)[0].trouble is None
        cache.close()


def test_memory_is_a_kilobyte_a_file(tmp_path):
    def kept(count: int) -> tuple[int, int]:
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.mp4").write_bytes(b"x")
        tracemalloc.start()
        found = discover([folder])
        measured = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found) == count
        return measured

    few, many = kept(500), kept(2000)
    assert (many[0] - few[0]) / 1500 < 1200
    assert (many[1] - few[1]) / 1500 < 2000
