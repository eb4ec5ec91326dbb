"""Promises of a curation run: everything is counted, nothing is done twice, nothing stops the rest."""

from __future__ import annotations

import shutil
import time

import psutil
import pytest
from pydantic import ValidationError

from talkie.curation import CurateConfig, curate, engine, inspect_dataset
from talkie.curation.judgement.recipes import load_recipe
from talkie.curation.outcome import Outcome
from talkie.curation.process import Curator
from talkie.curation.sources import discover
from talkie.curation.staging import Staging
from talkie.errors import BadInput, SettingsConflict
from talkie.media import encode_mp4
from talkie.shards import Ledger, open_dataset, settings_digest

pytestmark = pytest.mark.clips


@pytest.fixture(scope="module")
def footage(tmp_path_factory, short_clip, face_video):
    """Two good files of one name, a copy of one, three broken ones."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("one", "two"):
        (folder / name).mkdir()
    shutil.copy(short_clip, folder / "one" / "лицо a.mp4")
    (folder / "two" / "лицо a.mp4").write_bytes(encode_mp4(face_video(27, 60)))
    shutil.copy(short_clip, folder / "two" / 'it\'s a "copy".mp4')
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no video")
    (folder / "gone.mp4").symlink_to(folder / "nowhere")
    return folder


@pytest.fixture(scope="module")
def curated(footage, tmp_path_factory, ray_cluster):
    out = tmp_path_factory.mktemp("out") / "shards"
    events = []
    return out, curate([footage], out, workers=1, on_event=events.append), events


def visible(folder):
    """The bytes of every file by name; what only speeds up a later run is hidden."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def no_ray(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("Ray was started")

    monkeypatch.setattr(engine, "run", refuse)


def test_the_summary_counts_everything_and_every_failure_has_its_own_cause(curated):
    _, summary, events = curated
    assert (summary.sources, summary.done, summary.dead, summary.refused) == (6, 2, 3, 1)
    assert summary.clips == summary.clips_total == 2
    assert summary.footage_s == pytest.approx(57 / 25)
    causes = {entry.name: entry.cause for entry in summary.dead_letters}
    assert causes == {"empty.mp4": "empty_file", "text.mp4": "not_media", "gone.mp4": "unreadable_media"}
    assert summary.drops == {"duplicate_of": 1}
    assert [event.kind for event in events].count("finished") == 5
    assert (events[-1].done, events[-1].total, events[-1].failed) == (5, 5, 3)


def test_inspect_lists_clips_dead_letters_and_drops(curated):
    report = inspect_dataset(curated[0])
    assert [clip.source for clip in report.clips] == ["лицо a.mp4"] * 2
    assert sorted(clip.frames for clip in report.clips) == [27, 30]
    assert {entry.cause for entry in report.dead} == {"empty_file", "not_media", "unreadable_media"}
    (drop,) = report.drops
    assert drop.cause == "duplicate_of"
    assert set(report.clips[0].scores) <= set(report.score_meaning)
    open_dataset(curated[0]).verify()


def test_a_second_run_does_nothing_and_needs_no_ray(curated, footage, no_ray):
    out, first, _ = curated
    before = visible(out)
    second = curate([footage], out)
    assert second.nothing_to_do
    assert second.already_done == second.sources == 6
    assert second.digest == first.digest
    assert len(second.dead_letters) == 3
    assert visible(out) == before


def test_dead_letters_are_tried_again_when_asked_for(curated, footage, tmp_path, no_ray):
    out = shutil.copytree(curated[0], tmp_path / "copy")
    with pytest.raises(AssertionError, match="Ray was started"):
        curate([footage / "text.mp4"], out, replay=True)
    # Facts that come to light later make the source new.
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "text.json").write_text("{}")
    with pytest.raises(AssertionError, match="Ray was started"):
        curate([tmp_path / "text.mp4"], out)


def test_two_workers_write_the_same_bytes_as_one(curated, footage, tmp_path):
    out, first, _ = curated
    second = curate([footage], tmp_path / "again", workers=2)
    assert second.digest == first.digest
    assert visible(tmp_path / "again") == visible(out)


def test_a_torn_last_line_of_the_ledger_costs_only_that_line(curated, footage, tmp_path):
    out = shutil.copytree(curated[0], tmp_path / "torn")
    ledger = out / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    # The duplicate is the last line; it is found again without decoding anything.
    ledger.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    again = curate([footage], out)
    assert (again.refused, again.done, again.dead) == (1, 0, 0)
    assert curate([footage], out).nothing_to_do


def test_what_a_stopped_run_has_finished_is_kept(footage, tmp_path, ray_cluster):
    def stop_after_one(event):
        if event.kind == "finished":
            raise KeyboardInterrupt

    out = tmp_path / "out"
    good = [footage / "empty.mp4", footage / "text.mp4"]
    with pytest.raises(KeyboardInterrupt):
        curate(good, out, workers=1, on_event=stop_after_one)
    assert len(Ledger(out).latest()) == 1
    rest = curate(good, out, workers=1)
    assert (rest.already_done, rest.done + rest.dead) == (1, 1)


def test_what_a_killed_run_has_staged_is_committed_by_the_next_one(footage, tmp_path, no_ray):
    from talkie.heads import builtin_head

    out, config = tmp_path / "out", CurateConfig()
    digest = settings_digest(config.settings())
    staging = Staging(out, digest)
    staging.prepare()
    (source,) = discover([footage / "text.mp4"])
    dead = Curator(config, builtin_head(), digest).entry(source, "dead", cause="not_media", message="no video")
    staging.put(source.key, Outcome(entries=[dead]))
    (staging.folder / "tmp-half-written").mkdir()
    summary = curate([footage / "text.mp4"], out)
    assert [entry.cause for entry in summary.dead_letters] == ["not_media"]
    assert not staging.root.exists()


def test_a_replay_finds_what_a_manifest_named_through_that_manifest(footage, tmp_path, no_ray):
    from talkie.heads import builtin_head

    table, out, config = tmp_path / "people.csv", tmp_path / "out", CurateConfig()
    table.write_text(f"path,speaker\n{footage / 'text.mp4'},ada\n")
    (source,) = discover([table])
    digest = settings_digest(config.settings())
    staging = Staging(out, digest)
    staging.prepare()
    dead = Curator(config, builtin_head(), digest).entry(source, "dead", cause="not_media", message="no video")
    staging.put(source.key, Outcome(entries=[dead]))
    assert curate([table], out).already_done == 1
    assert next(Ledger(out).newest("dead")).given == str(table)
    with pytest.raises(AssertionError, match="Ray was started"):
        curate([], out, replay=True)


def test_a_source_that_kills_its_worker_is_a_dead_letter_and_the_rest_goes_on(footage, tmp_path, ray_cluster):
    def kill_the_worker(event):
        if event.kind == "started" and event.source == "лицо a.mp4":
            _kill_curation_workers()

    summary = curate([footage / "one", footage / "text.mp4"], tmp_path / "out", workers=1, on_event=kill_the_worker)
    causes = {entry.name: entry.cause for entry in summary.dead_letters}
    assert causes == {"лицо a.mp4": "worker_died", "text.mp4": "not_media"}


def _kill_curation_workers(timeout_s: float = 30) -> None:
    """Kill the actors of this test's own Ray, once there are some."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        children = psutil.Process().children(recursive=True)
        workers = [p for p in children if "EngineActor" in " ".join(p.cmdline())]
        for process in workers:
            process.kill()
        if workers:
            return
        time.sleep(0.1)
    raise AssertionError("no curation worker was found")


def test_a_folder_of_other_settings_is_refused_before_anything_starts(curated, footage, no_ray):
    with pytest.raises(SettingsConflict, match="recipe"):
        curate([footage], curated[0], CurateConfig(recipe=load_recipe("hdtf")))


def test_an_output_that_cannot_be_written_is_refused_before_anything_starts(footage, tmp_path, no_ray):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput):
        curate([footage], tmp_path / "file" / "out")


def test_settings_are_checked_whole():
    for wrong in ({"recipe": {"name": "x", "crop": {"size": 7}}}, {"speed": 2}, {"piece_s": 0}):
        with pytest.raises(ValidationError):
            CurateConfig.model_validate(wrong)
