"""What tracking costs the thread that trains: 10,000 metrics beside steps of 50 ms.

    python tests/bench/bench_tracking.py

Prints one JSON object with figures, targets and whether they were reached; exits 1 on a miss. A step is a product of
matrices sized to take about 50 ms of this core. Steps with and without metrics alternate in blocks, so that both see
the same machine, and the metrics go to a real SQLite store meanwhile.

- `add_cpu_share`: CPU time of the training thread inside `MetricLog.add`, of the CPU time of the steps.
- `add_wall_share`: wall time inside `add` (waits for the interpreter's lock included), of the wall time of the steps.
- `thread_cpu_share`: by how much the training thread's CPU time of a step grows from a block without metrics to the
  next one with them: the median over five such pairs, so that a machine that drifts does not count.
- `step_wall_share`: the same of the wall time of a step. It includes what the sending thread takes from a training
  thread in the same process, which in talkie is another process; on a busy machine it is noise."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from talkie.experiments import Home
from talkie.experiments.metrics import SPOOL_NAME, MetricLog
from talkie.experiments.tracking import client, plain_client, start_run

METRICS, STEPS, BLOCK = 10_000, 200, 20
STEP_S = 0.05
TARGETS = {"add_cpu_share": 0.01, "add_wall_share": 0.01, "thread_cpu_share": 0.01}


def sized_step() -> torch.Tensor:
    """A square matrix whose product with itself, done four times, takes about STEP_S of CPU time."""
    side = 256
    while True:
        matrix = torch.rand(side, side)
        work(matrix)
        began = time.thread_time()
        work(matrix)
        took = time.thread_time() - began
        if took >= 0.9 * STEP_S:
            return matrix
        side = int(side * max(1.02, (STEP_S / took) ** (1 / 3)))


def work(matrix: torch.Tensor) -> None:
    for _ in range(4):
        matrix @ matrix


def measured() -> dict[str, float]:
    torch.set_num_threads(1)
    matrix = sized_step()
    per_step = METRICS // (STEPS // 2)
    with tempfile.TemporaryDirectory() as folder:
        home = Home.at(Path(folder) / "home")
        run_id = start_run(home, "bench", "run", {}, {})
        log = MetricLog(lambda: run_id, lambda: plain_client(home), home, Path(folder) / SPOOL_NAME)
        cpu: dict[bool, list[float]] = {True: [], False: []}
        wall: dict[bool, list[float]] = {True: [], False: []}
        inside_cpu = inside_wall = 0.0
        for step in range(STEPS):
            logging = step // BLOCK % 2 == 1
            began, began_cpu = time.perf_counter(), time.thread_time()
            work(matrix)
            if logging:
                values = {f"loss/{i}": step + i / 7 for i in range(per_step)}
                at, at_cpu = time.perf_counter(), time.thread_time()
                log.add(values, step)
                inside_cpu += time.thread_time() - at_cpu
                inside_wall += time.perf_counter() - at
            cpu[logging].append(time.thread_time() - began_cpu)
            wall[logging].append(time.perf_counter() - began)
        began = time.perf_counter()
        log.close()
        closing = time.perf_counter() - began
        kept = sum(len(client(home).get_metric_history(run_id, f"loss/{i}")) for i in range(per_step))
    assert kept == METRICS, f"{kept} of {METRICS} metrics arrived"
    return {
        "metrics": METRICS,
        "steps_with_metrics": len(cpu[True]),
        "step_ms": 1000 * statistics.median(cpu[False]),
        "add_us_per_metric": 1e6 * inside_cpu / METRICS,
        "add_cpu_share": inside_cpu / sum(cpu[True]),
        "add_wall_share": inside_wall / sum(wall[True]),
        "thread_cpu_share": growth(cpu),
        "step_wall_share": growth(wall),
        "close_s": closing,
    }


def growth(times: dict[bool, list[float]]) -> float:
    """By how much a step grows with metrics, block beside block."""
    with_, without = (
        [statistics.median(values[at : at + BLOCK]) for at in range(0, len(values), BLOCK)]
        for values in (times[True], times[False])
    )
    return statistics.median(a / b for a, b in zip(with_, without, strict=True)) - 1


def main() -> None:
    figures = measured()
    passed = {name: figures[name] < limit for name, limit in TARGETS.items()}
    print(json.dumps({"figures": figures, "targets": TARGETS, "passed": passed}, indent=1))
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
