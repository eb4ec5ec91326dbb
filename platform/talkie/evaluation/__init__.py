"""The field's metrics beside baselines and controls, with what is needed to repeat each figure."""

from talkie.evaluation.evaluate import ClaimResult, EvaluationReport, Row, evaluate
from talkie.systems.measurement import Measurement

__all__ = ["ClaimResult", "EvaluationReport", "Measurement", "Row", "evaluate"]
