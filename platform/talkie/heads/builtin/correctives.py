"""Pose-corrective shapes of jaw and neck: what linear blend skinning lacks where a bone's share is partial.

As FLAME's (Li et al. 2017, "Learning a model of facial shape and expression from 4D scans", eq. 3) they are linear in
the elements of R - I and are added before skinning; unlike FLAME's they are not learned but follow from geometry.
"""

from __future__ import annotations

import numpy as np

from talkie.heads.builtin.assembly import JAW_JOINT, NECK_JOINT, NeutralMesh


def corrective_basis(points: np.ndarray, joint: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Displacements (9, V, 3) per element of R - I (row by row) of one joint.

    A point p with share w of a bone should turn about the joint j by w times the angle t, but skinning moves it
    along the chord, by w (R - I)(p - j): flesh shrinks towards the axis. To second order in t the two differ by
    (w^2 - w) S (p - j), S = (R + R') / 2 - I being the symmetric part of R - I (Rodrigues' (1 - cos t) K^2)."""
    lever = (share**2 - share)[:, None] * (points - joint)
    out = np.zeros((3, 3, len(points), 3))
    for row in range(3):
        for column in range(3):
            out[row, column, :, row] += 0.5 * lever[:, column]
            out[row, column, :, column] += 0.5 * lever[:, row]
    return out.reshape(9, len(points), 3)


def jaw_correctives(mesh: NeutralMesh) -> np.ndarray:
    """(9, V, 3) metres per element of the jaw's R - I."""
    return corrective_basis(mesh.positions, JAW_JOINT, mesh.jaw)


def neck_correctives(mesh: NeutralMesh) -> np.ndarray:
    """(9, V, 3) metres per element of the neck's R - I."""
    return corrective_basis(mesh.positions, NECK_JOINT, mesh.neck)
