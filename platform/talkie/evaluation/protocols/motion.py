"""Measures facial motion on the built-in head: vertex errors, dynamics, and the mouth's opening."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from talkie.clip import Clip
from talkie.evaluation.metrics.motion import MotionMasks, clip_errors, measure_motion
from talkie.evaluation.protocols.protocol import Protocol, Scores
from talkie.heads import HeadModel, builtin_head
from talkie.systems import Measurement, MotionResult


class MotionProtocol(Protocol):
    """Coefficients become vertices of the clip's own person; the neutral face is taken off both sides."""

    @cached_property
    def head(self) -> HeadModel:
        return builtin_head()

    @cached_property
    def masks(self) -> MotionMasks:
        return MotionMasks.of(self.head)

    def score(self, clip: Clip, truth: MotionResult, answer: MotionResult) -> Scores:
        identity = clip.fields["head.npz"].identity
        true, given = (offsets(self.head, identity, motion) for motion in (truth, answer))
        return {"errors": clip_errors(true, given, self.masks)}

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        return measure_motion(metric, [clip["errors"] for clip in clips], self.masks)


@torch.no_grad()
def offsets(head: HeadModel, identity: np.ndarray, motion: MotionResult) -> np.ndarray:
    """A motion's coefficients on a person's head: (T, V, 3) metres from that person's neutral face, head space."""
    person = torch.as_tensor(identity, dtype=torch.float32)[None]
    expression, jaw = torch.as_tensor(motion.expression), torch.as_tensor(motion.jaw)
    moving = head.vertices(identity=person.expand(len(expression), -1), expression=expression, jaw=jaw)
    return (moving - head.vertices(identity=person)).numpy()
