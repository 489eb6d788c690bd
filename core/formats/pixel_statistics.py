"""Find the 2D statistics that the re-implementation's folders leave out.

Ground truth: 2D is the projection of the folder's own 3D, and the lenses are published, so the
place of each person and the statistics together have one solution. It tells whether the
published statistics are the folder's own, and gives the folder's own where they are not.
Detections: ground truth plus noise, so a line fitted over the ground truth gives theirs.
Knows arrays; no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera, Distortion, image_from_camera
from core.normalization import Statistics
from core.rig import HUMAN36M_INTRINSICS

Array = NDArray[np.floating[Any]]

# Fewer frames than this do not pin down a mean and a spread per coordinate.
FEWEST_FRAMES = 30
# A projection that is off by more than this was not made with these statistics; by less, the
# lens formula, rounding and the last digits of what is published explain it.
LARGEST_MISFIT_PX = 2.0
NEAREST_MM, STEPS = 1000.0, 30


@dataclass(frozen=True, eq=False)
class View:
    """Frames of one camera: normalised 2D (F, 32) and root-relative 3D (F, 16, 3), mm."""

    camera: Camera
    inputs: Array
    joints: Array


def lens(name: str) -> Camera | None:
    """Give one of Human3.6M's cameras by name, at the origin; None for any other name."""
    intrinsics = HUMAN36M_INTRINSICS.get(name)
    if intrinsics is None:
        return None
    return Camera.from_arrays(name, np.eye(3), np.zeros(3), **vars(intrinsics))


def misfit_px(views: Sequence[View], statistics: Statistics) -> float:
    """Measure how far the 2D is from being a projection of the 3D, median over joints, px.

    Each frame's person may stand where it fits best; inf where no place fits.
    """
    fitted = _fit(views, statistics, fixed=True)
    return float("inf") if fitted is None else fitted[1]


def recover(views: Sequence[View], start: Statistics) -> Statistics | None:
    """Solve for the statistics with which the 2D is the projection of the 3D.

    Args:
        views: frames of one or more cameras.
        start: where to start; Human3.6M's own statistics are near enough to any like rig's.

    Returns:
        The statistics, or None where there is no such solution or too few frames.
    """
    if sum(len(view.inputs) for view in views) < FEWEST_FRAMES:
        return None
    formulas: tuple[Distortion, ...] = ("human36m", "opencv")
    solutions = []
    for formula in formulas:
        bent = [replace(v, camera=replace(v.camera, distortion=formula)) for v in views]
        fitted = _fit(bent, start, fixed=False)
        if fitted is not None:
            solutions.append(fitted)
    if not solutions:
        return None
    statistics, misfit = min(solutions, key=lambda solution: solution[1])
    return statistics if misfit < LARGEST_MISFIT_PX else None


def of_detections(pairs: Iterable[tuple[Array, Array]], truth: Statistics) -> Statistics | None:
    """Estimate a detector's statistics from frames that it shares with the ground truth.

    A detection's pixels are the true ones plus noise, so its normalised numbers are a line over
    the true ones. Regressing this way round keeps the noise out of the slope.

    Args:
        pairs: normalised ground truth and normalised detections of the same frames, (F, 32).
        truth: statistics of the ground truth.

    Returns:
        The statistics; None where the two do not follow each other, or frames are too few.
    """
    n = 0
    sums = np.zeros((4, truth.mean.size))
    for true, detected in pairs:
        x, y = true.astype(np.float64), detected.astype(np.float64)
        n += len(x)
        sums += np.stack([x.sum(0), y.sum(0), (x * x).sum(0), (x * y).sum(0)])
    if n < FEWEST_FRAMES:
        return None
    x, y, xx, xy = sums / n
    variance = xx - x * x
    if not (variance > 0).all():
        return None
    slope = (xy - x * y) / variance
    if not (slope > 0).all():
        return None
    std = truth.std / slope
    mean = truth.mean - (y - slope * x) * std
    origin = f"estimated by regression on the ground truth over {n:,} frames"
    return Statistics(mean, std, origin, estimated=True)


def _fit(
    views: Sequence[View], start: Statistics, *, fixed: bool
) -> tuple[Statistics, float] | None:
    """Fit roots, and the statistics unless `fixed`, by Gauss-Newton on the projection.

    Minimises |project(joints + root) - inputs * std - mean| in px. Each frame's root is
    eliminated before the statistics are solved for, so the system has 64 unknowns.
    """
    mean, std = start.mean, start.std
    with np.errstate(all="ignore"):
        roots = [_first_roots(view, start) for view in views]
        for _ in range(STEPS):
            normal, right = np.zeros((64, 64)), np.zeros(64)
            frames = []
            for view, root in zip(views, roots, strict=True):
                residual, slopes = _residual(view, root, mean, std)
                inverse = np.linalg.pinv(slopes) if np.isfinite(slopes).all() else None
                if inverse is None:
                    return None
                frames.append((residual, inverse))
                if not fixed:
                    free = np.eye(32) - slopes @ inverse
                    rest = np.einsum("fij,fj->fi", free, residual)
                    crossed = free * view.inputs[:, None, :]
                    normal[:32, :32] += free.sum(axis=0)
                    normal[:32, 32:] += crossed.sum(axis=0)
                    normal[32:, 32:] += np.einsum("fi,fij->ij", view.inputs, crossed)
                    right += np.concatenate([rest.sum(0), (view.inputs * rest).sum(0)])
            step = np.zeros(64)
            if not fixed:
                normal[32:, :32] = normal[:32, 32:].T
                step = np.linalg.lstsq(normal, right, rcond=1e-12)[0].astype(np.float64)
                mean = (mean + step[:32]).astype(np.float64)
                std = (std + step[32:]).astype(np.float64)
            moved = 0.0
            for i, (view, (residual, inverse)) in enumerate(zip(views, frames, strict=True)):
                left = residual - step[:32] - view.inputs * step[32:]
                shift = -np.einsum("fij,fj->fi", inverse, left)
                roots[i] = _in_front(view, roots[i] + np.clip(shift, -1000, 1000))
                moved = max(moved, float(np.abs(shift).max()))
            if moved < 1e-4:
                break
        distances = [
            np.linalg.norm(_residual(view, root, mean, std)[0].reshape(-1, 16, 2), axis=-1)
            for view, root in zip(views, roots, strict=True)
        ]
    misfit = float(np.median(np.concatenate(distances)))
    if not (np.isfinite(misfit) and (std > 0).all()):
        return None
    frames_used = sum(len(view.inputs) for view in views)
    origin = f"recovered by fitting the 3D's projection over {frames_used:,} frames"
    return (start if fixed else Statistics(mean, std, origin, estimated=True)), misfit


def _first_roots(view: View, statistics: Statistics) -> Array:
    """Place each person where a camera without distortion would see it so, (F, 3)."""
    pixels = (view.inputs * statistics.std + statistics.mean).reshape(-1, 16, 2)
    rays = (pixels - view.camera.centre_px) / view.camera.focal_px
    system = np.zeros((*rays.shape, 3))
    system[..., 0, 0] = system[..., 1, 1] = 1
    system[..., 2] = -rays
    wanted = rays * view.joints[..., 2:] - view.joints[..., :2]
    inverse = np.linalg.pinv(system.reshape(-1, 32, 3))
    return _in_front(view, np.einsum("fij,fj->fi", inverse, wanted.reshape(-1, 32)))


def _in_front(view: View, roots: Array) -> Array:
    """Keep every joint in front of the camera, where a projection exists."""
    roots = roots.copy()
    roots[:, 2] = np.maximum(roots[:, 2], NEAREST_MM - view.joints[..., 2].min(axis=1))
    return roots


def _residual(view: View, roots: Array, mean: Array, std: Array) -> tuple[Array, Array]:
    """Give residuals (F, 32), px, and their slopes over the roots (F, 32, 3), px / mm."""
    placed = view.joints + roots[:, None]
    seen = image_from_camera(placed, view.camera)
    slopes = [image_from_camera(placed + step, view.camera) - seen for step in np.eye(3)]
    return (
        seen.reshape(-1, 32) - view.inputs * std - mean,
        np.stack(slopes, axis=-1).reshape(-1, 32, 3),
    )
