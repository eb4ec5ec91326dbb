"""A request's video on its way into TalkLip and back: as long as the sound, with face boxes, and with painted faces in
them. What paints them is elsewhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talkie.clip import SAMPLES_PER_FRAME
from talkie.faces import FaceTracker
from talkie.systems.tasks.dubbing import DubbingRequest
from talkie_zoo.blocks.face_track import still_points, tracked_boxes
from talkie_zoo.blocks.paste import paste

AT_ONCE = 32
"""Frames that are pasted into together, so that memory does not grow with the video."""


def sounding(request: DubbingRequest, margin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (T, H, W, 3), face boxes (T, 3) and `still_points` (T, 6, 2) for every frame of the sound: the video
    cut, or repeated."""
    wanted = -(-len(request.audio) // SAMPLES_PER_FRAME)
    points = request.landmarks if request.landmarks is not None else tracked_points(request.frames)
    rows = np.arange(wanted) % len(request.frames)
    boxes = tracked_boxes(points, margin)
    return request.frames[rows], boxes[rows], still_points(points, boxes)[rows]


def tracked_points(frames: np.ndarray) -> np.ndarray:
    """(T, 478, 3) MediaPipe's landmarks in pixels of frames (T, H, W, 3), NaN where no face is found."""
    found = np.full((len(frames), 478, 3), np.nan)
    with FaceTracker() as tracker:
        for number, frame in enumerate(frames):
            points = tracker.track(np.ascontiguousarray(frame))
            if points is not None:
                found[number] = points
    return found


def put_back(frames: np.ndarray, faces: Tensor, boxes: Tensor) -> np.ndarray:
    """Faces (T, 3, S, S) in [0, 1] in their boxes (T, 3) of frames (T, H, W, 3) uint8; outside of them not a bit
    changes."""
    out = np.empty_like(frames)
    for first in range(0, len(frames), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        whole = torch.from_numpy(frames[part]).permute(0, 3, 1, 2).float()
        pasted = paste(whole, faces[part] * 255, boxes[part])
        out[part] = pasted.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return out
