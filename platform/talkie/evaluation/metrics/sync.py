"""How well lips and sound agree in time: SyncNet's distance, confidence and offset from its embeddings, and the truth's
opening of the mouth beside the measured one. SyncNet itself is in evaluation/networks; reading words off lips is in
reading.py.

Embeddings are (T, D), row t for video frame t (lips) and for the sound that belongs to it, at 25 fps. All functions
raise BadInput for unlike shapes, NaN, or too few frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import MESH, TALKING, metric

REACH = 15
"""Shifts on either side in the Wav2Lip scripts (SyncNet's own demo takes 10): 31 distances, of which LSE-D is the least
and against whose median LSE-C is measured, so that another reach gives other figures."""
NEAR = 3
"""Shifts in frames over which openings are compared: beyond a tenth of a second lips count as wrong."""
_STILL = 1e-5
"""Share of its size by which a mouth's opening must change to count as moving."""
IN_SYNC_COSINE = 0.5
"""Cosine above which LatentSync's evaluation takes a pair for synchronous."""


@dataclass(frozen=True)
class SyncScores:
    """distance: LSE-D. confidence: LSE-C. offset: frames, in SyncNet's sign: positive = the sound is early."""

    distance: float
    confidence: float
    offset: int


def sync_curve(lips: np.ndarray, sound: np.ndarray, reach: int = REACH) -> np.ndarray:
    """(2 reach + 1,) mean L2 distance of every lip vector to the sound `reach` frames before ... `reach` after it.

    Beyond the ends the sound's vectors are zero and such pairs count, as in syncnet_python: on short clips the outer
    shifts measure mostly that. Raises BadInput for clips of no more frames than `reach`."""
    a, b = pair(lips, sound, (None, None))
    if len(a) <= reach:
        raise BadInput(
            f"{len(a)} frames, shifts of {reach}", where="lips", cure="give a longer clip or a shorter reach"
        )
    padded = np.pad(b, ((reach, reach), (0, 0)))
    shifts = range(2 * reach + 1)
    return np.array([np.linalg.norm(a - padded[s : s + len(a)], axis=1).mean() for s in shifts])


def sync_scores(lips: np.ndarray, sound: np.ndarray, reach: int = REACH) -> SyncScores:
    """The three figures of one clip (or face track)."""
    curve = sync_curve(lips, sound, reach)
    least = float(curve.min())
    return SyncScores(least, float(np.median(curve)) - least, reach - int(curve.argmin()))


@metric(
    "lse_d",
    "Lip sync error, distance: least mean distance of SyncNet embeddings over shifts",
    unit="1",
    better="lower",
    tasks=TALKING,
    source="Chung & Zisserman 2016 (syncnet_python), Prajwal et al. 2020 (Wav2Lip evaluation)",
    item="clip",
    network="syncnet",
)
def lse_d(lips: np.ndarray, sound: np.ndarray, reach: int = REACH) -> float:
    """min of the curve; lower is better. A constant shift within the reach costs nothing: report the offset too."""
    return sync_scores(lips, sound, reach).distance


@metric(
    "lse_c",
    "Lip sync error, confidence: median minus least mean distance over shifts",
    unit="1",
    better="higher",
    tasks=TALKING,
    source="Chung & Zisserman 2016 (syncnet_python), Prajwal et al. 2020 (Wav2Lip evaluation)",
    item="clip",
    network="syncnet",
)
def lse_c(lips: np.ndarray, sound: np.ndarray, reach: int = REACH) -> float:
    """median - min of the curve; higher is better."""
    return sync_scores(lips, sound, reach).confidence


@metric(
    "av_offset",
    "Shift between lips and sound at which SyncNet's distance is least",
    unit="frames",
    better="lower",
    signed=True,
    tasks=TALKING,
    source="syncnet_python: reach minus the argmin; positive = sound early, the opposite sign of a clip's `sync`",
    item="clip",
    network="syncnet",
)
def av_offset(lips: np.ndarray, sound: np.ndarray, reach: int = REACH) -> int:
    """Frames at 25 fps; 0 is best. Report the mean of its magnitude beside LSE-D and LSE-C."""
    return sync_scores(lips, sound, reach).offset


@metric(
    "sync_accuracy",
    "Share of pairs whose cosine above 0.5 agrees with their being in sync",
    unit="1",
    better="higher",
    tasks=TALKING,
    source="LatentSync (Li et al. 2024), evaluation of SyncNet",
    item="pair",
    network="syncnet",
)
def sync_accuracy(cosines: np.ndarray, in_sync: np.ndarray, threshold: float = IN_SYNC_COSINE) -> float:
    """Share in [0, 1]; higher is better. cosines: (N,); in_sync: (N,) bool."""
    values, labels = pair(cosines, np.asarray(in_sync, bool), (None,))
    return float(((values > threshold) == (labels > 0)).mean())


def calibrated(value: float, truth: float) -> float:
    """A sync figure with that of the true clips as its unit. Raises BadInput for a truth of 0 or less."""
    if not truth > 0:
        raise BadInput(f"the true clips score {truth}", where="calibration", cure="mend the scorer before using it")
    return value / truth


@metric(
    "aperture_correlation",
    "Greatest correlation of the mouth's opening with the true one over shifts",
    unit="1",
    better="higher",
    tasks=(*TALKING, *MESH),
    source="Pearson correlation; the truth's opening comes from the stage or from vertices",
    item="clip",
)
def aperture_correlation(truth: np.ndarray, guess: np.ndarray, reach: int = REACH) -> float:
    """In [-1, 1]; higher is better. truth, guess: (T,) openings in any unit. See `aperture_lag`."""
    return float(_correlations(truth, guess, reach).max())


@metric(
    "opening_correlation",
    "Greatest correlation of the mouth's opening with the true one over shifts, both read by one network",
    unit="1",
    better="higher",
    tasks=TALKING,
    source="Pearson correlation of what a network that was trained on true openings reads off both films",
    item="clip",
    network="mouth_reader",
)
def opening_correlation(truth: np.ndarray, guess: np.ndarray, reach: int = NEAR) -> float:
    """In [-1, 1]; higher is better. truth, guess: (T,) openings as read. See `aperture_lag`."""
    return aperture_correlation(truth, guess, reach)


@metric(
    "aperture_lag",
    "Shift at which the mouth's opening correlates best with the true one",
    unit="frames",
    better="lower",
    signed=True,
    tasks=(*TALKING, *MESH),
    source="argmax of the cross-correlation; positive = the lips are late",
    item="clip",
)
def aperture_lag(truth: np.ndarray, guess: np.ndarray, reach: int = REACH) -> int:
    """Frames; 0 is best. Of equal correlations the smallest shift."""
    found = _correlations(truth, guess, reach)
    shifts = np.arange(-reach, reach + 1)
    best = np.flatnonzero(found >= found.max() - 1e-12)
    return int(shifts[best[np.abs(shifts[best]).argmin()]])


def _correlations(truth: np.ndarray, guess: np.ndarray, reach: int) -> np.ndarray:
    """(2 reach + 1,) Pearson correlations of truth[t] with guess[t + shift], over the frames that both have."""
    a, b = pair(truth, guess, (None,))
    if len(a) < 2 * reach + 3:
        raise BadInput(
            f"{len(a)} frames, shifts of {reach}", where="truth", cure="give a longer clip or a shorter reach"
        )
    return np.array(
        [
            _pearson(a[max(0, -s) : len(a) - max(0, s)], b[max(0, s) : len(b) - max(0, -s)])
            for s in range(-reach, reach + 1)
        ]
    )


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    a, b = array(a, "truth"), array(b, "guess")
    # A mouth that does not move follows nothing: no correlation, rather than no number, and rather than that of the
    # last bits in which a network's answers to one picture differ.
    if any(float(np.ptp(x)) <= _STILL * float(np.abs(x).max()) for x in (a, b)):
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
