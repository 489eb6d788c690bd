"""Poses taken some frames at a time, so that their float64 copies stay in the CPU's cache.

What the errors and the alignment have in common. Pure NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating[Any]]

# Frames worked on at a time.
CHUNK = 2048


def as_poses(prediction: ArrayLike, truth: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take predicted and true poses (..., J, 3); `ValueError` if they don't go together."""
    poses, true = np.asarray(prediction), np.asarray(truth)
    if poses.shape != true.shape or poses.ndim < 2 or poses.shape[-1] != 3 or not poses.shape[-2]:
        raise ValueError(
            "prediction and truth must both be (..., J, 3) with at least one joint, "
            f"not {poses.shape} and {true.shape}"
        )
    return poses, true


def frames_of(poses: FloatArray) -> FloatArray:
    """Put poses (..., J, 3) in one row: (F, J, 3)."""
    return poses.reshape(-1, *poses.shape[-2:])


def chunks(frames: int) -> list[slice]:
    """Part so many frames."""
    return [slice(start, start + CHUNK) for start in range(0, frames, CHUNK)]


def by_coordinate(poses: FloatArray) -> FloatArray:
    """Lay poses (F, J, 3) out as (3, J, F): each coordinate of a joint one vector over frames."""
    return np.array(poses.T, dtype=np.float64, order="C")
