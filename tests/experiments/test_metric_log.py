"""No value is lost between the thread that trains and a server that may be away, full or gone."""

import json
import threading
import time

import pytest

from talkie.errors import DiskFull, TrackingUnreachable
from talkie.experiments import Home
from talkie.experiments.metrics import MetricLog, Spool
from talkie.experiments.reach import Patience, asked
from talkie.experiments.system_metrics import SystemMetrics

QUICK = Patience(attempts=3, wait_s=0.01)


class Server:
    """Takes batches as MLflow's client does; `away` is how many calls find nobody."""

    def __init__(self, away=0):
        self.away, self.calls, self.taken = away, 0, []

    def log_batch(self, run_id, metrics):
        self.calls += 1
        if self.away > 0:
            self.away -= 1
            raise ConnectionError("nobody there")
        self.taken += [(m.key, m.value, m.step) for m in metrics]


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path, "http://127.0.0.1:9")


def log_to(server, home, tmp_path, **values):
    return MetricLog(lambda: "run", lambda: server, home, tmp_path / "metrics.jsonl", QUICK, interval_s=0.01, **values)


def test_ten_thousand_values_arrive_once_in_order_and_in_batches(home, tmp_path):
    server = Server()
    with log_to(server, home, tmp_path) as log:
        for step in range(1000):
            log.add({f"m{i}": step + i for i in range(10)}, step)
    assert server.taken == [(f"m{i}", step + i, step) for step in range(1000) for i in range(10)]
    assert server.calls < 200
    assert not (tmp_path / "metrics.jsonl").exists()


def test_files_go_with_the_values_and_one_that_is_gone_holds_nothing_up(home, tmp_path):
    class Artifacts(Server):
        def log_artifact(self, run_id, path, folder):
            from pathlib import Path

            self.taken.append((folder, Path(path).name, Path(path).read_text()))

    server, sample = Artifacts(), tmp_path / "a.txt"
    sample.write_text("curve")
    with log_to(server, home, tmp_path) as log:
        log.add_file(tmp_path / "gone.txt", "samples/gone.txt")
        log.add_file(sample, "samples/step-7/curve.txt")
        log.add({"a": 1}, 7)
    assert ("samples/step-7", "curve.txt", "curve") in server.taken
    assert ("a", 1, 7) in server.taken
    assert len(server.taken) == 2


def test_a_value_is_taken_as_it_is_when_it_is_added(home, tmp_path):
    import torch

    server, loss = Server(), torch.tensor(1.0)
    with log_to(server, home, tmp_path) as log:
        log.add({"loss": loss}, 0)
        loss += 1
    assert server.taken == [("loss", 1.0, 0)]


def test_adding_never_waits_for_a_server_that_hangs(home, tmp_path):
    going_on = threading.Event()

    class Hanging(Server):
        def log_batch(self, run_id, metrics):
            going_on.wait(30)
            super().log_batch(run_id, metrics)

    server = Hanging()
    log = log_to(server, home, tmp_path)
    log.add({"a": 1}, 0)
    time.sleep(0.1)
    began = time.perf_counter()
    for step in range(1000):
        log.add({"a": 1}, step)
    assert time.perf_counter() - began < 5
    going_on.set()
    log.close()
    assert len(server.taken) == 1001


def test_a_server_that_comes_back_gets_everything(home, tmp_path):
    server = Server(away=2)
    with log_to(server, home, tmp_path) as log:
        log.add({"a": 1}, 0)
        time.sleep(0.1)
        log.add({"a": 2}, 1)
    assert server.taken == [("a", 1, 0), ("a", 2, 1)]


def test_a_server_that_stays_away_is_named_and_the_next_log_sends_what_waits(home, tmp_path):
    log = log_to(Server(away=10**6), home, tmp_path)
    log.add({"a": 1, "b": float("inf")}, 0)
    log.add({"a": 2}, 1)
    with pytest.raises(TrackingUnreachable, match=r"3 values wait in .*metrics\.jsonl, nothing is lost; `talkie sync`"):
        log.close()
    server = Server()
    log_to(server, home, tmp_path).close()
    assert server.taken == [("a", 1, 0), ("b", float("inf"), 0), ("a", 2, 1)]


def test_a_line_that_a_killed_process_tore_costs_itself_alone(home, tmp_path):
    spool = Spool(tmp_path / "metrics.jsonl")
    spool.append([json.dumps({"t": 1, "s": 0, "m": {"a": 1}})])
    with spool.path.open("ab") as file:
        file.write(b'{"t": 2, "s"')
    server = Server()
    with log_to(server, home, tmp_path) as log:
        log.add({"a": 3}, 2)
    assert server.taken == [("a", 1, 0), ("a", 3, 2)]
    assert not spool.path.exists()


def test_what_was_confirmed_before_a_crash_is_not_sent_again(tmp_path):
    spool = Spool(tmp_path / "metrics.jsonl")
    spool.append([json.dumps({"t": 1, "s": step, "m": {"a": step}}) for step in range(3)])
    lines, end = spool.next(2)
    assert [line["s"] for line in lines] == [0, 1]
    spool.confirm(end)
    after = Spool(tmp_path / "metrics.jsonl")
    assert [line["s"] for line in after.next(10)[0]] == [2]
    assert after.waiting() == 1


def test_on_a_full_disk_values_stay_in_memory_until_there_is_room(home, tmp_path, monkeypatch):
    server = Server()
    log = log_to(server, home, tmp_path)
    append, full = log.spool.append, [True]

    def refuse(lines):
        if full[0]:
            raise OSError(28, "No space left on device")
        append(lines)

    monkeypatch.setattr(log.spool, "append", refuse)
    log.add({"a": 1}, 0)
    time.sleep(0.1)
    full[0] = False
    log.close()
    assert server.taken == [("a", 1, 0)]


def test_a_disk_that_stays_full_is_a_typed_error(home, tmp_path, monkeypatch):
    log = log_to(Server(), home, tmp_path)

    def refuse(lines):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.spool, "append", refuse)
    log.add({"a": 1}, 0)
    with pytest.raises(DiskFull, match="metrics"):
        log.close()


def test_an_error_of_the_servers_own_keeps_the_values_and_is_raised(home, tmp_path):
    class Refusing(Server):
        def log_batch(self, run_id, metrics):
            raise ValueError("no such run")

    log = log_to(Refusing(), home, tmp_path)
    log.add({"a": 1}, 0)
    with pytest.raises(ValueError, match="no such run"):
        log.close()
    assert Spool(tmp_path / "metrics.jsonl").waiting() == 1


def test_patience_is_bounded(home):
    calls = []

    def question():
        calls.append(1)
        raise ConnectionError("nobody")

    with pytest.raises(TrackingUnreachable, match=r"127\.0\.0\.1:9"):
        asked(home, question, QUICK)
    assert len(calls) == QUICK.attempts
    assert list(Patience(attempts=6, wait_s=1, longest_wait_s=3).waits()) == [1, 2, 3, 3, 3]


def test_the_machine_is_sampled_under_the_names_that_mlflow_knows(tmp_path):
    seen = []
    sampled = SystemMetrics(lambda values, number: seen.append((number, dict(values))), tmp_path, interval_s=0.02)
    time.sleep(0.2)
    sampled.close()
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert len(seen) >= 2
    values = seen[-1][1]
    assert 0 < values["system/system_memory_usage_percentage"] <= 100
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100
    assert values["system/disk_available_megabytes"] > 0
