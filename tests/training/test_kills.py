"""Workers killed by SIGKILL at random moments, started again until the run is done: the same samples in the same order
and the same weights as an undisturbed run. Processes forked from a server that has everything imported stand in for
Ray's, so that twenty kills take seconds."""

import json
import multiprocessing
import random
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toy_system import toy_config, toy_registered, toy_worker, work_alone

from tone_clips import tone_dataset

KILLS = 20
STEPS = {"steps": 60, "plan": ["warm", "duel"]}


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("data") / "tones", train=9, test=2, frames=20)


def start(config, data: Path, out: Path, number: int) -> list:
    """The processes of one attempt."""
    # The server has everything imported, and no process group: what it forks starts in no time.
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["deepspeed", "toy_system"])
    store = str(out.with_name(f"{out.name}-store-{number}"))
    found = [
        fork.Process(target=work_alone, args=(r, config.workers, store, config, data, out))
        for r in range(config.workers)
    ]
    for process in found:
        process.start()
    return found


def run(config, data: Path, out: Path, kills: int = 0, seed: int = 0) -> int:
    """Runs to the end, killing one worker `kills` times on the way; returns how many died before they were done."""
    with toy_registered():
        toy_worker(config, data, out)  # prepares
    chance, died = random.Random(seed), 0
    for number in range(kills + 30):
        workers = start(config, data, out, number)
        killed = False
        if died < kills:
            time.sleep(chance.uniform(0.1, 1.2))
            victim = chance.choice(workers)
            if victim.is_alive():
                victim.kill()
                died, killed = died + 1, True
                # As Ray Train does: the group goes down with one of its members.
                for other in workers:
                    other.kill()
        for process in workers:
            process.join(120)
        if all(process.exitcode == 0 for process in workers):
            return died
        assert killed, "a worker ended by itself, and not well"
    raise AssertionError("the run never ended")


def left(out: Path) -> tuple[str, dict[str, torch.Tensor]]:
    samples = json.loads((out / "phases" / "01-duel.json").read_text())["samples"]
    return samples, load_file(out / "model" / "weights.safetensors")


@pytest.fixture(scope="module")
def straight(tones, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "straight"
    run(toy_config(overrides=STEPS, checkpoint_every=3), tones, out)
    return left(out)


def test_twenty_kills_leave_the_same_samples_and_the_same_bits(tones, straight, tmp_path):
    config = toy_config(overrides=STEPS, checkpoint_every=3)
    died = run(config, tones, tmp_path / "run", KILLS)
    samples, weights = left(tmp_path / "run")
    assert died >= KILLS // 2
    assert samples == straight[0]
    assert [name for name in weights if not weights[name].equal(straight[1][name])] == []


def test_two_workers_killed_and_resumed_at_another_stage_agree_to_1e_6(tones, tmp_path):
    short = {"steps": 12, "plan": ["warm", "duel"], "dropout": 0.0}
    two = toy_config(overrides=short, checkpoint_every=3, workers=2, zero_stage=2)
    one = toy_config(overrides=short, checkpoint_every=3)
    run(one, tones, tmp_path / "one")
    run(two, tones, tmp_path / "two", kills=2, seed=1)
    (samples, weights), (others, theirs) = left(tmp_path / "one"), left(tmp_path / "two")
    assert samples == others
    for name, value in weights.items():
        assert torch.allclose(value.float(), theirs[name].float(), atol=1e-6, rtol=0), name
