"""What the motion-capture formats share: text, Euler rotations, lengths and axes.

Knows no file's layout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import PoseFormatError

Array = NDArray[np.floating[Any]]

MM_PER_INCH = 25.4

# CMU's FAQ: lengths are inches times 0.45. 56.4444 mm.
CMU_UNIT_MM = MM_PER_INCH / 0.45


def rotation_about(axis: str, angles_rad: ArrayLike) -> Array:
    """Make the rotations (..., 3, 3) about one axis, "X", "Y" or "Z", for column vectors."""
    angles = np.asarray(angles_rad, dtype=np.float64)
    first = {"X": 1, "Y": 2, "Z": 0}[axis]
    second, fixed = (first + 1) % 3, (first + 2) % 3
    cosine, sine = np.cos(angles), np.sin(angles)
    R = np.zeros((*angles.shape, 3, 3))
    R[..., fixed, fixed] = 1.0
    R[..., first, first] = cosine
    R[..., first, second] = -sine
    R[..., second, first] = sine
    R[..., second, second] = cosine
    return R


def euler_rotation(axes: str, angles_rad: ArrayLike) -> Array:
    """Multiply rotations from left to right: "ZYX" with angles (..., 3) is Rz Ry Rx.

    Args:
        axes: one letter a rotation, the leftmost factor (the last one applied) first.
        angles_rad: (..., N), one angle a letter, in the letters' order.

    Returns:
        (..., 3, 3); the identity where `axes` is empty.
    """
    angles = np.asarray(angles_rad, dtype=np.float64)
    if not axes:
        return np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    R = rotation_about(axes[0], angles[..., 0])
    for place, axis in enumerate(axes[1:], start=1):
        R = R @ rotation_about(axis, angles[..., place])
    return R


def z_up_from_y_up(points: ArrayLike) -> Array:
    """Turn (..., 3) from y up to z up by 90 degrees about x: (x, y, z) -> (x, -z, y)."""
    xyz = np.asarray(points)
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


def text_lines(path: Path) -> list[str]:
    """Read a text file's lines; `PoseFormatError` if it can't be read."""
    try:
        # Latin-1 reads any byte: what is not text then fails where a name or number is expected.
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise PoseFormatError(f"it can't be read: {error.strerror}", file=path) from error


def is_finite_number(word: str) -> bool:
    """Tell whether a word is a number other than nan and inf."""
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
