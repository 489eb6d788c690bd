"""Positions as small integers: a third of float32's bytes, exact to a few hundredths of a mm.

Each frame's figure is stored as its own centre and offsets from it, so that a walk through a hall
costs no precision. Pure functions of arrays.
"""

from __future__ import annotations

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
    values = np.asarray(positions, dtype=np.float64)
    known = np.isfinite(values)
    empty = ~known.any(axis=1)
    low = np.where(empty, 0.0, np.where(known, values, np.inf).min(axis=1))
    high = np.where(empty, 0.0, np.where(known, values, -np.inf).max(axis=1))
    centres = ((low + high) / 2).astype(np.float32)
    away = np.where(known, values - centres[:, None], 0.0)
    reach = float(np.abs(away).max(initial=0.0))
    scale = reach / LARGEST if reach > 0 else 1.0
    offsets = np.where(known, np.rint(away / scale), MISSING).astype(np.int16)
    return Encoded(centres, offsets, scale)


def decode(encoded: Encoded) -> NDArray[np.float64]:
    """Undo `encode`, as the viewer's JavaScript does."""
    away = np.where(encoded.offsets == MISSING, np.nan, encoded.offsets.astype(np.float64))
    positions: NDArray[np.float64] = encoded.centres[:, None] + away * encoded.scale
    return positions
