"""Checkpoints of a run as logged models: the best and the last, loadable by their address, none of them twice."""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file

from talkie.experiments.checkpoints import TAG, export_checkpoint, kept, log_checkpoints
from talkie.experiments.flavor import load_model
from talkie.experiments.tracking import client, start_run
from talkie.shards import open_dataset
from talkie.systems import load_system, load_weights, make_config, save_system
from talkie.systems.weights import own_state
from talkie.training import checkpoint
from talkie.training.handover import Folders, Position
from tone_clips import tone_dataset

BEST, LAST = 4, 6


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that kept its steps 4 (the best) and 6; each weight of step n is n."""
    folders = Folders(tmp_path_factory.mktemp("run"))
    cls = load_system("unitalker")
    system = cls(make_config(cls, "micro", {}))
    shards = open_dataset(tone_dataset(tmp_path_factory.mktemp("tones") / "shards", train=4, test=2))
    system.prepare(shards.clips(cls.card.needs, "train"))
    save_system(system, folders.prepared)
    phase = system.phases()[0].name
    for step in (BEST, LAST):
        place = checkpoint.begin(folders.checkpoints, step)
        state = {n: torch.full_like(t, step) if t.is_floating_point() else t for n, t in own_state(system).items()}
        save_file(state, place / "weights.safetensors")
        record = {
            "position": asdict(Position(0, step, step)),
            "phase": phase,
            "progress": {"best": 0.1, "step": BEST, "stale": 1},
        }
        (place / "state.json").write_text(json.dumps(record))
        checkpoint.commit(folders.checkpoints, step, keep=2)
    return folders


def test_the_best_and_the_last_are_kept(run, tmp_path):
    assert kept(run) == {BEST: "best", LAST: "last"}
    assert kept(Folders(tmp_path)) == {}


def test_a_checkpoint_is_exported_as_the_model_of_its_step(run, tmp_path):
    export_checkpoint(run, BEST, tmp_path / "model")
    system = load_weights(tmp_path / "model")
    assert all((p == BEST).all() for p in system.parameters())


def test_checkpoints_are_models_of_their_run_and_logged_once(run, new_home, tmp_path):
    home = new_home(tmp_path / "home")
    run_id = start_run(home, "speech_to_motion", "r", {}, {})
    assert sorted(log_checkpoints(home, run_id, run.out, "unitalker")) == [BEST, LAST]
    outputs = client(home).get_run(run_id).outputs.model_outputs
    assert sorted(output.step for output in outputs) == [BEST, LAST]
    found = {client(home).get_logged_model(o.model_id).tags[TAG]: o.model_id for o in outputs}
    assert set(found) == {"best", "last"}
    location = client(home).get_logged_model(found["best"]).artifact_location
    assert all((p == BEST).all() for p in load_model(location).parameters())
    assert log_checkpoints(home, run_id, run.out, "unitalker") == []


def test_a_damaged_checkpoint_is_left_out(run, new_home, tmp_path):
    import shutil

    out = shutil.copytree(run.out, tmp_path / "run")
    with (checkpoint.folder_of(Folders(out).checkpoints, BEST) / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    home = new_home(tmp_path / "home")
    run_id = start_run(home, "speech_to_motion", "r", {}, {})
    assert log_checkpoints(home, run_id, out, "unitalker") == [LAST]
