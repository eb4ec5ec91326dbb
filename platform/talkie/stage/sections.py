"""The sections of a shoot's description and the names they may use; each checks itself. `shoot` puts them together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from talkie.errors import BadInput
from talkie.speech.acoustics import MICROPHONES, NOISES
from talkie.stage.backdrop import BACKGROUNDS, pictures_in
from talkie.stage.emotion import EMOTIONS
from talkie.stage.line import EVENTS
from talkie.stage.sentences import LANGUAGES


def _one_of(kind: str, known: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"no {kind} {value!r}; use one of {', '.join(known)}")
        return value

    return AfterValidator(check)


Emotion = Annotated[str, _one_of("emotion", EMOTIONS)]
Language = Annotated[str, _one_of("language", LANGUAGES)]
Event = Annotated[str, _one_of("event", EVENTS)]
Noise = Annotated[str, _one_of("noise", tuple(NOISES))]
MicrophoneKind = Annotated[str, _one_of("microphone", tuple(MICROPHONES))]
LIGHT_RIGS = ("look", "studio", "window", "overhead", "low", "dim", "coloured")
LightRig = Annotated[str, _one_of("light rig", LIGHT_RIGS)]
BackgroundKind = Annotated[str, _one_of("background", BACKGROUNDS)]
SensorName = Literal[
    "depth", "normals", "mask", "matte", "gaze", "action_units", "imu", "scan", "captions", "pose", "hands", "contact",
    "flow", "prosody", "clean",
]  # fmt: skip
SENSORS: tuple[SensorName, ...] = get_args(SensorName)
DamageName = Literal[
    "exposure", "blur", "noise", "compression", "upscaling", "subtitles", "frozen", "repeated", "audio_offset",
    "dubbed", "noisy_sound", "clipped_sound", "occluding_hand",
]  # fmt: skip
DAMAGES: tuple[DamageName, ...] = get_args(DamageName)
Attack = Literal["print", "replay"]
Framing = Literal["face", "bust", "half", "full"]
TouchName = Literal["cheek", "cheek_palm", "chin", "lips", "nose", "forehead", "ear"]

Range = tuple[float, float]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cast(Section):
    """Who plays. `people`: size of the cast; of every five the fifth is held out for test, of every ten the fourth for
    validation. `head`: "builtin", or a path that `talkie.heads.load_head` reads."""

    people: int = Field(20, ge=1, le=10_000)
    head: str = "builtin"


class Script(Section):
    """What is said and how. `texts`: sentences of the user's own instead of the stage's; they take one language."""

    languages: tuple[Language, ...] = Field(("en",), min_length=1)
    emotions: tuple[Emotion, ...] = Field(("neutral",), min_length=1)
    intensities: tuple[Literal[1, 2, 3], ...] = Field((2,), min_length=1)
    events: tuple[Event, ...] = Field(("speech",), min_length=1)
    texts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_language(self) -> Script:
        if self.texts and len(self.languages) > 1:
            raise ValueError("texts of your own are spoken in one language: name just that one")
        if any(not any(c.isalnum() for c in text) for text in self.texts):
            raise ValueError("a text without a word cannot be spoken")
        return self


class Rig(Section):
    """The cameras. The first stands in front of the face; further views spread over `arc_deg` (sideways) and
    `rise_deg` (up and down). `distance_m` and `head_share` (of the picture's height) are drawn per take, the focal
    length follows from both, so that near cameras see with stronger perspective. `motion` moves every camera."""

    views: int = Field(1, ge=1, le=64)
    arc_deg: float = Field(93.0, ge=0, le=340)
    rise_deg: float = Field(32.0, ge=0, le=120)
    distance_m: Range = (0.8, 1.3)
    head_share: Range = (0.60, 0.74)
    motion: Literal["fixed", "handheld", "pan", "dolly"] = "fixed"
    framing: tuple[Framing, ...] = Field(("face",), min_length=1)
    turn_deg: float = Field(0.0, ge=0, le=75, description="how far the first camera stands to the side at most")
    size: int = Field(256, ge=64, le=2048, multiple_of=2)

    @field_validator("distance_m", "head_share")
    @classmethod
    def _ascending(cls, value: Range) -> Range:
        if not 0 < value[0] <= value[1]:
            raise ValueError(f"a range from {value[0]} to {value[1]} is empty or not positive")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Rig:
        if self.distance_m[0] < 0.25:
            raise ValueError(
                f"a camera {self.distance_m[0]} m from the head's middle would stand inside the face's reach"
            )
        if self.head_share[1] > 1.5:
            raise ValueError(f"a head of {self.head_share[1]} picture heights shows no face any more")
        if self.views > 1 and self.motion != "fixed":
            raise ValueError("several views are calibrated, and calibrated cameras stand still")
        return self


class Body(Section):
    """A body under the head: standing, breathing, gesturing. `gestures`: their size, 0 for hanging arms."""

    gestures: float = Field(1.0, ge=0, le=2)


class Sound(Section):
    """What lies between the voice and the file: a room, noise and a microphone, drawn per take for a `share` of the
    clips; the others stay clean. `rt60_s` (seconds) without a value leaves the room out, empty `noises` or
    `microphones` those. `snr_db`: speech over noise where somebody speaks."""

    share: float = Field(1.0, ge=0, le=1)
    rt60_s: Range | None = None
    noises: tuple[Noise, ...] = ()
    snr_db: Range = (5.0, 30.0)
    microphones: tuple[MicrophoneKind, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Sound:
        _within("rt60_s", self.rt60_s or (0.1, 0.1), 0.1, 1.2, "s")
        _within("snr_db", self.snr_db, -20, 60, "dB")
        if self.rt60_s is None and not self.noises and not self.microphones:
            raise ValueError("sound that changes nothing: give rt60_s, noises or microphones, or leave it out")
        return self


def _within(name: str, value: Range, low: float, high: float, unit: str) -> None:
    if not low <= value[0] <= value[1] <= high:
        raise ValueError(f"{name} from {value[0]:g} to {value[1]:g}: give a range within {low:g} to {high:g} {unit}")


class LightSet(Section):
    """How takes are lit and what stands behind people, drawn per take. `rigs`: look is the light that comes with each
    person, studio has key, fill and rim, window comes from one side, overhead from the ceiling, low from below, dim is
    a dark room, coloured has two filtered lamps. `strength` multiplies all of it. `images`: the folder of your own
    pictures, which the background `image` draws from."""

    rigs: tuple[LightRig, ...] = Field(("look",), min_length=1)
    strength: Range = (1.0, 1.0)
    backgrounds: tuple[BackgroundKind, ...] = Field(("look",), min_length=1)
    images: str | None = None

    @field_validator("images")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        # Workers may stand in another folder.
        return None if value is None else str(Path(value).expanduser().resolve())

    @model_validator(mode="after")
    def _possible(self) -> LightSet:
        _within("strength", self.strength, 0.05, 4.0, "times the rig's own")
        if ("image" in self.backgrounds) != (self.images is not None):
            raise ValueError("the background image and a folder of images go together: give both or neither")
        if self.images is not None:
            try:
                pictures_in(self.images)
            except BadInput as error:
                raise ValueError(f"images: {error}") from error
        return self


class Hands(Section):
    """A hand that touches the face in every take. `touches`: places, dealt to takes in turn; `press_mm`: how deep, from
    which each place takes what its skin allows (a forehead less than a cheek)."""

    touches: tuple[TouchName, ...] = Field(
        ("cheek", "chin", "lips", "cheek_palm", "nose", "ear", "forehead"), min_length=1
    )
    press_mm: Range = (3.0, 8.0)

    @field_validator("press_mm")
    @classmethod
    def _possible(cls, value: Range) -> Range:
        if not 0 < value[0] <= value[1] <= 12:
            raise ValueError(f"a press from {value[0]} to {value[1]} mm: give a range within 0 to 12")
        return value


class Footage(Section):
    """Raw footage instead of clips: several shots and people in one file, damaged, with its truth beside it.

    `damage` is dealt one kind a take, "none" included; `people` and `shots` are drawn per take."""

    people: tuple[int, int] = (1, 2)
    shots: tuple[int, int] = (1, 3)
    damage: tuple[DamageName, ...] = DAMAGES
    width: int = Field(640, ge=128, le=3840, multiple_of=2)
    height: int = Field(360, ge=128, le=2160, multiple_of=2)

    @model_validator(mode="after")
    def _possible(self) -> Footage:
        for name in ("people", "shots"):
            low, high = getattr(self, name)
            if not 1 <= low <= high <= 4:
                raise ValueError(f"{name} from {low} to {high}: give a range within 1 to 4")
        return self
