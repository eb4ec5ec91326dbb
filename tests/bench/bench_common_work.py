"""Work item A: 24 files to clips of the whole picture, beside data-juicer, Ray Data and ffmpeg with GNU make.

    python tests/bench/bench_common_work.py --peers FOLDER [--takes FOLDER] [--seconds 20] [--rounds 5] [--kill]

Input, 24 files of 720p (`peers/footage.py`): 25 and 30 frames a second, speech, one cut each; two that break off, one
without sound, two of one name. Output, the same for all: 25 frames a second, the shorter side 256 pixels, x264 with our
preset, quality and code path on one thread, cut at the scenes and every 5 s of each, sound as 16 kHz mono, in tars with
a table. Everybody has two workers and an environment of its own under FOLDER, made where it is missing (the package
index must be reachable then). Rounds alternate between all; the work is run once more at a random moment's `kill -9`
with --kill.

Prints one JSON document. Exit code 1 where our processor time per minute of input, start included, exceeds 1.15 times
the best peer's, or where outputs differ."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "peers"
sys.path.insert(0, str(HERE))

import footage  # noqa: E402
import outputs  # noqa: E402

from talkie.media.encode import PRESET  # noqa: E402
from talkie.media.x264 import steady_options  # noqa: E402

CRF, HEIGHT, WORKERS = 18, 256, 2
X264 = steady_options().get("x264-params", "")
TARGET = 1.15
PIECE = 125
LENGTH_SLACK = 2
"""Frames that a clip may be longer or shorter: data-juicer's cut by copied streams takes two that were coded ahead."""
SLACK = 50
"""Frames by which the clips of the files that break off may differ in all: decoders stop at different places."""
RATE_SLACK = 1.25
"""Frames a second: one frame may be missing of a clip of a second or more."""
TORCH = "torch==2.13.0"
PACKAGES = {
    # torch first and alone: what data-juicer would choose brings gigabytes of CUDA; aiohttp it forgets to name.
    "data-juicer": ([TORCH], ["py-data-juicer==1.6.1", "ffmpeg-python", "scenedetect", "aiohttp"]),
    "ray-data": (["ray[data]==2.60.*", "av", "opencv-python-headless"],),
}
NAMES = ("talkie", "make", "ray-data", "data-juicer")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, required=True, help="folder of the peers' virtual environments")
    parser.add_argument("--takes", type=Path, help="folder of mp4 files with people (default: films the stage)")
    parser.add_argument("--input", type=Path, help="where the input is made, or found from an earlier run")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each file")
    parser.add_argument("--files", type=int, default=24, help="only the first so many of them, for a trial")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--kill", action="store_true", help="also kill each at a random moment, and resume")
    options = parser.parse_args()
    for name in options.only:
        _environment(options.peers, name)
    with tempfile.TemporaryDirectory(prefix="talkie-common-") as temporary:
        work = Path(temporary)
        sources = _sources(options, work)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in options.only}
        for number in range(options.rounds):
            for name in options.only:
                print(f"round {number}: {name}", file=sys.stderr, flush=True)
                run = _run(name, options, work / "run", work / f"{name}-{number}")
                rounds[name].append(run)
                print(json.dumps(run | {"clips": len(run["clips"]), "named": ""}), file=sys.stderr, flush=True)
        starts = {name: _run(name, options, work / "one", work / f"{name}-one")["cpu_s"] for name in options.only}
        kills = {name: _killed(name, options, work, rounds[name]) for name in options.only if options.kill}
    report = _report(rounds, starts, kills, sources, options.seconds)
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _environment(peers: Path, name: str) -> None:
    """Make a peer's virtual environment where it is missing."""
    home = peers / name
    if name not in PACKAGES or (home / "bin" / "python").exists():
        return
    venv.create(home, with_pip=True)
    for packages in PACKAGES[name]:
        subprocess.run([str(home / "bin" / "pip"), "install", "-q", *packages], check=True, stdout=sys.stderr)


def _sources(options: argparse.Namespace, work: Path) -> list[footage.Source]:
    takes = options.takes
    if takes is None:
        from talkie.stage import load_shoot, record

        record(work / "stage", 6, load_shoot("speech", **{"cast.people": 6, "rig.size": 360}), footage=True)
        takes = work / "stage" / "footage"
    made = options.input or work
    sources = footage.make(made, takes, options.seconds)
    sources = sources[: options.files]
    for source in sources:
        place = work / "run" / source.path.relative_to(made / "input")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source.path.resolve())
    one = work / "one"
    one.mkdir()
    start = ["ffmpeg", "-v", "error", "-i", str(sources[0].path), "-t", "1.2", "-c", "copy", str(one / "one.mp4")]
    subprocess.run(start, check=True)
    return sources


def _command(name: str, options: argparse.Namespace, source: Path, out: Path) -> list[str]:
    if name == "talkie":
        program = [sys.executable, "-c", "from talkie.cli import main; main()", "curate", str(source)]
        return [*program, "--out", str(out), "--recipe", "frames", "--size", str(HEIGHT), "--workers", str(WORKERS)]
    if name == "make":
        values = {"IN": source, "OUT": out, "PRESET": PRESET, "CRF": CRF, "HEIGHT": HEIGHT, "X264": X264}
        return [
            "make",
            "-s",
            "-k",
            f"-j{WORKERS}",
            "-f",
            str(HERE / "make.mk"),
            *(f"{k}={v}" for k, v in values.items()),
        ]
    program = [str(options.peers.resolve() / name / "bin" / "python"), str(HERE / f"{name.replace('-', '_')}.py")]
    wanted = {"workers": WORKERS, "preset": PRESET, "crf": CRF, "height": HEIGHT, "x264": X264}
    return [*program, str(source), str(out), *(part for k, v in wanted.items() for part in (f"--{k}", str(v)))]


def _measured(name: str, options: argparse.Namespace, source: Path, out: Path, kill_after_s: float = 0.0) -> dict:
    report = out.with_suffix(".json")
    environment = {key: value for key, value in os.environ.items() if name == "talkie" or key != "PYTHONPATH"}
    one_thread = {"OMP_NUM_THREADS": "1", "OPENCV_FFMPEG_CAPTURE_OPTIONS": "threads;1", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, str(HERE / "measure.py"), str(report), str(kill_after_s)]
    with out.with_suffix(".log").open("w") as log:
        subprocess.run(
            [*command, *_command(name, options, source.resolve(), out.resolve())],
            env=environment | one_thread,
            check=True,
            stdout=log,
            stderr=log,
        )
    return dict(json.loads(report.read_text()))


def _run(name: str, options: argparse.Namespace, source: Path, out: Path) -> dict[str, Any]:
    """One undisturbed run: what it cost and what it left."""
    cost = _measured(name, options, source, out)
    if cost["code"]:
        print(out.with_suffix(".log").read_text(errors="replace")[-3000:], file=sys.stderr, flush=True)
    left = outputs.read(out)
    keep = {"clips": left.clips, "frames": left.frames, "sizes": left.sizes, "rates": left.rates, "sound": left.sound}
    shutil.rmtree(out, ignore_errors=True)  # a peer that could not start has left none
    return {**cost, **keep, "partial": left.partial, "digest": left.digest, "named": left.named}


def _killed(name: str, options: argparse.Namespace, work: Path, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """All of a run killed at a random moment, then the same command again: what differs from an undisturbed one."""
    out, whole = work / f"{name}-kill", set(rounds[0]["clips"])
    share = random.Random(f"{name}-{options.seconds}").uniform(0.3, 0.9)
    _measured(name, options, work / "run", out, share * rounds[0]["wall_s"])
    between = outputs.read(out) if out.exists() else None
    again = _measured(name, options, work / "run", out)
    left = outputs.read(out)
    shutil.rmtree(out, ignore_errors=True)  # a peer that could not start has left none
    return {
        "killed_at_share_of_run": round(share, 2),
        "visible_partial_after_kill": between.partial if between else [],
        "code_of_resumed": again["code"],
        "cpu_s_of_resumed": again["cpu_s"],
        "missing": len(whole - left.clips.keys()),
        "unexpected": len(left.clips.keys() - whole),
        "twice": left.twice,
        "partial": left.partial,
        "same_bytes_as_undisturbed": left.digest == rounds[0]["digest"],
    }


def _report(
    rounds: dict[str, list[dict[str, Any]]],
    starts: dict[str, float],
    kills: dict[str, Any],
    sources: list[footage.Source],
    seconds: float,
) -> dict[str, Any]:
    minutes = seconds * len(sources) / 60
    unreadable = [source.path.stem for source in sources if source.scenes == ()]
    table = {}
    for name, runs in rounds.items():
        cpu = statistics.median(run["cpu_s"] for run in runs)
        wall = statistics.median(run["wall_s"] for run in runs)
        clips = len(runs[0]["clips"])
        table[name] = {
            "code": sorted({run["code"] for run in runs}),
            "clips": clips,
            "frames": runs[0]["frames"],
            "lengths": sorted(runs[0]["clips"].values()),
            "sizes": list(runs[0]["sizes"]),
            "rates": list(runs[0]["rates"]),
            "clips_with_sound": runs[0]["sound"],
            "clips_per_s": round(clips / wall, 2),
            "cpu_s": [run["cpu_s"] for run in runs],
            "cpu_s_per_input_minute": round(cpu / minutes, 2),
            "cpu_s_of_start": round(starts[name], 2),
            "cpu_s_per_input_minute_without_start": round((cpu - starts[name]) / minutes, 2),
            "peak_mib": statistics.median(run["peak_mib"] for run in runs),
            "lost_without_record": [stem for stem in unreadable if stem not in runs[0]["named"]],
            "same_bytes_twice": len({run["digest"] for run in runs}) == 1 if len(runs) > 1 else None,
            "killed": kills.get(name),
        }
    return {"input": _input(sources, seconds), "table": table, **_verdict(table, sources)}


def _input(sources: list[footage.Source], seconds: float) -> dict[str, Any]:
    return {
        "files": len(sources),
        "seconds_each": seconds,
        "preset": PRESET,
        "crf": CRF,
        "x264": X264,
        "shorter_side": HEIGHT,
    }


def _verdict(table: dict[str, Any], sources: list[footage.Source]) -> dict[str, Any]:
    """The bound, and whether all made the same."""
    ours, peers = table.get("talkie"), {name: row for name, row in table.items() if name != "talkie"}
    checks = {}
    for name, row in table.items():
        spare = _spare(row["lengths"], _wanted(sources))
        same = spare is not None and (ours is None or abs(sum(spare) - sum(_spare_of(ours, sources))) <= SLACK)
        steady = all(abs(rate - 25) <= RATE_SLACK for rate in row["rates"])
        checks[f"output_{name}"] = same and steady and row["sizes"] == (ours or row)["sizes"] and len(row["sizes"]) == 1
    if ours is None or not peers:
        return {"checks": checks}
    best = min(peers, key=lambda name: peers[name]["cpu_s_per_input_minute"])
    ratio = ours["cpu_s_per_input_minute"] / peers[best]["cpu_s_per_input_minute"]
    steady = "cpu_s_per_input_minute_without_start"
    return {
        "best_peer": best,
        "ratio": round(ratio, 3),
        "ratio_without_start": round(ours[steady] / min(row[steady] for row in peers.values()), 3),
        "target": TARGET,
        "checks": {**checks, "cpu": ratio <= TARGET, "talkie_same_bytes": ours["same_bytes_twice"] is not False},
    }


def _wanted(sources: list[footage.Source]) -> list[int]:
    """Frames of each clip that the whole files must give: every scene in pieces of five seconds."""
    scenes = [frames for source in sources if source.scenes for frames in source.scenes]
    return [min(PIECE, frames - at) for frames in scenes for at in range(0, frames, PIECE)]


def _spare(lengths: list[int], wanted: list[int]) -> list[int] | None:
    """What is left of the clips when each wanted length has found one of about that, or None where one finds none."""
    left = sorted(lengths)
    for frames in sorted(wanted):
        near = [length for length in left if abs(length - frames) <= LENGTH_SLACK]
        if not near:
            return None
        left.remove(near[0])
    return left


def _spare_of(row: dict[str, Any], sources: list[footage.Source]) -> list[int]:
    return _spare(row["lengths"], _wanted(sources)) or []


if __name__ == "__main__":
    sys.exit(main())
