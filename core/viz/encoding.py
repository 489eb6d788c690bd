"""Positions as small integers: a third of float32's bytes, exact to a few hundredths of a mm.

Each frame's figure is stored as its own centre and offsets from it, so that a walk through a hall
costs no precision. Pure functions of arrays.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.cameras import Array

LARGEST = 32767
# The offset that stands for a missing coordinate.
MISSING = -32768


class Encoded(NamedTuple):
    """Positions (F, J, C) in small numbers: `centres[f] + offsets[f, j] * scale`."""

    centres: NDArray[np.float32]  # (F, C)
    offsets: NDArray[np.int16]  # (F, J, C), MISSING where a coordinate is unknown
    scale: float


def encode(positions: Array) -> Encoded:
    """Encode positions (F, J, C); infinite counts as missing.

    The error is at most half of `scale`, which is a figure's half extent / 32767: 0.03 mm for a
    person with stretched arms.
    """
    values = np.array(positions, dtype=np.float64)
    known = np.isfinite(values)
    values[~known] = np.nan
    # Joint by joint, since NumPy reduces a short middle axis many times slower.
    joints = [values[:, joint] for joint in range(values.shape[1])]
    middle = (reduce(np.fmin, joints) + reduce(np.fmax, joints)) / 2
    centres = np.nan_to_num(middle).astype(np.float32)
    values -= centres[:, None]
    values[~known] = 0
    reach = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    scale = reach / LARGEST if reach > 0 else 1.0
    offsets = np.rint(values / scale).astype(np.int16)
    offsets[~known] = MISSING
    return Encoded(centres, offsets, scale)


def decode(encoded: Encoded) -> NDArray[np.float64]:
    """Undo `encode`, as the viewer's JavaScript does."""
    away = np.where(encoded.offsets == MISSING, np.nan, encoded.offsets.astype(np.float64))
    positions: NDArray[np.float64] = encoded.centres[:, None] + away * encoded.scale
    return positions
