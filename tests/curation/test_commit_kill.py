"""A commit that is killed before any one of its file operations ends, when it is repeated, like one that was not."""

from __future__ import annotations

import os
import signal
from itertools import pairwise

import pytest
from test_settle import CONFIG, clip

from talkie.curation.books import Tombstones
from talkie.curation.commit import commit_staged
from talkie.curation.outcome import Outcome
from talkie.curation.staging import Staging
from talkie.shards import Ledger, LedgerEntry, open_dataset
from talkie.shards.history import history

OPERATIONS = ("fsync", "rename", "replace", "unlink", "rmdir")


def stage(out, *clips):
    staging = Staging(out, "s" * 64)
    staging.prepare()
    for made in clips:
        key = made.record.source.sha256
        entries = [
            LedgerEntry(sha256=key, name=key, uri=key, status="drop", cause="no_face"),
            LedgerEntry(sha256=key, name=key, uri=key, status="done", clips=[made.record.id]),
        ]
        staging.put(key, Outcome([made], entries))
    return staging


def commit_all(out, staging):
    return commit_staged(out, staging, CONFIG, {}, Ledger(out), Tombstones(out))


def prepared(out):
    """A folder with two clips committed, and three staged: one is a better copy of what is there, one renames it."""
    commit_all(out, stage(out, clip("a", person=1, picture=7), clip("b", person=2)))
    better = clip("c", picture=7, scores={"face_px": 200.0})
    return stage(out, better, clip("d", person=2), clip("e"))


def killed(out, staging, at):
    """Commit in a child that dies before its `at`-th file operation; whether it died."""
    pid = os.fork()
    if pid == 0:
        left = [at]
        for name in OPERATIONS:
            setattr(os, name, _counted(getattr(os, name), left))
        try:
            commit_all(out, staging)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def _counted(operation, left):
    def call(*values, **named):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return operation(*values, **named)

    return call


def visible(out):
    return {p.name: p.read_bytes() for p in out.iterdir() if p.suffix in (".tar", ".parquet") or p.name == "index.json"}


def attempts(out):
    return {key: [(e.status, e.cause, e.clips) for e in entries] for key, entries in Ledger(out).latest().items()}


def test_a_commit_killed_anywhere_is_made_good_by_the_next(tmp_path):
    straight = tmp_path / "straight"
    commit_all(straight, prepared(straight))
    assert sorted(record.source.name for record in open_dataset(straight).records()) == ["b", "c", "d", "e"]
    operation = 0
    while True:
        out = tmp_path / f"killed-{operation}"
        died = killed(out, prepared(out), operation)
        open_dataset(out).verify()
        again = Staging(out, "s" * 64)
        again.prepare()
        commit_all(out, again)
        assert visible(out) == visible(straight), operation
        assert attempts(out) == attempts(straight), operation
        assert [p.name for p in out.iterdir() if p.name.startswith(".")] == [], operation
        assert list(history(out))[-1].digest == open_dataset(straight).digest
        if not died:
            break
        operation += 1
    assert operation > 20


@pytest.mark.parametrize("limit", [2_000, 20_000, 10**7])
def test_a_ledger_written_in_batches_tears_no_source(tmp_path, monkeypatch, limit):
    from talkie.curation import commit

    monkeypatch.setattr(commit, "LINES_AT_ONCE", limit // 1000)
    sizes = []
    monkeypatch.setattr(Ledger, "append", lambda self, *entries: sizes.append([e.sha256 for e in entries]))
    commit_all(tmp_path, stage(tmp_path, *(clip(f"clip {n}") for n in range(30))))
    assert sum(map(len, sizes)) == 60
    for before, after in pairwise(sizes):
        assert not set(before) & set(after)
