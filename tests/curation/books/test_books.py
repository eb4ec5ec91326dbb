"""What is known, what a replay tries again, and whose tools and licences the labels carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkie.clip import ClipRecord, Source
from talkie.curation.books import (
    LabelLineage,
    exception_text,
    labels_lineage,
    licence_findings,
    plan_replay,
    replay_candidates,
    replay_command,
    standing,
)
from talkie.errors import BadInput
from talkie.shards import Ledger, LedgerEntry, RawClip, commit


def line(key, status, cause=None, settings="s", **values):
    return LedgerEntry(sha256=key, name=key, uri=f"/in/{key}", status=status, cause=cause, settings=settings, **values)


@pytest.mark.parametrize(
    ("last", "is_"),
    [
        (None, "new"),
        (line("a", "done", clips=["1", "2"]), "done"),
        (line("a", "done", clips=[]), "done"),
        (line("a", "done", clips=["1", "lost"]), "new"),
        (line("a", "done", clips=["1"], settings="other"), "new"),
        (line("a", "dead", "no_face"), "dead"),
        (line("a", "dead", "no_face", settings="other"), "new"),
        (line("a", "drop", "short_stretch"), "new"),
        (line("a", "drop", "duplicate_of"), "done"),
        (line("a", "drop", "taken_down"), "done"),
    ],
)
def test_a_source_is_known_only_under_these_settings_and_with_all_its_clips(last, is_):
    assert standing(last, {"1", "2"}, "s") == is_


def test_a_replay_tries_dead_letters_only_and_only_the_newest_word_counts(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(line("b", "dead", "no_face"), line("a", "dead", "empty_file"), line("c", "dead", "no_face"))
    ledger.append(line("c", "done"), line("d", "drop", "short_stretch"), line("d", "done"))
    assert [e.sha256 for e in replay_candidates(ledger)] == ["a", "b"]
    assert [e.sha256 for e in replay_candidates(ledger, "no_face")] == ["b"]
    with pytest.raises(BadInput, match="there are: empty_file, no_face"):
        replay_candidates(ledger, "no_fase")


def test_the_command_of_a_replay_survives_a_shell():
    entry = line("a", "dead", "no_face").model_copy(update={"uri": "/in/it's; rm -rf $HOME.mp4"})
    command = replay_command(entry, Path("my shards"))
    import shlex

    assert shlex.split(command) == ["talkie", "curate", entry.uri, "--out", "my shards", "--replay"]


def test_a_replay_looks_where_sources_came_from_and_tries_nothing_else(tmp_path):
    there = tmp_path / "a.mp4"
    there.write_bytes(b"x")
    manifest = tmp_path / "list.csv"
    manifest.write_text("uri")
    Ledger(tmp_path).append(
        line("a", "dead", "no_face").model_copy(update={"uri": str(there)}),
        line("b", "dead", "no_face").model_copy(update={"uri": "s3://bucket/b.mp4", "given": str(manifest)}),
        line("c", "dead", "no_face"),
        line("d", "done"),
    )
    plan = plan_replay(tmp_path)
    assert sorted(plan.arguments) == sorted([str(there), str(manifest)])
    assert plan.keys == {"a", "b"}
    assert [e.sha256 for e in plan.gone] == ["c"]
    # The root of a data set says nothing without the set's name.
    Ledger(tmp_path).append(line("e", "dead", "no_face").model_copy(update={"given": str(tmp_path)}))
    with pytest.raises(BadInput, match="--dataset NAME"):
        plan_replay(tmp_path)
    assert str(tmp_path) in plan_replay(tmp_path, dataset="hdtf").arguments
    # Who names the sources is told by the run itself what is missing.
    named = plan_replay(tmp_path, arguments=["footage"])
    assert (named.arguments, named.keys, named.gone) == (["footage"], {"a", "b", "c", "e"}, [])


def test_an_exception_is_told_with_its_place_and_without_folders():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        told = exception_text(error)
    assert told.startswith("ValueError: two lines (in test_books.py:")
    assert "/" not in told


@pytest.fixture
def dataset(tmp_path):
    def clip(i, licence, tools, licences):
        source = Source(uri=f"f{i}", name=f"f{i}", sha256=f"{i:064x}", start_s=0, end_s=1)
        record = ClipRecord(
            id=f"{i:016x}", source=source, frames=25, identity="p", split="train", licence=licence,
            tools=tools, tool_licences=licences,
        )  # fmt: skip
        return RawClip(record, {"mp4": b"x"})

    return commit(
        tmp_path,
        [
            clip(1, "CC-BY-4.0", {"landmarks": "mesh 1.0"}, {"landmarks": "Apache-2.0"}),
            clip(2, "CC-BY-NC-4.0", {"landmarks": "mesh 1.0"}, {"landmarks": "Apache-2.0"}),
            clip(3, "unknown", {"landmarks": "mesh 1.1", "talkie": "talkie 0.1"}, {"landmarks": "non-commercial"}),
            clip(4, "owned", {"landmarks": "mesh 1.1", "phones": "pocketsphinx 5"}, {"landmarks": "non-commercial"}),
        ],
        settings={},
    )


def test_each_label_tells_its_tool_version_licence_and_how_many_clips(dataset):
    assert labels_lineage(dataset) == [
        LabelLineage("landmarks", "mesh", "1.0", "Apache-2.0", 2),
        LabelLineage("landmarks", "mesh", "1.1", "non-commercial", 2),
        LabelLineage("phones", "pocketsphinx", "5", "unknown", 1),
        LabelLineage("talkie", "talkie", "0.1", "unknown", 1),
    ]


def test_clips_that_money_may_not_be_made_with_are_found_by_source_and_by_model(dataset):
    found = {
        (f.by, f.label, f.licence, f.verdict): sorted(int(c, 16) for c in f.clips) for f in licence_findings(dataset)
    }
    assert found == {
        ("source", None, "CC-BY-NC-4.0", "non-commercial"): [2],
        ("source", None, "unknown", "unknown"): [3],
        ("model", "landmarks", "non-commercial", "non-commercial"): [3, 4],
        ("model", "phones", "unknown", "unknown"): [4],
    }
