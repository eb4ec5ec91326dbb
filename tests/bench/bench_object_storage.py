"""The road from footage in object storage to published shards, over both S3 servers with faults, and its speed.

    python tests/bench/bench_object_storage.py [--clips FOLDER]

Prints one JSON document; exit code 1 where a figure is missed."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from object_stores import Fault, Proxy, environment, moto, proxy_of, rclone
from talkie.curation import curate
from talkie.curation.sources import DigestCache, discover
from talkie.media import encode_mp4, read_audio, read_video
from talkie.shards import Dataset, open_dataset, publish
from talkie.storage import fetch, put

FETCH_TIMES_BOTO = 1.5
DISCOVERY_S = 10.0
FILES, OBJECTS, BIG = 20_000, 5_000, 64 * 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as temporary:
        folder = Path(temporary)
        os.environ["TALKIE_CACHE"] = str(folder / "cache")
        report: dict[str, Any] = {"road": _road(folder / "road", arguments.clips)}
        report["discovery"] = _discovery(folder / "many")
        report["speed"] = _speed(folder / "big")
    roads = report["road"]
    report["targets"] = {"fetch_seconds_per_boto_second": FETCH_TIMES_BOTO, "discovery_cpu_s": DISCOVERY_S}
    report["checks"] = {
        "every fault was met": all(roads[name]["faults_left"] == 0 for name in ("rclone", "moto")),
        "no source was lost": all(roads[name]["dead"] == 0 for name in ("rclone", "moto")),
        "both servers hold the same shards": roads["rclone"]["digest"] == roads["moto"]["digest"],
        "members are those of local footage": roads["rclone"]["members"] == roads["local"]["members"],
        "a second publication sends nothing": all(roads[name]["sent_again"] == 0 for name in ("rclone", "moto")),
        "fetching is as fast as boto3": report["speed"]["fetch_seconds_per_boto_second"] <= FETCH_TIMES_BOTO,
        "discovery takes seconds": report["discovery"]["files_cpu_s"] <= DISCOVERY_S,
        "a second discovery reads nothing": report["discovery"]["bytes_read_again"] == 0,
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _road(folder: Path, clips: Path) -> dict[str, Any]:
    """Two short films with sidecars: curated from disk, and from each server through a proxy that breaks things."""
    footage = folder / "footage"
    footage.mkdir(parents=True)
    sound = read_audio(clips / "weekly_address_a.mp4")
    assert sound is not None
    for number in range(2):
        frames = islice(read_video(clips / "weekly_address_a.mp4"), 40 * number, 40 * number + 30)
        small = np.stack([cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA) for _, _, frame in frames])
        audio = sound[40 * number * 640 : (40 * number + 30) * 640]
        (footage / f"{number}.mp4").write_bytes(encode_mp4(small, audio=audio))
        (footage / f"{number}.json").write_text(json.dumps({"identity": f"speaker-{number}", "licence": "owned"}))
    curate([footage], folder / "local", workers=1)
    found = {"local": {"members": _members(open_dataset(folder / "local"))}}
    for name, server in (("rclone", rclone), ("moto", moto)):
        with server(folder / name) as endpoint, proxy_of(endpoint) as proxy:
            os.environ.update(environment(endpoint))
            for path in footage.iterdir():
                put(f"s3://talkie/footage/{path.name}", path)
            os.environ.update(environment(proxy.endpoint))
            found[name] = _through(proxy, folder / f"{name}-shards")
    return found


def _through(proxy: Proxy, out: Path) -> dict[str, Any]:
    began = time.monotonic()
    drops = [
        Fault("drop", path="0.mp4", after=5000),
        Fault("drop", path="1.mp4", after=20_000),
        Fault("drop", after=99),
    ]
    busy = [Fault("status", method) for method in ("GET", "GET", "HEAD", "HEAD", "PUT")]
    proxy.faults.extend([*drops, *busy, Fault("lost", "PUT", path=".tar"), Fault("lost", "PUT", path="index.json")])
    faults = len(proxy.faults)
    summary = curate(["s3://talkie/footage/"], out, workers=1)
    publish(open_dataset(out), "s3://talkie/corpus")
    there = open_dataset("s3://talkie/corpus")
    there.verify()
    return {
        "dead": summary.dead,
        "clips": summary.clips,
        "faults": faults,
        "faults_left": len(proxy.faults),
        "requests": len(proxy.seen),
        "digest": there.digest,
        "members": _members(there),
        "sent_again": publish(open_dataset(out), "s3://talkie/corpus").uploaded,
        "wall_s": round(time.monotonic() - began, 2),
    }


def _members(dataset: Dataset) -> str:
    """One digest over all members but the record, which says where the footage lay."""
    members = [
        (clip, field, member.sha256)
        for clip, entry in sorted(dataset.entries.items())
        for field, member in sorted(entry.members.items())
        if field != "json"
    ]
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()


def _discovery(folder: Path) -> dict[str, Any]:
    """CPU seconds to discover many files on disk, digests included, and many objects behind rclone's server."""
    for number in range(FILES):
        part = folder / "disk" / f"{number // 1000:03d}"
        part.mkdir(parents=True, exist_ok=True)
        (part / f"{number}.mp4").write_bytes(b"x")
        os.utime(part / f"{number}.mp4", (1.0, 1.0))
    found: dict[str, Any] = {"files": FILES, "objects": OBJECTS}
    for name in ("files_cpu_s", "files_again_cpu_s"):
        cache, began = DigestCache(folder / "digests.sqlite"), time.process_time()
        assert len(discover([folder / "disk"], digests=cache)) == FILES
        found[name] = round(time.process_time() - began, 2)
        found["bytes_read_again"] = cache.bytes_read
        cache.close()
    with rclone(folder / "rclone") as endpoint:
        os.environ.update(environment(endpoint))
        many = folder / "rclone" / "root" / "talkie" / "many"
        many.mkdir()
        for number in range(OBJECTS):
            (many / f"{number}.mp4").write_bytes(b"x")
        began, cpu = time.monotonic(), time.process_time()
        assert len(discover(["s3://talkie/many/"])) == OBJECTS
        found["objects_wall_s"] = round(time.monotonic() - began, 2)
        found["objects_cpu_s"] = round(time.process_time() - cpu, 2)
    return found


def _speed(folder: Path) -> dict[str, Any]:
    """Seconds to fetch 64 MiB with its digest, ours against boto3's own download and a digest; medians of five."""
    import boto3

    with rclone(folder) as endpoint:
        os.environ.update(environment(endpoint))
        (folder / "root" / "talkie" / "big.bin").write_bytes(np.random.default_rng(1).bytes(BIG))
        client, ours, theirs = boto3.client("s3"), [], []
        for _ in range(5):
            began = time.monotonic()
            fetched = fetch("s3://talkie/big.bin", folder)
            ours.append(time.monotonic() - began)
            fetched.path.unlink()
            began = time.monotonic()
            client.download_file("talkie", "big.bin", str(folder / "copy"))
            with (folder / "copy").open("rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == fetched.sha256
            theirs.append(time.monotonic() - began)
    mine, boto = statistics.median(ours), statistics.median(theirs)
    return {
        "mib": BIG / 2**20,
        "fetch_s": round(mine, 3),
        "boto3_s": round(boto, 3),
        "fetch_seconds_per_boto_second": round(mine / boto, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
