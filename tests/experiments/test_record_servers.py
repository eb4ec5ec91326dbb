"""Records of a run on real servers: PostgreSQL by URL, an MLflow server by HTTP, and what is said when they refuse."""

import json

import pytest

from talkie.errors import BadConfig, TrackingRefused, TrackingUnreachable
from talkie.experiments import Home, resolve_model, set_alias
from talkie.experiments.lineage import trained_on
from talkie.experiments.metrics import MetricLog
from talkie.experiments.reach import ONCE, Patience, ping
from talkie.experiments.tracking import (
    client,
    end_run,
    log_dataset,
    log_file,
    log_metrics,
    plain_client,
    register_model,
    start_run,
)  # fmt: skip
from talkie.systems.weights import CARD, CONFIG, DIGEST, WEIGHTS

SHORT = Patience(attempts=2, wait_s=0.05)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder that passes for a model: its files and their commit record."""
    import hashlib

    from talkie.systems import load_system

    folder = tmp_path_factory.mktemp("model")
    (folder / CONFIG).write_text(json.dumps({"system": "unitalker"}))
    (folder / CARD).write_text(load_system("unitalker").card.model_dump_json())
    (folder / WEIGHTS).write_bytes(b"weights")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (CONFIG, CARD, WEIGHTS)}
    (folder / DIGEST).write_text(json.dumps({"files": files}))
    return folder


def everything(home, tmp_path, model):
    """A run with all that a run keeps, read back from a home that shares nothing but the server."""
    run_id = start_run(home, "speech_to_motion", "a run", {"train": {"seed": 3}}, {"git": "none"})
    log_dataset(home, run_id, tmp_path / "shards", "d" * 64, 5, "training")
    log_dataset(home, run_id, "s3://bucket/more", "e" * 64, 6, "training")
    log_metrics(home, run_id, {"loss": 0.5, "nan": float("nan")}, 10)
    sample = tmp_path / "sample.txt"
    sample.write_text("a sample")
    log_file(home, run_id, sample, "samples/step-10/curve.txt")
    version = register_model(home, run_id, model, "unitalker", "digest", step=10)
    assert register_model(home, run_id, model, "unitalker", "digest", step=10) == version
    end_run(home, run_id)
    set_alias(f"unitalker/{version}", "champion", home)
    other = Home(tmp_path / "another machine", home.tracking, home.artifact_store)
    run = client(other).get_run(run_id)
    assert (run.info.status, run.data.params["train.seed"], run.data.metrics["loss"]) == ("FINISHED", "3", 0.5)
    assert run.data.tags["data.training"].split() == ["d" * 64, "e" * 64]
    assert [a.path for a in client(other).list_artifacts(run_id, "samples/step-10")] == ["samples/step-10/curve.txt"]
    assert (resolve_model("unitalker@champion", other).path / WEIGHTS).read_bytes() == b"weights"
    (use,) = trained_on(other, lambda digest, folder: digest == "e" * 64)
    assert use.aliases == {f"unitalker/{version}": ("champion",)}


def test_a_run_is_kept_whole_by_postgresql(postgres_server, tmp_path, model, monkeypatch):
    monkeypatch.setenv("TALKIE_TRACKING", postgres_server.url())
    monkeypatch.setenv("TALKIE_ARTIFACTS", str(tmp_path / "shared"))
    home = Home.at(tmp_path / "home")
    everything(home, tmp_path, model)
    assert not (home.path / "mlflow.db").exists()
    assert "secret" not in home.tracking_shown


def test_a_run_is_kept_whole_by_an_mlflow_server(http_server, tmp_path, model):
    everything(Home.at(tmp_path / "home", http_server.url), tmp_path, model)


def test_a_database_that_falls_silent_costs_no_value(postgres_server, tmp_path):
    home = Home.at(tmp_path / "home", postgres_server.url())
    run_id = start_run(home, "falls silent", "run", {}, {})
    spool = tmp_path / "run" / "metrics.jsonl"
    log = MetricLog(lambda: run_id, lambda: plain_client(home), home, spool, SHORT, interval_s=0.05)
    for step in range(100):
        if step == 30:
            postgres_server.stop()
        log.add({"loss": step / 7}, step)
    with pytest.raises(TrackingUnreachable, match="nothing is lost"):
        log.close()
    assert spool.exists()
    postgres_server.start()
    MetricLog(lambda: run_id, lambda: plain_client(home), home, spool, interval_s=0.05).close()
    kept = client(home).get_metric_history(run_id, "loss")
    assert [(m.step, m.value) for m in kept] == [(step, step / 7) for step in range(100)]
    assert not spool.exists()


def test_a_wrong_password_or_database_is_said_at_once_without_the_password(postgres_server, tmp_path):
    for url, says in ((postgres_server.url("wrong word"), "password"), (postgres_server.url(database="no"), "exist")):
        with pytest.raises(TrackingRefused, match=says) as caught:
            ping(Home.at(tmp_path, url))
        assert "wrong" not in str(caught.value)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://talkie:pw@127.0.0.1:9/records", "http://127.0.0.1:9"])
def test_a_server_that_is_not_there_is_named(url, tmp_path):
    with pytest.raises(TrackingUnreachable, match=r"127\.0\.0\.1:9") as caught:
        ping(Home.at(tmp_path, url), ONCE)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://x/y", "records.db", "file:///tmp/x"])
def test_an_address_of_no_records_is_refused(url, tmp_path):
    with pytest.raises(BadConfig, match="postgresql://USER"):
        Home.at(tmp_path, url)
