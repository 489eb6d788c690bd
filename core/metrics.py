"""Errors of predicted poses: per joint, MPJPE (Protocol #1), P-MPJPE (Protocol #2), and others.

Pure NumPy, float64 inside, no loop over frames. Knows no files, skeletons or sequences; making
poses root-relative is the caller's step (`normalization.root_relative`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.rotations import best_rotations

FloatArray = NDArray[np.floating[Any]]

# Frames worked on at a time: keeps the float64 copies of a long recording in the CPU's cache.
CHUNK = 2048

# Joints closer together than this, relative to their distance from the origin, are one point:
# what is left of their spread is rounding.
SAME_POINT = 1e-12

# A joint nearer to its truth than this is correct (MPI-INF-3DHP); AUC averages over thresholds.
PCK_MM = 150.0
AUC_THRESHOLDS_MM = tuple(float(threshold) for threshold in range(0, 151, 5))


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

    Solves min over s >= 0, R, t of sum |s R x + t - y|^2 per frame in closed form, see
    `rotations.best_rotations`. A reflection is refused: where a mirrored pose would fit better,
    the best rotation is taken. Since squares are minimised, the mean distance can rise in a frame.

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


def align_scale(prediction: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Scale each root-relative predicted pose onto its truth, at the least sum of squares.

    Solves min over s of sum |s x - y|^2 per frame. A pose with all joints at the origin stays as
    it is; a frame in which a joint is missing is NaN. A pose that points away from its truth gets
    a scale of 0, never a negative one.

    Args:
        prediction: (..., J, 3).
        truth: (..., J, 3), in the same unit.

    Returns:
        (..., J, 3) float64.

    Source: Rhodin et al. 2018, "Unsupervised geometry-aware representation for 3D human pose
    estimation" (N-MPJPE).
    """
    prediction, truth = _pair(prediction, truth)
    x, y = prediction.astype(np.float64), truth.astype(np.float64)
    spread = np.einsum("...jc,...jc->...", x, x)
    common = np.einsum("...jc,...jc->...", x, y)
    scale = np.where(spread > 0, np.maximum(common, 0) / np.where(spread > 0, spread, 1.0), 1.0)
    scale[~np.isfinite(spread + common)] = np.nan
    scaled: FloatArray = scale[..., None, None] * x
    return scaled


def n_mpjpe(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Average the joint errors after `align_scale`, poses root-relative: N-MPJPE, mm.

    Frames in which a joint is missing don't count; NaN if no frame is left.

    Args:
        prediction: (..., J, 3), mm.
        truth: (..., J, 3), mm.
    """
    return mpjpe(align_scale(prediction, truth), truth)


def pck(errors: ArrayLike, threshold: float = PCK_MM) -> float:
    """Count the joints whose error is below a threshold: PCK, percent.

    Frames in which a joint is missing don't count; NaN if no frame is left.

    Args:
        errors: (..., J) mm, as `joint_errors` gives them.
        threshold: mm; an error equal to it is not below it.
    """
    complete = _complete(errors)
    return 100.0 * float((complete < threshold).mean()) if complete.size else float("nan")


def auc(errors: ArrayLike, thresholds: Sequence[float] = AUC_THRESHOLDS_MM) -> float:
    """Average PCK over thresholds from 0 to 150 mm in steps of 5: AUC, percent.

    Args:
        errors: (..., J) mm, as `joint_errors` gives them; frames with a missing joint don't count.
        thresholds: mm.
    """
    ordered = np.sort(_complete(errors).ravel())
    if not ordered.size:
        return float("nan")
    below = np.searchsorted(ordered, np.asarray(thresholds, dtype=ordered.dtype), side="left")
    return 100.0 * float(below.mean()) / ordered.size


def velocity_errors(prediction: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Measure how much each joint's step from frame to frame differs from the true step.

    Args:
        prediction: (F, J, 3) of one sequence, mm.
        truth: (F, J, 3), mm.

    Returns:
        (F - 1, J) float64, mm per frame. NaN where a joint is missing in one of the two frames.
    """
    prediction, truth = _pair(prediction, truth)
    return joint_errors(
        np.diff(prediction.astype(np.float64), axis=-3), np.diff(truth.astype(np.float64), axis=-3)
    )


def mpjve(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Average `velocity_errors` over joints and steps: MPJVE, mm per frame.

    Times the frame rate it is in mm/s. Steps in which a joint is missing don't count.

    Source: Pavllo et al. 2019, "3D human pose estimation in video with temporal convolutions and
    semi-supervised training".
    """
    return _mean_of_complete(velocity_errors(prediction, truth))


def bone_lengths(poses: ArrayLike, bones: Sequence[tuple[int, int]]) -> FloatArray:
    """Measure bones in poses (..., J, 3): (..., B) float64, in the poses' unit."""
    positions = np.asarray(poses, dtype=np.float64)
    starts, ends = (list(joints) for joints in zip(*bones, strict=True))
    lengths: FloatArray = np.linalg.norm(
        positions[..., ends, :] - positions[..., starts, :], axis=-1
    )
    return lengths


def bone_length_errors(
    prediction: ArrayLike, truth: ArrayLike, bones: Sequence[tuple[int, int]]
) -> FloatArray:
    """Measure how much each predicted bone is longer or shorter than the true one.

    Args:
        prediction: (..., J, 3), mm.
        truth: (..., J, 3), mm.
        bones: B pairs of joint indices.

    Returns:
        (..., B) float64 mm, never negative. NaN where an end is missing.
    """
    prediction, truth = _pair(prediction, truth)
    return np.abs(bone_lengths(prediction, bones) - bone_lengths(truth, bones))


def bone_length_error(
    prediction: ArrayLike, truth: ArrayLike, bones: Sequence[tuple[int, int]]
) -> float:
    """Average `bone_length_errors` over bones and frames, mm; incomplete frames don't count."""
    return _mean_of_complete(bone_length_errors(prediction, truth, bones))


def left_right_differences(
    poses: ArrayLike, left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]]
) -> FloatArray:
    """Measure how much the bones of the left differ in length from their twins on the right.

    Args:
        poses: (..., J, 3), mm.
        left: B pairs of joint indices.
        right: their twins, in the same order.

    Returns:
        (..., B) float64 mm, never negative. NaN where an end is missing.
    """
    return np.abs(bone_lengths(poses, left) - bone_lengths(poses, right))


def left_right_asymmetry(
    poses: ArrayLike, left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]]
) -> float:
    """Average `left_right_differences` over bones and frames, mm; incomplete frames don't count."""
    return _mean_of_complete(left_right_differences(poses, left, right))


def _complete(errors: ArrayLike) -> FloatArray:
    """Keep the frames (F, J) in which every joint has an error."""
    per_frame = np.asarray(errors)
    per_frame = per_frame.reshape(-1, per_frame.shape[-1])
    return per_frame[np.isfinite(per_frame).all(axis=1)]


def _mean_of_complete(errors: FloatArray) -> float:
    per_frame = errors.reshape(-1, errors.shape[-1]).mean(axis=1)
    complete = per_frame[np.isfinite(per_frame)]
    return float(complete.mean()) if complete.size else float("nan")


def _align(prediction: FloatArray, truth: FloatArray) -> Alignment:
    """Align one chunk (F, J, 3); see `align_procrustes`."""
    F = len(prediction)
    if F == 1:
        # NumPy sums along the joints in another order where there is one frame only.
        twice = _align(np.repeat(prediction, 2, axis=0), np.repeat(truth, 2, axis=0))
        return Alignment(*(values[:1] for values in twice))
    # (3, J, F): each coordinate of each joint is one vector over the frames.
    X, Y = (np.array(poses.T, dtype=np.float64, order="C") for poses in (prediction, truth))
    missing = ~(np.isfinite(X).all(axis=(0, 1)) & np.isfinite(Y).all(axis=(0, 1)))
    X[..., missing] = Y[..., missing] = 0.0

    centre_X, centre_Y = X.mean(axis=1), Y.mean(axis=1)
    x, y = X - centre_X[:, None], Y - centre_Y[:, None]
    point_x, point_y = _is_point(x, centre_X), _is_point(y, centre_Y)
    x[..., point_x], y[..., point_y] = 0.0, 0.0

    spread = _products(x, x)
    covariance = np.array([[np.einsum("jf,jf->f", a, b) for b in x] for a in y])
    R, common = best_rotations(covariance, np.sqrt(spread * _products(y, y)))
    R[..., point_x | point_y] = np.eye(3)[..., None]
    scale = np.where(point_x, 1.0, common / np.where(spread > 0, spread, 1.0))

    aligned, t = np.empty((F, prediction.shape[1], 3)), np.empty((F, 3))
    sR = scale * R
    for i in range(3):
        turned = sR[i, 0] * x[0] + sR[i, 1] * x[1] + sR[i, 2] * x[2]
        aligned[..., i] = (turned + centre_Y[i]).T
        moved = sR[i, 0] * centre_X[0] + sR[i, 1] * centre_X[1] + sR[i, 2] * centre_X[2]
        t[:, i] = centre_Y[i] - moved
    R = np.ascontiguousarray(R.transpose(2, 0, 1))
    for result in (aligned, scale, R, t):
        result[missing] = np.nan
    return Alignment(aligned, scale, R, t)


def _products(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum the products of all coordinates (3, J, F) in each frame: (F,)."""
    x, y, z = (np.einsum("jf,jf->f", p, q) for p, q in zip(a, b, strict=True))
    total: FloatArray = x + y + z
    return total


def _is_point(centred: FloatArray, centre: FloatArray) -> NDArray[np.bool_]:
    """Tell which centred poses (3, J, F) have all joints in one place."""
    spread: FloatArray = np.abs(centred).max(axis=(0, 1))
    at_one_place: NDArray[np.bool_] = spread <= SAME_POINT * np.abs(centre).max(axis=0)
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
