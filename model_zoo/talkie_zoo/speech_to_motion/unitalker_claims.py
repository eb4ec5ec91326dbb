"""What UniTalker's card claims, as measurements on held-out clips. Claims that need a training of their own (joint
against single-dataset training) are experiments of the bench, not of a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.evaluation.metrics.motion import lip_error
from talkie.systems.measurement import Claim, Measurement, measured
from talkie.systems.tasks.speech_to_motion import Convention, MotionResult, SpeechToMotionRequest, clip_audio, truth_of
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.head_basis import RestrictedHead
from talkie_zoo.blocks.head_model import head_model
from talkie_zoo.speech_to_motion.unitalker_heads import OffsetHead, coarse, offsets_of

if TYPE_CHECKING:
    from talkie_zoo.speech_to_motion.unitalker import UniTalker

UPPER_LIP, LOWER_LIP = 13, 14
"""MediaPipe's points in the middle of the inner lips."""
_OUTER_LIP = (0, 17, 37, 39, 40, 61, 84, 91, 146, 181, 185, 267, 269, 270, 291, 314, 321, 375, 405, 409)
_INNER_LIP = (13, 14, 78, 80, 81, 82, 87, 88, 95, 178, 191, 308, 310, 311, 312, 317, 318, 324, 402, 415)
LIP_POINTS = np.array([*_OUTER_LIP, *_INNER_LIP])
"""The 40 points of the inner and outer lip contours in MediaPipe's topology."""


def claims(system: UniTalker) -> tuple[Claim, ...]:
    """The claims that a trained system can be held to, for the heads it has."""
    found = [
        Claim(
            name="pivot",
            statement="on unseen speakers the pivot identity is at least as good as the median trained identity",
            measure=partial(pivot_against_identities, system),
            ceiling=1.0,
        )
    ]
    for name, head in system.heads.items():
        found.append(
            Claim(
                name=f"{name} head",
                statement=f"the {name} head's lip error is below 0.7 of that of a face at rest",
                measure=partial(error_against_rest, system, name),
                ceiling=0.7,
            )
        )
        if isinstance(head, OffsetHead):
            found.append(
                Claim(
                    name=f"{name} PCA",
                    statement=f"the components of the {name} head explain more than 99 % of held-out variance",
                    measure=partial(explained_variance, system, name),
                    floor=0.99,
                )
            )
    if "vertices" in system.heads:
        found.append(
            Claim(
                name="agreement",
                statement="the lip apertures of the arkit and vertices heads correlate above 0.9 on the same audio",
                measure=partial(aperture_agreement, system),
                floor=0.9,
            )
        )
    return tuple(found)


def explained_variance(system: UniTalker, convention: str, clips: Sequence[Clip]) -> Measurement:
    """Share of the variance of held-out motion that the trained components keep."""
    head = system.heads[convention]
    motion = torch.cat([offsets_of(head.model, c.fields["head.npz"], convention).flatten(1) for c in clips])
    protocol = {"components": str(head.pca.components), "convention": convention}
    return measured("explained variance", head.pca.explained(motion), "share", len(motion), "frame", clips, protocol)


def error_against_rest(system: UniTalker, convention: Convention, clips: Sequence[Clip]) -> Measurement:
    """Lip error (LVE) of one head over that of the face at rest, each against the clip's own motion."""
    lips = _lips(system, convention)
    guess, rest = [], []
    for clip in clips:
        truth = _truth(system, clip, convention)
        answer = _answer(system, clip, convention)
        guess.append(lip_error(truth, answer, lips))
        rest.append(lip_error(truth, np.zeros_like(truth), lips))
    ratio = float(np.concatenate(guess).mean() / np.concatenate(rest).mean())
    frames = sum(map(len, guess))
    return measured("lve over rest", ratio, "ratio", frames, "frame", clips, {"convention": convention})


@torch.no_grad()
def pivot_against_identities(system: UniTalker, clips: Sequence[Clip]) -> Measurement:
    """LVE in the pivot's style over the median of the LVEs in every trained identity's style, on the average head."""
    model = head_model(system.head_name)
    lips = RestrictedHead(model, model.regions["lips"])
    every = np.arange(len(model.regions["lips"]))
    truths = [lips(*map(torch.as_tensor, (t.expression, t.jaw))).numpy() for t in map(truth_of, clips)]

    def error(identity: str | None) -> float:
        answers = (system.generate(SpeechToMotionRequest(clip_audio(clip), identity)) for clip in clips)
        guesses = [lips(torch.as_tensor(a.expression), torch.as_tensor(a.jaw)).numpy() for a in answers]
        pairs = zip(truths, guesses, strict=True)
        return float(np.concatenate([lip_error(truth, guess, every) for truth, guess in pairs]).mean())

    median = float(np.median([error(identity) for identity in system.identities]))
    protocol = {"identities": str(len(system.identities))}
    return measured("pivot lve over median", error(None) / median, "ratio", len(clips), "clip", clips, protocol)


def aperture_agreement(system: UniTalker, clips: Sequence[Clip]) -> Measurement:
    """Pearson correlation of the lip apertures that two heads give for one audio, mean over clips."""
    values = []
    for clip in clips:
        curves = [_aperture(system, clip, _answer(system, clip, name)) for name in ("arkit", "vertices")]
        values.append(correlation(*curves))
    protocol = {"aperture": f"distance of landmarks {UPPER_LIP} and {LOWER_LIP}", "heads": "arkit, vertices"}
    return measured("aperture correlation", float(np.mean(values)), "r", len(clips), "clip", clips, protocol)


def _lips(system: UniTalker, convention: Convention) -> np.ndarray:
    """The rows of a convention's points that lie on the lips."""
    head = head_model(system.head_name)
    if convention == "landmarks":
        return LIP_POINTS
    lips = head.regions["lips"]
    return np.flatnonzero(np.isin(coarse(len(head.template)), lips)) if convention == "decimated" else lips


def _truth(system: UniTalker, clip: Clip, convention: Convention) -> np.ndarray:
    mesh = "vertices" if convention == "arkit" else convention
    return offsets_of(head_model(system.head_name), clip.fields["head.npz"], mesh).numpy()


def _answer(system: UniTalker, clip: Clip, convention: Convention) -> np.ndarray:
    """A head's answer for the clip's audio as offsets (T, points, 3) on the clip's own face, metres."""
    motion = system.generate(SpeechToMotionRequest(clip_audio(clip), convention=convention))
    if convention == "arkit":
        return _posed(system, clip, motion).numpy()
    offsets = motion.landmarks if convention == "landmarks" else motion.vertices
    assert offsets is not None
    return offsets


@torch.no_grad()
def _posed(system: UniTalker, clip: Clip, motion: MotionResult) -> Tensor:
    head = head_model(system.head_name)
    person = torch.as_tensor(clip.fields["head.npz"].identity, dtype=torch.float32)[None]
    expression, jaw = torch.as_tensor(motion.expression), torch.as_tensor(motion.jaw)
    moving = head.vertices(identity=person.expand(len(jaw), -1), expression=expression, jaw=jaw)
    return moving - head.vertices(identity=person)


@torch.no_grad()
def _aperture(system: UniTalker, clip: Clip, offsets: np.ndarray) -> np.ndarray:
    head = head_model(system.head_name)
    person = torch.as_tensor(clip.fields["head.npz"].identity, dtype=torch.float32)[None]
    points = head.landmarks(head.vertices(identity=person) + torch.as_tensor(offsets))
    return (points[:, UPPER_LIP] - points[:, LOWER_LIP]).norm(dim=-1).numpy()
