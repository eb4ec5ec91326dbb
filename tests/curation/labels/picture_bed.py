"""Filmed takes of the stage as an annotator meets them: MediaPipe's landmarks of the encoded picture, the fitted head,
views and a draft, beside the stage's truth. What is measured on them stands in the tests and in the bench."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from talkie.clip import HeadTrack
from talkie.curation.draft import Annotator, Draft, Findings, View
from talkie.curation.labels.picture.regions import TOLD
from talkie.faces import FaceTracker
from talkie.heads import builtin_head
from talkie.heads.fitting import assumed_camera, fit_clip, landmark_basis
from talkie.heads.mask_classes import INDEX
from talkie.media import decode_mp4
from talkie.shards import decode_field
from talkie.stage.record import film_take
from talkie.stage.shoot import Shoot, load_shoot


@dataclass(frozen=True)
class Take:
    """frames (T, S, S, 3) uint8 as they come out of the encoded clip, which here is the crop and the source at once;
    draft: after the fit; truth: the stage's members by field name, decoded."""

    frames: np.ndarray
    draft: Draft
    truth: dict[str, Any]
    labels: dict[str, str]

    def views(self) -> Iterator[View]:
        for index, frame in enumerate(self.frames):
            points, box = self.draft.landmarks[index], self.draft.boxes[index]
            yield View(index, frame, frame, points, box, bool(self.draft.seen[index]))


def faces(seed: int, **changes: Any) -> Shoot:
    """Faces under emotions, from up to 20 degrees to the side, with everything that labels are compared with."""
    sensors = ("gaze", "action_units", "mask", "matte")
    return load_shoot("emotion", seed=seed, sensors=sensors, **{"rig.turn_deg": 20.0, **changes})


def bodies(seed: int, size: int = 384, text: str | None = None) -> Shoot:
    """Half bodies whose hands move."""
    fields = {"rig.framing": ["half"], "rig.size": size, "script.texts": text and [text]}
    return load_shoot("body", seed=seed, sensors=("pose", "hands", "mask", "matte"), **fields)


def filmed(shoot: Shoot, clips: int, number: int, frames: int | None = None) -> Take | None:
    """One take, followed and fitted as curation does it; None where no face is found in its first frame."""
    clip = film_take(shoot, clips, number).clip
    assert clip is not None
    truth = {name: decode_field(name, data) for name, data in clip.members.items() if name.endswith((".npz", ".npy"))}
    truth |= {
        name: decode_field(name, clip.members[name]) for name in ("mask.mp4", "matte.mp4") if name in clip.members
    }
    return watched(decode_mp4(clip.members["mp4"])[:frames], truth, clip.record.labels)


def watched(frames: np.ndarray, truth: dict[str, Any], labels: dict[str, str]) -> Take | None:
    """Frames (T, S, S, 3) tracked by MediaPipe and fitted with the built-in head."""
    size, found = frames.shape[1], []
    with FaceTracker() as tracker:
        for frame in frames:
            points = tracker.track(frame)
            found.append(found[-1] if points is None and found else points)
            if found[0] is None:
                return None
    landmarks = np.stack(found)
    boxes = np.tile([0.0, 0.0, float(size)], (len(frames), 1))
    head = fitted(landmarks, size)
    draft = Draft(0, size, landmarks, boxes, np.ones(len(frames), bool), (size, size), head=head)
    return Take(frames, draft, truth, labels)


def fitted(landmarks: np.ndarray, size: int) -> HeadTrack:
    model = builtin_head()
    basis = landmark_basis(model)
    return fit_clip(model, landmarks, assumed_camera(basis, landmarks, size, size), basis=basis).track


def annotate(annotator: Annotator, take: Take) -> tuple[Findings, float]:
    """What it finds, and milliseconds a frame."""
    watcher = annotator.start()
    start = time.perf_counter()
    for view in take.views():
        watcher.see(view)
    findings = watcher.finish(take.draft)
    return findings, 1000 * (time.perf_counter() - start) / len(take.frames)


@cache
def short_take() -> Take:
    """A second and a half of a face, filmed once for all tests of a process."""
    changes = {"script.texts": ["Oh, hello there."], "rig.size": 192, "cast.people": 2}
    take = filmed(faces(31, **changes), 2, 0)
    assert take is not None
    return take


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (T,) between the unit vectors (T, 2, 3) of both eyes, mean of the two."""
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1))).mean(1)


def overlaps(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels (C, 2) of each class of TOLD in both and in either mask; teeth and tongue count as the mouth's."""
    inner = [INDEX["teeth"], INDEX["tongue"]]
    truth = np.where(np.isin(truth, inner), INDEX["mouth_inside"], truth)
    both = [((found == INDEX[n]) & (truth == INDEX[n])).sum() for n in TOLD]
    either = [((found == INDEX[n]) | (truth == INDEX[n])).sum() for n in TOLD]
    return np.stack([both, either], 1)


def iou_by_class(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Intersection over union of each class that has 200 pixels at least."""
    counts = overlaps(found, truth)
    return {name: both / either for name, (both, either) in zip(TOLD, counts, strict=True) if either >= 200}
