"""Promises of the engine when processes are killed: no orphan stays, a lost Ray is replaced, work is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent

DRIVER = """
import sys
from pathlib import Path
from ray import cloudpickle
import engine_work
from talkie.curation.engine import Limits, SourceDone, Unit, run
cloudpickle.register_pickle_by_value(engine_work)
folder = Path(sys.argv[1])
def tell(event):
    if isinstance(event, SourceDone):
        print(event.source, flush=True)
first = Unit("first", "first", "process", payload=("ok",))
hang = Unit("hang", "hang", "process", payload=("hang", str(folder / "pids")), timeout_s=600.0)
naps = [Unit(f"nap {n}", f"nap {n}", "process", payload=("ok", 1.0)) for n in range(4)]
units = [first, hang] if sys.argv[2] == "hang" else [first, *naps]
run(units, engine_work.PuppetFactory(folder / "log"), Limits(workers=1), tell)
"""


def drive(folder, what):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", DRIVER, str(folder), what]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(condition, timeout_s=180.0):
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def test_a_killed_driver_leaves_no_process_behind_not_even_a_hanging_one(tmp_path):
    driver = drive(tmp_path, "hang")
    wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count(" ") == 1)
    family = psutil.Process(driver.pid).children(recursive=True)
    worker, child = map(int, (tmp_path / "pids").read_text().split())
    assert {worker, child} <= {process.pid for process in family}
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs(family, timeout=90)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_raylet_is_replaced_and_no_source_is_lost_or_done_twice(tmp_path):
    driver = drive(tmp_path, "naps")
    assert driver.stdout.readline() == "first\n"
    raylet = next(p for p in psutil.Process(driver.pid).children() if p.name() == "raylet")
    workers = raylet.children(recursive=True)
    raylet.kill()
    rest, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0
    assert sorted(rest.splitlines()) == [f"nap {n}" for n in range(4)]
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def test_sigterm_stops_as_ctrl_c_does(tmp_path):
    driver = drive(tmp_path, "hang")
    wait_for((tmp_path / "pids").exists)
    family = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGTERM)
    driver.communicate(timeout=60)
    assert driver.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=90)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
