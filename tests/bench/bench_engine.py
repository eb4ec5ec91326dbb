"""Ray Data beside the engine's own actors, on the same work: cost of a unit, memory, a crash, a poisonous unit.

    python tests/bench/bench_engine.py [--units 400] [--repeats 5] [--clips FOLDER] [--without-real]

Prints JSON; exit code 1 unless the engine's cost of a unit is at most 5 % of the shortest real unit (a second of
footage), and unless it loses nothing but the poisonous unit. Ray Data is run as its guide says for stateful work:
`map_batches` with a class, `ActorPoolStrategy`, a batch of one, its own defaults for restarts and retries."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle

from talkie.cluster import start_ray
from talkie.curation.engine import Brief, Event, Limits, SourceDied, Unit, run

UNIT_S = 1.0
"""What a unit of one second of footage costs at the least, on a core that does nothing else."""

REPEATS = 5
WORKERS = 2
LIMIT_S = 60
"""A run of empty units that has not ended by then never will: Ray Data restarts a worker that dies without limit."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--units", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--without-real", action="store_true", help="leave out the curation of real footage")
    options = parser.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with tempfile.TemporaryDirectory(prefix="talkie-engine-") as folder, start_ray(num_cpus=WORKERS):
        report: dict[str, Any] = {"workers": WORKERS, "units": options.units}
        for name, drive in {"engine": by_engine, "ray_data": by_ray_data}.items():
            report[name] = measure(drive, Path(folder) / name, options.units, options.repeats)
        if not options.without_real:
            report["real"] = real(Path(folder), options.clips, options.repeats)
    report["checks"] = {
        "overhead_at_most_5_percent": report["engine"]["ms_per_empty_unit"] <= 50 * UNIT_S,
        "crash_costs_nothing": report["engine"]["crash_once"]["done"] == report["engine"]["crash_once"]["of"],
        "poison_costs_itself": report["engine"]["poison"]["done"] == report["engine"]["poison"]["of"] - 1,
    }
    print(json.dumps(report, indent=1))
    return 0 if all(report["checks"].values()) else 1


Drive = Callable[[list[dict[str, Any]], Path], str | None]
"""Does rows of work; each done leaves a file in the folder. Returns what ended the run early, if anything did."""


class Labourer:
    """The work of both: a file for each row, and what the row says before it. State as a model's would be."""

    def __init__(self, folder: str) -> None:
        self.folder, self.model = Path(folder), bytearray(b"m" * 2**25)

    def do(self, row: dict[str, Any]) -> None:
        if row["what"] == "poison" or (row["what"] == "crash_once" and not (self.folder / "crashed").exists()):
            (self.folder / "crashed").touch()
            os.abort()
        time.sleep(row["seconds"])
        (self.folder / f"done-{row['number']}").touch()

    def work(self, unit: Unit) -> Brief:
        self.do(unit.payload)
        return Brief()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        self.do({name: column.tolist()[0] for name, column in batch.items()})
        return {"number": batch["number"]}


def by_engine(rows: list[dict[str, Any]], folder: Path) -> str | None:
    dead: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, SourceDied):
            dead.append(event.error.cause)

    units = (Unit(str(row["number"]), str(row["number"]), "work", payload=row) for row in rows)
    run(units, lambda: Labourer(str(folder)), Limits(workers=WORKERS), tell)
    return None


def by_ray_data(rows: list[dict[str, Any]], folder: Path) -> str | None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    blocks = ray.data.from_items(rows, override_num_blocks=len(rows))
    pool = ray.data.ActorPoolStrategy(size=WORKERS)
    mapped = blocks.map_batches(
        Labourer, fn_constructor_args=(str(folder),), batch_size=1, compute=pool, num_cpus=1, batch_format="numpy"
    )
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LIMIT_S)
    try:
        for _ in mapped.iter_internal_ref_bundles():
            pass
    except Exception as error:
        return type(error).__name__
    finally:
        signal.alarm(0)
    return None


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError


def measure(drive: Drive, folder: Path, units: int, repeats: int) -> dict[str, Any]:
    """Empty units against none (the start of the actors); then crashes."""
    folder.mkdir()
    starts, walls, peaks = [], [], []
    for number in range(repeats):
        starts.append(timed(drive, rows_of(1), folder / f"start-{number}")["wall_s"])
        figures = timed(drive, rows_of(units), folder / f"empty-{number}")
        walls.append(figures["wall_s"])
        peaks.append(figures["peak_mib"])
    return {
        "start_s": round(statistics.median(starts), 2),
        "ms_per_empty_unit": round((statistics.median(walls) - statistics.median(starts)) / (units - 1) * 1e3, 2),
        "peak_mib": statistics.median(peaks),
        "crash_once": timed(drive, rows_of(20, "crash_once"), folder / "crash"),
        "poison": timed(drive, rows_of(20, "poison"), folder / "poison"),
    }


def rows_of(count: int, what: str = "work") -> list[dict[str, Any]]:
    """The middle one is special."""
    special = {count // 2: what}
    return [{"number": n, "what": special.get(n, "work"), "seconds": 0.0} for n in range(count)]


def timed(drive: Drive, rows: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    folder.mkdir()
    began = time.monotonic()
    with Peak() as peak:
        ended = drive(rows, folder)
    done = len(list(folder.glob("done-*")))
    return {
        "wall_s": round(time.monotonic() - began, 2),
        "done": done,
        "of": len(rows),
        "ended_by": ended,
        "peak_mib": peak.mib,
    }


class Peak:
    """Most memory that this process and all below it held, seen ten times a second by a process of its own."""

    def __enter__(self) -> Peak:
        code = (
            "import psutil, sys, time\nme = psutil.Process(int(sys.argv[1]))\nmost = 0\n"
            "import select\nwhile not select.select([sys.stdin], [], [], 0.1)[0]:\n total = 0\n"
            " for p in [me, *me.children(recursive=True)]:\n  try: total += p.memory_info().rss\n"
            "  except psutil.Error: pass\n most = max(most, total)\nprint(most)"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.mib = round(int(self._process.communicate("\n")[0]) / 2**20)


def real(folder: Path, clips: Path, repeats: int) -> dict[str, Any]:
    """The curation's own worker on pieces of a real clip, by both; the same clips must come of it."""
    from bench_kill import film

    from talkie.curation.config import CurateConfig
    from talkie.curation.sources import discover
    from talkie.curation.staging import Staging
    from talkie.curation.worker import CuratorFactory, units
    from talkie.shards import settings_digest

    film(clips / "weekly_address_a.mp4", folder / "footage")
    sources = discover([folder / "footage"])
    config = CurateConfig()
    digest = settings_digest(config.settings())

    class Curating:
        def __init__(self, out: str) -> None:
            self.worker = CuratorFactory(config, out, digest)()

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            by_key = {unit.key: unit for unit in units(sources)}
            self.worker.work(by_key[str(batch["key"][0])])
            return {"key": batch["key"]}

    def engine_way(out: Path) -> None:
        run(units(sources), CuratorFactory(config, str(out), digest), Limits(workers=WORKERS))

    def ray_data_way(out: Path) -> None:
        rows = [{"key": source.key} for source in sources]
        pool = ray.data.ActorPoolStrategy(size=WORKERS)
        mapped = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Curating, fn_constructor_args=(str(out),), batch_size=1, compute=pool, num_cpus=1
        )
        for _ in mapped.iter_internal_ref_bundles():
            pass

    walls: dict[str, list[float]] = {"engine_s": [], "ray_data_s": []}
    peaks: dict[str, list[int]] = {"engine_mib": [], "ray_data_mib": []}
    for number in range(repeats):
        for name, way in {"engine": engine_way, "ray_data": ray_data_way}.items():
            out = folder / f"real-{name}-{number}"
            staging = Staging(out, digest)
            staging.prepare()
            began = time.monotonic()
            with Peak() as peak:
                way(out)
            walls[f"{name}_s"].append(time.monotonic() - began)
            peaks[f"{name}_mib"].append(peak.mib)
            assert staging.keys() == {source.key for source in sources}
    medians = {name: round(statistics.median(values), 2) for name, values in {**walls, **peaks}.items()}
    return {"sources": len(sources), **medians, "ratio": round(medians["engine_s"] / medians["ray_data_s"], 3)}


if __name__ == "__main__":
    sys.exit(main())
