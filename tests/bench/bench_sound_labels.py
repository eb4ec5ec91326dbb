"""What the sound labels are worth and what they cost: voice activity, speech over noise, clipping, CPU time.

    OMP_NUM_THREADS=1 python tests/bench/bench_sound_labels.py [--seed N] [--long SECONDS]

Voices are espeak-ng's, whose phones' times are exact, with seeds that `activity_fit` does not use; recordings are those
of the shoot `wild`. --long also aligns that much speech in one piece of int16. Prints one JSON object; exit code 1
where a target is missed."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np

from talkie.curation.draft import Annotator, Draft
from talkie.curation.labels.sound.prosody import ProsodyAnnotator
from talkie.curation.labels.sound.sync import SyncAnnotator
from talkie.speech.acoustics import NOISES, add_noise
from talkie.speech.activity import speech_activity
from talkie.speech.activity_fit import SENTENCES, monologue
from talkie.speech.long_alignment import align_any
from talkie.speech.quality import clipped_share, snr_db
from talkie.speech.synthesis import speak, voice_from_seed
from talkie.stage import load_shoot
from talkie.stage.sound import heard

LEVELS = (20, 10, 5)
LEAST_F1 = {20: 0.92, 10: 0.88, 5: 0.82}
MAX_SNR_ERROR_DB = 4.0
MAX_MS_PER_S = 60.0
MAX_LONG_ERROR_MS = 50.0


def activity(rng: np.random.Generator) -> dict[str, Any]:
    said = [monologue(rng) for _ in range(5)]
    found: dict[str, Any] = {"clean": round(f1([(speech_activity(a), t) for a, t in said]), 3)}
    for level in LEVELS:
        by_noise = {}
        for kind in NOISES:
            pairs = [(speech_activity(add_noise(a, kind, level, rng)[0]), t) for a, t in said]
            by_noise[kind] = round(f1(pairs), 3)
        found[f"{level} dB"] = {**by_noise, "mean": round(float(np.mean(list(by_noise.values()))), 3)}
    return found


def f1(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    found = np.concatenate([a[: len(t)] for a, t in pairs])
    truth = np.concatenate([t for _, t in pairs])
    return 2 * float((found & truth).sum()) / float(found.sum() + truth.sum())


def ratios(rng: np.random.Generator, count: int = 40) -> dict[str, Any]:
    """Of what the shoot `wild` records of single sentences: error of the ratio where it tells one, and clipping."""
    sound = load_shoot("wild").sound
    assert sound is not None
    errors, clipped = [], []
    for _ in range(count):
        spoken = speak(SENTENCES[int(rng.integers(len(SENTENCES)))], voice_from_seed(int(rng.integers(2**31))))
        recorded = heard(sound, spoken.audio, spoken.transcription, rng)
        if "snr_db" not in recorded.labels:
            continue
        found = snr_db(recorded.audio, speech_activity(recorded.audio))
        errors.append((found if found is not None else -10.0) - float(recorded.labels["snr_db"]))
        clipped.append((float(recorded.labels.get("clipped_share", 0)), clipped_share(recorded.audio)))
    size = np.abs(errors)
    broken = [c for c in clipped if c[0] > 0.002]
    return {
        "recordings": len(errors),
        "median_error_db": round(float(np.median(size)), 2),
        "bias_db": round(float(np.median(errors)), 2),
        "ninety_percent_within_db": round(float(np.percentile(size, 90)), 2),
        "clipped": {
            "recordings": len(broken),
            "median_truth": round(float(np.median([c[0] for c in broken])), 4) if broken else None,
            "median_found": round(float(np.median([c[1] for c in broken])), 4) if broken else None,
            "found_in_whole_ones_95th": round(float(np.percentile([c[1] for c in clipped if c[0] == 0], 95)), 5),
        },
    }


def costs(rng: np.random.Generator) -> dict[str, float]:
    """CPU milliseconds per second of sound of each default label, without the alignment."""
    audio, _ = monologue(rng)
    frames = len(audio) // 640
    audio = audio[: frames * 640]
    spoken = speak(SENTENCES[0], voice_from_seed(1)).transcription
    draft = Draft(
        track=0, size=256, landmarks=rng.normal(size=(frames, 478, 3)), boxes=np.zeros((frames, 3)),
        seen=np.ones(frames, bool), shape=(256, 256), audio=audio, wide_audio=np.pad(audio, 9600), margin=9600,
        transcription=spoken,
    )  # fmt: skip
    annotators: list[Annotator] = [SyncAnnotator(), ProsodyAnnotator()]
    found = {a.name: cost_ms(a, draft) / (frames / 25) for a in annotators}
    return {name: round(value, 2) for name, value in {**found, "together": sum(found.values())}.items()}


def cost_ms(annotator: Annotator, draft: Draft) -> float:
    annotator.start().finish(draft)
    times = []
    for _ in range(5):
        start = time.process_time()
        annotator.start().finish(draft)
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def long_source(seconds: float, rng: np.random.Generator) -> dict[str, Any]:
    """Sentences of many voices one after the other as int16, aligned with their whole text."""
    pieces, texts, starts, at = [], [], [], 0
    while at < seconds * 16_000:
        spoken = speak(SENTENCES[int(rng.integers(len(SENTENCES)))], voice_from_seed(int(rng.integers(2**31))))
        starts += [at / 16_000 + word.start_s for word in spoken.transcription.words]
        texts.append(spoken.text)
        gap = np.zeros(int(rng.uniform(0.1, 0.9) * 16_000))
        pieces += [spoken.audio, gap]
        at += len(spoken.audio) + len(gap)
    audio = (np.concatenate(pieces) * 32767).astype(np.int16)
    begin = time.process_time()
    words = align_any(audio, " ".join(texts)).words
    took = time.process_time() - begin
    errors = np.abs([word.start_s - start for word, start in zip(words, starts, strict=True)])
    return {
        "seconds": round(len(audio) / 16_000, 1),
        "words": len(words),
        "aligned": round(float(np.mean([word.aligned for word in words])), 4),
        "median_error_ms": round(1000 * float(np.median(errors)), 1),
        "within_100_ms": round(float((errors < 0.1).mean()), 4),
        "cpu_ms_per_second": round(1000 * took / (len(audio) / 16_000), 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--long", type=float, default=0.0, help="seconds of speech to align in one piece")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    report: dict[str, Any] = {"activity_f1": activity(rng), "snr": ratios(rng), "cpu_ms_per_second": costs(rng)}
    checks = {
        f"activity: F1 of {least} at {level} dB": report["activity_f1"][f"{level} dB"]["mean"] >= least
        for level, least in LEAST_F1.items()
    }
    checks[f"speech over noise: median error at most {MAX_SNR_ERROR_DB:g} dB"] = (
        report["snr"]["median_error_db"] <= MAX_SNR_ERROR_DB
    )
    checks[f"default labels under {MAX_MS_PER_S:g} ms per second"] = (
        report["cpu_ms_per_second"]["together"] < MAX_MS_PER_S
    )
    if arguments.long:
        report["long"] = long_source(arguments.long, rng)
        error = report["long"]["median_error_ms"]
        checks[f"long sound: median word error at most {MAX_LONG_ERROR_MS:g} ms"] = error <= MAX_LONG_ERROR_MS
    report["checks"] = checks
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
