"""3D from two or more calibrated cameras that see the same points at the same time.

Pure NumPy. A view that contradicts the others, such as a joint that a detector took for another,
is left out; where no two views agree, nothing is made up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera, image_from_world, undistort

Array = NDArray[np.floating[Any]]

# How far a good detection lies from where it should, in parts of the picture's longer side; views
# that are further off than three times as much don't agree.
USUAL_OFF, AGREEING = 0.01, 3.0
# Two rays that are nearer to parallel than this leave the depth open.
LEAST_ANGLE_DEG = 3.0
STEPS = 8


class Triangulated(NamedTuple):
    """Points in the world.

    Attributes:
        points: (F, J, 3), mm; NaN where no two views agree.
        off_px: (F, J) RMS distance of the projected point from the views that agree.
        views: (F, J) how many views agree.
    """

    points: Array
    off_px: Array
    views: NDArray[np.int_]


def triangulate(
    joints_2d: Array, cameras: Sequence[Camera], confidence: Array | None = None
) -> Triangulated:
    """Find the points that fit what the cameras saw.

    The pair of views that most others agree with starts; then all views, weighed by how well they
    agree, take steps of least squares on the distances from their rays.

    Args:
        joints_2d: (V, F, J, 2) px, one V a camera; NaN where a point was not seen.
        cameras: V of them, with the size of their pictures.
        confidence: (V, F, J) how sure each point is; all alike where not given.

    Raises:
        ValueError: fewer than two cameras, or another number of them than of views.
    """
    if len(cameras) < 2 or len(cameras) != len(joints_2d):
        raise ValueError(f"{len(joints_2d)} views of {len(cameras)} cameras: two are the least")
    rays = np.stack([_rays(px, camera) for px, camera in zip(joints_2d, cameras, strict=True)])
    seen = np.asarray(np.isfinite(rays).all(axis=-1))
    sure = np.where(seen, 1.0 if confidence is None else np.nan_to_num(confidence), 0.0)
    rays = np.where(seen[..., None], rays, 0.0)
    # To the squared distance from a ray: I - d d^T.
    across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
    centres = np.stack([camera.t for camera in cameras])

    best = np.zeros(seen.shape[1:])
    points = np.full((*seen.shape[1:], 3), np.nan)
    for a, b in itertools.combinations(range(len(cameras)), 2):
        apart = np.linalg.norm(np.cross(rays[a], rays[b]), axis=-1)
        usable = seen[a] & seen[b] & (apart > np.sin(np.deg2rad(LEAST_ANGLE_DEG)))
        weights = np.zeros(seen.shape)
        weights[[a, b]] = usable
        candidate = _nearest(across, centres, weights)
        score = (sure * _agreement(candidate, joints_2d, cameras)).sum(axis=0)
        better = usable & (score > best)
        best = np.where(better, score, best)
        points = np.where(better[..., None], candidate, points)
    for _ in range(STEPS):
        distance = np.linalg.norm(np.nan_to_num(points) - centres[:, None, None], axis=-1)
        weights = sure * _agreement(points, joints_2d, cameras) ** 2 / np.maximum(distance, 1) ** 2
        points = _nearest(across, centres, weights)
    off = _off(points, joints_2d, cameras)
    agreeing = np.isfinite(off) & (off < AGREEING * _usual_px(cameras)) & (sure > 0)
    views = agreeing.sum(axis=0)
    squares = np.where(agreeing, off**2, 0).sum(axis=0)
    enough = views >= 2
    points[~enough] = np.nan
    rms = np.sqrt(np.where(enough, squares / np.maximum(views, 1), np.nan))
    return Triangulated(points, rms, views)


def _rays(px: Array, camera: Camera) -> Array:
    """Directions (F, J, 3) in the world, of length 1, from the camera's centre to points."""
    ideal = undistort((px.astype(np.float64) - camera.centre_px) / camera.focal_px, camera)
    away = np.concatenate([ideal, np.ones((*ideal.shape[:-1], 1))], axis=-1) @ camera.R
    return np.asarray(away / np.linalg.norm(away, axis=-1, keepdims=True))


def _nearest(across: Array, centres: Array, weights: Array) -> Array:
    """The points (F, J, 3) nearest to the weighed rays; NaN where fewer than two have weight."""
    A = (weights[..., None, None] * across).sum(axis=0)
    b = (weights[..., None] * np.einsum("vfjxy,vy->vfjx", across, centres)).sum(axis=0)
    open_ = ((weights > 0).sum(axis=0) < 2) | ~(
        np.linalg.det(A) > 1e-9 * np.trace(A, axis1=-2, axis2=-1) ** 3
    )
    A[open_] = np.eye(3)
    points = np.linalg.solve(A, b[..., None])[..., 0]
    points[open_] = np.nan
    return np.asarray(points)


def _off(points: Array, joints_2d: Array, cameras: Sequence[Camera]) -> Array:
    """How far (V, F, J) each view is from the projected points, px; NaN where it saw nothing."""
    views = zip(joints_2d, cameras, strict=True)
    return np.stack(
        [np.linalg.norm(image_from_world(points, camera) - px, axis=-1) for px, camera in views]
    )


def _agreement(points: Array, joints_2d: Array, cameras: Sequence[Camera]) -> Array:
    """How well (V, F, J) each view agrees: 1 exactly, 1/2 at the usual distance, 0 unseen."""
    return np.nan_to_num(1 / (1 + (_off(points, joints_2d, cameras) / _usual_px(cameras)) ** 2))


def _usual_px(cameras: Sequence[Camera]) -> Array:
    sizes = [max(camera.size_px) if camera.size_px else 1000 for camera in cameras]
    return USUAL_OFF * np.array(sizes, dtype=float)[:, None, None]
