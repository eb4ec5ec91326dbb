"""A takedown leaves no byte and no name, refuses what it took, and is finished by the next call after a crash."""

from __future__ import annotations

import itertools
import json
import os

import pytest

from talkie.clip import ClipRecord, Source, clip_id
from talkie.curation.books import Tombstones, finish_takedown, plan_takedown, takedown
from talkie.errors import BadInput, CorruptShard
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, open_dataset
from talkie.shards.history import states_with

SETTINGS = {"tool": "test"}
SHARD = 6_000


def sha(letter):
    return letter * 64


def uri(letter):
    return f"/footage/take {letter}.mp4"


def clip(letter, start, identity, seed):
    source = Source(uri=uri(letter), name=f"take {letter}.mp4", sha256=sha(letter), start_s=start, end_s=start + 2)
    record = ClipRecord(
        id=clip_id(sha(letter), start, start + 2, seed), source=source, frames=50, identity=identity, split="train"
    )
    return RawClip(record, {"mp4": f"pictures of {identity} {letter}{start}{seed}|".encode() * 99, "txt": b"hello"})


def done(letter, clips, **values):
    ids = [c.record.id for c in clips if c.record.source.sha256 == sha(letter)]
    plain = {"name": f"take {letter}.mp4", "uri": uri(letter), "settings": "s", "input_sha256": sha(letter)}
    return LedgerEntry(sha256=sha(letter), status="done", clips=ids, **plain, **values)


def drop(letter, cause, **values):
    plain = {"name": f"take {letter}.mp4", "uri": uri(letter), "settings": "s", "input_sha256": sha(letter)}
    return LedgerEntry(sha256=values.pop("key", sha(letter)), status="drop", cause=cause, **plain, **values)


@pytest.fixture
def folder(tmp_path):
    """a: two clips of Ada. b: one of Ada, one of Bob. c: one of Cyd. d: a near copy of a; e: an exact copy of c."""
    clips = [
        *(clip("a", start, "Ada Example", 0) for start in (0, 2)),
        clip("b", 0, "Ada Example", 0),
        clip("b", 0, "Bob Example", 1),
        clip("c", 0, "Cyd Example", 0),
    ]
    out = tmp_path / "shards"
    commit(out, clips, settings=SETTINGS, max_shard_bytes=SHARD)
    ledger = Ledger(out)
    ledger.append(drop("a", "no_face", start_s=4.0, end_s=5.0), done("a", clips), done("b", clips))
    ledger.compact()
    ledger.append(done("c", clips), drop("d", "near_duplicate", of=clips[0].record.id), done("d", []))
    ledger.append(drop("e", "duplicate_of", key="f" * 64, message=f"same content as {uri('c')}", of=sha("c")))
    staged = out / ".staging" / "0123456789abcdef"
    for letter in "ac":
        (staged / sha(letter)).mkdir(parents=True)
        (staged / sha(letter) / "outcome.json").write_text(json.dumps({"clips": [{"uri": uri(letter)}]}))
    return out


def everything(folder):
    return b"".join(p.name.encode() + p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def traces(folder, letter, identity=None):
    data = everything(folder)
    words = [uri(letter).encode(), f"take {letter}.mp4".encode(), f"{letter}0".encode() + b"0|pictures"]
    words += [sha(letter).encode()] + ([identity.encode()] if identity else [])
    return [word for word in words if word in data]


def test_a_source_goes_with_its_clips_its_copies_and_every_byte_of_them(folder):
    before = open_dataset(folder).entries
    gone = set(takedown(folder, uri("a"), reason="consent withdrawn").found.clips)
    after = open_dataset(folder)
    after.verify()
    assert gone == {i for i, e in before.items() if e.source == sha("a")}
    assert set(after.ids()) == set(before) - gone
    # d was a near copy of a: its clips were never kept, and it is refused as well.
    for letter in "ad":
        assert not traces(folder, letter)
    assert not any(i.encode() in everything(folder).replace(history(folder), b"") for i in gone)
    assert traces(folder, "c")


def history(folder):
    """It alone keeps the ids, which are digests: what was trained on them must be found in a year too."""
    return (folder / "history.jsonl").read_bytes()


def test_the_other_shards_are_not_touched(folder):
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.tar")}
    result = takedown(folder, sha("a"), max_shard_bytes=SHARD)
    same = {p.name for p in folder.glob("*.tar") if before.get(p.name) == p.stat().st_mtime_ns}
    assert same
    assert same.isdisjoint(result.rewritten)


@pytest.mark.parametrize("name", [uri("e"), "take c.mp4", sha("c")])
def test_an_exact_copy_and_its_original_are_one_thing(folder, name):
    result = takedown(folder, name)
    assert [open_dataset(folder).entries.get(i) for i in result.found.clips] == [None]
    assert not traces(folder, "c", "Cyd Example")
    assert not traces(folder, "e")
    assert Tombstones(folder).refuses(sha("c"))


def test_a_person_goes_from_all_sources_and_company_stays(folder):
    bob = [i for i, e in open_dataset(folder).entries.items() if e.identity == "Bob Example"]
    result = takedown(folder, "Ada Example")
    after = open_dataset(folder)
    assert {e.identity for e in after.entries.values()} == {"Bob Example", "Cyd Example"}
    assert result.found.kept_sources == [sha("b")]
    assert b"Ada Example" not in everything(folder)
    stones = Tombstones(folder)
    assert stones.refuses(sha("a"))
    assert stones.refuses(sha("b"), identity="Bob Example") is None
    assert stones.refuses("0" * 64, identity="Ada Example") == "this person was taken down"
    # What is left of b is still known as done: the line names Bob's clip alone.
    (line,) = [e for e in Ledger(folder).entries() if e.sha256 == sha("b")]
    assert line.clips == bob


def test_a_clip_goes_alone_and_does_not_return_cut_a_little_differently(folder):
    victim = clip_id(sha("a"), 0, 2)
    takedown(folder, victim)
    assert victim not in open_dataset(folder).entries
    assert len(open_dataset(folder)) == 4
    stones = Tombstones(folder)
    assert stones.refuses(sha("a"), victim)
    assert stones.refuses(sha("a"), "0" * 16, span_s=(0.2, 2.0))
    assert stones.refuses(sha("a"), "0" * 16, span_s=(2.0, 4.0)) is None


def test_a_refusal_names_nobody_and_has_one_key(folder):
    takedown(folder, uri("a"))
    stones = Tombstones(folder)
    line = stones.refusal(sha("a"), stones.refuses(sha("a")), "s")
    assert line == Tombstones(folder).refusal(sha("a"), "its source was taken down", "s")
    assert sha("a") not in line.model_dump_json()
    Ledger(folder).append(line)
    assert Ledger(folder).closings({line.sha256}) == {line.sha256: line}
    assert takedown(folder, sha("a")).found.already


def test_a_tombstone_keeps_neither_name_nor_digest_nor_path(folder):
    takedown(folder, "Ada Example", reason="asked to")
    text = (folder / "tombstones.jsonl").read_text()
    assert not [word for word in ("Ada", "take", sha("a"), clip_id(sha("a"), 0, 2)) if word in text]
    assert "asked to" in text


def test_the_states_that_held_it_are_known_for_ever(folder):
    digest = open_dataset(folder).digest
    result = takedown(folder, uri("a"))
    assert result.states == {digest: 2}
    again = states_with(folder, result.found.clips)
    assert again.keys() == {digest}
    assert result.after not in again


@pytest.mark.parametrize("target", [uri("a"), "Ada Example", clip_id(sha("a"), 0, 2), sha("c")])
def test_twice_is_once(folder, target):
    takedown(folder, target)
    before = everything(folder)
    second = takedown(folder, target)
    assert second.found.already
    assert everything(folder) == before


def test_a_dry_run_says_the_same_and_changes_nothing(folder):
    before = everything(folder)
    plan = plan_takedown(folder, "Ada Example")
    assert everything(folder) == before
    real = takedown(folder, "Ada Example")
    assert (plan.found, plan.states) == (real.found, real.states)
    assert plan.found.seconds == 6.0


STEPS = ("_bury", "commit", "_sweep", "_unstage", "_blacken", "_verify", "_states")


@pytest.mark.parametrize(("step", "when"), list(itertools.product(STEPS, ("before", "after"))))
def test_a_crash_at_any_step_is_made_good_by_the_next_call(folder, monkeypatch, step, when):
    import sys

    module = sys.modules["talkie.curation.books.takedown"]
    whole = getattr(module, step)

    def crash(*arguments, **values):
        if when == "after":
            whole(*arguments, **values)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, step, crash)
        with pytest.raises(KeyboardInterrupt):
            takedown(folder, uri("a"))
    assert finish_takedown(folder) is not None
    assert finish_takedown(folder) is None
    open_dataset(folder).verify()
    assert not traces(folder, "a")
    assert not traces(folder, "d")
    assert len(open_dataset(folder)) == 3
    assert Tombstones(folder).refuses(sha("a"))


def test_a_crash_between_index_and_clean_up_leaves_no_old_shard(folder, monkeypatch):
    from talkie.shards import writer

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_sweep", crash)
        with pytest.raises(KeyboardInterrupt):
            takedown(folder, uri("a"))
    (folder / ".shard-01.abc.tmp").write_bytes(b"pictures of Ada Example a00|")
    assert traces(folder, "a")
    takedown(folder, uri("a"))
    assert not traces(folder, "a")


def test_a_killed_process_is_made_good_too(folder):
    """The same without a chance to clean up: the process ends in the middle of the new shard."""
    pid = os.fork()
    if pid == 0:
        from talkie.shards import atomic

        atomic.os.replace = lambda *a: os._exit(9) if "/.shard-" in str(a[0]) else os.rename(*a)
        takedown(folder, uri("a"))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert list(folder.glob(".shard-*"))
    finish_takedown(folder)
    assert not traces(folder, "a")
    # Nobody holds that lock any more; the next writer takes it over and away.
    assert {p.name for p in folder.glob(".*")} == {".staging", ".lock"}


def test_a_report_that_shows_the_clip_is_named_and_not_deleted(folder):
    (folder / "report.html").write_text(f'<a title="{clip_id(sha("a"), 0, 2)}">')
    assert takedown(folder, uri("a")).suspects == ["report.html"]


def test_a_name_that_means_two_things_or_nothing_is_asked_back(folder):
    with pytest.raises(BadInput, match="no source, person or clip here"):
        takedown(folder, "nobody")
    clips = [clip("9", 0, uri("c"), 0)]
    commit(folder, clips, settings=SETTINGS)
    with pytest.raises(BadInput, match="--as"):
        takedown(folder, uri("c"))
    assert takedown(folder, uri("c"), "identity").found.clips == [clips[0].record.id]


def test_a_person_can_be_refused_before_the_first_clip_of_them_comes(folder):
    takedown(folder, "Eve Example", "identity")
    assert Tombstones(folder).refuses(sha("9"), identity="Eve Example")
    assert takedown(folder, "Eve Example", "identity").found.already


def test_damaged_tombstones_are_an_error_and_a_torn_last_one_is_written_again(folder):
    takedown(folder, uri("a"))
    path = folder / "tombstones.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    takedown(folder, uri("c"))
    assert Tombstones(folder).refuses(sha("c"))
    path.write_bytes(b"{}\n")
    with pytest.raises(CorruptShard, match="come back"):
        Tombstones(folder)
