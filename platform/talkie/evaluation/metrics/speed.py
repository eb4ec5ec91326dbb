"""How fast a system makes and learns what it makes, from clock readings that others took. Quality is in every other
file here. Report the hardware in the protocol: no figure here means anything without it."""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array
from talkie.evaluation.metrics.registry import ALL_TASKS, metric


@metric(
    "rtf",
    "Real-time factor: time to compute over the length of the media made",
    unit="1",
    better="lower",
    tasks=ALL_TASKS,
    source="compute time / media time; say whether decoding and encoding count",
    item="clip",
)
def real_time_factor(compute_s: np.ndarray, media_s: np.ndarray) -> np.ndarray:
    """(N,); below 1 is faster than the clip plays. compute_s, media_s: (N,) seconds. Raises BadInput for no length."""
    spent = array(compute_s, "compute_s", (None,))
    return spent / _positive(media_s, "media_s", len(spent))


@metric(
    "fps",
    "Frames made a second",
    unit="1/s",
    better="higher",
    tasks=ALL_TASKS,
    source="frames / compute time; with and without decoding and encoding",
    item="clip",
)
def frames_per_second(frames: np.ndarray, compute_s: np.ndarray) -> np.ndarray:
    """(N,) 1/s; higher is better. Raises BadInput for times of 0."""
    made = array(frames, "frames", (None,))
    return made / _positive(compute_s, "compute_s", len(made))


@metric(
    "first_frame_latency",
    "Time from the request to the first frame",
    unit="s",
    better="lower",
    tasks=ALL_TASKS,
    source="streaming; median over sessions",
    item="session",
)
def first_frame_latency(latency_s: np.ndarray) -> float:
    """Median seconds of (N,) sessions; lower is better."""
    return float(np.median(array(latency_s, "latency_s", (None,))))


@metric(
    "chunk_latency_p95",
    "95th percentile of the time from a chunk's sound to its frames",
    unit="s",
    better="lower",
    tasks=ALL_TASKS,
    source="streaming; linear interpolation between order statistics",
    item="chunk",
)
def chunk_latency(latency_s: np.ndarray) -> float:
    """Seconds, over (N,) chunks; lower is better."""
    return float(np.percentile(array(latency_s, "latency_s", (None,)), 95))


@metric(
    "peak_memory",
    "Largest memory held",
    unit="byte",
    better="lower",
    tasks=ALL_TASKS,
    source="maximum of sampled resident (or device) memory",
    item="sample",
)
def peak_memory(held_bytes: np.ndarray) -> float:
    """Bytes, over (N,) samples; lower is better."""
    return float(array(held_bytes, "held_bytes", (None,)).max())


@metric(
    "samples_per_second",
    "Training samples a second",
    unit="1/s",
    better="higher",
    tasks=ALL_TASKS,
    source="samples / time, without the first steps",
    item="step",
)
def samples_per_second(samples: np.ndarray, step_s: np.ndarray) -> float:
    """All samples over all seconds of (N,) steps; higher is better. Raises BadInput for times of 0."""
    taken = array(samples, "samples", (None,))
    return float(taken.sum() / _positive(step_s, "step_s", len(taken)).sum())


@metric(
    "time_to_metric",
    "Training time until a metric first reaches a wanted value",
    unit="s",
    better="lower",
    tasks=ALL_TASKS,
    source="first crossing of the validation curve; no interpolation",
    item="validation",
)
def time_to_metric(seconds: np.ndarray, values: np.ndarray, wanted: float, better: str = "lower") -> float:
    """Seconds; lower is better. seconds, values: (N,) of a validation curve. Raises BadInput where never reached."""
    when, found = array(seconds, "seconds", (None,)), array(values, "values", (None,))
    if when.shape != found.shape:
        raise BadInput(f"{len(found)} values at {len(when)} times", where="values", cure="give one value for a time")
    reached = found <= wanted if better == "lower" else found >= wanted
    if not reached.any():
        raise BadInput(f"never reaches {wanted}", where="values", cure="report the best value instead")
    return float(when[reached].min())


def _positive(values: np.ndarray, name: str, length: int) -> np.ndarray:
    found = array(values, name, (length,))
    if (found <= 0).any():
        raise BadInput("a time of 0 or less", where=name, cure="measure again")
    return found
