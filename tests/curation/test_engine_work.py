"""Promises of the engine on Ray: what one unit does to its worker, no other unit feels."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import engine_work
import psutil
import pytest
from engine_work import PuppetFactory, broken_factory
from ray.cloudpickle import register_pickle_by_value

from talkie.curation.engine import (
    EngineStatus,
    Finished,
    Limits,
    Resource,
    Retried,
    SourceDied,
    SourceDone,
    Unit,
    run,
)
from talkie.errors import BadConfig, BadInput, DiskFull

pytestmark = pytest.mark.usefixtures("ray_cluster")

# Actors cannot import what lies beside a test.
register_pickle_by_value(engine_work)

MIB = 2**20


class Told:
    """All events of a run, by kind."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def done(self):
        return sorted(event.source for event in self.of(SourceDone))

    @property
    def dead(self):
        return {event.unit.source: event.error.cause for event in self.of(SourceDied)}


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "log"


def one(name, *payload, **values):
    return Unit(name, name, "process", payload=payload, **values)


def keys(log):
    return sorted(log.read_text().splitlines())


def test_faults_of_every_kind_cost_their_own_source_alone_and_native_ones_one_retry(log, tmp_path):
    told = Told()
    units = [
        one("good", "ok"),
        one("crash", "crash"),
        one("crash once", "crash_once", str(tmp_path / "crashed")),
        one("hang", "hang", str(tmp_path / "pids"), timeout_s=1.0),
        one("fault", "fault"),
        one("bug", "bug"),
        one("stumble", "stumble", str(tmp_path / "stumbles"), 2),
        one("unreachable", "stumble", str(tmp_path / "far"), 99),
        one("absurd", "claim", 2**45),
        *(one(f"late {n}", "ok") for n in range(5)),
    ]
    run(units, PuppetFactory(log), Limits(workers=2, backoff_s=0.01, patience=3), told, total_sources=len(units))
    assert told.done == sorted(["good", "crash once", "stumble", *(f"late {n}" for n in range(5))])
    assert told.dead == {
        "crash": "worker_died",
        "hang": "timed_out",
        "fault": "bad_input",
        "bug": "internal_error",
        "unreachable": "not_ready",
        "absurd": "out_of_memory",
    }
    tries = {name: keys(log).count(name) for name in ("crash", "crash once", "hang", "fault", "bug", "unreachable")}
    assert tries == {"crash": 2, "crash once": 2, "hang": 2, "fault": 1, "bug": 1, "unreachable": 3}
    assert len(told.of(Retried)) == 1 + 1 + 1 + 2 + 2 + 1
    status = told.of(EngineStatus)[-1]
    assert (status.sources_done, status.sources_dead) == (8, 6)
    assert status.steps["process"].done == 8
    assert status.steps["process"].failed == 6
    assert not any(psutil.pid_exists(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_pieces_of_one_source_run_side_by_side_and_die_together(log):
    told = Told()
    more = [Unit(f"long/{n}", "long", "piece", payload=("ok", 0.05)) for n in range(4)]
    more.append(Unit("long/close", "long", "close", after=tuple(u.key for u in more), payload=("ok",)))
    units = [
        Unit("long/probe", "long", "probe", payload=("lead_to", *more)),
        Unit("poor/probe", "poor", "probe", payload=("ok",)),
        Unit("poor/0", "poor", "piece", after=("poor/probe",), payload=("fault",)),
        Unit("poor/close", "poor", "close", after=("poor/0",), payload=("ok",)),
        one("last", "ok"),
    ]
    run(units, PuppetFactory(log), Limits(workers=2), told)
    assert told.done == ["last", "long"]
    assert told.dead == {"poor": "bad_input"}
    assert told.of(SourceDied)[0].cancelled == 1
    order = [event.unit.key for event in told.of(Finished) if event.unit.source == "long"]
    assert order[0] == "long/probe"
    assert order[-1] == "long/close"
    assert "poor/close" not in keys(log)


def test_a_batch_is_done_together_and_a_poisonous_unit_in_it_is_found_alone(log):
    told = Told()
    units = [Unit(f"{n}", f"{n}", "embed", payload=("crash",) if n == 2 else ("ok",)) for n in range(5)]
    run(units, PuppetFactory(log), Limits(workers=1, resources={"cpu": Resource(batch=5)}), told)
    assert told.done == ["0", "1", "3", "4"]
    assert told.dead == {"2": "worker_died"}
    assert keys(log)[0] == "0+1+2+3+4" or any("+" in line for line in keys(log))


def test_work_for_gpus_is_done_by_the_cpu_class_where_there_are_none(log):
    told = Told()
    classes = {"cpu": Resource(), "gpu": Resource(cpus=0.5, gpus=1, batch=8)}
    run([one("a", "ok", resource="gpu"), one("b", "ok")], PuppetFactory(log), Limits(1, resources=classes), told)
    assert told.done == ["a", "b"]


def test_no_more_bytes_are_in_flight_than_the_limit_leaves_and_what_can_never_fit_is_refused(log):
    held = _held_with_one_worker(log)
    told = Told()
    units = [one(f"{n}", "ok", 0.2, bytes=300 * MIB) for n in range(4)]
    units += [one("large", "ok", bytes=500 * MIB), one("absurd", "ok", bytes=10**12), one("end", "ok")]
    run(units, PuppetFactory(log), Limits(workers=2, memory_bytes=int((held + 650 * MIB) / 0.9)), told)
    assert told.dead == {"absurd": "out_of_memory"}
    assert len(told.done) == 6
    assert max(status.in_flight for status in told.of(EngineStatus)) <= 650 * MIB


def _held_with_one_worker(log):
    """Bytes of this process, its Ray and one engine worker."""
    told = Told()
    run([one("probe", "ok", 1.0)], PuppetFactory(log), Limits(workers=1), told)
    return told.of(EngineStatus)[-1].rss_peak


def test_work_that_outgrows_the_memory_is_ended_before_the_limit_and_the_rest_goes_on(log):
    limit = int((_held_with_one_worker(log) + 500 * MIB) / 0.9)
    told = Told()
    units = [one("glutton", "eat", 4 * limit), one("modest", "eat", 48 * MIB), one("end", "ok")]
    run(units, PuppetFactory(log), Limits(workers=2, memory_bytes=limit), told)
    assert told.dead == {"glutton": "out_of_memory"}
    assert told.done == ["end", "modest"]
    assert max(status.rss_peak for status in told.of(EngineStatus)) <= limit


def test_a_worker_that_leaks_is_replaced_before_it_costs_anybody_anything(log):
    limit = int((_held_with_one_worker(log) + 300 * MIB) / 0.9)
    told = Told()
    run([one(f"{n}", "leak", 64 * MIB, bytes=64 * MIB) for n in range(12)], PuppetFactory(log), Limits(1, limit), told)
    assert len(told.done) == 12
    assert not told.of(Retried)
    assert told.of(EngineStatus)[-1].recycled >= 1


def test_a_limit_that_leaves_nothing_and_a_worker_that_cannot_be_made_end_the_run_with_their_cause(log):
    with pytest.raises(BadConfig, match="leaves nothing to work with"):
        run([one("a", "ok")], PuppetFactory(log), Limits(workers=1, memory_bytes=50 * MIB))
    with pytest.raises(BadInput, match=r"model\.onnx: the model is not there"):
        run([one("a", "ok")], broken_factory, Limits(workers=1))


def test_a_full_disk_stops_the_run_and_blames_no_source(log):
    told = Told()
    with pytest.raises(DiskFull, match="make room"):
        run([one("a", "ok"), one("b", "full"), one("c", "ok")], PuppetFactory(log), Limits(workers=1), told)
    assert not told.dead


def _name(process):
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def test_stopping_leaves_no_worker_behind_and_reads_no_further(log):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield one(f"{len(read)}", "ok", 0.05)

    def stop(event):
        if isinstance(event, Finished):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(endless(), PuppetFactory(log), Limits(workers=2), stop)
    count = len(read)
    assert count < 200
    time.sleep(0.3)
    assert len(read) <= count + 1
    # Ray's raylet ends them when it ends itself, which takes a moment on a busy machine.
    late = time.monotonic() + 10
    while any("EngineActor" in _name(process) for process in psutil.Process().children(recursive=True)):
        assert time.monotonic() < late
        time.sleep(0.1)
    assert threading.active_count() < 50
