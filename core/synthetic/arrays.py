"""Array arithmetic that motion is made of: rotations, limbs of two bones, smooth steps.

All of it works on whole takes at once, frames first. Axes of a body part: x forward, y left,
z up; the world's z is up. Angles in radians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

# Over how many frames (standard deviation) elbows and knees are turned round.
_SWIVEL_FRAMES = 5.0


def rotation(yaw: ArrayLike, pitch: ArrayLike = 0.0, roll: ArrayLike = 0.0) -> Array:
    """Make Rz(yaw) Ry(pitch) Rx(roll), (F, 3, 3): turn left, bow forward, lean to the right."""
    yaw, pitch, roll = np.broadcast_arrays(yaw, pitch, roll)
    cz, sz = np.cos(yaw), np.sin(yaw)
    cy, sy = np.cos(pitch), np.sin(pitch)
    cx, sx = np.cos(roll), np.sin(roll)
    R = np.empty((*np.shape(yaw), 3, 3))
    R[..., 0, 0] = cz * cy
    R[..., 0, 1] = cz * sy * sx - sz * cx
    R[..., 0, 2] = cz * sy * cx + sz * sx
    R[..., 1, 0] = sz * cy
    R[..., 1, 1] = sz * sy * sx + cz * cx
    R[..., 1, 2] = sz * sy * cx - cz * sx
    R[..., 2, 0] = -sy
    R[..., 2, 1] = cy * sx
    R[..., 2, 2] = cy * cx
    return R


def turn(R: Array, vectors: ArrayLike) -> Array:
    """Rotate vectors (..., 3) by R (..., 3, 3)."""
    v = np.asarray(vectors)
    return R[..., 0] * v[..., 0:1] + R[..., 1] * v[..., 1:2] + R[..., 2] * v[..., 2:3]


def bend(
    start: Array, target: Array, upper: float, lower: float, pole: Array
) -> tuple[Array, Array]:
    """Lay a limb of two bones from `start` towards `target`, its joint towards `pole`.

    The bones keep their lengths exactly; a target out of reach is approached smoothly.

    Args:
        start: (F, 3) shoulder or hip.
        target: (F, 3) where wrist or ankle should be.
        upper: length of the bone from the start to the middle joint.
        lower: length of the bone from there to the end.
        pole: (F, 3) direction in which elbow or knee points.

    Returns:
        The middle joint and the end, (F, 3) each.
    """
    # The hair's breadth gives a limb whose target is its own start a direction: down.
    away = target - start - (0.0, 0.0, 1e-6)
    distance = np.sqrt(np.sum(away * away, axis=-1, keepdims=True)) + 1e-9
    direction = away / distance
    total = upper + lower
    reach = soft_minimum(distance, 0.9992 * total, 0.0015 * total)
    reach = np.maximum(reach, max(0.25 * total, 1.01 * abs(upper - lower)))
    along = (upper * upper - lower * lower + reach * reach) / (2 * reach)
    aside = np.sqrt(np.maximum(upper * upper - along * along, 0.0))
    normal = pole - direction * np.sum(pole * direction, axis=-1, keepdims=True)
    # Where a limb swings past its pole the normal would flip; people turn the joint round.
    normal = smooth(unit(normal + 1e-9), _SWIVEL_FRAMES)
    normal = unit(normal - direction * np.sum(normal * direction, axis=-1, keepdims=True) + 1e-9)
    middle = unit(along * direction + aside * normal) * upper
    end = middle + unit(reach * direction - middle) * lower
    return start + middle, start + end


def unit(vectors: Array) -> Array:
    """Scale vectors (..., 3) to length 1."""
    return vectors / np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True))


def soft_minimum(values: ArrayLike, ceiling: ArrayLike, softness: float) -> Array:
    """Take the smaller of two, with a rounded corner of the width `softness`."""
    a, b = np.asarray(values, dtype=float), np.asarray(ceiling, dtype=float)
    return -softness * np.logaddexp(-a / softness, -b / softness)


def rate(values: Array, fps: float) -> Array:
    """Differentiate (F,) over time, a second; a single frame stands still."""
    if len(values) < 2:
        return np.zeros(len(values))
    return np.asarray(np.gradient(values)) * fps


def minimum_jerk(progress: ArrayLike) -> Array:
    """Ease from 0 to 1 as reaching hands do (T. Flash and N. Hogan, 1985)."""
    u = np.clip(progress, 0.0, 1.0)
    return u * u * u * (10 + u * (6 * u - 15))


def smooth(values: Array, sigma_frames: float) -> Array:
    """Blur (F, ...) over time with a Gaussian; the ends are held."""
    half = int(np.ceil(3 * sigma_frames))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma_frames) ** 2)
    kernel /= kernel.sum()
    flat = np.asarray(values, dtype=float).reshape(len(values), -1)
    padded = np.concatenate(
        [np.repeat(flat[:1], half, axis=0), flat, np.repeat(flat[-1:], half, axis=0)]
    )
    columns = [np.convolve(column, kernel, mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1).reshape(values.shape)
