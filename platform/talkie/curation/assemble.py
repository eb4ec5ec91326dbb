"""Puts a clip together: landmarks and head in crop pixels, sound, record with scores. Decoding happened before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from talkie.clip import FPS, ClipRecord, Crop, Source, Split, clip_id
from talkie.curation.config import CurateConfig
from talkie.curation.hearing import Heard, Hearing, part
from talkie.curation.sources import SourceFile
from talkie.curation.stretches import Stretch
from talkie.faces import crop_camera, interocular, to_crop
from talkie.heads.fitting import Fit, LandmarkBasis, assumed_camera, fit_clip
from talkie.heads.model import HeadModel
from talkie.media import encode_flac
from talkie.shards import RawClip, encode_field

SCORE_MEANING = {
    "face_found": "share of frames in which the face was found; in the others it is interpolated",
    "face_px": "median size of the face in the source: larger side of the landmarks' bounds, pixels",
    "in_frame": "mean share of the crop's width and height that lies inside the source picture",
    "fit_error": "RMS reprojection error of the fitted head, mean over frames, in inter-ocular distances",
    "expression_std": "mean posterior standard deviation of the fitted expression weights",
    "audio_padded_s": "seconds of silence appended because the sound ends before the picture",
    "phone_confidence": "mean confidence of the phones",
    "damaged_packets": "packets of the source that could not be decoded",
}


class Known(Protocol):
    """What is known of the person and the rights, see `process.Facts`."""

    @property
    def identity(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def consent(self) -> str: ...
    @property
    def split(self) -> Split: ...


@dataclass(frozen=True)
class Prepared:
    """A stretch after tracking: its source, facts, landmarks and boxes, and the encoded crop."""

    source: SourceFile
    facts: Known
    stretch: Stretch
    mp4: bytes
    damaged_packets: int


def assemble(
    prepared: Prepared,
    hearing: Hearing,
    config: CurateConfig,
    model: HeadModel,
    basis: LandmarkBasis,
    tools: dict[str, str],
) -> tuple[RawClip, list[dict[str, Any]]]:
    """The clip, and values for ledger lines about labels that could not be made."""
    stretch = prepared.stretch
    boxes = np.stack(stretch.boxes)
    source_points = np.stack(stretch.landmarks)
    landmarks = to_crop(source_points, boxes, config.crop.size)
    fit = _fit(source_points, landmarks, boxes, stretch, config, model, basis)
    heard = part(hearing, stretch.indices[0], len(stretch))
    members = {
        "mp4": prepared.mp4,
        "landmarks.npy": encode_field("landmarks.npy", landmarks),
        "head.npz": encode_field("head.npz", fit.track),
    }
    if heard.audio is not None:
        members["flac"] = encode_flac(heard.audio)
    if heard.transcription is not None:
        members["phones.json"] = encode_field("phones.json", heard.transcription)
    if heard.text is not None:
        members["txt"] = encode_field("txt", heard.text)
    scores = _scores(prepared, landmarks, boxes, fit, heard)
    record = _record(prepared, hearing, heard, scores, config, tools)
    return RawClip(record, members), _notes(hearing, record)


def _fit(
    source_points: np.ndarray,
    landmarks: np.ndarray,
    boxes: np.ndarray,
    stretch: Stretch,
    config: CurateConfig,
    model: HeadModel,
    basis: LandmarkBasis,
) -> Fit:
    height, width = stretch.shape
    seen = np.array(stretch.seen)
    camera = assumed_camera(basis, source_points[seen], width, height, config.camera_distance_m)
    return fit_clip(
        model,
        landmarks,
        crop_camera(camera, boxes, config.crop.size),
        visible=seen,
        distance_m=config.camera_distance_m,
        settings=config.fit,
        basis=basis,
    )


def _scores(prepared: Prepared, landmarks: np.ndarray, boxes: np.ndarray, fit: Fit, heard: Heard) -> dict[str, float]:
    stretch = prepared.stretch
    seen = np.array(stretch.seen)
    sizes = np.ptp(np.stack(stretch.landmarks)[..., :2], axis=1).max(-1)
    scores = {
        "face_found": float(seen.mean()),
        "face_px": float(np.median(sizes)),
        "in_frame": _share_in_frame(boxes, stretch.shape),
        "fit_error": float((fit.track.residual / interocular(landmarks))[seen].mean()),
        "expression_std": float(fit.expression_std[seen].mean()),
        "damaged_packets": float(prepared.damaged_packets),
    }
    if heard.audio is not None:
        scores["audio_padded_s"] = heard.padded_s
    if heard.transcription is not None and heard.transcription.phones:
        scores["phone_confidence"] = float(np.mean([p.confidence for p in heard.transcription.phones]))
    # Six digits are far beyond what the scores mean, and keep the last bit of a sum out of the shards.
    return {name: round(value, 6) for name, value in scores.items()}


def _share_in_frame(boxes: np.ndarray, shape: tuple[int, int]) -> float:
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    inside = np.minimum(high, shape[::-1]) - np.maximum(low, 0)
    return float((np.clip(inside, 0, None) / boxes[:, 2:]).mean())


def _record(
    prepared: Prepared,
    hearing: Hearing,
    heard: Heard,
    scores: dict[str, float],
    config: CurateConfig,
    tools: dict[str, str],
) -> ClipRecord:
    source, stretch, facts = prepared.source, prepared.stretch, prepared.facts
    start_s, end_s = stretch.indices[0] / FPS, (stretch.indices[-1] + 1) / FPS
    return ClipRecord(
        id=clip_id(source.sha256, start_s, end_s),
        source=Source(uri=source.uri, name=source.name, sha256=source.sha256, start_s=start_s, end_s=end_s),
        frames=len(stretch),
        identity=facts.identity,
        language=facts.language,
        licence=facts.licence,
        consent=facts.consent,
        split=facts.split,
        labels={"audio": hearing.origin} if hearing.origin else {},
        crop=Crop(size=config.crop.size, boxes=[(float(x), float(y), float(side)) for x, y, side in stretch.boxes]),
        transcript_origin="sidecar" if heard.text is not None else None,
        phones_origin=heard.transcription.origin if heard.transcription is not None else None,
        scores=scores,
        score_meaning={name: SCORE_MEANING[name] for name in scores},
        tools=tools,
    )


def _notes(hearing: Hearing, record: ClipRecord) -> list[dict[str, Any]]:
    """A transcript that does not fit the sound is not dropped in silence."""
    if hearing.failure is None:
        return []
    return [
        {
            "cause": "alignment_failed",
            "message": f"transcript left out: {hearing.failure}",
            "step": "listen",
            "start_s": record.source.start_s,
            "end_s": record.source.end_s,
        }
    ]
