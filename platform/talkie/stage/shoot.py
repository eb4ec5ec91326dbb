"""The description of a shoot: who, what is said, which cameras, sensors and damage. YAML in, a checked model out.

Nothing here films; `record` does. Presets stand in `presets/*.yaml`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from talkie.errors import BadConfig, BadInput
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
SensorName = Literal["depth", "normals", "mask", "matte", "gaze", "action_units", "imu", "scan", "captions"]
SENSORS: tuple[SensorName, ...] = get_args(SensorName)
DamageName = Literal[
    "exposure", "blur", "noise", "compression", "upscaling", "subtitles", "frozen", "repeated", "audio_offset",
    "dubbed", "noisy_sound", "clipped_sound",
]  # fmt: skip
DAMAGES: tuple[DamageName, ...] = get_args(DamageName)
Attack = Literal["print", "replay"]

Range = tuple[float, float]
_PRESETS = resources.files("talkie.stage") / "presets"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cast(_Part):
    """Who plays. `people`: size of the cast; of every five the fifth is held out for test, of every ten the fourth for
    validation. `head`: "builtin", or a path that `talkie.heads.load_head` reads."""

    people: int = Field(20, ge=1, le=10_000)
    head: str = "builtin"


class Script(_Part):
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


class Rig(_Part):
    """The cameras. The first stands in front of the face; further views spread over `arc_deg` (sideways) and
    `rise_deg` (up and down). `distance_m` and `head_share` (of the picture's height) are drawn per take, the focal
    length follows from both, so that near cameras see with stronger perspective. `motion` moves every camera."""

    views: int = Field(1, ge=1, le=64)
    arc_deg: float = Field(93.0, ge=0, le=340)
    rise_deg: float = Field(32.0, ge=0, le=120)
    distance_m: Range = (0.8, 1.3)
    head_share: Range = (0.60, 0.74)
    motion: Literal["fixed", "handheld", "pan", "dolly"] = "fixed"
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


class Footage(_Part):
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


class Shoot(_Part):
    """A whole shoot. One take is a pure function of (shoot, number); the number of clips is no part of what a take
    is, so that a folder may grow by asking for more. `attacks`: takes are dealt to genuine footage and to these
    presentation attacks in turn."""

    name: str = "speech"
    seed: int = Field(0, ge=0)
    clips: int = Field(60, ge=1)
    cast: Cast = Cast()
    script: Script = Script()
    rig: Rig = Rig()
    sensors: tuple[SensorName, ...] = ()
    attacks: tuple[Attack, ...] = ()
    footage: Footage | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Shoot:
        if self.footage and (self.sensors or self.attacks or self.rig.views > 1):
            raise ValueError("footage carries its own truth: leave sensors, attacks and further views out of it")
        return self

    def settings(self) -> dict[str, Any]:
        """What makes two takes of one number equal; stored with the shards."""
        return self.model_dump(mode="json", exclude={"clips"})


def preset_names() -> tuple[str, ...]:
    return tuple(sorted(p.name.removesuffix(".yaml") for p in _PRESETS.iterdir() if p.name.endswith(".yaml")))


def load_shoot(spec: str | Path, **changes: Any) -> Shoot:
    """A shoot by preset name or YAML file, with top-level or dotted fields replaced (`**{"cast.people": 5}`).

    A file may name a preset to begin with (`preset: emotion`). Raises BadConfig naming the field, BadInput for a
    preset or file that is not there."""
    tree = _tree_of(spec)
    for dotted, value in changes.items():
        if value is not None:
            _put(tree, dotted.split("."), value)
    return parse_shoot(tree, str(spec))


def parse_shoot(tree: dict[str, Any], where: str) -> Shoot:
    """A shoot from plain data. Raises BadConfig with one line: the field, what is wrong, what is allowed."""
    try:
        return Shoot.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(p) for p in first["loc"]) or "shoot"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "no such field"
        raise BadConfig(f"{field}: {message} (given: {first['input']!r:.60})", where=where) from error


def _tree_of(spec: str | Path) -> dict[str, Any]:
    path = Path(spec)
    if path.suffix in (".yaml", ".yml"):
        return _from_file(path)
    if str(spec) not in preset_names():
        raise BadInput(
            f"no preset {str(spec)!r}",
            where="--preset",
            cure=f"use one of {', '.join(preset_names())}, or a .yaml file",
        )
    return yaml.safe_load((_PRESETS / f"{spec}.yaml").read_text(encoding="utf-8"))


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"is no YAML: {str(error).splitlines()[0]}", where=str(path)) from error
    if not isinstance(tree, dict):
        raise BadConfig("a shoot is a mapping of fields", where=str(path), cure="begin with `name: my-shoot`")
    base = tree.pop("preset", None)
    return _merged(_tree_of(str(base)), tree) if base is not None else tree


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        out[key] = _merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tree[key] = dict(tree.get(key) or {})
        tree = tree[key]
    tree[path[-1]] = value
