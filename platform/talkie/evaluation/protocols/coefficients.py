"""Measures head parameters: expressions of capture, identities of head creation, both as vertices of the built-in
head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import measure
from talkie.evaluation.metrics.capture import vertex_error as aligned_error
from talkie.evaluation.metrics.motion import vertex_error
from talkie.evaluation.protocols.protocol import Protocol, Scores
from talkie.heads import HeadModel, builtin_head
from talkie.systems import Measurement
from talkie.systems.tasks.capture import CaptureResult
from talkie.systems.tasks.head_creation import HeadResult


class _OnHead(Protocol):
    @cached_property
    def head(self) -> HeadModel:
        return builtin_head()

    @torch.no_grad()
    def vertices(self, **coefficients: np.ndarray) -> np.ndarray:
        """(T, V, 3) metres, head space."""
        tensors = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in coefficients.items()}
        return self.head.vertices(**tensors).numpy()

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        return measure(metric, [clip[metric] for clip in clips], protocol={"head": self.head.name})


class CaptureProtocol(_OnHead):
    """Expressions are compared as vertices of the clip's own person."""

    def score(self, clip: Clip, truth: CaptureResult, answer: CaptureResult) -> Scores:
        true, given = _expressions(truth), _expressions(answer)
        frames = min(len(true[0]), len(given[0]))
        person = np.repeat(clip.fields["head.npz"].identity[None], frames, 0)
        there, here = (self.vertices(identity=person, expression=e[:frames], jaw=j[:frames]) for e, j in (true, given))
        return {"mve": vertex_error(there, here)}


class HeadProtocol(_OnHead):
    """Identities are compared as vertices at rest, each head around its own mean."""

    def score(self, clip: Clip, truth: HeadResult, answer: HeadResult) -> Scores:
        true, given = (self.vertices(identity=_identity(result)[None]) for result in (truth, answer))
        return {"pve": aligned_error(true, given)}


def _expressions(result: CaptureResult) -> tuple[np.ndarray, np.ndarray]:
    if result.expression is None or result.jaw is None:
        raise BadInput("an answer without expression and jaw", cure="measure this method by its own claims")
    return result.expression, result.jaw


def _identity(result: HeadResult) -> Any:
    if result.identity is None:
        raise BadInput("an answer without identity coefficients", cure="measure this method by its own claims")
    return result.identity
