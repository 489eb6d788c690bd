"""Where figures stand when they are drawn: level, on the floor, in camera or world space.

Poses come root-relative in camera axes (x right, y down, z away) and leave in drawn axes (z up).
Knows cameras and recordings; knows no colours, no packets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.cameras import (
    MEAN_PITCH_RAD,
    Array,
    level_rotation,
    pitch_rotation,
    world_from_camera,
)
from core.dataset import Recording
from core.normalization import root_relative
from core.sequence import PoseSequence

DrawnSpace = Literal["camera", "world"]

# A person's lowest joint, the ankle, stays this near the floor for most of a recording. Outside
# of it the world's z = 0 is not the floor, whatever the camera file says.
FLOOR_TOLERANCE_MM = (-150.0, 300.0)


@dataclass(frozen=True, eq=False)
class Stage:
    """The place of a recording's figures.

    Attributes:
        rotation: (3, 3); `pose @ rotation` brings root-relative camera axes to drawn axes.
        root_mm: (F, 3) the root's place in drawn axes, without gaps.
        floor_mm: height of the floor in drawn axes.
        front: (2,) the heading in which the camera looks, drawn axes, length 1.
        space: "camera" keeps every root at the middle; "world" lets it walk.
    """

    rotation: Array
    root_mm: Array
    floor_mm: float
    front: tuple[float, float]
    space: DrawnSpace

    def place(self, relative: Array) -> Array:
        """Put root-relative poses (F, J, 3), camera axes, mm, at their place; NaN stays NaN."""
        return np.asarray(relative, dtype=np.float64) @ self.rotation + self.root_mm[:, None]


def can_show_world(recording: Recording) -> bool:
    """Tell whether the world can be drawn: it needs the camera and the person's place."""
    truth = recording.truth
    return recording.camera is not None and truth is not None and truth.space == "camera"


def set_stage(
    recording: Recording,
    prediction: PoseSequence | None,
    space: DrawnSpace = "camera",
    *,
    pitch_rad: float = MEAN_PITCH_RAD,
) -> Stage:
    """Find the place of a recording's figures.

    Args:
        recording: gives the camera and the truth.
        prediction: root-relative; says where the feet are if there is no truth.
        space: "camera" or "world".
        pitch_rad: how far the camera looks down, where it is not known.

    Raises:
        ValueError: there is neither truth nor prediction, or `space` is "world" and
            `can_show_world` is False.
    """
    camera, truth = recording.camera, recording.truth
    if space == "world":
        if camera is None or truth is None or truth.space != "camera":
            raise ValueError(f"{recording.key}: the world frame needs the camera and 3D truth")
        world = world_from_camera(truth.positions, camera.R, camera.t)
        floor = _floor(world)
        heading = camera.R[2, :2] / np.linalg.norm(camera.R[2, :2])
        root = _without_gaps(world[:, truth.skeleton.root])
        return Stage(camera.R, root, floor, (float(heading[0]), float(heading[1])), space)

    rotation = pitch_rotation(pitch_rad) if camera is None else level_rotation(camera.R)
    if camera is not None and truth is not None and truth.space == "camera":
        world = world_from_camera(truth.positions, camera.R, camera.t)
        height = world[:, truth.skeleton.root, 2] - _floor(world)
    else:
        # The height is lost with the place; somebody's lowest joint rests on the floor nearly
        # always, so crouching and sitting still look right.
        figure = truth if truth is not None else prediction
        if figure is None:
            raise ValueError(f"{recording.key}: neither 3D truth nor prediction to draw")
        relative = root_relative(figure.positions, figure.skeleton.root) @ rotation
        height = -_lowest(relative)
    root = np.zeros((len(height), 3))
    root[:, 2] = _without_gaps(height[:, None])[:, 0]
    return Stage(rotation, root, 0.0, (0.0, 1.0), space)


def _lowest(points: Array) -> Array:
    """Height (F,) of each frame's lowest joint; NaN where a frame has none."""
    heights = points[..., 2]
    empty = ~np.isfinite(heights).any(axis=1)
    lowest: Array = np.where(np.isfinite(heights), heights, np.inf).min(axis=1)
    lowest[empty] = np.nan
    return lowest


def _floor(world: Array) -> float:
    """Height of the floor in the world: 0, unless the feet stay far from there."""
    lowest = _lowest(world)
    lowest = lowest[np.isfinite(lowest)]
    if not len(lowest):
        return 0.0
    feet = float(np.percentile(lowest, 5))
    low, high = FLOOR_TOLERANCE_MM
    return 0.0 if low < feet < high else feet


def _without_gaps(values: Array) -> Array:
    """Fill NaN rows of (F, C) between their neighbours in time; all NaN becomes 0."""
    filled = np.array(values, dtype=np.float64)
    known = np.isfinite(filled).all(axis=1)
    if not known.any():
        return np.zeros_like(filled)
    frames = np.arange(len(filled))
    for column in range(filled.shape[1]):
        filled[:, column] = np.interp(frames, frames[known], filled[known, column])
    return filled
