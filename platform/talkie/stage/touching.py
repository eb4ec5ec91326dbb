"""A hand that comes up to the face, presses and leaves: which place, when, how deep, and the arm's motion for it.

How the skin gives way is `talkie.heads.body.contact`; what the take makes of it is `pressing`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from talkie.clip import FPS
from talkie.errors import BadInput
from talkie.heads import HeadModel
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.follow import follow
from talkie.heads.body.gestures import blend
from talkie.heads.body.hands import fingers_of, hand_pose, shape_angles
from talkie.heads.body.reach import contact_offset, reach
from talkie.heads.body.skeleton import JOINTS
from talkie.heads.rigid import rigid_motion_of
from talkie.stage.noise import ease, smooth_noise
from talkie.stage.sections import Range, TouchName

PRESS_S = 0.6
"""From there into the skin, and out again."""
ARRIVE_S = 0.32
"""How long before it reaches its depth a hand has arrived over its place."""
HOVER_M = 0.040
"""How far off the skin a hand arrives before it presses and after it has left."""


@dataclass(frozen=True)
class Place:
    """Where one kind of touch goes: MediaPipe's point for the left and the right hand (for `ear`: beside it), what
    touches, the hand's shape, millimetres that skin can be pressed in there, and radians by which the finger points
    into the skin: fingers that are curled beside it need room."""

    left: int
    right: int
    contact: str
    hand: str
    press_mm: Range
    steep: float = 0.0


PLACES: dict[TouchName, Place] = {
    "cheek": Place(427, 207, "index", "point", (3.0, 8.0), 0.6),
    "cheek_palm": Place(411, 187, "palm", "flat", (3.0, 6.0)),
    "chin": Place(199, 199, "index", "point", (1.5, 2.2), 0.7),
    "lips": Place(0, 0, "index", "point", (2.5, 5.0), 0.6),
    "nose": Place(4, 4, "index", "point", (2.0, 4.0), 0.7),
    "forehead": Place(332, 103, "index", "point", (1.5, 2.4), 1.1),
    "ear": Place(454, 234, "index", "point", (3.0, 6.0), 0.6),
}


@dataclass(frozen=True)
class Touch:
    """One touch of a take. name, side, press_m: what is meant; start_s: the hand sets out; on_s, off_s: it reaches its
    depth, it begins to leave; end_s: it is back."""

    name: TouchName
    side: str
    press_m: float
    start_s: float
    on_s: float
    off_s: float
    end_s: float


def plan_touch(name: TouchName, press_mm: Range, length_s: float, rng: np.random.Generator) -> Touch:
    """When and how deep, drawn within what the place allows; a third of the take or more is without contact."""
    place = PLACES[name]
    low, high = (float(np.clip(v, *place.press_mm)) for v in press_mm)
    move = min(0.85, 0.22 * length_s)
    start = float(rng.uniform(0.02, 0.10)) * length_s
    on = start + move + ARRIVE_S
    end = length_s - float(rng.uniform(0.0, 0.06)) * length_s
    off = max(end - move - ARRIVE_S, on + 0.12)
    hold = min(off, on + float(rng.uniform(0.8, 2.2)))
    side = "left" if rng.random() < 0.4 else "right"
    return Touch(name, side, float(rng.uniform(low, high)) / 1000, start, on, hold, hold + move + ARRIVE_S)


@dataclass(frozen=True)
class Path:
    """A touch laid out in frames: share (T,) of the way from the body's own motion to the face; offset (T,) metres of
    the touching place above the skin, negative inside; target (T, 3) and normal (T, 3) of the skin, metres in the
    world; turn (T, 3, 3) of the wrist; towards (T, 3) the elbow's side; base (T, 55, 3) the body's own motion with the
    hand's shape."""

    touch: Touch
    share: np.ndarray
    offset: np.ndarray
    target: np.ndarray
    normal: np.ndarray
    turn: np.ndarray
    towards: np.ndarray
    base: np.ndarray
    shape: np.ndarray
    root: np.ndarray

    def deeper(self, change: np.ndarray) -> Path:
        """The same path with the hand (T,) metres further out along the normal."""
        return replace(self, offset=self.offset + change)


def lay_out(
    touch: Touch,
    head: HeadModel,
    vertices: np.ndarray,
    pose: np.ndarray,
    shape: np.ndarray,
    root: np.ndarray,
    rng: np.random.Generator,
) -> Path:
    """The path of a touch for a posed head (T, V, 3) on a standing body: pose (T, 55, 3), shape (S,), root (T, 3).
    Raises BadInput if neither hand reaches the place."""
    frames = len(pose)
    time = (np.arange(frames) + 0.5) / FPS
    for side in (touch.side, "left" if touch.side == "right" else "right"):
        touch = replace(touch, side=side)
        spot = _spot(touch, head, vertices)
        middle = int(np.clip((touch.on_s + touch.off_s) / 2 * FPS, 0, frames - 1))
        shaped = _shaped(touch, pose)
        try:
            held = _held(touch, spot, middle, shaped, shape, root)
        except BadInput:
            continue
        break
    else:
        raise BadInput(f"no hand reaches the {touch.name} of this head", cure="choose other touches")
    target, normal, skull = spot
    turn, towards = held
    follows = skull @ skull[middle].T
    move = touch.on_s - touch.start_s - ARRIVE_S
    share = ease((time - touch.start_s) / move) * (1 - ease((time - touch.off_s - ARRIVE_S) / move))
    down = ease((time - touch.on_s + PRESS_S) / PRESS_S) * (1 - ease((time - touch.off_s) / PRESS_S))
    along = follows @ np.array([0.0, 1.0, 0.0])
    slide = 0.0015 * smooth_noise(frames, 1, 0.8, rng)
    return Path(
        touch=touch,
        share=share,
        offset=HOVER_M + (-touch.press_m - HOVER_M) * down,
        target=target + slide * along,
        normal=normal,
        turn=follows @ turn,
        towards=follows @ towards,
        base=shaped,
        shape=shape,
        root=root,
    )


def led(path: Path) -> np.ndarray:
    """(T, 55, 3): the body's motion with the arm on its way."""
    side = path.touch.side
    _, place = _contact(path.touch, path.base, path.shape)
    wrist = path.target + path.offset[:, None] * path.normal - np.einsum("tij,tj->ti", path.turn, place)
    weights, root = torch.as_tensor(path.shape)[None], torch.as_tensor(path.root)
    there = follow(builtin_body(), side, wrist, path.turn, path.towards, path.base, weights, root)
    arm = [INDEX[f"{side}_{n}"] for n in ("shoulder", "elbow", "wrist")]
    pose = path.base.copy()
    pose[:, arm] = blend(path.base[:, arm], there[:, arm], path.share)
    return pose


def _shaped(touch: Touch, pose: np.ndarray) -> np.ndarray:
    """The motion with the hand's shape on its fingers: as it hangs at first and last, formed on the way."""
    frames = len(pose)
    time = (np.arange(frames) + 0.5) / FPS
    share = ease((time - touch.start_s) / 0.5) * (1 - ease((time - touch.end_s + 0.5) / 0.5))
    out = pose.copy()
    rows = list(range(JOINTS)[fingers_of(touch.side)])
    wanted = hand_pose(touch.side, shape_angles(PLACES[touch.name].hand))
    out[:, rows] = blend(pose[:, rows], wanted, share)
    return out


def _spot(touch: Touch, head: HeadModel, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target (T, 3) and outward normal (T, 3) on the skin, and the skull's rotation (T, 3, 3) from its rest."""
    place = PLACES[touch.name]
    row = place.left if touch.side == "left" else place.right
    corners = vertices[:, np.asarray(head.faces)[np.asarray(head.landmark_triangles)[row]]]
    target = (corners * np.asarray(head.landmark_barycentric, float)[row][:, None]).sum(1)
    skull = _skull(head, vertices)
    rest = head.template.double().numpy()
    wide = np.linalg.norm(rest - head.landmarks(head.template[None])[0, row].double().numpy(), axis=1) < 0.016
    normal = _normal(rest, head.faces.numpy(), np.flatnonzero(wide & (head.part == head.part_names.index("skin"))))
    if touch.name == "ear":
        target = _beside_ear(touch.side, head, vertices)
        # Outwards, a little from the front and from below.
        normal = np.array([0.95 if touch.side == "left" else -0.95, -0.19, 0.24])
    # The finger follows the jaw and the lips, but not each of their quick movements.
    local = gaussian_filter1d(np.einsum("tji,tj->ti", skull, target - vertices.mean(1)), 4.0, axis=0, mode="nearest")
    return vertices.mean(1) + np.einsum("tij,tj->ti", skull, local), skull @ normal, skull


def _beside_ear(side: str, head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(T, 3): the lower outer part of an ear, or of the head's own side where no part is an ear."""
    name = f"{side}_ear"
    rest = head.template.numpy()
    inside = head.part == head.part_names.index(name) if name in head.part_names else np.abs(rest[:, 1]) < 0.03
    rows = np.flatnonzero(inside)
    low = np.quantile(rest[rows, 1], 0.35)
    out = np.abs(rest[rows, 0]) - 4 * np.maximum(np.abs(rest[rows, 1] - low) - 0.004, 0)
    return vertices[:, rows[np.argsort(-out, kind="stable")[:6]]].mean(1)


def _skull(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(T, 3, 3): rotation of what lies above the eyes against the head at rest."""
    rest = head.template.double().numpy()
    rows = np.flatnonzero((rest[:, 1] > 0.05) & (head.part == head.part_names.index("skin")))
    return rigid_motion_of(np.broadcast_to(rest[rows], (len(vertices), len(rows), 3)), vertices[:, rows])[0]


def _normal(points: np.ndarray, faces: np.ndarray, rows: np.ndarray) -> np.ndarray:
    inside = np.isin(faces, rows).all(1)
    a, b, c = (points[faces[inside, k]] for k in range(3))
    total = np.cross(b - a, c - a).sum(0)
    return total / np.linalg.norm(total)


def _contact(touch: Touch, pose: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (T, 3, 3) of the touching bone and its touching place (T, 3) in the wrist's frame, of a shaped hand."""
    body = builtin_body()
    joint, offset = contact_offset(touch.side, PLACES[touch.name].contact)
    weights = torch.as_tensor(shape, dtype=torch.float64)[None]
    bones = body.transforms(torch.as_tensor(np.asarray(pose, float)), weights).numpy()
    # The hand's size is the only axis that its fingers' thickness follows.
    offset = offset * (1 + 0.05 * float(shape[body.shape_names.index("hand_size")]))
    wrist = bones[:, INDEX[f"{touch.side}_wrist"]]
    bone = bones[:, INDEX[joint]]
    back = np.swapaxes(wrist[:, :3, :3], 1, 2)
    place = bone[:, :3, :3] @ offset + bone[:, :3, 3] - wrist[:, :3, 3]
    return back @ bone[:, :3, :3], np.einsum("tij,tj->ti", back, place)


def _held(
    touch: Touch,
    spot: tuple[np.ndarray, np.ndarray, np.ndarray],
    middle: int,
    pose: np.ndarray,
    shape: np.ndarray,
    root: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn (3, 3) of the wrist in the world and the elbow's side (3,) for the frame in the middle of the touch, as
    `reach` finds them best."""
    body, side = builtin_body(), touch.side
    weights = torch.as_tensor(shape)[None]
    at = torch.as_tensor(root[middle : middle + 1])
    target, normal, _ = (a[middle] for a in spot)
    place = PLACES[touch.name]
    found = reach(body, side, target, normal, pose[middle], place.contact, weights.double(), at, place.steep)
    bones = body.transforms(torch.as_tensor(found[None]), weights.double(), at)[0].numpy()
    shoulder, elbow, wrist = (bones[INDEX[f"{side}_{n}"], :3, 3] for n in ("shoulder", "elbow", "wrist"))
    line = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
    out = elbow - shoulder
    return bones[INDEX[f"{side}_wrist"], :3, :3], out - (out @ line) * line
