"""Steadier poses over time: One-Euro smoothing of 2D, and bones that keep their length in 3D.

Pure NumPy; both leave missing frames missing, and neither looks across a gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# One-Euro filter (Casiez, Roussel, Vogel: "1 euro filter", CHI 2012). The cutoff is in Hz; the
# slope is per body height a second, so that neither fps nor the size in the picture matters.
CUTOFF_HZ, SLOPE, SPEED_CUTOFF_HZ = 3.0, 50.0, 1.0


def one_euro(positions: Array, fps: float) -> Array:
    """Smooth 2D joints (F, J, 2): still ones strongly, quick ones hardly.

    Runs forwards and backwards and takes the middle, so that nothing lags.

    Args:
        positions: px; a joint at NaN stays so, and starts afresh after the gap.
        fps: frames a second.
    """
    height = _body_height(positions)
    if not height > 0:
        return positions
    scaled = positions.astype(np.float64) / height
    both = (_filtered(scaled, fps) + _filtered(scaled[::-1], fps)[::-1]) / 2
    return np.asarray(both * height)


def steady_bones(positions: Array, bones: Sequence[tuple[int, int]], twins: Sequence[int]) -> Array:
    """Give each bone one length over the clip, and its twin on the other side the same.

    Args:
        positions: (F, J, 3); joints are moved along their bones, the root stays.
        bones: (parent, child) pairs, parents before their children.
        twins: J indices, the joint of the other side.

    Returns:
        (F, J, 3).
    """
    lengths = {}
    for parent, child in bones:
        length = np.linalg.norm(positions[:, child] - positions[:, parent], axis=-1)
        lengths[child] = float(np.nanmedian(length)) if np.isfinite(length).any() else 0.0
    steady = np.array(positions, dtype=np.float64)
    for parent, child in bones:
        along = positions[:, child].astype(np.float64) - positions[:, parent]
        own = np.linalg.norm(along, axis=-1, keepdims=True)
        wanted = (lengths[child] + lengths[twins[child]]) / 2
        steady[:, child] = steady[:, parent] + along * (wanted / np.maximum(own, 1e-9))
    return steady


def _body_height(positions: Array) -> float:
    """Median over frames of how far apart the highest and lowest joint are, px."""
    whole = positions[np.isfinite(positions).all(axis=(1, 2))]
    if not len(whole):
        return 0.0
    return float(np.median(np.ptp(whole, axis=1).max(axis=1)))


def _filtered(positions: Array, fps: float) -> Array:
    result = np.array(positions)
    # The one before, None-like where it is missing.
    value = np.full(positions.shape[1:], np.nan)
    speed = np.zeros(positions.shape[1:])
    speed_share = _share(SPEED_CUTOFF_HZ, fps)
    for frame, seen in enumerate(positions):
        fresh = np.isnan(value)
        pace = np.where(fresh, 0.0, (seen - value) * fps)
        speed = np.where(fresh, 0.0, speed + speed_share * (pace - speed))
        magnitude = np.linalg.norm(speed, axis=-1, keepdims=True)
        share = _share(CUTOFF_HZ + SLOPE * magnitude, fps)
        value = np.where(fresh, seen, value + share * (seen - value))
        result[frame] = value
    return result


def _share(cutoff_hz: Any, fps: float) -> Any:
    """The part of a step that a low-pass filter takes over."""
    rate = 2 * math.pi * cutoff_hz / fps
    return rate / (rate + 1)
