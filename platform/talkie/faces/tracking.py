"""MediaPipe's face mesh over a shot, frame by frame; what is cut out around the face is `crop`'s business."""

from __future__ import annotations

import os
from importlib.metadata import version
from types import TracebackType
from typing import Any

import numpy as np

LANDMARKS = 478
RIGHT_PUPIL, LEFT_PUPIL = 468, 473
"""Iris centres of MediaPipe's refined mesh; right and left are the person's."""

_MAX_FACES = 4
_SEARCH_PX = 512
"""Side to which a part of the frame is scaled for the second try."""


class FaceTracker:
    """Follows the largest face of a shot: feed it the frames in order, get 478 landmarks or None for each.

    The mesh tracks from the last frame and looks for faces anew while fewer than four are in view. It starts
    with the largest face and stays with the one that overlaps it best; where that one is gone, the largest
    counts again. Where nothing is found, a second try looks at an enlarged part of the frame: around the last
    place of the face, else around what the long-range detector proposes (the mesh's own detector misses faces
    below about a fifth of the frame). State depends only on the frames given: one tracker a shot keeps results
    reproducible. Holds native memory until `close` (also a context manager).
    """

    def __init__(self, min_confidence: float = 0.5) -> None:
        solutions = _mediapipe_solutions()
        mesh = solutions.face_mesh.FaceMesh
        limits = {"refine_landmarks": True, "min_detection_confidence": min_confidence}
        self._mesh = mesh(max_num_faces=_MAX_FACES, min_tracking_confidence=min_confidence, **limits)
        self._still_mesh = mesh(static_image_mode=True, max_num_faces=1, **limits)
        self._detector = solutions.face_detection.FaceDetection(
            model_selection=1, min_detection_confidence=min_confidence
        )
        self._last: np.ndarray | None = None

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for graph in (self._mesh, self._still_mesh, self._detector):
            graph.close()

    def track(self, frame: np.ndarray) -> np.ndarray | None:
        """Landmarks (478, 3) float32 of one frame (H, W, 3) uint8 RGB, or None where no face is found.

        x, y: source pixels, pixel centres at half integers, y down; z: the same scale, growing away from the
        camera, 0 at the head's centre.
        """
        frame = np.ascontiguousarray(frame)
        faces = _landmarks(self._mesh.process(frame), frame.shape[1], frame.shape[0])
        chosen = self._choose(faces) if faces else self._second_try(frame)
        if chosen is not None:
            self._last = chosen
        return chosen

    def _choose(self, faces: list[np.ndarray]) -> np.ndarray:
        if self._last is not None:
            last = self._last
            overlap = [_overlap(_bounds(face), _bounds(last)) for face in faces]
            best = int(np.argmax(overlap))
            if overlap[best] > 0.1:
                return faces[best]
        return max(faces, key=lambda face: float(np.prod(_bounds(face)[2:] - _bounds(face)[:2])))

    def _second_try(self, frame: np.ndarray) -> np.ndarray | None:
        places = []
        if self._last is not None:
            places.append(_bounds(self._last))
        places += _detections(self._detector.process(frame), frame.shape[1], frame.shape[0])
        for place in places:
            found = self._look_at(frame, place)
            if found is not None:
                return found
        return None

    def _look_at(self, frame: np.ndarray, place: np.ndarray) -> np.ndarray | None:
        """The mesh on a square of twice the size of `place` (x0, y0, x1, y1), scaled to a fixed size."""
        import cv2

        centre = (place[:2] + place[2:]) / 2
        half = float(max(place[2:] - place[:2]))
        height, width = frame.shape[:2]
        x0, y0 = (int(max(0.0, v)) for v in centre - half)
        x1, y1 = (int(min(limit, v)) for limit, v in zip((width, height), centre + half, strict=True))
        if x1 - x0 < 16 or y1 - y0 < 16:
            return None
        scale = _SEARCH_PX / max(x1 - x0, y1 - y0)
        size = (round((x1 - x0) * scale), round((y1 - y0) * scale))
        part = cv2.resize(frame[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR)
        faces = _landmarks(self._still_mesh.process(part), x1 - x0, y1 - y0)
        if not faces:
            return None
        return faces[0] + np.array([x0, y0, 0], np.float32)


def tracker_version() -> str:
    """Name and version of the tool behind FaceTracker, for a clip's record."""
    return f"mediapipe face_mesh {version('mediapipe')}"


def interocular(landmarks: np.ndarray) -> np.ndarray:
    """Distance between the iris centres in the image: (..., 478, 3) -> (...,) in the landmarks' pixels."""
    return np.linalg.norm(landmarks[..., LEFT_PUPIL, :2] - landmarks[..., RIGHT_PUPIL, :2], axis=-1)


def _mediapipe_solutions() -> Any:
    """MediaPipe, imported late (a second) and told before that to keep its graph's chatter to itself."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mediapipe.python import solutions

    return solutions


def _landmarks(result: Any, width: int, height: int) -> list[np.ndarray]:
    """Every face of a mesh result in pixels; MediaPipe gives x and z in image widths, y in heights."""
    scale = np.array([width, height, width], np.float32)
    faces = result.multi_face_landmarks or []
    return [np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * scale for face in faces]


def _detections(result: Any, width: int, height: int) -> list[np.ndarray]:
    """Boxes (x0, y0, x1, y1) in pixels of a detector result, largest first."""
    boxes = []
    for detection in result.detections or []:
        box = detection.location_data.relative_bounding_box
        x, y, w, h = box.xmin * width, box.ymin * height, box.width * width, box.height * height
        boxes.append(np.array([x, y, x + w, y + h]))
    return sorted(boxes, key=lambda b: -float(np.prod(b[2:] - b[:2])))


def _bounds(landmarks: np.ndarray) -> np.ndarray:
    return np.concatenate([landmarks[:, :2].min(0), landmarks[:, :2].max(0)])


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    inner = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner + 1e-9))
