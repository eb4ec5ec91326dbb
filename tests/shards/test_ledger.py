"""The ledger keeps its promises over torn lines, Parquet files of old lines, and a crash between the two."""

from __future__ import annotations

import json
import random

import pytest

from talkie.errors import CorruptShard
from talkie.shards import Ledger, LedgerEntry
from talkie.shards.ledger import LEDGER_NAME


def line(key, status="done", cause=None, **values):
    return LedgerEntry(sha256=key, name=f"{key}.mp4", uri=f"/in/{key}.mp4", status=status, cause=cause, **values)


def newest_by_hand(entries):
    """The contract in its plainest words: a closed attempt is forgotten when the source is seen again."""
    attempts, closed = {}, set()
    for entry in entries:
        if entry.sha256 in closed:
            attempts[entry.sha256] = []
            closed.discard(entry.sha256)
        attempts.setdefault(entry.sha256, []).append(entry)
        if entry.status != "drop":
            closed.add(entry.sha256)
    return attempts


def a_long_story(count, seed=0):
    chance = random.Random(seed)
    kinds = [("done", None), ("dead", "no_face"), ("drop", "short_stretch"), ("drop", "no_face")]
    return [line(f"s{chance.randrange(count // 5)}", *chance.choice(kinds)) for _ in range(count)]


@pytest.mark.parametrize("compact_bytes", [10**9, 2_000, 1])
def test_the_newest_attempts_are_the_same_however_much_lies_in_parquet(tmp_path, compact_bytes):
    ledger, story = Ledger(tmp_path, compact_bytes), a_long_story(300)
    for start in range(0, 300, 7):
        ledger.append(*story[start : start + 7])
    assert ledger.entries() == story
    assert ledger.latest() == newest_by_hand(story)
    assert bool(list(tmp_path.glob("ledger-*.parquet"))) == (compact_bytes < 10**9)


def test_questions_by_status_cause_and_key_are_answered_from_parquet_and_json_alike(tmp_path):
    ledger, story = Ledger(tmp_path, 2_000), a_long_story(300, seed=1)
    for entry in story:
        ledger.append(entry)
    hand = [e for attempt in newest_by_hand(story).values() for e in attempt]

    def same(found, expected):
        assert sorted(found, key=repr) == sorted(expected, key=repr)

    same(ledger.newest("dead"), [e for e in hand if e.status == "dead"])
    same(ledger.newest("drop", "no_face"), [e for e in hand if e.status == "drop" and e.cause == "no_face"])
    keys = {"s1", "s7", "never seen"}
    assert ledger.closings(keys) == {k: newest_by_hand(story)[k][-1] for k in keys if k in newest_by_hand(story)}


def test_lines_of_the_first_format_are_read_and_gone_on_with(tmp_path):
    old = {"sha256": "a", "name": "a", "uri": "a", "status": "done", "cause": None, "message": None, "step": None}
    old |= {"start_s": None, "end_s": None, "clips": ["1"], "versions": {"talkie": "0.1"}, "settings": "s"}
    (tmp_path / LEDGER_NAME).write_text(json.dumps(old) + "\n")
    ledger = Ledger(tmp_path)
    ledger.append(line("b"))
    ledger.compact()
    assert [e.sha256 for e in ledger.entries()] == ["a", "b"]
    assert ledger.entries()[0].versions == {"talkie": "0.1"}


@pytest.mark.parametrize("then", ["read", "append", "compact"])
def test_a_crash_between_parquet_and_json_neither_loses_nor_repeats_a_line(tmp_path, then):
    ledger = Ledger(tmp_path)
    ledger.append(line("a"), line("b"))
    before = ledger.path.read_bytes()
    ledger.compact()
    ledger.path.write_bytes(before)
    expected = ["a", "b"]
    if then == "append":
        ledger.append(line("c"))
        expected.append("c")
    if then == "compact":
        ledger.compact()
    assert [e.sha256 for e in ledger.entries()] == expected


def test_a_torn_line_before_compaction_is_left_behind(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(line("a"))
    with ledger.path.open("ab") as file:
        file.write(b'{"sha256": "tor')
    ledger.append(line("b"))
    ledger.compact()
    ledger.append(line("c"))
    assert [e.sha256 for e in ledger.entries()] == ["a", "b", "c"]


def test_a_rewrite_changes_old_and_new_lines_and_is_done_once(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(line("a"), line("b"))
    ledger.compact()
    ledger.append(line("a", "dead", "no_face"), line("c"))

    def change(entry):
        return None if entry.sha256 == "a" else entry.model_copy(update={"name": "somebody"})

    assert ledger.rewrite(change) == 4
    assert [(e.sha256, e.name) for e in ledger.entries()] == [("b", "somebody"), ("c", "somebody")]
    assert ledger.rewrite(change) == 0
    assert not [p for p in tmp_path.iterdir() if b"/in/a.mp4" in p.read_bytes()]


def test_a_damaged_parquet_file_is_an_error_and_not_a_forgotten_past(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(line("a"))
    ledger.compact()
    (tmp_path / "ledger-000000.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(CorruptShard, match="ledger"):
        ledger.entries()
