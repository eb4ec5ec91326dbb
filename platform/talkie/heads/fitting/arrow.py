"""The linear algebra of one Gauss-Newton step over a clip: a chain of frames that share one block of unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack


@dataclass
class ArrowSystem:
    """Normal equations of unknowns x_t (P,) a frame, tied from frame to frame, and s (I,) for all frames.

    Minimises the quadratic 1/2 z' A z - b' z, z = (x_0 ... x_T-1, s), where A has `frame` (T, P, P) on its
    diagonal, -`chain` (P,) as diagonal blocks between neighbours, `coupling` (T, P, I) between frames and
    shared unknowns, and `shared` (I, I). Right sides: `frame_rhs` (T, P), `shared_rhs` (I,). float64.
    """

    frame: np.ndarray
    chain: np.ndarray
    coupling: np.ndarray
    shared: np.ndarray
    frame_rhs: np.ndarray
    shared_rhs: np.ndarray

    def damped(self, amount: float) -> ArrowSystem:
        """The system with its diagonal enlarged by the share `amount` (Marquardt 1963)."""
        grow = 1 + amount * np.eye(self.frame.shape[-1])
        grow_shared = 1 + amount * np.eye(len(self.shared))
        return ArrowSystem(
            self.frame * grow,
            self.chain,
            self.coupling,
            self.shared * grow_shared,
            self.frame_rhs,
            self.shared_rhs,
        )


@dataclass(frozen=True)
class ArrowSolution:
    """x (T, P) and s (I,), with posterior variances where A is a precision: of s, exactly; of x (T, P), given
    s and the frames before (a filter's variance, which bounds the smoother's from above)."""

    frames: np.ndarray
    shared: np.ndarray
    frame_variance: np.ndarray
    shared_variance: np.ndarray


def solve_arrow(system: ArrowSystem) -> ArrowSolution:
    """Solve exactly in O(T P^3): block elimination along the chain, Schur complement for the shared block.

    Golub and Van Loan, Matrix Computations, 4.5 (block tridiagonal systems). Raises LinAlgError where the
    system is not positive definite.
    """
    count = len(system.frame)
    chain = system.chain
    right = np.concatenate([system.frame_rhs[:, :, None], system.coupling], axis=2)
    inverses = np.empty_like(system.frame)
    forward = np.empty_like(right)
    for t in range(count):
        block, side = system.frame[t], right[t]
        if t:
            block = block - chain[:, None] * inverses[t - 1] * chain
            side = side + chain[:, None] * forward[t - 1]
        inverses[t] = _inverse(block)
        forward[t] = inverses[t] @ side
    for t in range(count - 2, -1, -1):
        forward[t] += inverses[t] @ (chain[:, None] * forward[t + 1])
    alone, response = forward[:, :, 0], forward[:, :, 1:]
    # Summing over frames and unknowns at once is a plain matrix product.
    coupling = system.coupling.reshape(-1, system.coupling.shape[2])
    schur = system.shared - coupling.T @ response.reshape(-1, response.shape[2])
    covariance = _inverse((schur + schur.T) / 2)
    shared = covariance @ (system.shared_rhs - coupling.T @ alone.reshape(-1))
    return ArrowSolution(
        frames=alone - response @ shared,
        shared=shared,
        frame_variance=np.diagonal(inverses, axis1=1, axis2=2).copy(),
        shared_variance=np.diagonal(covariance).copy(),
    )


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric positive definite matrix through its Cholesky factor."""
    factor, failed = lapack.dpotrf(matrix, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the normal equations are not positive definite")
    half, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(half)
    return lower + np.tril(lower, -1).T
