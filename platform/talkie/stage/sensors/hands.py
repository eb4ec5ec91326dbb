"""Labels of both hands: 21 points each in MediaPipe's order, where the picture shows them, and in the world."""

from __future__ import annotations

import numpy as np
import torch

from talkie.heads.body import builtin_body
from talkie.heads.body.hands import fingers_of
from talkie.heads.body.keypoints import LAYOUTS, keypoints
from talkie.heads.body.skeleton import INDEX, SIDES
from talkie.render import Frame
from talkie.shards import encode_field
from talkie.stage.sensors.pose import OUTSIDE, SEEN, Looker
from talkie.stage.take import Take

_LEAST_SEEN, _LEAST_INSIDE = 5, 11
"""A hand is in the picture where more than half of its 21 points lie inside and a few of them are seen."""


class Hands:
    """hands.npz: handedness (2,) "left", "right", the person's own; landmark_name (21,); landmarks (T, 2, 21, 3): x, y
    in pixels of the picture, z in the same scale, growing away from the camera and 0 at the wrist, as MediaPipe's; flag
    (T, 2, 21) in COCO's sense (0 outside, 1 hidden, 2 seen); present (T, 2) bool; world (T, 2, 21, 3) metres; wrist
    (T, 2, 3, 3) world rotation of the wrist from rest; finger_pose (T, 2, 15, 3) axis-angle, SMPL-X's order."""

    member = "hands.npz"

    def __init__(self, take: Take) -> None:
        assert take.body is not None
        self._take = take
        transforms = torch.as_tensor(take.body.transforms)
        weights = torch.as_tensor(take.body.shape)[None]
        names = [f"{side}_hand21" for side in SIDES]
        self._world = [keypoints(builtin_body(), n, transforms, weights=weights).numpy() for n in names]
        self._lookers = [Looker(w, LAYOUTS[n], take.cameras[0]) for w, n in zip(self._world, names, strict=True)]

    def see(self, frame: Frame) -> None:
        for looker in self._lookers:
            looker.see(frame)

    def finish(self) -> bytes:
        body = self._take.body
        assert body is not None
        focal = self._take.cameras[0].K[:, 0, 0]
        points, flags = [], []
        for looker in self._lookers:
            far = looker.depth - looker.depth[:, :1]
            scale = (focal / looker.depth[:, 0])[:, None]
            points.append(np.concatenate([looker.pixels, (far * scale)[..., None]], -1))
            flags.append(looker.flags)
        flag = np.stack(flags, 1)
        present = ((flag == SEEN).sum(-1) >= _LEAST_SEEN) & ((flag != OUTSIDE).sum(-1) >= _LEAST_INSIDE)
        wrists = [INDEX[f"{side}_wrist"] for side in SIDES]
        arrays = {
            "handedness": np.array(SIDES),
            "landmark_name": np.array([name.removeprefix("left_") for name in LAYOUTS["left_hand21"]]),
            "landmarks": np.stack(points, 1).astype(np.float32),
            "flag": flag,
            "present": present,
            "world": np.stack(self._world, 1).astype(np.float32),
            "wrist": body.transforms[:, wrists, :3, :3].astype(np.float32),
            "finger_pose": np.stack([body.pose[:, fingers_of(side)] for side in SIDES], 1).astype(np.float32),
        }
        return encode_field(self.member, arrays)
