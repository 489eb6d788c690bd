"""The best similarity between predicted and true poses, frame by frame, and the errors after it.

Pure NumPy, float64 inside, no loop over frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.chunks import FloatArray, as_poses, by_coordinate, chunks, frames_of
from core.rotations import best_rotations

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
    prediction, truth = as_poses(prediction, truth)
    lead = prediction.shape[:-2]
    poses, true = frames_of(prediction), frames_of(truth)
    F, J = poses.shape[:2]
    aligned = np.empty((F, J, 3))
    scale, R, t = np.empty(F), np.empty((F, 3, 3)), np.empty((F, 3))
    for part in chunks(F):
        aligned[part], scale[part], R[part], t[part] = _align(poses[part], true[part])
    shapes = ((*lead, J, 3), lead, (*lead, 3, 3), (*lead, 3))
    whole = zip((aligned, scale, R, t), shapes, strict=True)
    return Alignment(*(values.reshape(shape) for values, shape in whole))


def procrustes_errors(
    prediction: ArrayLike, truth: ArrayLike, joint_sets: Sequence[Sequence[int]]
) -> list[FloatArray]:
    """Measure joint errors after `align_procrustes`, for several choices of joints in one go.

    Args:
        prediction: (F, J, 3), mm.
        truth: (F, J, 3), mm.
        joint_sets: the joints that count, by index: a pose is aligned on them alone.

    Returns:
        A set's errors (F, joints in it) float64 mm; NaN in frames in which one of them is missing.
    """
    poses, true = as_poses(prediction, truth)
    errors: list[FloatArray] = [np.empty((len(poses), len(joints))) for joints in joint_sets]
    for part in chunks(len(poses)):
        of_part = _aligned_errors(poses[part], true[part], joint_sets)
        for whole, found in zip(errors, of_part, strict=True):
            whole[part] = found
    return errors


def _align(prediction: FloatArray, truth: FloatArray) -> Alignment:
    """Align one chunk (F, J, 3); see `align_procrustes`."""
    F, J = prediction.shape[:2]
    if F == 1:
        # NumPy sums along the joints in another order where there is one frame only.
        twice = _align(np.repeat(prediction, 2, axis=0), np.repeat(truth, 2, axis=0))
        return Alignment(*(values[:1] for values in twice))
    pair = _centred(by_coordinate(prediction), by_coordinate(truth))
    scale, R = _fit([pair])[0]
    aligned, t = np.empty((F, J, 3)), np.empty((F, 3))
    sR = scale * R
    for i in range(3):
        aligned[..., i] = (_turned(sR[i], pair.x) + pair.centre_y[i]).T
        t[:, i] = pair.centre_y[i] - _turned(sR[i], pair.centre_x)
    R = np.ascontiguousarray(R.transpose(2, 0, 1))
    for result in (aligned, scale, R, t):
        result[pair.missing] = np.nan
    return Alignment(aligned, scale, R, t)


def _aligned_errors(
    prediction: FloatArray, truth: FloatArray, joint_sets: Sequence[Sequence[int]]
) -> list[FloatArray]:
    """Align and measure one chunk (F, J, 3); see `procrustes_errors`."""
    if len(prediction) == 1:  # as in `_align`
        prediction, truth = (np.repeat(poses, 2, axis=0) for poses in (prediction, truth))
        return [errors[:1] for errors in _aligned_errors(prediction, truth, joint_sets)]
    X, Y = by_coordinate(prediction), by_coordinate(truth)
    pairs = [_centred(X[:, joints], Y[:, joints]) for joints in map(list, joint_sets)]
    found: list[FloatArray] = []
    for pair, (scale, R) in zip(pairs, _fit(pairs), strict=True):
        sR = scale * R
        dx, dy, dz = (_turned(sR[i], pair.x) - pair.y[i] for i in range(3))
        errors = np.sqrt(dx * dx + dy * dy + dz * dz).T
        errors[pair.missing] = np.nan
        found.append(errors)
    return found


class _Pair(NamedTuple):
    """A chunk's predicted and true poses, with what their alignment is made of.

    Attributes:
        x, y: (3, J, F) prediction and truth, each about its centre.
        centre_x, centre_y: (3, F).
        missing: (F,) a joint is missing; all else is 0 there.
        point_x, point_y: (F,) all joints lie in one place.
        spread: (F,) sum |x|^2.
        covariance: (3, 3, F) sum y x^T.
        reach: (F,) sqrt(sum |x|^2 sum |y|^2).
    """

    x: FloatArray
    y: FloatArray
    centre_x: FloatArray
    centre_y: FloatArray
    missing: NDArray[np.bool_]
    point_x: NDArray[np.bool_]
    point_y: NDArray[np.bool_]
    spread: FloatArray
    covariance: FloatArray
    reach: FloatArray


def _centred(x: FloatArray, y: FloatArray) -> _Pair:
    """Move poses (3, J, F), in place, to their centres; sum their products."""
    missing: NDArray[np.bool_] = np.logical_not(
        np.isfinite(x).all((0, 1)) & np.isfinite(y).all((0, 1))
    )
    x[..., missing] = y[..., missing] = 0.0
    centre_x, centre_y = x.mean(axis=1), y.mean(axis=1)
    x -= centre_x[:, None]
    y -= centre_y[:, None]
    point_x, point_y = _is_point(x, centre_x), _is_point(y, centre_y)
    x[..., point_x], y[..., point_y] = 0.0, 0.0
    spread = _products(x, x)
    covariance = np.array([[np.einsum("jf,jf->f", a, b) for b in x] for a in y])
    reach = np.sqrt(spread * _products(y, y))
    return _Pair(x, y, centre_x, centre_y, missing, point_x, point_y, spread, covariance, reach)


def _fit(pairs: Sequence[_Pair]) -> list[tuple[FloatArray, FloatArray]]:
    """Find the scale (F,) and the rotation (3, 3, F) of each chunk's frames, all in one go."""
    R, common = best_rotations(
        np.concatenate([pair.covariance for pair in pairs], axis=-1),
        np.concatenate([pair.reach for pair in pairs]),
    )
    found = []
    for number, pair in enumerate(pairs):
        F = len(pair.reach)
        part = slice(number * F, (number + 1) * F)
        turn, trace = R[..., part], common[part]
        turn[..., pair.point_x | pair.point_y] = np.eye(3)[..., None]
        spread = np.where(pair.spread > 0, pair.spread, 1.0)
        found.append((np.where(pair.point_x, 1.0, trace / spread), turn))
    return found


def _turned(row: FloatArray, x: FloatArray) -> FloatArray:
    """Multiply one row of matrices (3, F) with vectors (3, ..., F)."""
    product: FloatArray = row[0] * x[0] + row[1] * x[1] + row[2] * x[2]
    return product


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
