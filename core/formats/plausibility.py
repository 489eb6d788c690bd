"""Tell what looks wrong in a sequence of poses: upside down, another frame, mirrored, too small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.sequence import PoseSequence
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]

# Nobody is smaller or larger, lying, sitting or with arms up, on the median.
SMALLEST_MM, LARGEST_MM = 300.0, 3500.0
SMALLEST_PX = 10.0
# A body bends its knees backwards and has its face in front: the share of this beyond doubt.
CLEARLY = 0.25


def oddities(sequence: PoseSequence) -> tuple[str, ...]:
    """List what a viewer would stumble over, one sentence each; nothing where all seems well."""
    positions = sequence.positions.astype(np.float64)
    whole = positions[np.isfinite(positions).all(axis=(1, 2))]
    found: list[str] = []
    lost = len(positions) - len(whole)
    if lost:
        found.append(f"{lost:,} of {len(positions):,} frames lack a joint")
    if not len(whole):
        return tuple(found)
    extent = float(np.median(np.ptp(whole, axis=1).max(axis=1)))
    if sequence.space == "image":
        return (*found, *_in_2d(sequence, whole, extent))
    return (*found, *_in_3d(sequence, whole, extent))


def _in_2d(sequence: PoseSequence, whole: Array, extent: float) -> list[str]:
    found = []
    if extent < SMALLEST_PX:
        found.append(
            f"persons are {extent:.3g} px tall: these look like normalised numbers or fractions"
        )
    if _up(sequence, whole)[1] > 0:
        found.append("the head is below the feet: y seems to point up, it should point down")
    if whole.min() < 0:
        found.append("some joints lie outside the picture (negative px)")
    return found


def _in_3d(sequence: PoseSequence, whole: Array, extent: float) -> list[str]:
    found = []
    if extent < SMALLEST_MM:
        unit = "metres" if extent < 5 else "centimetres"
        found.append(f"persons are {extent:.3g} mm tall: these look like {unit}")
    elif extent > LARGEST_MM:
        found.append(f"persons are {extent / 1000:.3g} m tall: these are not millimetres")
    up = _up(sequence, whole)
    axis = int(np.argmax(np.abs(up)))
    if sequence.space == "world":
        if axis == 1 and up[1] < -0.5:
            found.append("people stand along -y: this looks like the camera frame, not the world")
        elif axis == 2 and up[2] < -0.5:
            found.append("people stand on their heads: z seems to point down")
    elif axis == 2 and up[2] > 0.5:
        found.append("people stand along z: this looks like the world frame, not the camera's")
    elif axis == 1 and up[1] > 0.5:
        found.append("the head is below the feet: y seems to point up, it should point down")
    if sequence.space == "camera" and (whole[..., 2] <= 0).mean() > 0.5:
        found.append("people are behind the camera: this is not the camera frame")
    if sequence.skeleton == H36M_17 and _mirrored(whole) < -CLEARLY:
        found.append("left and right seem to be swapped: knees bend and faces look backwards")
    return found


def _up(sequence: PoseSequence, whole: Array) -> Array:
    """Give the mean direction from ankles to head, of length 1 or less."""
    skeleton = sequence.skeleton
    ankles = whole[:, skeleton.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    ways = whole[:, skeleton.index("head")] - ankles
    direction: Array = (ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)).mean(
        0
    )
    return direction


def _mirrored(whole: Array) -> float:
    """Measure whether knees and face point forward: towards 1 they do, below 0 a mirror does.

    Forward is across the hips from right to left, turned by the trunk: it does not depend on the
    axes, as long as they are right-handed.
    """
    at = {joint: whole[:, i] for i, joint in enumerate(H36M_17.joints)}
    forward = np.cross(at["left_hip"] - at["right_hip"], at["thorax"] - at["hip"])
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    scores = []
    for side in ("left", "right"):
        hip, knee, ankle = (at[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        bend = knee - (hip + ankle) / 2
        scores.append((bend * forward).sum(axis=1) / 100.0)
    face = at["neck"] - (at["thorax"] + at["head"]) / 2
    scores.append((face * forward).sum(axis=1) / 50.0)
    return float(np.clip(np.stack(scores), -1, 1).mean())
