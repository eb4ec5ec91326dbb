"""Runs every bench in turn and prints their JSON: the figures of the README come from here.

make bench
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIPS = os.environ.get("TALKIE_CLIPS") or str(HERE.parents[2] / "shared" / "clips")


def main() -> int:
    failed = []
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as home:
        stage, presented = f"{home}/stage", f"{home}/presented"
        talkie = [sys.executable, "-c", "from talkie.cli import main; main()"]
        runs = {
            "alignment": [f"{HERE}/bench_alignment.py", "--clips", CLIPS, "--json"],
            "x264": [f"{HERE}/bench_x264.py"],
            "curation": [f"{HERE}/bench_curation.py", "--clips", CLIPS],
            "throughput": [f"{HERE}/bench_throughput.py"],
            "shots": [f"{HERE}/bench_shots.py"],
            "people": [f"{HERE}/bench_people.py", "--clips", CLIPS],
            "picture labels": [f"{HERE}/bench_picture_labels.py"],
            "sound labels": [f"{HERE}/bench_sound_labels.py"],
            "sync": [f"{HERE}/bench_sync.py", "--clips", CLIPS],
            "judgement": [f"{HERE}/bench_judgement.py"],
            "duplicates": [f"{HERE}/bench_duplicates.py"],
            "fuzz": [f"{HERE}/bench_fuzz.py"],
            "engine": [f"{HERE}/bench_engine.py"],
            "kill": [f"{HERE}/bench_kill.py"],
            "memory": [f"{HERE}/bench_memory.py"],
            "long source": [f"{HERE}/bench_long_source.py"],
            "settling": [f"{HERE}/bench_settling.py"],
            "books": [f"{HERE}/bench_books.py"],
            "object storage": [f"{HERE}/bench_object_storage.py"],
            "fitting": [f"{HERE}/bench_fitting.py", "--clips", CLIPS],
            "head": [f"{HERE}/bench_head_calibration.py"],
            "heads": [f"{HERE}/bench_head_models.py"],
            "mediapipe": [f"{HERE}/bench_mediapipe.py"],
            "articulation": [f"{HERE}/bench_articulation.py"],
            "emphasis": [f"{HERE}/bench_emphasis.py"],
            "voice": [f"{HERE}/bench_voice.py"],
            "splats": [f"{HERE}/bench_splats.py"],
            "render": [f"{HERE}/bench_render.py"],
            "labels": [f"{HERE}/bench_labels.py"],
            "hands": [f"{HERE}/bench_hands.py"],
            "datasets": [f"{HERE}/bench_datasets.py"],
            "resume": [f"{HERE}/bench_resume.py"],
            "tracking": [f"{HERE}/bench_tracking.py"],
            "training": [f"{HERE}/bench_training.py"],
            "probes": [f"{HERE}/bench_probes.py"],
            "openings": [f"{HERE}/bench_openings.py"],
            "lip_reading": [f"{HERE}/bench_lip_reading.py"],
            "record": [*talkie[1:], "record", stage, "--clips", "80", "--seed", "7"],
            "train": [*talkie[1:], "train", "unitalker", "--data", stage, "--home", home, "--json"],
            "evaluate": [*talkie[1:], "evaluate", "unitalker", "--data", stage, "--home", home, "--claims", "--json"],
            "unitalker": [f"{HERE}/bench_unitalker.py", "--data", stage],
            "presentations": [*talkie[1:], "record", presented, "--preset", "spoof", "--seed", "12"],
            "anti_spoofing": [f"{HERE}/bench_anti_spoofing.py", "--data", presented],
            "serving": [f"{HERE}/bench_serving.py", "--model", "unitalker", "--home", home, "--clips", CLIPS],
        }
        for name, words in runs.items():
            print(f"== {name}", flush=True)
            if subprocess.run([sys.executable, *words], check=False).returncode:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all targets reached")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
