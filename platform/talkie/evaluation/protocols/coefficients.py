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
from talkie.evaluation.metrics.capture import skull_error
from talkie.evaluation.metrics.capture import vertex_error as aligned_error
from talkie.evaluation.metrics.motion import vertex_error
from talkie.evaluation.protocols.protocol import Protocol, Scores, answered
from talkie.heads import HeadModel, axis_angle_to_matrix, builtin_head, pose_vertices
from talkie.systems import Measurement
from talkie.systems.tasks.capture import CaptureResult, skull_rows
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
        found = answered([clip.get(metric) for clip in clips], metric)
        return measure(metric, found, protocol={"head": self.head.name})


class CaptureProtocol(_OnHead):
    """Expressions are compared as vertices of the clip's own person; rigid motion by where it brings what is fixed to
    the skull."""

    def score(self, clip: Clip, truth: CaptureResult, answer: CaptureResult) -> Scores:
        scores = {}
        head = clip.fields["head.npz"]
        true, given = _expressions(truth), _expressions(answer)
        if true and given:
            frames = min(len(true[0]), len(given[0]))
            person = np.repeat(head.identity[None], frames, 0)
            pairs = ((e[:frames], j[:frames]) for e, j in (true, given))
            there, here = (self.vertices(identity=person, expression=e, jaw=j) for e, j in pairs)
            scores["mve"] = vertex_error(there, here)
        wanted, found = _rigid(truth), _rigid(answer)
        if wanted is not None and found is not None:
            frames = min(len(wanted), len(found))
            skull = pose_vertices(self.head, head)[:frames, skull_rows(self.head)]
            scores["skull_error"] = skull_error(skull, wanted[:frames], found[:frames])
        if not scores:
            raise BadInput(
                "an answer without expression and jaw, and without rotation and translation",
                cure="measure this method by its own claims",
            )
        return scores


class HeadProtocol(_OnHead):
    """Identities are compared as vertices at rest, each head around its own mean."""

    def score(self, clip: Clip, truth: HeadResult, answer: HeadResult) -> Scores:
        true, given = (self.vertices(identity=_identity(result)[None]) for result in (truth, answer))
        return {"pve": aligned_error(true, given)}


def _expressions(result: CaptureResult) -> tuple[np.ndarray, np.ndarray] | None:
    if result.expression is None or result.jaw is None:
        return None
    return result.expression, result.jaw


def _rigid(result: CaptureResult) -> np.ndarray | None:
    """(T, 3, 4) transforms [R | t], None where the answer has none."""
    if result.rotation is None or result.translation is None:
        return None
    rotation = axis_angle_to_matrix(torch.as_tensor(result.rotation, dtype=torch.float64)).numpy()
    return np.concatenate([rotation, np.asarray(result.translation, np.float64)[:, :, None]], 2)


def _identity(result: HeadResult) -> Any:
    if result.identity is None:
        raise BadInput("an answer without identity coefficients", cure="measure this method by its own claims")
    return result.identity
