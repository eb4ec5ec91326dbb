"""The description of a shoot: its sections put together and checked as a whole. YAML in, a checked model out.

Nothing here films; `record` does. Presets stand in `presets/*.yaml`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from talkie.errors import BadConfig, BadInput
from talkie.stage.backdrop import digest_of
from talkie.stage.devices import DeviceName
from talkie.stage.sections import Attack, Body, Cast, Footage, Hands, LightSet, Rig, Script, Section, SensorName, Sound

_OF_BODY = ("pose", "hands", "contact")
_PRESETS = resources.files("talkie.stage") / "presets"


class Shoot(Section):
    """A whole shoot. One take is a pure function of (shoot, number); the number of clips is no part of what a take
    is, so that a folder may grow by asking for more. `attacks`: takes are dealt to genuine footage and to these
    presentation attacks in turn; `devices`: the cameras that record a round of them each, in turn."""

    name: str = "speech"
    seed: int = Field(0, ge=0)
    clips: int = Field(60, ge=1)
    cast: Cast = Cast()
    script: Script = Script()
    rig: Rig = Rig()
    sensors: tuple[SensorName, ...] = ()
    sound: Sound | None = None
    light: LightSet = LightSet()
    attacks: tuple[Attack, ...] = ()
    devices: tuple[DeviceName, ...] = ()
    footage: Footage | None = None
    body: Body | None = None
    hands: Hands | None = None

    @model_validator(mode="after")
    def _body_fits(self) -> Shoot:
        needing = [name for name in self.sensors if name in _OF_BODY]
        if needing and self.body is None:
            raise ValueError(f"{needing[0]} are labels of a body: give the shoot one (body: {{}})")
        if self.body is None and self.rig.framing != ("face",):
            raise ValueError(f"{self.rig.framing[0]} shows a body: give the shoot one (body: {{}})")
        if self.hands is not None and self.body is None:
            raise ValueError("hands hang on a body: give the shoot one (body: {})")
        if "contact" in self.sensors and self.hands is None:
            raise ValueError("contact is a label of hands that touch: give the shoot some (hands: {})")
        if self.body is not None and self.footage is not None:
            raise ValueError("footage films heads alone: leave the body out of it")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Shoot:
        if self.footage and (self.sensors or self.attacks or self.devices or self.rig.views > 1):
            raise ValueError(
                "footage carries its own truth: leave sensors, attacks, devices and further views out of it"
            )
        return self

    def settings(self) -> dict[str, Any]:
        """What makes two takes of one number equal; stored with the shards. Pictures count by what they are, not by
        where they lie."""
        settings = self.model_dump(mode="json", exclude={"clips"})
        if self.light.images is not None:
            settings["light"]["images"] = f"sha256:{digest_of(self.light.images)}"
        return settings


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
