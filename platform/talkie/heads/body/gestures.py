"""Short generated motions of the whole body: posture, sway, beats, waving, touching the face, stepping; no mesh.

All are smooth, stay within `limits`, and are the same for the same generator. 25 frames a second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads.body.hands import fingers_of, hand_pose, shape_angles
from talkie.heads.body.model import BodyModel, builtin_body
from talkie.heads.body.reach import reach
from talkie.heads.body.skeleton import INDEX, JOINTS, SIDES
from talkie.heads.builtin import builtin_head

FPS = 25
MAX_SPEED = 9.0
"""No joint of a gesture turns faster, radians a second."""
SHORTEST = 50
"""Fewest frames of a gesture: two seconds."""
TOUCHES: dict[str, tuple[int, int, str, str]] = {
    "touch_chin": (199, 199, "index", "rest"),
    "touch_cheek": (425, 205, "index", "point"),
    "touch_mouth": (0, 0, "index", "point"),
    "palm_on_cheek": (352, 123, "palm", "flat"),
}
"""By name: MediaPipe's point for the left and the right hand, what touches, and the hand's shape."""


def _set(pose: np.ndarray, name: str, turn: tuple[float, float, float] | np.ndarray) -> None:
    """Sets a joint (T, 55, 3); a name without a side sets both, the right one mirrored."""
    if name in INDEX:
        pose[:, INDEX[name]] = turn
        return
    pose[:, INDEX[f"left_{name}"]] = turn
    pose[:, INDEX[f"right_{name}"]] = np.asarray(turn) * [1.0, -1.0, -1.0]


def stance(frames: int = 1) -> np.ndarray:
    """(T, 55, 3): standing at ease, arms hanging, fingers relaxed."""
    pose = np.zeros((frames, JOINTS, 3))
    _set(pose, "collar", (0.0, 0.0, -0.10))
    _set(pose, "shoulder", (0.05, 0.05, -1.25))
    _set(pose, "elbow", (0.0, -0.28, 0.0))
    _set(pose, "hip", (0.0, 0.05, 0.04))
    for side in SIDES:
        pose[:, fingers_of(side)] = hand_pose(side, shape_angles("rest"))
    return pose


def _drift(frames: int, rng: np.random.Generator, columns: int, size: float, slowest_s: float) -> np.ndarray:
    """(T, columns) radians of slow wandering: four sines each, periods from `slowest_s` down to a third of it."""
    time = np.arange(frames)[:, None] / FPS
    total = np.zeros((frames, columns))
    for period in np.geomspace(slowest_s, slowest_s / 3, 4):
        period = period * rng.uniform(0.85, 1.15, columns)
        total += rng.normal(0, 0.5, columns) * np.sin(2 * np.pi * (time / period + rng.uniform(0, 1, columns)))
    return size * total


def _breathing(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T,) in [0, 1]: the chest's filling, about fifteen breaths a minute, in faster than out."""
    phase = np.arange(frames) / FPS * rng.uniform(0.22, 0.28) + rng.uniform()
    return 0.5 - 0.5 * np.cos(2 * np.pi * (phase + 0.08 * np.sin(2 * np.pi * phase)))


def _alive(pose: np.ndarray, rng: np.random.Generator, above: bool = True) -> np.ndarray:
    """Adds sway and breath; `above` False leaves alone what lies between hand and head."""
    frames = len(pose)
    for name, size in (("spine1", 0.010), ("spine2", 0.008)):
        pose[:, INDEX[name]] += _drift(frames, rng, 3, size, 6.0)
    if above:
        breath = _breathing(frames, rng)
        pose[:, INDEX["spine3"], 0] -= 0.018 * breath
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            pose[:, INDEX[f"{side}_collar"], 2] += sign * 0.022 * breath
            pose[:, INDEX[f"{side}_shoulder"]] += _drift(frames, rng, 3, 0.015, 5.0)
            pose[:, INDEX[f"{side}_elbow"], 1] -= sign * np.abs(_drift(frames, rng, 1, 0.03, 5.0)[:, 0])
        pose[:, INDEX["head"]] += _drift(frames, rng, 3, 0.018, 4.0)
    return pose


def _rise(frames: int, attack_s: float = 0.9) -> np.ndarray:
    """(T,): 0 at both ends, 1 in between, without a jump in speed or acceleration (quintic)."""
    attack = min(int(attack_s * FPS), frames // 3)
    u = np.clip(np.minimum(np.arange(frames), np.arange(frames)[::-1]) / attack, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u * u)


def blend(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(T, J, 3): turns from `start` to `end`, (J, 3) or (T, J, 3) each, along the shortest way, by share (T,)."""
    size = (len(share), start.shape[-2], 3)
    first, last = (Rotation.from_rotvec(np.broadcast_to(x, size).reshape(-1, 3)) for x in (start, end))
    way = (first.inv() * last).as_rotvec() * np.repeat(share, size[1])[:, None]
    return (first * Rotation.from_rotvec(way)).as_rotvec().reshape(size)


def _idle(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    return _alive(stance(frames), rng)


def beats(loudness: np.ndarray) -> np.ndarray:
    """Frames (N,) of the accents of a loudness curve (T,): its prominent peaks, at least 0.4 s apart."""
    smooth = gaussian_filter1d(np.asarray(loudness, float), 1.5)
    span = max(float(np.ptp(smooth)), 1e-9)
    return find_peaks(smooth, prominence=0.15 * span, distance=int(0.4 * FPS))[0]


def _beat(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    """Forearms held up, struck down so that each stroke ends on an accent (McNeill, Hand and Mind, 1992)."""
    if loudness is None or len(loudness) != frames:
        raise BadInput("beat gestures follow a voice", cure=f"give its loudness for each of {frames} frames")
    raised = stance()
    _set(raised, "shoulder", (0.10, -0.25, -1.10))
    _set(raised, "elbow", (-0.45, -1.30, 0.10))
    time, stroke = np.arange(frames), np.zeros(frames)
    for at in beats(loudness):
        # Up slowly, down fast: the preparation before the accent, the hand's lowest place on it, then the way back.
        stroke += rng.uniform(0.7, 1.0) * (np.exp(-0.5 * ((time - at) / 2.4) ** 2) - 0.6 * np.exp(
            -0.5 * ((time - at + 7) / 3.0) ** 2))  # fmt: skip
    pose = _alive(stance(frames), rng)
    share = _rise(frames)
    both = [INDEX[f"{s}_{n}"] for s in SIDES for n in ("shoulder", "elbow", "wrist")]
    pose[:, both] += blend(stance()[0, both], raised[0, both], share) - stance()[0, both]
    for side, sign, size in (("left", 1.0, rng.uniform(0.6, 1.0)), ("right", -1.0, 1.0)):
        pose[:, INDEX[f"{side}_elbow"], 1] += sign * 0.30 * size * stroke * share
        pose[:, INDEX[f"{side}_wrist"], 2] -= sign * 0.12 * size * stroke * share
    pose[:, INDEX["head"], 0] += 0.05 * np.clip(stroke, 0, 1) * share
    return pose


def _wave(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    pose, share = _alive(stance(frames), rng), _rise(frames)
    up = stance()[0]
    # The upper arm half lowered and turned outward, so that the elbow's hinge lifts the forearm.
    outward = Rotation.from_rotvec([0.0, 0.0, 0.55]) * Rotation.from_rotvec([-1.25, 0.0, 0.0])
    up[INDEX["right_shoulder"]] = outward.as_rotvec()
    up[INDEX["right_elbow"]] = (0.0, 1.95, 0.0)
    arm = [INDEX["right_shoulder"], INDEX["right_elbow"], *range(JOINTS)[fingers_of("right")]]
    up[fingers_of("right")] = hand_pose("right", shape_angles("open"))
    pose[:, arm] += blend(stance()[0, arm], up[arm], share) - stance()[0, arm]
    swing = np.sin(2 * np.pi * (np.arange(frames) / FPS * rng.uniform(1.3, 1.7) + rng.uniform()))
    pose[:, INDEX["right_wrist"], 1] += 0.30 * swing * share**2
    pose[:, INDEX["right_elbow"], 1] += 0.22 * swing * share**2
    return pose


def _nod(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    pose = _alive(stance(frames), rng)
    swing = np.sin(2 * np.pi * np.arange(frames) / FPS * rng.uniform(0.9, 1.3)) * _rise(frames, 0.6)
    pose[:, INDEX["head"], 0] += 0.16 * swing
    pose[:, INDEX["neck"], 0] += 0.06 * swing
    return pose


def _walk(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    """Walking in place: knees rise in turn, arms swing against them."""
    pose, share = _alive(stance(frames), rng), _rise(frames, 0.6)
    phase = 2 * np.pi * (np.arange(frames) / FPS * rng.uniform(0.8, 1.0))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        lift = np.clip(sign * np.sin(phase), 0, None) ** 2 * share
        pose[:, INDEX[f"{side}_hip"], 0] -= 0.56 * lift
        pose[:, INDEX[f"{side}_knee"], 0] += 0.90 * lift
        pose[:, INDEX[f"{side}_ankle"], 0] -= 0.15 * lift
        pose[:, INDEX[f"{side}_shoulder"], 0] += sign * 0.22 * np.sin(phase) * share
    pose[:, INDEX["spine2"], 1] += 0.06 * np.sin(phase) * share
    return pose


def _side_step(frames: int, rng: np.random.Generator, loudness: np.ndarray | None) -> np.ndarray:
    """A dance: a step out and together to either side in turn, arms raised in time."""
    pose, share = _alive(stance(frames), rng), _rise(frames, 0.6)
    beat = np.arange(frames) / FPS * rng.uniform(0.45, 0.55)
    out = (0.5 - 0.5 * np.cos(4 * np.pi * beat)) * share
    lean = np.sin(2 * np.pi * beat) * share
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        pose[:, INDEX[f"{side}_hip"], 2] += sign * 0.16 * out
        pose[:, INDEX[f"{side}_ankle"], 2] -= sign * 0.16 * out
        bend = 0.30 * (0.5 + 0.5 * sign * lean) * out
        pose[:, INDEX[f"{side}_hip"], 0] -= bend
        pose[:, INDEX[f"{side}_knee"], 0] += 2 * bend
        pose[:, INDEX[f"{side}_ankle"], 0] -= bend
        pose[:, INDEX[f"{side}_shoulder"], 2] += sign * 0.45 * out
        pose[:, INDEX[f"{side}_elbow"], 1] -= sign * 0.9 * out
    pose[:, INDEX["spine1"], 2] += 0.10 * lean
    pose[:, INDEX["head"], 2] -= 0.08 * lean
    return pose


def touch(
    name: str, frames: int, rng: np.random.Generator, side: str = "right", body: BodyModel | None = None,
    landmarks: np.ndarray | None = None, shape: torch.Tensor | None = None,
) -> np.ndarray:  # fmt: skip
    """(T, 55, 3): a hand goes to the face, stays and returns. name: one of `TOUCHES`.

    landmarks: (478, 3) metres in the head frame of the head that is touched, the mean head's by default. While the
    hand is there, nothing between chest and head moves. Raises BadInput for an unknown name or a face out of reach."""
    if name not in TOUCHES:
        raise BadInput(f"no touch named {name!r}", cure=f"take one of {', '.join(TOUCHES)}")
    body = body or builtin_body()
    if landmarks is None:
        head = builtin_head()
        landmarks = head.landmarks(head.template[None])[0].numpy()
    left, right, contact, hand = TOUCHES[name]
    target = np.asarray(landmarks, float)[left if side == "left" else right]
    normal = target - np.array([0.0, target[1] + 0.1 * (0.0 - target[1]), 0.015])
    there = stance()[0]
    there[fingers_of(side)] = hand_pose(side, shape_angles(hand))
    there = reach(body, side, target, normal, there, contact, shape)
    arm = [INDEX[f"{side}_{n}"] for n in ("shoulder", "elbow", "wrist")] + list(range(JOINTS)[fingers_of(side)])
    pose = stance(frames)
    pose[:, arm] = blend(pose[0, arm], there[arm], _rise(frames, 1.0))
    return _alive(pose, rng, above=False)


_MAKERS: dict[str, Callable[[int, np.random.Generator, np.ndarray | None], np.ndarray]] = {
    "idle": _idle, "beat": _beat, "wave": _wave, "nod": _nod, "walk_in_place": _walk, "side_step": _side_step,
}  # fmt: skip
GESTURES: tuple[str, ...] = (*_MAKERS, *TOUCHES)
"""Names that `gesture` takes."""


def gesture(name: str, frames: int, rng: np.random.Generator, loudness: np.ndarray | None = None) -> np.ndarray:
    """A motion of the mean body: pose (T, 55, 3) axis-angle radians, 25 frames a second.

    name: one of `GESTURES`; frames: at least `SHORTEST`; loudness: (T,) of the voice, which `beat` needs (any unit:
    only its peaks count). Raises BadInput for an unknown name, too few frames or a missing loudness."""
    if name not in GESTURES:
        raise BadInput(f"no gesture named {name!r}", cure=f"take one of {', '.join(GESTURES)}")
    if frames < SHORTEST:
        raise BadInput(f"a gesture of {frames} frames", cure=f"ask for at least {SHORTEST}")
    if name in TOUCHES:
        return touch(name, frames, rng, side="left" if rng.random() < 0.5 else "right")
    return _MAKERS[name](frames, rng, loudness)


def ground(body: BodyModel, pose: np.ndarray, shape: torch.Tensor | None = None) -> np.ndarray:
    """(T, 3) metres to add so that a motion (T, 55, 3) stands: the lower foot's sole on the floor and not sliding.

    The floor is where the shape stands at rest (the lowest vertex of its rest mesh)."""
    bones = body.transforms(torch.tensor(pose), shape).numpy()
    rest = body.joints(shape)[0].double().numpy()
    floor = float(body.shaped(shape)[0, :, 1].min())
    feet = []
    for side in SIDES:
        k = INDEX[f"{side}_ankle"]
        soles = rest[k] * [1, 0, 1] + np.array([[0, floor, -0.05], [0, floor, 0.10]]) - rest[k]
        feet.append(np.einsum("tij,pj->tpi", bones[:, k, :3, :3], soles) + bones[:, k, None, :3, 3])
    place = np.stack(feet, 1)
    moved = np.zeros((len(pose), 3))
    moved[:, 1] = floor - place[..., 1].min((1, 2))
    middle = place.mean(2)
    standing = middle[..., 1].argmin(1)
    for t in range(1, len(pose)):
        moved[t, ::2] = moved[t - 1, ::2] - (middle[t, standing[t]] - middle[t - 1, standing[t]])[::2]
    return moved
