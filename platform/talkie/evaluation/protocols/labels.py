"""Measures recognition: the best label of every attribute against the record's, and how sure a spoof detector was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.bootstrap import set_interval
from talkie.evaluation.metrics import find_metric, measure_set
from talkie.evaluation.protocols.protocol import Protocol, Scores, answered
from talkie.systems import Measurement
from talkie.systems.tasks.recognition import RecognitionResult

SPOOF, GENUINE, ATTACK = "spoof", "genuine", "attack"
"""The attribute that says whether a person was there, its label for yes, and the attribute that says what was shown."""
DECIDED_AT = 0.5
RATES = {"hter", "apcer", "bpcer", "eer", "auc"}


class LabelProtocol(Protocol):
    """Over every attribute that answer and record both have; labels of different attributes are different classes.

    HTER, APCER, BPCER, EER and AUC are of the score of "genuine", where it is asked whether a person was there.
    Published rates take the threshold of a development set; here it is the answer's own decision, one half, into which
    a system puts that threshold. Intervals are over clips, drawn anew within genuine ones and each type of attack."""

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
        if SPOOF in shared:
            genuine = truth.best(SPOOF) == GENUINE
            kind = GENUINE if genuine else clip.record.labels.get(ATTACK, "any attack")
            kept["genuine"] = (answer.scores[SPOOF].get(GENUINE, 0.0), kind)
        return kept

    def measure(self, metric: str, clips: Sequence[Scores]) -> Measurement:
        if metric in RATES:
            return _spoofs(metric, clips)
        pairs = [pair for clip in clips for pair in clip["pairs"]]
        classes = {label: number for number, label in enumerate(sorted({label for pair in pairs for label in pair}))}
        truth, guess = (np.array([classes[pair[side]] for pair in pairs]) for side in (0, 1))
        return measure_set(metric, find_metric(metric).function(truth, guess), len(pairs))


def _spoofs(metric: str, clips: Sequence[Scores]) -> Measurement:
    known = answered([clip.get("genuine") for clip in clips], metric)
    scores = np.array([score for score, _ in known])
    # Type 0 is a person, as APCER and BPCER count; attacks of one name are of one type.
    kinds = [GENUINE, *sorted({kind for _, kind in known} - {GENUINE})]
    types = np.array([kinds.index(kind) for _, kind in known])
    function = find_metric(metric).function
    decided = () if metric in ("auc", "eer") else (DECIDED_AT,)

    def rate(rows: np.ndarray) -> float:
        truth = types[rows] if metric in ("apcer", "bpcer") else types[rows] == 0
        return function(scores[rows], truth, *decided)

    value = rate(np.arange(len(scores)))
    said = {"threshold": f"{DECIDED_AT}, the answer's own"} if decided else {}
    if metric == "apcer":
        each = {k: float((scores[types == n] > DECIDED_AT).mean()) for n, k in enumerate(kinds) if n}
        said |= {f"passed, {kind}": f"{share:.3f}" for kind, share in each.items()}
    return measure_set(metric, value, len(known), protocol=said, bounds=set_interval(rate, types))
