"""Puts a take before its cameras: the true track, the landmarks, the pictures, and what the sensors recorded.

Shards and folders are `record`'s business; several people in one picture are `footage`'s."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from talkie.clip import FPS, HeadTrack
from talkie.heads import ARKIT_NAMES, HeadModel, load_head, pose_vertices, project_landmarks
from talkie.media import encode_flac, encode_mp4
from talkie.render import Frame, SceneRenderer, dressed_head
from talkie.shards import encode_field
from talkie.stage.cast import Person, cast
from talkie.stage.devices import DeviceName, device, seen_by
from talkie.stage.embody import embody
from talkie.stage.lighting import lit
from talkie.stage.line import Line
from talkie.stage.performance import Performance, perform
from talkie.stage.rig import Camera, place
from talkie.stage.script import lines, scripts
from talkie.stage.sensors import recorders, signals
from talkie.stage.sentences import SENTENCES
from talkie.stage.shoot import Shoot
from talkie.stage.spoof import present
from talkie.stage.take import Take
from talkie.stage.wardrobe import dressed_body, without_garment

Members = dict[str, bytes]


@lru_cache(maxsize=2)
def _company(head: str, people: int, seed: int) -> list[Person]:
    return cast(load_head(head), people, seed)


@lru_cache(maxsize=2)
def _script(settings: str, clips: int) -> list[tuple[int, Line]]:
    shoot = Shoot.model_validate_json(settings)
    script = shoot.script
    if script.emotions == ("neutral",) and script.events == ("speech",) and script.languages == ("en",):
        # Nothing to compare one person's words under: as many different sentences as there are.
        if len(script.texts) > len(SENTENCES["en"]):
            # More than could stand for the stage's own.
            return [(who, Line(t)) for who, t in scripts(clips, shoot.cast.people, shoot.seed, script.texts)]
        plain = scripts(clips, shoot.cast.people, shoot.seed)
        return _own_texts(script.texts, [(who, Line(text)) for who, text in plain])
    dealt = lines(
        clips,
        shoot.cast.people,
        shoot.seed,
        emotions=script.emotions,
        intensities=script.intensities,
        languages=script.languages,
        events=script.events,
    )
    return _own_texts(script.texts, dealt)


def _own_texts(texts: tuple[str, ...], dealt: list[tuple[int, Line]]) -> list[tuple[int, Line]]:
    if not texts:
        return dealt
    # The stage's own sentences stand for the user's, in the order in which they first come up.
    order = list(dict.fromkeys(line.text for _, line in dealt if line.text))
    mine = {text: texts[k % len(texts)] for k, text in enumerate(order)}
    return [(who, replace(line, text=mine.get(line.text, ""))) for who, line in dealt]


def who_says_what(shoot: Shoot, clips: int, number: int) -> tuple[Person, Line]:
    """The person and the line of one take."""
    person, line = _script(shoot.model_dump_json(), clips)[number]
    return _company(shoot.cast.head, shoot.cast.people, shoot.seed)[person], line


def stage_take(shoot: Shoot, clips: int, number: int) -> Take:
    """Plays and poses one take: a pure function of the shoot and the take's number."""
    model = load_head(shoot.cast.head)
    person, line = who_says_what(shoot, clips, number)
    rng = np.random.default_rng((shoot.seed, number, 0xF11A))
    act, see = rng.spawn(2)
    # The eyes meet the lens: where it stands is drawn first, how it moves through the take's frames afterwards.
    lens = place(shoot.rig, 1, copy.deepcopy(see), number)[0].centre()[0]
    performance = perform(person, line, act, camera=(float(lens[0]), float(lens[1]), float(lens[2])))
    cameras = place(shoot.rig, len(performance), see, number)
    track = track_of(model, person, performance, cameras[0])
    vertices = pose_vertices(model, track).astype(np.float64)
    take = Take(number, person, line, performance, model, track, vertices, cameras)
    return take if shoot.body is None else embody(take, shoot)


def track_of(model: HeadModel, person: Person, performance: Performance, camera: Camera) -> HeadTrack:
    """The true parameters of a performance under a camera; the head turns at its neck, and the face's middle at rest
    lies at the world's origin."""
    frames = len(performance)
    still = np.zeros((frames, 3), np.float32)
    return HeadTrack(
        identity=person.identity,
        expression=in_convention(model, performance.expression),
        jaw=still,
        neck=performance.neck,
        left_eye=performance.left_eye,
        right_eye=performance.right_eye,
        rotation=still,
        translation=performance.translation,
        K=camera.K,
        R=camera.R[0] if camera.still else camera.R,
        t=camera.t[0] if camera.still else camera.t,
        residual=np.zeros(frames, np.float32),
        model=model.name,
    )


def in_convention(model: HeadModel, arkit: np.ndarray) -> np.ndarray:
    """ARKit weights (T, 52) as this head's own expression weights (T, E), by name; shapes that it lacks are left out,
    shapes beyond ARKit's stay at rest."""
    out = np.zeros((len(arkit), len(model.expression_names)), np.float32)
    for column, name in enumerate(model.expression_names):
        if name in ARKIT_NAMES:
            out[:, column] = arkit[:, ARKIT_NAMES.index(name)]
    return out


def film(shoot: Shoot, take: Take, audio: np.ndarray) -> tuple[Members, np.ndarray]:
    """Every member of a take's clip, encoded, and its pictures (T, H, W, 3) uint8 as they were before.

    The first camera gives the picture and what sensors see, the others `viewNN`. audio (N,): what was recorded of the
    take's voice, see `sound`."""
    scene = scene_of(shoot, take)
    eyes = recorders(shoot.sensors, take, scene)
    main, *others = take.cameras
    pictures = np.stack([frame.rgb for frame in _watched(scene, take, main, eyes)])
    members: Members = {r.member: r.finish() for r in eyes}
    members |= signals(shoot, take)
    for camera in others:
        members[f"{camera.name}.mp4"] = encode_mp4((f.rgb for f in _watched(scene, take, camera, ())), FPS)
    if others:
        members["views.npz"] = encode_field("views.npz", _calibration(take.cameras))
    kind, camera_name = attack_of(shoot, take.number), device_of(shoot, take.number)
    if kind:
        tool = device(camera_name).instrument(kind) if camera_name else None
        attack = present(kind, pictures, np.random.default_rng((shoot.seed, take.number, 0xA77A)), tool)
        pictures = attack.frames
        members["attack.npz"] = encode_field("attack.npz", {"homography": attack.homography})
    if camera_name:
        pictures = seen_by(camera_name, pictures, np.random.default_rng((shoot.seed, take.number, 0xDE71CE)))
    members |= {
        "mp4": encode_mp4(pictures, FPS),
        "flac": encode_flac(audio),
        "landmarks.npy": encode_field("landmarks.npy", landmarks_of(take)),
        "head.npz": encode_field("head.npz", take.track),
        "phones.json": encode_field("phones.json", take.performance.transcription),
        "txt": encode_field("txt", take.line.text),
    }
    return members, pictures


def attack_of(shoot: Shoot, number: int) -> str | None:
    """What this take is presented as: genuine and each attack in turn."""
    return (None, *shoot.attacks)[number % (1 + len(shoot.attacks))]


def device_of(shoot: Shoot, number: int) -> DeviceName | None:
    """The camera that records this take: after a round of presentations comes the next one."""
    return shoot.devices[number // (1 + len(shoot.attacks)) % len(shoot.devices)] if shoot.devices else None


def presentation_labels(shoot: Shoot, number: int) -> dict[str, str]:
    """What a clip says of how it was presented, in the words of anti-spoofing sets: spoof (genuine, attack), attack
    (print, replay), instrument, device."""
    kind, camera_name = attack_of(shoot, number), device_of(shoot, number)
    labels = {"spoof": "attack" if kind else "genuine"} if shoot.attacks else {}
    if camera_name:
        labels["device"] = camera_name
    if kind:
        labels["attack"] = kind
    if kind and camera_name:
        labels["instrument"] = device(camera_name).instrument(kind)
    return labels


def landmarks_of(take: Take) -> np.ndarray:
    """True landmarks (T, 478, 3) float32 in pixels of the first camera's picture, MediaPipe topology."""
    return np.asarray(project_landmarks(take.model, take.track, take.vertices), np.float32)


def scene_of(shoot: Shoot, take: Take) -> SceneRenderer:
    """The take's person, dressed and lit."""
    look = take.person.look
    head = dressed_head(take.model, look)
    costumes = [head] if take.body is None else [without_garment(head), dressed_body(look)]
    scene = lit(shoot, take.number, look)
    return SceneRenderer(costumes, scene.light, scene.background)


def _watched(scene: SceneRenderer, take: Take, camera: Camera, eyes: Sequence[Any]) -> Iterator[Frame]:
    for k, (K, R, t) in enumerate(zip(camera.K, camera.R, camera.t, strict=True)):
        frame = scene.frame(take.actors(k), K, R, t, camera.width)
        for recorder in eyes:
            recorder.see(frame)
        yield frame


def _calibration(cameras: list[Camera]) -> dict[str, np.ndarray]:
    """views.npz: name (C,), K (C, 3, 3), R (C, 3, 3), t (C, 3), size (C, 2) width and height in pixels."""
    return {
        "name": np.array([c.name for c in cameras]),
        "K": np.stack([c.K[0] for c in cameras]),
        "R": np.stack([c.R[0] for c in cameras]),
        "t": np.stack([c.t[0] for c in cameras]),
        "size": np.array([(c.width, c.height) for c in cameras]),
    }
