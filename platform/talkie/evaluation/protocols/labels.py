"""Measures recognition: the best label of every attribute against the record's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import find_metric, measure_set
from talkie.evaluation.protocols.protocol import Protocol, Scores
from talkie.systems import Measurement
from talkie.systems.tasks.recognition import RecognitionResult


class LabelProtocol(Protocol):
    """Over every attribute that answer and record both have; labels of different attributes are different classes."""

    def score(self, clip: Clip, truth: RecognitionResult, answer: RecognitionResult) -> Scores:
        shared = sorted(truth.scores.keys() & answer.scores.keys())
        if not shared:
            raise BadInput(
                f"clip {clip.id} has labels {sorted(truth.scores)}, the answer {sorted(answer.scores)}",
                cure="measure on clips that carry what the method predicts",
            )
        return {"pairs": [(f"{a}={truth.best(a)}", f"{a}={answer.best(a)}") for a in shared]}

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        pairs = [pair for clip in clips for pair in clip["pairs"]]
        classes = {label: number for number, label in enumerate(sorted({label for pair in pairs for label in pair}))}
        truth, guess = (np.array([classes[pair[side]] for pair in pairs]) for side in (0, 1))
        return measure_set(metric, find_metric(metric).function(truth, guess), len(pairs))
