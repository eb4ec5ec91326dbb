"""Where the 21 keypoints lie on a face, and their motion as a tracked head and its landmarks say it: what the stand-in
for LivePortrait's pretrained renderer is taught. Networks are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.faces.crop import to_crop
from talkie.heads import HeadModel, axis_angle_to_matrix
from talkie_zoo.blocks.implicit_keypoints import angles_of, rotation

POINTS = (10, 168, 234, 454, 127, 356, 61, 1, 70, 300, 197, 468, 291, 159, 13, 473, 386, 14, 9, 17, 152)
"""MediaPipe's point under each keypoint. Lips are corners, inner and outer lip and the chin, which the jaw carries;
eyes are irises, upper lids and the glabella; all others hardly move with speech."""
STEADY = (10, 168, 234, 454, 127, 356, 197, 6, 33, 133, 362, 263, 54, 284, 93, 323)
"""Points that place the head whatever the face does."""
UNIT_M = 0.1
"""A unit of canonical keypoints in metres."""
_UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""Head axes to those of the picture."""


def places(points: np.ndarray, box: np.ndarray) -> Tensor:
    """Landmarks (n, 478, 3) in pixels -> the same in halves of the side of a box (3,), 0 in its middle."""
    return torch.from_numpy(to_crop(np.asarray(points, np.float32), box, 2)) - torch.tensor([1.0, 1.0, 0.0])


def canonical(head: HeadModel, identity: np.ndarray) -> tuple[Tensor, Tensor]:
    """Keypoints (21, 3) and steady points (S, 3) of a person's face at rest, about the middle of the steady ones."""
    rest = at_rest(head, identity)
    middle = rest[list(STEADY)].mean(0)
    return rest[list(POINTS)] - middle, rest[list(STEADY)] - middle


@torch.no_grad()
def at_rest(head: HeadModel, identity: np.ndarray) -> Tensor:
    """Landmarks (478, 3) of a person's face at rest, in canonical units and the picture's axes."""
    rest = head.landmarks(head.vertices(identity=torch.as_tensor(identity, dtype=torch.float32)[None]))[0]
    return rest @ _UPRIGHT / UNIT_M


def truth(head: HeadModel, clip: Clip, frames: Sequence[int], box: np.ndarray) -> dict[str, Tensor]:
    """Of n frames seen in a box: kp (n, 21, 3), x (n, 21, 3), scale (n, 1), angles (n, 3) degrees, t (n, 3), exp
    (n, 21, 3), so that x = scale * (kp @ R + exp) + t.

    R is the head's own, before the camera; scale and t fit the steady points by least squares; exp is what is left of
    the landmarks, in depth about the middle of the steady points. Needs head.npz and landmarks.npy."""
    track, at = clip.fields["head.npz"], list(frames)
    seen = places(clip.fields["landmarks.npy"][at], box)
    kp, steady = canonical(head, track.identity)
    rows = [torch.as_tensor(np.asarray(a, np.float32)) for a in (track.rotation[at], track.neck[at], track.R)]
    turned = (rows[2] if rows[2].ndim == 2 else rows[2][at]) @ axis_angle_to_matrix(rows[0])
    angles = angles_of((turned @ axis_angle_to_matrix(rows[1]) @ _UPRIGHT).transpose(-1, -2))
    laid = steady @ rotation(angles)
    wanted = seen[:, list(STEADY)]
    middle = wanted.mean(1, keepdim=True)
    spread = laid - laid.mean(1, keepdim=True)
    scale = (spread * (wanted - middle)).sum((1, 2)) / spread.square().sum((1, 2))
    t = middle[:, 0] - scale[:, None] * laid.mean(1)
    x = seen[:, list(POINTS)]
    exp = (x - t[:, None]) / scale[:, None, None] - kp @ rotation(angles)
    x = x - t[:, None] * x.new_tensor([0.0, 0.0, 1.0])
    flat = t * t.new_tensor([1.0, 1.0, 0.0])
    kp = kp.expand(len(at), -1, -1)
    return {"kp": kp, "x": x, "scale": scale[:, None], "angles": angles, "t": flat, "exp": exp}


LIDS = (((160, 144), (159, 145), (158, 153)), ((385, 380), (386, 374), (387, 373)))
CORNERS, IRISES = ((33, 133), (362, 263)), (468, 473)


def eyes(points: Tensor) -> tuple[Tensor, Tensor]:
    """What landmarks (n, 478, 3) say of both eyes, the person's right one first: openness (n, 2), the sum of three lid
    heights over the eye's width, and gaze (n, 6), where the iris stands from the middle of the corners, over the same
    width."""
    openness, gaze = [], []
    for lids, (a, b), iris in zip(LIDS, CORNERS, IRISES, strict=True):
        width = (points[:, a] - points[:, b]).norm(dim=-1, keepdim=True).clamp_min(1e-6)
        heights = [(points[:, upper] - points[:, lower]).norm(dim=-1, keepdim=True) for upper, lower in lids]
        openness.append(torch.stack(heights).sum(0) / width)
        gaze.append((points[:, iris] - (points[:, a] + points[:, b]) / 2) / width)
    return torch.cat(openness, 1), torch.cat(gaze, 1)


def mirrored_eyes(openness: Tensor, gaze: Tensor) -> tuple[Tensor, Tensor]:
    """The same of the mirrored picture."""
    swapped = torch.cat([gaze[:, 3:], gaze[:, :3]], 1)
    return openness.flip(1), swapped * swapped.new_tensor([-1.0, 1.0, 1.0] * 2)


def aperture(points: Tensor) -> Tensor:
    """How far the inner lips are apart over the mouth's width, of keypoints (n, 21, 3): (n,). Keypoints 14 and 17 are
    the inner lips, 6 and 12 the corners."""
    apart = (points[:, 14, :2] - points[:, 17, :2]).norm(dim=-1)
    return apart / (points[:, 6, :2] - points[:, 12, :2]).norm(dim=-1).clamp_min(1e-6)
