"""A whole run of a worker in this process: phases hand over, a fitted phase fits once, a killed run resumes to the
same bits, refused steps are told. No Ray here."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file
from toy_system import gloo_of_one, toy_config, toy_registered, toy_worker

from talkie.errors import NonFiniteLoss
from talkie.systems import load_weights
from talkie.training.phase_run import PhaseRun
from tone_clips import tone_dataset


@pytest.fixture(scope="module", autouse=True)
def _world():
    with gloo_of_one(), toy_registered():
        yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("data") / "tones", train=9, test=2, frames=20)


@pytest.fixture(scope="module")
def straight(tones, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "straight"
    toy_worker(toy_config(), tones, out).run()
    return out


def events(out, kind):
    return [e for e in map(json.loads, (out / "events.jsonl").read_text().splitlines()) if e["kind"] == kind]


def weights(out):
    return load_file(out / "model" / "weights.safetensors")


def same(one, other):
    return [name for name in one if not one[name].equal(other[name])] == []


class Killed(Exception):
    pass


def killed_at(monkeypatch, total):
    """The next run dies after its step `total`, as by a signal: nothing of it is tidied up."""
    whole = PhaseRun._after

    def step(self, *arguments):
        whole(self, *arguments)
        if self.position.total == total:
            self._saver.wait()
            raise Killed

    monkeypatch.setattr(PhaseRun, "_after", step)
    return lambda: monkeypatch.setattr(PhaseRun, "_after", whole)


def test_every_phase_is_carried_out_in_turn(straight):
    assert [e["phase"] for e in events(straight, "phase")] == ["measure", "warm", "duel"]
    assert [e["step"] for e in events(straight, "step")] == list(range(1, 13))
    assert set(events(straight, "step")[-1]["losses"]) == {"error", "fool", "judge"}


def test_a_fitted_phase_changes_buffers_and_constants_of_what_follows(straight):
    system = load_weights(straight / "model")
    assert system.fitted == 9
    assert system.scale != 1
    assert system.updates == 12


def test_a_phase_hands_on_its_exponential_mean(straight, tones, tmp_path):
    config = toy_config(overrides={"plan": ["measure", "warm"], "steps": 1})
    toy_worker(config, tones, tmp_path / "one").run()
    before = load_file(straight / "phases/00-measure/weights.safetensors")
    mean = weights(tmp_path / "one")
    # Adam's first update is lr * sign(gradient), here at the cosine's top; the mean goes half of that way.
    moved = (mean["maker.2.bias"] - before["maker.2.bias"]).abs()
    assert torch.allclose(moved, torch.full((3,), 0.5e-2), rtol=1e-3)


@pytest.mark.parametrize("at", [5, 6, 9, 11])
def test_a_run_that_was_killed_ends_with_the_same_bits(straight, tones, tmp_path, monkeypatch, at):
    revive = killed_at(monkeypatch, at)
    with pytest.raises(Killed):
        toy_worker(toy_config(), tones, tmp_path / "run").run()
    revive()
    worker = toy_worker(toy_config(), tones, tmp_path / "run")
    worker.run()
    assert events(tmp_path / "run", "start")[-1]["step"] >= at - 4
    assert same(weights(straight), weights(tmp_path / "run"))
    record = "phases/02-duel.json"
    assert json.loads((straight / record).read_text()) == json.loads((tmp_path / "run" / record).read_text())


def test_accumulated_parts_train_as_the_whole_batch_does(tones, tmp_path):
    plan = {"plan": ["warm"], "dropout": 0.0}
    for parts in (1, 2):
        toy_worker(toy_config(overrides=plan, accumulate=parts), tones, tmp_path / str(parts)).run()
    one, two = weights(tmp_path / "1"), weights(tmp_path / "2")
    assert all(torch.allclose(one[name].float(), two[name].float(), atol=1e-6) for name in one)


def test_a_loss_that_is_no_number_is_left_out_and_its_clips_are_named(tones, tmp_path):
    from talkie.shards import open_dataset

    bad = open_dataset(tones).ids("train")[0]
    config = toy_config(overrides={"plan": ["warm"], "poison": [bad], "steps": 9})
    toy_worker(config, tones, tmp_path / "run").run()
    skips = events(tmp_path / "run", "skip")
    # 9 clips in batches of 4 over 9 steps: the clip comes once an epoch, four times.
    assert len(skips) == 4
    assert all(bad in skip["ids"] and "loss error is nan" in skip["message"] for skip in skips)
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "run").values())


def test_too_many_left_out_in_a_row_stop_the_run(tones, tmp_path):
    from talkie.shards import open_dataset

    config = toy_config(overrides={"plan": ["warm"], "poison": open_dataset(tones).ids("train")}, max_skips=3)
    with pytest.raises(NonFiniteLoss, match="3 steps in a row"):
        toy_worker(config, tones, tmp_path / "run").run()


def test_a_damaged_checkpoint_is_passed_over_aloud(straight, tones, tmp_path, monkeypatch):
    revive = killed_at(monkeypatch, 11)
    config = toy_config(checkpoint_every=2)
    with pytest.raises(Killed):
        toy_worker(config, tones, tmp_path / "run").run()
    revive()
    newest = max((tmp_path / "run" / "checkpoints").glob("step-*"))
    victim = newest / "weights.safetensors"
    victim.write_bytes(victim.read_bytes()[:-9])
    toy_worker(config, tones, tmp_path / "run").run()
    assert "its bytes differ" in events(tmp_path / "run", "warning")[0]["message"]
    assert same(weights(straight), weights(tmp_path / "run"))


def test_validation_keeps_the_best_checkpoint_and_ends_a_phase_that_does_not_improve(tones, tmp_path):
    # At this rate the maker is as good as it gets within a few steps; the judge is not trained.
    plan = {"plan": ["patient"], "steps": 80, "dropout": 0.0}
    config = toy_config(overrides=plan, validate_every=2, keep=1, checkpoint_every=100)
    toy_worker(config, tones, tmp_path / "run").run()
    told = events(tmp_path / "run", "validation")
    scores = [sum(e["losses"].values()) for e in told]
    assert "no val split" in told[0]["message"]
    assert len(told) < 40
    best = min(range(len(scores)), key=scores.__getitem__)
    assert len(scores) - 1 - best == 3
    kept = {int(p.name[5:]) for p in (tmp_path / "run" / "checkpoints").glob("step-*")}
    assert told[best]["step"] in kept
    # What is handed on is the best, and it says so; nobody held out is said as well.
    handed = load_file(tmp_path / "run" / "checkpoints" / f"step-{told[best]['step']:08d}" / "weights.safetensors")
    assert same(handed, weights(tmp_path / "run"))
    assert f"the weights of step {told[best]['step']}" in events(tmp_path / "run", "phase")[-1]["message"]
    assert "cannot see overfitting" in events(tmp_path / "run", "warning")[0]["message"]


def test_a_profile_is_a_chrome_trace_and_steps_tell_where_their_time_goes(tones, tmp_path):
    config = toy_config(overrides={"plan": ["warm"], "steps": 12}, profile=True)
    toy_worker(config, tones, tmp_path / "run").run()
    trace = json.loads((tmp_path / "run" / "trace.json").read_text())
    assert any(event.get("name") == "aten::addmm" for event in trace["traceEvents"])
    meters = events(tmp_path / "run", "step")[-1]["meters"]
    assert {"data_wait_s", "forward_s", "backward_s", "optimiser_s", "step_s", "mfu"} <= set(meters)
    assert meters["forward_s"] + meters["backward_s"] + meters["optimiser_s"] <= meters["step_s"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler")
def test_compiled_losses_train_as_the_plain_ones_do(tones, tmp_path):
    from torch._dynamo.utils import counters

    counters.clear()
    plan = {"plan": ["warm"], "steps": 2, "dropout": 0.0}
    for kind in (False, True):
        toy_worker(toy_config(overrides=plan, compile=kind), tones, tmp_path / str(kind)).run()
    assert counters["frames"]["ok"] > 0
    plain, compiled = weights(tmp_path / "False"), weights(tmp_path / "True")
    assert all(torch.allclose(plain[name].float(), compiled[name].float(), atol=1e-6) for name in plain)
