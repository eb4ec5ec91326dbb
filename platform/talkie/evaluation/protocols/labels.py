"""Measures recognition: the best label of every attribute against the record's, and how sure a spoof detector was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import find_metric, measure_set
from talkie.evaluation.protocols.protocol import Protocol, Scores, answered
from talkie.systems import Measurement
from talkie.systems.tasks.recognition import RecognitionResult

SPOOF, GENUINE = ("presentation", "spoof"), "genuine"
"""Attributes that say whether a person was there: the stage's, and that of anti-spoofing sets; their label for yes."""
DECIDED_AT = 0.5


class LabelProtocol(Protocol):
    """Over every attribute that answer and record both have; labels of different attributes are different classes.

    HTER and AUC are of the score of "genuine", where it is asked whether a person was there. Published HTERs take the
    threshold of a development set; here it is the answer's own decision, one half."""

    def comparable(self, truth: RecognitionResult, answer: RecognitionResult) -> RecognitionResult:
        return RecognitionResult({name: scores for name, scores in truth.scores.items() if name in answer.scores})

    def score(self, clip: Clip, truth: RecognitionResult, answer: RecognitionResult) -> Scores:
        shared = sorted(truth.scores.keys() & answer.scores.keys())
        if not shared:
            raise BadInput(
                f"clip {clip.id} has labels {sorted(clip.record.labels)}, the answer {sorted(answer.scores)}",
                cure="measure on clips that carry what the method predicts",
            )
        kept: dict[str, object] = {"pairs": [(f"{a}={truth.best(a)}", f"{a}={answer.best(a)}") for a in shared]}
        for name in SPOOF:
            if name in shared:
                kept["genuine"] = (answer.scores[name].get(GENUINE, 0.0), truth.best(name) == GENUINE)
        return kept

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        if metric in ("hter", "auc"):
            return self._spoofs(metric, clips)
        pairs = [pair for clip in clips for pair in clip["pairs"]]
        classes = {label: number for number, label in enumerate(sorted({label for pair in pairs for label in pair}))}
        truth, guess = (np.array([classes[pair[side]] for pair in pairs]) for side in (0, 1))
        return measure_set(metric, find_metric(metric).function(truth, guess), len(pairs))

    def _spoofs(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        known = answered([clip.get("genuine") for clip in clips], metric)
        scores, genuine = (np.array([pair[side] for pair in known]) for side in (0, 1))
        if metric == "auc":
            return measure_set(metric, find_metric(metric).function(scores, genuine), len(known))
        rate = find_metric(metric).function(scores, genuine, DECIDED_AT)
        return measure_set(metric, rate, len(known), protocol={"threshold": f"{DECIDED_AT}, no development set"})
