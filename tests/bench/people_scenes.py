"""Scenes of several people for the measurements of tracking, identity and active speaker, filmed with their truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkie.clip import FPS, HeadTrack
from talkie.curation.draft import Draft, View
from talkie.curation.judgement.scores import SCORES
from talkie.faces import Recipe, crop_frame, face_box, smooth_boxes, to_crop
from talkie.heads import ARKIT_NAMES, load_head, pose_vertices, project_landmarks
from talkie.render import SceneRenderer, dressed_head
from talkie.stage.cast import Person, cast
from talkie.stage.emotion import EMOTIONS, emotional_face
from talkie.stage.film import in_convention, track_of
from talkie.stage.lighting import RIGS, lit
from talkie.stage.line import Line
from talkie.stage.performance import Performance, perform
from talkie.stage.rig import HEAD_HEIGHT_M, frontal
from talkie.stage.shoot import load_shoot


@dataclass(frozen=True)
class Scene:
    """frames (T, H, W, 3) uint8 RGB; landmarks (P, T, 478, 3) float32 pixels; visible (P, T): share of each person's
    head that nobody else hides."""

    frames: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    people: tuple[Person, ...]


def company(count: int, seed: int) -> list[Person]:
    return cast(load_head("builtin"), count, seed)


def listening(person: Person, frames: int, rng: np.random.Generator) -> Performance:
    """Somebody who looks about, nods and blinks for `frames` frames."""
    return perform(person, Line(event="listening", seconds=max(0.5, frames / FPS)), rng)


def filmed(
    people: list[Person],
    acts: list[Performance],
    paths: list[np.ndarray],
    *,
    size: tuple[int, int] = (640, 360),
    head_px: float = 105.0,
    light: int = 0,
    **shoot: Any,
) -> Scene:
    """People on paths (T, 3) in metres from the middle of the picture; head_px: a head's height in the picture's plane
    of the origin; light: number of the take whose light falls on them; shoot: dotted fields of the shoot."""
    model = load_head("builtin")
    frames = len(paths[0])
    distance = 1.6
    camera = frontal(size, distance, head_px * 1.35 * distance / HEAD_HEIGHT_M, frames)
    tracks = []
    for person, act, path in zip(people, acts, paths, strict=True):
        track = track_of(model, person, _fitted(act, frames), camera)
        tracks.append(replace(track, translation=(track.translation + path).astype(np.float32)))
    posed = [pose_vertices(model, track).astype(np.float64) for track in tracks]
    lamp = lit(load_shoot("footage", **shoot), light, people[0].look)
    scene = SceneRenderer([dressed_head(model, person.look) for person in people], lamp.light, lamp.background)
    landmarks = [np.asarray(project_landmarks(model, t, v), np.float32) for t, v in zip(tracks, posed, strict=True)]
    pictures, visible = [], np.ones((len(people), frames))
    for k in range(frames):
        frame = scene.frame([v[k] for v in posed], camera.K[k], camera.R[k], camera.t[k], (size[1], size[0]))
        pictures.append(frame.rgb)
        visible[:, k] = [_shown(frame.actor == p, points[k], size) for p, points in enumerate(landmarks)]
    return Scene(np.stack(pictures), np.stack(landmarks), visible, tuple(people))


def crossing(seed: int, frames: int = 100, *, size: tuple[int, int] = (640, 360)) -> Scene:
    """Two people pass each other, one before the other, once there and once back."""
    rng = np.random.default_rng((seed, 0xC2055))
    two = list(rng.choice(np.array(company(12, seed), dtype=object), 2, replace=False))
    phase = np.linspace(0, 2 * np.pi, frames) + rng.uniform(-0.4, 0.4)
    reach, gap, rise = rng.uniform(0.2, 0.28), rng.uniform(0.2, 0.3), rng.uniform(-0.04, 0.04)
    swing = reach * np.cos(phase)
    zero = np.zeros(frames)
    paths = [np.stack([swing, zero, zero], 1), np.stack([-swing, zero + rise, zero - gap], 1)]
    acts = [listening(person, frames, rng.spawn(1)[0]) for person in two]
    return filmed(two, acts, paths, size=size, light=int(rng.integers(100)), seed=seed)


def _fitted(act: Performance, frames: int) -> Performance:
    index = np.minimum(np.arange(frames), len(act) - 1)
    names = ("expression", "left_eye", "right_eye", "neck", "translation")
    return replace(act, **{name: getattr(act, name)[index] for name in names})


def _shown(own: np.ndarray, points: np.ndarray, size: tuple[int, int]) -> float:
    """Share of the landmarks at which the picture shows their own head."""
    x, y = (np.clip(points[:, k].astype(int), 0, size[k] - 1) for k in (0, 1))
    return float(own[y, x].mean())


def picture_scores(frames: Sequence[np.ndarray], landmarks: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """Curation's scores of focus and of writing of one person: landmarks (T, 478, 3) px of frames (H, W, 3)."""
    crop = Recipe()
    boxes = smooth_boxes(face_box(landmarks, crop), crop, FPS)
    watchers = [SCORES[name]().start() for name in ("focus", "writing")]
    for k, frame in enumerate(frames):
        view = View(k, crop_frame(frame, boxes[k], crop.size), frame, to_crop(landmarks[k], boxes[k], crop.size),
                    boxes[k], bool(seen[k]))  # fmt: skip
        for watcher in watchers:
            watcher.see(view)
    draft = Draft(0, crop.size, landmarks, boxes, seen, frames[0].shape[:2])
    return {name: value for watcher in watchers for name, value in watcher.finish(draft).scores.items()}


def portraits(seed: int, people: int, looks: int, size: int = 256) -> Iterator[tuple[Person, np.ndarray, np.ndarray]]:
    """Each person several times, under other lamps, with other faces and turned otherwise: (person, picture (size,
    size, 3), landmarks (478, 3) px)."""
    model = load_head("builtin")
    for number, person in enumerate(company(people, seed)):
        costume = dressed_head(model, person.look)
        for k in range(looks):
            rng = np.random.default_rng((seed, number, k, 0xFACE))
            emotion = str(rng.choice(EMOTIONS))
            face = emotional_face(emotion, 2 if emotion != "neutral" else 1, np.ones(1), left=True, gains=np.ones(52))
            mouth = np.zeros((1, 52))
            mouth[0, [ARKIT_NAMES.index(n) for n in ("jawOpen", "mouthFunnel", "eyeBlinkLeft", "eyeBlinkRight")]] = (
                rng.uniform(0, (0.5, 0.4, 0.3, 0.3))
            )
            camera = frontal((size, size), 1.2, rng.uniform(0.55, 0.8) * size * 1.2 / HEAD_HEIGHT_M, 1)
            turn = rng.uniform((-0.25, -0.4, -0.15), (0.25, 0.4, 0.15)).astype(np.float32)[None]
            still = np.zeros((1, 3), np.float32)
            track = HeadTrack(
                identity=person.identity,
                expression=in_convention(model, np.clip(face + mouth, 0, 1)),
                jaw=still,
                neck=turn,
                left_eye=still,
                right_eye=still,
                rotation=still,
                translation=(-person.anatomy.centre)[None].astype(np.float32),
                K=camera.K,
                R=camera.R[0],
                t=camera.t[0],
                residual=np.zeros(1, np.float32),
                model=model.name,
            )
            lamps = tuple(RIGS)
            shoot = load_shoot("footage", **{"light.rigs": [lamps[int(rng.integers(len(lamps)))]], "seed": seed})
            lamp = lit(shoot, 100 * number + k, person.look)
            posed = pose_vertices(model, track).astype(np.float64)
            scene = SceneRenderer([costume], lamp.light, lamp.background)
            picture = scene.frame([posed[0]], camera.K[0], camera.R[0], camera.t[0], size).rgb
            yield person, picture, np.asarray(project_landmarks(model, track, posed)[0], np.float32)
