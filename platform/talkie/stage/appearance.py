"""Words for what somebody looks and sounds like, from colours, named shape axes and the voice; no picture is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.stage.cast import Person

_HAIR = {
    "black": (0.011, 0.010, 0.009), "dark brown": (0.035, 0.020, 0.012), "brown": (0.090, 0.050, 0.025),
    "blond": (0.30, 0.19, 0.09), "red": (0.24, 0.09, 0.03), "grey": (0.22, 0.22, 0.23),
}  # fmt: skip
_IRIS = {
    "brown": (0.13, 0.065, 0.025), "green": (0.10, 0.16, 0.09), "blue": (0.10, 0.20, 0.32), "grey": (0.18, 0.22, 0.25),
}  # fmt: skip
_SKIN = ((0.42, "fair"), (0.22, "medium"), (0.0, "dark"))
"""Least luminance (linear) of a skin that is called so."""


@dataclass(frozen=True)
class Trait:
    """What is said of a shape axis beyond +1 and below -1 standard deviations."""

    more: str
    less: str


TRAITS: dict[str, Trait] = {
    "face_width": Trait("a broad face", "a narrow face"),
    "midface_height": Trait("a long face", "a short face"),
    "nose_length": Trait("a long nose", "a short nose"),
    "nose_width": Trait("a wide nose", "a narrow nose"),
    "mouth_width": Trait("a wide mouth", "a small mouth"),
    "upper_lip_fullness": Trait("full lips", "thin lips"),
    "eye_distance": Trait("wide-set eyes", "close-set eyes"),
    "eye_size": Trait("large eyes", "small eyes"),
    "cheek_fullness": Trait("full cheeks", "hollow cheeks"),
    "chin_protrusion": Trait("a prominent chin", "a receding chin"),
    "jaw_angle_width": Trait("a strong jaw", "a slender jaw"),
}
TRAIT_SIGMA = 1.0
_MOST_TRAITS = 3


def traits(person: Person) -> list[str]:
    """The person's most marked shapes in words, strongest first; heads without named axes have none."""
    found = []
    for axis, weight in zip(person.axes, person.identity, strict=True):
        if axis in TRAITS and abs(weight) >= TRAIT_SIGMA:
            found.append((abs(float(weight)), TRAITS[axis].more if weight > 0 else TRAITS[axis].less))
    return [words for _, words in sorted(found, reverse=True)[:_MOST_TRAITS]]


def nearest_colour(colour: tuple[float, float, float], names: dict[str, tuple[float, float, float]]) -> str:
    """The name whose colour is nearest, hue counted over brightness (linear RGB, compared by their logarithms)."""
    have = np.log(np.asarray(colour) + 0.01)
    return min(names, key=lambda name: float(np.square(have - np.log(np.asarray(names[name]) + 0.01)).sum()))


def skin_tone(colour: tuple[float, float, float]) -> str:
    """fair, medium or dark, by luminance (ITU-R BT.709 weights of linear RGB)."""
    luminance = float(np.dot(colour, (0.2126, 0.7152, 0.0722)))
    return next(name for least, name in _SKIN if luminance >= least)


def hair_words(person: Person) -> str:
    """The hair in words: its colour, or that there is none."""
    thickness = getattr(person.look, "hair_m", None)
    style = getattr(person.look, "hair_style", None)
    if thickness == 0.0 or style in ("bald", "shaved"):
        return "a shaved head"
    kind = f"{style} " if style in ("short", "long", "curly") else ""
    return f"{kind}{nearest_colour(person.look.hair, _HAIR)} hair"


def _worn(person: Person) -> list[str]:
    """What a look adds to a face, where it knows of such things."""
    beard = getattr(person.look, "beard", "none")
    worn = [] if beard == "none" else [{"full": "a full beard", "stubble": "stubble"}.get(beard, f"a {beard}")]
    return [*worn, "glasses"] if getattr(person.look, "glasses", False) else worn


def voice_words(person: Person) -> str:
    pitch = "high" if person.voice.pitch >= 58 else "low" if person.voice.pitch <= 42 else "medium"
    pace = "fast" if person.voice.rate_wpm >= 180 else "slow" if person.voice.rate_wpm <= 155 else "steady"
    return f"a {pitch}, {pace} voice"


def appearance_words(person: Person, words: dict[str, str], rng: np.random.Generator) -> str:
    """A sentence on skin, hair, eyes, shape and voice; `words` as captions.pronouns gives them."""
    tone, eyes = skin_tone(person.look.skin), nearest_colour(person.look.iris, _IRIS)
    shape = traits(person)
    features = [hair_words(person), f"{eyes} eyes", *shape, *_worn(person)]
    listed = ", ".join(features[:-1]) + " and " + features[-1]
    article = "An" if tone[0] in "aeiou" else "A"
    templates = (
        f"{article} {tone}-skinned {words['woman']} with {listed}, who has {voice_words(person)}.",
        f"A {words['woman']} with {tone} skin, {listed}; {words['she']} speaks in {voice_words(person)}.",
    )
    return templates[int(rng.integers(len(templates)))]
