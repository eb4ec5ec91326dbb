"""MediaPipe's face networks on one place of one frame: where faces may be, and the 478 landmarks of each.

Who is who from frame to frame is `people`'s business."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any

import numpy as np

LANDMARKS = 478
RIGHT_PUPIL, LEFT_PUPIL = 468, 473
"""Iris centres of MediaPipe's refined mesh; right and left are the person's."""
RIGHT_CORNER, LEFT_CORNER = 33, 263
"""Outer corners of the eyes."""

_ROI_SCALE = 1.5
"""Side of the square that the mesh sees, in sizes of the face: MediaPipe's own, for detections and landmarks alike."""
_GRAPH = """
input_stream: "image" input_stream: "roi" input_side_packet: "attention" output_stream: "landmarks"
executor { name: "" type: "ApplicationThreadExecutor" }
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image" input_stream: "ROI:roi" input_side_packet: "WITH_ATTENTION:attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
_LONG_RANGE, _SHORT_RANGE = 1, 0
"""MediaPipe's numbers of its detectors."""
_SCORE = "facelandmarkcpu__face_presence_score"
_TICK_US = 1000
_COORDINATES = [3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16]
"""Where the bytes of x, y and z stand among the 17 of a serialised landmark."""


@dataclass(frozen=True)
class Place:
    """Where a face is looked for: centre (2,) and side of an upright square in source pixels, turned by `angle` rad
    (clockwise in the picture)."""

    centre: np.ndarray
    side: float
    angle: float = 0.0

    @property
    def size(self) -> float:
        """Of the face: the larger side of its landmarks' bounds."""
        return self.side / _ROI_SCALE

    def far(self, point: np.ndarray) -> float:
        """From the centre to a point (2,), in sizes of the face."""
        return math.hypot(*(point - self.centre)) / max(self.size, 1e-6)


class FaceNets:
    """The face mesh and both of MediaPipe's face detectors, the long-range and the short-range one: each misses faces
    that the other finds. Without memory from call to call: the same frame and place give the same landmarks. Holds
    native memory until `close` (also a context manager)."""

    def __init__(self, min_confidence: float = 0.5) -> None:
        self.min_confidence = min_confidence
        solutions = mediapipe_solutions()
        self._detectors = [
            solutions.face_detection.FaceDetection(model_selection=model, min_detection_confidence=min_confidence)
            for model in (_LONG_RANGE, _SHORT_RANGE)
        ]
        self._mesh = _mesh_graph(self._caught)
        self._packets: dict[str, Any] = {}
        self._time_us = 0

    def __enter__(self) -> FaceNets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._mesh.close()
        for detector in self._detectors:
            detector.close()

    def _caught(self, name: str, packet: Any) -> None:
        self._packets[name] = packet

    def landmarks(self, frame: np.ndarray, place: Place) -> tuple[np.ndarray, float] | None:
        """Landmarks (478, 3) float32 of the face at a place of a frame (H, W, 3) uint8 RGB, and the network's
        probability that a face is there; None below `min_confidence`, or off the frame.

        x, y: source pixels, pixel centres at half integers, y down; z: the same scale, growing away from the camera, 0
        at the head's centre. (The network gives none at all below 0.5.)"""
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import image_frame

        cut = _part(frame, place)
        if cut is None:
            return None
        part, corner = cut
        height, width = part.shape[:2]
        x, y = (float(v) for v in place.centre - corner)
        rect = rect_pb2.NormalizedRect(
            x_center=x / width,
            y_center=y / height,
            width=place.side / width,
            height=place.side / height,
            rotation=place.angle,
        )
        self._time_us += _TICK_US
        self._packets.clear()
        image = packet_creator.create_image_frame(image_format=image_frame.ImageFormat.SRGB, data=part)
        self._mesh.add_packet_to_input_stream("image", image.at(self._time_us))
        self._mesh.add_packet_to_input_stream("roi", packet_creator.create_proto(rect).at(self._time_us))
        self._mesh.wait_until_idle()
        if "landmarks" not in self._packets:
            return None
        score = float(packet_getter.get_float(self._packets[_SCORE]))
        if score < self.min_confidence:
            return None
        points = _points(packet_getter.get_proto(self._packets["landmarks"]))
        scale = np.array([width, height, width], np.float32)
        return points * scale + np.array([*corner, 0], np.float32), score

    def detect(self, frame: np.ndarray) -> list[tuple[Place, float]]:
        """Places of faces in a frame or a part of it, with the detector's score: those of the long-range one, best
        first, and then those of the other, whose squares are not quite alike. A face that both find is there twice."""
        return [place for detector in self._detectors for place in _detected(detector, frame)]


def _detected(detector: Any, frame: np.ndarray) -> list[tuple[Place, float]]:
    height, width = frame.shape[:2]
    found = []
    for detection in detector.process(frame).detections or []:
        where = detection.location_data
        box = where.relative_bounding_box
        size = max(box.width * width, box.height * height)
        centre = np.array([(box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height])
        right, left = (np.array([p.x * width, p.y * height]) for p in where.relative_keypoints[:2])
        found.append((Place(centre, _ROI_SCALE * size, _slope(right, left)), float(detection.score[0])))
    return sorted(found, key=lambda item: (-item[1], *item[0].centre))


def place_of(landmarks: np.ndarray) -> Place:
    """Where to look for the face of landmarks (478, 3) in the next frame: as MediaPipe's own tracking does."""
    columns = np.ascontiguousarray(landmarks[:, :2].T)
    low, high = columns.min(1), columns.max(1)
    angle = _slope(landmarks[RIGHT_CORNER], landmarks[LEFT_CORNER])
    return Place((low + high).astype(np.float64) / 2, _ROI_SCALE * float((high - low).max()), angle)


def tracker_version() -> str:
    """Name and version of the tool behind the landmarks, for a clip's record."""
    return f"mediapipe face_mesh {version('mediapipe')}"


def interocular(landmarks: np.ndarray) -> np.ndarray:
    """Distance between the iris centres in the image: (..., 478, 3) -> (...,) in the landmarks' pixels."""
    return np.linalg.norm(landmarks[..., LEFT_PUPIL, :2] - landmarks[..., RIGHT_PUPIL, :2], axis=-1)


def _slope(right: np.ndarray, left: np.ndarray) -> float:
    return math.atan2(left[1] - right[1], left[0] - right[0])


def _part(frame: np.ndarray, place: Place) -> tuple[np.ndarray, np.ndarray] | None:
    """The pixels that a place can touch, and their corner: a picture handed over is copied, and a face is a small part
    of it. Two pixels more on each side keep the sampling as in the whole frame."""
    reach = place.side / 2 * (abs(math.cos(place.angle)) + abs(math.sin(place.angle))) + 2
    height, width = frame.shape[:2]
    x0, y0 = (int(max(0.0, math.floor(v - reach))) for v in place.centre)
    x1, y1 = (int(min(limit, math.ceil(v + reach))) for v, limit in zip(place.centre, (width, height), strict=True))
    if x1 - x0 < 16 or y1 - y0 < 16:
        return None
    return np.ascontiguousarray(frame[y0:y1, x0:x1]), np.array([x0, y0])


def _points(message: Any) -> np.ndarray:
    """x, y, z of a list of landmarks: (478, 3) float32.

    Read from its bytes, which hold for each point two bytes of frame and three tagged floats: reading 1,434 numbers one
    by one from the message takes a millisecond, a quarter of the network's own time."""
    rows = np.frombuffer(message.SerializeToString(), np.uint8).reshape(LANDMARKS, 17)
    return np.ascontiguousarray(rows[:, _COORDINATES]).view("<f4")


def _mesh_graph(caught: Any) -> Any:
    """The landmark network alone. MediaPipe's ready graph searches the frame whenever fewer faces are in view than it
    may follow, and gives the faces without ids."""
    import mediapipe
    from google.protobuf import text_format
    from mediapipe.framework import calculator_pb2
    from mediapipe.python import packet_creator
    from mediapipe.python._framework_bindings import calculator_graph, resource_util

    resource_util.set_resource_dir(os.path.dirname(os.path.dirname(mediapipe.__file__)))
    graph = calculator_graph.CalculatorGraph(
        graph_config=text_format.Parse(_GRAPH, calculator_pb2.CalculatorGraphConfig())
    )
    for name in ("landmarks", _SCORE):
        graph.observe_output_stream(name, caught)
    graph.start_run({"attention": packet_creator.create_bool(True)})
    return graph


def mediapipe_solutions() -> Any:
    """MediaPipe, imported late (a second) and told before that to keep its graph's chatter to itself."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mediapipe.python import solutions

    return solutions
