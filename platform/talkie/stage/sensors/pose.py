"""Labels of the body's posture: SMPL-X's joints, and the keypoints that pose detectors give; hands are in `hands`."""

from __future__ import annotations

import numpy as np
import torch

from talkie.heads.body import JOINT_NAMES, builtin_body
from talkie.heads.body.keypoints import LAYOUTS, keypoints
from talkie.heads.camera import project
from talkie.render import Frame
from talkie.shards import encode_field
from talkie.stage.rig import Camera
from talkie.stage.take import Take

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
"""COCO's flags: out of the picture, in it behind something, and seen."""
KEYPOINT_LAYOUTS = ("coco133", "openpose25", "mediapipe33")
_DEPTH_M = {"finger": 0.024, "face": 0.025, "limb": 0.080, "trunk": 0.160}
"""How far under its own surface a point of a kind may lie and still count as seen."""
_TRUNK = ("pelvis", "spine", "hip", "shoulder", "collar", "neck", "mid_hip", "head")
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_FACE = ("face_", "nose", "eye", "mouth", "jaw")


def depth_of(name: str) -> float:
    """Metres of body between a named point and the skin or cloth over it."""
    bare = name.removeprefix("left_").removeprefix("right_")
    if bare.startswith(_FINGERS):
        return _DEPTH_M["finger"]
    if bare.startswith(_FACE):
        # A joint deep in the head (an eye's, the jaw's) is not the point on the face of that name.
        return _DEPTH_M["limb"] if bare in ("jaw", "eye_smplhf") else _DEPTH_M["face"]
    return _DEPTH_M["trunk"] if bare.startswith(_TRUNK) else _DEPTH_M["limb"]


class Looker:
    """Points (T, K, 3) of the world in the first camera: pixels, distance, and whether each frame shows them."""

    def __init__(self, points: np.ndarray, names: tuple[str, ...], camera: Camera):
        K, R, t = (torch.as_tensor(a, dtype=torch.float64) for a in (camera.K, camera.R, camera.t))
        world = torch.as_tensor(points, dtype=torch.float64)
        self.pixels = project(world, K[:, None], R[:, None], t[:, None]).numpy()
        self.depth = (world @ R.transpose(-1, -2) + t[:, None])[..., 2].numpy()
        self.flags = np.zeros(points.shape[:2], np.uint8)
        self._under = np.array([depth_of(name) for name in names])
        self._frame = 0

    def see(self, frame: Frame) -> None:
        """Compare with what the next frame met first at each point's pixel."""
        k, (height, width) = self._frame, frame.depth.shape
        at = np.floor(self.pixels[k]).astype(int)
        inside = (at >= 0).all(1) & (at[:, 0] < width) & (at[:, 1] < height) & (self.depth[k] > 0)
        met = frame.depth[np.clip(at[:, 1], 0, height - 1), np.clip(at[:, 0], 0, width - 1)]
        seen = inside & (met > self.depth[k] - self._under)
        self.flags[k] = np.where(seen, SEEN, np.where(inside, HIDDEN, OUTSIDE))
        self._frame += 1


class Pose:
    """pose.npz, SMPL-X's layout (55 joints): joint_name; pose (T, 55, 3) axis-angle radians; translation (T, 3) and
    shape (S,) as `talkie.heads.body.BodyModel` takes them; joints (T, 55, 3) world metres; joints_px (T, 55, 2) pixels
    and joints_flag (T, 55) in COCO's sense (0 outside, 1 hidden, 2 seen). And by layout of `KEYPOINT_LAYOUTS`:
    NAME_name (K,), NAME (T, K, 3) pixels x, y and that flag, NAME_world (T, K, 3) metres."""

    member = "pose.npz"

    def __init__(self, take: Take) -> None:
        assert take.body is not None
        self._body, camera = take.body, take.cameras[0]
        transforms = torch.as_tensor(self._body.transforms)
        landmarks = take.model.landmarks(torch.as_tensor(take.vertices, dtype=torch.float32))
        weights = torch.as_tensor(self._body.shape)[None]
        self._joints = Looker(self._body.joints, JOINT_NAMES, camera)
        self._world = {
            name: keypoints(builtin_body(), name, transforms, landmarks, weights).numpy() for name in KEYPOINT_LAYOUTS
        }
        self._points = {name: Looker(world, LAYOUTS[name], camera) for name, world in self._world.items()}

    def see(self, frame: Frame) -> None:
        for looker in (self._joints, *self._points.values()):
            looker.see(frame)

    def finish(self) -> bytes:
        body = self._body
        arrays = {
            "joint_name": np.array(JOINT_NAMES),
            "pose": body.pose,
            "translation": body.translation,
            "shape": body.shape,
            "shape_name": np.array(builtin_body().shape_names),
            "joints": body.joints.astype(np.float32),
            "joints_px": self._joints.pixels.astype(np.float32),
            "joints_flag": self._joints.flags,
        }
        for name, looker in self._points.items():
            flagged = np.concatenate([looker.pixels, looker.flags[..., None]], -1)
            arrays |= {f"{name}_name": np.array(LAYOUTS[name]), name: flagged.astype(np.float32)}
            arrays[f"{name}_world"] = self._world[name].astype(np.float32)
        return encode_field(self.member, arrays)
