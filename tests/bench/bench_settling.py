"""Settling and committing 200, 2,000 and 8,000 staged sources: memory by the clip, and time that grows in step.

    python tests/bench/bench_settling.py [--sources 200 2000 8000] [--embeddings 20000 100000]

Every source is one clip of five seconds with a record as curation writes it, a fingerprint (48 numbers of a face,
125 words of pictures) and ten more members of 1 KB; a tenth are near duplicates, twelve clips show one person. Each run
is a process of its own, measured from the moment where all is staged: the most that it then holds beyond that, and the
processor time of `commit_staged`. With them `cluster_identities` alone, on noisy unit vectors (48,) of twelve clips a
person, of which nobody's name is known.

Prints JSON; exit code 1 where a further clip takes over 12 KiB, a clip of the largest run over 1.5 times the time of
one of the run before it, or identities over 2 KiB a clip."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

KIB_A_CLIP, SLOWER, KIB_AN_EMBEDDING = 12.0, 1.5, 2.0
WORDS, FACE, CLIPS_A_PERSON, MEMBERS = 125, 48, 12, 10
SHARD_BYTES = 8 * 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, nargs="+", default=[200, 2000, 8000])
    parser.add_argument("--embeddings", type=int, nargs="*", default=[20_000, 100_000])
    parser.add_argument("--one", choices=("commit", "cluster"), help="that alone, as this program calls itself")
    options = parser.parse_args()
    if options.one:
        print(json.dumps({"commit": commit_one, "cluster": cluster_one}[options.one](options.sources[0])))
        return 0
    commits = [alone("commit", count) for count in options.sources]
    clusters = [alone("cluster", count) for count in options.embeddings]
    few, most = commits[0], commits[-1]
    grown = (most["extra_kib"] - few["extra_kib"]) / (most["sources"] - few["sources"])
    report: dict[str, Any] = {"commits": commits, "kib_a_clip": round(grown, 2), "clusters": clusters}
    report["checks"] = {
        "memory": grown <= KIB_A_CLIP,
        "linear": most["ms_a_clip"] <= SLOWER * commits[-2]["ms_a_clip"],
        "identities": len(clusters) < 2 or grown_by(clusters[0], clusters[-1]) <= KIB_AN_EMBEDDING,
    }
    print(json.dumps(report, indent=1))
    return 0 if all(report["checks"].values()) else 1


def grown_by(few: dict[str, Any], most: dict[str, Any]) -> float:
    """KiB of each further embedding: what the blocks of the comparison take does not grow."""
    return (most["extra_kib"] - few["extra_kib"]) / (most["embeddings"] - few["embeddings"])


def alone(what: str, count: int) -> dict[str, Any]:
    words = [sys.executable, __file__, "--one", what, "--sources", str(count)]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)


def commit_one(count: int) -> dict[str, Any]:
    from talkie.curation.books import Tombstones
    from talkie.curation.commit import commit_staged
    from talkie.curation.config import CurateConfig
    from talkie.curation.outcome import Outcome
    from talkie.curation.staging import Staging
    from talkie.shards import Ledger, LedgerEntry, writer

    vars(os)["fsync"] = lambda descriptor: None  # the disk is not what is measured
    config = CurateConfig()
    with tempfile.TemporaryDirectory(prefix="talkie-settling-") as folder:
        out = Path(folder)
        staging = Staging(out, "s" * 64)
        staging.prepare()
        for number in range(count):
            clip = made_clip(number)
            key = clip.record.source.sha256
            line = LedgerEntry(sha256=key, name=key, uri=key, status="done", clips=[clip.record.id])
            staging.put(key, Outcome([clip], [line]))
        # Small clips would all lie in one shard, whose catalogue is held while it is written: as many to a shard as
        # there are of real ones.
        assert writer.commit_placed.__kwdefaults__ is not None
        writer.commit_placed.__kwdefaults__["max_shard_bytes"] = SHARD_BYTES
        before, began = peak_kib(), time.process_time()
        dataset = commit_staged(out, staging, config, {}, Ledger(out), Tombstones(out))
        seconds = time.process_time() - began
        return {
            "sources": count,
            "clips": len(dataset),
            "extra_kib": peak_kib() - before,
            "cpu_s": round(seconds, 2),
            "ms_a_clip": round(1000 * seconds / count, 3),
        }


def made_clip(number: int) -> Any:
    from talkie.clip import ClipRecord, Source, clip_id
    from talkie.shards import RawClip, encode_field

    sha256 = hashlib.sha256(f"source {number}".encode()).hexdigest()
    shown = number - number % 10 if number % 10 == 1 else number
    words = np.random.default_rng(shown).integers(0, 2**63, WORDS, np.int64).astype(np.uint64)
    record = ClipRecord(
        id=clip_id(sha256, 0.0, WORDS / 25),
        source=Source(uri=f"/footage/{number:08}.mp4", name=f"{number:08}.mp4", sha256=sha256, start_s=0, end_s=5),
        frames=WORDS,
        identity=f"unknown-{sha256[:12]}",
        identity_origin="alone",
        group=f"source-{sha256[:12]}",
        split="train",
        split_origin="derived",
        scores={f"score_{k}": 0.123456 * k for k in range(40)},
        score_meaning={f"score_{k}": "what the number means, in a line or so of plain words" for k in range(40)},
        tools={f"label_{k}": f"tool {k}.0" for k in range(15)},
    )
    face = person(number // CLIPS_A_PERSON, number)
    members = {name: bytes(1000) for name in ("mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "gaze.npz")}
    members |= {name: bytes(1000) for name in ("pose.npz", "hands.npz", "prosody.npz", "speaking.npz")}
    assert len(members) == MEMBERS
    members["fingerprint.npz"] = encode_field("fingerprint.npz", {"picture": words, "face": face})
    return RawClip(record, members)


def person(who: int, number: int) -> np.ndarray:
    """A person's unit vector with the noise of one clip: cosines of about 0.96 within a person."""
    base = np.random.default_rng(who).normal(size=FACE)
    noisy = base / np.linalg.norm(base) + 0.03 * np.random.default_rng(10**6 + number).normal(size=FACE)
    return (noisy / np.linalg.norm(noisy)).astype(np.float32)


def cluster_one(count: int) -> dict[str, Any]:
    from talkie.curation.people import cluster_identities

    vectors = np.stack([person(number // CLIPS_A_PERSON, number) for number in range(count)])
    names = [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(count)]
    before, began = peak_kib(), time.process_time()
    found = cluster_identities(vectors, names, same=0.9)
    seconds = time.process_time() - began
    groups = [{found.name[k] for k in range(at, min(at + CLIPS_A_PERSON, count))} for at in range(0, count, 12)]
    return {
        "embeddings": count,
        "people": len(set(found.name)),
        "true_people": len(groups),
        "whole_people": sum(len(group) == 1 for group in groups),
        "cpu_s": round(seconds, 1),
        "extra_kib": peak_kib() - before,
    }


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
