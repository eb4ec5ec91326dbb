"""The contact sheet: 24 labelled frames over identities, emotions, visemes and views, for a person to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from talkie.clip import Phone, Transcription
from talkie.heads import ARKIT_NAMES, HeadModel, load_head
from talkie.render import SceneRenderer, background_from_look, dressed_head, light_from_look
from talkie.shards.atomic import atomic_writer
from talkie.speech.phones import viseme_of
from talkie.stage.articulation import articulate
from talkie.stage.cast import Person, cast
from talkie.stage.emotion import emotional_face
from talkie.stage.film import in_convention
from talkie.stage.rig import HEAD_HEIGHT_M, around, look_at
from talkie.stage.shoot import Shoot

COLUMNS, TILE, LABEL = 6, 256, 34
"""Frames side by side; pixels of a frame's side and of the label under it."""
PEOPLE = 3 * COLUMNS + 1
_DISTANCE_M = 0.9
_HEAD_SHARE = 0.70
"""Chin to crown over the frame's height."""
_PHONE_S = 0.2


@dataclass(frozen=True)
class Cell:
    """What one frame shows: the person's number in the cast, emotion and intensity, the phone that the mouth says
    (None: at rest), and the camera's yaw and pitch in degrees."""

    person: int
    emotion: str = "neutral"
    intensity: int = 1
    phone: str | None = None
    yaw: int = 0
    pitch: int = 0

    def label(self, name: str) -> str:
        """Two lines: who from where, and what the face does."""
        mouth = "sil" if self.phone is None else viseme_of(self.phone)
        return f"{name}   yaw {self.yaw}  pitch {self.pitch}\n{self.emotion} {self.intensity}   viseme {mouth}"


_LAST = PEOPLE - 1
CELLS = (
    *(Cell(person) for person in range(COLUMNS)),
    Cell(6, "happy", 3), Cell(7, "sad", 3, yaw=-20), Cell(8, "angry", 3), Cell(9, "surprised", 3, yaw=20),
    Cell(10, "afraid", 3), Cell(11, "disgusted", 3, yaw=-20),
    Cell(12, phone="P"), Cell(13, phone="F", yaw=20), Cell(14, phone="TH"), Cell(15, phone="AA", yaw=-30),
    Cell(16, phone="UW"), Cell(17, "happy", 2, "IY", yaw=30),
    Cell(_LAST, "contempt", 3), Cell(_LAST, yaw=-45), Cell(_LAST, yaw=-90), Cell(_LAST, phone="OW", yaw=40, pitch=10),
    Cell(_LAST, "surprised", 2, "AA", pitch=25), Cell(_LAST, yaw=150, pitch=5),
)  # fmt: skip
"""Four rows: people at rest, emotions, visemes, and one person from all sides."""


def write_contact_sheet(shoot: Shoot, path: Path) -> None:
    """The shoot's cast in CELLS, in rows of COLUMNS, each with its label, as one PNG; a pure function of the shoot's
    head and seed."""
    model = load_head(shoot.cast.head)
    people = cast(model, PEOPLE, shoot.seed)
    scenes: dict[int, SceneRenderer] = {}
    tiles = []
    for cell in CELLS:
        look = people[cell.person].look
        if cell.person not in scenes:
            # Frames of one person follow one another: no other scene is needed again.
            scenes = {
                cell.person: SceneRenderer(
                    [dressed_head(model, look)], light_from_look(look), background_from_look(look)
                )
            }
        tiles.append(_tile(model, people[cell.person], cell, scenes[cell.person]))
    rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    with atomic_writer(path) as file:
        Image.fromarray(np.concatenate(rows)).save(file, format="png")


def face_weights(cell: Cell) -> np.ndarray:
    """ARKit weights (52,) float32 of a cell: its emotion under its phone, as speech would articulate it alone."""
    face = emotional_face(cell.emotion, cell.intensity, np.ones(1))[0]
    if cell.phone is None:
        return face
    spoken = Transcription((), (Phone(cell.phone, viseme_of(cell.phone), 0.0, _PHONE_S),), "contact sheet")
    frames = articulate(spoken, 5, np.full(5, 0.6))
    mouth = frames[len(frames) // 2]
    moved = np.array([name.startswith(("mouth", "jaw")) for name in ARKIT_NAMES])
    # What the phone asks of the mouth goes before the emotion's wish, of which half is left.
    return np.clip(np.where(moved, mouth + 0.5 * face * (mouth < 0.05), np.maximum(face, mouth)), 0, 1)


def _tile(model: HeadModel, person: Person, cell: Cell, scene: SceneRenderer) -> np.ndarray:
    expression = torch.as_tensor(in_convention(model, face_weights(cell)[None].astype(np.float32)))
    vertices = model.vertices(torch.as_tensor(person.identity)[None], expression)[0].numpy().astype(float)
    vertices = vertices - vertices[model.regions["face"]].mean(0)
    # The face's middle lies before the head's: turn the camera around the head, not around the nose.
    aim = np.array([0.0, 0.005, -0.05])
    R, t = look_at(around(_DISTANCE_M, *np.radians((cell.yaw, cell.pitch))) + aim, aim)
    focal = _HEAD_SHARE * TILE * _DISTANCE_M / HEAD_HEIGHT_M
    K = np.array([[focal, 0, TILE / 2], [0, focal, TILE / 2], [0, 0, 1]])
    picture = Image.new("RGB", (TILE, TILE + LABEL), (24, 24, 26))
    picture.paste(Image.fromarray(scene.frame([vertices], K, R, t, TILE, supersample=3).rgb))
    pen = ImageDraw.Draw(picture)
    pen.multiline_text((6, TILE + 2), cell.label(person.name), (230, 230, 230), ImageFont.load_default(12), spacing=1)
    return np.asarray(picture)
