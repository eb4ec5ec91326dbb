"""A sweep to its end over Ray Tune, from the command line: a table, the best, and every trial a tracked run."""

import json

import pytest
from typer.testing import CliRunner

from talkie.cli.main import app
from talkie.cluster import start_ray
from talkie.experiments import Home
from talkie.experiments.tracking import client
from tone_clips import tone_dataset

SMALL = ("--preset", "micro", "--batch-size", "4", "--set", "steps=6", "--set", "train.threads=1")
SMALL += ("--set", "train.validate_every=4", "--set", "train.validate_clips=4", "--name", "rates")


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    with start_ray(num_cpus=2):
        yield


def test_every_trial_is_tracked_and_the_best_is_named(tmp_path):
    data = tone_dataset(tmp_path / "tones", train=6, test=0, frames=20)
    # A rate of 0.01 learns in a few steps what one of 1e-9 never will.
    words = ["train", "unitalker", "--data", str(data), "--home", str(tmp_path / "home"), *SMALL]
    words += ["--sweep", "learning_rate=0.000000001,0.01"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "best: trial 1, learning_rate=0.01, model unitalker/" in shown.output
    told = json.loads((tmp_path / "home" / "runs" / "rates" / "sweep.json").read_text())
    assert [trial["number"] for trial in told] == [1, 0]
    assert told[0]["score"] < told[1]["score"]
    home = Home.at(tmp_path / "home")
    tracked = {folder.name: json.loads((folder / "mlflow.json").read_text())["run_id"] for folder in home.runs[1:]}
    assert sorted(tracked) == ["rates-00", "rates-01"]
    rates = [client(home).get_run(tracked[name]).data.params["system.learning_rate"] for name in sorted(tracked)]
    assert rates == ["1e-09", "0.01"]
