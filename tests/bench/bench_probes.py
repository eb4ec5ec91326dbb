"""How well every probe does on people that it has not seen, with what its training costs.

    OMP_NUM_THREADS=1 python tests/bench/bench_probes.py [--data SHARDS...] [--only PROBE...] [--most N]

Without --data the probes' own shoot is filmed into --footage (160 takes of 96 px, which takes a core a quarter of an
hour). Shards that are given need pictures, landmarks, sound, head parameters, phones, and people of val or test.
Prints one JSON document; exit code 1 where a target is missed. Lip readers are measured in both roles."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from talkie.errors import TalkieError
from talkie.evaluation.probes import build_probe, probe_names
from talkie.evaluation.probes.cache import MOST_CLIPS, aloud
from talkie.evaluation.probes.shooting import CLIPS, TRAINING_SHOOT, footage
from talkie.evaluation.probes.views import View, view_dataset
from talkie.shards import Dataset, open_dataset

FIELDS = ("mp4", "landmarks.npy", "flac", "head.npz", "phones.json")


def judged(name: str, found: dict[str, float]) -> dict[str, tuple[str, bool]]:
    """(target, whether it is reached) by figure."""
    if name == "identity":
        return {"eer": ("<= 0.2", found["eer"] <= 0.2)}
    if name == "emotion":
        least = 2 * found["chance"]
        return {"accuracy": (f">= {least:.3f}, twice chance", found["accuracy"] >= least)}
    if name == "lips":
        least = 3 * found["chance"]
        return {"frame_accuracy": (f">= {least:.3f}, thrice chance", found["frame_accuracy"] >= least)}
    if name == "sync":
        least = 1.5 * found["confidence_shuffled"]
        return {
            "in_time": (">= 0.9", found["in_time"] >= 0.9),
            "confidence_true": (f">= {least:.3f}, 1.5 times shuffled", found["confidence_true"] >= least),
        }
    if name == "opening":
        return {"correlation": (">= 0.95", found["correlation"] >= 0.95)}
    if name == "parameters":
        return {"error": ("<= 0.6", found["error"] <= 0.6)}
    return {f"ordered_{kind}": (">= 0.95", found[f"ordered_{kind}"] >= 0.95) for kind in ("blur", "noise")}


def measured(name: str, role: str, train: list[View], held_out: list[View]) -> dict[str, Any]:
    probe = build_probe(name, role)
    started = time.process_time()
    try:
        probe.train(train, held_out)
    except TalkieError as error:
        return {"probe": name, "role": role, "error": str(error), "pass": False}
    seconds = time.process_time() - started
    found = {m.name.partition("_probe_")[2]: m.value for m in probe.held_out}
    targets = judged(name, found)
    return {
        "probe": name,
        "role": role,
        "held_out": {key: round(value, 4) for key, value in found.items()},
        "protocol": probe.held_out[0].protocol,
        "targets": {key: target for key, (target, _) in targets.items()},
        "pass": all(reached for _, reached in targets.values()),
        "cpu_s": round(seconds, 1),
        "steps": probe.steps,
        "weights": sum(p.numel() for p in probe.network.parameters()),
        "digest": probe.digest[:16],
    }


def shards(args: argparse.Namespace) -> list[Dataset]:
    if args.data:
        return [open_dataset(place) for place in args.data]
    folder = args.footage or Path(tempfile.mkdtemp(prefix="talkie-probes-"))
    return [footage(folder, TRAINING_SHOOT, CLIPS, aloud)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=[])
    parser.add_argument("--footage", type=Path, help="where the probes' own shoot lies or is filmed")
    parser.add_argument("--only", nargs="*", choices=probe_names(), default=list(probe_names()))
    parser.add_argument("--most", type=int, default=MOST_CLIPS, help="clips to learn from at most")
    args = parser.parse_args()
    data = shards(args)
    started = time.process_time()
    train = view_dataset(data, FIELDS, args.most, "train")
    held_out = [v for split in ("val", "test") for v in view_dataset(data, FIELDS, args.most // 4, split)]
    seconds = time.process_time() - started
    frames = sum(map(len, train)) + sum(map(len, held_out))
    rows = []
    for name in args.only:
        for role in ("evaluation", "loss") if name == "lips" else ("evaluation",):
            rows.append(measured(name, role, train, held_out))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    answer = {
        "train_clips": len(train),
        "held_out_clips": len(held_out),
        "viewing_ms_a_frame": round(1000 * seconds / max(1, frames), 2),
        "corpora": [d.digest[:16] for d in data],
        "probes": rows,
        "pass": all(row["pass"] for row in rows),
    }
    print(json.dumps(answer, indent=1))
    return 0 if answer["pass"] else 1


if __name__ == "__main__":
    sys.exit(main())
