"""Errors of predicted poses: per joint, MPJPE (Protocol #1) and P-MPJPE (Protocol #2).

Pure NumPy, float64 inside, no loop over frames. Knows no files, skeletons or sequences; making
poses root-relative is the caller's step (`normalization.root_relative`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating[Any]]

# Frames worked on at a time: keeps the float64 copies of a long recording in the CPU's cache.
CHUNK = 8192

# Joints closer together than this, relative to their distance from the origin, are one point:
# what is left of their spread is rounding.
SAME_POINT = 1e-12


class Alignment(NamedTuple):
    """A similarity per frame, aligned = scale R x + t for each joint x of the prediction.

    Attributes:
        aligned: (..., J, 3) the prediction after it, mm.
        scale: (...).
        R: (..., 3, 3) rotations, determinant +1.
        t: (..., 3) mm.
    """

    aligned: FloatArray
    scale: FloatArray
    R: FloatArray
    t: FloatArray


def joint_errors(prediction: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Measure the distance of each joint from its truth, with no alignment.

    Args:
        prediction: (..., J, 3).
        truth: (..., J, 3), in the same space and unit.

    Returns:
        (..., J) float64. NaN where either joint is missing.
    """
    prediction, truth = _pair(prediction, truth)
    poses, true = _frames(prediction), _frames(truth)
    errors = np.empty(poses.shape[:2])
    for part in _chunks(len(poses)):
        difference = poses[part].astype(np.float64) - true[part]
        np.sqrt(np.einsum("fjc,fjc->fj", difference, difference), out=errors[part])
    return errors.reshape(prediction.shape[:-1])


def align_procrustes(prediction: ArrayLike, truth: ArrayLike) -> Alignment:
    """Move, turn and scale each predicted pose onto its truth, at the least sum of squares.

    Solves min over s >= 0, R, t of sum |s R x + t - y|^2 per frame in closed form, by the SVD of
    the covariance. A reflection is refused: where a mirrored pose would fit better, the best
    rotation is taken. Since squares are minimised, the mean distance can rise in a frame.

    Degenerate poses have a defined outcome:
        - All predicted joints at one point: R = identity, scale 1, moved onto the mean of truth.
        - All true joints at one point: R = identity, scale 0, which fits it exactly.
        - Either pose on one line, or both flat: one of the rotations that fit equally well; the
          errors are the same for each of them.
        - A joint missing (NaN or infinite) in either pose: all results of that frame, and of no
          other, are NaN.

    Args:
        prediction: (..., J, 3).
        truth: (..., J, 3), in the same unit.

    Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two
    point patterns".
    """
    prediction, truth = _pair(prediction, truth)
    lead = prediction.shape[:-2]
    poses, true = _frames(prediction), _frames(truth)
    F, J = poses.shape[:2]
    aligned = np.empty((F, J, 3))
    scale, R, t = np.empty(F), np.empty((F, 3, 3)), np.empty((F, 3))
    for part in _chunks(F):
        aligned[part], scale[part], R[part], t[part] = _align(poses[part], true[part])
    shapes = ((*lead, J, 3), lead, (*lead, 3, 3), (*lead, 3))
    whole = zip((aligned, scale, R, t), shapes, strict=True)
    return Alignment(*(values.reshape(shape) for values, shape in whole))


def mpjpe(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Average the joint errors over joints and frames: Protocol #1 for root-relative poses.

    Frames in which a joint is missing don't count; NaN if no frame is left.

    Args:
        prediction: (..., J, 3), mm.
        truth: (..., J, 3), mm.
    """
    return _mean_of_complete(joint_errors(prediction, truth))


def p_mpjpe(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Average the joint errors after `align_procrustes`: Protocol #2.

    Frames in which a joint is missing don't count; NaN if no frame is left.

    Args:
        prediction: (..., J, 3), mm.
        truth: (..., J, 3), mm.
    """
    return mpjpe(align_procrustes(prediction, truth).aligned, truth)


def _mean_of_complete(errors: FloatArray) -> float:
    per_frame = errors.reshape(-1, errors.shape[-1]).mean(axis=1)
    complete = per_frame[np.isfinite(per_frame)]
    return float(complete.mean()) if complete.size else float("nan")


def _align(prediction: FloatArray, truth: FloatArray) -> Alignment:
    """Align one chunk (F, J, 3); see `align_procrustes`."""
    X, Y = prediction.astype(np.float64), truth.astype(np.float64)
    missing = ~(np.isfinite(X).all(axis=(1, 2)) & np.isfinite(Y).all(axis=(1, 2)))
    # LAPACK gives up a whole batch for one NaN.
    X[missing] = Y[missing] = 0.0

    centre_X, centre_Y = X.mean(axis=1), Y.mean(axis=1)
    x, y = X - centre_X[:, None], Y - centre_Y[:, None]
    point_x, point_y = _is_point(x, centre_X), _is_point(y, centre_Y)
    x[point_x], y[point_y] = 0.0, 0.0

    U, singular, Vt = np.linalg.svd(y.transpose(0, 2, 1) @ x)
    mirrored = np.linalg.det(U @ Vt) < 0
    U[mirrored, :, 2] *= -1
    singular[mirrored, 2] *= -1
    R = U @ Vt
    R[point_x | point_y] = np.eye(3)

    spread = np.einsum("fjc,fjc->f", x, x)
    scale = np.where(point_x, 1.0, singular.sum(axis=1) / np.where(spread > 0, spread, 1.0))
    turned = scale[:, None, None] * (x @ R.transpose(0, 2, 1))
    aligned = turned + centre_Y[:, None]
    t = centre_Y - scale[:, None] * np.einsum("fij,fj->fi", R, centre_X)
    for result in (aligned, scale, R, t):
        result[missing] = np.nan
    return Alignment(aligned, scale, R, t)


def _is_point(centred: FloatArray, centre: FloatArray) -> NDArray[np.bool_]:
    """Tell which centred poses (F, J, 3) have all joints in one place."""
    spread: FloatArray = np.abs(centred).max(axis=(1, 2))
    at_one_place: NDArray[np.bool_] = spread <= SAME_POINT * np.abs(centre).max(axis=1)
    return at_one_place


def _pair(prediction: ArrayLike, truth: ArrayLike) -> tuple[FloatArray, FloatArray]:
    poses, true = np.asarray(prediction), np.asarray(truth)
    if poses.shape != true.shape or poses.ndim < 2 or poses.shape[-1] != 3 or not poses.shape[-2]:
        raise ValueError(
            "prediction and truth must both be (..., J, 3) with at least one joint, "
            f"not {poses.shape} and {true.shape}"
        )
    return poses, true


def _frames(poses: FloatArray) -> FloatArray:
    return poses.reshape(-1, *poses.shape[-2:])


def _chunks(frames: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, frames, CHUNK)]
