"""A take becomes a clip: sound and facts are laid beside it, the head is fitted, the annotators have their say.

The frames were seen before (`recorder`); whether it is kept is for `judgement`, who it finally shows for `settle`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE, ClipRecord, Crop, Source, Sync, clip_id, split_of
from talkie.curation.config import CurateConfig
from talkie.curation.draft import Annotator, Company, Draft, Findings
from talkie.curation.facts import Known
from talkie.curation.hearing import Hearing, Words, part
from talkie.curation.labels.sound.sync import correction_s
from talkie.curation.recorder import Take
from talkie.faces import crop_camera, interocular, to_crop
from talkie.heads.fitting import Fit, LandmarkBasis, assumed_camera, fit_clip
from talkie.heads.model import HeadModel
from talkie.media import encode_flac
from talkie.shards import RawClip, encode_field

BASIC_SCORES = {
    "face_found": "share of frames in which the face was found; in the others it is interpolated",
    "in_frame": "mean share of the crop's width and height that lies inside the source picture",
    "fit_error": "RMS reprojection error of the fitted head, mean over frames, in inter-ocular distances",
    "expression_std": "mean posterior standard deviation of the fitted expression weights",
    "audio_padded_s": "seconds of silence appended because the sound ends before the picture",
    "phone_confidence": "mean confidence of the phones",
    "text_confidence": "of the transcript: 1 where a person wrote it, else the recogniser's",
    "damaged_packets": "packets of the source that could not be decoded",
}


LICENCES = {"landmarks.npy": "Apache-2.0", "phones.json": "BSD-2-Clause", "head.npz": "Apache-2.0"}
"""Of the models behind the labels of every clip: MediaPipe's mesh, pocketsphinx's acoustics, the built-in head."""


@dataclass(frozen=True)
class Origin:
    """Where takes come from: the file by its address, name and digest, its sound, and how many packets were lost."""

    uri: str
    name: str
    sha256: str
    hearing: Hearing
    damaged_packets: int


@dataclass
class Annotated:
    """A take with all that was found of it; `fields` are decoded values by name."""

    take: Take
    draft: Draft
    fields: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    sync: Sync | None = None
    words: Words = field(default_factory=Words)

    def add(self, annotator: Annotator, found: Findings) -> None:
        for name, value in found.fields.items():
            # Several annotators may write into one member, as the fingerprints do.
            whole = isinstance(value, dict) and isinstance(self.fields.get(name), dict)
            self.fields[name] = {**self.fields[name], **value} if whole else value
        self.scores |= found.scores
        self.meanings |= {name: annotator.scores[name] for name in found.scores}
        self.labels |= found.labels
        self.sync = found.sync or self.sync
        made = [*found.fields, *(["sync"] if found.sync else [])] or ([annotator.name] if found.scores else [])
        self.tools |= dict.fromkeys(made, annotator.tool)
        self.licences |= dict.fromkeys(made, annotator.licence)


class Finisher:
    """Makes clips of takes. Holds what all of them share; `annotators` run in their order."""

    def __init__(
        self,
        config: CurateConfig,
        model: HeadModel,
        basis: LandmarkBasis,
        annotators: Sequence[Annotator],
        tools: dict[str, str],
    ) -> None:
        self._config, self._model, self._basis = config, model, basis
        self._annotators, self._tools = annotators, tools

    def annotate(self, take: Take, company: Sequence[Take], origin: Origin, known: Known, record: int) -> Annotated:
        """Everything that can be found of a take, beside the others of its scene, with the words of a record."""
        result = self._begun(take, company, origin, known, record)
        for annotator, watcher in zip(self._annotators, take.watchers, strict=True):
            found = watcher.finish(replace(result.draft, found=dict(result.fields), scores=dict(result.scores)))
            result.add(annotator, found)
            if found.sync is not None:
                self._put_in_step(result, found.sync, origin, record)
        return result

    def _put_in_step(self, result: Annotated, sync: Sync, origin: Origin, record: int) -> None:
        """Read the sound as much later from the source as it is late, where that is sure and more than a frame."""
        late_s = correction_s(sync, self._config.sync_confidence)
        if abs(late_s) >= 1 / FPS and self._config.correct_sync:
            result.sync = sync.model_copy(update={"applied_s": late_s})
            result.draft = self._heard(result.draft, result.take, origin, record, late_s)

    def clip(self, done: Annotated, origin: Origin, known: Known) -> RawClip:
        """The record and the encoded members; the identity is provisional where nobody vouches for one."""
        take, draft = done.take, done.draft
        start_s, end_s = take.indices[0] / FPS, (take.indices[-1] + 1) / FPS
        # Six digits are far beyond what the scores mean, and keep the last bit of a sum out of the shards.
        scores = {name: round(float(value), 6) for name, value in sorted(done.scores.items())}
        record = ClipRecord(
            id=clip_id(origin.sha256, start_s, end_s, take.track),
            source=Source(uri=origin.uri, name=origin.name, sha256=origin.sha256, start_s=start_s, end_s=end_s),
            frames=len(take),
            identity=known.identity,
            identity_origin="given" if known.vouched else "alone",
            dataset=known.dataset,
            group=known.group,
            language=draft.language,
            licence=known.licence,
            consent=known.consent,
            split=known.split or split_of(known.group or known.identity),
            split_origin="given" if known.split else "derived",
            labels={
                **({"audio": origin.hearing.origin} if origin.hearing.origin else {}),
                **done.labels,
                **known.labels,
            },
            crop=Crop(size=draft.size, boxes=[(float(x), float(y), float(side)) for x, y, side in take.boxes]),
            sync=done.sync,
            transcript_origin=done.words.text_origin if draft.text is not None else None,
            phones_origin=draft.transcription.origin if draft.transcription is not None else None,
            scores=scores,
            score_meaning={name: done.meanings[name] for name in scores},
            tools={**self._tools, **done.tools},
            tool_licences={**LICENCES, **done.licences},
        )
        return RawClip(record, self._members(done))

    def _begun(self, take: Take, company: Sequence[Take], origin: Origin, known: Known, record: int) -> Annotated:
        config = self._config
        boxes, source_points = np.stack(take.boxes), np.stack(take.landmarks)
        seen = np.array(take.seen)
        fit = self._fit(to_crop(source_points, boxes, config.crop.size), source_points, boxes, seen, take.shape)
        draft = Draft(
            track=take.track,
            size=config.crop.size,
            landmarks=to_crop(source_points, boxes, config.crop.size),
            boxes=boxes,
            seen=seen,
            shape=take.shape,
            head=fit.track,
            expression_std=fit.expression_std,
            language=known.language,
            company=_company(take, company),
            shade=np.array(take.shades, np.float32),
            labels=known.labels,
        )
        words = origin.hearing.words.get(record, Words(language=known.language))
        draft = replace(self._heard(draft, take, origin, record), language=words.language)
        scores = {
            "face_found": float(seen.mean()),
            "in_frame": _share_in_frame(boxes, take.shape),
            "fit_error": float((fit.track.residual / interocular(draft.landmarks))[seen].mean()),
            "expression_std": float(fit.expression_std[seen].mean()),
            "damaged_packets": float(origin.damaged_packets),
        }
        if draft.audio is not None:
            scores["audio_padded_s"] = origin.hearing.missing(take.indices[0], len(take))
        if draft.transcription is not None and draft.transcription.phones:
            scores["phone_confidence"] = float(np.mean([p.confidence for p in draft.transcription.phones]))
        if words.text_confidence is not None:
            scores["text_confidence"] = words.text_confidence
        return Annotated(take, draft, scores=scores, meanings=dict(BASIC_SCORES), words=words)

    def _fit(
        self,
        landmarks: np.ndarray,
        source_points: np.ndarray,
        boxes: np.ndarray,
        seen: np.ndarray,
        shape: tuple[int, int],
    ) -> Fit:
        config = self._config
        camera = assumed_camera(self._basis, source_points[seen], shape[1], shape[0], config.camera_distance_m)
        return fit_clip(
            self._model,
            landmarks,
            crop_camera(camera, boxes, config.crop.size),
            visible=seen,
            distance_m=config.camera_distance_m,
            settings=config.fit,
            basis=self._basis,
        )

    def _heard(self, draft: Draft, take: Take, origin: Origin, record: int, shift_s: float = 0.0) -> Draft:
        """The draft with its stretch of the sound, read `shift_s` later from the source."""
        margin = round(self._config.sync_search_s * SAMPLE_RATE)
        heard = part(origin.hearing, take.indices[0], len(take), record, shift_s=shift_s, margin=margin)
        return replace(
            draft,
            audio=heard.audio,
            wide_audio=heard.wide,
            margin=margin,
            transcription=heard.transcription,
            text=heard.text,
        )

    def _members(self, done: Annotated) -> dict[str, bytes]:
        draft = done.draft
        assert draft.head is not None
        members = {
            "mp4": done.take.mp4,
            "landmarks.npy": encode_field("landmarks.npy", draft.landmarks),
            "head.npz": encode_field("head.npz", draft.head),
        }
        if draft.audio is not None:
            members["flac"] = encode_flac(draft.audio)
        if draft.transcription is not None:
            members["phones.json"] = encode_field("phones.json", draft.transcription)
        if draft.text is not None:
            members["txt"] = encode_field("txt", draft.text)
        for name, value in done.fields.items():
            members[name] = value if isinstance(value, bytes) else encode_field(name, value)
        return members


def _origins(hearing: Hearing, words: Words) -> dict[str, str]:
    """Where the sound and the language come from."""
    audio = {"audio": hearing.origin} if hearing.origin else {}
    return {**audio, "language_origin": words.language_origin}


def _company(take: Take, others: Sequence[Take]) -> tuple[Company, ...]:
    """The others of the scene over the take's frames; unseen where they have no face."""
    place = {index: t for t, index in enumerate(take.indices)}
    found = []
    for other in others:
        shared = [(place[index], k) for k, index in enumerate(other.indices) if index in place]
        if other is take or not shared:
            continue
        seen, landmarks = np.zeros(len(take), bool), np.zeros((len(take), *other.landmarks[0].shape), np.float32)
        shade = np.zeros(len(take), np.float32)
        for t, k in shared:
            seen[t], landmarks[t], shade[t] = other.seen[k], other.landmarks[k], other.shades[k]
        found.append(Company(other.track, seen, landmarks, shade))
    return tuple(found)


def _share_in_frame(boxes: np.ndarray, shape: tuple[int, int]) -> float:
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    inside = np.minimum(high, shape[::-1]) - np.maximum(low, 0)
    return float((np.clip(inside, 0, None) / boxes[:, 2:]).mean())
