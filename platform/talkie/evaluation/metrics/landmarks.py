"""Distances between landmarks, and between what is read from faces besides: embeddings, coefficients, action units.
Rotations and translations are in pose.py, vertices in motion.py and capture.py.

Landmarks are (T, K, 2) pixels of the frames that the protocol names; 68 points in the iBUG order where a region is
meant. Whose detector found them changes every figure here: name it in the protocol. All functions raise BadInput for
unlike shapes, nothing, or NaN where none may be.
"""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair, same_shape
from talkie.evaluation.metrics.registry import DRIVEN, TALKING, VIDEO, metric

MOUTH = slice(48, 68)
"""Lips in the iBUG order of 68 points."""
EYE_CORNERS = (36, 45)
"""Outer corners of the eyes in the same order."""
CLIP = (None, None, 2)


@metric(
    "lmd",
    "Mean distance of mouth landmarks, each set relative to its own mean",
    unit="px",
    better="lower",
    tasks=TALKING,
    source="RAD-NeRF, TalkingGaussian: points 48-67 of FAN or dlib, mean L2 over points",
)
def lmd(truth: np.ndarray, guess: np.ndarray, points: slice = MOUTH) -> np.ndarray:
    """(T,) px; lower is better. Each set's mean is taken away, so that a shift of the mouth costs nothing."""
    a, b = pair(truth, guess, CLIP)
    a, b = _chosen(a, points), _chosen(b, points)
    return _distances(a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)).mean(1)


@metric(
    "lmd_atvg",
    "Sum of landmark distances after alignment of position and scale",
    unit="px",
    better="lower",
    tasks=TALKING,
    source="ATVGnet's evaluation (Chen et al. 2019): summed over points, mean over frames",
)
def lmd_atvg(truth: np.ndarray, guess: np.ndarray, points: slice = MOUTH) -> np.ndarray:
    """(T,) px; lower is better. The guess is brought to the truth's mean and size (root mean square distance from the
    mean) in every frame; distances are SUMMED over points: 20 times the size of `lmd`. Raises BadInput for a guess
    without extent."""
    a, b = pair(truth, guess, CLIP)
    a, b = _chosen(a, points), _chosen(b, points)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    size_a, size_b = (np.sqrt(np.square(v).sum((1, 2), keepdims=True)) for v in (a, b))
    if (size_b == 0).any():
        raise BadInput("all landmarks of a frame in one point", where="guess", cure="leave the frame out")
    return _distances(a, b * (size_a / size_b)).sum(1)


@metric(
    "m_lmd",
    "Mean distance of mouth landmarks in place",
    unit="px",
    better="lower",
    tasks=TALKING,
    source="EAMM, StyleTalk (no code of theirs read): mean L2 over points 48-67, no alignment",
)
def m_lmd(truth: np.ndarray, guess: np.ndarray, points: slice = MOUTH) -> np.ndarray:
    """(T,) px; lower is better."""
    a, b = pair(truth, guess, CLIP)
    return _distances(_chosen(a, points), _chosen(b, points)).mean(1)


@metric(
    "f_lmd",
    "Mean distance of all landmarks in place",
    unit="px",
    better="lower",
    tasks=VIDEO,
    source="EAMM, StyleTalk (no code of theirs read): mean L2 over all points, no alignment",
)
def f_lmd(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) px; lower is better."""
    return _distances(*pair(truth, guess, CLIP)).mean(1)


@metric(
    "nme",
    "Mean landmark distance over the distance of the outer eye corners",
    unit="1",
    better="lower",
    tasks=(*VIDEO, "capture"),
    source="300-W (Sagonas et al. 2013)",
)
def nme(truth: np.ndarray, guess: np.ndarray, corners: tuple[int, int] = EYE_CORNERS) -> np.ndarray:
    """(T,); lower is better. Raises BadInput where the truth's two corners coincide."""
    a, b = pair(truth, guess, CLIP)
    if max(corners) >= a.shape[1]:
        raise BadInput(
            f"{a.shape[1]} points, no number {max(corners)}", where="truth", cure="say which are the corners"
        )
    across = np.linalg.norm(a[:, corners[0]] - a[:, corners[1]], axis=1)
    if (across == 0).any():
        raise BadInput("the eye corners of a frame coincide", where="truth", cure="leave the frame out")
    return _distances(a, b).mean(1) / across


@metric(
    "akd",
    "Mean absolute difference of FAN's 68 points at 256 px over points and axes",
    unit="px",
    better="lower",
    tasks=DRIVEN,
    source="FOMM (Siarohin et al. 2019), pose-evaluation: L1, not L2",
    network="fan",
)
def akd(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(D,) px of the D frames in which a face was found in the guess; lower is better. A guess without a face is a
    frame of NaN, and is skipped as the published code does: report `missing_keypoints` beside it.

    Raises BadInput where no frame has a face, or one has some of its points only."""
    a = array(truth, "truth", CLIP)
    b = np.asarray(guess, np.float64)
    same_shape(a, b)
    missing = np.isnan(b).all((1, 2))
    if missing.all():
        raise BadInput("no frame with a face", where="guess", cure="report the missing keypoints instead")
    return np.abs(a[~missing] - array(b[~missing], "guess")).mean((1, 2))


@metric(
    "mkr",
    "Missing keypoint rate: share of the truth's keypoints that are not found in the guess",
    unit="1",
    better="lower",
    tasks=DRIVEN,
    source="Siarohin et al. 2018 (bodies), FOMM",
)
def missing_keypoints(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; lower is better. truth, guess: (T, K) bool, whether the detector found the keypoint. Raises
    BadInput where the truth has none."""
    a, b = pair(np.asarray(truth, bool), np.asarray(guess, bool), (None, None))
    if not a.any():
        raise BadInput("no keypoint was found", where="truth", cure="use frames with people in them")
    return float(((a > 0) & (b == 0)).sum() / (a > 0).sum())


@metric(
    "aed",
    "Squared distance of OpenFace embeddings of generated and true frames",
    unit="1",
    better="lower",
    tasks=DRIVEN,
    source="FOMM's code: SUM of squares of 128 differences (papers print it as an L2 norm), OpenFace nn4 at 96 px",
    network="openface",
)
def aed(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,); lower is better. truth, guess: (T, D) embeddings. The root of a value is the L2 distance."""
    a, b = pair(truth, guess, (None, None))
    return np.square(a - b).sum(1)


@metric(
    "aed_3dmm",
    "Mean absolute difference of expression coefficients",
    unit="1",
    better="lower",
    tasks=DRIVEN,
    source="OTAvatar, StyleHEAT: 64 coefficients of Deep3DFaceRecon",
    network="face_reconstruction",
)
def expression_distance(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,); lower is better. truth, guess: (T, E) coefficients. Other papers call this AED too."""
    a, b = pair(truth, guess, (None, None))
    return np.abs(a - b).mean(1)


@metric(
    "apd",
    "Mean absolute difference of pose coefficients",
    unit="1",
    better="lower",
    tasks=DRIVEN,
    source="OTAvatar, StyleHEAT: 6 pose coefficients (radians and model units) of Deep3DFaceRecon",
    network="face_reconstruction",
)
def pose_distance(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,); lower is better. truth, guess: (T, P) coefficients."""
    a, b = pair(truth, guess, (None, None))
    return np.abs(a - b).mean(1)


@metric(
    "aucon",
    "Share of action units whose presence agrees",
    unit="1",
    better="higher",
    tasks=DRIVEN,
    source="MarioNETte (Ha et al. 2020), DaGAN: OpenFace's or py-feat's presence at 0.5",
    network="action_units",
)
def au_consistency(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]; higher is better. truth, guess: (T, U) bool presence, or probabilities, present from 0.5 on."""
    return 1 - _units_apart(truth, guess).mean(1)


@metric(
    "au_h",
    "Number of action units whose presence differs",
    unit="action units",
    better="lower",
    tasks=DRIVEN,
    source="Hamming distance of action-unit vectors, as in LIA's and HyperReenact's tables (no code of theirs read)",
    network="action_units",
)
def au_hamming(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,); lower is better. Arguments as of `au_consistency`."""
    return _units_apart(truth, guess).sum(1)


def _units_apart(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    a, b = pair(truth, guess, (None, None))
    return np.asarray((a >= 0.5) != (b >= 0.5)).astype(np.float64)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1)


def _chosen(points: np.ndarray, chosen: slice) -> np.ndarray:
    picked = points[:, chosen]
    if picked.shape[1] < 2:
        raise BadInput(f"{points.shape[1]} points, none of them chosen", where="landmarks", cure="say which to compare")
    return picked
