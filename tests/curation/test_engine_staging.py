"""Promises of the staging: a source counts when all of it is there, half of anything never does."""

from __future__ import annotations

import errno
import os

import pytest

from talkie.curation import staging as staging_module
from talkie.curation.process import Outcome
from talkie.curation.staging import Staging
from talkie.errors import BadInput, DiskFull, MissingField
from talkie.shards import LedgerEntry

DIGEST = "d" * 64


@pytest.fixture
def staging(tmp_path) -> Staging:
    made = Staging(tmp_path / "out", DIGEST)
    made.prepare()
    return made


def outcome(message, seconds=1.0):
    entry = LedgerEntry(sha256="s", name="s.mp4", uri="/s.mp4", status="drop", message=message)
    return Outcome(entries=[entry], footage_s=seconds)


def messages(found):
    return [entry.message for entry in found.entries]


def test_a_source_in_parts_counts_when_it_is_closed_and_keeps_their_order(staging):
    staging.put_part("s", "1", outcome("second"))
    staging.put_part("s", "listen", outcome("never kept"), {"hearing.npz": b"sound"})
    staging.put_part("s", "0", outcome("first"))
    assert staging.parts("s") == {"0", "1", "listen"}
    assert staging.file("s", "listen", "hearing.npz") == b"sound"
    assert messages(staging.get_part("s", "1")) == ["second"]
    assert staging.keys() == set()
    staging.close("s", ["0", "1"])
    assert staging.keys() == {"s"}
    assert messages(staging.get("s")) == ["first", "second"]
    assert staging.get("s").footage_s == 2.0


def test_parts_of_an_open_source_outlive_a_commit_and_a_restart(staging, tmp_path):
    staging.put_part("long", "0", outcome("a piece"))
    staging.put("short", outcome("whole"))
    staging.clear()
    again = Staging(tmp_path / "out", DIGEST)
    again.prepare()
    assert again.keys() == set()
    assert again.has_part("long", "0")
    again.close("long", ["0"])
    again.clear()
    assert not again.root.exists()


def test_a_second_copy_is_dropped(staging):
    staging.put("s", outcome("first"))
    staging.put("s", outcome("second"))
    staging.put_part("s", "0", outcome("late"))
    staging.close("s", ["whole"])
    assert messages(staging.get("s")) == ["first"]


def test_half_written_work_and_that_of_other_settings_is_swept(staging, tmp_path):
    (staging.folder / "tmp-half").mkdir()
    other = Staging(tmp_path / "out", "e" * 64)
    other.prepare()
    assert not staging.folder.exists()
    (other.folder / "tmp-half").mkdir()
    other.prepare()
    assert not list(other.folder.glob("tmp-*"))


def test_a_source_cannot_be_closed_without_its_parts_and_names_stay_inside(staging):
    with pytest.raises(MissingField, match="part 0"):
        staging.close("s", ["0"])
    with pytest.raises(BadInput, match="no name for a part"):
        staging.put_part("s", "../escape", outcome("x"))


@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir"])
def test_a_full_disk_is_a_typed_error_and_leaves_nothing_half(staging, monkeypatch, call):
    before = getattr(os, call)

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(staging_module.os, call, refuse)
    with pytest.raises(DiskFull, match="make room"):
        staging.put("s", outcome("x"))
    monkeypatch.setattr(staging_module.os, call, before)
    assert staging.keys() == set()
    assert not list(staging.folder.glob("tmp-*"))
    staging.put("s", outcome("x"))
    assert staging.keys() == {"s"}
