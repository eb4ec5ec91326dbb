"""Whole training runs on one Ray cluster: killed and resumed, tracked, sharded by ZeRO, refused."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest
from kill_me import CONFIG
from safetensors.torch import load_file

from talkie.cluster import start_ray
from talkie.errors import (
    BadConfig,
    BadInput,
    CorruptShard,
    MissingField,
    NotADataset,
    SettingsConflict,
    TooFewIdentities,
    UnknownModel,
    UnknownSystem,
)
from talkie.evaluation import evaluate
from talkie.experiments import Home, run_training
from talkie.experiments.trace import model_lineage
from talkie.experiments.tracking import client
from talkie.shards import commit, open_dataset
from talkie.systems import load_system, save_system
from talkie.training import train
from talkie.training.handover import Folders
from tone_clips import tone_clip, tone_dataset

KILL_AT_STEP = 10
LONG = CONFIG.model_copy(update={"overrides": CONFIG.overrides | {"steps": 200}})
"""The driver hears of steps in bursts: a run that is to be killed in its midst must not be over by then."""


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("data") / "tones", train=9, test=4, frames=30)


@pytest.fixture(scope="module")
def cluster():
    with start_ray(num_cpus=2) as started:
        yield started


@pytest.fixture(scope="module")
def tracked(cluster, tones, tmp_path_factory):
    """An uninterrupted run, with what it told and the home it was tracked in."""
    home, events = Home.at(tmp_path_factory.mktemp("home")), []
    return run_training(CONFIG, tones, home, "straight", on_event=events.append), events, home


@pytest.fixture(scope="module")
def straight(cluster, tones, tmp_path_factory):
    """A long run that nobody kills."""
    return train(LONG, tones, tmp_path_factory.mktemp("runs") / "straight")


def kill_tree(pid: int) -> None:
    """SIGKILL to a process and everything it started, Ray included."""
    root = psutil.Process(pid)
    family = [*root.children(recursive=True), root]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)


def ray_workers() -> list[psutil.Process]:
    """The Ray Train workers of this process's cluster."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process] * ("RayTrainWorker" in " ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def train_and_kill(data: Path, out: Path, at_step: int) -> None:
    program, steps = Path(__file__).with_name("kill_me.py"), LONG.overrides["steps"]
    command = [sys.executable, str(program), str(data), str(out), str(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kind, step = line.split()[:2] if line.startswith(("step ", "done ")) else ("", "0")
            if kind == "step" and int(step) >= at_step:
                break
        kill_tree(process.pid)
        # Whatever the raylet was still starting dies with it; give it the moment that takes.
        time.sleep(0.5)


def test_events_tell_phases_losses_rate_and_time_left(tracked):
    _, events, _ = tracked
    steps = [e for e in events if e.kind == "step"]
    assert [e.step for e in steps] == list(range(1, 21))
    assert {e.phase for e in steps if e.step <= 6} == {"warm_up"}
    assert {e.phase for e in steps if e.step > 6} == {"joint"}
    assert steps[-1].eta_s == 0
    assert all(e.samples_per_s > 0 and e.loss > 0 for e in steps)


def test_killed_and_resumed_gives_the_same_bits(straight, tones, tmp_path):
    train_and_kill(tones, tmp_path / "run", KILL_AT_STEP)
    assert not (tmp_path / "run" / "model").exists()
    with pytest.raises(SettingsConflict, match="--resume"):
        train(LONG, tones, tmp_path / "run")
    starts, clock = [], Folders(tmp_path / "run").clock
    assert 0 < float(clock.read_text()) < 1000
    clock.write_text("1000")
    began = time.monotonic()
    resumed = train(LONG, tones, tmp_path / "run", True, lambda e: starts.append(e.step) if e.kind == "start" else None)
    since = time.monotonic() - began
    assert starts[0] >= 6
    assert 1000 < resumed.seconds <= 1000 + since
    assert resumed.samples == straight.samples
    ours, theirs = (load_file(r.model / "weights.safetensors") for r in (resumed, straight))
    assert [name for name in theirs if not ours[name].equal(theirs[name])] == []
    assert resumed.digest == straight.digest


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again_and_nothing_is_lost(straight, tones, tmp_path):
    killed, starts = [], []

    def on_event(event):
        if event.kind == "start":
            starts.append(event.step)
        if event.kind == "step" and event.step >= KILL_AT_STEP and not killed:
            for process in ray_workers():
                process.kill()
                killed.append(process.pid)

    result = train(LONG.model_copy(update={"restarts": 2}), tones, tmp_path / "run", on_event=on_event)
    assert killed
    assert starts[0] == 0
    assert starts[1] >= KILL_AT_STEP - LONG.checkpoint_every
    assert result.samples == straight.samples
    assert result.digest == straight.digest


def test_a_finished_run_is_returned_without_training_or_registering_again(tracked, tones):
    model, _, home = tracked
    events = []
    again = run_training(CONFIG, tones, home, "straight", on_event=events.append)
    assert not events
    assert again.result == model.result
    assert str(again.model) == "unitalker/1"


def test_a_run_is_tracked_with_its_settings_shards_and_losses(tracked, tones):
    model, _, home = tracked
    run = client(home).get_run(model.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["train.batch_size"] == "4"
    assert run.data.params["system.channels"] == "16"
    assert run.data.tags["data.training"] == open_dataset(tones).digest
    assert run.inputs.dataset_inputs[0].dataset.digest == open_dataset(tones).digest[:32]
    assert run.data.tags["version.torch"]
    history = client(home).get_metric_history(model.run_id, "loss")
    assert [m.step for m in history] == list(range(1, 21))
    assert model.model.digest == model.result.digest


def test_a_tracked_model_is_evaluated_beside_its_baseline_and_control(tracked, tones):
    model, _, home = tracked
    report = evaluate("unitalker", tones, home, claims=True)
    assert [row.subject for row in report.rows] == ["model", "mean motion", "shuffled audio"]
    assert report.clips == 4
    assert report.identities == 2
    assert {c.name for c in report.claims} >= {"pivot", "agreement"}
    logged = client(home).get_run(model.run_id).data.metrics
    assert logged["test/model/lve"] == pytest.approx(report.row("model").measurements["lve"].value)
    assert evaluate("unitalker", tones, home, track=False).rows == report.rows


def test_published_shards_train_the_same_model_and_are_evaluated_where_they_lie(tracked, tones, tmp_path, monkeypatch):
    monkeypatch.setenv("TALKIE_CACHE", str(tmp_path / "cache"))
    first, _, home = tracked
    with served_folder(tones) as address:
        trained = run_training(CONFIG, address, home, "published")
        report = evaluate(str(trained.model), address, home)
    assert trained.model.digest == first.model.digest
    assert report.rows == evaluate("unitalker/1", tones, home, track=False).rows
    used = client(home).get_run(trained.run_id).inputs.dataset_inputs[0].dataset
    assert json.loads(used.source) == {"uri": address}


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The web address of a folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_same_folder_with_other_settings_is_a_conflict(tracked, tones):
    _, _, home = tracked
    with pytest.raises(SettingsConflict, match=r"train\.seed"):
        train(CONFIG.model_copy(update={"seed": 1}), tones, home.run("straight"))


@pytest.mark.slow
def test_two_workers_under_zero_2_train_on_the_same_samples(cluster, tones, tmp_path, tracked):
    config = CONFIG.model_copy(update={"workers": 2, "zero_stage": 2})
    result = train(config, tones, tmp_path / "run")
    assert result.samples == tracked[0].result.samples


# What a user can get wrong ends before Ray starts: none of these takes the cluster.


def test_an_unknown_system_is_refused(tones, tmp_path):
    with pytest.raises(UnknownSystem):
        train(CONFIG.model_copy(update={"system": "unitolker"}), tones, tmp_path / "run")


def test_an_unknown_system_setting_is_refused(tones, tmp_path):
    with pytest.raises(BadConfig):
        train(CONFIG.model_copy(update={"overrides": {"chanels": 1}}), tones, tmp_path / "run")


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(NotADataset):
        train(CONFIG, tmp_path, tmp_path / "run")


def test_a_clip_without_a_needed_field_is_named(tmp_path):
    clips = [tone_clip(0, "ann"), tone_clip(1, "bea")]
    poor = tone_clip(2, "cid")
    clips.append(type(poor)(poor.record, {"head.npz": poor.members["head.npz"]}))
    commit(tmp_path / "data", clips, settings={})
    with pytest.raises(MissingField, match=rf"clip {poor.record.id} has no flac"):
        train(CONFIG, tmp_path / "data", tmp_path / "run")


def test_too_few_identities_are_refused(tmp_path):
    commit(tmp_path / "data", [tone_clip(0), tone_clip(1)], settings={})
    with pytest.raises(TooFewIdentities):
        train(CONFIG, tmp_path / "data", tmp_path / "run")


def test_a_corrupt_shard_is_refused(tmp_path):
    data = tone_dataset(tmp_path / "data", train=4, test=2)
    shard = next(data.glob("*.tar"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(bytes(content))
    with pytest.raises(CorruptShard):
        train(CONFIG, data, tmp_path / "run")


def test_a_folder_with_other_content_is_refused(tones, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        train(CONFIG, tones, tmp_path)


def test_evaluating_needs_held_out_people(tmp_path, tracked):
    _, _, home = tracked
    tone_dataset(tmp_path / "data", train=4, test=0)
    with pytest.raises(TooFewIdentities):
        evaluate("unitalker", tmp_path / "data", home)


def test_a_run_begins_with_a_model_and_tells_what_that_had_learned_from(cluster, tracked, tmp_path):
    trained, _, home = tracked
    others = tone_dataset(tmp_path / "others", train=6, test=2, frames=30)
    config = CONFIG.model_copy(update={"start": trained.model.path})
    tuned = run_training(config, others, home, "tuned")
    first, second = (load_file(model / "weights.safetensors") for model in (trained.model.path, tuned.model.path))
    prepared = load_file(home.run("tuned") / "prepared" / "weights.safetensors")
    names = [name for name in first if name.startswith("decoder.")]
    assert all((prepared[name] == first[name]).all() for name in names)
    assert any((second[name] != first[name]).any() for name in names)
    run = client(home).get_run(tuned.run_id)
    # Another test of this module trains to the same weights: they are one beginning.
    assert run.data.tags["parent"].startswith("unitalker/")
    assert run.data.tags["parent.digest"] == trained.model.digest
    assert run.data.tags["parent.data"] == "recorded"
    digests = {corpus.digest for corpus in model_lineage(str(tuned.model), home).corpora}
    assert digests == {trained.result.data, tuned.result.data}
    with pytest.raises(SettingsConflict, match="start"):
        run_training(CONFIG, others, home, "tuned")


def test_a_model_of_another_system_is_no_beginning(tones, tmp_path):
    cls = load_system("facestab")
    other = cls(cls.presets["micro"])
    other.prepare([tone_clip(0, frames=4).decode(("head.npz",))])
    save_system(other, tmp_path / "other")
    with pytest.raises(BadConfig, match="a model of facestab cannot be trained on as unitalker"):
        train(CONFIG.model_copy(update={"start": tmp_path / "other"}), tones, tmp_path / "run")
    with pytest.raises(UnknownModel):
        train(CONFIG.model_copy(update={"start": tmp_path / "nothing"}), tones, tmp_path / "run2")
