"""Runs on Ray that are interrupted: by SIGTERM to the whole process group, by the loss of a node for good."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from kill_me import CONFIG

from talkie.cluster import OBJECT_STORE_BYTES
from talkie.training import checkpoint, train
from talkie.training.handover import Folders
from tone_clips import tone_dataset

LONG = CONFIG.model_copy(update={"overrides": CONFIG.overrides | {"steps": 300}})


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("data") / "tones", train=9, test=4, frames=30)


def test_sigterm_to_the_whole_process_group_saves_and_ends(tones, tmp_path):
    command = [sys.executable, str(Path(__file__).with_name("kill_me.py")), str(tones), str(tmp_path / "run"), "9999"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        family, last = [], 0
        for line in process.stdout:
            kind, step = line.split()[:2]
            if kind == "step":
                last = int(step)
            if kind == "step" and not family:
                family = psutil.Process(process.pid).children(recursive=True)
                os.killpg(process.pid, signal.SIGTERM)
            if kind == "preempted":
                break
        assert process.wait(60) == 0
    assert checkpoint.committed(Folders(tmp_path / "run").checkpoints)[-1] == last
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


@pytest.mark.slow
def test_a_run_that_loses_a_node_for_good_goes_on_with_fewer_workers_and_says_so(tones, tmp_path, monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    # Ray waits a minute for a worker that a node it still believes in would have; here it is sure sooner.
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "20")
    small = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
    ray.shutdown()  # a driver has one cluster, and the tests before this one may have left it theirs
    nodes = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    try:
        second = nodes.add_node(**small)
        ray.init(address=nodes.address, log_to_driver=False)
        nodes.wait_for_nodes()
        told, lost = [], []

        def on_event(event):
            told.append(event)
            if event.kind == "step" and event.step >= 20 and not lost:
                lost.append(event.step)
                nodes.remove_node(second, allow_graceful=False)

        config = LONG.model_copy(update={"workers": 2, "min_workers": 1, "restarts": 2})
        result = train(config, tones, tmp_path / "run", on_event=on_event)
    finally:
        ray.shutdown()
        nodes.shutdown()
    starts = [event.step for event in told if event.kind == "start"]
    last = max(event.step for event in told[: _position(told, starts[1])] if event.kind == "step")
    assert starts[0] == 0
    assert last - starts[1] <= CONFIG.checkpoint_every
    assert "going on with 1 of 2 workers" in [event.message for event in told if event.kind == "warning"]
    assert result.steps == told[-1].steps


def _position(told, step):
    return max(number for number, event in enumerate(told) if event.kind == "start" and event.step == step)
