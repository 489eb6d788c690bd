"""The rotation that fits best, for many frames at once.

Each entry of a matrix is one vector over the frames, so that a hundred sums over vectors do the
work of a decomposition per frame. Sums are taken frame by frame in one order: a frame's digits
don't depend on the others. Pure NumPy, float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

# How far apart the two largest roots must lie for the closed form: the product of the largest
# one's distances from the others, relative to its cube.
WELL_APART = 1e-2
# Newton's steps are done below the first, and given up after so many.
ROUNDING = 1e-15
MOST_STEPS = 30


def best_rotations(covariance: FloatArray, reach: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Find the rotation R that makes trace(R^T H) largest, for the H of each frame.

    The quaternion of R is an eigenvector of a 4 x 4 matrix made of H, and its eigenvalue, that
    trace, the largest root of a polynomial. Where the two largest roots lie close, as for poses
    on a line, R is ill-defined in this form and comes from an SVD.

    Args:
        covariance: H = sum of y x^T, (3, 3, F).
        reach: (F,) the largest that the trace can be: sqrt(sum |x|^2 sum |y|^2).

    Returns:
        R (3, 3, F), determinant +1, and the trace (F,).

    Source: Horn 1987, "Closed-form solution of absolute orientation using unit quaternions"; the
    root as in Theobald 2005, "Rapid calculation of RMSDs using a quaternion-based characteristic
    polynomial".
    """
    unit = np.where(reach > 0, reach, 1.0)
    H = covariance / unit
    matrix = _horns_matrix(H)
    root, is_apart = _largest_root(H)
    matrix[np.arange(4), np.arange(4)] -= root
    R, trace = _rotations_of(_adjugate(matrix)), root * unit
    doubtful = np.flatnonzero(~is_apart)
    if doubtful.size:
        R[..., doubtful], trace[doubtful] = _by_svd(covariance[..., doubtful])
    return R, trace


def _by_svd(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    U, singular, Vt = np.linalg.svd(covariance.transpose(2, 0, 1))
    mirrored = np.linalg.det(U @ Vt) < 0
    U[mirrored, :, 2] *= -1
    singular[mirrored, 2] *= -1
    return (U @ Vt).transpose(1, 2, 0), singular.sum(axis=1)


def _horns_matrix(H: FloatArray) -> FloatArray:
    """Make the symmetric matrices (4, 4, F) whose eigenvectors are quaternions (w, x, y, z)."""
    (xx, yx, zx), (xy, yy, zy), (xz, yz, zz) = H
    rows = (
        (xx + yy + zz, yz - zy, zx - xz, xy - yx),
        (yz - zy, xx - yy - zz, xy + yx, zx + xz),
        (zx - xz, xy + yx, yy - xx - zz, yz + zy),
        (xy - yx, zx + xz, yz + zy, zz - xx - yy),
    )
    return np.array(rows)


def _largest_root(H: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Find the largest eigenvalue of Horn's matrix, which is at most 1.

    Returns:
        The root (F,), and where it was found, well apart from the others.
    """
    (a, b, c), (d, e, f), (g, h, i) = H
    # Entries of H^T H: the sum of their squares is that of the singular values' fourth powers.
    on = (a * a + d * d + g * g, b * b + e * e + h * h, c * c + f * f + i * i)
    off = (a * b + d * e + g * h, a * c + d * f + g * i, b * c + e * f + h * i)
    squares = on[0] + on[1] + on[2]
    fourths = on[0] ** 2 + on[1] ** 2 + on[2] ** 2 + 2 * (off[0] ** 2 + off[1] ** 2 + off[2] ** 2)
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    # root^4 + c2 root^2 + c1 root + c0 = 0
    c2, c1, c0 = -2 * squares, -8 * determinant, 2 * fourths - squares * squares

    root = np.ones_like(squares)
    is_apart, is_found = np.ones(squares.shape, dtype=bool), np.zeros(squares.shape, dtype=bool)
    # From above the largest root Newton's steps never cross it, and the slope only falls.
    for _ in range(MOST_STEPS):
        square = root * root
        slope = (4 * square + 2 * c2) * root + c1
        is_apart &= is_found | (slope > WELL_APART * square * root)
        goes_on = is_apart & ~is_found
        value = (square + c2) * square + c1 * root + c0
        step = np.where(goes_on, value / np.where(goes_on, slope, 1.0), 0.0)
        root = root - step
        is_found |= np.abs(step) < ROUNDING
        if is_found.all():
            break
    return root, is_apart & is_found


def _adjugate(A: FloatArray) -> FloatArray:
    """Return the adjugates (4, 4, F) of symmetric matrices (4, 4, F)."""
    pairs = [(i, j) for j in range(4) for i in range(j)]
    upper = {(i, j): A[0, i] * A[1, j] - A[0, j] * A[1, i] for i, j in pairs}
    lower = {(i, j): A[2, i] * A[3, j] - A[2, j] * A[3, i] for i, j in pairs}
    adjugate = np.empty_like(A)
    for row in range(4):
        # The minor without this row: the other row of its half, and the minors of the other half.
        other, minors = (A[1 - row], lower) if row < 2 else (A[5 - row], upper)
        for column in range(row, 4):
            i, j, k = (c for c in range(4) if c != column)
            minor = other[i] * minors[j, k] - other[j] * minors[i, k] + other[k] * minors[i, j]
            adjugate[row, column] = adjugate[column, row] = minor * (-1) ** (row + column)
    return adjugate


def _rotations_of(adjugate: FloatArray) -> FloatArray:
    """Turn adjugates (4, 4, F), each a multiple of q q^T, into rotations (3, 3, F)."""
    on = np.abs(adjugate[np.arange(4), np.arange(4)])
    w, x, y, z = adjugate[:, on.argmax(axis=0), np.arange(adjugate.shape[2])]
    norm = w * w + x * x + y * y + z * z
    twice = 2 / np.where(norm > 0, norm, 1.0)
    xx, yy, zz = twice * x * x, twice * y * y, twice * z * z
    xy, xz, yz = twice * x * y, twice * x * z, twice * y * z
    wx, wy, wz = twice * w * x, twice * w * y, twice * w * z
    rows = (
        (1 - yy - zz, xy - wz, xz + wy),
        (xy + wz, 1 - xx - zz, yz - wx),
        (xz - wy, yz + wx, 1 - xx - yy),
    )
    return np.array(rows)
