"""Reads every file of the fuzz corpus, each in a child process under limits, and says what came of it.

    python tests/bench/bench_fuzz.py [--keep FOLDER]

Prints one JSON document; exit code 1 where a file ends in anything but frames, sound or a typed error."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "curation"))
from fuzz_media import write_corpus
from fuzz_trial import MEMORY_BYTES, STEP_S, attempt

MAX_PEAK_MB = 700


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for the corpus")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-fuzz-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        trials = [attempt(path) for path in write_corpus(folder)]
    peak = max(trials, key=lambda t: t.peak_mb)
    slow = max(trials, key=lambda t: t.seconds)
    report = {
        "files": len(trials),
        "limits": {"memory_bytes": MEMORY_BYTES, "seconds": STEP_S},
        "outcomes": dict(Counter(trial.outcome for trial in trials).most_common()),
        "frames": sum(trial.frames for trial in trials),
        "slowest": [slow.name, round(slow.seconds, 2)],
        "most_memory": [peak.name, round(peak.peak_mb)],
        "bad": [[t.name, t.outcome] for t in trials if not t.contained],
    }
    report["checks"] = {
        "300 files and more": len(trials) >= 300,
        "no crash, no hang, every reason typed": not report["bad"],
        f"peak memory at most {MAX_PEAK_MB} MB": peak.peak_mb <= MAX_PEAK_MB,
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
