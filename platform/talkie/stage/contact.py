"""The contact sheet: 24 frames over identities, emotions, visemes and views, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from talkie.heads import ARKIT_NAMES, HeadModel, load_head
from talkie.render import SceneRenderer, background_from_look, dressed_head, light_from_look
from talkie.shards.atomic import atomic_writer
from talkie.stage.cast import Person, cast
from talkie.stage.emotion import EMOTIONS, emotional_face
from talkie.stage.film import in_convention
from talkie.stage.rig import HEAD_HEIGHT_M, around, look_at
from talkie.stage.shoot import Shoot
from talkie.stage.visemes import VISEMES

COLUMNS, TILE = 6, 256
_VISEMES = ("PP", "FF", "TH", "aa", "ou", "ih")
_VIEWS = ((0, 0), (-45, 0), (-90, 0), (40, 10), (0, 25), (150, 5))
_DISTANCE_M = 0.9


def write_contact_sheet(shoot: Shoot, path: Path) -> None:
    """Four rows of six: people at rest, emotions, visemes, views, each with its name, as one PNG."""
    tiles = list(_tiles(shoot))
    rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    with atomic_writer(path) as file:
        Image.fromarray(np.concatenate(rows)).save(file, format="png")


def _tiles(shoot: Shoot) -> Iterator[np.ndarray]:
    model = load_head(shoot.cast.head)
    people = cast(model, max(COLUMNS * 2, 1), shoot.seed)
    rest = np.zeros(len(ARKIT_NAMES), np.float32)
    for person in people[:COLUMNS]:
        yield _tile(model, person, rest, (0, 0), person.name)
    for person, emotion in zip(people[1 : COLUMNS + 1], [e for e in EMOTIONS if e != "neutral"], strict=False):
        face = emotional_face(emotion, 3, np.ones(1))[0]
        yield _tile(model, person, face, (0, 0), f"{emotion} 3")
    for person, viseme in zip(people[COLUMNS:], _VISEMES, strict=False):
        yield _tile(model, person, _mouth(viseme), (0, 0), f"viseme {viseme}")
    for view in _VIEWS:
        yield _tile(model, people[3], rest, view, f"yaw {view[0]}, pitch {view[1]}")


def _mouth(viseme: str) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    for name, value in VISEMES[viseme].targets.items():
        for full in [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]:
            weights[ARKIT_NAMES.index(full)] = value
    return weights


def _tile(model: HeadModel, person: Person, arkit: np.ndarray, view: tuple[float, float], caption: str) -> np.ndarray:
    expression = torch.as_tensor(in_convention(model, arkit[None]))
    vertices = model.vertices(torch.as_tensor(person.identity)[None], expression)[0].numpy().astype(float)
    vertices = vertices - vertices[model.regions["face"]].mean(0)
    # The face's middle lies before the head's: turn the camera around the head, not around the nose.
    aim = np.array([0.0, -0.01, -0.06])
    position = around(_DISTANCE_M, *np.radians(view)) + aim
    R, t = look_at(position, aim)
    focal = 0.62 * TILE * _DISTANCE_M / HEAD_HEIGHT_M
    K = np.array([[focal, 0, TILE / 2], [0, focal, TILE / 2], [0, 0, 1]])
    scene = SceneRenderer(
        [dressed_head(model, person.look)], light_from_look(person.look), background_from_look(person.look)
    )
    picture = Image.fromarray(scene.frame([vertices], K, R, t, TILE, supersample=3).rgb)
    pen = ImageDraw.Draw(picture)
    pen.text((6, 4), caption, (255, 255, 255), ImageFont.load_default(13), stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(picture)
