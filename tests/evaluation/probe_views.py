"""Drawn views whose truth is known: what the tests of probes learn from and are asked about. A tone's loudness opens
the mouth of a face whose colours tell the person and whose brow tells the emotion; rendered heads would cost a hundred
times as much."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from talkie.clip import SAMPLES_PER_FRAME
from talkie.evaluation.probes.views import FACE, MOUTH, PARAMETERS, Truth, View, hear
from talkie.heads import ARKIT_NAMES
from talkie.speech.phones import VISEMES

JAW_OPEN, JAW = ARKIT_NAMES.index("jawOpen"), len(ARKIT_NAMES)


def drawn_view(
    seed: int, identity: str = "ann", split: str = "train", frames: int = 40, emotion: str = "happy"
) -> View:
    """Loudness goes from 0 to 1 in steps of a few frames; visemes are sil, ih and aa by how far the mouth is open."""
    draw = np.random.default_rng(seed)
    knots = draw.uniform(0, 1, frames // 3 + 2)
    envelope = np.interp(np.arange(frames), np.arange(len(knots)) * 3, knots).astype(np.float32)
    time = np.arange(frames * SAMPLES_PER_FRAME) / (SAMPLES_PER_FRAME * 25)
    loudness = np.interp(time * 25 - 0.5, np.arange(frames), envelope)
    audio = 0.5 * loudness * np.sin(2 * np.pi * 400 * time) + 0.01 * np.sin(2 * np.pi * 100 * time)
    colours = np.random.default_rng(int.from_bytes(identity.encode(), "big")).integers(60, 230, (2, 3)).tolist()
    faces = np.stack([_face(opening, colours, emotion == "happy") for opening in envelope])
    mouths = np.stack([_mouth(face) for face in faces])
    parameters = np.zeros((frames, PARAMETERS), np.float32)
    parameters[:, JAW_OPEN], parameters[:, JAW] = envelope, 0.25 * envelope
    visemes = np.digitize(envelope, (0.3, 0.6))
    shown = np.array([VISEMES.index(v) for v in ("sil", "ih", "aa")])[visemes]
    truth = Truth(identity, split, f"sentence {seed}", emotion, parameters, shown, 0.5 * envelope)
    return View(f"{identity}-{seed}", faces, mouths, hear(audio.astype(np.float32), frames), truth)


def people(names: str, clips: int, split: str, frames: int = 40) -> list[View]:
    """`clips` views of each of the people, half of them happy and half sad."""
    return [
        drawn_view(100 * ord(name) + i, name, split, frames, ("happy", "sad")[i % 2])
        for name in names
        for i in range(clips)
    ]


def without(view: View, **truth: object) -> View:
    """The view with parts of its truth replaced."""
    return dataclasses.replace(view, truth=dataclasses.replace(view.known, **truth))


def _face(opening: float, colours: list[list[int]], happy: bool) -> np.ndarray:
    skin, hair = colours
    face = np.full((FACE, FACE, 3), hair, np.uint8)
    cv2.ellipse(face, (32, 34), (24, 29), 0, 0, 360, skin, -1)
    for x in (22, 42):
        cv2.circle(face, (x, 26), 3, (20, 20, 20), -1)
        cv2.line(face, (x - 5, 20), (x + 5, 16 if happy else 22), (20, 20, 20), 2)
    cv2.ellipse(face, (32, 48), (9, 1 + round(7 * float(opening))), 0, 0, 360, (30, 10, 10), -1)
    return face


def _mouth(face: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(face[34:62, 18:46], cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (MOUTH, MOUTH), interpolation=cv2.INTER_LINEAR)
