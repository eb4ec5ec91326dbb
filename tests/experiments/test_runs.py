"""What a tracked run holds, and that a server of records which goes away costs nothing: training is stood in for."""

import getpass
import json
import platform
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from talkie.errors import NonFiniteLoss, TrackingUnreachable
from talkie.experiments import Home, runs
from talkie.experiments.metrics import Spool
from talkie.experiments.reach import Patience
from talkie.experiments.runs import run_training
from talkie.experiments.sync import sync
from talkie.experiments.tracking import client, log_dataset
from talkie.shards import open_dataset
from talkie.systems import load_system, make_config, save_system
from talkie.training import TrainConfig, TrainEvent, TrainResult
from tone_clips import tone_dataset

CONFIG = TrainConfig(system="unitalker", overrides={"channels": 16, "audio_channels": 16})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return tone_dataset(tmp_path_factory.mktemp("tones") / "shards", train=4, test=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory, shards):
    cls = load_system("unitalker")
    system = cls(make_config(cls, "tiny", CONFIG.overrides))
    system.prepare(open_dataset(shards).clips(cls.card.needs, "train"))
    folder = tmp_path_factory.mktemp("weights") / "model"
    return folder, save_system(system, folder)


@pytest.fixture
def training(monkeypatch, weights, shards):
    """Replaces the engine by five steps; `between` is called after the second of them."""
    folder, digest = weights

    def install(between=lambda: None, steps=5):
        def train(config, data, out, resume, on_event):
            out.mkdir(parents=True, exist_ok=True)
            on_event(TrainEvent(kind="start", step=0, steps=5))
            for step in range(1, steps + 1):
                on_event(TrainEvent(kind="step", step=step, steps=5, losses={"mse": 1 / step}, samples_per_s=8))
                if step == 2:
                    between()
            values = {"steps": 5, "seconds": 1, "samples": "s", "data": "d", "losses": {"mse": 0.2}}
            return TrainResult(model=folder, digest=digest, **values)

        monkeypatch.setattr(runs, "train", train)

    return install


def test_a_run_holds_settings_versions_machine_corpora_metrics_and_a_model(training, shards, new_home, tmp_path):
    training()
    other = tone_dataset(tmp_path / "other", train=3, test=2, frames=30)
    home = new_home(tmp_path / "home")
    done = run_training(CONFIG, [shards, other], home)
    api = client(home)
    run = api.get_run(done.run_id)
    assert run.data.params["train.system"] == "unitalker"
    assert run.data.params["system.channels"] == "16"
    assert {"git", "version.torch", "host.system", "host.cpus", "host.gpus"} <= run.data.tags.keys()
    assert [m.value for m in api.get_metric_history(done.run_id, "loss/mse")] == [1 / s for s in range(1, 6)]
    assert api.get_metric_history(done.run_id, "system/system_memory_usage_percentage")
    digests = [open_dataset(place).digest for place in (shards, other)]
    assert run.data.tags["data.training"].split() == digests
    profiles = {json.loads(i.dataset.profile)["digest"]: i for i in run.inputs.dataset_inputs}
    assert sorted(profiles) == sorted(digests)
    assert json.loads(profiles[digests[1]].dataset.profile)["clips"] == 3
    files = {a.path for folder in ("", "corpora") for a in api.list_artifacts(done.run_id, folder)}
    assert {"config.json", "environment.json", *(f"corpora/{d}.parquet" for d in digests)} <= files
    assert [m.model_id for m in run.outputs.model_outputs]
    assert (str(done.model), run.info.status) == ("unitalker/1", "FINISHED")
    # Whose machine it was is nobody's business.
    told = json.dumps([run.data.tags, run.data.params])
    for private in (platform.node(), getpass.getuser()):
        assert not private or f'"{private}"' not in told


def test_training_a_finished_run_again_makes_no_second_version(training, shards, new_home, tmp_path):
    training()
    home = new_home(tmp_path / "home")
    first = run_training(CONFIG, shards, home)
    assert str(run_training(CONFIG, shards, home).model) == str(first.model)


def test_an_unreachable_server_stops_a_run_before_it_starts(training, shards, tmp_path, monkeypatch):
    training(lambda: pytest.fail("it started"))
    monkeypatch.setattr(runs.reach, "PATIENCE", Patience(1))
    monkeypatch.setattr(runs.reach.ping, "__defaults__", (Patience(1),))
    with pytest.raises(TrackingUnreachable, match=r"127\.0\.0\.1:9"):
        run_training(CONFIG, shards, Home.at(tmp_path, "http://127.0.0.1:9"))


@pytest.fixture
def impatient(monkeypatch):
    from talkie.experiments import metrics, reach

    for call in (reach.asked, reach.ping, metrics.MetricLog.__init__):
        values = tuple(Patience(2, 0.05) if isinstance(v, Patience) else v for v in call.__defaults__)
        monkeypatch.setattr(call, "__defaults__", values)


def test_a_server_that_dies_in_the_middle_costs_no_step_and_the_same_call_goes_on(
    training, shards, postgres_server, tmp_path, impatient
):
    home = Home.at(tmp_path / "home", postgres_server.url())
    training(postgres_server.stop)
    with pytest.raises(TrackingUnreachable):
        run_training(CONFIG, shards, home, name="dies")
    postgres_server.start()
    training(steps=0)
    done = run_training(CONFIG, shards, home, name="dies", resume=True)
    kept = client(home).get_metric_history(done.run_id, "loss/mse")
    assert [(m.step, m.value) for m in kept] == [(s, 1 / s) for s in range(1, 6)]
    assert client(home).get_run(done.run_id).info.status == "FINISHED"


def test_a_failure_is_told_when_the_server_is_back(training, shards, postgres_server, tmp_path, impatient):
    home = Home.at(tmp_path / "home", postgres_server.url())

    def fails():
        import time

        # Until the first values have made the run known.
        while not (home.run("fails") / runs.TRACKED).exists():
            time.sleep(0.05)
        time.sleep(0.5)
        postgres_server.stop()
        raise NonFiniteLoss("the loss is not a number", where="clip 7")

    training(fails)
    with pytest.raises(NonFiniteLoss, match="clip 7") as caught:
        run_training(CONFIG, shards, home, name="fails")
    assert "nothing is lost" in "".join(caught.value.__notes__)
    postgres_server.start()
    (told,) = sync(home)
    assert (told.run, told.waiting, told.status) == ("fails", 0, "FAILED")
    run_id = json.loads((home.run("fails") / runs.TRACKED).read_text())["run_id"]
    assert client(home).get_run(run_id).info.status == "FAILED"
    assert [m.step for m in client(home).get_metric_history(run_id, "loss")] == [1, 2]
    assert sync(home) == []


def test_values_of_a_run_that_mlflow_never_heard_of_are_counted(tmp_path):
    home = Home.at(tmp_path / "home")
    folder = home.run("unheard")
    folder.mkdir(parents=True)
    Spool(folder / "metrics.jsonl").append([json.dumps({"t": 1, "s": 0, "m": {"a": 1, "b": 2}})])
    (told,) = sync(home)
    assert (told.run, told.sent, told.waiting) == ("unheard", 0, 2)


def test_runs_that_begin_at_once_with_one_corpus_all_record_it(new_home, tmp_path):
    home = new_home(tmp_path / "home")
    api = client(home)
    experiment = api.create_experiment("at once")
    names = [api.create_run(experiment).info.run_id for _ in range(8)]
    together = threading.Barrier(len(names))

    def record(run_id: str) -> None:
        together.wait()
        log_dataset(home, run_id, "s3://bucket/tones", "d" * 64, 4, "training")

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(record, names))
    found = [api.get_run(run_id).inputs.dataset_inputs for run_id in names]
    assert [[given.dataset.digest for given in inputs] for inputs in found] == [["d" * 32]] * len(names)
