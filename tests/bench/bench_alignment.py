"""How well phones are aligned: against a reference TextGrid, on real speech, and against espeak-ng's exact times.

Run: python tests/bench/bench_alignment.py --clips ../shared/clips [--json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import Phone, Transcription
from talkie.media import read_audio
from talkie.speech.alignment import align, decode_phones
from talkie.speech.phones import SILENCE
from talkie.speech.synthesis import speak, voice_from_seed

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "She sells fresh bread and butter by the harbor every morning.",
    "A warm wind moved slowly through the open window.",
    "Please call me before you leave the building tonight.",
    "Five big boats brought pepper, fish and maple syrup.",
)
VOICES_EACH = 4
Timed = tuple[str, float]


def reference_phones(path: Path) -> list[Timed]:
    """(ARPABET label without stress, start in seconds) of the `phones` tier of a short-form Praat TextGrid."""
    lines = path.read_text().splitlines()
    at = lines.index('"phones"')
    count = int(lines[at + 3])
    rows = (lines[i : i + 3] for i in range(at + 4, at + 4 + 3 * count, 3))
    return [(re.sub(r"\d", "", label.strip('"')), float(start)) for start, _, label in rows if label != '""']


def sounds(phones: Sequence[Phone], least_confidence: float = 0.0) -> list[Timed]:
    return [(p.label, p.start_s) for p in phones if p.label != SILENCE and p.confidence >= least_confidence]


def pair(reference: Sequence[Timed], heard: Sequence[Timed]) -> list[tuple[int, int]]:
    """Indices of phones with equal labels on the cheapest edit path (insertion, deletion 1, substitution 1.5)."""
    cost = np.zeros((len(reference) + 1, len(heard) + 1))
    cost[:, 0], cost[0] = np.arange(len(reference) + 1), np.arange(len(heard) + 1)
    swap = np.array([[0.0 if r[0] == h[0] else 1.5 for h in heard] for r in reference])
    for i in range(len(reference)):
        for j in range(len(heard)):
            cost[i + 1, j + 1] = min(cost[i, j] + swap[i, j], cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs, i, j = [], len(reference), len(heard)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + swap[i - 1, j - 1]:
            i, j = i - 1, j - 1
            if swap[i, j] == 0:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def figures(references: Sequence[Sequence[Timed]], heards: Sequence[Sequence[Timed]]) -> dict[str, Any]:
    """Share of reference phones matched by label, and start errors of the matched ones in milliseconds."""
    errors: list[float] = []
    for reference, heard in zip(references, heards, strict=True):
        errors += [1000 * (heard[j][1] - reference[i][1]) for i, j in pair(reference, heard)]
    total = sum(map(len, references))
    size = np.abs(errors)
    return {
        "phones": total,
        "matched": round(len(errors) / total, 4),
        "median_start_error_ms": round(float(np.median(size)), 1),
        "mean_start_error_ms": round(float(size.mean()), 1),
        "within_25_ms": round(float((size <= 25.0001).mean()), 4),
        "bias_ms": round(float(np.median(errors)), 1),
    }


def measure_reference(clips: Path) -> dict[str, dict[str, Any]]:
    audio = read_audio(clips / "phones_reference.wav")
    assert audio is not None
    reference = reference_phones(clips / "phones_reference.TextGrid")
    aligned = align(audio, (clips / "phones_reference.txt").read_text())
    loop = decode_phones(audio)
    return {
        "reference": figures([reference], [sounds(aligned.phones)]),
        "reference, phone loop without transcript": figures([reference], [sounds(loop.phones)]),
    }


def measure_words(clips: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for name in ("jfk", "librispeech"):
        audio = read_audio(clips / f"{name}.flac")
        assert audio is not None
        words = align(audio, (clips / f"{name}.txt").read_text()).words
        placed = sum(word.aligned for word in words)
        found[name] = {"words": len(words), "aligned": placed, "seconds": round(len(audio) / 16000, 2)}
    return found


def measure_stage() -> dict[str, dict[str, Any]]:
    """Alignment of synthetic speech against its own truth, where that is exact (confidence 1)."""
    spoken = [
        speak(text, voice_from_seed(s * len(TEXTS) + i)) for s in range(VOICES_EACH) for i, text in enumerate(TEXTS)
    ]
    aligned: list[Transcription] = [align(utterance.audio, utterance.text) for utterance in spoken]
    references = [sounds(u.transcription.phones, 1.0) for u in spoken]
    result = figures(references, [sounds(a.phones) for a in aligned])
    result["words_aligned"] = round(float(np.mean([w.aligned for a in aligned for w in a.words])), 4)
    return {"espeak-ng": result}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder with phones_reference.* and the flac files")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if not (arguments.clips / "phones_reference.TextGrid").is_file():
        parser.error(f"{arguments.clips} has no phones_reference.TextGrid")
    result = {**measure_reference(arguments.clips), **measure_words(arguments.clips), **measure_stage()}
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, row in result.items():
            print(name + ": " + ", ".join(f"{key} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
