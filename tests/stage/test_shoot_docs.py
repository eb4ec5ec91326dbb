"""docs/shoot.md is the reference of a shoot: no field, preset, sensor or label is missing, and defaults agree."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from talkie.clip import FIELDS
from talkie.shards import decode_field
from talkie.speech.acoustics import MICROPHONES, NOISES
from talkie.stage import Shoot, film_take, load_shoot, preset_names
from talkie.stage.backdrop import BACKGROUNDS
from talkie.stage.emotion import EMOTIONS
from talkie.stage.line import EVENTS
from talkie.stage.sections import DAMAGES, LIGHT_RIGS, SENSORS
from talkie.stage.sentences import LANGUAGES

PAGE = Path(__file__).parents[2] / "docs" / "shoot.md"


@pytest.fixture(scope="module")
def rows():
    """The cells of every row of a table that begins with code, by that code."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("| `"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found.setdefault(name, []).append(cells)
    return found


def fields(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every field that a YAML file may set, dotted, with its default."""
    out = {}
    for name, info in model.model_fields.items():
        parts = [a for a in (info.annotation, *get_args(info.annotation)) if isinstance(a, type)]
        section = next((p for p in parts if issubclass(p, BaseModel)), None)
        if section is None or info.default is None:
            out[before + name] = info.default
        if section is not None:
            out |= fields(section, f"{before}{name}.")
    return out


def shown(value: Any) -> str:
    if value is None:
        return "`none`"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def test_every_field_stands_in_the_reference_with_its_default(rows):
    missing = [f"| `{name}` | {shown(d)} | | |" for name, d in fields(Shoot).items() if name not in rows]
    assert not missing, "add to docs/shoot.md:\n" + "\n".join(missing)
    for name, default in fields(Shoot).items():
        told = rows[name][0][1]
        assert told in (shown(default), "all of them"), (
            f"{name} is {told} in docs/shoot.md, its default {shown(default)}"
        )


def test_every_field_of_the_reference_is_one_of_the_shoot(rows):
    dotted = {name for name, cells in rows.items() if re.fullmatch(r"(\w+\.)+\w+", name) and len(cells[0]) == 4}
    assert dotted <= fields(Shoot).keys()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("script.languages", LANGUAGES), ("script.emotions", EMOTIONS), ("script.events", EVENTS),
        ("sound.noises", NOISES), ("sound.microphones", MICROPHONES), ("light.rigs", LIGHT_RIGS),
        ("light.backgrounds", BACKGROUNDS), ("footage.damage", DAMAGES),
    ],
)  # fmt: skip
def test_every_value_that_a_field_takes_is_named(rows, field, values):
    assert set(rows[field][0][2].split(", ")) == set(values)


def test_every_preset_and_every_sensor_with_its_member_is_described(rows):
    assert set(preset_names()) <= rows.keys()
    for sensor in SENSORS:
        member = next(c for c in rows[sensor] if len(c) == 3)[1].strip("`")
        assert member in FIELDS


def test_every_member_and_every_label_of_a_clip_is_described(rows):
    sensors = ["prosody", "clean", "gaze", "action_units", "captions"]
    shoot = load_shoot("wild", **{"cast.people": 1, "rig.size": 64, "sensors": sensors, "sound.share": 1.0})
    clip = film_take(shoot, 1, 0).clip
    tables = [cells for found in rows.values() for cells in found]
    members = {cells[1].strip("`") for cells in tables if len(cells) == 3}
    assert clip.members.keys() <= members | rows.keys()
    assert clip.record.labels.keys() <= rows.keys()
    for name in ("prosody.npz", "gaze.npz", "action_units.npz"):
        content = next(cells[2] for cells in tables if len(cells) == 3 and cells[1] == f"`{name}`")
        for key in decode_field(name, clip.members[name]):
            assert re.search(rf"\b{key}\b", content), f"{key} of {name}"
