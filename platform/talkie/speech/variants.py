"""How a voice's timbre becomes a variant file of espeak-ng: formants moved, breath, roughness and flutter added.
Which voices there are is `voices`'s business."""

from __future__ import annotations

import re

from talkie.speech import espeak

PEAKS = range(9)
"""espeak-ng's formants: 0 is the low-frequency component, 1 to 8 are resonances."""
_DEFAULT_ROUGHNESS, _MOST_ROUGHNESS = 2, 7
_DEFAULT_FLUTTER = 2
_BREATH = (75, 75, 50, 40, 15, 10)
"""Breath noise of formants 1 to 6 in espeak-ng's own whisper, in its units."""


def variant_text(name: str, *, formant_scale: float, breath: int, roughness: int, flutter: int) -> str:
    """The file of an installed variant, changed.

    formant_scale multiplies the frequencies of resonances 1 to 8 (in whole per cent, all that espeak-ng reads): the
    inverse of vocal tract length (Fant 1960). breath: 0 to 100 % of a whisper's noise. roughness and flutter are
    added to the variant's own, in espeak-ng's units. With a scale of 1 and zeros the file says what it said.
    """
    text = espeak.installed_variant(name)
    lines = [text]
    if round(100 * formant_scale) != 100:
        lines += [_formant(text, peak, formant_scale) for peak in PEAKS if peak > 0]
    if breath:
        lines.append("breath " + " ".join(str(round(b * breath / 100)) for b in _BREATH))
    if roughness:
        level = _number(text, "roughness", _DEFAULT_ROUGHNESS) + roughness
        lines.append(f"roughness {min(max(level, 0), _MOST_ROUGHNESS)}")
    if flutter:
        lines.append(f"flutter {max(0, _number(text, 'flutter', _DEFAULT_FLUTTER) + flutter)}")
    return "\n".join(lines) + "\n"


def _formant(text: str, peak: int, scale: float) -> str:
    """The line of one formant, frequency scaled: later lines of a file overwrite earlier ones."""
    found = re.findall(rf"^formant\s+{peak}\s+(.*)$", text, re.MULTILINE)
    values = [int(v) for v in re.findall(r"-?\d+", found[-1])] if found else []
    frequency, *rest = (values + [100, 100, 100][len(values) :])[:4]
    return f"formant {peak} {round(frequency * scale)} " + " ".join(map(str, rest))


def _number(text: str, key: str, default: int) -> int:
    found = re.findall(rf"^{key}\s+(\d+)", text, re.MULTILINE)
    return int(found[-1]) if found else default
