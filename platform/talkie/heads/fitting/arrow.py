"""The linear algebra of one Gauss-Newton step over a clip: a chain of frames that share one block of unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class ArrowSystem:
    """Normal equations of unknowns x_t (P,) a frame, tied from frame to frame, and s (S,) for all frames.

    Minimises the quadratic 1/2 z' A z - b' z, z = (x_0 ... x_T-1, s), where A has `frame` (T, P, P) on its
    diagonal, -`chain` (P,) or (T - 1, P) as diagonal blocks between neighbours, `coupling` (T, P, S) between
    frames and shared unknowns, and `shared` (S, S). Right sides: `frame_rhs` (T, P), `shared_rhs` (S,).
    float64; of the blocks of `frame` and of `shared` only the lower triangles are read.
    """

    frame: np.ndarray
    chain: np.ndarray
    coupling: np.ndarray
    shared: np.ndarray
    frame_rhs: np.ndarray
    shared_rhs: np.ndarray


@dataclass(frozen=True)
class Elimination:
    """A system with its frames eliminated: what solving and the posterior covariance both need.

    inverses (T, P, P): of each frame's block given the frames before it; alone (T, P) and response (T, P, S):
    x_t = alone_t - response_t s solves the frames for given s; covariance (S, S): of the shared unknowns."""

    inverses: np.ndarray
    links: np.ndarray
    alone: np.ndarray
    response: np.ndarray
    shared: np.ndarray
    covariance: np.ndarray

    def frames(self) -> np.ndarray:
        """x (T, P)."""
        return np.asarray(self.alone - self.response @ self.shared)


def solve_arrow(system: ArrowSystem, damping: float = 0.0) -> Elimination:
    """Solve exactly in O(T P^3): block elimination along the chain, Schur complement for the shared block.

    damping: share by which the diagonal is enlarged (Marquardt 1963). Golub and Van Loan, Matrix Computations,
    4.5 (block tridiagonal systems). Raises LinAlgError where the system is not positive definite.
    """
    count, size = system.frame_rhs.shape
    links = np.broadcast_to(system.chain, (max(count - 1, 0), size))
    forward = np.concatenate([system.frame_rhs[:, :, None], system.coupling], axis=2)
    inverses = np.empty_like(system.frame)
    links = np.ascontiguousarray(links)
    if not _eliminate(np.ascontiguousarray(system.frame), links, damping, forward, inverses):
        raise np.linalg.LinAlgError("the normal equations are not positive definite")
    alone, response = forward[:, :, 0], forward[:, :, 1:]
    if not response.shape[2]:
        nothing = np.zeros(0)
        return Elimination(inverses, links, alone, response, nothing, np.zeros((0, 0)))
    # Summing over frames and unknowns at once is a plain matrix product.
    coupling = system.coupling.reshape(-1, system.coupling.shape[2])
    schur = np.tril(system.shared) + np.tril(system.shared, -1).T
    schur = schur + np.diag(damping * np.diag(schur)) - coupling.T @ response.reshape(-1, response.shape[2])
    covariance = np.empty_like(schur)
    if not _invert((schur + schur.T) / 2, covariance):
        raise np.linalg.LinAlgError("the normal equations of the shared unknowns are not positive definite")
    shared = covariance @ (system.shared_rhs - coupling.T @ alone.reshape(-1))
    return Elimination(inverses, links, alone, response, shared, covariance)


def frame_variance(solved: Elimination) -> np.ndarray:
    """Diagonals (T, P) of `frame_covariance`, without keeping its blocks."""
    spread = ((solved.response @ solved.covariance) * solved.response).sum(2)
    for t, own in _own_covariance(solved):
        spread[t] += own.diagonal()
    return np.asarray(spread)


def frame_covariance(solved: Elimination) -> np.ndarray:
    """Exact marginal covariance (T, P, P) of each frame's unknowns, where the system is a precision.

    The blocks on the diagonal of A's inverse (Takahashi, Fagan and Chin 1973; for a chain, Rauch, Tung and
    Striebel's smoother 1965), plus what the uncertainty of the shared unknowns adds."""
    blocks = np.asarray(solved.response @ solved.covariance @ solved.response.transpose(0, 2, 1))
    for t, own in _own_covariance(solved):
        blocks[t] += own
    return blocks


def _own_covariance(solved: Elimination):  # type: ignore[no-untyped-def]
    """(t, covariance (P, P) of frame t for given shared unknowns), from the last frame to the first."""
    own = solved.inverses[-1]
    yield len(solved.inverses) - 1, own
    for t in range(len(solved.inverses) - 2, -1, -1):
        gain = solved.inverses[t] * solved.links[t]
        own = solved.inverses[t] + gain @ own @ gain.T
        yield t, own


@njit(cache=True)
def _eliminate(frame, links, damping, forward, inverses):  # type: ignore[no-untyped-def]
    """Forward and backward along the chain: fills inverses (T, P, P) and turns the right sides `forward`
    (T, P, 1 + S) into solutions. False where a block is not positive definite."""
    count, size, sides = forward.shape
    block = np.empty((size, size))
    for t in range(count):
        for i in range(size):
            for j in range(i + 1):
                block[i, j] = frame[t, i, j]
            block[i, i] *= 1 + damping
        if t:
            link, before = links[t - 1], inverses[t - 1]
            for i in range(size):
                for j in range(i + 1):
                    block[i, j] -= link[i] * before[i, j] * link[j]
                for j in range(sides):
                    forward[t, i, j] += link[i] * forward[t - 1, i, j]
        if not _invert(block, inverses[t]):
            return False
        forward[t] = np.dot(inverses[t], forward[t])
    carried = np.empty((size, sides))
    for t in range(count - 2, -1, -1):
        for i in range(size):
            for j in range(sides):
                carried[i, j] = links[t, i] * forward[t + 1, i, j]
        forward[t] += np.dot(inverses[t], carried)
    return True


@njit(cache=True, fastmath={"contract"})
def _invert(matrix, inverse):  # type: ignore[no-untyped-def]
    """Invert a symmetric positive definite matrix, of which the lower triangle is read and overwritten, by the sweep
    operator (Goodnight 1979): at these sizes twice as fast as LAPACK. False where a pivot is not positive."""
    size = len(matrix)
    column = np.empty(size)
    for k in range(size):
        if not matrix[k, k] > 0:
            return False
        pivot = 1 / matrix[k, k]
        for j in range(k):
            column[j] = matrix[k, j]
        column[k] = 0.0
        for j in range(k + 1, size):
            column[j] = matrix[j, k]
        for i in range(size):
            share = column[i] * pivot
            for j in range(i + 1):
                matrix[i, j] -= share * column[j]
        for j in range(k):
            matrix[k, j] = column[j] * pivot
        for j in range(k + 1, size):
            matrix[j, k] = column[j] * pivot
        matrix[k, k] = -pivot
    for i in range(size):
        for j in range(i + 1):
            inverse[i, j] = -matrix[i, j]
            inverse[j, i] = -matrix[i, j]
    return True
