"""Raw footage as a camera and a careless editor leave it: several people and shots in one file, damaged, with truth.

A single clean take as raw footage is `raw_footage_of`; what the damage does is in `damage`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, HeadTrack
from talkie.heads import HeadModel, load_head, pose_vertices, project_landmarks
from talkie.media import encode_mp4
from talkie.render import Frame, Look, SceneRenderer, dressed_head
from talkie.shards import RawClip, encode_field
from talkie.stage.cast import Person
from talkie.stage.damage import Material, inflict
from talkie.stage.film import landmarks_of, track_of, who_says_what
from talkie.stage.lighting import Lit, lit
from talkie.stage.line import Line
from talkie.stage.occluder import face_pixels, hand_costume, passing
from talkie.stage.performance import Performance, perform
from talkie.stage.rig import HEAD_HEIGHT_M, Camera, frontal
from talkie.stage.shoot import Shoot
from talkie.stage.sound import sound_of
from talkie.stage.take import Take

_APART_M = 0.36
"""Between the heads of people side by side."""
_SIDECAR = {"identity", "language", "licence", "consent", "split"}


@dataclass(frozen=True)
class Role:
    """One person in one shot; landmarks (T, 478, 3) pixels."""

    person: Person
    performance: Performance
    track: HeadTrack
    landmarks: np.ndarray
    speaks: bool


@dataclass(frozen=True)
class Shot:
    """What one camera saw and heard without a cut; labels: the truth of its light and sound; hidden: the hand that
    passed before the first person's face."""

    frames: np.ndarray
    audio: np.ndarray
    roles: tuple[Role, ...]
    labels: dict[str, str]
    hidden: Hidden | None = None


@dataclass(frozen=True)
class Hidden:
    """A passing hand's truth: frames `first` to `first + n` of its shot; mask (n, H, W) bool, where the hand is; share
    (n,) of the pixels of the face that it hides; side: which hand."""

    first: int
    mask: np.ndarray
    share: np.ndarray
    side: str


def damage_of(shoot: Shoot, number: int) -> str | None:
    """The damage of a take: none and each kind of the shoot in turn."""
    assert shoot.footage is not None
    return (None, *shoot.footage.damage)[number % (1 + len(shoot.footage.damage))]


def film_footage(shoot: Shoot, clips: int, number: int, name: str) -> tuple[dict[str, bytes], int]:
    """The files of one take of raw footage by name, and its length in frames.

    NAME.truth.json: damage, shots with their frames, and who speaks; NAME.truth.npz: landmarks and head parameters as
    `shotI_personJ_FIELD`, and where a hand passes before a face its mask as `shotI_hand_mask` from frame
    `shotI_hand_first` of the shot on."""
    assert shoot.footage is not None
    rng = np.random.default_rng((shoot.seed, number, 0xF007))
    damage = damage_of(shoot, number)
    count = int(rng.integers(shoot.footage.shots[0], shoot.footage.shots[1] + 1))
    shots = [
        _recorded(shoot, number, k, _shot(shoot, clips, number + k, rng, hand=damage == "occluding_hand" and k == 0))
        for k in range(count)
    ]
    material = inflict(damage, _material(shoot, clips, number, shots), rng)
    metadata = {"comment": "AI-generated: synthetic people of the talkie stage"}
    texts = [role.performance.text for shot in shots for role in shot.roles if role.speaks]
    files = {
        f"{name}.mp4": encode_mp4(material.frames, FPS, crf=material.crf, audio=material.audio, metadata=metadata),
        f"{name}.txt": " ".join(texts).encode() + b"\n",
        f"{name}.truth.json": _json(_story(shots, material)),
        f"{name}.truth.npz": encode_field("truth.npz", _arrays(shots)),
    }
    return files, len(material.frames)


def raw_footage_of(take: Take, clip: RawClip, pictures: np.ndarray, audio: np.ndarray, name: str) -> dict[str, bytes]:
    """A take as a camera would have stored it: one file with the sound that was recorded, transcript, sidecar and
    truth."""
    record = clip.record
    truth = {k: v for k, v in vars(take.track).items() if k != "model"}
    truth |= {"landmarks": landmarks_of(take), "model": np.array(take.track.model)}
    truth |= {"phones": np.array(clip.members["phones.json"].decode()), "clip": np.array(record.id)}
    return {
        f"{name}.mp4": encode_mp4(pictures, FPS, audio=audio),
        f"{name}.txt": take.line.text.encode() + b"\n",
        f"{name}.json": _json(record.model_dump(mode="json", include=_SIDECAR)),
        f"{name}.truth.npz": encode_field("truth.npz", truth),
    }


def _shot(shoot: Shoot, clips: int, number: int, rng: np.random.Generator, *, hand: bool = False) -> Shot:
    """People side by side before one wall: the first of them speaks, the others listen. hand: one passes before the
    speaker's face."""
    assert shoot.footage is not None
    number %= clips
    model = load_head(shoot.cast.head)
    count = int(rng.integers(shoot.footage.people[0], shoot.footage.people[1] + 1))
    speaker, line = who_says_what(shoot, clips, number)
    spoken = perform(speaker, line, rng.spawn(1)[0])
    people, acts = [speaker], [spoken]
    for k in range(1, count):
        other, _ = who_says_what(shoot, clips, (number + 7 * k) % clips)
        if other.name in {p.name for p in people}:
            continue
        listening = Line(event="listening", seconds=max(0.5, len(spoken) / FPS), language=line.language)
        people.append(other)
        acts.append(_cut(perform(other, listening, rng.spawn(1)[0]), len(spoken)))
    camera = _camera(shoot, len(people), len(spoken), rng)
    order = rng.permutation(len(people))
    tracks = [
        _placed(track_of(model, person, act, camera), (place - (len(people) - 1) / 2) * _APART_M)
        for person, act, place in zip(people, acts, order, strict=True)
    ]
    light = lit(shoot, number, people[0].look)
    return _filmed(model, people, acts, tracks, camera, light, rng.spawn(1)[0] if hand else None)


def _recorded(shoot: Shoot, number: int, at: int, shot: Shot) -> Shot:
    """The shot with the sound that its microphone made of the speaker's voice."""
    heard = sound_of(shoot, number, shot.audio, shot.roles[0].performance.transcription, at)
    return replace(shot, audio=heard.audio, labels=shot.labels | heard.labels)


def _cut(performance: Performance, frames: int) -> Performance:
    """The first frames of somebody's motion, the last one held where it is too short."""
    index = np.minimum(np.arange(frames), len(performance) - 1)
    names = ("expression", "left_eye", "right_eye", "neck", "translation")
    return replace(performance, **{name: getattr(performance, name)[index] for name in names})


def _camera(shoot: Shoot, people: int, frames: int, rng: np.random.Generator) -> Camera:
    assert shoot.footage is not None
    width, height = shoot.footage.width, shoot.footage.height
    distance = float(rng.uniform(*shoot.rig.distance_m)) + 0.3 * people
    share = float(rng.uniform(0.45, 0.6)) if people == 1 else 0.8 * width / height * HEAD_HEIGHT_M / (people * _APART_M)
    return frontal((width, height), distance, min(share, 0.6) * height * distance / HEAD_HEIGHT_M, frames)


def _placed(track: HeadTrack, x_m: float) -> HeadTrack:
    return replace(track, translation=(track.translation + np.array([x_m, 0, 0])).astype(np.float32))


def _filmed(
    model: HeadModel,
    people: list[Person],
    acts: list[Performance],
    tracks: list[HeadTrack],
    camera: Camera,
    light: Lit,
    hand_rng: np.random.Generator | None,
) -> Shot:
    posed = [pose_vertices(model, track).astype(np.float64) for track in tracks]
    costumes = [dressed_head(model, person.look) for person in people]
    scene = SceneRenderer(costumes, light.light, light.background)
    size = (camera.height, camera.width)
    landmarks = [np.asarray(project_landmarks(model, t, v), np.float32) for t, v in zip(tracks, posed, strict=True)]
    pictures = [
        scene.frame([v[k] for v in posed], camera.K[k], camera.R[k], camera.t[k], size) for k in range(len(camera.K))
    ]
    hidden = None if hand_rng is None else _pass_by(model, scene, people[0].look, posed, camera, pictures, hand_rng)
    roles = tuple(
        Role(p, a, t, m, number == 0)
        for number, (p, a, t, m) in enumerate(zip(people, acts, tracks, landmarks, strict=True))
    )
    return Shot(np.stack([frame.rgb for frame in pictures]), acts[0].audio, roles, light.labels, hidden)


def _pass_by(
    model: HeadModel,
    scene: SceneRenderer,
    look: Look,
    posed: list[np.ndarray],
    camera: Camera,
    pictures: list[Frame],
    rng: np.random.Generator,
) -> Hidden:
    """Films again, in place, the frames in which a hand passes before the first person's face, with the hand."""
    way = passing(posed[0][:, model.regions["face"]].mean(1), rng)
    crowd = SceneRenderer([*scene.costumes, hand_costume(look, way.side)], scene.light, scene.background)
    masks, shares = [], []
    for number, hand in enumerate(way.vertices):
        k = way.first + number
        free = face_pixels(pictures[k], model, 0)
        size = (camera.height, camera.width)
        pictures[k] = crowd.frame([*(v[k] for v in posed), hand], camera.K[k], camera.R[k], camera.t[k], size)
        masks.append(pictures[k].actor == len(posed))
        shares.append(1 - face_pixels(pictures[k], model, 0) / max(free, 1))
    return Hidden(way.first, np.stack(masks), np.array(shares, np.float32), way.side)


def _material(shoot: Shoot, clips: int, number: int, shots: list[Shot]) -> Material:
    box = np.concatenate([_box(shot.roles[0].landmarks) for shot in shots])
    foreign = np.zeros(0, np.float32)
    if damage_of(shoot, number) == "dubbed":
        speaker = shots[0].roles[0].person.name
        others = (who_says_what(shoot, clips, (number + k) % clips) for k in range(1, clips))
        voice = next(((person, line) for person, line in others if person.name != speaker and line.text), None)
        if voice is not None:
            foreign = perform(*voice, np.random.default_rng((shoot.seed, number, 0xD0B))).audio
    return Material(
        frames=np.concatenate([shot.frames for shot in shots]),
        audio=np.concatenate([shot.audio[: len(shot.frames) * SAMPLES_PER_FRAME] for shot in shots]),
        box=box,
        foreign=foreign,
        text=shots[0].roles[0].performance.text,
        truth=_hidden_truth(shots[0].hidden),
    )


def _hidden_truth(hidden: Hidden | None) -> dict[str, Any]:
    if hidden is None:
        return {}
    end = hidden.first + len(hidden.share)
    return {
        "hand": hidden.side,
        "start_frame": hidden.first,
        "end_frame": end,
        "face_hidden": [round(float(v), 4) for v in hidden.share],
    }


def _box(landmarks: np.ndarray) -> np.ndarray:
    return np.concatenate([landmarks[..., :2].min(1), landmarks[..., :2].max(1)], axis=1)


def _story(shots: list[Shot], material: Material) -> dict[str, Any]:
    at, told = 0, []
    for shot in shots:
        roles = [
            {
                "identity": role.person.name,
                "speaks": role.speaks,
                "language": role.performance.line.language,
                "text": role.performance.text,
                "box_px": [float(v) for v in np.median(_box(role.landmarks), axis=0)],
            }
            for role in shot.roles
        ]
        told.append({"start_frame": at, "end_frame": at + len(shot.frames), "people": roles, **shot.labels})
        at += len(shot.frames)
    return {**material.truth, "frames": at, "fps": FPS, "shots": told}


def _arrays(shots: list[Shot]) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}
    for i, shot in enumerate(shots):
        for j, role in enumerate(shot.roles):
            fields = {k: v for k, v in vars(role.track).items() if isinstance(v, np.ndarray)}
            fields |= {"landmarks": role.landmarks, "model": np.array(role.track.model)}
            out |= {f"shot{i}_person{j}_{k}": v for k, v in fields.items()}
        if shot.hidden is not None:
            out |= {f"shot{i}_hand_first": np.array(shot.hidden.first), f"shot{i}_hand_mask": shot.hidden.mask}
    return out


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
