"""Errors of predicted poses: per joint, MPJPE (Protocol #1), P-MPJPE (Protocol #2), and others.

Pure NumPy, float64 inside, no loop over frames. Knows no files, skeletons or sequences; making
poses root-relative is the caller's step (`normalization.root_relative`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from core.alignment import align_procrustes
from core.chunks import FloatArray, as_poses, by_coordinate, chunks, frames_of

# A joint nearer to its truth than this is correct (MPI-INF-3DHP); AUC averages over thresholds.
PCK_MM = 150.0
AUC_THRESHOLDS_MM = tuple(float(threshold) for threshold in range(0, 151, 5))


def joint_errors(prediction: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Measure the distance of each joint from its truth, with no alignment.

    Args:
        prediction: (..., J, 3).
        truth: (..., J, 3), in the same space and unit.

    Returns:
        (..., J) float64. NaN where either joint is missing.
    """
    prediction, truth = as_poses(prediction, truth)
    poses, true = frames_of(prediction), frames_of(truth)
    errors = np.empty(poses.shape[:2])
    for part in chunks(len(poses)):
        difference = poses[part].astype(np.float64) - true[part]
        np.sqrt(np.einsum("fjc,fjc->fj", difference, difference), out=errors[part])
    return errors.reshape(prediction.shape[:-1])


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
    prediction, truth = as_poses(prediction, truth)
    poses, true = frames_of(prediction), frames_of(truth)
    scaled = np.empty(poses.shape)
    for part in chunks(len(poses)):
        x, y = (each[part].astype(np.float64) for each in (poses, true))
        spread = np.einsum("fjc,fjc->f", x, x)
        common = np.einsum("fjc,fjc->f", x, y)
        scale = np.where(spread > 0, np.maximum(common, 0) / np.where(spread > 0, spread, 1.0), 1.0)
        scale[~np.isfinite(spread + common)] = np.nan
        np.multiply(scale[:, None, None], x, out=scaled[part])
    return scaled.reshape(prediction.shape)


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
    poses, true = as_poses(prediction, truth)
    errors = np.empty((max(len(poses) - 1, 0), poses.shape[1]))
    for part in chunks(len(errors)):
        both_ends = slice(part.start, part.stop + 1)
        difference = poses[both_ends].astype(np.float64) - true[both_ends]
        step = difference[1:] - difference[:-1]
        np.sqrt(np.einsum("fjc,fjc->fj", step, step), out=errors[part])
    return errors


def mpjve(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Average `velocity_errors` over joints and steps: MPJVE, mm per frame.

    Times the frame rate it is in mm/s. Steps in which a joint is missing don't count.

    Source: Pavllo et al. 2019, "3D human pose estimation in video with temporal convolutions and
    semi-supervised training".
    """
    return _mean_of_complete(velocity_errors(prediction, truth))


def bone_lengths(poses: ArrayLike, bones: Sequence[tuple[int, int]]) -> FloatArray:
    """Measure bones in poses (..., J, 3): (..., B) float64, in the poses' unit."""
    positions = np.asarray(poses)
    frames = frames_of(positions)
    lengths = np.empty((len(bones), len(frames)))
    for part in chunks(len(frames)):
        x = by_coordinate(frames[part])
        for length, (start, end) in zip(lengths, bones, strict=True):
            dx, dy, dz = x[:, end] - x[:, start]
            np.sqrt(dx * dx + dy * dy + dz * dz, out=length[part])
    return lengths.T.reshape(*positions.shape[:-2], len(bones))


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
    prediction, truth = as_poses(prediction, truth)
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
