"""The voices of the stage: how well an aligner finds their phones, what they cover, and how fast they speak.

Run: python tests/bench/bench_voice.py
Prints one JSON object with figures, targets and what passed; exits 1 on a miss.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_alignment import pair, sounds

from talkie.clip import SAMPLE_RATE
from talkie.speech.alignment import align
from talkie.speech.emotion import EMOTIONS, INTENSITIES, emotional
from talkie.speech.languages import LANGUAGES
from talkie.speech.phones import SILENCE
from talkie.speech.synthesis import VARIANTS, Voice, speak, voice_from_seed
from talkie.speech.voices import voices

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "speech"))
from speech_sentences import SENTENCES

TEXTS = (
    "A warm wind moved slowly through the open window.",
    "Please call me before you leave the building tonight.",
    "Five big boats brought pepper, fish and maple syrup.",
    "She sells fresh bread and butter by the harbor every morning.",
)
SPEAKERS = 24
MOST_MEAN_ERROR_MS = 25.0
LEAST_MATCHED = 0.85
LEAST_LANGUAGES, LEAST_VOICES = 6, 20
LEAST_REAL_TIME = 20.0


def measure_alignment(speakers: list[Voice]) -> dict[str, Any]:
    """Start errors in milliseconds of the phones that the aligner labels as espeak-ng does, where that is exact."""
    errors: list[float] = []
    total = 0
    for number, voice in enumerate(speakers):
        utterance = speak(TEXTS[number % len(TEXTS)], voice)
        truth = sounds(utterance.transcription.phones, 1.0)
        heard = sounds(align(utterance.audio, utterance.text).phones)
        errors += [1000 * (heard[j][1] - truth[i][1]) for i, j in pair(truth, heard)]
        total += len(truth)
    size = np.abs(errors)
    return {
        "utterances": len(speakers),
        "voices": len({voice.variant for voice in speakers}),
        "phones": total,
        "matched": round(len(errors) / total, 4),
        "median_ms": round(float(np.median(size)), 1),
        "mean_ms": round(float(size.mean()), 1),
        "percentile_95_ms": round(float(np.percentile(size, 95)), 1),
        "bias_ms": round(float(np.median(errors)), 1),
    }


def measure_coverage() -> dict[str, dict[str, int]]:
    """Per language: voices that speak it, and ARPABET labels and visemes that its test sentences show."""
    result = {}
    for code in LANGUAGES:
        phones = [p for text in SENTENCES[code] for p in speak(text, Voice(language=code)).transcription.phones]
        shown = [p for p in phones if p.label != SILENCE]
        result[code] = {
            "voices": len(voices(code)),
            "labels": len({p.label for p in shown}),
            "visemes": len({p.viseme for p in shown}),
            "labels_with_confidence_below_1": len({p.label for p in shown if p.confidence < 1}),
        }
    return result


def measure_speed() -> float:
    """Seconds of speech made per second, over all languages."""
    started, spoken = time.perf_counter(), 0.0
    for number, code in enumerate([*LANGUAGES] * 4):
        text = SENTENCES[code][number % len(SENTENCES[code])]
        spoken += len(speak(text, voice_from_seed(number, language=code)).audio) / SAMPLE_RATE
    return spoken / (time.perf_counter() - started)


def main() -> int:
    speakers = [Voice(variant) for variant in VARIANTS]
    speakers += [voice_from_seed(seed) for seed in range(SPEAKERS - len(speakers))]
    alignment = measure_alignment(speakers)
    coverage = measure_coverage()
    emotions = [(e, i) for e in EMOTIONS for i in INTENSITIES if e != "neutral" or i == 1]
    emotional_alignment = measure_alignment([emotional(Voice(VARIANTS[n % 20]), *e) for n, e in enumerate(emotions)])
    speed = measure_speed()
    passed = {
        f"mean start error at most {MOST_MEAN_ERROR_MS:g} ms": alignment["mean_ms"] <= MOST_MEAN_ERROR_MS,
        f"matched at least {LEAST_MATCHED:g}": alignment["matched"] >= LEAST_MATCHED,
        f"languages at least {LEAST_LANGUAGES}": len(coverage) >= LEAST_LANGUAGES,
        f"voices per language at least {LEAST_VOICES}": min(c["voices"] for c in coverage.values()) >= LEAST_VOICES,
        f"speech at least {LEAST_REAL_TIME:g} times as fast as real time": speed >= LEAST_REAL_TIME,
    }
    figures = {
        "alignment": alignment,
        "alignment under emotions": emotional_alignment,
        "languages": coverage,
        "seconds_of_speech_per_second": round(speed, 1),
    }
    print(json.dumps({"figures": figures, "passed": passed}, indent=2))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
